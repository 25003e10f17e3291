//! Hooks, readiness checks, stop order and delay, restarts, and the users of services.

use crate::support::{Place, Running, Scene, places, state, wait_for};

/// A command that appends a line to `log`. The shell of the command expands variables in it.
fn note(text: &str) -> String {
    format!("echo \"{text}\" >> log")
}

#[test]
fn before_services_and_after_run_in_this_order() {
    for place in places() {
        let scene = Scene::new();
        let (one, two, service, after) = (note("one"), note("two"), note("service"), note("after $UNTRAP_EXIT_CODE"));
        let end = scene
            .start(place, &["--before", &one, "--before", &two, "--after", &after, &format!("{service}; exit 3")])
            .end();
        assert_eq!(end.status, 3);
        assert_eq!(scene.lines("log"), ["one", "two", "service", "after 3"]);
        assert!(end.said("before.2 (pid") && end.said("after.1 started"), "{:?}", end.messages);
    }
}

#[test]
fn a_failed_before_command_ends_the_run_with_its_status() {
    let scene = Scene::new();
    let end =
        scene.run(&["--before", "exit 7", "--before", &note("second"), "--after", &note("after"), &note("service")]);
    assert_eq!(end.status, 7);
    assert_eq!(scene.lines("log"), ["after"], "only --after runs after a failed --before");
    assert_eq!(scene.run(&["--before", "no-such-program", "true"]).status, 127);
}

#[test]
fn before_can_name_a_process_type() {
    let scene = Scene::new();
    scene.write("Procfile", format!("web: {}\nrelease: {}\n", note("web"), note("release")));
    assert_eq!(scene.run(&["-f", "Procfile", "--before", "release", "web"]).status, 0);
    assert_eq!(scene.lines("log"), ["release", "web"]);
}

#[test]
fn a_stop_signal_during_before_stops_it_and_ends_the_run() {
    for place in places() {
        let scene = Scene::new();
        let untrap = scene.start(place, &["--before", &scene.witness("before", "TERM=4"), &note("service")]);
        scene.ready("before");
        untrap.signal("USR1");
        scene.wait_for_line("before", "SIGUSR1");
        untrap.signal("TERM");
        assert_eq!(untrap.end().status, 4);
        assert_eq!(scene.lines("log"), [""; 0]);
    }
}

#[test]
fn after_gets_the_status_of_the_run_and_changes_only_a_status_of_0() {
    let scene = Scene::new();
    let after = note("$UNTRAP_EXIT_CODE ${UNTRAP_SIGNAL-none}");
    let fails = format!("{after}; exit 9");
    assert_eq!(scene.run(&["--after", &fails, "sh -c 'exit 5'"]).status, 5);
    let untrap = scene.start(Place::Subreaper, &["--after", &fails, &scene.witness("a", "")]);
    scene.ready("a");
    untrap.signal("TERM");
    assert_eq!(untrap.end().status, 9);
    assert_eq!(scene.lines("log"), ["5 none", "0 TERM"]);
}

#[test]
fn a_stop_signal_during_after_stops_the_command_and_the_next_one_still_runs() {
    let scene = Scene::new();
    let (first, second) = (scene.witness("first", "TERM=4"), note("second ${UNTRAP_SIGNAL-none}"));
    let untrap = scene.start(Place::Subreaper, &["--on-exit", "ignore", "--after", &first, "--after", &second, "true"]);
    scene.ready("first");
    untrap.signal("TERM");
    let end = untrap.end();
    assert_eq!(end.status, 4);
    assert!(scene.seen("first").iter().any(|line| line == "SIGTERM"));
    assert!(end.said("stopping"), "{:?}", end.messages);
    assert_eq!(scene.lines("log"), ["second TERM"]);
}

#[test]
fn after_runs_when_no_process_is_left() {
    let scene = Scene::new();
    let daemon = format!("(setsid {} &); exec {}", scene.witness("daemon", ""), scene.witness("main", ""));
    let untrap = scene.start(Place::Subreaper, &["--after", "cp daemon seen", &daemon]);
    scene.ready("daemon");
    scene.ready("main");
    untrap.signal("TERM");
    untrap.end();
    assert!(scene.lines("seen").contains(&"SIGTERM".to_owned()), "{:?}", scene.lines("seen"));
}

#[test]
fn an_after_command_that_hangs_is_killed_at_its_own_timeout() {
    let scene = Scene::new();
    let end = scene.run(&["-t", "300ms", "--after", "sleep 1000", "true"]);
    assert_eq!(end.status, 137);
    assert!(end.said("after.1 (pid") && end.said(", killed"), "{:?}", end.messages);
}

