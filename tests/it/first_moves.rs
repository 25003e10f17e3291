//! The first command lines of people who know tini, `docker run` and foreman: each one works, or the answer names the line
//! that does.

use std::process::Command;

use crate::support::{Scene, can_unshare};

/// Programs that exist here. Each one notes that it was started.
const PROGRAMS: &[&str] = &[
    "redis-server",
    "bundle",
    "cron",
    "java",
    "make",
    "npm",
    "mysqld",
    "celery",
    "puma",
    "sidekiq",
    "gunicorn",
    "uvicorn",
    "nginx",
    "php-fpm",
    "docker-entrypoint.sh",
];

/// A scene with the [`PROGRAMS`].
fn scene() -> Scene {
    let scene = Scene::new();
    std::fs::create_dir(scene.path("bin")).unwrap();
    for program in PROGRAMS {
        scene.script(&format!("bin/{program}"), "#!/bin/sh\necho \"$0 $*\" >> started\n");
    }
    scene
}

/// Runs untrap with these arguments and variables.
fn answer(scene: &Scene, line: &str, variables: &[(&str, &str)]) -> (i32, String) {
    let mut untrap = untrap(scene);
    untrap.args(shell_words::split(line).unwrap()).envs(variables.iter().copied());
    let output = untrap.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// untrap with the [`PROGRAMS`] and those of the system.
fn untrap(scene: &Scene) -> Command {
    let mut untrap = scene.untrap();
    untrap.env("PATH", format!("{}:/usr/bin:/bin", scene.path("bin").display()));
    untrap
}

/// A command line as a shell reads it, and the whole message after `untrap: `.
type Row = (&'static str, &'static str);

/// Expects that untrap answers each line with this message and status 2, starts nothing, and that each corrected line
/// in the message works.
#[track_caller]
fn refused(scene: &Scene, rows: &[Row]) {
    for (line, message) in rows {
        let output = untrap(scene).args(shell_words::split(line).unwrap()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr, format!("untrap: {message}\n"), "untrap {line}");
        assert_eq!(output.status.code(), Some(2), "untrap {line}: {stderr}");
        assert!(!scene.path("started").exists(), "untrap {line} started a program");
        for correction in corrections(message) {
            let verb = if correction.starts_with("untrap check ") { "untrap" } else { "untrap check" };
            let check = correction.replacen("untrap", verb, 1).replacen("untrap", env!("CARGO_BIN_EXE_untrap"), 1);
            let mut sh = Command::new("sh");
            sh.args(["-c", &check])
                .current_dir(scene.path(""))
                .env("PATH", untrap(scene).get_envs().find_map(path).unwrap());
            let output = sh.output().unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "untrap {line}: {check}: {output:?}");
        }
    }
}

fn path<'a>((name, value): (&'a std::ffi::OsStr, Option<&'a std::ffi::OsStr>)) -> Option<&'a std::ffi::OsStr> {
    value.filter(|_| name == "PATH")
}

/// The corrected lines in a message that run something.
fn corrections(message: &str) -> Vec<&str> {
    let lines = message.split("write: ").skip(1).filter(|line| line.starts_with("untrap "));
    let end = |line: &str| ["; to pass it", " (in a Dockerfile", "; or "].iter().filter_map(|end| line.find(end)).min();
    let lines = lines.map(|line| &line[..end(line).unwrap_or(line.len())]);
    lines.filter(|line| !["untrap --help", "untrap --version", "untrap ps"].contains(line)).collect()
}

