//! Orphans are reaped; leftover processes are stopped, and killed at the timeout.

use crate::support::{Place, Scene, children, places, processes_with, state, wait_for};

/// A command that starts a witness in a session of its own, as a daemon does, and keeps running.
fn daemonize(scene: &Scene, name: &str, rules: &str) -> String {
    format!("(setsid {} &) ; exec {}", scene.witness(name, rules), scene.witness("main", ""))
}

#[test]
fn orphans_are_adopted_and_reaped() {
    for place in places() {
        let scene = Scene::new();
        let untrap = scene.start(place, &[&format!("(sleep 0.01 &); exec {}", scene.witness("main", ""))]);
        scene.ready("main");
        wait_for("the orphan is reaped", || (children(untrap.pid()).len() == 1).then_some(()));
        untrap.signal("TERM");
        assert_eq!(untrap.end().status, 0);
    }
}

#[test]
fn a_daemon_outside_its_group_is_stopped_after_the_services_and_waited_for() {
    for place in places() {
        let scene = Scene::new();
        let untrap = scene.start(place, &[&daemonize(&scene, "daemon", "")]);
        let [pid, _, group] = scene.ready("daemon");
        assert_eq!(pid, group);
        scene.ready("main");
        untrap.signal("HUP");
        scene.wait_for_line("main", "SIGHUP");
        untrap.signal("TERM");
        let end = untrap.end();
        assert_eq!(end.status, 0);
        assert_eq!(scene.seen("daemon"), ["SIGTERM"]);
        assert!(end.said(&format!("leftover process witness (pid {pid}) sent the stop signal")), "{:?}", end.messages);
    }
}

#[test]
fn a_daemon_that_ignores_the_stop_signal_is_killed_at_the_timeout() {
    for place in places() {
        let scene = Scene::new();
        let untrap = scene.start(place, &["-t", "300ms", &daemonize(&scene, "daemon", "TERM=ignore")]);
        let [pid, ..] = scene.ready("daemon");
        scene.ready("main");
        untrap.signal("TERM");
        let end = untrap.end();
        assert!(end.said(&format!("leftover process witness (pid {pid}) killed")), "{:?}", end.messages);
        assert_eq!(scene.seen("daemon").first().unwrap(), "SIGTERM");
    }
}

#[test]
fn a_daemon_keeps_running_if_the_exit_of_its_service_is_ignored() {
    for place in places() {
        let scene = Scene::new();
        let daemon = format!("setsid {} & until grep -qs '^ready .*$' daemon; do :; done", scene.witness("daemon", ""));
        let untrap = scene.start(place, &["--on-exit", "ignore", &daemon]);
        untrap.wait_for_message("every service has exited, waiting");
        scene.ready("daemon");
        untrap.signal("TERM");
        assert_eq!(untrap.end().status, 0);
        assert_eq!(scene.seen("daemon")[0], "SIGTERM");
    }
}

#[test]
fn untrap_exits_at_once_when_the_last_leftover_process_does() {
    let scene = Scene::new();
    let untrap = scene.start(Place::Subreaper, &["--on-exit", "ignore", "(setsid sleep 0.05 &)"]);
    assert_eq!(untrap.end().status, 0);
}

#[test]
fn the_rest_of_a_group_is_stopped_and_waited_for_after_its_leader_has_exited() {
    for place in places() {
        let scene = Scene::new();
        let command = format!("{} & until grep -qs '^ready .*$' child; do :; done; exit 5", scene.witness("child", ""));
        let end = scene.start(place, &[&command]).end();
        assert_eq!(end.status, 5);
        assert_eq!(scene.seen("child")[0], "SIGTERM", "{:?}", end.messages);
    }
}

#[test]
fn under_ignore_a_group_without_its_leader_keeps_running_and_is_signalled() {
    let scene = Scene::new();
    let command = format!("a: {} & exit 0", scene.witness("child", ""));
    let untrap = scene.start(Place::Subreaper, &["--on-exit", "ignore", &command]);
    untrap.wait_for_message("a (pid");
    scene.ready("child");
    untrap.signal("HUP");
    scene.wait_for_line("child", "SIGHUP");
    untrap.signal("TERM");
    untrap.end();
    assert_eq!(scene.seen("child")[..2], ["SIGHUP", "SIGTERM"]);
}

