//! `untrap check` shows what would run, and starts nothing.

use crate::support::Scene;

#[test]
fn check_shows_each_service_how_it_is_executed_its_options_and_the_names_of_its_variables() {
    let scene = Scene::new();
    scene.write("Procfile", "web: puma -p $PORT\nworker: A=secret cd x && work  'a b'\n");
    let mut untrap = scene.untrap();
    untrap.args(["check", "-t", "web=1m", "-s", "worker=QUIT", "--on-exit", "ignore", "--port", "80"]);
    let output = untrap.env("TOKEN", "secret").env_remove("DYNO").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "web.1: puma -p $PORT\n    \
             executed directly\n    \
             timeout 1m, stop signal the received one or SIGTERM, on exit ignore, signals to auto\n    \
             sets UNTRAP_NAME, PS, DYNO, PORT\n\
         worker.1: A=secret cd x && work  'a b'\n    \
             executed by /bin/sh, because of '&'\n    \
             as A=secret cd x && exec work  'a b'\n    \
             timeout 8s, stop signal SIGQUIT, on exit ignore, signals to auto\n    \
             sets UNTRAP_NAME, PS, DYNO, PORT\n"
    );
}

#[test]
fn check_takes_the_arguments_of_a_run() {
    let scene = Scene::new();
    let checked = |arguments: &[&str]| {
        let end = scene.run(&[&["check"], arguments].concat());
        assert_eq!((end.status, end.messages.len()), (0, 0), "{end:?}");
        end.stdout.lines().next().unwrap().to_owned()
    };
    assert_eq!(checked(&["touch started"]), "touch: touch started");
    assert_eq!(checked(&["--", "touch", "started now"]), "touch: touch 'started now'");
    assert!(!scene.path("started").exists());
}

#[test]
fn check_prints_all_errors_of_a_procfile_with_line_and_caret() {
    let scene = Scene::new();
    scene.write("P", "ok: touch started\nweb echo\n\tmy.web: x\nquote: \u{e9} 'x\nok: y\n");
    let end = scene.run(&["check", "-f", "P"]);
    assert_eq!((end.status, end.stdout.as_str()), (2, ""));
    assert_eq!(
        end.messages,
        [
            "P:2:1: no colon; write 'NAME: COMMAND', each on one line, or '#' before a comment",
            " 2 | web echo",
            "   | ^",
            "P:3:4: not a process type; write 1 to 63 of the letters A-Z and a-z, digits, '_' and '-' right before the colon",
            " 3 |  my.web: x",
            "   |    ^",
            "P:4:10: a quote ' that is never closed; close it, or write \\' for the character",
            " 4 | quote: é 'x",
            "   |          ^",
            "P:5:1: process type 'ok' is already defined in line 1; give each its own name",
            " 5 | ok: y",
            "   | ^",
            "untrap: P can't be used: 4 of its lines are wrong",
        ]
    );
}

#[test]
fn check_names_every_service_whose_shell_is_missing() {
    let scene = Scene::new();
    let end = scene.run(&["check", "--shell", "none", "a: x | y", "b: z", "c: cd x"]);
    assert_eq!((end.status, end.messages.len()), (2, 2), "{end:?}");
    assert!(end.messages[0].starts_with("untrap: a needs a shell because of '|'"), "{end:?}");
    assert!(end.messages[1].starts_with("untrap: c needs a shell because of 'cd'"), "{end:?}");
}

#[test]
fn check_shows_the_hooks_of_the_services() {
    let scene = Scene::new();
    let hooks = ["--before", "rake db:migrate", "--stop-command", "kill -QUIT $UNTRAP_PID", "--wait-for", "tcp://db:1"];
    let end = scene.run(&[&["check"], &hooks[..], &["web: puma"]].concat());
    assert_eq!(end.status, 0, "{end:?}");
    let shown: Vec<&str> = end.stdout.lines().skip(4).collect();
    assert_eq!(
        shown,
        [
            "tcp://db:1: checked until it is ready",
            "before.1: rake db:migrate",
            "    executed directly",
            "web.stop: kill -QUIT $UNTRAP_PID",
            "    executed by /bin/sh, because of 'kill', a reserved word or built-in command of the shell",
        ]
    );
    let end = scene.run(&["check", "--shell", "none", "--before", "a; b", "true"]);
    assert!(end.status == 2 && end.said("before.1 needs a shell because of ';'"), "{end:?}");
}

#[test]
fn check_warns_about_variables_that_are_set_nowhere() {
    let scene = Scene::new();
    scene.write("env", "HOST=db\n");
    let warnings = |options: &[&str]| {
        let hooks = ["--before", "migrate $URL", "--stop-command", "web=kill $UNTRAP_PID $NOPE"];
        let commands = ["web: puma -p $PORT -h $HOST", "job: cd x && A=1; work $A ${B:-2} '$C' | tee $LOG"];
        let end = scene.run(&[&["check"], options, &hooks, &commands].concat());
        assert_eq!((end.status, end.messages.len()), (0, 0), "{end:?}");
        let unset = |line: &str| Some(line.strip_prefix("    warning: $")?.split(' ').next().unwrap().to_owned());
        end.stdout.lines().filter_map(unset).collect::<Vec<_>>()
    };
    assert_eq!(warnings(&[]), ["PORT", "HOST", "LOG", "URL", "NOPE"]);
    assert_eq!(warnings(&["--port", "80", "-e", "web=env"]), ["LOG", "URL", "NOPE"]);
    assert_eq!(warnings(&["-e", "job=env"]), ["PORT", "HOST", "LOG", "URL", "NOPE"], "the file of another service");
}

#[test]
fn a_program_named_check_can_still_run() {
    let scene = Scene::new();
    scene.script("check", "#!/bin/sh\necho checked\n");
    for arguments in [&["./check"][..], &["check: ./check"], &["--", "./check"], &["-q", "check: check"]] {
        let path = format!("{}:/usr/bin:/bin", scene.path("").display());
        let output = scene.untrap().args(arguments).env("PATH", path).output().unwrap();
        assert_eq!(output.stdout, b"checked\n", "{output:?}");
    }
}