#[test]
fn every_kind_of_target_is_waited_for() {
    let scene = Scene::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let socket = scene.path("socket");
    let targets = [
        format!("tcp://localhost:{port}"),
        format!("unix://{}", socket.display()),
        "file://file".into(),
        "exec:ls go".into(),
    ];
    let arguments: Vec<&str> = targets.iter().flat_map(|target| ["--wait-for", target]).chain(["true"]).collect();
    let untrap = scene.start(Place::Subreaper, &arguments);
    untrap.wait_for_message(&format!("tcp://localhost:{port} is ready"));
    untrap.wait_for_message("waiting for unix://");
    let _accepts = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    untrap.wait_for_message("waiting for file://file");
    scene.write("file", "");
    untrap.wait_for_message("waiting for exec:ls");
    scene.write("go", "");
    let end = untrap.end();
    assert_eq!(end.status, 0);
    assert!(end.said("exec:ls is ready after"), "{:?}", end.messages);
}

#[test]
fn a_readiness_check_that_times_out_gives_status_124_and_a_message() {
    for place in places() {
        let scene = Scene::new();
        let end =
            scene.start(place, &["--wait-for", "file://never", "--wait-timeout", "300ms", &note("service")]).end();
        assert_eq!(end.status, 124);
        assert!(end.said("waiting for file://never"), "{:?}", end.messages);
        assert!(!scene.path("log").exists());
    }
}

#[test]
fn a_stop_signal_ends_the_wait_at_once() {
    for place in places() {
        let scene = Scene::new();
        // No host answers at this address, so the connection hangs.
        let untrap = scene.start(place, &["--wait-for", "tcp://192.0.2.1:9", &note("service")]);
        untrap.wait_for_message("waiting for tcp://192.0.2.1:9");
        untrap.signal("TERM");
        assert_eq!(untrap.end().status, 143, "no service ran");
        assert!(!scene.path("log").exists());
    }
}

#[test]
fn the_next_service_starts_when_the_previous_one_is_ready() {
    let scene = Scene::new();
    let untrap = scene.start(
        Place::Subreaper,
        &["--ready", "a=file://ready", &format!("a: {}", scene.witness("a", "")), "b: touch b"],
    );
    scene.ready("a");
    untrap.wait_for_message("waiting for file://ready");
    assert!(!scene.path("b").exists());
    scene.write("ready", "");
    assert_eq!(untrap.end().status, 0);
    assert!(scene.path("b").exists());
    let end = scene.run(&["--ready", "a=file://never", "a: sh -c 'exit 6'", "b: touch c"]);
    assert_eq!(end.status, 6, "a service that exits before it is ready counts as exited");
    assert!(!scene.path("c").exists());
}

#[test]
fn a_stop_command_runs_instead_of_the_stop_signal() {
    let scene = Scene::new();
    let service = format!("web: {}", scene.witness("web", "USR2=3"));
    let command = "web=echo $UNTRAP_NAME > asked; kill -USR2 $UNTRAP_PID";
    let untrap = scene.start(Place::Subreaper, &["--stop-command", command, &service]);
    scene.ready("web");
    untrap.signal("TERM");
    let end = untrap.end();
    assert_eq!(end.status, 3);
    assert_eq!((scene.lines("asked"), scene.seen("web")), (vec!["web".to_owned()], vec!["SIGUSR2".to_owned()]));
    assert!(end.said("web.stop (pid"), "{:?}", end.messages);
}

#[test]
fn a_stop_command_that_fails_is_followed_by_the_stop_signal() {
    for command in ["exit 1", "no-such-program"] {
        let scene = Scene::new();
        let untrap = scene.start(Place::Subreaper, &["-s", "QUIT", "--stop-command", command, &scene.witness("a", "")]);
        scene.ready("a");
        untrap.signal("TERM");
        let end = untrap.end();
        assert_eq!((end.status, scene.seen("a")[0].as_str()), (0, "SIGQUIT"));
        assert!(end.said("failed, sending the stop signal instead"), "{:?}", end.messages);
    }
}

#[test]
fn a_stop_command_that_hangs_does_not_move_the_deadline() {
    let scene = Scene::new();
    let arguments = ["-t", "300ms", "--stop-command", "sleep 1000", &scene.witness("a", "")];
    let untrap = scene.start(Place::Subreaper, &arguments);
    scene.ready("a");
    untrap.signal("TERM");
    let end = untrap.end();
    assert_eq!(end.status, 137);
    assert!(end.said("witness.stop (pid") && end.messages.iter().filter(|line| line.contains(", killed")).count() == 2);
}