#[test]
fn a_group_whose_members_have_all_been_replaced_is_still_signalled() {
    for place in places() {
        let scene = Scene::new();
        // The process that outlives the leader starts the child and exits.
        let child = scene.witness("child", "");
        let renews = format!("(until [ -e go ]; do :; done; {child} &) & exit 0");
        let untrap = scene.start(place, &["-s", "QUIT", "--on-exit", "ignore", &renews]);
        untrap.wait_for_message("exited with status 0");
        let exited = std::time::Instant::now();
        // Start times have a resolution of 10 ms, so wait longer, to give the child another start time.
        wait_for("start times differ", || (exited.elapsed().as_millis() > 20).then_some(()));
        scene.write("go", "");
        scene.ready("child");
        wait_for("the first process has exited", || (children(untrap.pid()).len() == 1).then_some(()));
        untrap.signal("HUP");
        scene.wait_for_line("child", "SIGHUP");
        untrap.signal("TERM");
        let end = untrap.end();
        assert_eq!(scene.seen("child")[..2], ["SIGHUP", "SIGQUIT"], "{:?}", end.messages);
    }
}

#[test]
fn processes_that_keep_replacing_themselves_are_killed() {
    for place in places() {
        let scene = Scene::new();
        // Each process starts the next one in a new session and exits, so that no scan of /proc finds the same process
        // twice.
        let link = scene.script("link", "#!/bin/sh\ntrap '' TERM\necho x >> count\nsetsid \"$0\" &\n");
        let link = link.to_str().unwrap();
        let chains = format!("for i in 1 2 3 4 5 6 7 8; do setsid {link} & done");
        let untrap = scene.start(place, &["-t", "300ms", "--on-exit", "ignore", &chains]);
        wait_for("the chains run", || (scene.lines("count").len() > 50).then_some(()));
        untrap.signal("TERM");
        let end = untrap.end();
        assert!(!end.said("not waiting longer"), "{:?}", end.messages);
        assert_eq!(processes_with(link), [0; 0], "processes of the chains remain");
    }
}

#[test]
fn no_zombie_remains() {
    let scene = Scene::new();
    let many = "i=0; while [ $i -lt 300 ]; do (true &); i=$((i+1)); done; sleep 1000";
    let untrap = scene.start(Place::Subreaper, &[many]);
    wait_for("all are reaped", || {
        let children = children(untrap.pid());
        (children.len() == 1 && children.iter().all(|pid| state(*pid) == "S")).then_some(())
    });
    untrap.signal("TERM");
    untrap.end();
}

#[test]
fn a_process_that_leaves_its_group_when_it_is_stopped_is_stopped_again_as_a_leftover() {
    let scene = Scene::new();
    // The daemon leaves its process group on the first SIGTERM. The kernel does not report changes of a process group.
    let late = "import os, signal, sys\n\
                def on_term(*_):\n    \
                    if os.getpgrp() == os.getpid(): open('stopped', 'w').write('again\\n'); sys.exit()\n    \
                    os.setsid()\n\
                signal.signal(signal.SIGTERM, on_term)\n\
                open('ready', 'w').write('x\\n')\n\
                while True: signal.pause()\n";
    scene.write("late.py", late);
    let leader = "python3 late.py & until [ -s ready ]; do sleep 0.01; done";
    for place in places() {
        let _ = std::fs::remove_file(scene.path("ready"));
        let end = scene.start(place, &["-t", "inf", leader]).end();
        if end.said("python3: not found") {
            return crate::support::skip("python3 is not installed, so no process can leave its group");
        }
        assert_eq!((end.status, scene.lines("stopped")), (0, vec!["again".to_owned()]), "{:?}", end.messages);
        assert!(end.said("sent the stop signal") && !end.said("killed"), "{:?}", end.messages);
    }
}
