//! Restarts.

use super::*;

#[test]
fn a_service_restarts_after_a_growing_backoff_when_its_group_is_empty() {
    let mut run = Run::started(&[on_exit(OnExit::Restart)]);
    let mut waits = Vec::new();
    for restarts in 1..=4 {
        let actions = run.on(Event::LeaderExited(unit(0), exited(0)));
        assert_eq!(
            actions,
            [Action::SendStopSignal(unit(0), Signal::TERM, GROUP), Action::Reap(unit(0))],
            "remaining members would delay the restart"
        );
        let Some(Message::Restarting { wait, restarts: counted, .. }) = run.messages.last().copied() else { panic!() };
        assert_eq!(counted, restarts);
        waits.push(wait);
        run.pass(wait);
        assert_eq!(run.start_all(), [0; 0], "its group is not empty");
        run.on(Event::GroupEmptied(unit(0)));
        assert_eq!(run.start_all(), [0]);
        assert_eq!(run.supervisor.restarts(unit(0)), restarts);
    }
    assert!(waits[0] >= Duration::from_millis(100) && waits[3] >= Duration::from_millis(800), "{waits:?}");
}

#[test]
fn a_group_that_delays_a_restart_is_killed_at_the_timeout() {
    let mut run = Run::started(&[on_exit(OnExit::Restart)]);
    run.on(Event::LeaderExited(unit(0), exited(1)));
    assert_eq!(run.next_deadline(), (Duration::from_secs(8), vec![Action::Kill(unit(0), None)]));
    run.on(Event::GroupEmptied(unit(0)));
    assert_eq!(run.start_all(), [0]);
    assert_eq!(
        run.receive(Signal::TERM),
        [Action::SendStopSignal(unit(0), Signal::TERM, AUTO)],
        "the new group can be stopped and killed"
    );
    assert_eq!(run.next_timer().1, [Action::Kill(unit(0), None)]);
}

#[test]
fn restart_on_failure_does_not_restart_after_status_0() {
    let mut run = Run::started(&[on_exit(OnExit::RestartOnFailure), policy()]);
    run.exits(0, exited(1));
    run.pass(Duration::from_secs(1));
    assert_eq!(run.start_all(), [0]);
    run.exits(0, exited(0));
    run.pass(Duration::from_mins(1));
    assert_eq!(run.start_all(), [0; 0]);
    run.receive(Signal::TERM);
    run.exits(1, exited(0));
    assert_eq!(run.no_children_left(), [Action::Exit(0)], "a failure that was followed by a restart does not count");
}

#[test]
fn a_shutdown_during_backoff_cancels_the_restart() {
    let mut run = Run::started(&[on_exit(OnExit::Restart)]);
    run.exits(0, exited(1));
    assert_eq!(run.no_children_left(), [], "a restart is pending");
    assert_eq!(run.receive(Signal::TERM), [Action::Exit(1)], "its last exit was a failure");
    let mut run = Run::started(&[on_exit(OnExit::Restart)]);
    run.on(Event::LeaderExited(unit(0), exited(1)));
    assert_eq!(run.receive(Signal::TERM), [], "its members have been sent the stop signal");
    run.on(Event::GroupEmptied(unit(0)));
    assert_eq!(run.start_all(), [0; 0]);
    assert_eq!(run.no_children_left(), [Action::Exit(1)]);
}

#[test]
fn a_failed_restart_is_tried_again() {
    let mut run = Run::started(&[on_exit(OnExit::Restart)]);
    run.exits(0, exited(1));
    run.pass(Duration::from_secs(1));
    assert_eq!(run.supervisor.next_start(run.now), Some(unit(0)));
    run.on(Event::StartFailed(unit(0), 125));
    assert_eq!(run.start_all(), [0; 0]);
    run.pass(Duration::from_secs(1));
    assert_eq!(run.start_all(), [0]);
}
