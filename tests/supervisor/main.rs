//! The rules of signals and of the end, told to the state machine as events, without a process.

mod hooks;

use std::time::{Duration, Instant};

use untrap::event::{Action, Consequence, Event, Message, Need, Receivers};
use untrap::policy::{OnExit, Policy, Role, Rules, SignalTo, Timeout};
use untrap::signal::{Sender, Signal};
use untrap::status::Ending;
use untrap::supervisor::Supervisor;

const AUTO: SignalTo = SignalTo::Auto;
const GROUP: SignalTo = SignalTo::Group;
const LEADER: SignalTo = SignalTo::Leader;

/// A supervisor and its clock; actions without the messages among them.
struct Run {
    supervisor: Supervisor,
    now: Instant,
    messages: Vec<Message>,
}

impl Run {
    fn new(policies: &[Policy]) -> Self {
        Self::with(policies.iter().map(|policy| (Role::Service, *policy)), Rules::default())
    }

    /// With hooks among the entries, and rules.
    fn with(entries: impl IntoIterator<Item = (Role, Policy)>, rules: Rules) -> Self {
        Self { supervisor: Supervisor::new(entries, rules, 1), now: Instant::now(), messages: Vec::new() }
    }

    /// All of these, started.
    fn started(policies: &[Policy]) -> Self {
        let mut run = Self::new(policies);
        while let Some(id) = run.supervisor.next_start(run.now) {
            assert_eq!(run.on(Event::Started(id)), []);
        }
        run
    }

    fn on(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.supervisor.on(event, self.now, &mut actions);
        for action in &mut actions {
            match action {
                Action::Say(message) => self.messages.push(*message),
                Action::Kill(_, message) => self.messages.extend(message.take()),
                _ => {}
            }
        }
        actions.retain(|action| !matches!(action, Action::Say(_)));
        actions
    }

    fn receive(&mut self, signal: Signal) -> Vec<Action> {
        self.on(Event::Received(signal, Sender::Outside))
    }

    /// The leader ends, and with it its group.
    fn ends(&mut self, id: usize, ending: Ending) -> Vec<Action> {
        let mut actions = self.on(Event::LeaderEnded(id, ending));
        assert_eq!(actions.pop(), Some(Action::Reap(id)), "the leader is reaped after all else is done");
        actions.extend(self.on(Event::GroupEmptied(id)));
        actions
    }

