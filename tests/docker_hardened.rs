//! PID 1 of a container that has nothing and may nothing: no shell, no users, no rights, no memory, no processes.
//!
//! They need an engine; without one they say so and pass, except in CI.

#[path = "support/container.rs"]
mod container;
#[path = "support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use container::{Container, docker, docker_ok};
use support::Scene;

/// Nothing but three static programs: untrap, and those of the tests.
const BARE: &str = "untrap-test:bare";

/// Makes the image, once. False, loudly, where that can't be.
fn ready() -> bool {
    static READY: LazyLock<bool> = LazyLock::new(|| {
        if !Command::new("docker").arg("version").output().is_ok_and(|output| output.status.success()) {
            support::skip("there is no engine");
            return false;
        }
        let scene = Scene::new();
        for path in [Path::new(env!("CARGO_BIN_EXE_untrap")), &support::witness(), &support::actor()] {
            std::fs::copy(path, scene.path(path.file_name().unwrap().to_str().unwrap())).unwrap();
        }
        let archive = scene.path("archive");
        let mut tar = Command::new("tar");
        tar.args(["--create", "--file"]).arg(&archive).arg("--directory").arg(scene.path("."));
        assert!(tar.args(["untrap", "witness", "actor"]).status().unwrap().success());
        // The one of an earlier run would stay as an image without a name.
        docker(&["rmi", "--force", BARE]);
        let change = "ENTRYPOINT [\"/untrap\"]";
        docker_ok(&["import", "--change", change, archive.to_str().unwrap(), BARE]);
        true
    });
    *READY
}

#[test]
fn it_needs_no_right_that_a_container_can_be_denied() {
    if !ready() {
        return;
    }
    let denials: [&[&str]; 4] = [
        &["--user", "65534:65534"],
        &["--read-only"],
        &["--cap-drop", "ALL"],
        &["--security-opt", "no-new-privileges"],
    ];
    let all = denials.concat();
    for options in denials.into_iter().chain([&all[..]]) {
        // One that heeds, one that has to be killed, and a daemon of the first.
        let services = ["-t", "2s", "a: /actor - fork=-:session", "b: /actor - deaf"];
        let container = Container::start(BARE, options, &services);
        support::wait_for("all three are ready", || (container.logs().matches("ready ").count() == 3).then_some(()));
        docker_ok(&["kill", "--signal", "HUP", &container.0]);
        support::wait_for("both are told", || (container.logs().matches("SIGHUP\n").count() == 2).then_some(()));
        container.stops_in_time_with(137);
        let logs = container.logs();
        assert!(logs.contains(") exited with status 0"), "{options:?}: {logs}");
        assert!(logs.contains(") did not stop within"), "{options:?}: {logs}");
        assert!(logs.contains("leftover actor"), "{options:?}: {logs}");
        assert!(!logs.contains("can't"), "{options:?}: {logs}");
    }
}

#[test]
fn without_a_shell_plain_commands_run_and_the_others_say_what_is_missing() {
    if !ready() {
        return;
    }
    let container = Container::start(BARE, &[], &["/actor - exit=4"]);
    assert_eq!(container.status(), 4, "{}", container.logs());
    let container = Container::start(BARE, &[], &["/witness -", "a: /witness - | /witness -"]);
    assert_eq!(container.status(), 127, "{}", container.logs());
    assert!(container.logs().contains("there is no /bin/sh"), "{}", container.logs());
}

#[test]
fn where_the_limit_of_processes_is_reached_what_ran_is_stopped() {
    if !ready() {
        return;
    }
    let container = Container::start(BARE, &["--pids-limit", "2"], &["/witness -", "/witness -"]);
    assert_eq!(container.status(), 125, "{}", container.logs());
    let logs = container.logs();
    assert!(logs.contains("witness.2 can't start: can't make a process: Resource temporarily unavailable"), "{logs}");
    assert!(logs.contains("witness (pid") && logs.contains(") ended "), "{logs}");
}

#[test]
fn an_entry_that_takes_all_memory_is_killed_and_its_neighbour_stopped() {
    if !ready() {
        return;
    }
    let memory = ["--memory", "24m", "--memory-swap", "24m"];
    let container = Container::start(BARE, &memory, &["/witness -", "big: /actor - sleep=200 allocate=400"]);
    assert_eq!(container.status(), 137, "{}", container.logs());
    let logs = container.logs();
    assert!(logs.contains("big (pid") && logs.contains(") killed by SIGKILL"), "{logs}");
    assert!(logs.contains(") exited with status 0"), "{logs}");
}
