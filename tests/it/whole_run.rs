//! All messages of one run, in each format and at each verbosity. PIDs and times are replaced.

use insta::internals::SettingsBindDropGuard;
use insta::{Settings, assert_snapshot};

use crate::support::{Place, Scene, children, wait_for};

/// The messages of a run with a service that handles SIGTERM, a service and a daemon that are killed at the timeout, and
/// a service that exits by itself.
fn messages(options: &[&str]) -> String {
    let scene = Scene::new();
    let deaf = format!("deaf: {}", scene.witness("deaf", "TERM=ignore"));
    let web = format!("web: {}", scene.witness("web", "TERM=3"));
    let daemon = format!("starter: setsid {} & exit 0", scene.witness("daemon", "TERM=ignore"));
    let fixed = ["-t", "300ms", "-r", "USR1=USR2", "-r", "WINCH=none", "--on-exit", "starter=ignore"];
    let untrap = scene.start(Place::Subreaper, &[options, &fixed, &[&deaf, &web, &daemon]].concat());
    let [_, _, [daemon, ..]] = ["deaf", "web", "daemon"].map(|witness| scene.ready(witness));
    wait_for("the starter is reaped, and its daemon adopted", || {
        let children = children(untrap.pid());
        (children.len() == 3 && children.contains(&daemon)).then_some(())
    });
    untrap.signal("HUP");
    scene.wait_for_line("web", "SIGHUP");
    untrap.signal("USR1");
    scene.wait_for_line("web", "SIGUSR2");
    untrap.signal("TERM");
    let mut messages = untrap.end().messages;
    // The services execute their programs at the same time, so sort the messages that they have started.
    messages.sort_by_key(|message| {
        let started = message.split_once(" started (pid ").map(|(before, _)| before);
        started.map_or((1, String::new()), |before| (0, before.rsplit([' ', '"']).next().unwrap().to_owned()))
    });
    messages.join("\n")
}

