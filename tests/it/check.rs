//! `untrap check` shows what would run, and starts nothing.

use crate::support::Scene;

#[test]
fn check_shows_each_service_how_it_is_executed_its_options_and_the_names_of_its_variables() {
    let scene = Scene::new();
    scene.write("Procfile", "web: puma -p $PORT\nworker: A=secret cd x && work  'a b'\n");
    let mut untrap = scene.untrap();
    untrap.args(["check", "--no-resolve", "-t", "web=1m", "-s", "worker=QUIT", "--on-exit", "ignore", "--port", "80"]);
    let output = untrap.env("TOKEN", "secret").env_remove("DYNO").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "\
web.1: puma -p $PORT
    runs puma directly (not found yet)
    is stopped with the signal that untrap receives, else SIGTERM, and with SIGKILL after 1m
    its exit is ignored; signals go to the program, or to its process group while it is a shell
    sets UNTRAP_NAME, PS, DYNO, PORT

worker.1: A=secret cd x && work  'a b'
    runs /bin/sh, because of '&'
    as A=secret cd x && exec work  'a b'
    is stopped with SIGQUIT, and with SIGKILL after 8s
    its exit is ignored; signals go to the program, or to its process group while it is a shell
    sets UNTRAP_NAME, PS, DYNO, PORT
"
    );
}

#[test]
fn check_prints_the_path_of_a_program_and_fails_if_it_cannot_be_executed() {
    let scene = Scene::new();
    scene.script("crlf", "#!/bin/sh\r\n");
    scene.script("tool", "#!/bin/sh\n");
    let path = format!("PATH={}:/bin", scene.path("").display());
    let end = scene.run(&["check", &format!("{path} tool"), "cd / && ./no-such-file", "./crlf"]);
    assert_eq!((end.status, end.stdout.as_str()), (2, ""), "{end:?}");
    assert!(end.said("no-such-file can't start: there is no file ./no-such-file"), "{end:?}");
    assert!(end.said("crlf can't start: the first line of ./crlf has a Windows line end"), "{end:?}");
    let end = scene.run(&["check", &format!("{path} tool")]);
    assert!(end.stdout.contains(&format!("\n    runs {}/tool directly\n", scene.path("").display())), "{end:?}");
    for options in [&["--no-resolve"][..], &["--before", "touch made"]] {
        let end = scene.run(&[&["check"], options, &["./made"]].concat());
        assert!(end.status == 0 && end.stdout.contains("runs ./made directly (not found yet)"), "{end:?}");
    }
}

#[test]
fn check_warns_of_what_a_shell_hides_and_of_variables_that_are_set_nowhere() {
    let scene = Scene::new();
    let stdout = |line: &str| scene.run(&["check", "--no-resolve", line]).stdout;
    let nginx = stdout("x: nginx -g 'daemon off;' 2>&1 | sed s/a/b/ | tee log");
    assert!(nginx.contains("    log filters, which exit when their input ends: sed, tee\n"), "{nginx}");
    assert!(nginx.contains("    warning: nginx stays behind the shell"), "{nginx}");
    assert!(stdout("x: php-fpm8.2 | cat").contains("warning: php-fpm8.2 stays behind"));
    assert!(!stdout("x: nginx").contains("warning"));
    assert!(stdout("x: a $UNSET_NAME").contains("    warning: $UNSET_NAME is not set anywhere, so it is empty\n"));
    assert!(!stdout("x: a $UNSET_NAME | cat").contains("is not set"));
    assert!(stdout("true a").contains("sets") && !stdout("true a").contains("hint"));
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
    let end = scene.run(&["check", "--shell", "none", "a: x | y", "b: true", "c: cd x"]);
    assert_eq!((end.status, end.messages.len()), (2, 2), "{end:?}");
    assert!(end.messages[0].starts_with("untrap: a needs a shell because of '|'"), "{end:?}");
    assert!(end.messages[1].starts_with("untrap: c needs a shell because of 'cd'"), "{end:?}");
}

#[test]
fn check_shows_the_hooks_of_the_services() {
    let scene = Scene::new();
    let hooks =
        ["--before", "no-such-rake db:migrate", "--stop-command", "kill -QUIT $UNTRAP_PID", "--wait-for", "tcp://db:1"];
    let end = scene.run(&[&["check"], &hooks[..], &["web: puma"]].concat());
    assert_eq!(end.status, 0, "{end:?}");
    let shown: Vec<&str> = end.stdout.lines().skip(5).collect();
    assert_eq!(
        shown,
        [
            "",
            "tcp://db:1",
            "    checked until it is ready",
            "",
            "before.1: no-such-rake db:migrate",
            "    runs no-such-rake directly (not found yet)",
            "",
            "web.stop: kill -QUIT $UNTRAP_PID",
            "    runs /bin/sh, because of 'kill', a reserved word or built-in command of the shell",
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
    assert_eq!(warnings(&[]), ["PORT", "HOST", "URL"]);
    assert_eq!(warnings(&["--port", "80", "-e", "web=env"]), ["URL"]);
    assert_eq!(warnings(&["-e", "job=env"]), ["PORT", "HOST", "URL"], "the file of another service");
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
