//! Tests PID 1 of containers without a shell, users or capabilities, and with limits on memory and processes.
//!
//! The tests need an engine. Without one they report that they are skipped and pass, except in CI.

#[path = "support/container.rs"]
mod container;
#[path = "support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use container::{Container, docker, docker_ok};
use support::Scene;

/// An image of three static programs: untrap and the programs of the tests.
const BARE: &str = "untrap-test:bare";

/// Builds the image once. Returns false and reports a skipped test if it cannot.
fn ready() -> bool {
    static READY: LazyLock<bool> = LazyLock::new(|| {
        if !Command::new("docker").arg("version").output().is_ok_and(|output| output.status.success()) {
            support::skip("no container engine");
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
        // Remove the image of an earlier run, which would otherwise remain without a name.
        docker(&["rmi", "--force", BARE]);
        let change = "ENTRYPOINT [\"/untrap\"]";
        docker_ok(&["import", "--change", change, archive.to_str().unwrap(), BARE]);
        true
    });
    *READY
}

#[test]
fn untrap_needs_no_privilege_of_a_container() {
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
        // A service that exits on SIGTERM and has a daemon, and a service that must be killed.
        let services = ["-t", "2s", "a: /actor - fork=-:session", "b: /actor - ignore-stop"];
        let container = Container::start(BARE, options, &services);
        support::wait_for("all three are ready", || (container.logs().matches("ready ").count() == 3).then_some(()));
        docker_ok(&["kill", "--signal", "HUP", &container.0]);
        support::wait_for("both have received SIGHUP", || {
            (container.logs().matches("SIGHUP\n").count() == 2).then_some(())
        });
        container.stops_in_time_with(137);
        let logs = container.logs();
        assert!(logs.contains(") exited with status 0"), "{options:?}: {logs}");
        assert!(logs.contains(") did not stop within"), "{options:?}: {logs}");
        assert!(logs.contains("leftover process actor"), "{options:?}: {logs}");
        assert!(!logs.contains("can't"), "{options:?}: {logs}");
    }
}

#[test]
fn without_a_shell_simple_commands_run_and_others_are_refused_with_a_message() {
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
fn at_the_process_limit_the_running_services_are_stopped() {
    if !ready() {
        return;
    }
    let container = Container::start(BARE, &["--pids-limit", "2"], &["/witness -", "/witness -"]);
    assert_eq!(container.status(), 125, "{}", container.logs());
    let logs = container.logs();
    assert!(logs.contains("witness.2 can't start: can't make a process: Resource temporarily unavailable"), "{logs}");
    assert!(
        logs.contains("witness (pid")
            && (logs.contains(") exited with status 0") || logs.contains(") killed by SIGTERM")),
        "{logs}"
    );
}

#[test]
fn a_service_that_exhausts_memory_is_killed_and_the_other_is_stopped() {
    if !ready() {
        return;
    }
    let memory = ["--memory", "24m", "--memory-swap", "24m"];
    // The witness handles SIGTERM once it has created its file.
    let services = ["--ready", "witness=file:///ready", "/witness /ready", "big: /actor - allocate=400"];
    let container = Container::start(BARE, &memory, &services);
    assert_eq!(container.status(), 137, "{}", container.logs());
    let logs = container.logs();
    assert!(logs.contains("big (pid") && logs.contains(") killed by SIGKILL"), "{logs}");
    assert!(logs.contains(") exited with status 0"), "{logs}");
}
