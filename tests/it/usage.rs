//! Usage errors: status 2, one message that states the mistake and the correction, and nothing is started.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::Scene;

/// Expects a usage error with this message, and that no service was started: [`MARK`] would create a file.
#[track_caller]
fn refused(scene: &Scene, arguments: &[&str], message: &str) {
    let end = scene.run(arguments);
    assert_eq!(end.status, 2, "{arguments:?}: {:?}", end.messages);
    assert_eq!(end.messages.len(), 1, "{:?}", end.messages);
    assert!(end.messages[0].starts_with("untrap: ") && end.messages[0].contains(message), "{:?}", end.messages);
    assert!(!scene.path("started").exists(), "nothing was started");
}

const MARK: &str = "touch started";

#[test]
fn bad_commands_are_refused() {
    let scene = Scene::new();
    refused(&scene, &[MARK, ""], "command 2: no command");
    refused(&scene, &[MARK, "web:"], "command 2: no command");
    refused(&scene, &[MARK, "echo 'x"], "command 2: a quote ' that is never closed");
    refused(&scene, &[MARK, "x \\"], "command 2: a backslash at the end");
    refused(&scene, &["web: touch started", "web: true"], "two commands are named 'web'");
    refused(&scene, &[MARK, "web=2"], "write 'untrap -f Procfile web=2'");
    refused(&scene, &["--"], "no program after '--'");
    refused(&scene, &[MARK, "--"], "no program after '--'; write '-- PROGRAM [ARG]...', or set CMD in the Dockerfile");
    refused(&scene, &["-f", "Procfile", "--", "true"], "can't read Procfile: No such file");
}

#[test]
fn bad_procfiles_are_refused_with_file_line_and_column() {
    let scene = Scene::new();
    refused(&scene, &[], "can't read Procfile: No such file");
    refused(&scene, &["-f", "missing"], "can't read missing: No such file");
    for (content, message) in [
        ("ok: touch started\nweb echo\n", "P:2:1: no colon"),
        ("ok: touch started\n\n my.web: x\n", "P:3:4: not a process type"),
        ("ok: touch started\nok: x\n", "P:2:1: process type 'ok' is already defined in line 1"),
        ("ok: touch started\nweb:\n", "P:2:5: no command after the colon"),
        ("ok: touch started\nweb: a 'b\n", "P:2:8: a quote '"),
        ("ok: touch started\nweb: a\0b\n", "P:2:7: a NUL byte"),
        ("", "P:1:1: the file defines no process type"),
    ] {
        scene.write("P", content);
        refused(&scene, &["-f", "P"], message);
    }
    scene.write("P", b"ok: touch started\nweb: \xff\n");
    refused(&scene, &["-f", "P"], "P:2:6: bytes that are not UTF-8");
    scene.write("P", "ok: touch started\nno colon\nnone here\n");
    refused(&scene, &["-f", "P"], "(1 more after this; 'untrap check' shows them all)");
}

#[test]
fn bad_formations_are_refused() {
    let scene = Scene::new();
    scene.write("Procfile", "web: touch started\nworker: touch started\n");
    refused(&scene, &["-f", "Procfile", "web", "wroker"], "Procfile has no process type 'wroker'; it has web, worker");
    refused(&scene, &["-f", "Procfile", "web=x"], "'web=x' is not a process type");
    refused(&scene, &["-f", "Procfile", "web=-1"], "'web=-1' is not a process type");
    refused(&scene, &["-f", "Procfile", "web", "web=2"], "process type 'web' is named twice");
    refused(&scene, &["-f", "Procfile", "web=0"], "nothing to run");
}

