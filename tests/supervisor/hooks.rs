//! Hooks: `--before`, `--after`, `--stop-command`, and readiness checks.

use super::*;

/// This many services, and hooks in these roles.
fn with(services: usize, roles: &[HookRole]) -> Run {
    Run::with_hooks(policy(), services, roles)
}

#[test]
fn wait_for_comes_first_then_before_commands_then_the_services() {
    let mut run = with(2, &[HookRole::Before, HookRole::Before, HookRole::WaitFor]);
    for hook in [4, 2, 3] {
        assert_eq!(run.start_all(), [hook]);
        run.exits(hook, exited(0));
    }
    assert_eq!(run.start_all(), [0, 1]);
}

#[test]
fn a_failed_before_command_begins_the_shutdown_with_its_status() {
    let mut run = with(1, &[HookRole::Before]);
    assert_eq!(run.start_all(), [1]);
    assert_eq!(run.all_exit(1, exited(3)), [Action::SendStopSignal(unit(1), Signal::TERM, GROUP), Action::Exit(3)]);
    assert_eq!(run.start_all(), [0; 0]);
}

#[test]
fn signals_are_forwarded_to_a_before_command_and_sigterm_stops_it() {
    let mut run = with(1, &[HookRole::Before]);
    run.start_all();
    assert_eq!(run.receive(Signal::HUP), [Action::Send(unit(1), Signal::HUP, AUTO)]);
    assert_eq!(run.receive(Signal::TERM), [Action::SendStopSignal(unit(1), Signal::TERM, AUTO)]);
    run.exits(1, exited(0));
    assert_eq!(run.start_all(), [0; 0]);
    assert_eq!(run.no_children_left(), [Action::Exit(143)], "no service has run");
}

#[test]
fn a_readiness_check_is_repeated_until_it_succeeds() {
    let mut run = with(1, &[HookRole::WaitFor]);
    for _ in 0..3 {
        assert_eq!(run.start_all(), [1]);
        run.exits(1, exited(1));
        assert_eq!(run.start_all(), [0; 0], "the next attempt comes later");
        run.pass(Duration::from_millis(100));
    }
    assert_eq!(run.start_all(), [1]);
    run.exits(1, exited(0));
    assert_eq!(run.messages.last(), Some(&Message::Ready(unit(1), Duration::from_millis(300))));
    assert_eq!(run.start_all(), [0]);
}

#[test]
fn a_readiness_check_that_hangs_is_killed_and_named_every_10_seconds_until_the_timeout() {
    let mut run = with(1, &[HookRole::WaitFor]);
    let start = run.now;
    let mut notices = Vec::new();
    while run.messages.iter().all(|message| !matches!(message, Message::ReadinessTimedOut(..))) {
        run.start_all();
        let (_, actions) = run.next_timer();
        if actions.contains(&Action::Kill(unit(1), None)) {
            run.exits(1, ExitStatus::Signaled(Signal::KILL));
        }
        if let Some(Message::Waiting(_, after)) = run.messages.pop_if(|last| matches!(last, Message::Waiting(..))) {
            notices.push(after.as_secs());
        }
        assert!(run.now - start <= Duration::from_mins(1));
    }
    notices.dedup();
    assert_eq!(notices, [0, 10, 20, 30, 40, 50]);
    run.exits(1, ExitStatus::Signaled(Signal::TERM));
    assert_eq!(run.no_children_left(), [Action::Exit(124)], "no --after command runs, because no service has");
}

#[test]
fn the_next_service_starts_when_the_one_before_is_ready() {
    let mut run = with(2, &[HookRole::Ready(unit(0))]);
    assert_eq!(run.start_all(), [0, 2]);
    run.exits(2, exited(0));
    assert_eq!(run.start_all(), [1]);
}

#[test]
fn an_exit_before_readiness_does_not_hang_the_start() {
    let mut run = with(2, &[HookRole::Ready(unit(0))]);
    run.start_all();
    assert_eq!(
        run.exits(0, exited(3)),
        [Action::SendStopSignal(unit(2), Signal::TERM, AUTO), Action::SendStopSignal(unit(0), Signal::TERM, GROUP)],
        "--on-exit is stop"
    );
    let mut run = Run::with_hooks(on_exit(OnExit::Ignore), 2, &[HookRole::Ready(unit(0))]);
    run.start_all();
    assert_eq!(run.exits(0, exited(3)), [Action::Kill(unit(2), None)]);
    assert_eq!(run.start_all(), [1], "the next service starts");
    run.exits(2, ExitStatus::Signaled(Signal::KILL));
    assert_eq!(run.start_all(), [0; 0]);
}

