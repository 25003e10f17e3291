//! The shutdown: stop signals, their order, and SIGKILL.

use super::*;
use untrap::config::policy::StopOrder;

#[test]
fn term_int_and_rtmin_3_begin_the_shutdown_and_are_the_stop_signal() {
    for name in ["TERM", "INT", "RTMIN+3"] {
        let mut run = Run::started(&[policy(), policy()]);
        let sent = signal(name);
        assert_eq!(
            run.receive(sent),
            [Action::SendStopSignal(unit(0), sent, AUTO), Action::SendStopSignal(unit(1), sent, AUTO)]
        );
        assert_eq!(run.messages.last(), Some(&Message::Received(sent, Sender::Outside, Consequence::Shutdown)));
        assert!(run.supervisor.wake_at().is_some());
    }
}

#[test]
fn a_service_can_have_its_own_stop_signal() {
    let quit = Policy { stop_signal: Some(Signal::QUIT), ..policy() };
    let mut run = Run::started(&[quit, policy()]);
    assert_eq!(
        run.receive(Signal::INT),
        [Action::SendStopSignal(unit(0), Signal::QUIT, AUTO), Action::SendStopSignal(unit(1), Signal::INT, AUTO)]
    );
}

#[test]
fn sigcont_follows_the_stop_signal_to_the_same_receivers() {
    let mut run = Run::started(&[policy()]);
    run.receive(Signal::TERM);
    assert_eq!(
        run.on(Event::StopSignalSent(unit(0), Receivers::Leader)),
        [Action::Send(unit(0), Signal::CONT, LEADER)]
    );
    assert_eq!(run.on(Event::StopSignalSent(unit(0), Receivers::Group)), [Action::Send(unit(0), Signal::CONT, GROUP)]);
}

fn in_order(stop_order: StopOrder) -> Run {
    let mut run = Run::with_rules(&[policy(); 3], Rules { stop_order, ..Rules::default() });
    run.start_all();
    run
}

#[test]
fn with_a_stop_order_each_exit_is_awaited_and_all_have_the_same_deadline() {
    for (order, ids) in [(StopOrder::Listed, [0, 1, 2]), (StopOrder::Reverse, [2, 1, 0])] {
        let mut run = in_order(order);
        let stop = |index| Action::SendStopSignal(unit(index), Signal::TERM, AUTO);
        assert_eq!(run.receive(Signal::TERM), [stop(ids[0])]);
        run.pass(Duration::from_secs(3));
        assert_eq!(
            run.receive(Signal::TERM),
            [Action::Send(unit(ids[0]), Signal::TERM, AUTO)],
            "the others are stopped later"
        );
        assert_eq!(run.exits(ids[0], exited(0)).last(), Some(&stop(ids[1])));
        let (waited, actions) = run.next_timer();
        assert_eq!(waited, Duration::from_secs(5));
        let mut killed = actions;
        killed.sort_by_key(|action| matches!(action, Action::Kill(id, _) if *id == unit(ids[2])));
        assert_eq!(killed, [Action::Kill(unit(ids[1]), None), Action::Kill(unit(ids[2]), None)]);
    }
}

#[test]
fn the_timeout_begins_after_the_stop_delay_and_a_second_int_ends_the_delay() {
    let delayed = || {
        let rules = Rules { stop_delay: Duration::from_secs(5), ..Rules::default() };
        let mut run = Run::with_rules(&[policy()], rules);
        run.start_all();
        assert_eq!(run.receive(Signal::INT), []);
        run
    };
    let mut run = delayed();
    assert_eq!(run.receive(Signal::HUP), [Action::Send(unit(0), Signal::HUP, AUTO)]);
    assert_eq!(run.receive(Signal::TERM), [], "no stop signal is sent before the delay has passed");
    assert_eq!(run.next_timer(), (Duration::from_secs(5), vec![Action::SendStopSignal(unit(0), Signal::INT, AUTO)]));
    assert_eq!(run.next_timer(), (Duration::from_secs(8), vec![Action::Kill(unit(0), None)]));
    let mut run = delayed();
    run.pass(Duration::from_millis(500));
    assert_eq!(run.receive(Signal::INT), [Action::Kill(unit(0), None)]);
    let mut run = delayed();
    assert_eq!(run.exits(0, exited(0)), []);
    assert_eq!(run.no_children_left(), [Action::Exit(0)], "no service is left to stop");
}

#[test]
fn only_services_that_run_at_the_deadline_are_killed() {
    let mut run = Run::started(&[policy(), policy()]);
    run.receive(Signal::TERM);
    run.exits(0, exited(0));
    assert_eq!(run.next_timer(), (Duration::from_secs(8), vec![Action::Kill(unit(1), None)]));
    assert_eq!(run.messages.last(), Some(&Message::Killed(unit(1), Some(Duration::from_secs(8)))));
    run.exits(1, ExitStatus::Signaled(Signal::KILL));
    assert_eq!(run.no_children_left(), [Action::Exit(137)]);
}

#[test]
fn each_service_has_its_own_deadline() {
    let mut run = Run::started(&[timeout(5), timeout(2)]);
    run.receive(Signal::TERM);
    assert_eq!(run.next_timer(), (Duration::from_secs(2), vec![Action::Kill(unit(1), None)]));
    assert_eq!(run.next_timer(), (Duration::from_secs(3), vec![Action::Kill(unit(0), None)]));
}

