//! The pid directory: its files, their lifetime, and the processes that may use it.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::time::{Duration, SystemTime};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use untrap::pid_dir::record::Record;

use crate::support::{End, Place, Running, Scene, can_unshare, kill, places, wait_for};

fn record(scene: &Scene, name: &str) -> Option<Record> {
    fs::read_to_string(scene.path(&format!("pids/{name}.pid"))).ok()?.parse().ok()
}

#[track_caller]
fn wait_for_record(scene: &Scene, name: &str) -> Record {
    wait_for(&format!("{name}.pid exists"), || record(scene, name))
}

fn files(scene: &Scene) -> Vec<String> {
    let entries = fs::read_dir(scene.path("pids")).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    // Locked while an untrap uses the directory, and removed at its exit.
    names.retain(|name| name != ".untrap.lock");
    names.sort();
    names
}

/// Puts a pid file into the directory before untrap starts.
fn leave(scene: &Scene, name: &str, content: &impl ToString) {
    fs::create_dir_all(scene.path("pids")).unwrap();
    scene.write(&format!("pids/{name}.pid"), content.to_string());
}

/// Checks that untrap refused the directory and started no service.
#[track_caller]
fn assert_refused(scene: &Scene, end: &End, message: &str) {
    assert_eq!(end.status, 2, "{:?}", end.messages);
    assert!(end.messages.len() == 1 && end.said(message), "{:?}", end.messages);
    assert!(!scene.path("started").exists(), "a service was started");
}

/// The record of the test process.
fn own_record() -> Record {
    Record::of_process(i32::try_from(std::process::id()).unwrap())
}

#[test]
fn untrap_and_each_service_have_a_file_until_they_exit() {
    for place in places() {
        let scene = Scene::new();
        scene.write("Procfile", format!("web: {}\ndb: {}\n", scene.witness("web", ""), scene.witness("db", "")));
        let untrap = scene.start(place, &["--pid-dir", "pids", "-f", "Procfile"]);
        let [web, own, _] = scene.ready("web");
        let [db, ..] = scene.ready("db");
        for (name, pid) in [("web.1", web), ("db.1", db), ("untrap", own)] {
            let record = wait_for_record(&scene, name);
            assert_eq!((record.pid, record.restarts), (pid, 0), "{name}");
            let knows_process = record.start_ticks.is_some() && record.process().is_some();
            assert!(knows_process || place == Place::Pid1, "{record:?}");
        }
        assert_eq!(files(&scene), ["db.1.pid", "untrap.pid", "web.1.pid"]);
        assert_eq!(record(&scene, "untrap").unwrap().services, ["web.1", "db.1"]);
        untrap.signal("TERM");
        untrap.end();
        assert_eq!(files(&scene), [""; 0]);
    }
}

#[test]
fn the_file_of_a_service_stays_until_its_process_group_is_empty() {
    let scene = Scene::new();
    let daemon = format!("first: {} & exit 0", scene.witness("left", ""));
    let untrap = scene.start(
        Place::Subreaper,
        &["--pid-dir", "pids", "--on-exit", "first=ignore", &daemon, &scene.witness("other", "")],
    );
    let [left, _, group] = scene.ready("left");
    scene.ready("other");
    untrap.wait_for_message("first (pid");
    assert_eq!(wait_for_record(&scene, "first").pid, group, "the leader has exited, its process group is not empty");
    kill(left, "TERM");
    wait_for("the file is removed", || record(&scene, "first").is_none().then_some(()));
    assert!(record(&scene, "witness").is_some(), "the other service runs");
    untrap.signal("TERM");
    untrap.end();
    assert_eq!(files(&scene), [""; 0]);
}

