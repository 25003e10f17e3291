//! What runs beside the services: before and after them, instead of their stop signal, and to find out whether something
//! is there.

use super::*;

/// Services and hooks in these roles.
fn with(roles: &[Role]) -> Run {
    Run::with(roles.iter().map(|role| (*role, policy())), Rules::default())
}

#[test]
fn what_is_waited_for_comes_first_then_what_runs_before_then_the_services() {
    let mut run = with(&[SERVICE, SERVICE, Role::Before, Role::Before, Role::WaitFor]);
    for hook in [4, 2, 3] {
        assert_eq!(run.start_all(), [hook]);
        run.ends(hook, exited(0));
    }
    assert_eq!(run.start_all(), [0, 1]);
}

#[test]
fn a_failing_before_ends_the_run_with_its_status_and_nothing_else_starts() {
    let mut run = with(&[SERVICE, Role::Before]);
    assert_eq!(run.start_all(), [1]);
    assert_eq!(run.all_ends(1, exited(3)), [Action::SendStopSignal(unit(1), Signal::TERM, GROUP), Action::Exit(3)]);
    assert_eq!(run.start_all(), [0; 0]);
}

#[test]
fn a_signal_during_before_is_forwarded_and_ends_the_run() {
    let mut run = with(&[SERVICE, Role::Before]);
    run.start_all();
    assert_eq!(run.receive(Signal::HUP), [Action::Send(unit(1), Signal::HUP, AUTO)]);
    assert_eq!(run.receive(Signal::TERM), [Action::SendStopSignal(unit(1), Signal::TERM, AUTO)]);
    run.ends(1, exited(0));
    assert_eq!(run.start_all(), [0; 0]);
    assert_eq!(run.nothing_left(), [Action::Exit(0)]);
}

#[test]
fn a_probe_is_repeated_until_it_succeeds() {
    let mut run = with(&[SERVICE, Role::WaitFor]);
    for _ in 0..3 {
        assert_eq!(run.start_all(), [1]);
        run.ends(1, exited(1));
        assert_eq!(run.start_all(), [0; 0], "not at once");
        run.pass(Duration::from_millis(100));
    }
    assert_eq!(run.start_all(), [1]);
    run.ends(1, exited(0));
    assert_eq!(run.messages.last(), Some(&Message::Ready(unit(1), Duration::from_millis(300))));
    assert_eq!(run.start_all(), [0]);
}

#[test]
fn a_probe_that_hangs_is_killed_and_named_every_10_seconds_until_the_time_is_up() {
    let mut run = with(&[SERVICE, Role::WaitFor]);
    let start = run.now;
    let mut notices = Vec::new();
    while run.messages.iter().all(|message| !matches!(message, Message::ReadinessTimedOut(..))) {
        run.start_all();
        let (_, actions) = run.time_comes();
        if actions.contains(&Action::Kill(unit(1), None)) {
            run.ends(1, ExitStatus::Signaled(Signal::KILL));
        }
        if let Some(Message::Waiting(_, after)) = run.messages.pop_if(|last| matches!(last, Message::Waiting(..))) {
            notices.push(after.as_secs());
        }
        assert!(run.now - start <= Duration::from_mins(1));
    }
    notices.dedup();
    assert_eq!(notices, [0, 10, 20, 30, 40, 50]);
    run.ends(1, ExitStatus::Signaled(Signal::TERM));
    assert_eq!(run.nothing_left(), [Action::Exit(124)], "nothing ran, so nothing comes after");
}

#[test]
fn the_next_entry_starts_when_the_one_before_is_ready() {
    let mut run = with(&[SERVICE, SERVICE, Role::Ready(unit(0))]);
    assert_eq!(run.start_all(), [0, 2]);
    run.ends(2, exited(0));
    assert_eq!(run.start_all(), [1]);
}

#[test]
fn an_end_before_readiness_is_an_end_and_no_hang() {
    let mut run = with(&[SERVICE, SERVICE, Role::Ready(unit(0))]);
    run.start_all();
    assert_eq!(
        run.ends(0, exited(3)),
        [Action::SendStopSignal(unit(2), Signal::TERM, AUTO), Action::SendStopSignal(unit(0), Signal::TERM, GROUP)],
        "on-exit says stop"
    );
    let ignoring = [(SERVICE, on_exit(OnExit::Ignore)), (SERVICE, policy()), (Role::Ready(unit(0)), policy())];
    let mut run = Run::with(ignoring, Rules::default());
    run.start_all();
    assert_eq!(run.ends(0, exited(3)), [Action::Kill(unit(2), None)]);
    assert_eq!(run.start_all(), [1], "the others go on");
    run.ends(2, ExitStatus::Signaled(Signal::KILL));
    assert_eq!(run.start_all(), [0; 0]);
}

