//! Job control: suspending, resuming, and the terminal.

use super::*;

#[test]
fn suspending_signals_suspend_the_services_and_then_untrap() {
    for sent in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
        let mut run = Run::started(&[policy(), policy()]);
        assert_eq!(
            run.receive(sent),
            [Action::Send(unit(0), sent, AUTO), Action::Send(unit(1), sent, AUTO), Action::Suspend]
        );
    }
}

#[test]
fn a_service_that_needs_the_terminal_is_given_it_and_resumed() {
    let mut run = Run::started(&[policy()]);
    let actions = run.on(Event::LeaderStopped(unit(0), ResumeBy::Terminal));
    assert_eq!(actions, [Action::GiveTerminal(unit(0)), Action::Send(unit(0), Signal::CONT, GROUP)]);
}

#[test]
fn a_service_that_is_stopped_by_a_key_suspends_untrap_if_a_shell_can_resume_it() {
    let mut run = Run::started(&[policy()]);
    assert_eq!(run.on(Event::LeaderStopped(unit(0), ResumeBy::Shell)), [Action::Suspend]);
    let woken = run.receive(Signal::CONT);
    assert_eq!(
        woken,
        [Action::GiveTerminal(unit(0)), Action::Send(unit(0), Signal::CONT, GROUP)],
        "the key stopped the whole group"
    );
    assert_eq!(run.receive(Signal::CONT)[1], Action::Send(unit(0), Signal::CONT, AUTO));
    let waking = run.on(Event::LeaderStopped(unit(0), ResumeBy::Untrap));
    assert_eq!(waking, [Action::Send(unit(0), Signal::CONT, GROUP)], "no shell would");
}

#[test]
fn during_shutdown_untrap_is_not_suspended() {
    let mut run = Run::started(&[policy()]);
    run.receive(Signal::TERM);
    assert_eq!(run.on(Event::LeaderStopped(unit(0), ResumeBy::Shell)), [Action::Send(unit(0), Signal::CONT, GROUP)]);
}
