//! How services are started.

use std::fmt::Write as _;

use crate::support::{Place, Scene, places, wait_for};

#[test]
fn each_service_has_a_process_group_of_its_own() {
    for place in places() {
        let scene = Scene::new();
        let (a, b) = (scene.witness("a", ""), scene.witness("b", ""));
        let untrap = scene.start(place, &[&a, &b]);
        let ([a, parent_a, group_a], [b, parent_b, group_b]) = (scene.ready("a"), scene.ready("b"));
        assert_eq!((a, b), (group_a, group_b));
        assert_ne!(a, b);
        assert_eq!(parent_a, parent_b);
        assert_eq!(parent_a, if place == Place::Pid1 { 1 } else { untrap.pid() });
        untrap.signal("TERM");
        let end = untrap.end();
        assert!(end.said(&format!("witness started (pid {a})")), "{:?}", end.messages);
        assert!(end.said(&format!("witness.2 started (pid {b})")), "{:?}", end.messages);
    }
}

#[test]
fn a_program_after_two_dashes_gets_its_arguments_literally() {
    let scene = Scene::new();
    let end = scene.run(&["--", "printf", "%s|", "a b", "$HOME", "-f", "--", "web: x", "'"]);
    assert_eq!(end.stdout, "a b|$HOME|-f|--|web: x|'|");
    assert_eq!(end.status, 0);
}

#[test]
fn a_simple_command_is_executed_without_a_shell() {
    let scene = Scene::new();
    scene.script("show", "#!/bin/sh\ntr '\\0' '\\n' < /proc/$$/cmdline; cat /proc/$PPID/comm");
    let end = scene.run(&["./show 'a  b' c\\ d"]);
    assert_eq!(end.stdout, "/bin/sh\n./show\na  b\nc d\nuntrap\n");
}

#[test]
fn any_other_command_goes_to_sh_unchanged() {
    let scene = Scene::new();
    let end = scene.run(&["x: A='1  2'; echo \"$A\" | tr 1 3 && cd / && pwd"]);
    assert_eq!(end.stdout, "3  2\n/\n");
}

#[test]
fn the_process_types_of_a_procfile_start_in_its_order() {
    let scene = Scene::new();
    scene.write("Procfile", "# ours\nweb: sleep 1000\n\nworker: sleep 1001\n");
    for arguments in [&[][..], &["-f", "Procfile"]] {
        let untrap = scene.start(Place::Subreaper, arguments);
        // The messages come when the programs are executed, which can be in another order.
        let pid = |name: &str| -> i32 {
            let message = untrap.wait_for_message(&format!("{name} started (pid "));
            message.split(['(', ')']).nth(1).unwrap().strip_prefix("pid ").unwrap().parse().unwrap()
        };
        assert!(pid("web.1") < pid("worker.1"));
        untrap.signal("TERM");
        untrap.end();
    }
}

#[test]
fn a_procfile_can_come_from_standard_input_or_the_environment() {
    let scene = Scene::new();
    let procfile = scene.write("p", "web: echo hello\n");
    let untrap = scene.untrap().args(["-f", "-"]).stdin(std::fs::File::open(&procfile).unwrap()).output().unwrap();
    assert_eq!(untrap.stdout, b"hello\n");
    let untrap = scene.untrap().arg("web").env("UNTRAP_PROCFILE", "p").output().unwrap();
    assert_eq!(untrap.stdout, b"hello\n");
}

#[test]
fn a_script_without_an_interpreter_line_is_run_by_sh() {
    let scene = Scene::new();
    scene.script("plain", "echo $0 $1\n");
    assert_eq!(scene.run(&["./plain x"]).stdout, "./plain x\n");
}

#[test]
fn one_service_keeps_standard_input_and_several_get_dev_null() {
    let scene = Scene::new();
    let input = scene.write("input", "hello");
    let one = scene.untrap().arg("cat").stdin(std::fs::File::open(&input).unwrap()).output().unwrap();
    assert_eq!(one.stdout, b"hello");
    let several = scene.untrap().args(["cat", "cat"]).stdin(std::fs::File::open(&input).unwrap()).output().unwrap();
    assert_eq!(several.stdout, b"");
}

#[test]
fn services_get_the_environment_without_untraps_own_variables() {
    let scene = Scene::new();
    let mut command = scene.untrap();
    command.args(["--", "env"]).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("A", "1").env("UNTRAP_TIMEOUT", "3s").env("UNTRAP_QUIET", "1").env("UNTRAP_OTHER", "kept");
    let output = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let mut lines: Vec<_> = output.lines().filter(|line| !line.starts_with("PATH=")).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["A=1", "DYNO=env", "PS=env", "UNTRAP_NAME=env", "UNTRAP_OTHER=kept"]);
}

#[test]
fn a_stop_signal_during_the_start_starts_nothing_more() {
    // The first service sends the signal while hundreds of services are still to be started.
    let scene = Scene::new();
    let mut procfile = String::from("first: kill -TERM $PPID; sleep 1000\n");
    for number in 0..400 {
        writeln!(procfile, "p{number}: sleep 1000").unwrap();
    }
    scene.write("Procfile", procfile);
    let end = scene.run(&[]);
    let count = |text: &str| end.messages.iter().filter(|line| line.contains(text)).count();
    let stopped = count(") killed by SIGTERM");
    assert!((1..401).contains(&stopped), "{stopped} were started");
    // A leader that is stopped before it executes its program has not started.
    assert!(count(" started ") <= stopped, "each started service was stopped and reaped");
}

#[test]
fn killing_untrap_leaves_no_leader_running() {
    let scene = Scene::new();
    let untrap = scene.start(Place::Subreaper, &[&scene.witness("a", ""), &scene.witness("b", "")]);
    let pids = [scene.ready("a")[0], scene.ready("b")[0]];
    drop(untrap);
    for pid in pids {
        wait_for("the leader is killed", || matches!(crate::support::state(pid).as_str(), "" | "Z").then_some(()));
    }
}