    fn nothing_left(&mut self) -> Vec<Action> {
        self.on(Event::Reaped { children_left: false })
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// Goes to the next deadline.
    fn time_comes(&mut self) -> (Duration, Vec<Action>) {
        let at = self.supervisor.wake_at().expect("there is a deadline");
        let waited = at - self.now;
        self.now = at;
        (waited, self.on(Event::TimeCame))
    }

    /// Goes to the next deadline, past the looks at groups.
    fn deadline_comes(&mut self) -> (Duration, Vec<Action>) {
        let start = self.now;
        loop {
            let mut actions = self.time_comes().1;
            let looked = actions.iter().any(|action| matches!(action, Action::Look(_)));
            actions.retain(|action| !matches!(action, Action::Look(_)));
            if !(looked && actions.is_empty()) {
                return (self.now - start, actions);
            }
        }
    }
}

fn policy() -> Policy {
    Policy::default()
}

fn on_exit(on_exit: OnExit) -> Policy {
    Policy { on_exit, ..policy() }
}

fn timeout(seconds: u64) -> Policy {
    Policy { timeout: Timeout(Some(Duration::from_secs(seconds))), ..policy() }
}

fn exited(status: u8) -> Ending {
    Ending::Exited(status)
}

fn signal(name: &str) -> Signal {
    name.parse().unwrap()
}

#[test]
fn entries_start_one_after_the_other() {
    let mut run = Run::new(&[policy(), policy()]);
    assert_eq!(run.supervisor.next_start(run.now), Some(0));
    run.on(Event::Started(0));
    assert_eq!(run.supervisor.next_start(run.now), Some(1));
    run.on(Event::Started(1));
    assert_eq!(run.supervisor.next_start(run.now), None);
}

#[test]
fn a_stop_signal_during_the_start_starts_nothing_more_and_tells_what_runs() {
    let mut run = Run::new(&[policy(), policy()]);
    run.on(Event::Started(0));
    assert_eq!(run.receive(Signal::TERM), [Action::Tell(0, Signal::TERM, AUTO)]);
    assert_eq!(run.supervisor.next_start(run.now), None);
}

#[test]
fn a_stop_signal_before_the_first_start_ends_the_run_with_0() {
    let mut run = Run::new(&[policy()]);
    assert_eq!(run.receive(Signal::TERM), [Action::Exit(0)]);
}

#[test]
fn term_int_quit_and_rtmin_3_begin_the_stop_and_are_what_is_sent() {
    for name in ["TERM", "INT", "QUIT", "RTMIN+3"] {
        let mut run = Run::started(&[policy(), policy()]);
        let sent = signal(name);
        assert_eq!(run.receive(sent), [Action::Tell(0, sent, AUTO), Action::Tell(1, sent, AUTO)]);
        assert_eq!(run.messages.last(), Some(&Message::Received(sent, Sender::Outside, Consequence::Stop)));
        assert!(run.supervisor.wake_at().is_some());
    }
}

#[test]
fn every_other_signal_is_only_forwarded() {
    for sent in (1..=64).filter_map(Signal::new).filter(|s| !s.begins_stop() && !s.suspends()) {
        let mut run = Run::started(&[policy(), policy()]);
        assert_eq!(run.receive(sent), [Action::Send(0, sent, AUTO), Action::Send(1, sent, AUTO)]);
        assert_eq!(run.supervisor.wake_at(), None, "{sent} begins no stop");
    }
}

#[test]
fn an_entry_gets_its_own_stop_signal() {
    let quit = Policy { stop_signal: Some(Signal::QUIT), ..policy() };
    let mut run = Run::started(&[quit, policy()]);
    assert_eq!(run.receive(Signal::INT), [Action::Tell(0, Signal::QUIT, AUTO), Action::Tell(1, Signal::INT, AUTO)]);
}

#[test]
fn sigcont_follows_the_stop_signal_to_those_who_got_it() {
    let mut run = Run::started(&[policy()]);
    run.receive(Signal::TERM);
    assert_eq!(run.on(Event::Told(0, Receivers::Leader)), [Action::Send(0, Signal::CONT, LEADER)]);
    assert_eq!(run.on(Event::Told(0, Receivers::Group)), [Action::Send(0, Signal::CONT, GROUP)]);
}

#[test]
fn an_end_begins_the_stop_and_the_others_get_term() {
    let mut run = Run::started(&[policy(), policy()]);
    assert_eq!(run.ends(1, exited(0)), [Action::Tell(0, Signal::TERM, AUTO), Action::Tell(1, Signal::TERM, GROUP)]);
}

#[test]
fn stop_on_failure_lets_a_good_end_pass() {
    let mut run = Run::started(&[on_exit(OnExit::StopOnFailure), on_exit(OnExit::StopOnFailure)]);
    assert_eq!(run.ends(0, exited(0)), []);
    assert_eq!(run.ends(1, exited(1)), [Action::Tell(1, Signal::TERM, GROUP)]);
    assert_eq!(run.nothing_left(), [Action::Exit(1)]);
}

#[test]
fn ignore_lets_every_end_pass_until_the_last_and_keeps_the_first_bad_status() {
    let mut run = Run::started(&[on_exit(OnExit::Ignore); 3]);
    assert_eq!(run.ends(0, exited(0)), []);
    assert_eq!(run.ends(1, exited(4)), []);
    assert_eq!(run.on(Event::Reaped { children_left: true }), []);
    assert_eq!(run.ends(2, exited(5)), []);
    assert_eq!(run.nothing_left(), [Action::Exit(4)]);
}

#[test]
fn the_status_is_that_of_the_entry_whose_end_began_the_stop() {
    let mut run = Run::started(&[policy(), policy()]);
    run.ends(1, exited(3));
    run.ends(0, Ending::Signaled(Signal::TERM));
    assert_eq!(run.nothing_left(), [Action::Exit(3)]);

    let mut run = Run::started(&[policy(), policy()]);
    run.ends(1, exited(0));
    run.ends(0, Ending::Signaled(Signal::TERM));
    assert_eq!(run.nothing_left(), [Action::Exit(0)]);
}

#[test]
fn after_a_stop_signal_the_status_is_that_of_the_first_to_end_badly() {
    let mut run = Run::started(&[policy(), policy(), policy()]);
    run.receive(Signal::TERM);
    run.ends(2, exited(0));
    run.ends(0, Ending::Signaled(Signal::TERM));
    run.ends(1, exited(9));
    assert_eq!(run.nothing_left(), [Action::Exit(143)]);
}

#[test]
fn the_exit_map_comes_last() {
    let rules = Rules { exit_map: vec!["143=0".parse().unwrap()], ..Rules::default() };
    let mut supervisor = Supervisor::new([(Role::Service, policy())], rules, 1);
    let mut actions = Vec::new();
    for event in [
        Event::Started(0),
        Event::LeaderEnded(0, Ending::Signaled(Signal::TERM)),
        Event::GroupEmptied(0),
        Event::Reaped { children_left: false },
    ] {
        supervisor.on(event, Instant::now(), &mut actions);
    }
    assert_eq!(actions.last(), Some(&Action::Exit(0)));
}

#[test]
fn a_program_that_cannot_start_stops_what_runs_whatever_on_exit_says() {
    let mut run = Run::new(&[on_exit(OnExit::Ignore); 3]);
    run.on(Event::Started(0));
    assert_eq!(run.on(Event::StartFailed(1, 127)), [Action::Tell(0, Signal::TERM, AUTO)]);
    assert_eq!(run.supervisor.next_start(run.now), None);
    run.ends(0, Ending::Signaled(Signal::TERM));
    assert_eq!(run.nothing_left(), [Action::Exit(127)]);
}

#[test]
fn a_program_that_cannot_start_alone_ends_the_run_at_once() {
    let mut run = Run::new(&[policy()]);
    assert_eq!(run.on(Event::StartFailed(0, 126)), [Action::Exit(126)]);
}

#[test]
fn who_runs_at_the_deadline_is_killed_and_nobody_else() {
    let mut run = Run::started(&[policy(), policy()]);
    run.receive(Signal::TERM);
    run.ends(0, exited(0));
    assert_eq!(run.time_comes(), (Duration::from_secs(8), vec![Action::Kill(1, None)]));
    assert_eq!(run.messages.last(), Some(&Message::Killed(1, Some(Duration::from_secs(8)))));
    run.ends(1, Ending::Signaled(Signal::KILL));
    assert_eq!(run.nothing_left(), [Action::Exit(137)]);
}

#[test]
fn each_entry_has_its_own_deadline() {
    let mut run = Run::started(&[timeout(5), timeout(2)]);
    run.receive(Signal::TERM);
    assert_eq!(run.time_comes(), (Duration::from_secs(2), vec![Action::Kill(1, None)]));
    assert_eq!(run.time_comes(), (Duration::from_secs(3), vec![Action::Kill(0, None)]));
}

#[test]
fn timeout_0_kills_at_once_and_inf_never() {
    let never = Policy { timeout: Timeout(None), ..policy() };
    let mut run = Run::started(&[timeout(0), never]);
    assert_eq!(run.receive(Signal::TERM), [Action::Kill(0, None), Action::Tell(1, Signal::TERM, AUTO)]);
    run.ends(0, Ending::Signaled(Signal::KILL));
    assert_eq!(run.supervisor.wake_at(), None);
}

#[test]
fn a_second_term_or_quit_is_forwarded_and_does_not_move_the_deadline() {
    let quit = Policy { stop_signal: Some(Signal::QUIT), ..policy() };
    let mut run = Run::started(&[quit]);
    run.receive(Signal::TERM);
    let deadline = run.supervisor.wake_at();
    run.pass(Duration::from_secs(3));
    assert_eq!(run.receive(Signal::TERM), [Action::Send(0, Signal::TERM, AUTO)]);
    assert_eq!(run.receive(Signal::QUIT), [Action::Send(0, Signal::QUIT, AUTO)]);
    assert_eq!(run.supervisor.wake_at(), deadline);
}

#[test]
fn a_second_int_kills_at_once_also_those_without_a_deadline() {
    let never = Policy { timeout: Timeout(None), ..policy() };
    let mut run = Run::started(&[policy(), never]);
    run.receive(Signal::INT);
    assert_eq!(run.receive(Signal::INT), [Action::Kill(0, None), Action::Kill(1, None)]);
    run.ends(0, Ending::Signaled(Signal::KILL));
    run.ends(1, Ending::Signaled(Signal::KILL));
    assert_eq!(run.on(Event::Reaped { children_left: true }), [Action::KillLeftovers]);
}

#[test]
fn the_first_int_after_a_term_is_forwarded() {
    let mut run = Run::started(&[policy()]);
    run.receive(Signal::TERM);
    assert_eq!(run.receive(Signal::INT), [Action::Send(0, Signal::INT, AUTO)]);
    assert_eq!(run.receive(Signal::INT), [Action::Kill(0, None)]);
}

#[test]
fn who_is_left_in_a_group_is_told_when_its_leader_alone_was() {
    let mut run = Run::started(&[policy(), policy()]);
    run.receive(Signal::TERM);
    run.on(Event::Told(0, Receivers::Leader));
    run.on(Event::Told(1, Receivers::Group));
    assert_eq!(run.on(Event::LeaderEnded(0, exited(0))), [Action::Tell(0, Signal::TERM, GROUP), Action::Reap(0)]);
    assert_eq!(run.on(Event::LeaderEnded(1, exited(0))), [Action::Reap(1)], "each receiver gets it once");
}

#[test]
fn a_group_whose_leader_has_ended_is_still_told_waited_for_and_killed() {
    let mut run = Run::started(&[on_exit(OnExit::Ignore), policy()]);
    assert_eq!(run.on(Event::LeaderEnded(0, exited(0))), [Action::Reap(0)]);
    assert_eq!(run.receive(Signal::HUP), [Action::Send(0, Signal::HUP, GROUP), Action::Send(1, Signal::HUP, AUTO)]);
    run.receive(Signal::TERM);
    run.ends(1, exited(0));
    assert_eq!(run.on(Event::Reaped { children_left: true }), [], "the group is waited for");
    assert_eq!(run.deadline_comes().1, [Action::Kill(0, None)]);
    run.on(Event::GroupEmptied(0));
    assert_eq!(run.nothing_left(), [Action::Exit(0)]);
}

#[test]
fn nothing_is_sent_to_a_group_that_is_gone() {
    let mut run = Run::started(&[on_exit(OnExit::Ignore), policy()]);
    run.ends(0, exited(0));
    assert_eq!(run.receive(Signal::HUP), [Action::Send(1, Signal::HUP, AUTO)]);
    assert_eq!(run.receive(Signal::TERM), [Action::Tell(1, Signal::TERM, AUTO)]);
    assert_eq!(run.time_comes().1, [Action::Kill(1, None)]);
}

#[test]
fn leftovers_are_told_when_all_groups_are_empty_and_killed_at_the_deadline() {
    let mut run = Run::started(&[policy()]);
    run.receive(Signal::TERM);
    run.pass(Duration::from_secs(1));
    run.ends(0, exited(0));
    assert_eq!(run.on(Event::Reaped { children_left: true }), [Action::TellLeftovers(Signal::TERM)]);
    assert_eq!(run.on(Event::Reaped { children_left: true }), [], "told once");
    assert_eq!(run.time_comes(), (Duration::from_secs(7), vec![Action::KillLeftovers]));
    let again = run.on(Event::Reaped { children_left: true });
    assert_eq!(again, [Action::KillLeftovers], "a fork bomb is killed again after each reaping");
    assert_eq!(run.nothing_left(), [Action::Exit(0)]);
}

#[test]
fn leftovers_get_the_time_of_the_most_patient_entry() {
    let mut run = Run::started(&[timeout(1), timeout(30)]);
    run.receive(Signal::TERM);
    run.ends(1, exited(0));
    assert_eq!(run.time_comes(), (Duration::from_secs(1), vec![Action::Kill(0, None)]));
    run.ends(0, Ending::Signaled(Signal::KILL));
    assert_eq!(run.on(Event::Reaped { children_left: true }), [Action::TellLeftovers(Signal::TERM)]);
    assert_eq!(run.time_comes(), (Duration::from_secs(29), vec![Action::KillLeftovers]));
}

#[test]
fn a_daemon_keeps_the_run_going_when_its_starter_is_ignored() {
    let mut run = Run::started(&[on_exit(OnExit::Ignore)]);
    run.ends(0, exited(0));
    assert_eq!(run.on(Event::Reaped { children_left: true }), []);
    assert_eq!(run.messages.last(), Some(&Message::WaitingForLeftovers));
    assert_eq!(run.supervisor.wake_at(), None);
    assert_eq!(run.receive(Signal::TERM), [Action::TellLeftovers(Signal::TERM)]);
    assert_eq!(run.nothing_left(), [Action::Exit(0)]);
}

#[test]
fn what_survives_sigkill_does_not_hold_the_end_up() {
    let mut run = Run::started(&[timeout(2), timeout(2)]);
    run.receive(Signal::TERM);
    run.time_comes();
    run.ends(1, Ending::Signaled(Signal::KILL));
    assert_eq!(run.time_comes(), (Duration::from_secs(1), vec![Action::KillLeftovers]), "others may be left");
    assert_eq!(run.time_comes(), (Duration::from_secs(1), vec![Action::Exit(137)]));
    assert!(run.messages.contains(&Message::GaveUpOn(0)));
}

#[test]
fn a_group_without_its_leader_is_looked_at_in_a_stop_because_a_daemon_leaves_it_in_silence() {
    let mut run = Run::started(&[on_exit(OnExit::Ignore)]);
    run.on(Event::LeaderEnded(0, exited(0)));
    assert_eq!(run.supervisor.wake_at(), None, "nobody waits for it");
    run.receive(Signal::TERM);
    let waits: Vec<_> = (0..10)
        .map(|_| {
            let (waited, actions) = run.time_comes();
            assert_eq!(actions, [Action::Look(0)]);
            waited.as_millis()
        })
        .collect();
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000]);
    run.on(Event::GroupEmptied(0));
    assert_eq!(run.on(Event::Reaped { children_left: true }), [Action::TellLeftovers(Signal::TERM)]);
}