#[test]
fn in_a_sequential_stop_each_service_is_waited_for() {
    for (order, names) in [("reverse", ["c", "b", "a"]), ("listed", ["a", "b", "c"])] {
        let scene = Scene::new();
        let service = |name: &str| {
            format!("{name}: trap 'echo {name} >> log; exit 0' TERM; touch {name}; while :; do sleep 0.01; done")
        };
        let untrap =
            scene.start(Place::Subreaper, &["--stop-order", order, &service("a"), &service("b"), &service("c")]);
        for name in names {
            wait_for("the service runs", || scene.path(name).exists().then_some(()));
        }
        untrap.signal("TERM");
        assert_eq!(untrap.end().status, 0);
        assert_eq!(scene.lines("log"), names);
    }
}

#[test]
fn services_get_no_stop_signal_during_the_stop_delay() {
    let scene = Scene::new();
    let untrap = scene.start(Place::Subreaper, &["--stop-delay", "1h", &scene.witness("a", "")]);
    scene.ready("a");
    untrap.signal("TERM");
    untrap.wait_for_message("sending stop signals in 1h");
    untrap.signal("HUP");
    scene.wait_for_line("a", "SIGHUP");
    assert_eq!(scene.seen("a"), ["SIGHUP"]);
    drop(untrap);
    let untrap = scene.start(Place::Subreaper, &["--stop-delay", "200ms", &scene.witness("b", "")]);
    scene.ready("b");
    untrap.signal("TERM");
    assert_eq!(untrap.end().status, 0);
    assert_eq!(scene.seen("b")[0], "SIGTERM");
}

#[test]
fn a_service_is_restarted_with_a_new_pid() {
    for place in places() {
        let scene = Scene::new();
        let service = "web: echo $$ >> pids; [ $(wc -l < pids) -lt 3 ] || exec sleep 1000";
        let untrap = scene.start(place, &["--on-exit", "restart", service]);
        untrap.wait_for_message("web restarts in");
        untrap.wait_for_message("(restart 2)");
        wait_for("the service runs for the third time", || (scene.lines("pids").len() == 3).then_some(()));
        let mut pids = scene.lines("pids");
        pids.dedup();
        assert_eq!(pids.len(), 3);
        untrap.signal("TERM");
        assert_eq!(untrap.end().status, 0, "a service that restarts may be killed by its stop signal");
    }
}

#[test]
fn the_old_group_is_empty_before_the_restart() {
    let scene = Scene::new();
    let child = scene.witness("child", "TERM=ignore HUP=0");
    let service = format!(
        "web: echo start >> log; [ -e child ] && exec sleep 1000; {child} & until grep -qs ready child; do :; done"
    );
    let untrap = scene.start(Place::Subreaper, &["--on-exit", "restart", &service]);
    let [pid, ..] = scene.ready("child");
    scene.wait_for_line("child", "SIGTERM");
    assert_eq!(scene.lines("log"), ["start"]);
    crate::support::kill(pid, "HUP");
    wait_for("the service restarts", || (scene.lines("log").len() == 2).then_some(()));
    assert_eq!(state(pid), "");
    untrap.signal("TERM");
    untrap.end();
}

#[test]
fn restart_on_failure_does_not_restart_after_status_0() {
    let scene = Scene::new();
    let service = "echo x >> log; [ $(wc -l < log) -ge 3 ]";
    assert_eq!(scene.run(&["--on-exit", "restart-on-failure", service]).status, 0);
    assert_eq!(scene.lines("log").len(), 3);
}

#[test]
fn a_shutdown_during_a_backoff_starts_nothing() {
    let scene = Scene::new();
    let untrap =
        scene.start(Place::Subreaper, &["--on-exit", "restart", "echo x >> log; exit 1", &scene.witness("a", "")]);
    scene.ready("a");
    untrap.wait_for_message("(restart 4)");
    untrap.signal("TERM");
    let end = untrap.end();
    let stopping = end.messages.iter().position(|line| line.contains("stopping")).unwrap();
    assert!(end.messages[stopping..].iter().all(|line| !line.contains(" started ")), "{:?}", end.messages);
}

/// The ids, variables and capabilities of a service under these options.
fn id(scene: &Scene, options: &[&str]) -> Vec<String> {
    let script = "for o in -u -g -G; do id $o; done; echo $HOME $USER $LOGNAME; grep -c 'Cap\\(Prm\\|Eff\\):.0*$' /proc/self/status";
    let end = Running::new(Place::Subreaper, scene.untrap().args(options).args(["-q", script])).end();
    end.stdout.lines().map(str::to_owned).chain(end.messages).collect()
}

