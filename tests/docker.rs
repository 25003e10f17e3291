//! Tests the binary that the Dockerfile builds, as PID 1 of real containers.
//!
//! The tests need an engine and the images that `tests/docker/images` builds. Without them they report that they are
//! skipped and pass, except in CI.

#[path = "support/container.rs"]
mod container;
#[path = "support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::Instant;

use container::{Container, STOP_LIMIT, docker, docker_ok, engine_has};
use support::{Scene, wait_for, witness};

/// The base image of the tests: a Debian with redis and ps.
const BASE: &str = "untrap-test:bookworm";
/// The image that the Dockerfile builds.
const UNTRAP: &str = "untrap:test";
/// The base image with the binary of that image.
const IMAGE: &str = "untrap-test:with-untrap";

/// Builds the images once. Returns false and reports a skipped test if it cannot.
fn ready() -> bool {
    static READY: LazyLock<bool> = LazyLock::new(|| {
        if !engine_has(BASE) {
            support::skip("no container engine, or the images that tests/docker/images builds are missing");
            return false;
        }
        docker_ok(&["build", "--quiet", "--network", "none", "--tag", UNTRAP, env!("CARGO_MANIFEST_DIR")]);
        let scene = Scene::new();
        let content =
            format!("FROM {BASE}\nCOPY --from={UNTRAP} /untrap /usr/local/bin/untrap\nENTRYPOINT [\"untrap\"]\n");
        scene.write("Dockerfile", content);
        docker_ok(&["build", "--quiet", "--tag", IMAGE, scene.path(".").to_str().unwrap()]);
        true
    });
    *READY
}

#[track_caller]
fn start(arguments: &[&str]) -> Container {
    start_with(&[], arguments)
}

#[track_caller]
fn start_with(options: &[&str], arguments: &[&str]) -> Container {
    Container::start(IMAGE, options, arguments)
}