#[test]
fn a_restart_writes_the_new_pid_and_the_number_of_restarts() {
    let scene = Scene::new();
    let once = format!("web: exec {}", scene.witness("web-$$", "TERM=1"));
    let untrap = scene.start(Place::Subreaper, &["--pid-dir", "pids", "--on-exit", "restart", &once]);
    for restarts in 0..3 {
        let web = wait_for("the file is that of this start", || {
            record(&scene, "web").filter(|record| record.restarts == restarts && record.process().is_some())
        });
        scene.ready(&format!("web-{}", web.pid));
        kill(web.pid, "TERM");
    }
    untrap.signal("TERM");
    untrap.end();
    assert_eq!(files(&scene), [""; 0]);
}

#[test]
fn hooks_have_no_file_and_the_file_of_untrap_exists_during_after_commands() {
    let scene = Scene::new();
    let list = |name: &str| format!("ls pids > {name}");
    let end = scene.run(
        &[
            ["--pid-dir", "pids", "--before", &list("before"), "--after", &list("after")].as_slice(),
            &["--ready", "web=exec:sh -c 'ls pids > ready'", "web: sleep 1000", "db: true"],
        ]
        .concat(),
    );
    assert_eq!(end.status, 0, "{:?}", end.messages);
    assert_eq!(scene.lines("before"), ["untrap.pid"]);
    assert_eq!(scene.lines("ready"), ["untrap.pid", "web.pid"]);
    assert_eq!(scene.lines("after"), ["untrap.pid"]);
    assert_eq!(files(&scene), [""; 0]);
}

#[test]
fn no_file_remains_after_a_failure() {
    let scene = Scene::new();
    let runs: [(&[&str], i32); 5] = [
        (&["sh -c 'kill -9 $$'", "sleep 1000"], 137),
        (&["no-such-program", "sleep 1000"], 127),
        (&["sleep 1000", "no-such-program"], 127),
        (&["-t", "0s", "true", "trap '' TERM; sleep 1000"], 0),
        (&["--on-exit", "sleep=ignore", "setsid sleep 1000", "exit 3"], 3),
    ];
    for (arguments, status) in runs {
        let end = scene.run(&[&["--pid-dir", "pids"], arguments].concat());
        assert_eq!(end.status, status, "{:?}", end.messages);
        assert_eq!(files(&scene), [""; 0], "{arguments:?}");
    }
}

#[test]
fn a_reader_never_sees_an_incomplete_file() {
    let scene = Scene::new();
    fs::create_dir(scene.path("pids")).unwrap();
    let watch = Inotify::init(InitFlags::IN_NONBLOCK).unwrap();
    let flags = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_MOVED_TO;
    watch.add_watch(&scene.path("pids"), flags).unwrap();
    leave(&scene, "web", &"stale");
    watch.read_events().unwrap();
    assert_eq!(scene.run(&["--pid-dir", "pids", "--on-exit", "ignore", "web: true", "db: true"]).status, 0);
    let events = watch.read_events().unwrap();
    let mut appeared = Vec::new();
    for event in events {
        let name = event.name.unwrap().into_string().unwrap();
        let visible = std::path::Path::new(&name).extension().is_some_and(|extension| extension == "pid");
        assert!(!visible || event.mask == AddWatchFlags::IN_MOVED_TO, "{name} was written in place: {:?}", event.mask);
        appeared.extend(visible.then_some(name));
    }
    assert_eq!(appeared, ["untrap.pid", "web.pid", "db.pid"]);
}

#[test]
fn stale_files_are_replaced() {
    let own = own_record();
    let exited = {
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        i32::try_from(child.id()).unwrap()
    };
    let recycled = Record { start_ticks: own.start_ticks.map(|ticks| ticks - 1), ..own };
    for content in [
        Record { pid: exited, ..Record::default() }.to_string(),
        recycled.to_string(),
        String::new(),
        "no pid".to_owned(),
        "-1\n".to_owned(),
    ] {
        let scene = Scene::new();
        leave(&scene, "untrap", &content);
        leave(&scene, "web", &content);
        // A program starts before its file is written.
        let both =
            "for name in web untrap; do until grep -qx start-ticks=.* pids/$name.pid; do sleep 0.01; done; done 2> log";
        let end = scene.run(&["--pid-dir", "pids", &format!("web: {both}")]);
        assert_eq!(end.status, 0, "{content:?}: {:?}", end.messages);
        assert_eq!(files(&scene), [""; 0]);
    }
}