#[test]
fn after_commands_run_one_by_one_when_no_process_is_left() {
    let mut run = with(1, &[HookRole::After, HookRole::After]);
    assert_eq!(run.start_all(), [0]);
    assert_eq!(run.all_exit(0, exited(5)), [Action::SendStopSignal(unit(0), Signal::TERM, GROUP)]);
    assert_eq!(run.start_all(), [1]);
    assert_eq!(run.supervisor.status(), 5);
    run.all_exit(1, exited(7));
    assert_eq!(run.start_all(), [2]);
    assert_eq!(run.all_exit(2, exited(0)).last(), Some(&Action::Exit(5)), "the failure of the service decides");
}

#[test]
fn a_failed_after_command_changes_only_a_status_of_0() {
    let mut run = with(1, &[HookRole::After]);
    run.start_all();
    run.receive(Signal::TERM);
    assert_eq!(run.supervisor.stop_cause(), Some(Signal::TERM));
    run.all_exit(0, exited(0));
    run.start_all();
    assert_eq!(run.all_exit(1, exited(7)).last(), Some(&Action::Exit(7)));
}

#[test]
fn the_timeout_of_an_after_command_begins_with_its_start() {
    let mut run = with(1, &[HookRole::After]);
    run.start_all();
    run.receive(Signal::TERM);
    run.pass(Duration::from_secs(7));
    run.all_exit(0, exited(0));
    run.start_all();
    assert_eq!(run.next_timer(), (Duration::from_secs(8), vec![Action::Kill(unit(1), None)]));
}

#[test]
fn a_stop_signal_during_after_begins_the_shutdown_and_the_next_after_command_still_runs() {
    let ignore = on_exit(OnExit::Ignore);
    let mut run = Run::with_hooks(ignore, 1, &[HookRole::After, HookRole::After]);
    run.start_all();
    run.all_exit(0, exited(0));
    assert_eq!(run.start_all(), [1]);
    assert_eq!(run.receive(Signal::TERM), [Action::SendStopSignal(unit(1), Signal::TERM, AUTO)]);
    assert_eq!(run.messages.last(), Some(&Message::Received(Signal::TERM, Sender::Outside, Consequence::Shutdown)));
    assert_eq!(run.supervisor.stop_cause(), Some(Signal::TERM), "the next command sees UNTRAP_SIGNAL");
    assert_eq!(run.receive(Signal::TERM), [], "a second one does not end the cleanup");
    run.all_exit(1, ExitStatus::Signaled(Signal::TERM));
    assert_eq!(run.start_all(), [2], "cleanups run to the end");
    assert_eq!(run.all_exit(2, exited(0)).last(), Some(&Action::Exit(143)));
}

#[test]
fn after_commands_do_not_run_if_no_service_was_started() {
    let mut run = with(1, &[HookRole::After]);
    assert_eq!(run.receive(Signal::TERM), [Action::Exit(143)]);
    let mut run = with(1, &[HookRole::After]);
    assert_eq!(run.on(Event::StartFailed(unit(0), 127)), [Action::Exit(127)]);
}

#[test]
fn after_commands_do_not_run_if_the_only_service_could_not_execute_its_program() {
    let mut run = with(1, &[HookRole::After]);
    run.on(Event::Launched(unit(0)));
    run.on(Event::StartFailed(unit(0), 127));
    run.on(Event::LeaderExited(unit(0), exited(127)));
    run.on(Event::GroupEmptied(unit(0)));
    assert_eq!(run.no_children_left(), [Action::Exit(127)]);
}

#[test]
fn after_commands_run_after_a_failed_start_of_a_later_service() {
    let mut run = with(2, &[HookRole::After]);
    run.start(unit(0));
    run.on(Event::StartFailed(unit(1), 127));
    run.all_exit(0, ExitStatus::Signaled(Signal::TERM));
    assert_eq!(run.start_all(), [2]);
    assert_eq!(run.all_exit(2, exited(0)).last(), Some(&Action::Exit(127)));
}

#[test]
fn a_stop_command_runs_instead_of_the_stop_signal() {
    let mut run = with(2, &[HookRole::StopCommand(unit(0))]);
    run.start_all();
    assert_eq!(run.receive(Signal::TERM), [Action::SendStopSignal(unit(1), Signal::TERM, AUTO)]);
    assert_eq!(run.start_all(), [2]);
    assert_eq!(
        run.exits(2, exited(0)),
        [Action::SendStopSignal(unit(2), Signal::TERM, GROUP)],
        "service 0 is stopped by its command"
    );
    run.exits(1, exited(0));
    run.exits(0, exited(0));
    assert_eq!(run.no_children_left(), [Action::Exit(0)]);
}

