//! Attacks on untrap by its surroundings, and signals at unfavourable moments.

use std::process::Command;

use crate::support::{Place, Running, Scene, can_unshare, places, skip, state, wait_for};

/// untrap with these arguments, started by another program.
fn started_by(scene: &Scene, place: Place, starter: &[&str], arguments: &[&str]) -> Running {
    let mut command = Command::new(starter[0]);
    command.args(&starter[1..]).arg(env!("CARGO_BIN_EXE_untrap")).args(arguments).current_dir(scene.open_to_all());
    Running::new(place, &mut command)
}

#[test]
fn signals_that_the_c_library_reserves_do_not_kill_untrap() {
    for place in places() {
        let scene = Scene::new();
        let untrap = scene.start(place, &[&scene.witness("a", "")]);
        scene.ready("a");
        for reserved in [32, 33] {
            #[allow(unsafe_code, reason = "nix does not have these signals")]
            // SAFETY: kill accesses no memory.
            let result = unsafe { libc::kill(untrap.pid(), reserved) };
            assert_eq!(result, 0);
        }
        untrap.signal("HUP");
        scene.wait_for_line("a", "SIGHUP");
        untrap.signal("TERM");
        assert_eq!(untrap.end().status, 0);
    }
}

#[test]
fn only_services_that_run_are_reported_as_killed() {
    for place in places() {
        let scene = Scene::new();
        let end = scene.start(place, &["--timeout", "0s", "sleep 1000", "true"]).end();
        let killed: Vec<_> = end.messages.iter().filter(|message| message.contains("did not stop within")).collect();
        assert!(matches!(killed.as_slice(), [message] if message.contains("sleep")), "{:?}", end.messages);
    }
}

#[test]
fn with_timeout_0_remaining_members_are_killed_at_once() {
    let scene = Scene::new();
    let member = scene.witness("member", "TERM=ignore");
    let end = scene.run(&["--timeout", "0s", &format!("a: {member} & until [ -s member ]; do sleep 0.01; done")]);
    assert_eq!(end.status, 0, "{:?}", end.messages);
    assert!(end.said("did not stop within 0s, killed"), "{:?}", end.messages);
}

#[test]
fn with_a_hidden_proc_an_ordinary_user_stops_its_own_services_and_daemons() {
    if !can_unshare() {
        return;
    }
    let scene = Scene::new();
    let line = "mount -t proc -o hidepid=2 proc /proc && chmod 777 . && \
                exec setpriv --reuid 65534 --regid 65534 --clear-groups -- \"$@\"";
    let starter = ["unshare", "--pid", "--fork", "--mount", "--kill-child", "sh", "-c", line, "sh"];
    let [a, a2, daemon] = ["a", "a2", "daemon"].map(|name| scene.witness(name, ""));
    let untrap =
        started_by(&scene, Place::Pid1, &starter, &[&format!("a: {a} | cat"), &format!("b: setsid {daemon} & {a2}")]);
    scene.ready("a");
    scene.ready("a2");
    scene.ready("daemon");
    untrap.signal("TERM");
    let end = untrap.end();
    assert!(!end.said("did not stop"), "{:?}", end.messages);
    assert_eq!([scene.seen("a"), scene.seen("a2"), scene.seen("daemon")], [["SIGTERM"], ["SIGTERM"], ["SIGTERM"]]);
}

#[test]
fn untrap_is_pid_1_of_a_user_namespace() {
    let scene = Scene::new();
    let starter = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"];
    let mut attempt = Command::new(starter[0]);
    if !attempt.args(&starter[1..]).arg("true").status().is_ok_and(|status| status.success()) {
        return skip("no user namespace can be made here");
    }
    let [a, a2, daemon] = ["a", "a2", "daemon"].map(|name| scene.witness(name, ""));
    let untrap = started_by(&scene, Place::Pid1, &starter, &[&a, &format!("b: setsid {daemon} & {a2}")]);
    scene.ready("a");
    scene.ready("a2");
    scene.ready("daemon");
    untrap.signal("TERM");
    untrap.end();
    assert_eq!([scene.seen("a"), scene.seen("a2"), scene.seen("daemon")], [["SIGTERM"], ["SIGTERM"], ["SIGTERM"]]);
}

#[test]
fn a_full_file_system_of_the_pid_directory_does_not_stop_the_services() {
    if !can_unshare() {
        return;
    }
    let scene = Scene::new();
    std::fs::create_dir(scene.path("pids")).unwrap();
    // The first service keeps the file system full, so that the file of the second one cannot be written at its restart.
    let starter = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs -o size=64k none pids && exec \"$@\"", "sh"];
    let fill = "fill: while :; do head -c 100000 /dev/zero >> pids/more; touch full; sleep 0.01; done";
    let fails = "fails: while [ ! -e full ]; do sleep 0.01; done; exit 1";
    let a = scene.witness("a", "");
    let arguments = ["--pid-dir", "pids", "--on-exit", "fails=restart", fill, fails, &a];
    let untrap = started_by(&scene, Place::Subreaper, &starter, &arguments);
    scene.ready("a");
    untrap.wait_for_message("its pid file can't be written: No space left on device");
    untrap.signal("HUP");
    scene.wait_for_line("a", "SIGHUP");
    untrap.signal("TERM");
    untrap.end();
    assert_eq!(scene.seen("a"), ["SIGHUP", "SIGTERM"]);
}

/// A frozen cgroup that contains one process.
struct Freezer(String);

