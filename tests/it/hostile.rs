//! Floods of signals and orphans, reused PIDs, and misbehaving children.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::{
    Place, Running, Scene, can_unshare, example, kill, places, processes_with, skip, state, wait_for,
};

/// The number of services in the signal flood.
const CHILDREN: usize = 200;

#[test]
fn a_flood_of_signals_during_the_start_reaches_each_child_at_most_once_per_signal() {
    let scene = Scene::new();
    let mut procfile = String::new();
    for number in 0..CHILDREN {
        writeln!(procfile, "p{number}: {}", scene.witness(&format!("w{number}"), "")).unwrap();
    }
    scene.write("Procfile", procfile);
    // Start with both signals blocked, so that neither kills a program before it has set its handlers.
    let mut blocking = Command::new("env");
    blocking.args(["--block-signal=RTMIN+1", "--block-signal=USR1", "--", env!("CARGO_BIN_EXE_untrap")]);
    let untrap = Running::new(Place::Subreaper, blocking.current_dir(scene.path(".")));
    untrap.wait_for_message("p0.1 started");
    // Real-time signals are queued, so each one is counted. SIGUSR1 is not queued and may be merged.
    let mut sent = 0;
    wait_for("all services are started", || {
        // Bound the number of signals: each is forwarded to all running services, and a busy machine starts them
        // slowly.
        for _ in 0..8.min(400 - sent) {
            untrap.signal("RTMIN+1");
            sent += 1;
        }
        untrap.signal("USR1");
        scene.path(&format!("w{}", CHILDREN - 1)).exists().then_some(())
    });
    for number in 0..CHILDREN {
        scene.ready(&format!("w{number}"));
    }
    untrap.signal("RTMIN+2");
    for number in 0..CHILDREN {
        scene.wait_for_line(&format!("w{number}"), "SIGRTMIN+2");
    }
    untrap.signal("TERM");
    let end = untrap.end();
    assert_eq!(end.status, 0, "a signal killed a child before its program could block it");
    let lost = |line: &String| line.contains(" lost");
    let received = |text: &str| end.messages.iter().filter(|line| line.contains(text)).count();
    assert!(!end.messages.iter().any(lost), "messages were lost, so they cannot be counted");
    assert_eq!(received("SIGRTMIN+1 from"), sent, "untrap did not receive every signal");
    assert_eq!(received("SIGTERM from"), 1);
    let known = ["SIGRTMIN+1", "SIGRTMIN+2", "SIGUSR1", "SIGTERM", "SIGCONT"];
    for number in 0..CHILDREN {
        let seen = scene.seen(&format!("w{number}"));
        let count = |signal: &str| seen.iter().filter(|line| *line == signal).count();
        assert!(seen.iter().all(|line| known.contains(&line.as_str())), "{seen:?}");
        assert!(count("SIGRTMIN+1") <= sent, "a child received a signal twice");
        assert_eq!((count("SIGRTMIN+2"), count("SIGTERM")), (1, 1));
    }
}

#[test]
fn a_hundred_thousand_orphans_do_not_delay_the_shutdown() {
    for place in places() {
        let scene = Scene::new();
        // Each subshell becomes an orphan. The shell creates them until SIGTERM.
        let maker = "trap 'exit 0' TERM; i=0; while :; do (: &) ; i=$((i+1)); echo $i > count; done";
        let untrap = scene.start(place, &[maker, &scene.witness("other", "")]);
        scene.ready("other");
        let count = || scene.lines("count").first().and_then(|line| line.parse::<u32>().ok()).unwrap_or(0);
        let wanted = if std::env::var_os("UNTRAP_TEST_LONG").is_some() { 100_000 } else { 2_000 };
        let mut made = 0;
        while made < wanted {
            made = wait_for("more orphans are created", || Some(count()).filter(|count| *count > made));
        }
        untrap.signal("TERM");
        scene.wait_for_line("other", "SIGTERM");
        let end = untrap.end();
        assert_eq!(end.status, 0, "{:?}", end.messages.last());
        assert!(!end.said("killed"), "{:?}", end.messages);
    }
}