#[test]
fn as_long_as_killed_ones_go_untrap_waits_for_the_others_but_not_for_ever() {
    let mut run = Run::started(&[timeout(0), timeout(0)]);
    run.receive(Signal::TERM);
    let start = run.now;
    while !run.messages.iter().any(|message| matches!(message, Message::GaveUpOn(_))) {
        run.pass(Duration::from_millis(900));
        run.on(Event::Reaped { children_left: true });
        run.on(Event::TimeCame);
    }
    assert!((10..11).contains(&(run.now - start).as_secs()), "{:?}", run.now - start);
}

#[test]
fn suspending_signals_suspend_the_entries_and_then_untrap() {
    for sent in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
        let mut run = Run::started(&[policy(), policy()]);
        assert_eq!(run.receive(sent), [Action::Send(0, sent, AUTO), Action::Send(1, sent, AUTO), Action::Suspend]);
    }
}

#[test]
fn after_the_exit_nothing_happens() {
    let mut run = Run::started(&[policy()]);
    run.ends(0, exited(0));
    run.nothing_left();
    assert_eq!(run.receive(Signal::TERM), []);
    assert_eq!(run.on(Event::TimeCame), []);
    assert_eq!(run.supervisor.wake_at(), None);
}

fn with_rewrites(rewrites: &[&str], policies: &[Policy]) -> Run {
    let rewrites = rewrites.iter().map(|rewrite| rewrite.parse().unwrap()).collect();
    let rules = Rules { rewrites, ..Rules::default() };
    let mut run = Run::with(policies.iter().map(|policy| (Role::Service, *policy)), rules);
    while let Some(id) = run.supervisor.next_start(run.now) {
        run.on(Event::Started(id));
    }
    run
}