const LATE_OPTIONS: &[Row] = &[
    (
        "redis-server --port 6380",
        "'--port' after a command: untrap's options come before the first command; to pass it to redis-server, \
         write: untrap -- redis-server --port 6380; to pass it to untrap, write: untrap --port 6380 redis-server",
    ),
    (
        "mysqld --user=root",
        "'--user' after a command: untrap's options come before the first command; to pass it to mysqld, write: \
         untrap -- mysqld --user=root; to pass it to untrap, write: untrap --user=root mysqld",
    ),
    (
        "celery -v",
        "'-v' after a command: untrap's options come before the first command; to pass it to celery, write: \
         untrap -- celery -v; to pass it to untrap, write: untrap -v celery",
    ),
    (
        "celery -A proj worker -l info",
        "'-A' after a command: untrap's options come before the first command; to pass it to celery, write: \
         untrap -- celery -A proj worker -l info",
    ),
    (
        "puma -V",
        "'-V' after a command: untrap's options come before the first command; to pass it to puma, write: \
         untrap -- puma -V",
    ),
    (
        "tail -f log",
        "'-f' after a command: untrap's options come before the first command; to pass it to tail, write: \
         untrap -- tail -f log",
    ),
    (
        "sidekiq -e production",
        "'-e' after a command: untrap's options come before the first command; to pass it to sidekiq, write: \
         untrap -- sidekiq -e production",
    ),
    (
        "gunicorn --timeout 30s app:app",
        "'--timeout' after a command: untrap's options come before the first command; to pass it to gunicorn, \
         write: untrap -- gunicorn --timeout 30s app:app",
    ),
    (
        "-q -t 5s gunicorn -b 0.0.0.0:80",
        "'-b' after a command: untrap's options come before the first command; to pass it to gunicorn, write: \
         untrap -q -t 5s -- gunicorn -b 0.0.0.0:80",
    ),
    (
        "--output=prefix bash -c 'puma; sidekiq'",
        "'-c' after a command: untrap's options come before the first command; to pass it to bash, write: \
         untrap --output=prefix -- bash -c 'puma; sidekiq'",
    ),
    (
        "java -jar 'my app.jar'",
        "'-jar' after a command: untrap's options come before the first command; to pass it to java, write: \
         untrap -- java -jar 'my app.jar'",
    ),
    (
        "python3 -m http.server",
        "'-m' after a command: untrap's options come before the first command; to pass it to python3, write: \
         untrap -- python3 -m http.server",
    ),
    (
        "cat -",
        "'-' after a command: untrap's options come before the first command; to pass it to cat, write: \
         untrap -- cat -",
    ),
    (
        "nginx php-fpm -t 20s",
        "'-t' after a command: untrap's options come before the first command; to pass it to nginx, write: \
         untrap -- nginx php-fpm -t 20s; to pass it to untrap, write: untrap -t 20s nginx php-fpm",
    ),
    (
        "'web: puma' sidekiq -t 20s",
        "'-t' after a command: untrap's options come before the first command; to pass it to untrap, write: \
         untrap -t 20s 'web: puma' sidekiq",
    ),
    (
        "'puma -p 1' 'sidekiq -v' -q -e no-such-file",
        "'-q' after a command: untrap's options come before the first command; to pass it to the program, write: \
         untrap 'puma -p 1' 'sidekiq -v -q -e no-such-file'",
    ),
    (
        "'web: puma' -p 3000",
        "'-p' after a command: untrap's options come before the first command; to pass it to the program, write: \
         untrap 'web: puma -p 3000'",
    ),
    (
        "'web: puma' --help",
        "'--help' after a command: untrap's options come before the first command; to pass it to untrap, write: \
         untrap --help",
    ),
    (
        "web worker -f Procfile",
        "without -f, 'web' is a command, and there is no such program; write: untrap -f Procfile web worker",
    ),
    (
        "check mysqld --skip-networking",
        "'--skip-networking' after a command: untrap's options come before the first command; to pass it to \
         mysqld, write: untrap check -- mysqld --skip-networking",
    ),
    (
        "'cron -f' -q -- nginx -g 'daemon off;'",
        "'-q' after a command: untrap's options come before the first command; to pass it to untrap, write: \
                 untrap -q 'cron -f' -- nginx -g 'daemon off;'",
    ),
];

#[test]
fn an_option_after_a_command_is_never_swallowed() {
    let scene = scene();
    scene.write("log", "no Procfile\n");
    scene.write("Procfile", "web: puma\nworker: sidekiq\n");
    refused(&scene, LATE_OPTIONS);
}

#[test]
fn a_whole_line_that_cannot_be_shown_is_described() {
    let scene = scene();
    refused(
        &scene,
        &[(
            "puma -x '1\n2'",
            "'-x' after a command: untrap's options come before the first command; quote each command with its arguments",
        )],
    );
}

