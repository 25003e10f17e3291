//! How untrap behaves without descriptors, processes or `/proc`, and if system calls fail.
//!
//! Each row of the table in `docs/reliability.md` has a test here or in the container tests.

use std::process::Command;
use std::time::Duration;

use nix::unistd::{Pid, getpgid};
use untrap::signal::Signal;

use crate::support::{
    End, Place, Running, Scene, can_unshare, example, kill, places, processes_with, skip, state, try_kill, wait_for,
};

/// A command line that leaves a daemon behind. The daemon holds no pipe of the test, because it may outlive untrap.
fn daemon(scene: &Scene) -> String {
    format!("(setsid {} > /dev/null 2>&1 &)", scene.witness("daemon", ""))
}

/// Runs untrap through another program, which sets limits or makes system calls fail.
#[track_caller]
fn run_behind(scene: &Scene, before: &[&str], arguments: &[&str]) -> End {
    let mut command = Command::new(before[0]);
    command.args(&before[1..]).arg(env!("CARGO_BIN_EXE_untrap")).args(arguments).current_dir(scene.path("."));
    Running::new(Place::Subreaper, &mut command).end()
}

#[test]
fn without_descriptors_untrap_starts_nothing_and_reports_it() {
    for (limit, status) in [(3, 125), (5, 125), (6, 125), (7, 0), (8, 0), (20, 0)] {
        let scene = Scene::new();
        let end =
            run_behind(&scene, &["prlimit", &format!("--nofile={limit}")], &["--on-exit", "ignore", "true", "true"]);
        assert_eq!(end.status, status, "with {limit}: {:?}", end.messages);
        assert!(status == 0 || end.said("Too many open files"), "{:?}", end.messages);
        assert!(status == 0 || !end.said("started"));
    }
}

#[test]
fn without_descriptors_leftover_processes_are_not_found_and_untrap_exits_at_the_deadline() {
    // A start takes two descriptors, and so does reading /proc. The test takes one away when the services run. The
    // commands need no shell, which would need more than the limit.
    for (limit, found) in [(6, false), (7, true)] {
        let scene = Scene::new();
        let [main, daemon] = ["main", "daemon"].map(|name| scene.path(name).display().to_string());
        let leader = format!("{} {main} fork={daemon}:session", example("actor").display());
        let mut command = Command::new("prlimit");
        command.args(["--nofile=7", env!("CARGO_BIN_EXE_untrap"), "-t", "300ms", &leader, "sleep 1000"]);
        let untrap = Running::new(Place::Subreaper, &mut command);
        let [pid, ..] = scene.ready("daemon");
        let prlimit = ["--pid", &untrap.pid().to_string(), &format!("--nofile={limit}")];
        assert!(Command::new("prlimit").args(prlimit).status().unwrap().success());
        untrap.signal("TERM");
        if found {
            untrap.wait_for_message("leftover process actor");
        } else {
            untrap.wait_for_message("can't find leftovers in /proc: Too many open files");
            untrap.wait_for_message("leftover processes are still alive after SIGKILL, not waiting longer");
            // The daemon keeps standard error open.
            kill(pid, "KILL");
        }
        untrap.end();
    }
}

#[test]
fn closed_standard_descriptors_are_dev_null_in_untrap_and_its_services() {
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        for services in ["", "'sleep 1000'"] {
            let scene = Scene::new();
            let untrap = env!("CARGO_BIN_EXE_untrap");
            let links =
                |process: &str| format!("for fd in 0 1 2; do readlink /proc/{process}/fd/$fd || echo none; done");
            let own = format!("{} > links; {} > own", links("self"), links("$PPID"));
            // The descriptors of the shell, before untrap.
            let bare =
                format!("sh -c 'for fd in 0 1 2; do readlink /proc/self/fd/$fd || echo none; done > bare' {closed}");
            let line = format!("{bare}; exec {untrap} '{own}; exit 4' {services} {closed}");
            let mut shell = Command::new("sh");
            shell.args(["-c", &line]).current_dir(scene.path("."));
            assert_eq!(Running::new(Place::Subreaper, &mut shell).end().status, 4, "{closed}");
            let (bare, links) = (scene.lines("bare"), scene.lines("links"));
            for (fd, (bare, link)) in bare.iter().zip(&links).enumerate() {
                // Descriptor 1 is the file that the shell writes to. Several services get /dev/null as standard input.
                let expected = if bare == "none" || (fd == 0 && !services.is_empty()) { "/dev/null" } else { bare };
                assert!(fd == 1 || link == expected, "{closed}: {fd} is {link}, before it was {bare}");
                assert!(!link.contains("anon_inode"), "{closed}: {fd} is untrap's own");
            }
            let own = scene.lines("own");
            assert!(own.iter().all(|link| link != "none" && !link.contains("anon_inode")), "{closed}: {own:?}");
        }
    }
}