#[test]
fn a_rewritten_stop_signal_still_begins_the_stop() {
    let mut run = with_rewrites(&["TERM=USR1"], &[policy()]);
    assert_eq!(run.receive(Signal::TERM), [Action::Tell(0, signal("USR1"), AUTO)]);
    assert!(run.supervisor.wake_at().is_some());
}

#[test]
fn a_signal_that_is_rewritten_to_a_stop_signal_begins_the_stop() {
    let mut run = with_rewrites(&["HUP=TERM"], &[policy()]);
    assert_eq!(run.receive(Signal::HUP), [Action::Tell(0, Signal::TERM, AUTO)]);
}

#[test]
fn a_rewritten_signal_is_forwarded_as_the_other() {
    let mut run = with_rewrites(&["HUP=USR2"], &[policy()]);
    assert_eq!(run.receive(Signal::HUP), [Action::Send(0, signal("USR2"), AUTO)]);
    let consequence = Consequence::ForwardAs(signal("USR2"));
    assert_eq!(run.messages.last(), Some(&Message::Received(Signal::HUP, Sender::Outside, consequence)));
}

#[test]
fn a_dropped_signal_does_nothing_at_all() {
    let mut run = with_rewrites(&["TERM=none", "INT=none", "TSTP=none"], &[policy()]);
    for dropped in [Signal::TERM, Signal::INT, Signal::INT, Signal::TSTP] {
        assert_eq!(run.receive(dropped), []);
    }
    assert_eq!(run.supervisor.wake_at(), None);
}

