//! A service that hangs before it executes its program: untrap does not wait for it.

use std::process::Command;

use crate::support::{Place, Running, Scene, children, example, kill, state, wait_for};

/// untrap with this option and two services: execve(2) of the first hangs.
fn with_hanging_service(scene: &Scene, shell: &str, options: &[&str]) -> Running {
    let program = scene.script("hanging", "#!/bin/sh\n");
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{shell} exec \"$@\""), "sh"]).arg(example("hang")).arg("/hanging");
    command.arg(env!("CARGO_BIN_EXE_untrap")).args(options).arg(program).arg(scene.witness("other", ""));
    Running::new(Place::Subreaper, command.current_dir(scene.path(".")))
}

/// The child of untrap that has not executed its program.
fn hanging_child(untrap: &Running) -> i32 {
    let own = std::fs::read_link(format!("/proc/{}/exe", untrap.pid())).unwrap();
    let is_launching = |pid: &i32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == own);
    wait_for("a child is launching", || children(untrap.pid()).into_iter().find(is_launching))
}

#[test]
fn a_service_that_hangs_in_execve_delays_no_other_and_is_stopped() {
    let scene = Scene::new();
    let untrap = with_hanging_service(&scene, "", &[]);
    scene.ready("other");
    hanging_child(&untrap);
    untrap.signal("TERM");
    let end = untrap.end();
    assert!(!end.said("hanging started"), "{:?}", end.messages);
    assert!(end.said("killed by SIGTERM"), "{:?}", end.messages);
    assert_eq!(end.status, 143);
}

#[test]
fn a_service_that_hangs_in_execve_and_ignores_its_stop_signal_is_killed_at_the_timeout() {
    let scene = Scene::new();
    let untrap = with_hanging_service(&scene, "trap '' TERM;", &["-t", "300ms"]);
    scene.ready("other");
    hanging_child(&untrap);
    untrap.signal("TERM");
    let end = untrap.end();
    assert!(end.said("did not stop within 3"), "{:?}", end.messages);
    assert_eq!(end.status, 137);
}

#[test]
fn a_service_that_is_stopped_before_its_exec_is_stopped_and_killed_like_one_that_runs() {
    for (trap, status) in [("", 143), ("trap '' TERM;", 137)] {
        let scene = Scene::new();
        let untrap = with_hanging_service(&scene, trap, &["-t", "300ms"]);
        scene.ready("other");
        let child = hanging_child(&untrap);
        kill(child, "STOP");
        wait_for("the child is stopped", || (state(child) == "T").then_some(()));
        untrap.signal("TERM");
        assert_eq!(untrap.end().status, status);
    }
}

#[test]
fn a_service_that_hangs_holds_no_descriptor_of_untrap() {
    let scene = Scene::new();
    let untrap = with_hanging_service(&scene, "exec 7< /dev/zero;", &["--pid-dir", "pids", "--output", "prefix"]);
    scene.ready("other");
    let child = hanging_child(&untrap);
    let targets = |pid: i32, is_wanted: &dyn Fn(&str) -> bool| -> Vec<String> {
        let numbers = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let numbers = numbers.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let target = |number: String| std::fs::read_link(format!("/proc/{pid}/fd/{number}")).unwrap();
        numbers.filter(|number| is_wanted(number)).map(|number| target(number).display().to_string()).collect()
    };
    let is_above_standard = |number: &str| number.parse::<i32>().unwrap() > 2;
    let held = targets(child, &is_above_standard);
    assert!(held.contains(&"/dev/zero".to_owned()), "a descriptor that untrap was given is kept: {held:?}");
    let is_closed_by_exec = |number: &str| {
        let info = std::fs::read_to_string(format!("/proc/{}/fdinfo/{number}", untrap.pid())).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
        i32::from_str_radix(flags.trim(), 8).unwrap() & libc::O_CLOEXEC != 0
    };
    let own = targets(untrap.pid(), &is_closed_by_exec);
    let held_of_untrap: Vec<_> = held
        .iter()
        // sh keeps a descriptor of /dev/null open.
        .filter(|target| own.contains(target) && *target != "/dev/null")
        .collect();
    assert!(
        matches!(held_of_untrap.as_slice(), [pipe] if pipe.starts_with("pipe:")),
        "only the pipe of the start: {held_of_untrap:?} of {own:?}"
    );
    untrap.signal("TERM");
    untrap.end();
}

#[test]
fn killing_untrap_kills_a_service_that_hangs() {
    let scene = Scene::new();
    let untrap = with_hanging_service(&scene, "trap '' TERM;", &[]);
    scene.ready("other");
    let child = hanging_child(&untrap);
    drop(untrap);
    wait_for("the child is killed", || matches!(state(child).as_str(), "" | "Z").then_some(()));
}