#[test]
fn a_full_disk_behind_its_output_does_not_affect_the_services() {
    let scene = Scene::new();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let command = || {
        let mut command = scene.untrap();
        command.args(["-t", "1s", "exit 3", "sleep 1000"]);
        command
    };
    assert_eq!(command().stderr(full()).status().unwrap().code(), Some(3), "lost messages change the status");
    assert_eq!(command().stdout(full()).stderr(full()).status().unwrap().code(), Some(3));
    let help = scene.untrap().arg("--help").stdout(full()).output().unwrap();
    assert_eq!(help.status.code(), Some(125), "help that cannot be printed is an error");
    assert!(String::from_utf8_lossy(&help.stderr).contains("can't print: No space left on device"));
    assert_eq!(scene.untrap().arg("--nonsense").stderr(full()).status().unwrap().code(), Some(2));
}

#[test]
fn if_no_process_can_be_created_the_status_is_125_and_running_services_are_stopped() {
    if !nix::unistd::geteuid().is_root() {
        return skip("only root can change to a user with a full process limit");
    }
    let scene = Scene::new();
    std::os::unix::fs::chown(scene.path("."), Some(77_003), None).unwrap();
    // The limit counts all processes of a user, so use an otherwise unused one: untrap and one service fill the limit.
    let limited = ["setpriv", "--reuid", "77003", "--regid", "77003", "--clear-groups", "prlimit", "--nproc=2"];
    let end = run_behind(&scene, &limited, &["sleep 1000", "sleep 1001", "sleep 1002"]);
    assert_eq!(end.status, 125, "{:?}", end.messages);
    assert!(
        end.said("sleep.2 can't start: can't make a process: Resource temporarily unavailable"),
        "{:?}",
        end.messages
    );
    assert!(end.said("killed by SIGTERM"), "{:?}", end.messages);
    assert!(!end.said("sleep.3"), "{:?}", end.messages);
}

#[test]
fn without_proc_signals_go_to_groups_and_leftover_processes_are_not_found() {
    if !can_unshare() {
        return;
    }
    let scene = Scene::new();
    let (child, main) = (scene.witness("child", ""), scene.witness("main", ""));
    let daemon = format!("{}; exec sleep 1000", daemon(&scene));
    let inside = "umount -l /proc && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--", "sh", "-c", inside, "sh", env!("CARGO_BIN_EXE_untrap"), "-t", "500ms"]);
    command.args([&format!("{child} & exec {main}"), &daemon]).current_dir(scene.path("."));
    let untrap = Running::new(Place::Subreaper, &mut command);
    for name in ["child", "main", "daemon"] {
        scene.ready(name);
    }
    untrap.signal("HUP");
    scene.wait_for_line("child", "SIGHUP");
    scene.wait_for_line("main", "SIGHUP");
    untrap.wait_for_message("forwarded");
    untrap.wait_for_message("killed by SIGHUP");
    let end = untrap.end();
    assert_eq!(end.status, 129, "{:?}", end.messages);
    assert!(end.said("can't find leftovers in /proc: No such file or directory"), "{:?}", end.messages);
    assert!(end.said("leftover processes are still alive after SIGKILL, not waiting longer"), "{:?}", end.messages);
    assert_eq!(scene.seen("daemon"), [""; 0]);
    kill(scene.ready("daemon")[0], "KILL");
}

/// Runs a service that leaves a daemon behind and a service that exits, while these system calls fail.
#[track_caller]
fn run_denied(denials: &[&str]) -> End {
    let scene = Scene::new();
    let deny = example("deny");
    let before = [&[deny.to_str().unwrap()][..], denials, &["--"]].concat();
    let daemon = format!("{}; exec {}", daemon(&scene), scene.witness("main", ""));
    let end = run_behind(&scene, &before, &["-t", "20s", &daemon, "until [ -s daemon ]; do sleep 0.01; done; exit 3"]);
    if let Some(pid) = scene.lines("daemon").first().and_then(|line| line.split(' ').nth(1)?.parse().ok()) {
        // The daemon may be alive if untrap could not become its reaper.
        try_kill(pid, Signal::KILL);
    }
    end
}

