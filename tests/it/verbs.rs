//! `untrap ps` and `untrap signal` with a running untrap.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};

use serde_json::Value;
use untrap::pid_dir::record::Record;

use crate::support::{Place, Running, Scene, can_unshare, kill, skip, state, wait_for};

/// The result of a verb: exit status, standard output and standard error.
type Output = (i32, String, String);

fn output(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Runs a verb with the pid directory in the environment.
fn verb(scene: &Scene, arguments: &[&str]) -> Output {
    output(scene.untrap().env("UNTRAP_PID_DIR", "pids").args(arguments))
}

/// Each service as `ps --json` shows it.
#[track_caller]
fn shown(scene: &Scene) -> Vec<Value> {
    let (status, stdout, stderr) = verb(scene, &["ps", "--json"]);
    assert_eq!((status, stderr.as_str()), (0, ""));
    serde_json::from_str(&stdout).unwrap()
}

fn state_of(scene: &Scene, name: &str) -> String {
    let all = shown(scene);
    all.iter().find(|service| service["name"] == name).unwrap()["state"].as_str().unwrap().to_owned()
}

/// Starts two of web, each a shell with a witness `web-PID` in its process group, and a db. The shells ignore the signals
/// that the tests send.
fn start(scene: &Scene) -> Running {
    let web = format!("trap '' 35 36 37 38; {} & wait", scene.witness("web-$$", ""));
    scene.write("Procfile", format!("web: {web}\ndb: exec {}\n", scene.witness("db-$$", "")));
    let untrap = scene.start(Place::Subreaper, &["--pid-dir", "pids", "-f", "Procfile", "web=2", "db"]);
    for name in ["web.1", "web.2", "db.1"] {
        scene.ready(&witness_of(scene, name));
    }
    untrap
}

#[track_caller]
fn record(scene: &Scene, name: &str) -> Record {
    let path = scene.path(&format!("pids/{name}.pid"));
    wait_for(&format!("{name}.pid exists"), || fs::read_to_string(&path).ok()?.parse().ok())
}

/// The file of the witness in a service of [`start`].
fn witness_of(scene: &Scene, name: &str) -> String {
    format!("{}-{}", name.split('.').next().unwrap(), record(scene, name).pid)
}

#[track_caller]
fn end(untrap: Running) {
    untrap.signal("TERM");
    untrap.end();
}

#[test]
fn ps_shows_each_service_with_its_whole_process_group() {
    let scene = Scene::new();
    let untrap = start(&scene);
    let services = shown(&scene);
    let names: Vec<_> = services.iter().map(|service| service["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["web.1", "web.2", "db.1"]);
    for (service, processes) in services.iter().zip([2, 2, 1]) {
        let pid = record(&scene, service["name"].as_str().unwrap()).pid;
        assert_eq!(service["pid"], pid);
        assert_eq!((&service["state"], &service["restarts"]), (&"running".into(), &0.into()));
        assert_eq!(service["processes"], processes);
        assert!(service["memory_bytes"].as_u64().unwrap() > 4096 * processes, "{service}");
        assert!(service["uptime_seconds"].as_f64().unwrap() < 600.0, "{service}");
        assert!(service["cpu_seconds"].is_f64(), "{service}");
    }
    assert_eq!((&services[0]["command"][0], &services[0]["command"][1]), (&"/bin/sh".into(), &"-c".into()));
    let (status, table, _) = verb(&scene, &["ps"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(status, 0);
    assert!(lines[0].starts_with("NAME ") && lines[0].ends_with(" COMMAND"), "{table}");
    assert!(lines[1].starts_with("web.1 ") && lines[3].starts_with("db.1 ") && lines.len() == 4, "{table}");
    let column = lines[0].find("STATE").unwrap();
    assert!(lines[1..].iter().all(|line| line[column..].starts_with("running ")), "{table}");
    end(untrap);
}

#[test]
fn ps_shows_which_services_are_stopped_ending_or_not_running() {
    let scene = Scene::new();
    let leaves = format!("ending: {} & exit 0", scene.witness("left", ""));
    let stopped = format!("stopped: {}", scene.witness("stopped", ""));
    let ignore = ["--pid-dir", "pids", "--on-exit", "ignore"];
    let untrap = scene.start(Place::Subreaper, &[&ignore[..], &[&leaves, &stopped, "ended: true"]].concat());
    let [pid, ..] = scene.ready("stopped");
    scene.ready("left");
    kill(pid, "STOP");
    wait_for("each service is in its state", || {
        let states = ["ending", "stopped", "ended"].map(|name| state_of(&scene, name));
        (states == ["ending", "stopped", "not running"]).then_some(())
    });
    let ended = shown(&scene).pop().unwrap();
    assert!(["pid", "restarts", "command"].iter().all(|key| ended[key].is_null()), "{ended}");
    kill(pid, "CONT");
    end(untrap);
}

#[test]
fn a_verb_names_what_is_missing() {
    let scene = Scene::new();
    fs::create_dir(scene.path("pids")).unwrap();
    for arguments in [&["ps"][..], &["signal", "HUP"]] {
        let (status, _, stderr) = output(scene.untrap().args(arguments));
        assert_eq!((status, stderr.contains("set UNTRAP_PID_DIR, or give --pid-dir")), (2, true), "{stderr}");
        let (status, _, stderr) = verb(&scene, arguments);
        let message = "untrap: no untrap runs with the pid directory pids: it has no untrap.pid\n";
        assert_eq!((status, stderr.as_str()), (1, message));
    }
    scene.write("pids/untrap.pid", Record { start_ticks: Some(1), ..Record::of_process(1) }.to_string());
    let (status, _, stderr) = verb(&scene, &["ps"]);
    assert_eq!((status, stderr.contains("pid 1 of its untrap.pid does not exist")), (1, true), "{stderr}");
    for (arguments, message) in [
        (
            &["ps", "web"][..],
            "'untrap ps web': there is no such argument; to run a program named ps, write 'untrap -- ps web'",
        ),
        (&["signal"], "required arguments were not provided: <SIGNAL>"),
        (&["signal", "BOO"], "not a signal; write a name or a number"),
    ] {
        let (status, _, stderr) = verb(&scene, arguments);
        assert!(status == 2 && stderr.contains(message) && stderr.lines().count() == 1, "{stderr}");
    }
}

#[test]
fn a_signal_is_sent_to_the_whole_process_groups_of_the_named_services() {
    let scene = Scene::new();
    let untrap = start(&scene);
    let [web_1, web_2, db] = ["web.1", "web.2", "db.1"].map(|name| witness_of(&scene, name));
    for (arguments, receivers) in [
        (&["signal", "RTMIN+1"][..], &[&web_1, &web_2, &db][..]),
        (&["signal", "RTMIN+2", "web"], &[&web_1, &web_2]),
        (&["signal", "SIGRTMIN+3", "web.2"], &[&web_2]),
        (&["signal", "rtmin+4", "web.1", "db"], &[&web_1, &db]),
    ] {
        let signal = arguments[1].to_uppercase();
        let signal = if signal.starts_with("SIG") { signal } else { format!("SIG{signal}") };
        assert_eq!(verb(&scene, arguments), (0, String::new(), String::new()));
        for receiver in receivers {
            scene.wait_for_line(receiver, &signal);
        }
    }
    assert_eq!(scene.seen(&web_1), ["SIGRTMIN+1", "SIGRTMIN+2", "SIGRTMIN+4"], "each signal once, and no other");
    assert_eq!(scene.seen(&web_2), ["SIGRTMIN+1", "SIGRTMIN+2", "SIGRTMIN+3"]);
    assert_eq!(scene.seen(&db), ["SIGRTMIN+1", "SIGRTMIN+4"]);
    end(untrap);
}

#[test]
fn no_service_is_signalled_if_a_name_is_wrong_or_none_is_running() {
    let scene = Scene::new();
    let arguments =
        ["--pid-dir", "pids", "--on-exit", "ignore", "ended: true", &format!("web: {}", scene.witness("web", ""))];
    let untrap = scene.start(Place::Subreaper, &arguments);
    scene.ready("web");
    wait_for("the service has exited", || (state_of(&scene, "ended") == "not running").then_some(()));
    let (status, _, stderr) = verb(&scene, &["signal", "USR1", "web", "wep"]);
    assert_eq!((status, stderr.as_str()), (1, "untrap: no service is named 'wep'; the services are ended, web\n"));
    let (status, _, stderr) = verb(&scene, &["signal", "USR1", "ended"]);
    assert_eq!((status, stderr.as_str()), (1, "untrap: none of ended is running; nothing was signalled\n"));
    assert_eq!(verb(&scene, &["signal", "USR2", "ended", "web"]).0, 0, "one of the two services runs");
    scene.wait_for_line("web", "SIGUSR2");
    assert_eq!(scene.seen("web"), ["SIGUSR2"]);
    end(untrap);
}

/// A process that is not a descendant of untrap.
struct Stranger(Child);

impl Stranger {
    fn start() -> Self {
        Self(Command::new("sleep").arg("1000").process_group(0).spawn().unwrap())
    }

    fn record(&self) -> Record {
        Record::of_process(i32::try_from(self.0.id()).unwrap())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_process_that_has_reused_a_pid_is_never_signalled() {
    let scene = Scene::new();
    let untrap = start(&scene);
    let mut stranger = Stranger::start();
    let web = record(&scene, "web.1");
    let later = web.start_ticks.map(|ticks| ticks + 1);
    for recycled in [
        // The PID is that of another process; its start time may even be correct.
        Record { start_ticks: later, ..stranger.record() },
        stranger.record(),
        Record { start_ticks: None, ..stranger.record() },
        // The PID is that of another descendant of untrap.
        Record { start_ticks: later, ..web.clone() },
    ] {
        scene.write("pids/web.1.pid", recycled.to_string());
        assert_eq!(state_of(&scene, "web.1"), "not running", "{recycled:?}");
        assert_eq!(verb(&scene, &["signal", "KILL", "web.1"]).0, 1, "{recycled:?}");
    }
    assert_eq!(stranger.0.try_wait().unwrap(), None, "the other process runs on");
    assert_ne!(state(web.pid), "", "the service runs on");
    scene.write("pids/web.1.pid", web.to_string());
    end(untrap);
}

/// Copies the binary to a directory that another user can read.
fn copy_for_others(scene: &Scene) -> PathBuf {
    let binary = scene.path("untrap");
    fs::set_permissions(scene.path("."), PermissionsExt::from_mode(0o755)).unwrap();
    // Another process copies it: a child that another test forks meanwhile would inherit the descriptor that is open for
    // writing, and execve(2) would fail with ETXTBSY.
    assert!(
        Command::new("cp")
            .args([env!("CARGO_BIN_EXE_untrap").as_ref(), binary.as_os_str()])
            .status()
            .unwrap()
            .success()
    );
    binary
}

#[test]
fn another_user_sees_all_services_and_the_error_names_what_is_denied() {
    if !nix::unistd::geteuid().is_root() {
        return skip("only root can become another user");
    }
    let scene = Scene::new();
    let untrap = start(&scene);
    let binary = copy_for_others(&scene);
    let as_nobody = |arguments: &[&str]| {
        let mut command = Command::new(&binary);
        output(command.uid(65534).gid(65534).current_dir(scene.path(".")).env("UNTRAP_PID_DIR", "pids").args(arguments))
    };
    fs::set_permissions(scene.path("pids"), PermissionsExt::from_mode(0o700)).unwrap();
    for arguments in [&["ps"][..], &["signal", "HUP"]] {
        let (status, _, stderr) = as_nobody(arguments);
        let message = "untrap: can't read pids/untrap.pid: Permission denied (os error 13); \
                       run this as untrap's user, or as root\n";
        assert_eq!((status, stderr.as_str()), (1, message));
    }
    fs::set_permissions(scene.path("pids"), PermissionsExt::from_mode(0o755)).unwrap();
    let (status, table, _) = as_nobody(&["ps"]);
    assert!(status == 0 && table.contains("web.2"), "{table}");
    let (status, _, stderr) = as_nobody(&["signal", "TERM", "db"]);
    assert_eq!(status, 1);
    assert!(
        stderr.contains("db.1 (pid ") && stderr.contains("can't be sent SIGTERM: Operation not permitted"),
        "{stderr}"
    );
    assert!(stderr.ends_with("; run this as its user, or as root\n"), "{stderr}");
    assert_eq!(scene.seen(&witness_of(&scene, "db.1")), [""; 0]);
    end(untrap);
}

#[test]
fn a_proc_that_hides_processes_is_distinguished_from_an_untrap_that_has_exited() {
    if !can_unshare() {
        return;
    }
    let scene = Scene::new();
    let untrap = start(&scene);
    copy_for_others(&scene);
    let script = "mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid 65534 --regid 65534 --clear-groups \
                  ./untrap ps --pid-dir pids";
    let mut command = Command::new("unshare");
    let (status, _, stderr) = output(command.args(["--mount", "sh", "-c", script]).current_dir(scene.path(".")));
    let message = format!("/proc does not show untrap (pid {}); run this as its user, or as root", untrap.pid());
    assert_eq!((status, stderr), (1, format!("untrap: {message}\n")));
    end(untrap);
}

#[test]
fn programs_and_process_types_named_like_verbs_can_be_run() {
    let scene = Scene::new();
    scene.script("ps", "#!/bin/sh\necho ran\n");
    scene.write("Procfile", "ps: ./ps\nsignal: ./ps\n");
    let calls: [&[&str]; 6] = [
        &["./ps"],
        &["ps: ./ps"],
        &["--", "./ps", "signal"],
        &["-q", "ps"],
        &["-f", "Procfile", "ps"],
        &["-f", "Procfile", "signal"],
    ];
    for call in calls {
        let path = format!("{}:{}", scene.path(".").display(), std::env::var("PATH").unwrap());
        let (status, stdout, stderr) = output(scene.untrap().env("PATH", path).args(call));
        assert_eq!((status, stdout.as_str()), (0, "ran\n"), "{call:?}: {stderr}");
    }
}

#[test]
fn each_verb_has_its_own_help() {
    let scene = Scene::new();
    for (verb, usage) in [
        ("check", "Usage: untrap check [OPTIONS] [COMMAND... |"),
        ("ps", "Usage: untrap ps [--pid-dir DIR] [--json]\n"),
        ("signal", "Usage: untrap signal [--pid-dir DIR] SIGNAL [NAME]...\n"),
    ] {
        let (status, stdout, _) = output(scene.untrap().args([verb, "--help"]));
        assert!(status == 0 && stdout.contains(usage) && stdout.ends_with('\n'), "{stdout}");
    }
}

#[test]
fn an_error_of_a_verb_is_text_whatever_the_log_format_of_the_run() {
    let scene = Scene::new();
    for arguments in
        [&["ps", "web"][..], &["ps"], &["signal", "BOO"], &["check", "--no-such"], &["check", "-f", "none"]]
    {
        let (status, _, stderr) = output(scene.untrap().env("UNTRAP_LOG_FORMAT", "json").args(arguments));
        assert!(status == 2 && stderr.starts_with("untrap: "), "{arguments:?}: {stderr}");
    }
    let (status, _, stderr) = output(scene.untrap().env("UNTRAP_LOG_FORMAT", "json").arg("--no-such"));
    assert!(status == 2 && stderr.starts_with('{'), "{stderr}");
}

#[test]
fn only_the_first_argument_is_a_verb() {
    let scene = Scene::new();
    scene.script("signal", "#!/bin/sh\necho ran $1\n");
    let path = format!("{}:{}", scene.path(".").display(), std::env::var("PATH").unwrap());
    let (status, stdout, stderr) = output(scene.untrap().env("PATH", &path).args(["-q", "--", "signal", "ps"]));
    assert_eq!((status, stdout.as_str()), (0, "ran ps\n"), "{stderr}");
    let (status, stdout, stderr) = output(scene.untrap().env("PATH", &path).args(["check", "signal"]));
    assert!(status == 0 && stdout.starts_with("signal: signal\n"), "{stdout}{stderr}");
}