#[test]
fn signal_to_says_whom_signals_go_to() {
    for signal_to in [SignalTo::Auto, SignalTo::Leader, SignalTo::Group] {
        let mut run = Run::started(&[Policy { signal_to, ..policy() }]);
        assert_eq!(run.receive(signal("USR1")).last(), Some(&Action::Send(0, signal("USR1"), signal_to)));
        assert_eq!(run.receive(Signal::TERM), [Action::Tell(0, Signal::TERM, signal_to)]);
    }
}

#[test]
fn an_entry_that_needs_the_terminal_gets_it_and_goes_on() {
    let mut run = Run::started(&[policy()]);
    let actions = run.on(Event::LeaderStopped(0, Need::Terminal));
    assert_eq!(actions, [Action::GiveTerminal(0), Action::Send(0, Signal::CONT, GROUP)]);
}

#[test]
fn an_entry_that_is_stopped_by_a_key_stops_untrap_too_if_a_shell_can_wake_it() {
    let mut run = Run::started(&[policy()]);
    assert_eq!(run.on(Event::LeaderStopped(0, Need::Shell)), [Action::Suspend]);
    let woken = run.receive(Signal::CONT);
    assert_eq!(woken, [Action::GiveTerminal(0), Action::Send(0, Signal::CONT, GROUP)], "the key stopped them all");
    assert_eq!(run.receive(Signal::CONT)[1], Action::Send(0, Signal::CONT, AUTO));
    let waking = run.on(Event::LeaderStopped(0, Need::Waking));
    assert_eq!(waking, [Action::Send(0, Signal::CONT, GROUP)], "nobody else would");
}

