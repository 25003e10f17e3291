//! Which processes receive which signals.

use crate::support::{Place, Scene, kill, places, state, wait_for};

#[test]
fn other_signals_are_forwarded_to_every_service_and_begin_no_shutdown() {
    for place in places() {
        let scene = Scene::new();
        let untrap = scene.start(place, &[&scene.witness("a", ""), &scene.witness("b", "")]);
        scene.ready("a");
        scene.ready("b");
        for signal in
            ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGALRM", "SIGCONT", "SIGPWR", "SIGRTMIN", "SIGRTMAX"]
        {
            untrap.signal(signal);
            scene.wait_for_line("a", signal);
            scene.wait_for_line("b", signal);
        }
        untrap.signal("TERM");
        untrap.end();
        let seen = scene.seen("a");
        assert_eq!(
            seen[..9],
            ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGALRM", "SIGCONT", "SIGPWR", "SIGRTMIN", "SIGRTMAX"]
        );
        assert_eq!(seen[9], "SIGTERM");
        assert_eq!(seen, scene.seen("b"));
    }
}

#[test]
fn sigcont_follows_the_stop_signal_so_that_a_suspended_process_can_exit() {
    let scene = Scene::new();
    let untrap = scene.start(Place::Subreaper, &[&scene.witness("a", "")]);
    let [pid, ..] = scene.ready("a");
    kill(pid, "STOP");
    wait_for("the service is suspended", || (state(pid) == "T").then_some(()));
    untrap.signal("TERM");
    assert_eq!(untrap.end().status, 0);
}

#[test]
fn only_the_leader_is_signalled_if_it_is_not_a_shell() {
    // Like the master of celery or postgres: its workers share its group and abort their work if they are signalled.
    let scene = Scene::new();
    let (worker, master) = (scene.witness("worker", ""), scene.witness("master", ""));
    let untrap = scene.start(Place::Subreaper, &[&format!("{worker} & exec {master}")]);
    let ([_, _, group], [pid, ..]) = (scene.ready("worker"), scene.ready("master"));
    assert_eq!(group, pid, "both are in one group");
    untrap.signal("HUP");
    scene.wait_for_line("master", "SIGHUP");
    untrap.signal("TERM");
    untrap.end();
    assert_eq!(scene.seen("master")[..2], ["SIGHUP", "SIGTERM"]);
    assert_eq!(scene.seen("worker"), ["SIGTERM"], "the worker is stopped once, after its leader has exited");
}

#[test]
fn the_whole_group_of_a_shell_is_signalled_because_a_shell_forwards_nothing() {
    for shell in ["sh", "bash", "dash"] {
        let scene = Scene::new();
        scene.script("run", &format!("#!/usr/bin/env {shell}\n{}\necho done > after\n", scene.witness("program", "")));
        let untrap = scene.start(Place::Subreaper, &["./run"]);
        scene.ready("program");
        untrap.signal("USR2");
        untrap.end();
        assert_eq!(
            scene.seen("program"),
            ["SIGUSR2", "SIGTERM"],
            "{shell}: SIGUSR2 kills the shell, and its program is signalled"
        );
    }
}

#[test]
fn a_script_with_a_trap_and_a_foreground_program_does_not_hang() {
    let scene = Scene::new();
    let program = scene.witness("program", "");
    scene.script("run", &format!("#!/bin/bash\ntrap 'echo trapped > trap; exit 7' TERM\n{program}\n"));
    let untrap = scene.start(Place::Subreaper, &["./run"]);
    scene.ready("program");
    untrap.signal("TERM");
    assert_eq!(untrap.end().status, 7);
    assert_eq!(scene.lines("trap"), ["trapped"]);
    assert_eq!(scene.seen("program"), ["SIGTERM"]);
}

#[test]
fn a_service_gets_its_own_stop_signal() {
    let scene = Scene::new();
    let (a, b) = (format!("a: {}", scene.witness("a", "")), format!("b: {}", scene.witness("b", "")));
    let untrap = scene.start(Place::Subreaper, &["-s", "b=QUIT", &a, &b]);
    scene.ready("a");
    scene.ready("b");
    untrap.signal("INT");
    untrap.end();
    assert_eq!((scene.seen("a").first().unwrap().as_str(), scene.seen("b")[0].as_str()), ("SIGINT", "SIGQUIT"));
}

#[test]
fn each_signal_of_the_list_begins_the_shutdown() {
    for place in places() {
        for signal in ["SIGTERM", "SIGINT", "SIGQUIT", "SIGRTMIN+3"] {
            let scene = Scene::new();
            let untrap = scene.start(place, &[&scene.witness("a", "RTMIN+3=0")]);
            scene.ready("a");
            untrap.signal(signal);
            let end = untrap.end();
            assert_eq!(end.status, 0, "{:?}", end.messages);
            // The kernel delivers SIGCONT before a real-time signal that was sent earlier.
            assert!(scene.seen("a").contains(&signal.to_owned()));
        }
    }
}

#[test]
fn a_second_term_is_forwarded_and_a_second_int_kills() {
    let scene = Scene::new();
    let untrap = scene.start(Place::Subreaper, &["-t", "inf", &scene.witness("a", "TERM=ignore INT=ignore")]);
    scene.ready("a");
    for (signal, count) in [("SIGTERM", 1), ("SIGTERM", 2), ("SIGINT", 1)] {
        untrap.signal(signal);
        let seen = || scene.seen("a").iter().filter(|line| *line == signal).count();
        wait_for("the signal arrives", || (seen() == count).then_some(()));
    }
    untrap.interrupt();
    let end = untrap.end();
    assert_eq!(end.status, 137);
    assert!(end.said("press Ctrl-C again to kill"), "{:?}", end.messages);
}

#[test]
fn messages_name_the_sender() {
    for (place, sender) in
        [(Place::Subreaper, format!("pid {}", std::process::id())), (Place::Pid1, "pid 0".to_owned())]
    {
        if !places().contains(&place) {
            continue;
        }
        let scene = Scene::new();
        let untrap = scene.start(place, &[&scene.witness("a", "")]);
        scene.ready("a");
        untrap.signal("HUP");
        untrap.wait_for_message(&format!("SIGHUP from {sender}"));
        untrap.signal("TERM");
        assert!(untrap.end().said(&format!("SIGTERM from {sender}")));
    }
}