#[test]
fn a_file_of_another_program_is_stale_if_its_process_is_younger() {
    let scene = Scene::new();
    let pid = std::process::id();
    leave(&scene, "web", &pid);
    #[expect(clippy::disallowed_methods, reason = "the time of a file is that of the wall clock")]
    let hour_ago = SystemTime::now() - Duration::from_hours(1);
    assert_refused(
        &scene,
        &scene.run(&["--pid-dir", "pids", "web: touch started"]),
        &format!("pids/web.pid belongs to a process that is alive (pid {pid})"),
    );
    File::open(scene.path("pids/web.pid")).unwrap().set_modified(hour_ago).unwrap();
    assert_eq!(scene.run(&["--pid-dir", "pids", "web: true"]).status, 0);
}

#[test]
fn a_file_of_a_process_that_is_alive_is_refused_and_not_changed() {
    let scene = Scene::new();
    let own = own_record();
    leave(&scene, "web", &own);
    let end = scene.run(&["--pid-dir", "pids", "db: touch started", "web: touch started"]);
    assert_refused(&scene, &end, &format!("pids/web.pid belongs to a process that is alive (pid {})", own.pid));
    assert_eq!(record(&scene, "web"), Some(own));
    assert_eq!(files(&scene), ["web.pid"]);
}

#[test]
fn files_of_other_programs_are_not_changed() {
    let scene = Scene::new();
    leave(&scene, "nginx", &"7\n");
    leave(&scene, "other", &"not a pid\n");
    let victim = scene.write("victim", "important\n");
    symlink(&victim, scene.path("pids/web.pid")).unwrap();
    symlink(&victim, scene.path("pids/.untrap.tmp")).unwrap();
    let replace = "db: until [ -e pids/db.pid ]; do sleep 0.01; done; echo 7 > pids/db.pid";
    let end = scene.run(&["--pid-dir", "pids", "--on-exit", "ignore", "web: true", replace]);
    assert_eq!(end.status, 0, "{:?}", end.messages);
    assert_eq!(files(&scene), ["db.pid", "nginx.pid", "other.pid"], "a file that another process has replaced stays");
    assert_eq!(scene.lines("victim"), ["important"], "a symbolic link is replaced, not followed");
}

#[test]
fn a_second_untrap_is_refused_and_names_the_first() {
    let scene = Scene::new();
    let first = scene.start(Place::Subreaper, &["--pid-dir", "pids", &scene.witness("a", "")]);
    scene.ready("a");
    let before = wait_for_record(&scene, "witness");
    let end = scene.run(&["--pid-dir", "pids", "touch started", "witness: touch started"]);
    assert_refused(&scene, &end, &format!("pids is in use by another untrap (pid {})", first.pid()));
    assert_eq!(record(&scene, "witness"), Some(before));
    assert_eq!(files(&scene), ["untrap.pid", "witness.pid"]);
    first.signal("TERM");
    first.end();
    assert_eq!(scene.run(&["--pid-dir", "pids", "true"]).status, 0);
}