#[test]
fn when_a_stop_command_fails_the_stop_signal_is_sent_and_the_deadline_does_not_move() {
    for fails in [Event::StartFailed(unit(1), 127), Event::LeaderExited(unit(1), exited(1))] {
        let mut run = with(1, &[HookRole::StopCommand(unit(0))]);
        run.start_all();
        run.receive(Signal::TERM);
        run.pass(Duration::from_secs(3));
        if matches!(fails, Event::LeaderExited(..)) {
            run.start_all();
        }
        assert!(run.on(fails).contains(&Action::SendStopSignal(unit(0), Signal::TERM, AUTO)));
        run.on(Event::GroupEmptied(unit(1)));
        assert_eq!(run.next_timer(), (Duration::from_secs(5), vec![Action::Kill(unit(0), None)]));
    }
}

#[test]
fn a_stop_command_that_hangs_is_killed_with_its_service_at_the_deadline() {
    let mut run = with(1, &[HookRole::StopCommand(unit(0))]);
    run.start_all();
    run.receive(Signal::TERM);
    run.start_all();
    assert_eq!(
        run.next_timer(),
        (Duration::from_secs(8), vec![Action::Kill(unit(0), None), Action::Kill(unit(1), None)])
    );
}

#[test]
fn remaining_members_of_an_after_command_are_killed_at_the_timeout() {
    let mut run = with(1, &[HookRole::After]);
    run.start_all();
    run.all_exit(0, exited(0));
    run.start_all();
    run.on(Event::LeaderExited(unit(1), exited(0)));
    assert_eq!(run.next_deadline(), (Duration::from_secs(8), vec![Action::Kill(unit(1), None)]));
}

#[test]
fn giving_up_on_a_service_does_not_shorten_the_time_of_after_commands() {
    let mut run = with(1, &[HookRole::After, HookRole::After]);
    run.start_all();
    run.receive(Signal::TERM);
    assert_eq!(run.next_deadline().1, [Action::Kill(unit(0), None)]);
    assert_eq!(run.next_deadline(), (Duration::from_secs(1), vec![Action::KillLeftovers]), "the service survives");
    assert_eq!(run.next_deadline(), (Duration::from_secs(1), vec![]));
    assert_eq!(run.start_all(), [1]);
    assert_eq!(run.on(Event::LeaderExited(unit(0), exited(0))), [Action::Reap(unit(0))], "a late exit is still reaped");
    run.on(Event::GroupEmptied(unit(0)));
    assert_eq!(run.next_deadline(), (Duration::from_secs(8), vec![Action::Kill(unit(1), None)]));
    run.next_deadline();
    run.next_deadline();
    assert_eq!(run.start_all(), [2]);
    assert_eq!(run.next_deadline(), (Duration::from_secs(8), vec![Action::Kill(unit(2), None)]));
}

#[test]
fn a_readiness_check_that_survives_sigkill_does_not_delay_the_shutdown() {
    let mut run = with(1, &[HookRole::WaitFor]);
    run.start_all();
    assert_eq!(run.next_timer(), (Duration::from_secs(5), vec![Action::Kill(unit(1), None)]));
    run.receive(Signal::TERM);
    assert_eq!(run.next_timer().1, [Action::SignalLeftovers(Signal::TERM)], "others may be left");
    assert_eq!(run.next_timer(), (Duration::from_secs(7), vec![Action::KillLeftovers]));
    assert_eq!(run.next_timer(), (Duration::from_secs(1), vec![Action::Exit(137)]));
}

#[test]
fn readiness_checks_receive_only_signals_that_stop_or_resume_processes() {
    let mut run = with(1, &[HookRole::WaitFor]);
    run.start_all();
    assert_eq!(run.receive(Signal::HUP), []);
    assert_eq!(run.receive(Signal::CONT), [Action::Send(unit(1), Signal::CONT, AUTO)]);
    let is_ignored = |message: &Message| matches!(message, Message::Received(Signal::HUP, _, Consequence::Ignore));
    assert!(run.messages.iter().any(is_ignored), "{:?}", run.messages);
}

#[test]
fn a_group_of_an_after_command_without_its_leader_gets_the_stop_signal_once() {
    let ignore = on_exit(OnExit::Ignore);
    let mut run = Run::with_hooks(ignore, 1, &[HookRole::After]);
    run.start_all();
    run.all_exit(0, exited(0));
    run.start_all();
    let id = unit(1);
    let stop = Action::SendStopSignal(id, Signal::TERM, GROUP);
    assert_eq!(run.on(Event::LeaderExited(id, exited(0))), [stop, Action::Reap(id)]);
    assert_eq!(run.receive(Signal::TERM), []);
}
