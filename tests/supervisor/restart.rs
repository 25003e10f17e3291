//! Services that are started again.

use super::*;

#[test]
fn an_entry_is_started_again_later_and_later_and_once_its_group_is_empty() {
    let mut run = Run::started(&[on_exit(OnExit::Restart)]);
    let mut waits = Vec::new();
    for restarts in 1..=4 {
        let actions = run.on(Event::LeaderExited(unit(0), exited(0)));
        assert_eq!(
            actions,
            [Action::SendStopSignal(unit(0), Signal::TERM, GROUP), Action::Reap(unit(0))],
            "its group is in the way"
        );
        let Some(Message::Restarting { wait, restarts: said, .. }) = run.messages.last().copied() else { panic!() };
        assert_eq!(said, restarts);
        waits.push(wait);
        run.pass(wait);
        assert_eq!(run.start_all(), [0; 0], "somebody of its group is left");
        run.on(Event::GroupEmptied(unit(0)));
        assert_eq!(run.start_all(), [0]);
        assert_eq!(run.supervisor.restarts(unit(0)), restarts);
    }
    assert!(waits[0] >= Duration::from_millis(100) && waits[3] >= Duration::from_millis(800), "{waits:?}");
}

#[test]
fn a_group_that_is_in_the_way_of_a_restart_is_killed_at_the_timeout() {
    let mut run = Run::started(&[on_exit(OnExit::Restart)]);
    run.on(Event::LeaderExited(unit(0), exited(1)));
    assert_eq!(run.deadline_comes(), (Duration::from_secs(8), vec![Action::Kill(unit(0), None)]));
    run.on(Event::GroupEmptied(unit(0)));
    assert_eq!(run.start_all(), [0]);
    assert_eq!(
        run.receive(Signal::TERM),
        [Action::SendStopSignal(unit(0), Signal::TERM, AUTO)],
        "it can be told and killed anew"
    );
    assert_eq!(run.time_comes().1, [Action::Kill(unit(0), None)]);
}

#[test]
fn restart_on_failure_lets_a_good_end_be() {
    let mut run = Run::started(&[on_exit(OnExit::RestartOnFailure), policy()]);
    run.ends(0, exited(1));
    run.pass(Duration::from_secs(1));
    assert_eq!(run.start_all(), [0]);
    run.ends(0, exited(0));
    run.pass(Duration::from_mins(1));
    assert_eq!(run.start_all(), [0; 0]);
    run.receive(Signal::TERM);
    run.ends(1, exited(0));
    assert_eq!(run.nothing_left(), [Action::Exit(0)], "an end that was mended is no bad end");
}

#[test]
fn a_stop_during_the_wait_for_a_restart_starts_nothing() {
    let mut run = Run::started(&[on_exit(OnExit::Restart)]);
    run.ends(0, exited(1));
    assert_eq!(run.nothing_left(), [], "it comes back");
    assert_eq!(run.receive(Signal::TERM), [Action::Exit(0)]);
    let mut run = Run::started(&[on_exit(OnExit::Restart)]);
    run.on(Event::LeaderExited(unit(0), exited(1)));
    assert_eq!(run.receive(Signal::TERM), [], "who is left of its group has been told");
    run.on(Event::GroupEmptied(unit(0)));
    assert_eq!(run.start_all(), [0; 0]);
    assert_eq!(run.nothing_left(), [Action::Exit(0)]);
}

#[test]
fn a_restart_that_fails_is_tried_again() {
    let mut run = Run::started(&[on_exit(OnExit::Restart)]);
    run.ends(0, exited(1));
    run.pass(Duration::from_secs(1));
    assert_eq!(run.supervisor.next_start(run.now), Some(unit(0)));
    run.on(Event::StartFailed(unit(0), 125));
    assert_eq!(run.start_all(), [0; 0]);
    run.pass(Duration::from_secs(1));
    assert_eq!(run.start_all(), [0]);
}