#[test]
fn during_the_stop_nothing_is_suspended() {
    let mut run = Run::started(&[policy()]);
    run.receive(Signal::TERM);
    assert_eq!(run.on(Event::LeaderStopped(0, Need::Shell)), [Action::Send(0, Signal::CONT, GROUP)]);
}

#[test]
fn output_is_waited_for_until_the_timeout_and_longer_only_where_nobody_asked_for_the_end() {
    let second = Duration::from_secs(1);
    let mut asked = Run::started(&[policy()]);
    let begin = asked.now;
    asked.receive(Signal::TERM);
    asked.pass(3 * second);
    asked.ends(0, Ending::Exited(0));
    asked.nothing_left();
    let mut unasked = Run::started(&[policy()]);
    unasked.pass(3 * second);
    unasked.ends(0, Ending::Exited(0));
    unasked.nothing_left();
    for (run, from_progress) in [(asked, false), (unasked, true)] {
        let progress = run.now + 5 * second;
        let deadline = run.supervisor.output_deadline(run.now, progress);
        assert_eq!(deadline, Some(if from_progress { progress } else { begin } + 8 * second));
        let late = run.now + 60 * second;
        let deadline = run.supervisor.output_deadline(late, run.now);
        assert_eq!(deadline, Some(late + second), "what was killed at the timeout has last words too");
    }
    let mut patient = Run::started(&[Policy { timeout: Timeout(None), ..policy() }]);
    patient.receive(Signal::TERM);
    assert_eq!(patient.supervisor.output_deadline(patient.now, patient.now), None);
}
