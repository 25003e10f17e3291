//! Pid directories that another user can write to: `ps` and `signal` do not trust them, and the other user cannot keep
//! untrap from using its directory.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::process::{Child, Command};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::{Place, Scene, kill, skip, spawn, state, wait_for};

/// A user that is not root.
const OTHER: u32 = 65534;

/// Whether the test runs as root. Reports a skipped test if it does not.
fn is_root() -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        skip("files of another user cannot be made here (it takes root)");
    }
    is_root
}

/// A process that receives a signal if a verb trusts a forged file.
struct Victim(Child);

impl Victim {
    fn new() -> Self {
        Self(spawn(Command::new("sleep").arg("1000")))
    }

    fn pid(&self) -> i32 {
        self.0.id() as i32
    }

    fn is_alive(&self) -> bool {
        !matches!(state(self.pid()).as_str(), "" | "Z" | "T")
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The output and the status of a verb.
struct VerbOutput {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

fn verb(scene: &Scene, arguments: &[&str]) -> VerbOutput {
    let mut command = scene.untrap();
    let output = command.args(arguments).args(["--pid-dir", "pids"]).output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    VerbOutput { status: output.status.code(), stdout, stderr }
}

#[test]
fn root_refuses_a_directory_of_another_user() {
    if !is_root() {
        return;
    }
    let scene = Scene::new();
    let victim = Victim::new();
    fs::create_dir(scene.path("pids")).unwrap();
    // The victim's parent is this test, so the victim is a descendant of the process that untrap.pid names.
    scene.write("pids/untrap.pid", format!("{}\nservices=web\n", std::process::id()));
    scene.write("pids/web.pid", format!("{}\n", victim.pid()));
    for file in ["pids", "pids/untrap.pid", "pids/web.pid"] {
        chown(scene.path(file), Some(OTHER), Some(OTHER)).unwrap();
    }
    for arguments in [&["signal", "STOP"][..], &["signal", "KILL", "web"], &["ps"]] {
        let end = verb(&scene, arguments);
        assert_eq!(end.status, Some(1), "{}", end.stderr);
        assert!(end.stderr.contains(&format!("untrap.pid: it belongs to the user {OTHER}")), "{}", end.stderr);
        assert!(victim.is_alive(), "{arguments:?}");
    }
}

#[test]
fn a_directory_without_a_held_lock_is_refused() {
    let scene = Scene::new();
    let victim = Victim::new();
    fs::create_dir(scene.path("pids")).unwrap();
    scene.write("pids/untrap.pid", format!("{}\nservices=web\n", std::process::id()));
    scene.write("pids/web.pid", format!("{}\n", victim.pid()));
    for lock in [false, true] {
        if lock {
            scene.write("pids/.untrap.lock", "");
        }
        let end = verb(&scene, &["signal", "STOP"]);
        assert_eq!(end.status, Some(1), "{}", end.stderr);
        assert!(end.stderr.contains("does not hold its lock"), "{}", end.stderr);
        assert!(victim.is_alive());
    }
}

#[test]
fn a_pid_file_that_another_user_has_replaced_is_refused() {
    if !is_root() {
        return;
    }
    let scene = Scene::new();
    let untrap = scene.start(Place::Subreaper, &["--pid-dir", "pids", "a: sleep 1000", "b: sleep 1000"]);
    untrap.wait_for_message("b started");
    let b = fs::read_to_string(scene.path("pids/b.pid")).unwrap();
    scene.write("forged", b.lines().next().unwrap());
    chown(scene.path("forged"), Some(OTHER), Some(OTHER)).unwrap();
    fs::rename(scene.path("forged"), scene.path("pids/a.pid")).unwrap();
    let end = verb(&scene, &["signal", "KILL", "a"]);
    assert_eq!(end.status, Some(1), "{}", end.stderr);
    assert!(end.stderr.contains("a.pid: it belongs to the user"), "{}", end.stderr);
    untrap.signal("TERM");
    assert_eq!(untrap.end().status, 143);
}

#[test]
fn verbs_do_not_block_on_a_fifo_or_read_a_device() {
    for file in ["untrap.pid", "web.pid"] {
        for kind in ["fifo", "zero", "directory", "large"] {
            let scene = Scene::new();
            let untrap = scene.start(Place::Subreaper, &["--pid-dir", "pids", "web: sleep 1000"]);
            untrap.wait_for_message("web started");
            let path = scene.path("pids").join(file);
            fs::remove_file(&path).unwrap();
            match kind {
                "fifo" => mkfifo(&path, Mode::S_IRWXU).unwrap(),
                "zero" => symlink("/dev/zero", &path).unwrap(),
                "directory" => fs::create_dir(&path).unwrap(),
                _ => fs::File::create(&path).unwrap().set_len(2 << 20).unwrap(),
            }
            for arguments in [&["ps"][..], &["signal", "HUP"]] {
                let end = verb(&scene, arguments);
                assert_eq!(end.status, Some(1), "{file} {kind}: {}", end.stderr);
                assert!(end.stderr.contains(&format!("can't read pids/{file}")), "{}", end.stderr);
            }
            untrap.signal("TERM");
            untrap.end();
        }
    }
}

#[test]
fn invalid_names_of_services_are_skipped() {
    let scene = Scene::new();
    let untrap = scene.start(Place::Subreaper, &["--pid-dir", "pids", "web: sleep 1000"]);
    untrap.wait_for_message("web started");
    let own = fs::read_to_string(scene.path("pids/untrap.pid")).unwrap();
    scene.write("pids/untrap.pid", own.replace("services=web", "services=../../etc/web /x \x1b[2J web"));
    let end = verb(&scene, &["ps"]);
    assert_eq!(end.stdout.lines().count(), 2, "{}", end.stdout);
    assert!(end.stdout.contains("web") && !end.stdout.contains('\x1b'), "{}", end.stdout);
    untrap.signal("TERM");
    untrap.end();
}

#[test]
fn another_user_cannot_lock_the_directory() {
    if !is_root() {
        return;
    }
    let scene = Scene::new();
    scene.open_to_all();
    for shared in [false, true] {
        let _ = fs::remove_dir_all(scene.path("pids"));
        fs::create_dir(scene.path("pids")).unwrap();
        if shared {
            fs::set_permissions(scene.path("pids"), PermissionsExt::from_mode(0o1777)).unwrap();
            scene.write("pids/.untrap.lock", "");
            scene.write("pids/.untrap.tmp", "");
            for file in ["pids/.untrap.lock", "pids/.untrap.tmp"] {
                chown(scene.path(file), Some(OTHER), Some(OTHER)).unwrap();
            }
        }
        let file = if shared { "pids/.untrap.lock" } else { "pids" };
        let mut locker = Command::new("setpriv");
        locker.args(["--reuid=65534", "--clear-groups", "flock"]).arg(scene.path(file)).args(["sleep", "1000"]);
        let locker = Victim(spawn(&mut locker));
        wait_for("the other user holds the lock", || {
            let locks = fs::read_to_string("/proc/locks").unwrap();
            locks.contains(&format!(" {} ", locker.pid())).then_some(())
        });
        let untrap = scene.start(Place::Subreaper, &["--pid-dir", "pids", "web: sleep 1000"]);
        untrap.wait_for_message("web started");
        assert_eq!(verb(&scene, &["signal", "CONT"]).status, Some(0));
        untrap.signal("TERM");
        assert_eq!(untrap.end().status, 143);
        kill(locker.pid(), "KILL");
    }
}
