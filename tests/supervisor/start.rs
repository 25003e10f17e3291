//! The start of services, and starts that fail.

use super::*;

#[test]
fn services_start_one_by_one() {
    let mut run = Run::new(&[policy(), policy()]);
    assert_eq!(run.supervisor.next_start(run.now), Some(unit(0)));
    run.start(unit(0));
    assert_eq!(run.supervisor.next_start(run.now), Some(unit(1)));
    run.start(unit(1));
    assert_eq!(run.supervisor.next_start(run.now), None);
}

#[test]
fn a_stop_signal_during_the_start_stops_running_services_and_starts_no_more() {
    let mut run = Run::new(&[policy(), policy()]);
    run.start(unit(0));
    assert_eq!(run.receive(Signal::TERM), [Action::SendStopSignal(unit(0), Signal::TERM, AUTO)]);
    assert_eq!(run.supervisor.next_start(run.now), None);
}

#[test]
fn a_stop_signal_before_the_first_start_is_the_status() {
    let mut run = Run::new(&[policy()]);
    assert_eq!(run.receive(Signal::TERM), [Action::Exit(143)]);
}

#[test]
fn a_failed_start_begins_the_shutdown_regardless_of_on_exit() {
    let mut run = Run::new(&[on_exit(OnExit::Ignore); 3]);
    run.start(unit(0));
    assert_eq!(run.on(Event::StartFailed(unit(1), 127)), [Action::SendStopSignal(unit(0), Signal::TERM, AUTO)]);
    assert_eq!(run.supervisor.next_start(run.now), None);
    run.exits(0, ExitStatus::Signaled(Signal::TERM));
    assert_eq!(run.no_children_left(), [Action::Exit(127)]);
}

#[test]
fn a_failed_start_of_the_only_service_ends_the_run() {
    let mut run = Run::new(&[policy()]);
    assert_eq!(run.on(Event::StartFailed(unit(0), 126)), [Action::Exit(126)]);
}

#[test]
fn a_service_that_has_not_executed_its_program_delays_no_other_and_is_stopped_like_one_that_runs() {
    let mut run = Run::new(&[policy(), policy()]);
    run.on(Event::Launched(unit(0)));
    assert_eq!(run.start_all(), [1]);
    assert!(!run.messages.contains(&Message::Started(unit(0))));
    assert_eq!(
        run.receive(Signal::TERM),
        [Action::SendStopSignal(unit(0), Signal::TERM, AUTO), Action::SendStopSignal(unit(1), Signal::TERM, AUTO)]
    );
    run.exits(1, exited(0));
    assert_eq!(run.next_deadline(), (Duration::from_secs(8), vec![Action::Kill(unit(0), None)]));
}

#[test]
fn a_leader_that_cannot_execute_its_program_is_reaped_without_a_message_about_its_exit() {
    let mut run = Run::new(&[policy()]);
    run.on(Event::Launched(unit(0)));
    assert_eq!(run.on(Event::StartFailed(unit(0), 127)), [Action::SendStopSignal(unit(0), Signal::TERM, GROUP)]);
    assert_eq!(run.on(Event::LeaderExited(unit(0), exited(127))), [Action::Reap(unit(0))]);
    run.on(Event::GroupEmptied(unit(0)));
    assert_eq!(run.no_children_left(), [Action::Exit(127)]);
    assert!(!run.messages.iter().any(|message| matches!(message, Message::Exited { .. })));
}

#[test]
fn a_restart_that_cannot_execute_its_program_is_tried_again() {
    let mut run = Run::started(&[on_exit(OnExit::Restart)]);
    run.exits(0, exited(1));
    run.pass(Duration::from_secs(1));
    assert_eq!(run.supervisor.next_start(run.now), Some(unit(0)));
    run.on(Event::Launched(unit(0)));
    run.on(Event::StartFailed(unit(0), 126));
    run.on(Event::LeaderExited(unit(0), exited(127)));
    run.on(Event::GroupEmptied(unit(0)));
    assert_eq!(run.start_all(), [0; 0]);
    run.pass(Duration::from_secs(1));
    assert_eq!(run.start_all(), [0]);
    assert_eq!(run.supervisor.restarts(unit(0)), 2);
}
