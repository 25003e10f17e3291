//! Job control: what is suspended, who gets the terminal, who wakes whom.

use super::*;

#[test]
fn suspending_signals_suspend_the_entries_and_then_untrap() {
    for sent in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
        let mut run = Run::started(&[policy(), policy()]);
        assert_eq!(
            run.receive(sent),
            [Action::Send(unit(0), sent, AUTO), Action::Send(unit(1), sent, AUTO), Action::Suspend]
        );
    }
}

#[test]
fn an_entry_that_needs_the_terminal_gets_it_and_goes_on() {
    let mut run = Run::started(&[policy()]);
    let actions = run.on(Event::LeaderStopped(unit(0), Need::Terminal));
    assert_eq!(actions, [Action::GiveTerminal(unit(0)), Action::Send(unit(0), Signal::CONT, GROUP)]);
}

#[test]
fn an_entry_that_is_stopped_by_a_key_stops_untrap_too_if_a_shell_can_wake_it() {
    let mut run = Run::started(&[policy()]);
    assert_eq!(run.on(Event::LeaderStopped(unit(0), Need::Shell)), [Action::Suspend]);
    let woken = run.receive(Signal::CONT);
    assert_eq!(
        woken,
        [Action::GiveTerminal(unit(0)), Action::Send(unit(0), Signal::CONT, GROUP)],
        "the key stopped them all"
    );
    assert_eq!(run.receive(Signal::CONT)[1], Action::Send(unit(0), Signal::CONT, AUTO));
    let waking = run.on(Event::LeaderStopped(unit(0), Need::Waking));
    assert_eq!(waking, [Action::Send(unit(0), Signal::CONT, GROUP)], "nobody else would");
}

#[test]
fn during_the_stop_nothing_is_suspended() {
    let mut run = Run::started(&[policy()]);
    run.receive(Signal::TERM);
    assert_eq!(run.on(Event::LeaderStopped(unit(0), Need::Shell)), [Action::Send(unit(0), Signal::CONT, GROUP)]);
}
