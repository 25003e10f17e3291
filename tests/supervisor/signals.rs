//! Signals that are forwarded, rewritten or dropped.

use super::*;

#[test]
fn every_other_signal_is_only_forwarded() {
    for sent in (1..=64).filter_map(Signal::new).filter(|s| !s.begins_shutdown() && !s.suspends()) {
        let mut run = Run::started(&[policy(), policy()]);
        let mut actions = run.receive(sent);
        actions.retain(|action| !matches!(action, Action::GiveTerminal(_)));
        assert_eq!(actions, [Action::Send(unit(0), sent, AUTO), Action::Send(unit(1), sent, AUTO)]);
        assert_eq!(run.supervisor.wake_at(), None, "{sent} does not begin the shutdown");
    }
}

#[test]
fn signal_to_decides_which_processes_receive_signals() {
    for signal_to in [SignalTo::Auto, SignalTo::Leader, SignalTo::Group] {
        let mut run = Run::started(&[Policy { signal_to, ..policy() }]);
        assert_eq!(run.receive(signal("USR1")).last(), Some(&Action::Send(unit(0), signal("USR1"), signal_to)));
        assert_eq!(run.receive(Signal::TERM), [Action::SendStopSignal(unit(0), Signal::TERM, signal_to)]);
    }
}

fn with_rewrites(rewrites: &[&str]) -> Run {
    let rewrites = rewrites.iter().map(|rewrite| rewrite.parse().unwrap()).collect();
    let mut run = Run::with_rules(&[policy()], Rules { rewrites, ..Rules::default() });
    run.start_all();
    run
}

#[test]
fn a_rewritten_stop_signal_still_begins_the_shutdown() {
    let mut run = with_rewrites(&["TERM=USR1"]);
    assert_eq!(run.receive(Signal::TERM), [Action::SendStopSignal(unit(0), signal("USR1"), AUTO)]);
    assert!(run.supervisor.wake_at().is_some());
}

#[test]
fn a_signal_that_is_rewritten_to_a_stop_signal_begins_the_shutdown() {
    let mut run = with_rewrites(&["HUP=TERM"]);
    assert_eq!(run.receive(Signal::HUP), [Action::SendStopSignal(unit(0), Signal::TERM, AUTO)]);
}

#[test]
fn a_rewritten_signal_is_forwarded_as_the_other() {
    let mut run = with_rewrites(&["HUP=USR2"]);
    assert_eq!(run.receive(Signal::HUP), [Action::Send(unit(0), signal("USR2"), AUTO)]);
    let consequence = Consequence::ForwardAs(signal("USR2"));
    assert_eq!(run.messages.last(), Some(&Message::Received(Signal::HUP, Sender::Outside, consequence)));
}

#[test]
fn a_dropped_signal_has_no_effect() {
    let mut run = with_rewrites(&["TERM=none", "INT=none", "TSTP=none"]);
    for dropped in [Signal::TERM, Signal::INT, Signal::INT, Signal::TSTP] {
        assert_eq!(run.receive(dropped), []);
    }
    assert_eq!(run.supervisor.wake_at(), None);
}
