//! Exits of services, what they cause, and the exit status of untrap.

use super::*;

#[test]
fn an_exit_begins_the_shutdown_and_the_others_are_sent_sigterm() {
    let mut run = Run::started(&[policy(), policy()]);
    assert_eq!(
        run.exits(1, exited(0)),
        [Action::SendStopSignal(unit(0), Signal::TERM, AUTO), Action::SendStopSignal(unit(1), Signal::TERM, GROUP)]
    );
}

#[test]
fn with_stop_on_failure_status_0_does_not_begin_the_shutdown() {
    let mut run = Run::started(&[on_exit(OnExit::StopOnFailure), on_exit(OnExit::StopOnFailure)]);
    assert_eq!(run.exits(0, exited(0)), []);
    assert_eq!(run.exits(1, exited(1)), [Action::SendStopSignal(unit(1), Signal::TERM, GROUP)]);
    assert_eq!(run.no_children_left(), [Action::Exit(1)]);
}

#[test]
fn with_ignore_the_run_ends_with_the_last_exit_and_the_status_of_the_first_failure() {
    let mut run = Run::started(&[on_exit(OnExit::Ignore); 3]);
    assert_eq!(run.exits(0, exited(0)), []);
    assert_eq!(run.exits(1, exited(4)), []);
    assert_eq!(run.on(Event::Reaped { children_left: true }), []);
    assert_eq!(run.exits(2, exited(5)), []);
    assert_eq!(run.no_children_left(), [Action::Exit(4)]);
}

#[test]
fn the_status_is_that_of_the_service_whose_exit_began_the_shutdown() {
    let mut run = Run::started(&[policy(), policy()]);
    run.exits(1, exited(3));
    run.exits(0, ExitStatus::Signaled(Signal::TERM));
    assert_eq!(run.no_children_left(), [Action::Exit(3)]);

    let mut run = Run::started(&[policy(), policy()]);
    run.exits(1, exited(0));
    run.exits(0, ExitStatus::Signaled(Signal::TERM));
    assert_eq!(run.no_children_left(), [Action::Exit(0)]);
}

#[test]
fn after_a_stop_signal_the_status_is_that_of_the_first_failure() {
    let mut run = Run::started(&[policy(), policy(), policy()]);
    run.receive(Signal::TERM);
    run.exits(2, exited(0));
    run.exits(0, ExitStatus::Signaled(Signal::TERM));
    run.exits(1, exited(9));
    assert_eq!(run.no_children_left(), [Action::Exit(143)]);
}

#[test]
fn the_exit_map_is_applied_last() {
    let rules = Rules { exit_map: vec!["143=0".parse().unwrap()], ..Rules::default() };
    let mut supervisor = Supervisor::new([policy()], [], rules, 1);
    let mut actions = Actions::default();
    for event in [
        Event::Launched(unit(0)),
        Event::Started(unit(0)),
        Event::LeaderExited(unit(0), ExitStatus::Signaled(Signal::TERM)),
        Event::GroupEmptied(unit(0)),
        Event::Reaped { children_left: false },
    ] {
        supervisor.on(event, Instant::now(), &mut actions);
    }
    assert_eq!(actions.drain().last(), Some(Action::Exit(0)));
}

#[test]
fn after_the_exit_events_have_no_effect() {
    let mut run = Run::started(&[policy()]);
    run.exits(0, exited(0));
    run.no_children_left();
    assert_eq!(run.receive(Signal::TERM), []);
    assert_eq!(run.on(Event::TimerExpired), []);
    assert_eq!(run.supervisor.wake_at(), None);
}

#[test]
fn the_flush_lasts_until_the_stop_timeout_and_progress_extends_it_unless_a_signal_began_the_shutdown() {
    let second = Duration::from_secs(1);
    let mut by_signal = Run::started(&[policy()]);
    let begin = by_signal.now;
    by_signal.receive(Signal::TERM);
    by_signal.pass(3 * second);
    by_signal.exits(0, ExitStatus::Exited(0));
    by_signal.no_children_left();
    let mut by_exit = Run::started(&[policy()]);
    by_exit.pass(3 * second);
    by_exit.exits(0, ExitStatus::Exited(0));
    by_exit.no_children_left();
    for (run, from_progress) in [(by_signal, false), (by_exit, true)] {
        let progress = run.now + 5 * second;
        let deadline = run.supervisor.output_deadline(run.now, progress);
        assert_eq!(deadline, Some(if from_progress { progress } else { begin } + 8 * second));
        let late = run.now + 60 * second;
        let deadline = run.supervisor.output_deadline(late, run.now);
        assert_eq!(deadline, Some(late + second), "the last lines of a killed service are written too");
    }
    let mut infinite = Run::started(&[Policy { timeout: Timeout(None), ..policy() }]);
    infinite.receive(Signal::TERM);
    assert_eq!(infinite.supervisor.output_deadline(infinite.now, infinite.now), None);
}
