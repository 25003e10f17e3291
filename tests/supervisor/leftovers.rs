//! Process groups without a leader, leftover processes, and processes that survive SIGKILL.

use super::*;

#[test]
fn remaining_members_are_sent_the_stop_signal_if_only_the_leader_was() {
    let mut run = Run::started(&[policy(), policy()]);
    run.receive(Signal::TERM);
    run.on(Event::StopSignalSent(unit(0), Receivers::Leader));
    run.on(Event::StopSignalSent(unit(1), Receivers::Group));
    assert_eq!(
        run.on(Event::LeaderExited(unit(0), exited(0))),
        [Action::SendStopSignal(unit(0), Signal::TERM, GROUP), Action::Reap(unit(0))]
    );
    assert_eq!(run.on(Event::LeaderExited(unit(1), exited(0))), [Action::Reap(unit(1))], "each receiver gets it once");
}

#[test]
fn a_group_whose_leader_has_exited_receives_signals_is_waited_for_and_killed() {
    let mut run = Run::started(&[on_exit(OnExit::Ignore), policy()]);
    assert_eq!(run.on(Event::LeaderExited(unit(0), exited(0))), [Action::Reap(unit(0))]);
    assert_eq!(
        run.receive(Signal::HUP),
        [Action::Send(unit(0), Signal::HUP, GROUP), Action::Send(unit(1), Signal::HUP, AUTO)]
    );
    run.receive(Signal::TERM);
    run.exits(1, exited(0));
    assert_eq!(run.on(Event::Reaped { children_left: true }), [], "the group is waited for");
    assert_eq!(run.next_deadline().1, [Action::Kill(unit(0), None)]);
    run.on(Event::GroupEmptied(unit(0)));
    assert_eq!(run.no_children_left(), [Action::Exit(0)]);
}

#[test]
fn no_signal_is_sent_to_an_empty_group() {
    let mut run = Run::started(&[on_exit(OnExit::Ignore), policy()]);
    run.exits(0, exited(0));
    assert_eq!(run.receive(Signal::HUP), [Action::Send(unit(1), Signal::HUP, AUTO)]);
    assert_eq!(run.receive(Signal::TERM), [Action::SendStopSignal(unit(1), Signal::TERM, AUTO)]);
    assert_eq!(run.next_timer().1, [Action::Kill(unit(1), None)]);
}

#[test]
fn during_shutdown_a_group_without_a_leader_is_checked_because_a_daemon_leaves_it_without_an_event() {
    let mut run = Run::started(&[on_exit(OnExit::Ignore)]);
    run.on(Event::LeaderExited(unit(0), exited(0)));
    assert_eq!(run.supervisor.wake_at(), None, "without a shutdown no check is needed");
    run.receive(Signal::TERM);
    let waits: Vec<_> = (0..10)
        .map(|_| {
            let (waited, actions) = run.next_timer();
            assert_eq!(actions, [Action::CheckGroup(unit(0))]);
            waited.as_millis()
        })
        .collect();
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000]);
    run.on(Event::GroupEmptied(unit(0)));
    assert_eq!(run.on(Event::Reaped { children_left: true }), [Action::SignalLeftovers(Signal::TERM)]);
}

#[test]
fn leftover_processes_are_signalled_when_all_groups_are_empty_and_killed_at_the_deadline() {
    let mut run = Run::started(&[policy()]);
    run.receive(Signal::TERM);
    run.pass(Duration::from_secs(1));
    run.exits(0, exited(0));
    assert_eq!(run.on(Event::Reaped { children_left: true }), [Action::SignalLeftovers(Signal::TERM)]);
    assert_eq!(run.on(Event::Reaped { children_left: true }), [], "signalled once");
    assert_eq!(run.next_timer(), (Duration::from_secs(7), vec![Action::KillLeftovers]));
    let again = run.on(Event::Reaped { children_left: true });
    assert_eq!(again, [Action::KillLeftovers], "a fork bomb is killed again after each reaping");
    assert_eq!(run.no_children_left(), [Action::Exit(0)]);
}

#[test]
fn leftover_processes_have_the_longest_stop_timeout() {
    let mut run = Run::started(&[timeout(1), timeout(30)]);
    run.receive(Signal::TERM);
    run.exits(1, exited(0));
    assert_eq!(run.next_timer(), (Duration::from_secs(1), vec![Action::Kill(unit(0), None)]));
    run.exits(0, ExitStatus::Signaled(Signal::KILL));
    assert_eq!(run.on(Event::Reaped { children_left: true }), [Action::SignalLeftovers(Signal::TERM)]);
    assert_eq!(run.next_timer(), (Duration::from_secs(29), vec![Action::KillLeftovers]));
}

#[test]
fn if_reaping_never_finishes_leftover_processes_are_killed_anyway() {
    let mut run = Run::started(&[timeout(1)]);
    assert_eq!(run.on(Event::StillReaping), []);
    run.receive(Signal::TERM);
    run.exits(0, exited(0));
    assert_eq!(run.on(Event::StillReaping), [Action::SignalLeftovers(Signal::TERM)]);
    assert_eq!(run.on(Event::StillReaping), [], "their timeout has not passed");
    assert_eq!(run.next_timer(), (Duration::from_secs(1), vec![Action::KillLeftovers]));
    run.pass(Duration::from_millis(900));
    assert_eq!(run.on(Event::StillReaping), [Action::KillLeftovers]);
    assert_eq!(run.next_timer().0, Duration::from_secs(1), "an exit is progress");
}

#[test]
fn with_ignore_a_daemon_keeps_untrap_running() {
    let mut run = Run::started(&[on_exit(OnExit::Ignore)]);
    run.exits(0, exited(0));
    assert_eq!(run.on(Event::Reaped { children_left: true }), []);
    assert_eq!(run.messages.last(), Some(&Message::WaitingForLeftovers));
    assert_eq!(run.supervisor.wake_at(), None);
    assert_eq!(run.receive(Signal::TERM), [Action::SignalLeftovers(Signal::TERM)]);
    assert_eq!(run.no_children_left(), [Action::Exit(0)]);
}

#[test]
fn a_process_that_survives_sigkill_does_not_keep_untrap_running() {
    let mut run = Run::started(&[timeout(2), timeout(2)]);
    run.receive(Signal::TERM);
    run.next_timer();
    run.exits(1, ExitStatus::Signaled(Signal::KILL));
    assert_eq!(run.next_timer(), (Duration::from_secs(1), vec![Action::KillLeftovers]), "others may be left");
    assert_eq!(run.next_timer(), (Duration::from_secs(1), vec![Action::Exit(137)]));
    assert!(run.messages.contains(&Message::GaveUpOn(unit(0))));
}

#[test]
fn exits_after_sigkill_extend_the_wait_up_to_10_seconds() {
    let mut run = Run::started(&[timeout(0), timeout(0)]);
    run.receive(Signal::TERM);
    let start = run.now;
    while !run.messages.iter().any(|message| matches!(message, Message::GaveUpOn(_))) {
        run.pass(Duration::from_millis(900));
        run.on(Event::Reaped { children_left: true });
        run.on(Event::TimerExpired);
    }
    assert!((10..11).contains(&(run.now - start).as_secs()), "{:?}", run.now - start);
}
