//! The stop: who is told what and when, and who is killed.

use super::*;
use untrap::config::policy::StopOrder;

#[test]
fn term_int_quit_and_rtmin_3_begin_the_stop_and_are_what_is_sent() {
    for name in ["TERM", "INT", "QUIT", "RTMIN+3"] {
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
fn an_entry_gets_its_own_stop_signal() {
    let quit = Policy { stop_signal: Some(Signal::QUIT), ..policy() };
    let mut run = Run::started(&[quit, policy()]);
    assert_eq!(
        run.receive(Signal::INT),
        [Action::SendStopSignal(unit(0), Signal::QUIT, AUTO), Action::SendStopSignal(unit(1), Signal::INT, AUTO)]
    );
}

#[test]
fn sigcont_follows_the_stop_signal_to_those_who_got_it() {
    let mut run = Run::started(&[policy()]);
    run.receive(Signal::TERM);
    assert_eq!(
        run.on(Event::StopSignalSent(unit(0), Receivers::Leader)),
        [Action::Send(unit(0), Signal::CONT, LEADER)]
    );
    assert_eq!(run.on(Event::StopSignalSent(unit(0), Receivers::Group)), [Action::Send(unit(0), Signal::CONT, GROUP)]);
}

fn in_order(stop_order: StopOrder) -> Run {
    let mut run = Run::with([(SERVICE, policy()); 3], Rules { stop_order, ..Rules::default() });
    run.start_all();
    run
}

#[test]
fn in_a_stop_one_by_one_each_is_waited_for_and_the_timeout_is_for_all() {
    for (order, ids) in [(StopOrder::Listed, [0, 1, 2]), (StopOrder::Reverse, [2, 1, 0])] {
        let mut run = in_order(order);
        let tell = |index| Action::SendStopSignal(unit(index), Signal::TERM, AUTO);
        assert_eq!(run.receive(Signal::TERM), [tell(ids[0])]);
        run.pass(Duration::from_secs(3));
        assert_eq!(
            run.receive(Signal::TERM),
            [Action::Send(unit(ids[0]), Signal::TERM, AUTO)],
            "the others' turn is to come"
        );
        assert_eq!(run.ends(ids[0], exited(0)).last(), Some(&tell(ids[1])));
        let (waited, actions) = run.time_comes();
        assert_eq!(waited, Duration::from_secs(5));
        let mut killed = actions;
        killed.sort_by_key(|action| matches!(action, Action::Kill(id, _) if *id == unit(ids[2])));
        assert_eq!(killed, [Action::Kill(unit(ids[1]), None), Action::Kill(unit(ids[2]), None)]);
    }
}

#[test]
fn the_stop_delay_comes_before_the_timeout_and_a_second_int_ends_it() {
    let delayed = || {
        let rules = Rules { stop_delay: Duration::from_secs(5), ..Rules::default() };
        let mut run = Run::with([(SERVICE, policy())], rules);
        run.start_all();
        assert_eq!(run.receive(Signal::INT), []);
        run
    };
    let mut run = delayed();
    assert_eq!(run.receive(Signal::HUP), [Action::Send(unit(0), Signal::HUP, AUTO)]);
    assert_eq!(run.receive(Signal::TERM), [], "nobody is told before the time");
    assert_eq!(run.time_comes(), (Duration::from_secs(5), vec![Action::SendStopSignal(unit(0), Signal::INT, AUTO)]));
    assert_eq!(run.time_comes(), (Duration::from_secs(8), vec![Action::Kill(unit(0), None)]));
    let mut run = delayed();
    assert_eq!(run.receive(Signal::INT), [Action::Kill(unit(0), None)]);
    let mut run = delayed();
    assert_eq!(run.ends(0, exited(0)), []);
    assert_eq!(run.nothing_left(), [Action::Exit(0)], "nothing is left to wait for");
}

#[test]
fn who_runs_at_the_deadline_is_killed_and_nobody_else() {
    let mut run = Run::started(&[policy(), policy()]);
    run.receive(Signal::TERM);
    run.ends(0, exited(0));
    assert_eq!(run.time_comes(), (Duration::from_secs(8), vec![Action::Kill(unit(1), None)]));
    assert_eq!(run.messages.last(), Some(&Message::Killed(unit(1), Some(Duration::from_secs(8)))));
    run.ends(1, ExitStatus::Signaled(Signal::KILL));
    assert_eq!(run.nothing_left(), [Action::Exit(137)]);
}

#[test]
fn each_entry_has_its_own_deadline() {
    let mut run = Run::started(&[timeout(5), timeout(2)]);
    run.receive(Signal::TERM);
    assert_eq!(run.time_comes(), (Duration::from_secs(2), vec![Action::Kill(unit(1), None)]));
    assert_eq!(run.time_comes(), (Duration::from_secs(3), vec![Action::Kill(unit(0), None)]));
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
    run.ends(0, ExitStatus::Signaled(Signal::KILL));
    assert_eq!(run.supervisor.wake_at(), None);
}

#[test]
fn a_second_term_or_quit_is_forwarded_and_does_not_move_the_deadline() {
    let quit = Policy { stop_signal: Some(Signal::QUIT), ..policy() };
    let mut run = Run::started(&[quit]);
    run.receive(Signal::TERM);
    let deadline = run.supervisor.wake_at();
    run.pass(Duration::from_secs(3));
    assert_eq!(run.receive(Signal::TERM), [Action::Send(unit(0), Signal::TERM, AUTO)]);
    assert_eq!(run.receive(Signal::QUIT), [Action::Send(unit(0), Signal::QUIT, AUTO)]);
    assert_eq!(run.supervisor.wake_at(), deadline);
}

#[test]
fn a_second_int_kills_at_once_also_those_without_a_deadline() {
    let never = Policy { timeout: Timeout(None), ..policy() };
    let mut run = Run::started(&[policy(), never]);
    run.receive(Signal::INT);
    assert_eq!(run.receive(Signal::INT), [Action::Kill(unit(0), None), Action::Kill(unit(1), None)]);
    run.ends(0, ExitStatus::Signaled(Signal::KILL));
    run.ends(1, ExitStatus::Signaled(Signal::KILL));
    assert_eq!(run.on(Event::Reaped { children_left: true }), [Action::KillLeftovers]);
}

#[test]
fn the_first_int_after_a_term_is_forwarded() {
    let mut run = Run::started(&[policy()]);
    run.receive(Signal::TERM);
    assert_eq!(run.receive(Signal::INT), [Action::Send(unit(0), Signal::INT, AUTO)]);
    assert_eq!(run.receive(Signal::INT), [Action::Kill(unit(0), None)]);
}