#[test]
fn thousands_of_zombies_adopted_at_once_do_not_delay_the_shutdown() {
    // When their parent is killed, untrap adopts all of them as zombies at once, while SIGTERM arrives.
    let scene = Scene::new();
    let zombies = "i=0; while [ $i -lt 3000 ]; do (exit 0) & i=$((i+1)); done; touch done; kill -9 $$";
    let keeper = format!("sh -c '{zombies}'; exec {}", scene.witness("main", ""));
    let untrap = scene.start(Place::Subreaper, &[&keeper]);
    wait_for("the zombies exist", || scene.path("done").exists().then_some(()));
    untrap.signal("TERM");
    untrap.end();
}

#[test]
fn no_signal_goes_to_a_reused_pid() {
    recycled("echo $$ > pid; until [ -e go ]; do sleep 0.01; done", "[ ! -e /proc/$pid ]");
}

#[test]
fn no_signal_goes_to_a_reused_process_group() {
    // The leader leaves a process in its group that another process reaps, so that untrap is not notified of its exit.
    let orphaned = "import os, time\n\
                    leader = os.getpid()\n\
                    if os.fork(): os._exit(0)\n\
                    member = os.fork()\n\
                    while not member:\n    \
                        if os.path.exists('go'): os._exit(0)\n    \
                        time.sleep(0.01)\n\
                    os.setsid()\n\
                    open('pid', 'w').write(str(leader) + '\\n')\n\
                    os.waitpid(member, 0)\n\
                    open('gone', 'w')\n\
                    while True: time.sleep(1000)\n";
    recycled(&format!("exec python3 -c \"$(cat << \"END\"\n{orphaned}END\n)\""), "[ -e gone ]");
}

/// Runs in a PID namespace with a few hundred PIDs, in which PIDs are reused soon. Waits until the service has exited,
/// which `gone` checks, creates an unrelated leader of a process group with the same PID, and sends untrap every kind
/// of signal.
#[track_caller]
fn recycled(short: &str, gone: &str) {
    if can_unshare() {
        recycled_behind("", short, gone);
        // As on kernels before 6.9, which cannot signal a process group through a pidfd.
        recycled_behind(&format!("{} pidfd_open=ENOSYS --", example("deny").display()), short, gone);
    }
}

#[track_caller]
fn recycled_behind(before: &str, short: &str, gone: &str) {
    let scene = Scene::new();
    scene.script("short", &format!("#!/bin/sh\n{short}\n"));
    scene.script(
        "inside",
        &format!(
            r#"#!/bin/bash
echo 400 > /proc/sys/kernel/pid_max || {{ touch refused; exit 0; }}
# The kernel does not reuse the first 300 PIDs.
until ( [ $BASHPID -gt 310 ] ); do :; done
{before} {untrap} --on-exit ignore ./short '{main}' 2> messages &
untrap=$!
until [ -s pid ] && [ -s main ]; do sleep 0.01; done
pid=$(cat pid)
touch go
until {gone}; do :; done
set -m
for _ in {{1..100000}}; do [ "$!" = $pid ] && break; ( [ $BASHPID != $pid ] || exec {stranger} ) & done
until [ -s stranger ]; do sleep 0.01; done
for signal in HUP USR1 TERM; do kill -$signal $untrap; done
wait $untrap
echo $? > status
"#,
            untrap = env!("CARGO_BIN_EXE_untrap"),
            main = scene.witness("main", ""),
            stranger = scene.witness("stranger", ""),
        ),
    );
    let mut inside = Command::new("unshare");
    inside.args(["--pid", "--fork", "--mount-proc", "--kill-child", "--", "./inside"]).current_dir(scene.path("."));
    let output = inside.output().unwrap();
    if scene.path("refused").exists() {
        return skip("kernel.pid_max cannot be set in a PID namespace (kernels before 6.14)");
    }
    assert!(output.status.success(), "{output:?}");
    let [pid, _, group] = scene.ready("stranger");
    assert_eq!(scene.lines("pid"), [pid.to_string()], "the stranger does not have the PID of the service");
    assert_eq!(pid, group);
    assert_eq!(scene.lines("status"), ["0"]);
    assert_eq!(scene.seen("main").len(), 3, "untrap did not forward every signal");
    assert_eq!(scene.seen("stranger"), [""; 0], "the stranger received a signal");
}

