//! Floods, recycled PIDs, and children that don't behave.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::{
    Place, Running, Scene, can_unshare, example, kill, places, processes_with, skip, state, wait_for,
};

/// In the flood.
const CHILDREN: usize = 200;

#[test]
fn a_flood_during_the_start_gives_each_child_what_was_sent_and_untrap_nothing_else() {
    let scene = Scene::new();
    let mut procfile = String::new();
    for number in 0..CHILDREN {
        writeln!(procfile, "p{number}: {}", scene.witness(&format!("w{number}"), "")).unwrap();
    }
    scene.write("Procfile", procfile);
    // A program is there before it can have prepared for a signal; started with both blocked, none is killed by one.
    let mut blocking = Command::new("env");
    blocking.args(["--block-signal=RTMIN+1", "--block-signal=USR1", "--", env!("CARGO_BIN_EXE_untrap")]);
    let untrap = Running::new(Place::Subreaper, blocking.current_dir(scene.path(".")));
    untrap.wait_for_message("p0.1 started");
    // Real-time signals are queued, so that each one counts; SIGUSR1 is not, and comes at least once.
    let mut sent = 0;
    wait_for("all are started", || {
        // Each one goes to everybody who is there, and a busy machine starts them slowly.
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
    assert_eq!(end.status, 0, "no child died of a signal before its program could block it");
    let lost = |line: &String| line.contains(" lost");
    let received = |text: &str| end.messages.iter().filter(|line| line.contains(text)).count();
    assert!(!end.messages.iter().any(lost), "every message is there to be counted");
    assert_eq!(received("SIGRTMIN+1 from"), sent, "untrap got what was sent");
    assert_eq!(received("SIGTERM from"), 1);
    let known = ["SIGRTMIN+1", "SIGRTMIN+2", "SIGUSR1", "SIGTERM", "SIGCONT"];
    for number in 0..CHILDREN {
        let seen = scene.seen(&format!("w{number}"));
        let count = |signal: &str| seen.iter().filter(|line| *line == signal).count();
        assert!(seen.iter().all(|line| known.contains(&line.as_str())), "{seen:?}");
        assert!(count("SIGRTMIN+1") <= sent, "no child sees a signal twice");
        assert_eq!((count("SIGRTMIN+2"), count("SIGTERM")), (1, 1));
    }
}

#[test]
fn a_hundred_thousand_orphans_do_not_delay_the_stop() {
    for place in places() {
        let scene = Scene::new();
        // The shell leaves each of them to untrap; they go on being born until it is told to end.
        let maker = "trap 'exit 0' TERM; i=0; while :; do (: &) ; i=$((i+1)); echo $i > count; done";
        let untrap = scene.start(place, &[maker, &scene.witness("other", "")]);
        scene.ready("other");
        let count = || scene.lines("count").first().and_then(|line| line.parse::<u32>().ok()).unwrap_or(0);
        let enough = if std::env::var_os("UNTRAP_TEST_LONG").is_some() { 100_000 } else { 2_000 };
        let mut made = 0;
        while made < enough {
            made = wait_for("more orphans are made", || Some(count()).filter(|count| *count > made));
        }
        untrap.signal("TERM");
        scene.wait_for_line("other", "SIGTERM");
        let end = untrap.end();
        assert_eq!(end.status, 0, "{:?}", end.messages.last());
        assert!(!end.said("killed"), "{:?}", end.messages);
    }
}

#[test]
fn a_crowd_of_dead_orphans_at_once_does_not_delay_the_stop() {
    // All become untrap's in the same moment, dead, while TERM is on its way.
    let scene = Scene::new();
    let crowd = "i=0; while [ $i -lt 3000 ]; do (exit 0) & i=$((i+1)); done; touch done; kill -9 $$";
    let keeper = format!("sh -c '{crowd}'; exec {}", scene.witness("main", ""));
    let untrap = scene.start(Place::Subreaper, &[&keeper]);
    wait_for("the crowd is there", || scene.path("done").exists().then_some(()));
    untrap.signal("TERM");
    untrap.end();
}

#[test]
fn no_signal_goes_to_a_recycled_pid() {
    recycled("echo $$ > pid; until [ -e go ]; do sleep 0.01; done", "[ ! -e /proc/$pid ]");
}

#[test]
fn no_signal_goes_to_a_recycled_group() {
    // The leader leaves somebody in its group whose end is its own parent's business: untrap hears nothing of it.
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

/// In a namespace with a few hundred PIDs, numbers come back at once. A service ends, which `gone` tells, its PID is given
/// to a stranger who leads a group of that number, and then everything that can be sent is sent.
#[track_caller]
fn recycled(short: &str, gone: &str) {
    if can_unshare() {
        recycled_behind("", short, gone);
        // As on Linux before 6.9, where no descriptor names a group.
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
# The kernel keeps the first 300 for those that came first.
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
        return skip("kernel.pid_max can't be set in a PID namespace here (Linux before 6.14)");
    }
    assert!(output.status.success(), "{output:?}");
    let [pid, _, group] = scene.ready("stranger");
    assert_eq!(scene.lines("pid"), [pid.to_string()], "the stranger has the service's PID");
    assert_eq!(pid, group);
    assert_eq!(scene.lines("status"), ["0"]);
    assert_eq!(scene.seen("main").len(), 3, "what untrap was sent, it has forwarded");
    assert_eq!(scene.seen("stranger"), [""; 0], "nobody sends the stranger anything");
}

#[test]
fn a_leader_that_moves_to_another_group_is_still_told_and_killed() {
    if Command::new("perl").arg("-v").output().is_err() {
        return skip("perl is not there to change a process's group");
    }
    let scene = Scene::new();
    // It joins the group of a child of its own.
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
        assert_eq!(scene.seen("moved")[..2], ["SIGHUP", "SIGTERM"], "once each");
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
    assert!(matches!(stopped(), wait::WaitStatus::Stopped(..)), "it is held");
    untrap.signal("TERM");
    // Its end is told to the tracer first, who may take all the time in the world.
    let end = untrap.end();
    assert_eq!(end.status, 137, "{:?}", end.messages);
    assert!(
        end.said(&format!("witness (pid {pid}) did not stop within")) && end.said("not waiting longer"),
        "{:?}",
        end.messages
    );
    assert!(matches!(stopped(), wait::WaitStatus::Signaled(..)), "it is dead");
}

#[test]
fn a_stopped_child_that_ignores_the_stop_ends_at_the_deadline() {
    let scene = Scene::new();
    let untrap = scene.start(Place::Subreaper, &["-t", "300ms", &scene.witness("a", "TERM=ignore")]);
    let [pid, ..] = scene.ready("a");
    kill(pid, "STOP");
    wait_for("it is stopped", || (state(pid) == "T").then_some(()));
    untrap.signal("TERM");
    scene.wait_for_line("a", "SIGTERM");
    kill(pid, "STOP");
    assert_eq!(untrap.end().status, 137);
}

#[test]
fn a_child_with_threads_is_told_and_killed_as_one() {
    let scene = Scene::new();
    let script = "import signal, sys, threading, time\n\
                  signal.signal(signal.SIGTERM, lambda *_: None)\n\
                  for _ in range(20): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n\
                  open('ready', 'w').write('x\\n')\n\
                  while True: signal.pause(); open('told', 'a').write('x\\n')\n";
    scene.write("threads.py", script);
    let untrap = scene.start(Place::Subreaper, &["-t", "500ms", "python3 threads.py"]);
    wait_for("it runs", || {
        let missing = untrap.messages().iter().any(|line| line.contains("not found"));
        (missing || !scene.lines("ready").is_empty()).then_some(())
    });
    if scene.lines("ready").is_empty() {
        return skip("python3 is not there to make threads");
    }
    untrap.signal("TERM");
    assert_eq!(untrap.end().status, 137);
    assert_eq!(scene.lines("told"), ["x"]);
}

#[test]
fn a_child_of_another_user_that_cannot_be_signalled_does_not_hold_up_the_end() {
    // untrap is nobody, its child became root through a set-user-ID program: not ours to signal.
    if !nix::unistd::geteuid().is_root() {
        return skip("only root can make a set-user-ID program");
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
    command.arg("./setpriv --reuid 0 --regid 0 --clear-groups ./witness a");
    let untrap = Running::new(Place::Subreaper, command.current_dir(scene.path(".")));
    let [pid, ..] = scene.ready("a");
    untrap.signal("TERM");
    untrap.wait_for_message(&format!("setpriv (pid {pid}) can't be signalled: Operation not permitted"));
    untrap.wait_for_message(&format!("setpriv (pid {pid}) is still alive after SIGKILL, not waiting longer"));
    // It holds standard error open.
    kill(pid, "KILL");
    assert_eq!(untrap.end().status, 137);
}

#[test]
fn a_fork_bomb_that_fills_its_limit_ends_at_the_deadline() {
    if !nix::unistd::geteuid().is_root() {
        return skip("only root can run a bomb as a user with a limit of its own");
    }
    for place in places() {
        let scene = Scene::new();
        std::fs::set_permissions(scene.path("."), PermissionsExt::from_mode(0o777)).unwrap();
        // In sessions of their own, so that no group holds them; deaf to TERM; each tries to be two. Bash tries again
        // for some seconds where the limit is reached; dash would end.
        let bomb = scene
            .script("bomb", "#!/bin/bash\ntrap '' TERM\nwhile :; do setsid \"$0\" 2>/dev/null & sleep 0.05; done\n");
        let bomb = bomb.to_str().unwrap().to_owned();
        // A user ID that nobody else has: the limit counts all processes of a user.
        let user = if place == Place::Pid1 { "77001" } else { "77002" };
        let limited =
            format!("prlimit --nproc=200 setpriv --reuid {user} --regid {user} --clear-groups {bomb} 2>/dev/null");
        let untrap = scene.start(place, &["-t", "500ms", &limited]);
        wait_for("it has filled its limit", || (processes_with(&bomb).len() > 50).then_some(()));
        untrap.signal("TERM");
        let end = untrap.end();
        assert!(!end.said("not waiting longer"), "{:?}", end.messages.last());
        assert_eq!(processes_with(&bomb), [0; 0], "nothing of it is left");
    }
}