impl Freezer {
    /// Freezes a process. `None` if no cgroup can be made.
    fn freeze(pid: i32) -> Option<Self> {
        let mounts = std::fs::read_to_string("/proc/mounts").ok()?;
        let mounts: Vec<Vec<&str>> = mounts.lines().map(|line| line.split(' ').collect()).collect();
        let is_freezer =
            |fields: &&Vec<&str>| fields[2] == "cgroup" && fields[3].split(',').any(|name| name == "freezer");
        let (root, file, value) = match mounts.iter().find(is_freezer) {
            Some(fields) => (fields[1], "freezer.state", "FROZEN"),
            None => (mounts.iter().find(|fields| fields[2] == "cgroup2")?[1], "cgroup.freeze", "1"),
        };
        let path = format!("{root}/untrap-test-{pid}");
        std::fs::create_dir(&path).ok()?;
        let cgroup = Self(path);
        std::fs::write(cgroup.file("cgroup.procs"), pid.to_string()).ok()?;
        std::fs::write(cgroup.file(file), value).ok()?;
        Some(cgroup)
    }

    fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.0)
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        // One of the two files exists.
        let _ = std::fs::write(self.file("freezer.state"), "THAWED");
        let _ = std::fs::write(self.file("cgroup.freeze"), "0");
        wait_for("the cgroup can be removed", || std::fs::remove_dir(&self.0).ok());
    }
}

#[test]
fn a_frozen_service_does_not_keep_untrap_running() {
    let scene = Scene::new();
    let services = [scene.witness("frozen", ""), scene.witness("b", "")];
    let untrap = scene.start(Place::Subreaper, &["-t", "200ms", &services[0], &services[1]]);
    let [frozen, ..] = scene.ready("frozen");
    scene.ready("b");
    let Some(_freezer) = Freezer::freeze(frozen) else {
        return skip("no cgroup can be frozen here (it takes root)");
    };
    untrap.signal("TERM");
    scene.wait_for_line("b", "SIGTERM");
    untrap.wait_for_message("did not stop within 200ms, killed");
    wait_for("untrap exits", || matches!(untrap.state().as_str(), "" | "Z").then_some(()));
}

#[test]
fn a_debugger_that_stops_a_service_does_not_keep_untrap_running() {
    let scene = Scene::new();
    let services = [scene.witness("debugged", ""), scene.witness("b", "")];
    let untrap = scene.start(Place::Subreaper, &["-t", "200ms", &services[0], &services[1]]);
    let [debugged, ..] = scene.ready("debugged");
    scene.ready("b");
    // PTRACE_SEIZE and PTRACE_INTERRUPT, as debuggers do.
    let attach = format!(
        "import ctypes, time\nc = ctypes.CDLL(None)\nassert c.ptrace(0x4206, {debugged}, 0, 0) == 0\n\
         assert c.ptrace(0x4207, {debugged}, 0, 0) == 0\ntime.sleep(1000)\n"
    );
    let mut tracer = Command::new("python3").args(["-c", &attach]).spawn().unwrap();
    wait_for("the debugger has stopped the service", || (state(debugged) == "t").then_some(()));
    untrap.signal("TERM");
    let end = untrap.end();
    assert!(end.said("did not stop within 200ms, killed"), "{:?}", end.messages);
    assert_eq!(scene.seen("b"), ["SIGTERM"]);
    let _ = tracer.kill();
    let _ = tracer.wait();
}

#[test]
fn signals_during_before_are_forwarded_and_term_begins_the_shutdown() {
    for place in places() {
        let scene = Scene::new();
        let before = scene.witness("before", "");
        let untrap = scene.start(place, &["--before", &before, &scene.witness("service", "")]);
        scene.ready("before");
        untrap.signal("USR1");
        scene.wait_for_line("before", "SIGUSR1");
        untrap.signal("TERM");
        untrap.end();
        assert_eq!(scene.seen("before"), ["SIGUSR1", "SIGTERM"]);
        assert!(scene.lines("service").is_empty());
    }
}

#[test]
fn during_the_stop_delay_signals_are_forwarded_and_a_second_int_kills() {
    for place in places() {
        let scene = Scene::new();
        let untrap = scene.start(place, &["--stop-delay", "1h", &scene.witness("a", "")]);
        scene.ready("a");
        untrap.signal("TERM");
        untrap.wait_for_message("sending stop signals in 1h");
        untrap.signal("USR1");
        scene.wait_for_line("a", "SIGUSR1");
        untrap.signal("INT");
        untrap.wait_for_message("SIGINT from");
        untrap.interrupt();
        assert_eq!(untrap.end().status, 137);
        assert_eq!(scene.seen("a"), ["SIGUSR1"]);
    }
}

#[test]
fn restarts_leave_no_descriptor_open_in_any_output_mode() {
    for mode in ["raw", "prefix", "json"] {
        let scene = Scene::new();
        let services: Vec<String> = (0..40).map(|number| format!("s{number}: echo line; exit 1")).collect();
        let mut arguments = vec!["--output", mode, "--on-exit", "restart"];
        arguments.extend(services.iter().map(String::as_str));
        let untrap = scene.start(Place::Subreaper, &arguments);
        let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", untrap.pid())).unwrap().count();
        let restarts = |number: u32| {
            let text = format!("(restart {number})");
            let count = || untrap.messages().iter().filter(|message| message.contains(&text)).count();
            wait_for("all services restart", || (count() == services.len()).then_some(()));
            wait_for("no service runs", || {
                let is_idle = crate::support::children(untrap.pid()).is_empty();
                is_idle.then(descriptors)
            })
        };
        assert_eq!(restarts(2), restarts(5), "{mode}");
        untrap.signal("TERM");
        untrap.end();
    }
}
