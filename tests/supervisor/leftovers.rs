//! Who is left: in a group whose leader has ended, in no group, and after SIGKILL.

use super::*;

#[test]
fn who_is_left_in_a_group_is_told_when_its_leader_alone_was() {
    let mut run = Run::started(&[policy(), policy()]);
    run.receive(Signal::TERM);
    run.on(Event::StopSignalSent(unit(0), Receivers::Leader));
    run.on(Event::StopSignalSent(unit(1), Receivers::Group));
    assert_eq!(
        run.on(Event::LeaderExited(unit(0), exited(0))),
        [Action::SendStopSignal(unit(0), Signal::TERM, GROUP), Action::Reap(unit(0))]
    );
    assert_eq!(run.on(Event::LeaderExited(unit(1), exited(0))), [Action::Reap(unit(1))], "each receiver gets it once");
}

#[test]
fn a_group_whose_leader_has_ended_is_still_told_waited_for_and_killed() {
    let mut run = Run::started(&[on_exit(OnExit::Ignore), policy()]);
    assert_eq!(run.on(Event::LeaderExited(unit(0), exited(0))), [Action::Reap(unit(0))]);
    assert_eq!(
        run.receive(Signal::HUP),
        [Action::Send(unit(0), Signal::HUP, GROUP), Action::Send(unit(1), Signal::HUP, AUTO)]
    );
    run.receive(Signal::TERM);
    run.ends(1, exited(0));
    assert_eq!(run.on(Event::Reaped { children_left: true }), [], "the group is waited for");
    assert_eq!(run.deadline_comes().1, [Action::Kill(unit(0), None)]);
    run.on(Event::GroupEmptied(unit(0)));
    assert_eq!(run.nothing_left(), [Action::Exit(0)]);
}

#[test]
fn nothing_is_sent_to_a_group_that_is_gone() {
    let mut run = Run::started(&[on_exit(OnExit::Ignore), policy()]);
    run.ends(0, exited(0));
    assert_eq!(run.receive(Signal::HUP), [Action::Send(unit(1), Signal::HUP, AUTO)]);
    assert_eq!(run.receive(Signal::TERM), [Action::SendStopSignal(unit(1), Signal::TERM, AUTO)]);
    assert_eq!(run.time_comes().1, [Action::Kill(unit(1), None)]);
}

#[test]
fn a_group_without_its_leader_is_looked_at_in_a_stop_because_a_daemon_leaves_it_in_silence() {
    let mut run = Run::started(&[on_exit(OnExit::Ignore)]);
    run.on(Event::LeaderExited(unit(0), exited(0)));
    assert_eq!(run.supervisor.wake_at(), None, "nobody waits for it");
    run.receive(Signal::TERM);
    let waits: Vec<_> = (0..10)
        .map(|_| {
            let (waited, actions) = run.time_comes();
            assert_eq!(actions, [Action::CheckGroup(unit(0))]);
            waited.as_millis()
        })
        .collect();
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000]);
    run.on(Event::GroupEmptied(unit(0)));
    assert_eq!(run.on(Event::Reaped { children_left: true }), [Action::SignalLeftovers(Signal::TERM)]);
}

#[test]
fn leftovers_are_told_when_all_groups_are_empty_and_killed_at_the_deadline() {
    let mut run = Run::started(&[policy()]);
    run.receive(Signal::TERM);
    run.pass(Duration::from_secs(1));
    run.ends(0, exited(0));
    assert_eq!(run.on(Event::Reaped { children_left: true }), [Action::SignalLeftovers(Signal::TERM)]);
    assert_eq!(run.on(Event::Reaped { children_left: true }), [], "told once");
    assert_eq!(run.time_comes(), (Duration::from_secs(7), vec![Action::KillLeftovers]));
    let again = run.on(Event::Reaped { children_left: true });
    assert_eq!(again, [Action::KillLeftovers], "a fork bomb is killed again after each reaping");
    assert_eq!(run.nothing_left(), [Action::Exit(0)]);
}

#[test]
fn leftovers_get_the_time_of_the_most_patient_service() {
    let mut run = Run::started(&[timeout(1), timeout(30)]);
    run.receive(Signal::TERM);
    run.ends(1, exited(0));
    assert_eq!(run.time_comes(), (Duration::from_secs(1), vec![Action::Kill(unit(0), None)]));
    run.ends(0, ExitStatus::Signaled(Signal::KILL));
    assert_eq!(run.on(Event::Reaped { children_left: true }), [Action::SignalLeftovers(Signal::TERM)]);
    assert_eq!(run.time_comes(), (Duration::from_secs(29), vec![Action::KillLeftovers]));
}

#[test]
fn where_reaping_never_comes_to_its_end_leftovers_are_killed_all_the_same() {
    let mut run = Run::started(&[timeout(1)]);
    assert_eq!(run.on(Event::StillReaping), []);
    run.receive(Signal::TERM);
    run.ends(0, exited(0));
    assert_eq!(run.on(Event::StillReaping), [Action::SignalLeftovers(Signal::TERM)]);
    assert_eq!(run.on(Event::StillReaping), [], "they have their time");
    assert_eq!(run.time_comes(), (Duration::from_secs(1), vec![Action::KillLeftovers]));
    run.pass(Duration::from_millis(900));
    assert_eq!(run.on(Event::StillReaping), [Action::KillLeftovers]);
    assert_eq!(run.time_comes().0, Duration::from_secs(1), "who goes away is progress");
}

#[test]
fn a_daemon_keeps_the_run_going_when_its_starter_is_ignored() {
    let mut run = Run::started(&[on_exit(OnExit::Ignore)]);
    run.ends(0, exited(0));
    assert_eq!(run.on(Event::Reaped { children_left: true }), []);
    assert_eq!(run.messages.last(), Some(&Message::WaitingForLeftovers));
    assert_eq!(run.supervisor.wake_at(), None);
    assert_eq!(run.receive(Signal::TERM), [Action::SignalLeftovers(Signal::TERM)]);
    assert_eq!(run.nothing_left(), [Action::Exit(0)]);
}

#[test]
fn what_survives_sigkill_does_not_hold_the_end_up() {
    let mut run = Run::started(&[timeout(2), timeout(2)]);
    run.receive(Signal::TERM);
    run.time_comes();
    run.ends(1, ExitStatus::Signaled(Signal::KILL));
    assert_eq!(run.time_comes(), (Duration::from_secs(1), vec![Action::KillLeftovers]), "others may be left");
    assert_eq!(run.time_comes(), (Duration::from_secs(1), vec![Action::Exit(137)]));
    assert!(run.messages.contains(&Message::GaveUpOn(unit(0))));
}

#[test]
fn as_long_as_killed_ones_go_untrap_waits_for_the_others_but_not_for_ever() {
    let mut run = Run::started(&[timeout(0), timeout(0)]);
    run.receive(Signal::TERM);
    let start = run.now;
    while !run.messages.iter().any(|message| matches!(message, Message::GaveUpOn(_))) {
        run.pass(Duration::from_millis(900));
        run.on(Event::Reaped { children_left: true });
        run.on(Event::TimerExpired);
    }
    assert!((10..11).contains(&(run.now - start).as_secs()), "{:?}", run.now - start);
}