#[test]
fn options_stand_anywhere_beside_a_procfile_and_after_dashes() {
    let scene = scene();
    scene.write("P", "web: puma\nworker: sidekiq\n");
    for line in ["-f P web -q", "-q -f P worker --on-exit ignore web", "-q -- puma -q", "-q -- puma -- -f P"] {
        let output = untrap(&scene).args(line.split(' ')).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "untrap {line}: {output:?}");
    }
    let output = untrap(&scene).args(["web", "-q"]).env("UNTRAP_PROCFILE", "P").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let started = scene.lines("started");
    let count = |text: &str| started.iter().filter(|line| line.ends_with(text)).count();
    assert_eq!(
        (count("/puma "), count("/sidekiq "), count("/puma -q"), count("/puma -- -f P")),
        (3, 1, 1, 1),
        "{started:?}"
    );
}

const ONE_PROGRAM: &[Row] = &[
    (
        "python3 app.py",
        "python3 is one program, and the words after it are its arguments; write: untrap -- python3 app.py",
    ),
    ("npm start", "npm is one program, and the words after it are its arguments; write: untrap -- npm start"),
    ("make clean", "make is one program, and the words after it are its arguments; write: untrap -- make clean"),
    ("echo hello", "echo is one program, and the words after it are its arguments; write: untrap -- echo hello"),
    ("sleep 1", "sleep is one program, and the words after it are its arguments; write: untrap -- sleep 1"),
    (
        "-t 5s bundle exec puma",
        "bundle is one program, and the words after it are its arguments; write: untrap -t 5s -- bundle exec puma",
    ),
    (
        "/usr/bin/env NODE_ENV=production node server.js",
        "/usr/bin/env is one program, and the words after it are its arguments; write: untrap -- /usr/bin/env \
         NODE_ENV=production node server.js",
    ),
    (
        "docker-entrypoint.sh nginx",
        "docker-entrypoint.sh is one program, and the words after it are its arguments; write: untrap -- \
         docker-entrypoint.sh nginx",
    ),
    (
        "check npm start",
        "npm is one program, and the words after it are its arguments; write: untrap check -- npm start",
    ),
    (
        "redis-server /etc/no-such.conf",
        "there is no program /etc/no-such.conf; if it is an argument of redis-server, write: untrap -- \
         redis-server /etc/no-such.conf",
    ),
    (
        "celery multi start",
        "there is no program multi; if it is an argument of celery, write: untrap -- celery multi start",
    ),
];

#[test]
fn one_program_with_arguments_is_not_several_commands() {
    let scene = scene();
    refused(&scene, ONE_PROGRAM);
}