#[test]
fn of_several_untraps_that_start_at_once_one_runs() {
    let scene = Scene::new();
    let start =
        |number| scene.start(Place::Subreaper, &["--pid-dir", "pids", &scene.witness(&format!("w{number}"), "")]);
    let mut all: Vec<Running> = (0..8).map(start).collect();
    let first = wait_for("all others have exited", || {
        let mut running = all.iter().filter(|untrap| !matches!(untrap.state().as_str(), "Z" | ""));
        running.next().filter(|_| running.next().is_none()).map(Running::pid)
    });
    let first = all.remove(all.iter().position(|untrap| untrap.pid() == first).unwrap());
    for other in all {
        let end = other.end();
        assert!(end.status == 2 && end.said("in use by another untrap"), "{:?}", end.messages);
    }
    first.wait_for_message("started");
    assert_eq!(wait_for_record(&scene, "untrap").pid, first.pid());
    first.signal("TERM");
    first.end();
}

#[test]
fn after_sigkill_the_next_untrap_can_use_the_directory_at_once() {
    for _ in 0..5 {
        let scene = Scene::new();
        let first = scene.start(Place::Subreaper, &["--pid-dir", "pids", "web: sleep 1000", "old: sleep 1000"]);
        wait_for_record(&scene, "old");
        first.signal("KILL");
        wait_for("untrap is killed", || matches!(first.state().as_str(), "Z" | "").then_some(()));
        let end = scene.run(&["--pid-dir", "pids", "web: sh -c 'ls pids'"]);
        assert_eq!(end.status, 0, "{:?}", end.messages);
        assert_eq!(end.stdout.lines().filter(|file| *file == "old.pid").count(), 0, "{}", end.stdout);
        assert_eq!(files(&scene), [""; 0]);
    }
}

#[test]
fn an_unusable_directory_is_an_error_before_anything_starts() {
    let scene = Scene::new();
    scene.write("file", "");
    for path in ["file", "file/pids", "/proc/pids"] {
        let end = scene.run(&["--pid-dir", path, "touch started"]);
        assert_refused(&scene, &end, &format!("pid directory {path}: "));
    }
    fs::create_dir_all(scene.path("pids/web.pid")).unwrap();
    assert_refused(&scene, &scene.run(&["--pid-dir", "pids", "web: touch started"]), "pid file pids/web.pid: ");
}

/// untrap with a tmpfs as `pids`, mounted with these options in its own mount namespace. The file `left` lists the files
/// that remain there.
fn on_tmpfs(scene: &Scene, options: &str, prepare: &str, arguments: &[&str]) -> Running {
    fs::create_dir(scene.path("pids")).unwrap();
    let script = format!(
        "mount -t tmpfs -o {options} none pids && {prepare}; \"$0\" \"$@\"; status=$?; ls -A pids > left; exit $status"
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "--", "sh", "-c", &script, env!("CARGO_BIN_EXE_untrap"), "--pid-dir", "pids"]);
    Running::new(Place::Subreaper, command.args(arguments).current_dir(scene.path(".")))
}

#[test]
fn a_read_only_or_full_file_system_is_an_error_before_anything_starts() {
    if !can_unshare() {
        return;
    }
    let full = "{ cat /dev/zero > pids/fill; } 2> /dev/null";
    for (options, prepare, message, left) in [
        ("ro", "true", "Read-only file system", &[""; 0][..]),
        ("size=4096", full, "No space left on device", &["fill"]),
    ] {
        let scene = Scene::new();
        let end = on_tmpfs(&scene, options, prepare, &["touch started"]).end();
        assert_refused(&scene, &end, &format!("pid directory pids: {message}"));
        assert_eq!(scene.lines("left"), left);
    }
}

#[test]
fn a_file_system_that_fills_up_later_causes_a_warning_and_no_incomplete_file() {
    if !can_unshare() {
        return;
    }
    // Room for the directory, the lock and two files.
    let scene = Scene::new();
    let list = "until [ -e pids/a.pid ]; do sleep 0.01; done; ls -A pids > list";
    let end = on_tmpfs(&scene, "nr_inodes=4", "true", &["a: sleep 1000", &format!("b: {list}")]).end();
    assert_eq!(end.status, 0, "{:?}", end.messages);
    assert_eq!(end.messages.iter().filter(|line| line.contains("its pid file can't be written: No space")).count(), 1);
    assert_eq!(scene.lines("list"), [".untrap.lock", "a.pid", "untrap.pid"]);
    assert_eq!(scene.lines("left"), [""; 0]);
}