#[test]
fn failing_system_calls_with_a_fallback_change_nothing() {
    // Kernels before 5.3 and some sandboxes do not provide these calls.
    for call in ["pidfd_open", "pidfd_send_signal", "pwritev2"] {
        for errno in ["EPERM", "ENOSYS"] {
            let end = run_denied(&[&format!("{call}={errno}")]);
            assert_eq!(end.status, 3, "{call}={errno}: {:?}", end.messages);
            assert!(
                end.said("leftover process witness") && end.said("sent the stop signal"),
                "{call}={errno}: {:?}",
                end.messages
            );
            assert!(
                !end.said("did not stop") && !end.said("SIGKILL") && !end.said("can't"),
                "{call}={errno}: {:?}",
                end.messages
            );
        }
    }
}

#[test]
fn if_prctl_fails_services_run_and_untrap_reports_what_it_cannot_do() {
    for errno in ["EPERM", "ENOSYS"] {
        let end = run_denied(&[&format!("prctl={errno}")]);
        assert_eq!(end.status, 3, "{:?}", end.messages);
        assert!(end.said("orphans will not be reaped, and daemons not stopped"), "{:?}", end.messages);
    }
}

#[test]
fn if_a_required_system_call_fails_untrap_starts_nothing_and_reports_it() {
    for (call, reason) in [
        ("waitid", "can't wait for children"),
        ("signalfd4", "can't receive signals"),
        ("rt_sigprocmask", "can't receive signals"),
        ("clone", "can't make a process"),
        ("setpgid", "can't make a process"),
    ] {
        for errno in ["EPERM", "ENOSYS"] {
            let end = run_denied(&[&format!("{call}={errno}")]);
            assert_eq!(end.status, 125, "{call}={errno}: {:?}", end.messages);
            assert!(end.said(reason), "{call}={errno}: {:?}", end.messages);
            assert!(!end.said("started"), "{call}={errno}: {:?}", end.messages);
        }
    }
}

#[test]
fn if_kill_fails_untrap_reports_it_and_exits_after_the_timeout() {
    let scene = Scene::new();
    let deny = example("deny");
    let before = [deny.to_str().unwrap(), "kill=EPERM", "--"];
    let end = run_behind(&scene, &before, &["-t", "300ms", &scene.witness("main", ""), "exit 3"]);
    assert_eq!(end.status, 3);
    assert!(end.said("can't be signalled: Operation not permitted"), "{:?}", end.messages);
    assert!(end.said("is still alive after SIGKILL, not waiting longer"), "{:?}", end.messages);
    if let Some(line) = scene.lines("main").first() {
        let pid = line.split(' ').nth(1).unwrap().parse().unwrap();
        wait_for("the service is killed with untrap", || matches!(state(pid).as_str(), "" | "Z").then_some(()));
    }
}

#[test]
fn killing_untrap_at_any_moment_kills_the_leaders_but_not_their_children() {
    for moment in 0..20 {
        let scene = Scene::new();
        let leader = format!("{} & exec {}", scene.witness("below", ""), scene.witness("leader", ""));
        let untrap = scene.start(Place::Subreaper, &[&leader, &scene.witness("other", "")]);
        // Vary the moment from before the first start to after the last one.
        #[expect(clippy::disallowed_methods, reason = "every moment is right")]
        std::thread::sleep(Duration::from_micros(300 * moment));
        if moment > 15 {
            for name in ["below", "leader", "other"] {
                scene.ready(name);
            }
        }
        drop(untrap);
        let path = scene.path("").display().to_string();
        let leads = |pid: &i32| getpgid(Some(Pid::from_raw(*pid))) == Ok(Pid::from_raw(*pid)) && state(*pid) != "Z";
        wait_for("no leader is alive", || (!processes_with(&path).iter().any(leads)).then_some(()));
        // The children of the leaders receive no signal and are adopted by a reaper above untrap.
        let left = processes_with(&path);
        assert!(moment <= 15 || left.len() == 1, "{left:?}");
        for pid in left {
            try_kill(pid, Signal::KILL);
        }
    }
}

#[test]
fn killing_untrap_as_pid_1_kills_every_process() {
    if !places().contains(&Place::Pid1) {
        return;
    }
    let scene = Scene::new();
    let line = format!("setsid {} & exec {}", scene.witness("deeper", "TERM=ignore"), scene.witness("leader", ""));
    let untrap = scene.start(Place::Pid1, &[&line]);
    scene.ready("deeper");
    scene.ready("leader");
    kill(untrap.pid(), "KILL");
    let path = scene.path("").display().to_string();
    wait_for("all processes are killed", || processes_with(&path).is_empty().then_some(()));
}