#[test]
fn as_pid_1_the_answer_names_the_line_of_a_dockerfile() {
    if !can_unshare() {
        return;
    }
    let scene = scene();
    for (arguments, message) in [
        (
            &["python", "app.py"][..],
            "untrap: python is one program, and the words after it are its arguments; write: untrap -- python app.py (in \
             a Dockerfile: ENTRYPOINT [\"untrap\", \"--\"])\n",
        ),
        (
            &["-q", "/bin/sh", "-c", "python app.py"],
            "untrap: '-c' after a command: untrap's options come before the first command; to pass it to /bin/sh, write: \
             untrap -q -- /bin/sh -c 'python app.py' (in a Dockerfile: ENTRYPOINT [\"untrap\", \"-q\", \"--\"])\n",
        ),
    ] {
        let output = scene.untrap_in(crate::support::Place::Pid1).args(arguments).output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), message);
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn commands_that_may_be_programs_are_started_and_the_hint_follows_the_message_of_status_127() {
    let scene = scene();
    let run = |line: &str| {
        let output = untrap(&scene).args(shell_words::split(line).unwrap()).env("NO_COLOR", "1").output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    for (line, hint) in [
        (
            "uvicorn app:app",
            "untrap: app can't start: program app not found in PATH (PATHS); if it is an argument of uvicorn, write: untrap -- uvicorn app:app\n",
        ),
        (
            "--before true puma missing",
            "untrap: missing can't start: program missing not found in PATH (PATHS); if it is an argument of puma, write: untrap --before true -- puma missing\n",
        ),
        ("puma 'missing -x'", "untrap: missing can't start: program missing not found in PATH (PATHS)\n"),
        ("missing puma", "untrap: missing can't start: program missing not found in PATH (PATHS)\n"),
    ] {
        let (status, stderr) = run(&format!("-q --on-exit ignore {line}"));
        let hint = hint.replace("write: untrap", "write: untrap -q --on-exit ignore");
        let hint = hint.replace("PATHS", &format!("{}:/usr/bin:/bin", scene.path("bin").display()));
        assert_eq!((status, stderr), (127, hint), "{line}");
    }
    // A program that --before makes, that the PATH of an env file reaches, or a cd.
    let (status, stderr) = run("-q --before 'cp bin/puma bin/made' puma made");
    assert_eq!((status, stderr.as_str()), (0, ""));
    scene.write("env", format!("PATH={}/bin:/bin\n", scene.path("").display()));
    let output = untrap(&scene).args(["-q", "-e", "env", "puma", "sidekiq"]).env_remove("PATH").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let (status, stderr) = run("-q puma 'cd bin && ./sidekiq'");
    assert_eq!((status, stderr.as_str()), (0, ""));
}

const NEAR_MISSES: &[Row] = &[
    ("-t -1 puma", "--timeout '-1': not a duration; write inf"),
    ("-t never puma", "--timeout 'never': not a duration; write inf"),
    ("--timeout=puma:5 puma", "--timeout 'puma:5': not a duration; write puma=5"),
    ("--on-exit always puma", "--on-exit 'always': not an action; write restart"),
    ("--on-exit puma=unless-stopped puma", "--on-exit 'puma=unless-stopped': not an action; write puma=restart"),
    ("--on-exit on-failure:3 puma", "--on-exit 'on-failure:3': not an action; write restart-on-failure"),
    ("--on-exit no puma", "--on-exit 'no': not an action; write stop"),
    ("--on-exit restrat puma", "--on-exit 'restrat': not an action; write restart"),
    ("-s puma:QUIT puma", "--stop-signal 'puma:QUIT': not a signal; write puma=QUIT"),
    ("-s SIGQIUT puma", "--stop-signal 'SIGQIUT': not a signal; write SIGQUIT"),
    ("-s puma=TREM puma", "--stop-signal 'puma=TREM': not a signal; write puma=TERM"),
    ("-r 15:3 puma", "--rewrite '15:3': not FROM=TO with two signals; write 15=3"),
    ("-r TERM=QIUT puma", "--rewrite 'TERM=QIUT': not FROM=TO with two signals; write TERM=QUIT"),
    (
        "--exit-map 143:0 puma",
        "--exit-map '143:0': not FROM=TO with two numbers from 0 to 255, for example 143=0; write 143=0",
    ),
    ("--wait-for localhost:80 puma", "--wait-for: not a target; write tcp://localhost:80"),
    ("--wait-for postgres://db:5432/shop puma", "--wait-for: not a target; write tcp://db:5432"),
    (
        "--wait-for postgres://me:hunter2@db:5432 puma",
        "--wait-for: not a target; write tcp://HOST:PORT, unix://PATH, file://PATH or exec:COMMAND",
    ),
    ("--ready puma=:3000 puma", "--ready: not a target; write puma=tcp://localhost:3000"),
    ("--ready /run/puma.sock puma", "--ready: not a target; write unix:///run/puma.sock"),
    ("--output prefx puma", "--output 'prefx': not a format; write prefix"),
    ("--user +5 puma", "--user '+5': not USER or USER:GROUP; write 5"),
    (
        "-r KILL=TERM puma",
        "--rewrite 'KILL=TERM': FROM is a signal that untrap cannot forward; write another one than KILL, STOP, CHLD and PIPE",
    ),
    (
        "-r PIPE=none puma",
        "--rewrite 'PIPE=none': FROM is a signal that untrap cannot forward; write another one than KILL, STOP, CHLD and PIPE",
    ),
    ("--exit-map +1=0 puma", "--exit-map '+1=0': not FROM=TO with two numbers from 0 to 255, for example 143=0"),
    ("--port +80 puma", "--port '+80': not a port; write 80"),
];

#[test]
fn a_value_that_is_nearly_right_is_answered_with_the_right_one() {
    let scene = scene();
    refused(&scene, NEAR_MISSES);
    for (line, _) in
        NEAR_MISSES.iter().filter(|(_, message)| !message.contains("for example") && !message.contains("exec:"))
    {
        let message = answer(&scene, line, &[]).1;
        let Some((_, value)) = message.trim_end().rsplit_once("; write ").filter(|(_, value)| !value.contains(' '))
        else {
            continue;
        };
        let words = shell_words::split(line).unwrap();
        let option = words[0].split('=').next().unwrap();
        let end = untrap(&scene).args(["check", option, value, "puma"]).output().unwrap();
        assert!(end.status.success(), "{value} is right: {end:?}");
    }
}

#[test]
fn a_bare_number_is_seconds() {
    let scene = scene();
    for (value, shown) in [("5", "after 5s\n"), ("1.5", "after 1s 500ms\n"), ("puma=90", "after 1m 30s\n")] {
        let output = untrap(&scene).args(["check", "-t", value, "puma"]).output().unwrap();
        assert!(String::from_utf8(output.stdout).unwrap().contains(shown), "{value}");
    }
}

#[test]
fn a_misspelt_variable_is_a_warning_and_a_service_link_is_passed_over() {
    let scene = scene();
    let warning = "untrap: UNTRAP_TIMOUT has no effect: no option has this variable; write UNTRAP_TIMEOUT\n";
    for line in ["-q puma", "check puma"] {
        assert_eq!(answer(&scene, line, &[("UNTRAP_TIMOUT", "5s")]), (0, warning.to_owned()), "{line}");
        let links = [
            ("UNTRAP_PORT", "tcp://10.0.0.1:80"),
            ("UNTRAP_SERVICE_HOST", "10.0.0.1"),
            ("UNTRAP_SERVICE_PORT", "80"),
            ("UNTRAP_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("UNTRAP_PORT_80_TCP_PROTO", "tcp"),
            ("UNTRAP_NAME", "web"),
            ("UNTRAP_PID", "7"),
            ("UNTRAP_EXIT_CODE", "0"),
            ("UNTRAP_SIGNAL", "TERM"),
            ("UNTRAP_VERSION", "1"),
        ];
        assert_eq!(answer(&scene, line, &links), (0, String::new()), "{line}");
    }
    let refused = answer(&scene, "puma", &[("UNTRAP_PORT", "x")]);
    assert_eq!(refused, (2, "untrap: UNTRAP_PORT 'x': not a port; write a number from 1 to 65535\n".to_owned()));
}

const NAMES: &[Row] = &[
    ("-r web=HUP=USR1 puma", "--rewrite web=…: no service is named 'web'; the services are puma"),
    ("-r HUP puma", "--rewrite 'HUP': not FROM=TO with two signals; write for example TERM=QUIT or HUP=none"),
    ("-r web=HUP puma", "--rewrite 'web=HUP': not FROM=TO with two signals; write for example TERM=QUIT or HUP=none"),
    (
        "-r puma=HUP=USR1 puma",
        "--rewrite puma=SIGHUP=SIGUSR1: a run cannot apply a value with a NAME yet; leave out the NAME, or the option",
    ),
    (
        "--exit-map puma=143=0 puma",
        "--exit-map puma=143=0: a run cannot apply a value with a NAME yet; leave out the NAME, or the option",
    ),
    (
        "--stop-delay puma=5 puma",
        "--stop-delay puma=5s: a run cannot apply a value with a NAME yet; leave out the NAME, or the option",
    ),
    ("--stdin web puma", "--stdin web=…: no service is named 'web'; the services are puma"),
    ("--stdin a/b puma", "--stdin 'a/b': not a service; write its name, or none"),
    (
        "--stdin puma puma -- nginx",
        "--stdin puma: the program after '--' has standard input; leave out --stdin, or write --stdin none",
    ),
    ("-f P --stdin web web=2", "--stdin web: several instances cannot share standard input; write --stdin web.1"),
];

#[test]
fn the_name_before_a_value_is_read_and_checked() {
    let scene = scene();
    scene.write("P", "web: puma\n");
    refused(&scene, NAMES);
    let shown = |arguments: &[&str]| {
        let output = untrap(&scene).arg("check").args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text =
        shown(&["-r", "puma=1=none", "-r", "HUP=USR1", "--exit-map", "puma=1=0", "--stop-delay", "puma=1m", "puma"]);
    let not_active = "--rewrite puma=SIGHUP=none: not active yet\n--exit-map puma=1=0: not active yet\n\
                      --stop-delay puma=1m: not active yet\n";
    assert!(text.ends_with(not_active), "{text}");
    assert!(shown(&["-f", "P", "--stdin", "web.2", "web=2"]).ends_with("    has standard input and the terminal\n"));
    assert!(shown(&["--stdin", "none", "puma"]).ends_with("    has no standard input\n"));
}

#[test]
fn standard_input_goes_to_the_service_that_the_option_names() {
    let scene = scene();
    let input = scene.write("input", "line\n");
    let run = |arguments: &[&str]| {
        let mut untrap = untrap(&scene);
        untrap.args(["-q", "--on-exit", "ignore"]).args(arguments).stdin(std::fs::File::open(&input).unwrap());
        String::from_utf8(untrap.output().unwrap().stdout).unwrap()
    };
    let services = ["a: sed 's/^/a /'", "b: sed 's/^/b /'"];
    assert_eq!(run(&[&["--stdin", "b"], &services[..]].concat()), "b line\n");
    assert_eq!(run(&services), "");
    assert_eq!(run(&["--stdin", "none", services[0]]), "");
    assert_eq!(run(&["--stdin", "none", "--", "cat"]), "");
}

const OTHER_WORDS: &[Row] = &[
    ("start", "there is no 'start', neither of untrap nor as a program; write: untrap -f Procfile"),
    ("start web", "there is no 'start', neither of untrap nor as a program; write: untrap -f Procfile web"),
    ("up", "there is no 'up', neither of untrap nor as a program; write: untrap -f Procfile"),
    ("start -m web=2", "there is no 'start', neither of untrap nor as a program; write: untrap -f Procfile web=2"),
    (
        "start -m web=2,worker=1",
        "there is no 'start', neither of untrap nor as a program; write: untrap -f Procfile web=2 worker=1",
    ),
    (
        "start -f Procfile.dev web",
        "there is no 'start', neither of untrap nor as a program; write: untrap -f Procfile.dev web",
    ),
    (
        "-q start -p 5000",
        "there is no 'start', neither of untrap nor as a program; write: untrap -q -f Procfile --port 5000",
    ),
    ("start -e .env", "there is no 'start', neither of untrap nor as a program; write: untrap -f Procfile -e .env"),
    ("run puma -p 1", "there is no 'run', neither of untrap nor as a program; write: untrap -- puma -p 1"),
    ("run", "there is no 'run', neither of untrap nor as a program; write '-- PROGRAM [ARG]...'"),
    ("exec puma -p 1", "there is no 'exec', neither of untrap nor as a program; write: untrap -- puma -p 1"),
    ("stop", "there is no 'stop', neither of untrap nor as a program; send untrap SIGTERM, as 'docker stop' does"),
    ("status", "there is no 'status', neither of untrap nor as a program; write: untrap ps"),
    (
        "restart",
        "there is no 'restart', neither of untrap nor as a program; write --on-exit restart for a run, and 'untrap signal TERM NAME' to restart a service",
    ),
    (
        "logs",
        "there is no 'logs', neither of untrap nor as a program; services write to untrap's standard output, which 'docker logs' shows",
    ),
    (
        "init",
        "there is no 'init', neither of untrap nor as a program; untrap needs no configuration; write the commands, or -f and a Procfile",
    ),
    ("help", "there is no 'help'; write: untrap --help"),
    ("version", "there is no 'version'; write: untrap --version"),
    ("check start", "there is no 'start', neither of untrap nor as a program; write: untrap check -f Procfile"),
    (
        "web worker",
        "without -f, 'web' is a command, and there is no such program; write: untrap -f Procfile web worker",
    ),
    (
        "web=2 worker",
        "without -f, 'web=2' is a command, and there is no such program; write: untrap -f Procfile web=2 worker",
    ),
    (
        "worker=0",
        "without -f, 'worker=0' is a command, and there is no such program; write: untrap -f Procfile all=1 worker=0",
    ),
    (
        "-q worker",
        "without -f, 'worker' is a command, and there is no such program; write: untrap -q -f Procfile worker",
    ),
    (
        "-f Procfile worker=0",
        "nothing to run: name a process type, with a number over 0 ('release' runs only if it is named; all=1 stands for those that are not named)",
    ),
    ("'exec'", "there is no 'exec', neither of untrap nor as a program; write '-- PROGRAM [ARG]...'"),
];

const OTHER_OPTIONS: &[Row] = &[
    ("-m web=2", "untrap has no option -m; write the numbers after the Procfile: untrap -f Procfile web=2"),
    ("-c 'puma -p 1'", "untrap has no option -c; each argument is a command, without -c: untrap 'COMMAND'"),
    (
        "-d puma",
        "untrap has no option -d; untrap stays in the foreground, as an entrypoint must; for a directory write --cwd DIR",
    ),
    ("--detach puma", "untrap has no option --detach; untrap stays in the foreground, as an entrypoint must"),
    ("--restart always puma", "untrap has no option --restart; write --on-exit restart, or restart-on-failure"),
    ("--name web puma", "untrap has no option --name; write the name before the command: untrap 'web: COMMAND'"),
    ("-p 5000 puma", "untrap has no option -p; write --port N"),
    ("-g -- puma", "untrap has no option -g; write --signal-to group"),
    ("--init -- puma", "untrap has no option --init; untrap is the init; leave it out"),
    ("--timout 5 puma", "untrap has no option --timout; write --timeout"),
    ("-x puma", "untrap has no option -x; see 'untrap --help'"),
];

const NOTHING_RUNS: &[Row] = &[
    (
        "'puma &'",
        "command 1: '&' at the end puts the command in the background, and its shell exits at once; write 'puma' without it",
    ),
    (
        "'web: puma -p $PORT &'",
        "command 1: '&' at the end puts the command in the background, and its shell exits at once; write 'COMMAND' without it",
    ),
    ("'# x'", "command 1: a comment, which runs nothing; write a command, or leave it out"),
    ("': puma'", "command 1: no name before the colon, and ':' runs nothing; write 'NAME: puma'"),
    (
        "web=puma",
        "command 1: it sets a variable and runs nothing; write 'web: puma' for a name, or 'VARIABLE=value PROGRAM'",
    ),
    ("'web: exec'", "command 1: 'exec' without a program runs nothing; write 'exec PROGRAM', or the program alone"),
    (
        "A=1\\ B=2",
        "command 1: it sets a variable and runs nothing; write 'A: COMMAND' for a name, or 'VARIABLE=value PROGRAM'",
    ),
    (
        "-f P.idle",
        "P.idle:2:9: '&' at the end puts the command in the background, and its shell exits at once; write 'sidekiq' without it",
    ),
];

const PIECES: &[Row] = &[
    (
        "web: puma -p 3000 worker: sidekiq",
        "'web:' is only the name of a command; write: untrap 'web: puma -p 3000' 'worker: sidekiq'",
    ),
    ("puma '&&' sidekiq", "'&&' among commands: one command is one quoted argument; write: untrap 'puma && sidekiq'"),
    ("puma '|' sidekiq", "'|' among commands: one command is one quoted argument; write: untrap 'puma | sidekiq'"),
    ("puma '&' sidekiq -x", "'&' among commands: untrap starts them all itself; write: untrap puma 'sidekiq -x'"),
    ("puma ';' sidekiq", "';' among commands: untrap starts them all itself; write: untrap puma sidekiq"),
    (
        "'[\"puma\", \"-p\", \"1\"]'",
        "a list in brackets is for a Dockerfile, without quotes around it; write: untrap -- puma -p 1",
    ),
    ("Procfile", "Procfile is a Procfile, not a program; write: untrap -f Procfile"),
    ("./Procfile.dev", "./Procfile.dev is a Procfile, not a program; write: untrap -f ./Procfile.dev"),
    (
        "-e RAILS_ENV=production puma",
        "-e takes a file of variables, not a variable; write: env RAILS_ENV=production untrap puma",
    ),
    (
        "-e RAILS_ENV=production puma -p 1",
        "-e takes a file of variables, not a variable; write: env RAILS_ENV=production untrap -- puma -p 1",
    ),
    ("tini -- nginx", "tini is not needed under untrap; write: untrap -- nginx"),
    (
        "dumb-init nginx -g 'daemon off;'",
        "dumb-init is not needed under untrap; write: untrap -- nginx -g 'daemon off;'",
    ),
    ("untrap -- puma", "untrap is not needed under untrap; write: untrap -- puma"),
    (
        "ps aux",
        "'untrap ps aux': there is no such argument; to run a program named ps, write 'untrap -- ps aux'; see 'untrap ps --help'",
    ),
    ("-", "'-' is no command; write -f - to read a Procfile from standard input"),
];

#[test]
fn words_and_options_of_other_tools_are_answered() {
    let scene = scene();
    scene.write("Procfile", "web: puma\nworker: sidekiq\n");
    scene.write("Procfile.dev", "web: puma\nworker: sidekiq\n");
    scene.write(".env", "A=1\n");
    refused(&scene, OTHER_WORDS);
    refused(&scene, OTHER_OPTIONS);
    for program in ["start", "web"] {
        scene.script(&format!("bin/{program}"), "#!/bin/sh\ntouch \"$0 ran\"\n");
        assert_eq!(answer(&scene, &format!("-q {program}"), &[]), (0, String::new()));
        assert!(scene.path(&format!("bin/{program} ran")).exists(), "a program of this name runs");
    }
}

#[test]
fn without_a_procfile_the_answer_names_none_that_exists() {
    let scene = scene();
    let words = "there is no 'start', neither of untrap nor as a program; write 'untrap -f Procfile [TYPE]...', or the commands \
                 themselves";
    refused(&scene, &[("start web", words)]);
}

#[test]
fn a_command_that_runs_nothing_is_refused() {
    let scene = scene();
    scene.write("P.idle", "web: puma\nworker: sidekiq &\n");
    refused(&scene, NOTHING_RUNS);
    let end = scene.run(&["check", "web: puma --password=hunter2 &"]);
    assert!(end.status == 2 && !end.said("hunter2"), "{end:?}");
}

#[test]
fn pieces_of_a_command_line_are_put_together() {
    let scene = scene();
    scene.write("Procfile", "web: puma\n");
    scene.write("Procfile.dev", "web: puma\n");
    refused(&scene, PIECES);
}

#[test]
fn an_entrypoint_in_shell_form_is_warned_about() {
    if !can_unshare() {
        return;
    }
    let scene = scene();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_untrap"), scene.path("bin/untrap")).unwrap();
    let run = |script: &str| {
        let mut shell = Command::new("unshare");
        shell.args(["--pid", "--fork", "--mount-proc", "--kill-child", "dash", "-c", script]);
        shell.env("PATH", untrap(&scene).get_envs().find_map(path).unwrap()).current_dir(scene.path(""));
        String::from_utf8(shell.output().unwrap().stderr).unwrap()
    };
    assert_eq!(
        run("untrap -q 'web: puma' sidekiq"),
        "untrap: PID 1 is dash, which passes no signals on to untrap, so 'docker stop' kills all; write in the Dockerfile: \
         ENTRYPOINT [\"untrap\", \"-q\", \"web: puma\", \"sidekiq\"]\n"
    );
    assert_eq!(run("true; untrap -q puma"), "");
    assert_eq!(run("exec untrap -q puma"), "");
}

#[test]
fn there_are_many_rows() {
    let tables = [LATE_OPTIONS, ONE_PROGRAM, NEAR_MISSES, NAMES, OTHER_WORDS, OTHER_OPTIONS, NOTHING_RUNS, PIECES];
    assert!(tables.iter().map(|rows| rows.len()).sum::<usize>() >= 80);
}