/// Replaces PIDs and times in snapshots until the guard is dropped.
fn without_pids_and_times() -> SettingsBindDropGuard {
    let mut settings = Settings::clone_current();
    settings.add_filter(r"pid \d+", "pid N");
    settings.add_filter(r#""pid":\d+"#, r#""pid":0"#);
    settings.add_filter(r#""duration_ms":\d+"#, r#""duration_ms":0"#);
    settings.add_filter(r"(after|within) \d+m?s( \d+m?s)*", "$1 TIME");
    settings.add_filter(r#""time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z""#, r#""time":"NOW""#);
    settings.bind_to_scope()
}

#[test]
fn messages_in_text() {
    let _guard = without_pids_and_times();
    assert_snapshot!(messages(&[]), @r"
    untrap: deaf started (pid N)
    untrap: starter started (pid N)
    untrap: web started (pid N)
    untrap: starter (pid N) exited with status 0 after TIME
    untrap: SIGHUP from pid N: forwarded
    untrap: SIGUSR1 from pid N: forwarded as SIGUSR2
    untrap: SIGTERM from pid N: stopping
    untrap: web (pid N) exited with status 3 after TIME
    untrap: deaf (pid N) did not stop within TIME, killed
    untrap: deaf (pid N) killed by SIGKILL after TIME
    untrap: leftover processes did not stop within TIME, killing them
    untrap: leftover process witness (pid N) killed
    untrap: exit status 3
    ");
}

#[test]
fn messages_in_text_with_quiet() {
    let _guard = without_pids_and_times();
    assert_snapshot!(messages(&["-q"]), @r"
    untrap: deaf (pid N) did not stop within TIME, killed
    untrap: leftover processes did not stop within TIME, killing them
    untrap: leftover process witness (pid N) killed
    ");
}

#[test]
fn messages_in_json_with_verbose() {
    let _guard = without_pids_and_times();
    assert_snapshot!(messages(&["-v", "--log-format", "json"]), @r#"
    {"version":1,"time":"NOW","level":"info","event":"started","name":"deaf","pid":0,"message":"deaf started (pid N)"}
    {"version":1,"time":"NOW","level":"info","event":"started","name":"starter","pid":0,"message":"starter started (pid N)"}
    {"version":1,"time":"NOW","level":"info","event":"started","name":"web","pid":0,"message":"web started (pid N)"}
    {"version":1,"time":"NOW","level":"debug","event":"launched","name":"deaf","pid":0,"message":"deaf launched (pid N)"}
    {"version":1,"time":"NOW","level":"debug","event":"launched","name":"web","pid":0,"message":"web launched (pid N)"}
    {"version":1,"time":"NOW","level":"debug","event":"launched","name":"starter","pid":0,"message":"starter launched (pid N)"}
    {"version":1,"time":"NOW","level":"info","event":"exited","name":"starter","pid":0,"status":0,"duration_ms":0,"message":"starter (pid N) exited with status 0 after TIME"}
    {"version":1,"time":"NOW","level":"info","event":"signal-received","signal":"SIGHUP","effect":"forwarded","message":"SIGHUP from pid N: forwarded"}
    {"version":1,"time":"NOW","level":"info","event":"signal-received","signal":"SIGUSR1","effect":"forwarded","message":"SIGUSR1 from pid N: forwarded as SIGUSR2"}
    {"version":1,"time":"NOW","level":"info","event":"signal-received","signal":"SIGTERM","effect":"shutdown","message":"SIGTERM from pid N: stopping"}
    {"version":1,"time":"NOW","level":"info","event":"exited","name":"web","pid":0,"status":3,"duration_ms":0,"message":"web (pid N) exited with status 3 after TIME"}
    {"version":1,"time":"NOW","level":"error","event":"killed","name":"deaf","pid":0,"duration_ms":0,"effect":"stop-timeout","message":"deaf (pid N) did not stop within TIME, killed"}
    {"version":1,"time":"NOW","level":"info","event":"exited","name":"deaf","pid":0,"signal":"SIGKILL","duration_ms":0,"message":"deaf (pid N) killed by SIGKILL after TIME"}
    {"version":1,"time":"NOW","level":"error","event":"leftovers","duration_ms":0,"effect":"killing","message":"leftover processes did not stop within TIME, killing them"}
    {"version":1,"time":"NOW","level":"error","event":"leftover","pid":0,"effect":"killed","message":"leftover process witness (pid N) killed"}
    {"version":1,"time":"NOW","level":"debug","event":"orphan","pid":0,"message":"orphan (pid N) reaped"}
    {"version":1,"time":"NOW","level":"info","event":"exit","status":3,"message":"exit status 3"}
    "#);
}

#[test]
fn messages_in_json_with_quiet() {
    let _guard = without_pids_and_times();
    assert_snapshot!(messages(&["-q", "--log-format", "json"]), @r#"
    {"version":1,"time":"NOW","level":"error","event":"killed","name":"deaf","pid":0,"duration_ms":0,"effect":"stop-timeout","message":"deaf (pid N) did not stop within TIME, killed"}
    {"version":1,"time":"NOW","level":"error","event":"leftovers","duration_ms":0,"effect":"killing","message":"leftover processes did not stop within TIME, killing them"}
    {"version":1,"time":"NOW","level":"error","event":"leftover","pid":0,"effect":"killed","message":"leftover process witness (pid N) killed"}
    "#);
}

#[test]
fn usage_errors_have_the_format_that_the_variable_sets() {
    let stderr = |value: &str, arguments: &[&str]| {
        let output = Scene::new().untrap().env("UNTRAP_LOG_FORMAT", value).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    for arguments in [&["-t", "x", "true"][..], &["-f", "missing"], &["--pid-dir", "/proc/x", "true"]] {
        let line = stderr("json", arguments);
        let object: serde_json::Value = serde_json::from_str(&line).expect(&line);
        assert_eq!((&object["event"], &object["level"]), (&"failure".into(), &"error".into()), "{line}");
        assert_eq!(line.lines().count(), 1);
    }
    let message = "untrap: UNTRAP_LOG_FORMAT 'xml': not a form of messages; write text or json\n";
    assert_eq!(stderr("xml", &["true"]), message);
}