#[test]
fn a_leader_that_moves_to_another_group_is_still_stopped_and_killed() {
    if Command::new("perl").arg("-v").output().is_err() {
        return skip("perl is not installed, so no process can change its process group");
    }
    let scene = Scene::new();
    // The leader joins the process group of its child.
    let mover = "my $c = fork; if (!$c) { setpgrp(0, 0); sleep 1000; exit } select undef, undef, undef, 0.01 until \
                 getpgrp($c) == $c; setpgrp(0, $c) or die; exec @ARGV or die";
    let mover = |rules: &str| format!("perl -e '{mover}' {}", scene.witness("moved", rules));
    for (option, rules, status) in [("leader", "", 0), ("group", "", 0), ("group", "TERM=ignore", 137)] {
        let _ = std::fs::remove_file(scene.path("moved"));
        let untrap = scene.start(Place::Subreaper, &["-t", "500ms", "--signal-to", option, &mover(rules)]);
        let [pid, _, group] = scene.ready("moved");
        assert_ne!(pid, group);
        untrap.signal("HUP");
        scene.wait_for_line("moved", "SIGHUP");
        untrap.signal("TERM");
        assert_eq!(untrap.end().status, status, "{option} {rules}");
        assert_eq!(scene.seen("moved")[..2], ["SIGHUP", "SIGTERM"], "each signal arrives once");
    }
}

#[test]
fn a_traced_child_is_killed_at_the_deadline() {
    use nix::sys::{ptrace, wait};
    use nix::unistd::Pid;
    let scene = Scene::new();
    let untrap = scene.start(Place::Subreaper, &["-t", "300ms", &scene.witness("traced", "")]);
    let [pid, ..] = scene.ready("traced");
    let traced = Pid::from_raw(pid);
    ptrace::attach(traced).unwrap();
    let stopped = || wait::waitpid(traced, Some(wait::WaitPidFlag::__WALL)).unwrap();
    assert!(matches!(stopped(), wait::WaitStatus::Stopped(..)), "the process is in a ptrace stop");
    untrap.signal("TERM");
    // The kernel reports the exit to the tracer first, which may never wait for it.
    let end = untrap.end();
    assert_eq!(end.status, 137, "{:?}", end.messages);
    assert!(
        end.said(&format!("witness (pid {pid}) did not stop within")) && end.said("not waiting longer"),
        "{:?}",
        end.messages
    );
    assert!(matches!(stopped(), wait::WaitStatus::Signaled(..)), "the process was not killed");
}

#[test]
fn a_suspended_child_that_ignores_the_stop_signal_is_killed_at_the_deadline() {
    let scene = Scene::new();
    let untrap = scene.start(Place::Subreaper, &["-t", "300ms", &scene.witness("a", "TERM=ignore")]);
    let [pid, ..] = scene.ready("a");
    kill(pid, "STOP");
    wait_for("the service is suspended", || (state(pid) == "T").then_some(()));
    untrap.signal("TERM");
    scene.wait_for_line("a", "SIGTERM");
    kill(pid, "STOP");
    assert_eq!(untrap.end().status, 137);
}

