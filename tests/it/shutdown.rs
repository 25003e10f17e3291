//! The shutdown, the stop timeout and the exit status.

use crate::support::{Place, Scene, places};

#[test]
fn the_exit_of_one_service_stops_the_others_and_gives_the_status() {
    for place in places() {
        let scene = Scene::new();
        let end = scene.start(place, &[&scene.witness("a", ""), "sh -c 'exit 3'"]).end();
        assert_eq!(end.status, 3, "{:?}", end.messages);
        assert!(end.said("exited with status 3 after") && end.said(", stopping"));
    }
}

#[test]
fn death_by_signal_n_gives_status_128_plus_n() {
    let scene = Scene::new();
    assert_eq!(scene.run(&["kill -USR1 $$"]).status, 128 + 10);
    assert_eq!(scene.run(&["kill -40 $$"]).status, 128 + 40, "a real-time signal too");
    let end = scene.run(&["python3 -c 'import os; os.kill(os.getpid(), 33)'"]);
    assert!(
        end.status == 128 + 33 && end.said("killed by signal 33"),
        "a signal that the C library reserves: {:?}",
        end.messages
    );
}

#[test]
fn after_a_stop_signal_the_first_failure_gives_the_status() {
    let scene = Scene::new();
    let untrap = scene.start(Place::Subreaper, &[&scene.witness("a", "TERM=0"), &scene.witness("b", "TERM=4")]);
    scene.ready("a");
    scene.ready("b");
    untrap.signal("TERM");
    assert_eq!(untrap.end().status, 4);
}

#[test]
fn stop_on_failure_and_ignore_let_the_other_services_run() {
    let scene = Scene::new();
    assert_eq!(scene.run(&["--on-exit", "stop-on-failure", "true", "sh -c 'read x; exit 5'"]).status, 5);
    assert_eq!(scene.run(&["--on-exit", "ignore", "sh -c 'exit 6'", "true"]).status, 6);
    let untrap =
        scene.start(Place::Subreaper, &["--on-exit", "helper=ignore", "helper: false", &scene.witness("a", "")]);
    scene.ready("a");
    untrap.wait_for_message("helper (pid");
    untrap.signal("TERM");
    untrap.end();
    assert_eq!(scene.seen("a"), ["SIGTERM"]);
}

#[test]
fn the_exit_map_replaces_the_status() {
    let scene = Scene::new();
    assert_eq!(scene.run(&["--exit-map", "3=0", "sh -c 'exit 3'"]).status, 0);
    let mut untrap = scene.untrap();
    untrap.arg("sh -c 'exit 4'").env("UNTRAP_EXIT_MAP", "3=0,4=9");
    assert_eq!(untrap.output().unwrap().status.code(), Some(9));
}

#[test]
fn a_service_that_ignores_the_stop_signal_is_killed_at_the_timeout_and_the_other_exits_cleanly() {
    for place in places() {
        let scene = Scene::new();
        let (a, b) = (format!("a: {}", scene.witness("a", "TERM=ignore")), format!("b: {}", scene.witness("b", "")));
        let untrap = scene.start(place, &["-t", "300ms", &a, &b]);
        scene.ready("a");
        scene.ready("b");
        untrap.signal("TERM");
        let end = untrap.end();
        assert_eq!(end.status, 137);
        assert!(end.said("b (pid") && end.said("exited with status 0"), "{:?}", end.messages);
        let killed: Vec<_> = end.messages.iter().filter(|line| line.contains(", killed")).collect();
        assert!(killed.len() == 1 && killed[0].contains("a (pid"), "{killed:?}");
    }
}

#[test]
fn the_timeout_kills_the_whole_group() {
    let scene = Scene::new();
    let child = scene.witness("child", "TERM=ignore");
    let untrap = scene.start(Place::Subreaper, &["-t", "200ms", &format!("trap '' TERM; {child} & wait; wait")]);
    let [pid, ..] = scene.ready("child");
    untrap.signal("TERM");
    assert_eq!(untrap.end().status, 137);
    assert_eq!(crate::support::state(pid), "", "the child is not killed and reaped");
}

#[test]
fn timeout_zero_kills_at_once() {
    let scene = Scene::new();
    let untrap = scene.start(Place::Subreaper, &["-t", "0s", &scene.witness("a", "")]);
    scene.ready("a");
    untrap.signal("TERM");
    assert_eq!(untrap.end().status, 137);
    assert_eq!(scene.seen("a"), [""; 0]);
}

#[test]
fn options_come_from_the_environment_and_the_command_line_wins() {
    let scene = Scene::new();
    for (arguments, status) in [(&[][..], 137), (&["-t", "inf", "-s", "INT"], 9)] {
        let a = format!("a: {}", scene.witness("a", "INT=9 QUIT=ignore"));
        let mut command = scene.untrap();
        command.args(arguments).arg(&a).env("UNTRAP_TIMEOUT", "1h,a=100ms").env("UNTRAP_STOP_SIGNAL", "QUIT");
        let untrap = crate::support::Running::new(Place::Subreaper, &mut command);
        scene.ready("a");
        untrap.signal("TERM");
        assert_eq!(untrap.end().status, status);
        std::fs::remove_file(scene.path("a")).unwrap();
    }
}

#[test]
fn a_missing_program_gives_status_127_and_stops_the_started_services() {
    for place in places() {
        let scene = Scene::new();
        // The program is not looked up before the first service starts, because a readiness check comes before it.
        let options = ["--ready", "sleep=exec:true"];
        let services = ["sleep 1000", "x: no-such-program -x", "sleep 1001"];
        let end = scene.start(place, &[&options[..], &services[..]].concat()).end();
        assert_eq!(end.status, 127);
        assert!(end.said("x can't start: program no-such-program not found in PATH ("), "{:?}", end.messages);
        assert!(end.said("sleep (pid") && end.said("killed by SIGTERM"));
        let count = |text: &str| end.messages.iter().filter(|line| line.contains(text)).count();
        // A leader that is stopped before it executes its program has not started.
        assert!(count(" started ") <= count(") killed by SIGTERM"), "{:?}", end.messages);
    }
}

#[test]
fn a_program_that_cannot_be_executed_gives_status_126() {
    let scene = Scene::new();
    scene.write("plain", "text");
    let end = scene.run(&["sleep 1000", "./plain"]);
    assert_eq!(end.status, 126);
    assert!(end.said("plain can't start: ./plain is not executable"), "{:?}", end.messages);
    assert_eq!(scene.run(&["/"]).status, 126);
}
