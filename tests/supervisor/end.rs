//! Ends of services, what they bring about, and the status of the run.

use super::*;

#[test]
fn an_end_begins_the_stop_and_the_others_get_term() {
    let mut run = Run::started(&[policy(), policy()]);
    assert_eq!(
        run.ends(1, exited(0)),
        [Action::SendStopSignal(unit(0), Signal::TERM, AUTO), Action::SendStopSignal(unit(1), Signal::TERM, GROUP)]
    );
}

#[test]
fn stop_on_failure_lets_a_good_end_pass() {
    let mut run = Run::started(&[on_exit(OnExit::StopOnFailure), on_exit(OnExit::StopOnFailure)]);
    assert_eq!(run.ends(0, exited(0)), []);
    assert_eq!(run.ends(1, exited(1)), [Action::SendStopSignal(unit(1), Signal::TERM, GROUP)]);
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
    run.ends(0, ExitStatus::Signaled(Signal::TERM));
    assert_eq!(run.nothing_left(), [Action::Exit(3)]);

    let mut run = Run::started(&[policy(), policy()]);
    run.ends(1, exited(0));
    run.ends(0, ExitStatus::Signaled(Signal::TERM));
    assert_eq!(run.nothing_left(), [Action::Exit(0)]);
}

#[test]
fn after_a_stop_signal_the_status_is_that_of_the_first_to_end_badly() {
    let mut run = Run::started(&[policy(), policy(), policy()]);
    run.receive(Signal::TERM);
    run.ends(2, exited(0));
    run.ends(0, ExitStatus::Signaled(Signal::TERM));
    run.ends(1, exited(9));
    assert_eq!(run.nothing_left(), [Action::Exit(143)]);
}

#[test]
fn the_exit_map_comes_last() {
    let rules = Rules { exit_map: vec!["143=0".parse().unwrap()], ..Rules::default() };
    let mut supervisor = Supervisor::new([(Role::Service, policy())], rules, 1);
    let mut actions = Actions::default();
    for event in [
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
fn after_the_exit_nothing_happens() {
    let mut run = Run::started(&[policy()]);
    run.ends(0, exited(0));
    run.nothing_left();
    assert_eq!(run.receive(Signal::TERM), []);
    assert_eq!(run.on(Event::TimerExpired), []);
    assert_eq!(run.supervisor.wake_at(), None);
}

#[test]
fn output_is_waited_for_until_the_timeout_and_longer_only_where_nobody_asked_for_the_end() {
    let second = Duration::from_secs(1);
    let mut asked = Run::started(&[policy()]);
    let begin = asked.now;
    asked.receive(Signal::TERM);
    asked.pass(3 * second);
    asked.ends(0, ExitStatus::Exited(0));
    asked.nothing_left();
    let mut unasked = Run::started(&[policy()]);
    unasked.pass(3 * second);
    unasked.ends(0, ExitStatus::Exited(0));
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
