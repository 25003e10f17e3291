//! The start of services, one after the other, and starts that fail.

use super::*;

#[test]
fn services_start_one_after_the_other() {
    let mut run = Run::new(&[policy(), policy()]);
    assert_eq!(run.supervisor.next_start(run.now), Some(unit(0)));
    run.on(Event::Started(unit(0)));
    assert_eq!(run.supervisor.next_start(run.now), Some(unit(1)));
    run.on(Event::Started(unit(1)));
    assert_eq!(run.supervisor.next_start(run.now), None);
}

#[test]
fn a_stop_signal_during_the_start_starts_nothing_more_and_tells_what_runs() {
    let mut run = Run::new(&[policy(), policy()]);
    run.on(Event::Started(unit(0)));
    assert_eq!(run.receive(Signal::TERM), [Action::SendStopSignal(unit(0), Signal::TERM, AUTO)]);
    assert_eq!(run.supervisor.next_start(run.now), None);
}

#[test]
fn a_stop_signal_before_the_first_start_ends_the_run_with_0() {
    let mut run = Run::new(&[policy()]);
    assert_eq!(run.receive(Signal::TERM), [Action::Exit(0)]);
}

#[test]
fn a_program_that_cannot_start_stops_what_runs_whatever_on_exit_says() {
    let mut run = Run::new(&[on_exit(OnExit::Ignore); 3]);
    run.on(Event::Started(unit(0)));
    assert_eq!(run.on(Event::StartFailed(unit(1), 127)), [Action::SendStopSignal(unit(0), Signal::TERM, AUTO)]);
    assert_eq!(run.supervisor.next_start(run.now), None);
    run.ends(0, ExitStatus::Signaled(Signal::TERM));
    assert_eq!(run.nothing_left(), [Action::Exit(127)]);
}

#[test]
fn a_program_that_cannot_start_alone_ends_the_run_at_once() {
    let mut run = Run::new(&[policy()]);
    assert_eq!(run.on(Event::StartFailed(unit(0), 126)), [Action::Exit(126)]);
}