#[test]
fn a_service_runs_as_another_user_and_cannot_become_root_again() {
    if !nix::unistd::geteuid().is_root() {
        return crate::support::skip("only root can change the user");
    }
    let scene = Scene::new();
    assert_eq!(id(&scene, &["--user", "nobody"]), ["65534", "65534", "65534", "/nonexistent nobody nobody", "2"]);
    assert_eq!(id(&scene, &["--user", "nobody:daemon"])[..3], ["65534", "1", "1"]);
    assert_eq!(id(&scene, &["--user", "4711:815"]), ["4711", "815", "815", "/ 4711 4711", "2"]);
    let back = scene.run(&["--user", "nobody", "--", "setpriv", "--reuid", "0", "true"]);
    assert_ne!(back.status, 0, "the service became root again");
    let untrap = scene.start(Place::Subreaper, &["--user", "nobody", "sleep 1000"]);
    let pid = untrap.wait_for_message("started (pid").split(['(', ')']).nth(1).unwrap()[4..].parse().unwrap();
    drop(untrap);
    wait_for("the service is killed with untrap", || matches!(state(pid).as_str(), "" | "Z").then_some(()));
}

#[test]
fn an_unknown_or_unavailable_user_is_an_error() {
    let scene = Scene::new();
    let end = scene.run(&["--user", "no-such-user", "touch started"]);
    assert_eq!(end.status, 2);
    assert!(end.said("/etc/passwd has no user 'no-such-user'"), "{:?}", end.messages);
    assert_eq!(scene.run(&["--user", "root:no-such-group", "touch started"]).status, 2);
    assert_eq!(
        scene.run(&["--user", "4294967295:0", "touch started"]).status,
        2,
        "the kernel takes this id as unchanged"
    );
    assert!(!scene.path("started").exists());
    if nix::unistd::geteuid().is_root() {
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid", "65534", "--clear-groups", env!("CARGO_BIN_EXE_untrap"), "--user", "0:0", "true"]);
        let end = Running::new(Place::Subreaper, command.current_dir("/")).end();
        assert_eq!(end.status, 125);
        assert!(end.said("can't become its user"), "{:?}", end.messages);
    }
}

#[test]
fn bad_hooks_are_refused_before_anything_is_started() {
    let scene = Scene::new();
    for (arguments, message) in [
        (["--before", "x 'y"], "--before: a quote ' that is never closed"),
        (["--stop-command", ""], "--stop-command: no command"),
        (["--wait-for", "db:5432"], "--wait-for: not a target; write tcp://db:5432"),
        (["--ready", "web=file://x"], "--ready web=…: no service is named 'web'"),
        (["--stop-order", "random"], "--stop-order 'random': not a stop order; write at-once"),
        (["--stop-delay", "inf"], "--stop-delay 'inf': not a duration"),
        (["--wait-timeout", "x"], "--wait-timeout 'x': not a duration"),
        (["--user", "web=root"], "--user web=…: no service is named 'web'"),
        (["--user", ":x"], "--user ':x': not USER or USER:GROUP"),
    ] {
        let end = scene.run(&[&arguments[..], &["touch started"]].concat());
        assert_eq!(end.status, 2, "{arguments:?}: {:?}", end.messages);
        assert!(end.messages.len() == 1 && end.said(message), "{:?}", end.messages);
        assert!(!scene.path("started").exists());
    }
}

#[test]
fn a_readiness_check_is_killed_with_untrap_and_inherits_no_descriptor() {
    let scene = Scene::new();
    // Fill the queue of the socket, so that the next connection blocks.
    let socket = scene.path("socket");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let mut connections = Vec::new();
    while {
        let next = nix::sys::socket::socket(
            nix::sys::socket::AddressFamily::Unix,
            nix::sys::socket::SockType::Stream,
            nix::sys::socket::SockFlag::SOCK_NONBLOCK,
            None,
        )
        .unwrap();
        let address = nix::sys::socket::UnixAddr::new(&socket).unwrap();
        let connected = nix::sys::socket::connect(std::os::fd::AsRawFd::as_raw_fd(&next), &address).is_ok();
        connections.push(next);
        connected
    } {}
    let target = format!("unix://{}", socket.display());
    let untrap = scene.start(Place::Subreaper, &["--pid-dir", "pids", "--wait-for", &target, "true"]);
    let check = wait_for("the check runs", || crate::support::children(untrap.pid()).first().copied());
    let is_inherited = |fd: &std::fs::DirEntry| fd.file_name().to_str().unwrap().parse::<i32>().unwrap() > 3;
    wait_for("the check has closed inherited descriptors", || {
        let open = std::fs::read_dir(format!("/proc/{check}/fd")).ok()?.flatten().filter(is_inherited).count();
        (open == 0).then_some(())
    });
    drop(untrap);
    wait_for("the check is killed with untrap", || matches!(state(check).as_str(), "" | "Z").then_some(()));
    drop(listener);
}
