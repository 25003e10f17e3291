//! A program after `--` beside commands or process types.

use std::process::Stdio;

use crate::support::{Place, Scene};

/// Sends its standard input to the program, and returns what it printed.
fn run_with_input(scene: &Scene, arguments: &[&str]) -> String {
    let input = scene.write("input", "line\n");
    let mut untrap = scene.untrap();
    untrap.arg("-q").args(arguments).stdin(std::fs::File::open(input).unwrap()).stderr(Stdio::inherit());
    let output = untrap.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_program_has_standard_input_and_its_words_as_they_are() {
    let scene = Scene::new();
    let program = ["sh", "-c", "cat; printf '%s|' \"$@\"", "sh", "$HOME", "--", "a: b", "-q"];
    for commands in [&["cat > /dev/null; sleep 1000"][..], &["-f", "P"], &["-f", "P", "web"]] {
        scene.write("P", "web: cat > /dev/null; sleep 1000\n");
        let output = run_with_input(&scene, &[commands, &["--"], &program].concat());
        assert_eq!(output, "line\n$HOME|--|a: b|-q|", "{commands:?}");
    }
}

#[test]
fn the_program_ends_the_run_as_on_exit_says() {
    let scene = Scene::new();
    let helper = scene.witness("helper", "");
    let end = scene.run(&["--before", "true", &helper, "--", "sh", "-c", "exit 3"]);
    assert_eq!(end.status, 3, "{end:?}");
    let helper = scene.witness("kept", "");
    let untrap = scene.start(Place::Subreaper, &["--on-exit", "sh=ignore", &helper, "--", "sh", "-c", ":"]);
    untrap.wait_for_message("exited with status 0 after");
    scene.ready("kept");
    untrap.signal("TERM");
    scene.wait_for_line("kept", "SIGTERM");
    assert_eq!(untrap.end().status, 0);
}

#[test]
fn the_program_is_a_service_named_after_it() {
    let scene = Scene::new();
    scene.write("P", "web: true\nsh: true\n");
    for (arguments, names) in [
        (&["cron -f", "--", "sh", "-c", "x"][..], "cron sh"),
        (&["sh: x", "sh -x", "--", "/bin/sh"], "sh sh.2 sh.3"),
        (&["-f", "P", "sh=2", "--", "sh"], "sh.1 sh.2 sh.3"),
        (&["-f", "P", "web", "--", "sh"], "web.1 sh"),
        (&["-f", "P", "--", "nginx", "--", "x"], "web.1 sh.1 nginx"),
    ] {
        let end = scene.run(&[&["check", "--no-resolve", "--port", "1000"], arguments].concat());
        let shown: Vec<&str> = end.stdout.lines().filter(|line| !line.is_empty() && !line.starts_with(' ')).collect();
        let shown: Vec<&str> = shown.iter().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(shown.join(" "), names, "{end:?}");
        let with_input = "    has standard input and the terminal";
        assert_eq!(end.stdout.lines().filter(|line| *line == with_input).count(), 1, "{end:?}");
        assert_eq!(end.stdout.lines().last(), Some(with_input), "{end:?}");
    }
}

#[test]
fn a_variable_adds_no_process_types_to_a_program_that_stands_alone() {
    let scene = Scene::new();
    scene.write("P", "web: touch started\n");
    let output = scene.untrap().args(["-q", "--", "true"]).env("UNTRAP_PROCFILE", "P").output().unwrap();
    assert!(output.status.success() && !scene.path("started").exists(), "{output:?}");
    let output = scene.untrap().args(["-q", "web", "--", "sleep", "0"]).env("UNTRAP_PROCFILE", "P").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(scene.path("started").exists());
}