#[test]
fn bad_options_are_refused() {
    let scene = Scene::new();
    refused(&scene, &["-t", "x", MARK], "--timeout 'x': not a duration; write for example 8s");
    refused(&scene, &["-t", "touch=-1s", MARK], "--timeout 'touch=-1s': not a duration");
    refused(&scene, &["-t", "tuch=5s", MARK], "--timeout tuch=…: no service is named 'tuch'; the services are touch");
    refused(&scene, &["-s", "BOO", MARK], "--stop-signal 'BOO': not a signal; write");
    refused(&scene, &["-s", "web=TERM", MARK], "no service is named 'web'");
    refused(&scene, &["--on-exit", "explode", MARK], "--on-exit 'explode': not an action; write stop, stop-on-failure");
    refused(&scene, &["--on-exit", "touch.2=stop", MARK], "no service is named 'touch.2'");
    refused(&scene, &["--exit-map", "143", MARK], "--exit-map '143': not FROM=TO");
    refused(&scene, &["--no-such", MARK], "untrap has no option --no-such; see 'untrap --help'");
    refused(&scene, &["-q", "-v", MARK], "contradict each other");
    refused(&scene, &["--generate", "pdf"], "pdf");
    refused(&scene, &["--generate", "man", MARK], "runs nothing");
    refused(&scene, &["--generate", "man", "--", "touch", "started"], "runs nothing");
    refused(&scene, &["-f", "", MARK], "--procfile: the path is empty");
}

#[test]
fn bad_variables_are_refused_by_their_name() {
    let scene = Scene::new();
    for (name, value) in [("UNTRAP_TIMEOUT", "8s,x"), ("UNTRAP_STOP_SIGNAL", "BOO"), ("UNTRAP_EXIT_MAP", "1=0,2")] {
        let output = scene.untrap().arg(MARK).env(name, value).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.starts_with(&format!("untrap: {name} '")), "{message}");
    }
    assert!(!scene.path("started").exists());
}

#[test]
fn a_variable_holds_a_list_only_if_its_option_repeats() {
    let scene = Scene::new();
    for (name, value) in [("UNTRAP_OUTPUT", "prefix,json"), ("UNTRAP_PORT", "3000,4000"), ("UNTRAP_SHELL", "/bin/sh,x")]
    {
        let output = scene.untrap().arg("cd .").env(name, value).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(value), "{message}");
        assert!(matches!(output.status.code(), Some(2 | 127)), "{message}");
    }
}

#[test]
fn a_variable_that_is_not_utf_8_is_refused_by_its_name() {
    let scene = Scene::new();
    let output = scene.untrap().arg(MARK).env("UNTRAP_TIMEOUT", OsStr::from_bytes(b"\xff")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stderr.starts_with(b"untrap: UNTRAP_TIMEOUT is not UTF-8"), "{output:?}");
}

#[test]
fn the_command_line_wins_over_a_variable_that_contradicts_it() {
    let scene = Scene::new();
    for (variable, option, said) in [("UNTRAP_QUIET", "-v", true), ("UNTRAP_VERBOSE", "-q", false)] {
        let output = scene.untrap().args([option, "true"]).env(variable, "1").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(output.stderr.is_empty(), !said, "{output:?}");
    }
    let both = scene.untrap().arg("true").envs([("UNTRAP_QUIET", "1"), ("UNTRAP_VERBOSE", "1")]).output().unwrap();
    assert_eq!(both.status.code(), Some(2), "{both:?}");
}

#[test]
fn no_message_prints_a_commands_arguments() {
    let scene = Scene::new();
    let secret = "--password=hunter2";
    for command in [format!("true {secret}"), format!("no-such {secret}"), format!("false {secret}; false $X")] {
        let end = scene.run(&["-v", &command]);
        assert!(!end.said("hunter2"), "{:?}", end.messages);
    }
    for target in ["exec:psql --password=hunter2 'x", "tcp://user:hunter2@db"] {
        for option in ["--wait-for", "--ready"] {
            let end = scene.run(&[option, target, "true"]);
            assert!(end.status == 2 && !end.said("hunter2"), "{:?}", end.messages);
        }
    }
    let mut untrap = scene.untrap();
    untrap.args(["true"]).env("UNTRAP_WAIT_FOR", "exec:psql -c \"select 1, x\"");
    let stderr = String::from_utf8(untrap.output().unwrap().stderr).unwrap();
    assert!(stderr.contains("commas separate the values of a variable"), "{stderr}");
}