#[test]
fn a_removed_directory_does_not_affect_the_run() {
    let scene = Scene::new();
    let untrap = scene.start(Place::Subreaper, &["--pid-dir", "pids", &scene.witness("a", "TERM=4")]);
    scene.ready("a");
    wait_for_record(&scene, "witness");
    fs::remove_dir_all(scene.path("pids")).unwrap();
    fs::create_dir(scene.path("pids")).unwrap();
    leave(&scene, "witness", &"7\n");
    untrap.signal("TERM");
    assert_eq!(untrap.end().status, 4);
    assert_eq!(files(&scene), ["witness.pid"], "the new directory is not untrap's");
}

#[test]
fn names_of_files_stay_inside_the_directory_and_differ_from_untraps_own() {
    let scene = Scene::new();
    // A program starts before its file is written.
    let list = "#!/bin/sh\nuntil [ \"$(ls pids | wc -l)\" = 2 ]; do sleep 0.01; done\nls pids\n";
    scene.script("..x.y", list);
    let end = scene.run(&["--pid-dir", "pids", "./..x.y"]);
    assert_eq!(end.stdout.lines().collect::<Vec<_>>(), ["__x_y.pid", "untrap.pid"]);
    let end = scene.run(&["--pid-dir", "pids", "untrap: touch started"]);
    assert_refused(&scene, &end, "a service can't be called 'untrap' with a pid directory");
    assert_eq!(scene.run(&["untrap: true"]).status, 0, "without a pid directory the name is valid");
    scene.write("Procfile", "untrap: ./..x.y\n");
    let end = scene.run(&["--pid-dir", "pids", "-f", "Procfile"]);
    assert_eq!(end.stdout.lines().collect::<Vec<_>>(), ["untrap.1.pid", "untrap.pid"]);
}

#[test]
fn every_user_can_read_the_files_and_only_the_owner_can_write_them() {
    let scene = Scene::new();
    let mode = |name: &str| fs::metadata(scene.path(name)).unwrap().permissions().mode() & 0o7777;
    let untrap = scene.start(Place::Subreaper, &["--pid-dir", "run/pids", &scene.witness("a", "")]);
    scene.ready("a");
    wait_for("the file exists", || scene.path("run/pids/witness.pid").exists().then_some(()));
    assert_eq!(["run", "run/pids"].map(mode), [0o755; 2]);
    assert_eq!(["run/pids/witness.pid", "run/pids/untrap.pid"].map(mode), [0o644; 2]);
    untrap.signal("TERM");
    untrap.end();
    fs::set_permissions(scene.path("run/pids"), PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(scene.run(&["--pid-dir", "run/pids", "true"]).status, 0);
    assert_eq!(mode("run/pids"), 0o700, "an existing directory keeps its mode");
}

#[test]
fn the_variable_sets_the_directory_and_services_do_not_inherit_it() {
    let scene = Scene::new();
    let run = |value: &str| {
        let mut untrap = scene.untrap();
        let output = untrap.env("UNTRAP_PID_DIR", value).args(["ls -A; env"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let stdout = run("pids");
    assert!(stdout.lines().any(|line| line == "pids") && !stdout.contains("UNTRAP_PID_DIR"), "{stdout}");
    fs::remove_dir(scene.path("pids")).unwrap();
    assert!(!run("").contains("pids"), "an empty variable sets no directory");
}

#[test]
fn services_do_not_inherit_the_descriptor_of_the_directory() {
    let scene = Scene::new();
    let end = scene.run(&["--pid-dir", "pids", "sh -c 'ls -l /proc/self/fd'"]);
    assert!(!end.stdout.contains("pids"), "{}", end.stdout);
}