#[test]
fn what_comes_after_runs_when_nothing_is_left_one_after_the_other() {
    let mut run = with(&[SERVICE, Role::After, Role::After]);
    assert_eq!(run.start_all(), [0]);
    assert_eq!(run.all_ends(0, exited(5)), [Action::SendStopSignal(unit(0), Signal::TERM, GROUP)]);
    assert_eq!(run.start_all(), [1]);
    assert_eq!(run.supervisor.status(), 5);
    run.all_ends(1, exited(7));
    assert_eq!(run.start_all(), [2]);
    assert_eq!(run.all_ends(2, exited(0)).last(), Some(&Action::Exit(5)), "a bad status stays");
}

#[test]
fn a_failing_after_changes_only_a_status_of_0() {
    let mut run = with(&[SERVICE, Role::After]);
    run.start_all();
    run.receive(Signal::TERM);
    assert_eq!(run.supervisor.stop_cause(), Some(Signal::TERM));
    run.all_ends(0, exited(0));
    run.start_all();
    assert_eq!(run.all_ends(1, exited(7)).last(), Some(&Action::Exit(7)));
}

#[test]
fn what_comes_after_has_the_timeout_for_itself() {
    let mut run = with(&[SERVICE, Role::After]);
    run.start_all();
    run.receive(Signal::TERM);
    run.pass(Duration::from_secs(7));
    run.all_ends(0, exited(0));
    run.start_all();
    assert_eq!(run.time_comes(), (Duration::from_secs(8), vec![Action::Kill(unit(1), None)]));
}

#[test]
fn a_stop_signal_during_after_begins_the_shutdown_and_the_next_after_command_still_runs() {
    let ignore = on_exit(OnExit::Ignore);
    let mut run = Run::with([SERVICE, Role::After, Role::After].map(|role| (role, ignore)), Rules::default());
    run.start_all();
    run.all_ends(0, exited(0));
    assert_eq!(run.start_all(), [1]);
    assert_eq!(run.receive(Signal::TERM), [Action::SendStopSignal(unit(1), Signal::TERM, AUTO)]);
    assert_eq!(run.messages.last(), Some(&Message::Received(Signal::TERM, Sender::Outside, Consequence::Shutdown)));
    assert_eq!(run.supervisor.stop_cause(), Some(Signal::TERM), "the next command sees UNTRAP_SIGNAL");
    assert_eq!(run.receive(Signal::TERM), [Action::Send(unit(1), Signal::TERM, AUTO)], "a second one is forwarded");
    run.all_ends(1, ExitStatus::Signaled(Signal::TERM));
    assert_eq!(run.start_all(), [2], "cleanups run to the end");
    assert_eq!(run.all_ends(2, exited(0)).last(), Some(&Action::Exit(143)));
}

#[test]
fn what_comes_after_does_not_run_when_nothing_was_started() {
    let mut run = with(&[SERVICE, Role::After]);
    assert_eq!(run.receive(Signal::TERM), [Action::Exit(0)]);
    let mut run = with(&[SERVICE, Role::After]);
    assert_eq!(run.on(Event::StartFailed(unit(0), 127)), [Action::Exit(127)]);
}

#[test]
fn what_comes_after_also_runs_after_a_failed_start_of_a_later_service() {
    let mut run = with(&[SERVICE, SERVICE, Role::After]);
    run.on(Event::Started(unit(0)));
    run.on(Event::StartFailed(unit(1), 127));
    run.all_ends(0, ExitStatus::Signaled(Signal::TERM));
    assert_eq!(run.start_all(), [2]);
    assert_eq!(run.all_ends(2, exited(0)).last(), Some(&Action::Exit(127)));
}

#[test]
fn a_stop_command_runs_instead_of_the_stop_signal() {
    let mut run = with(&[SERVICE, SERVICE, Role::StopCommand(unit(0))]);
    run.start_all();
    assert_eq!(run.receive(Signal::TERM), [Action::SendStopSignal(unit(1), Signal::TERM, AUTO)]);
    assert_eq!(run.start_all(), [2]);
    assert_eq!(
        run.ends(2, exited(0)),
        [Action::SendStopSignal(unit(2), Signal::TERM, GROUP)],
        "0 has been told in its own way"
    );
    run.ends(1, exited(0));
    run.ends(0, exited(0));
    assert_eq!(run.nothing_left(), [Action::Exit(0)]);
}

