//! The first command lines of people who know tini, `docker run` and foreman: each one works, or the answer names the line
//! that does.

use std::process::Command;

use crate::support::{Scene, can_unshare};

/// Programs that exist here. Each one notes that it was started.
const PROGRAMS: &[&str] = &[
    "redis-server",
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
        "'-f' after a command: untrap's options come before the first command; to pass it to web, write: \
         untrap -- web worker -f Procfile; to pass it to untrap, write: untrap -f Procfile web worker",
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
            "untrap: app can't start: program app not found; install it, or write its path; if it is an argument of uvicorn, write: untrap -- uvicorn app:app\n",
        ),
        (
            "--before true puma missing",
            "untrap: missing can't start: program missing not found; install it, or write its path; if it is an argument of puma, write: untrap --before true -- puma missing\n",
        ),
        (
            "puma 'missing -x'",
            "untrap: missing can't start: program missing not found; install it, or write its path\n",
        ),
        ("missing puma", "untrap: missing can't start: program missing not found; install it, or write its path\n"),
    ] {
        let (status, stderr) = run(&format!("-q --on-exit ignore {line}"));
        let hint = hint.replace("write: untrap", "write: untrap -q --on-exit ignore");
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