#[test]
fn timeout_0_kills_at_once_and_inf_never() {
    let never = Policy { timeout: Timeout(None), ..policy() };
    let mut run = Run::started(&[timeout(0), never]);
    assert_eq!(
        run.receive(Signal::TERM),
        [Action::SendStopSignal(unit(1), Signal::TERM, AUTO), Action::Kill(unit(0), None)],
        "SIGKILL to one service does not delay the stop signal of another"
    );
    run.exits(0, ExitStatus::Signaled(Signal::KILL));
    assert_eq!(run.supervisor.wake_at(), None);
}

#[test]
fn quit_is_only_forwarded_unless_it_comes_from_the_terminal_or_is_the_stop_signal_of_a_service() {
    let mut run = Run::started(&[policy()]);
    assert_eq!(run.receive(Signal::QUIT), [Action::Send(unit(0), Signal::QUIT, AUTO)]);
    assert_eq!(run.supervisor.wake_at(), None, "a JVM prints its threads and runs on");
    let from_terminal = run.on(Event::Received(Signal::QUIT, Sender::Terminal));
    assert_eq!(from_terminal, [Action::SendStopSignal(unit(0), Signal::QUIT, AUTO)]);
    let graceful = Policy { stop_signal: Some(Signal::QUIT), ..policy() };
    let mut run = Run::started(&[graceful, policy()]);
    assert_eq!(
        run.receive(Signal::QUIT),
        [Action::SendStopSignal(unit(0), Signal::QUIT, AUTO), Action::SendStopSignal(unit(1), Signal::TERM, AUTO)],
        "the others are sent TERM"
    );
}

#[test]
fn a_second_term_is_forwarded_and_does_not_move_the_deadline() {
    let mut run = Run::started(&[policy()]);
    run.receive(Signal::TERM);
    let deadline = run.supervisor.wake_at();
    run.pass(Duration::from_secs(3));
    assert_eq!(run.receive(Signal::TERM), [Action::Send(unit(0), Signal::TERM, AUTO)]);
    assert_eq!(run.receive(Signal::QUIT), [Action::Send(unit(0), Signal::QUIT, AUTO)]);
    assert_eq!(run.supervisor.wake_at(), deadline);
}

#[test]
fn a_second_term_is_not_forwarded_to_a_service_that_stops_in_its_own_way() {
    let graceful = Policy { stop_signal: Some(Signal::QUIT), ..policy() };
    let mut run = Run::started(&[graceful, policy()]);
    run.receive(Signal::TERM);
    assert_eq!(run.receive(Signal::TERM), [Action::Send(unit(1), Signal::TERM, AUTO)]);
    let mut run = Run::with_hooks(policy(), 1, &[HookRole::StopCommand(unit(0))]);
    run.start_all();
    run.receive(Signal::TERM);
    assert_eq!(run.receive(Signal::TERM), []);
}

#[test]
fn a_second_int_kills_at_once_also_those_without_a_deadline() {
    let never = Policy { timeout: Timeout(None), ..policy() };
    let mut run = Run::started(&[policy(), never]);
    run.receive(Signal::INT);
    run.pass(Duration::from_millis(500));
    assert_eq!(run.receive(Signal::INT), [Action::Kill(unit(0), None), Action::Kill(unit(1), None)]);
    run.exits(0, ExitStatus::Signaled(Signal::KILL));
    run.exits(1, ExitStatus::Signaled(Signal::KILL));
    assert_eq!(run.on(Event::Reaped { children_left: true }), [Action::KillLeftovers]);
}

#[test]
fn a_second_int_within_half_a_second_repeats_the_first() {
    let mut run = Run::started(&[policy()]);
    run.receive(Signal::INT);
    run.pass(Duration::from_millis(499));
    assert_eq!(run.receive(Signal::INT), []);
    assert_eq!(run.messages.last(), Some(&Message::Received(Signal::INT, Sender::Outside, Consequence::Repeat)));
    run.pass(Duration::from_millis(1));
    assert_eq!(run.receive(Signal::INT), [Action::Kill(unit(0), None)], "the time counts from the first");
}

#[test]
fn the_first_int_after_a_term_is_forwarded() {
    let mut run = Run::started(&[policy()]);
    run.receive(Signal::TERM);
    assert_eq!(run.receive(Signal::INT), [Action::Send(unit(0), Signal::INT, AUTO)]);
    run.pass(Duration::from_secs(1));
    assert_eq!(run.receive(Signal::INT), [Action::Kill(unit(0), None)]);
}

#[test]
fn remaining_members_are_sent_term_and_not_the_signal_of_their_leader() {
    for (stop_signal, expected) in [(None, Signal::TERM), (Some(Signal::QUIT), Signal::QUIT)] {
        let mut run = Run::started(&[Policy { stop_signal, ..policy() }]);
        run.receive(Signal::INT);
        run.on(Event::StopSignalSent(unit(0), Receivers::Leader));
        assert_eq!(
            run.on(Event::LeaderExited(unit(0), exited(0))),
            [Action::SendStopSignal(unit(0), expected, GROUP), Action::Reap(unit(0))]
        );
    }
}