#[test]
fn when_a_stop_command_fails_the_stop_signal_is_sent_and_the_deadline_stays() {
    for fails in [Event::StartFailed(unit(1), 127), Event::LeaderExited(unit(1), exited(1))] {
        let mut run = with(&[SERVICE, Role::StopCommand(unit(0))]);
        run.start_all();
        run.receive(Signal::TERM);
        run.pass(Duration::from_secs(3));
        if matches!(fails, Event::LeaderExited(..)) {
            run.start_all();
        }
        assert!(run.on(fails).contains(&Action::SendStopSignal(unit(0), Signal::TERM, AUTO)));
        run.on(Event::GroupEmptied(unit(1)));
        assert_eq!(run.time_comes(), (Duration::from_secs(5), vec![Action::Kill(unit(0), None)]));
    }
}

#[test]
fn a_stop_command_that_hangs_is_killed_with_its_entry_at_the_deadline() {
    let mut run = with(&[SERVICE, Role::StopCommand(unit(0))]);
    run.start_all();
    run.receive(Signal::TERM);
    run.start_all();
    assert_eq!(
        run.time_comes(),
        (Duration::from_secs(8), vec![Action::Kill(unit(0), None), Action::Kill(unit(1), None)])
    );
}

#[test]
fn who_is_left_in_the_group_of_what_comes_after_is_killed_at_the_timeout() {
    let mut run = with(&[SERVICE, Role::After]);
    run.start_all();
    run.all_ends(0, exited(0));
    run.start_all();
    run.on(Event::LeaderExited(unit(1), exited(0)));
    assert_eq!(run.deadline_comes(), (Duration::from_secs(8), vec![Action::Kill(unit(1), None)]));
}

#[test]
fn giving_up_on_one_leaves_what_comes_after_its_time() {
    let mut run = with(&[SERVICE, Role::After, Role::After]);
    run.start_all();
    run.receive(Signal::TERM);
    assert_eq!(run.deadline_comes().1, [Action::Kill(unit(0), None)]);
    assert_eq!(run.deadline_comes(), (Duration::from_secs(1), vec![Action::KillLeftovers]), "it survives");
    assert_eq!(run.deadline_comes(), (Duration::from_secs(1), vec![]));
    assert_eq!(run.start_all(), [1]);
    assert_eq!(run.on(Event::LeaderExited(unit(0), exited(0))), [Action::Reap(unit(0))], "late, it is still reaped");
    run.on(Event::GroupEmptied(unit(0)));
    assert_eq!(run.deadline_comes(), (Duration::from_secs(8), vec![Action::Kill(unit(1), None)]));
    run.deadline_comes();
    run.deadline_comes();
    assert_eq!(run.start_all(), [2]);
    assert_eq!(run.deadline_comes(), (Duration::from_secs(8), vec![Action::Kill(unit(2), None)]));
}

#[test]
fn a_probe_that_survives_sigkill_does_not_hold_up_the_stop() {
    let mut run = with(&[SERVICE, Role::WaitFor]);
    run.start_all();
    assert_eq!(run.time_comes(), (Duration::from_secs(5), vec![Action::Kill(unit(1), None)]));
    run.receive(Signal::TERM);
    assert_eq!(run.time_comes().1, [Action::SignalLeftovers(Signal::TERM)], "nobody knows whether others are left");
    assert_eq!(run.time_comes(), (Duration::from_secs(7), vec![Action::KillLeftovers]));
    assert_eq!(run.time_comes(), (Duration::from_secs(1), vec![Action::Exit(137)]));
}

#[test]
fn probes_and_stop_commands_get_only_what_stops_and_wakes_processes() {
    let mut run = with(&[SERVICE, Role::WaitFor]);
    run.start_all();
    assert_eq!(run.receive(Signal::HUP), []);
    assert_eq!(run.receive(Signal::CONT), [Action::Send(unit(1), Signal::CONT, AUTO)]);
    let nobody = |message: &Message| matches!(message, Message::Received(Signal::HUP, _, Consequence::Ignore));
    assert!(run.messages.iter().any(nobody), "{:?}", run.messages);
}

#[test]
fn a_group_of_an_after_command_without_its_leader_gets_the_stop_signal_once() {
    let ignore = on_exit(OnExit::Ignore);
    let mut run = Run::with([SERVICE, Role::After].map(|role| (role, ignore)), Rules::default());
    run.start_all();
    run.all_ends(0, exited(0));
    run.start_all();
    let id = unit(1);
    let stop = Action::SendStopSignal(id, Signal::TERM, GROUP);
    assert_eq!(run.on(Event::LeaderExited(id, exited(0))), [stop, Action::Reap(id)]);
    assert_eq!(run.receive(Signal::TERM), []);
}
