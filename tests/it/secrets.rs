//! Secrets: `--secret VARIABLE[=FILE]`.

use crate::support::{Place, Scene};

#[test]
fn a_secret_is_the_content_of_a_file_less_one_final_newline() {
    let scene = Scene::new();
    scene.write("password", "hunter2 $x '#\n\n");
    scene.write("empty", "");
    let arguments = ["-q", "--secret", "A=password", "--secret", "B=empty", "--", "env", "-0"];
    let output = scene.untrap().args(arguments).output().unwrap();
    let has = |assignment: &str| output.stdout.split(|byte| *byte == 0).any(|line| line == assignment.as_bytes());
    assert!(has("A=hunter2 $x '#\n") && has("B="), "{output:?}");
}

#[test]
fn a_variable_can_name_the_file_and_is_not_passed_on() {
    let scene = Scene::new();
    let path = scene.write("password", "hunter2\n");
    let run = |arguments: &[&str]| {
        scene.untrap().args(arguments).args(["-q", "printenv A A_FILE"]).env("A_FILE", &path).output().unwrap()
    };
    assert_eq!(run(&["--secret", "A"]).stdout, b"hunter2\n");
    let other = format!("A={}", scene.write("other", "other").display());
    let output = run(&["--secret", &other]);
    assert_eq!(output.stdout, format!("other\n{}\n", path.display()).as_bytes(), "the command line names the file");
    let mut untrap = scene.untrap();
    untrap.args(["-q", "printenv A"]).envs([("UNTRAP_SECRET", "A"), ("A_FILE", path.to_str().unwrap())]);
    assert_eq!(untrap.output().unwrap().stdout, b"hunter2\n");
}

#[test]
fn env_files_can_expand_a_secret_and_hooks_have_it() {
    let scene = Scene::new();
    scene.write("password", "hunter2\n");
    scene.write("env", "URL=postgres://app:${A}@db\n");
    let end = scene.run(&["--secret", "A=password", "-e", "env", "--before", "printenv A", "--", "printenv", "URL"]);
    assert_eq!((end.status, end.stdout.as_str()), (0, "hunter2\npostgres://app:hunter2@db\n"), "{end:?}");
}

#[test]
fn a_secret_that_cannot_be_used_is_an_error_before_anything_starts() {
    let scene = Scene::new();
    scene.write("password", "hunter2\n");
    scene.write("nul", "hunter2\0x");
    scene.write("env", "A=1\n");
    std::fs::create_dir(scene.path("directory")).unwrap();
    for (arguments, variable, message) in [
        (&["--secret", "A=hunter2"][..], ("X", ""), "--secret A: can't read its file: No such file"),
        (&["--secret", "A=directory"], ("X", ""), "--secret A: can't read its file: Is a directory"),
        (&["--secret", "A"], ("X", ""), "--secret A: A_FILE is not set in untrap's environment"),
        (&["--secret", "A"], ("A_FILE", ""), "--secret A: A_FILE is not set in untrap's environment"),
        (&["--secret", "A"], ("A_FILE", "hunter2"), "--secret A: can't read the file that A_FILE names: No such file"),
        (&["--secret", "A=nul"], ("X", ""), "--secret A: its file contains a NUL character"),
        (&["--secret", "A=password"], ("A", "hunter2"), "--secret A: A is set already"),
        (&["--secret", "A=password"], ("A", ""), "--secret A: A is set already"),
        (&["--secret", "A=password", "--secret", "A=password"], ("X", ""), "--secret A: A is set already"),
        (&["--secret", "A=password", "-e", "env"], ("X", ""), "--secret A: A is set already"),
        (&["--secret", "A=password", "-e", "web=env"], ("X", ""), "--secret A: A is set already"),
        (&["--secret", "A=password", "--secret", "hunter2 x"], ("X", ""), "--secret: not VARIABLE or VARIABLE=FILE"),
        (&["--secret", "A="], ("X", ""), "--secret: no file after '='"),
    ] {
        for check in [&[][..], &["check"]] {
            let mut untrap = scene.untrap();
            untrap.args(check).args(arguments).arg("web: touch started").env(variable.0, variable.1);
            let output = untrap.output().unwrap();
            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
            assert!(said.contains(message) && said.lines().count() == 1, "{arguments:?}: {said}");
            assert!(!said.contains("hunter2"), "{arguments:?}: {said}");
        }
    }
    assert!(!scene.path("started").exists());
}

#[test]
fn a_secret_is_in_no_message_and_neither_check_nor_ps_shows_it() {
    let scene = Scene::new();
    scene.write("password", "hunter2\n");
    scene.write("env", "URL=${A}${MISSING} # ${A}\n");
    let options = ["-v", "--secret", "A=password", "-e", "env", "--pid-dir", "pids"];
    let commands = ["web: sleep 1000", "worker: X=$A sh -c 'touch started; exec sleep 1000'"];
    let end = scene.run(&[&["check"], &options[..], &commands].concat());
    assert!(end.status == 0 && !end.stdout.contains("hunter2") && !end.said("hunter2"), "{end:?}");
    let run = scene.start(Place::Subreaper, &[&options[..], &commands].concat());
    run.wait_for_message("worker started");
    for arguments in [&["ps", "--pid-dir", "pids"][..], &["ps", "--json", "--pid-dir", "pids"]] {
        let end = scene.run(arguments);
        assert!(end.status == 0 && end.stdout.contains("sleep") && !end.stdout.contains("hunter2"), "{end:?}");
    }
    run.signal("TERM");
    let end = run.end();
    assert!(!end.messages.iter().any(|message| message.contains("hunter2")), "{end:?}");
}

#[test]
fn a_secret_is_read_as_untraps_own_user_and_once() {
    let scene = Scene::new();
    let path = scene.write("password", "hunter2\n");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let user: &[&str] = if nix::unistd::geteuid().is_root() { &["--user", "1234"] } else { &[] };
    let script = "printenv A; [ -e again ] || { touch again; rm -f password; exit 1; }";
    scene.open_to_all();
    std::fs::set_permissions(scene.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let options = ["-q", "--secret", "A=password", "--on-exit", "restart-on-failure"];
    let end = scene.run(&[&options[..], user, &[&format!("web: {script}")]].concat());
    assert_eq!((end.status, end.stdout.as_str()), (0, "hunter2\nhunter2\n"), "{end:?}");
}