#[test]
fn a_child_with_threads_is_signalled_and_killed_as_one_process() {
    let scene = Scene::new();
    let script = "import signal, sys, threading, time\n\
                  signal.signal(signal.SIGTERM, lambda *_: None)\n\
                  for _ in range(20): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n\
                  open('ready', 'w').write('x\\n')\n\
                  while True: signal.pause(); open('signals', 'a').write('x\\n')\n";
    scene.write("threads.py", script);
    let untrap = scene.start(Place::Subreaper, &["-t", "500ms", "python3 threads.py"]);
    wait_for("the service runs", || {
        let missing = untrap.messages().iter().any(|line| line.contains("not found"));
        (missing || !scene.lines("ready").is_empty()).then_some(())
    });
    if scene.lines("ready").is_empty() {
        return skip("python3 is not installed, so no threads can be created");
    }
    untrap.signal("TERM");
    assert_eq!(untrap.end().status, 137);
    assert_eq!(scene.lines("signals"), ["x"]);
}

#[test]
fn a_child_of_another_user_that_cannot_be_signalled_does_not_delay_the_exit() {
    // untrap runs as an ordinary user. Its child runs as root through a set-user-ID program, so untrap may not signal
    // it.
    if !nix::unistd::geteuid().is_root() {
        return skip("only root can create a set-user-ID program");
    }
    let scene = Scene::new();
    std::fs::set_permissions(scene.path("."), PermissionsExt::from_mode(0o777)).unwrap();
    let copy = |name: &str, from: &std::path::Path, mode| {
        std::fs::copy(from, scene.path(name)).unwrap();
        std::fs::set_permissions(scene.path(name), PermissionsExt::from_mode(mode)).unwrap();
    };
    copy("untrap", std::path::Path::new(env!("CARGO_BIN_EXE_untrap")), 0o755);
    copy("witness", &crate::support::witness(), 0o755);
    copy("setpriv", std::path::Path::new("/usr/bin/setpriv"), 0o4755);
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "./untrap", "-t", "300ms"]);
    command.arg("setpriv: ./setpriv --reuid 0 --regid 0 --clear-groups ./witness a");
    let untrap = Running::new(Place::Subreaper, command.current_dir(scene.path(".")));
    let [pid, ..] = scene.ready("a");
    untrap.signal("TERM");
    untrap.wait_for_message(&format!("setpriv (pid {pid}) can't be signalled: Operation not permitted"));
    untrap.wait_for_message(&format!("setpriv (pid {pid}) is still alive after SIGKILL, not waiting longer"));
    // The child keeps standard error open.
    kill(pid, "KILL");
    assert_eq!(untrap.end().status, 137);
}

#[test]
fn a_fork_bomb_at_its_process_limit_is_killed_at_the_deadline() {
    if !nix::unistd::geteuid().is_root() {
        return skip("only root can run a fork bomb as a user with a process limit");
    }
    for place in places() {
        let scene = Scene::new();
        std::fs::set_permissions(scene.path("."), PermissionsExt::from_mode(0o777)).unwrap();
        // Each process ignores SIGTERM and starts copies in new sessions, outside of the process group. bash retries
        // for some seconds at the process limit, at which dash would exit.
        let bomb = scene
            .script("bomb", "#!/bin/bash\ntrap '' TERM\nwhile :; do setsid \"$0\" 2>/dev/null & sleep 0.05; done\n");
        let bomb = bomb.to_str().unwrap().to_owned();
        // Use an otherwise unused user ID, because the limit counts all processes of a user.
        let user = if place == Place::Pid1 { "77001" } else { "77002" };
        let limited =
            format!("prlimit --nproc=200 setpriv --reuid {user} --regid {user} --clear-groups {bomb} 2>/dev/null");
        let untrap = scene.start(place, &["-t", "500ms", &limited]);
        wait_for("the bomb has many processes", || (processes_with(&bomb).len() > 50).then_some(()));
        untrap.signal("TERM");
        let end = untrap.end();
        assert!(!end.said("not waiting longer"), "{:?}", end.messages.last());
        assert_eq!(processes_with(&bomb), [0; 0], "processes of the bomb remain");
    }
}