#[test]
fn the_image_contains_one_static_binary() {
    if !ready() {
        return;
    }
    let container = docker_ok(&["create", UNTRAP]).trim().to_owned();
    let files = Command::new("sh").args(["-c", &format!("docker export {container} | tar -t")]).output().unwrap();
    docker_ok(&["rm", &container]);
    let files = String::from_utf8(files.stdout).unwrap();
    // The engine adds mount points.
    let own =
        |file: &&str| !["dev/", "etc/", "proc/", "sys/", ".dockerenv"].iter().any(|mount| file.starts_with(mount));
    assert_eq!(files.lines().filter(own).collect::<Vec<_>>(), ["untrap"]);
    assert_eq!(docker_ok(&["run", "--rm", UNTRAP, "--version"]), format!("untrap {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn two_sleeps_stop_at_once() {
    if !ready() {
        return;
    }
    let container = start(&["sleep 100000", "sleep 100000"]);
    container.wait_for_log("sleep.2 started");
    container.stops_in_time_with(143);
    assert!(container.logs().contains("SIGTERM from pid 0 (outside this container): stopping"));
}

#[test]
fn redis_behind_a_shell_line_saves_its_data() {
    if !ready() {
        return;
    }
    let container = start(&["cd /tmp && redis-server"]);
    container.wait_for_log("Ready to accept connections");
    container.exec("redis-cli set key value");
    // redis is the leader itself, so the status is its own.
    container.stops_in_time_with(0);
    let logs = container.logs();
    assert!(logs.contains("DB saved on disk") && logs.contains("bye bye"), "{logs}");
    assert!(container.has_file("/tmp/dump.rdb"));
}

#[test]
fn redis_after_exec_in_a_shell_line_exits_with_its_own_status() {
    if !ready() {
        return;
    }
    let container = start(&["cd /tmp && exec redis-server"]);
    container.wait_for_log("Ready to accept connections");
    container.stops_in_time_with(0);
}

#[test]
fn a_program_that_a_script_runs_without_exec_is_stopped() {
    if !ready() {
        return;
    }
    let script = "#!/bin/sh\\necho preparing\\nredis-server --dir /tmp\\n";
    let container = start_with(
        &["--entrypoint", "sh"],
        &["-c", &format!("printf '{script}' > /run.sh; chmod +x /run.sh; exec untrap /run.sh")],
    );
    container.wait_for_log("Ready to accept connections");
    container.stops_in_time_with(143);
    assert!(container.logs().contains("bye bye"));
}

#[test]
fn orphans_of_docker_exec_are_reaped() {
    if !ready() {
        return;
    }
    let container = start(&["sleep 100000"]);
    container.wait_for_log("started");
    docker_ok(&["exec", "--detach", &container.0, "sh", "-c", "sleep 1 & echo $$ > /tmp/shell; wait"]);
    wait_for("the shell runs", || container.exec("cat /tmp/shell 2>/dev/null; true").ends_with('\n').then_some(()));
    container.exec("kill -9 $(cat /tmp/shell)");
    wait_for("the child of the shell has exited", || {
        let list = container.exec("ps -e -o pid,ppid,stat,args");
        (!list.contains("sleep 1\n")).then(|| assert!(!list.contains("defunct"), "{list}"))
    });
    container.stops_in_time_with(143);
}

#[test]
fn a_service_that_ignores_term_is_killed_at_the_timeout_while_the_other_exits_cleanly() {
    if !ready() {
        return;
    }
    let deaf = "deaf: trap '' TERM; echo deaf; while :; do sleep 1; done";
    let container = start(&["-t", "1s", deaf, "redis: redis-server --dir /tmp"]);
    container.wait_for_log("deaf\n");
    container.wait_for_log("Ready to accept connections");
    container.stops_in_time_with(137);
    let logs = container.logs();
    assert!(logs.contains("bye bye") && logs.contains("deaf (pid"), "{logs}");
    assert_eq!(logs.matches(") did not stop within").count(), 1, "{logs}");
}

#[test]
fn a_redis_daemon_is_stopped_and_saves() {
    if !ready() {
        return;
    }
    let daemon = "redis-server --daemonize yes --dir /tmp --logfile /tmp/log --pidfile /tmp/pid";
    for arguments in
        [&["--on-exit", "redis-server=ignore", daemon][..], &["--on-exit", "ignore", daemon, "sleep 100000"]]
    {
        let container = start(arguments);
        wait_for("redis answers", || container.exec("redis-cli set key value || true").contains("OK").then_some(()));
        let took = container.stop();
        assert!(took < STOP_LIMIT, "docker stop took {took:?}");
        assert!(container.has_file("/tmp/dump.rdb"), "redis has not saved");
        let logs = container.logs();
        let leftover: Vec<_> =
            logs.lines().filter(|line| line.contains("leftover process redis-server (pid")).collect();
        assert!(!leftover.is_empty() && leftover.iter().all(|line| !line.contains("killed")), "{logs}");
    }
}

#[test]
fn the_exit_of_one_service_stops_the_other_and_gives_the_status() {
    if !ready() {
        return;
    }
    let container =
        start(&["redis: redis-server --dir /tmp", "until redis-cli ping | grep -q PONG; do sleep 0.1; done; exit 3"]);
    assert_eq!(container.status(), 3, "{}", container.logs());
    assert!(container.logs().contains("bye bye"));
}

#[test]
fn an_unknown_program_gives_status_127_and_a_message() {
    if !ready() {
        return;
    }
    let container = start(&["sleep 100000", "no-such-program"]);
    assert_eq!(container.status(), 127);
    assert!(container.logs().contains("program no-such-program not found"), "{}", container.logs());
}

/// Sets the pid directory as an image would.
const PID_DIR: [&str; 2] = ["--env", "UNTRAP_PID_DIR=/run/untrap"];

/// Waits until `untrap ps` shows this number of running services.
#[track_caller]
fn wait_for_running(container: &Container, services: usize) {
    wait_for("ps shows the services", || {
        let output = docker(&["exec", &container.0, "untrap", "ps"]);
        let table = String::from_utf8_lossy(&output.stdout).into_owned();
        (table.matches("running").count() == services && !table.contains("not running")).then_some(())
    });
}

#[test]
fn ps_and_signal_work_with_a_read_only_root_and_a_tmpfs() {
    if !ready() {
        return;
    }
    let web = "web: trap 'echo got HUP' HUP; while :; do sleep 1; done";
    let options = [&PID_DIR[..], &["--read-only", "--tmpfs", "/run"]].concat();
    let container = start_with(&options, &[web, "sleep 100000"]);
    wait_for_running(&container, 2);
    let table = docker_ok(&["exec", &container.0, "untrap", "ps"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[1].starts_with("web ") && lines[2].starts_with("sleep "), "{table}");
    assert!(lines[2].ends_with("  sleep 100000"), "{table}");
    docker_ok(&["exec", &container.0, "untrap", "signal", "HUP", "web"]);
    container.wait_for_log("got HUP");

    let as_nobody =
        |arguments: &[&str]| docker(&[&["exec", "--user", "65534", &container.0, "untrap"], arguments].concat());
    assert_eq!(String::from_utf8_lossy(&as_nobody(&["ps"]).stdout).lines().count(), 3);
    let refused = as_nobody(&["signal", "KILL", "sleep"]);
    let stderr = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr.contains("can't be sent SIGKILL: Operation not permitted"), "{stderr}");

    container.stops_in_time_with(143);
}

#[test]
fn a_pid_directory_on_a_read_only_root_is_refused_before_anything_starts() {
    if !ready() {
        return;
    }
    let options = [&PID_DIR[..], &["--read-only"]].concat();
    let container = start_with(&options, &["sleep 100000"]);
    assert_eq!(container.status(), 2);
    let expected = "untrap: pid directory /run/untrap: Read-only file system";
    assert!(container.logs().starts_with(expected), "{}", container.logs());
}

#[test]
fn a_killed_container_restarts_despite_its_old_pid_files() {
    if !ready() {
        return;
    }
    let container = start_with(&PID_DIR, &["sleep 100000", "sleep 100000"]);
    wait_for_running(&container, 2);
    docker_ok(&["kill", &container.0]);
    assert!(container.has_file("/run/untrap/untrap.pid") && container.has_file("/run/untrap/sleep.2.pid"));
    docker_ok(&["start", &container.0]);
    wait_for_running(&container, 2);
    container.stops_in_time_with(143);
    assert!(!container.has_file("/run/untrap/untrap.pid") && !container.has_file("/run/untrap/sleep.2.pid"));
}

#[test]
fn an_app_of_several_languages_runs_from_its_procfile() {
    if !ready() {
        return;
    }
    let volume = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/procfile-app:/app:ro");
    // The options of its Dockerfile.
    let container =
        start_with(&["--volume", volume, "--workdir", "/app"], &["--port", "8000", "--signal-to", "worker=leader"]);
    for log in ["Ready to accept connections", "web: listening", "worker: waiting for jobs"] {
        container.wait_for_log(log);
    }
    let ask = |request: &str| {
        container.exec(&format!("bash -c 'exec 3<> /dev/tcp/127.0.0.1/8100; printf \"{request}\" >&3; cat <&3'"))
    };
    assert!(ask("POST / HTTP/1.0\\nContent-Length: 5\\n\\nhello").ends_with("accepted\n"));
    wait_for("the job is done", || ask("GET / HTTP/1.0\\n\\n").ends_with("HELLO\n").then_some(()));
    container.stops_in_time_with(0);
    for log in ["DB saved on disk", "web: bye", "worker: bye"] {
        container.wait_for_log(log);
    }
}

/// A separate engine whose init is untrap.
struct Engine {
    process: Child,
    scene: Scene,
}

impl Engine {
    fn with_init(init: &Path) -> Self {
        let scene = Scene::new();
        let directory = |name: &str| scene.path(name).to_str().unwrap().to_owned();
        let config = scene.write("config", "{\"storage-driver\": \"vfs\"}");
        // Use a network namespace, so that this engine does not take the bridge of a running engine.
        let process = Command::new("unshare")
            .args(["--net", "--", "dockerd"])
            .args(["--config-file", config.to_str().unwrap()])
            .args(["--host", &format!("unix://{}", directory("socket")), "--data-root", &directory("data")])
            .args(["--exec-root", &directory("exec"), "--pidfile", &directory("pid")])
            .args(["--bridge", "none", "--iptables=false", "--init-path", init.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(scene.path("log")).unwrap())
            .spawn()
            .expect("starting dockerd");
        let engine = Self { process, scene };
        wait_for("the engine answers", || engine.docker(&["version"]).status.success().then_some(()));
        engine
    }

    fn docker(&self, arguments: &[&str]) -> Output {
        let host = format!("unix://{}", self.scene.path("socket").display());
        Command::new("docker").args(["--host", &host]).args(arguments).output().unwrap()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        support::kill(i32::try_from(self.process.id()).unwrap(), "TERM");
        let _ = self.process.wait();
    }
}

#[test]
fn untrap_works_as_the_init_of_the_engine() {
    if !ready() {
        return;
    }
    let scene = Scene::new();
    // Copy the binary from the image, to test the binary that is shipped.
    let container = docker_ok(&["create", UNTRAP]).trim().to_owned();
    let untrap = scene.path("untrap");
    docker_ok(&["cp", &format!("{container}:/untrap"), untrap.to_str().unwrap()]);
    docker_ok(&["rm", &container]);
    let engine = Engine::with_init(&untrap);
    let archive = scene.path("witness.tar");
    let (archive, directory) = (archive.to_str().unwrap(), witness().parent().unwrap().to_owned());
    Command::new("tar").args(["-C", directory.to_str().unwrap(), "-cf", archive, "witness"]).status().unwrap();
    assert!(engine.docker(&["import", archive, "witness"]).status.success());

    let run = ["run", "--detach", "--init", "--network", "none", "witness", "/witness", "-", "TERM=5"];
    let started = engine.docker(&run);
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    let id = String::from_utf8(started.stdout).unwrap().trim().to_owned();
    let logs = || {
        let output = engine.docker(&["logs", &id]);
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    wait_for("the witness is ready", || logs().contains("ready ").then_some(()));
    let start = Instant::now();
    assert!(engine.docker(&["stop", &id]).status.success());
    assert!(start.elapsed() < STOP_LIMIT);
    let status = String::from_utf8(engine.docker(&["wait", &id]).stdout).unwrap();
    assert_eq!(status.trim(), "5", "{}", logs());
    assert!(logs().contains("untrap: SIGTERM from pid 0 (outside this container): stopping"), "{}", logs());
    assert!(logs().contains("SIGTERM\n"), "{}", logs());
    engine.docker(&["rm", "--force", &id]);
}

#[test]
fn a_service_that_makes_its_output_nonblocking_breaks_no_other() {
    if !ready() {
        return;
    }
    for user in ["0", "65534"] {
        for mode in ["raw", "prefix", "json"] {
            let nonblocking = "n: perl -MFcntl -e \"fcntl(STDOUT, F_SETFL, O_NONBLOCK | O_WRONLY); open(F, '>/tmp/set'); close(F); sleep 1000\"";
            let writer = "p: until [ -e /tmp/set ]; do sleep 0.01; done; seq 1 300000";
            // Not the log of the engine, which it may cut at a size.
            let run = ["run", "--rm", "--network", "none", "--user", user, IMAGE];
            let output = docker(&[&run[..], &["-q", "--output", mode, nonblocking, writer]].concat());
            assert!(output.status.success(), "{mode} as {user}: {}", String::from_utf8_lossy(&output.stderr));
            let lines = String::from_utf8_lossy(&output.stdout).lines().count();
            assert_eq!(lines, 300_000, "{mode} as {user}");
        }
    }
}

#[test]
fn a_service_of_another_user_can_open_the_pipe_of_the_engine() {
    if !ready() {
        return;
    }
    let container = start_with(&[], &["-q", "--user", "65534", "--", "sh", "-c", "echo written > /dev/stdout"]);
    assert_eq!((container.status(), container.logs().as_str()), (0, "written\n"));
}
