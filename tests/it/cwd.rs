//! The working directory: `--cwd [NAME=]DIR`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{Scene, skip};

/// A scene with the directories `a` and `b`, and its path without symbolic links.
fn scene() -> (Scene, String) {
    let scene = Scene::new();
    for name in ["a", "b"] {
        std::fs::create_dir(scene.path(name)).unwrap();
    }
    let root = scene.path("").canonicalize().unwrap();
    (scene, root.to_str().unwrap().to_owned())
}

#[test]
fn a_service_runs_in_its_own_directory_then_in_that_of_all() {
    let (scene, root) = scene();
    let pwd = |name: &str| format!("{name}: /bin/pwd > {root}/{name}");
    let (web, worker) = (pwd("web"), pwd("worker"));
    let options = ["--on-exit", "ignore", "--cwd", "web=b", "--cwd", "a"];
    assert_eq!(scene.run(&[&options[..], &[&web, &worker]].concat()).status, 0);
    assert_eq!((scene.lines("web"), scene.lines("worker")), (vec![format!("{root}/b")], vec![format!("{root}/a")]));
    let end = Scene::run(&scene, &["--cwd", "wep=a", "web: touch started"]);
    assert!(end.status == 2 && end.said("--cwd wep=…: no service is named 'wep'"), "{end:?}");
    let end = scene.run(&["--cwd", "", "web: touch started"]);
    assert!(end.status == 2 && end.said("--cwd '': the path is empty"), "{end:?}");
}

#[test]
fn programs_are_looked_up_from_the_directory_and_see_it_in_pwd() {
    let (scene, root) = scene();
    scene.script("a/run", "#!/bin/sh\necho $0 $PWD; exec printenv PWD\n");
    for directory in ["a", "./a/", &format!("{root}/a")] {
        let output = scene.untrap().args(["-q", "--cwd", directory, "--", "./run"]).env("PWD", "/nowhere").output();
        let expected = format!("./run {root}/a\n{root}/a\n");
        assert_eq!(String::from_utf8(output.unwrap().stdout).unwrap(), expected, "{directory}");
    }
    std::fs::create_dir(scene.path("a/c")).unwrap();
    let output = scene.untrap().args(["-q", "--cwd", "a", "cd c && printenv PWD OLDPWD"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{root}/a/c\n{root}/a\n"), "cd follows");
}

#[test]
fn checks_and_stop_commands_run_in_the_directory_of_their_service() {
    let (scene, root) = scene();
    let options = ["--cwd", "a", "--cwd", "web=b", "-t", "1s", "--before", "touch before", "--after", "touch after"];
    let hooks =
        ["--wait-for", "exec:touch waited", "--ready", "web=exec:touch ready", "--stop-command", "web=touch stop"];
    let end = scene.run(&[&options[..], &hooks, &["web: sleep 1000", "end: true"]].concat());
    let names = |directory: &str| {
        let entries = std::fs::read_dir(Path::new(&root).join(directory)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names("b"), ["ready", "stop"], "{end:?}");
    assert_eq!(names("a"), ["after", "before", "waited"], "{end:?}");
}

#[test]
fn before_and_after_ignore_the_directory_of_a_service() {
    let (scene, _) = scene();
    let end =
        scene.run(&["--cwd", "web=b", "--before", "touch before", "--after", "touch after", "web: touch service"]);
    assert_eq!(end.status, 0, "{end:?}");
    assert!(scene.path("before").exists() && scene.path("after").exists() && scene.path("b/service").exists());
}

#[test]
fn files_of_options_are_looked_up_where_untrap_runs() {
    let (scene, _) = scene();
    scene.write("env", "A=env\n");
    scene.write("Procfile", "web: printenv A B\n");
    scene.write("secret", "s\n");
    let files =
        ["-e", "env", "--secret", "B=secret", "-f", "Procfile", "--wait-for", "file://env", "--pid-dir", "pids"];
    let end = scene.run(&[&["--cwd", "a"], &files[..]].concat());
    assert_eq!((end.status, end.stdout.as_str()), (0, "env\ns\n"), "{end:?}");
    assert!(scene.path("pids").exists());
}

#[test]
fn a_directory_that_cannot_be_entered_is_a_failed_start() {
    let (scene, _) = scene();
    let end = scene.run(&["--cwd", "missing", "web: touch started"]);
    let message = "web can't start: can't change to the directory of --cwd: No such file or directory";
    assert!(end.status == 2 && end.said(message), "{end:?}");
    assert!(!scene.path("started").exists());
    let end =
        scene.run(&["--cwd", "made", "--before", "mkdir ../made", "--cwd", "a", "--cwd", "web=made", "web: touch x"]);
    assert!(end.status == 0 && scene.path("made/x").exists(), "a directory can be made by --before: {end:?}");
}

#[test]
fn the_user_of_the_service_enters_the_directory() {
    let (scene, _) = scene();
    if !nix::unistd::geteuid().is_root() {
        return skip("only root can start a service as another user");
    }
    let set_mode = |mode| std::fs::set_permissions(scene.path("a"), PermissionsExt::from_mode(mode)).unwrap();
    set_mode(0o700);
    let arguments = ["--user", "1234", "--cwd", "a", "--", "/bin/true"];
    scene.open_to_all();
    let end = scene.run(&arguments);
    assert!(end.status == 2 && end.said("directory of --cwd: Permission denied"), "{end:?}");
    set_mode(0o755);
    assert_eq!(scene.run(&arguments).status, 0);
}

#[test]
fn check_shows_the_directory() {
    let (scene, _) = scene();
    let end = scene.run(&["check", "--cwd", "web=a", "web: true", "worker: true"]);
    let shown: Vec<&str> = end.stdout.lines().filter(|line| line.starts_with("    in ")).collect();
    assert_eq!(shown, ["    in a"], "{end:?}");
}
