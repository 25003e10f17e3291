//! Scenarios that several peers share.

use crate::stage::{End, Run, Stage, each};

/// Starts the line with a leader that is not a shell, the witness `main`, and a child in its group, the witness
/// `child`.
#[track_caller]
fn start_group(stage: &Stage) -> Run {
    let run = stage.start(&format!("sh -c '{} & exec {}'", stage.witness("child", ""), stage.witness("main", "")));
    stage.ready("main");
    stage.ready("child");
    run
}

/// Both processes receive the signals and exit.
#[track_caller]
pub(crate) fn the_group_is_signalled(lines: &[&'static str]) {
    each(lines, |stage| {
        let run = start_group(stage);
        run.signal("HUP");
        stage.wait_for_line("main", "SIGHUP");
        stage.wait_for_line("child", "SIGHUP");
        run.signal("TERM");
        stage.exits_with(0, run);
        assert_eq!(stage.seen("main"), ["SIGHUP", "SIGTERM"], "{stage}");
        if stage.is_untrap() {
            assert_eq!(stage.seen("child"), ["SIGHUP", "SIGTERM"], "{stage}: peers do not wait for the child");
        }
    });
}

/// Only the leader receives the signals.
#[track_caller]
pub(crate) fn only_the_leader_is_signalled(lines: &[&'static str]) {
    each(lines, |stage| {
        let run = start_group(stage);
        run.signal("HUP");
        stage.wait_for_line("main", "SIGHUP");
        run.signal("TERM");
        stage.exits_with(0, run);
        assert_eq!(stage.seen("main"), ["SIGHUP", "SIGTERM"], "{stage}");
        let expected: &[&str] = if stage.is_untrap() { &["SIGTERM"] } else { &[] };
        assert_eq!(stage.seen("child"), expected, "{stage}: untrap stops the child once its leader has exited");
    });
}

/// A program that starts the witness `child` in its group and exits with status 5 once `child` is ready.
pub(crate) fn program_with_leftover(stage: &Stage, rules: &str) -> String {
    let child = stage.witness("child", rules);
    format!("sh -c '{child} & until grep -qs \"^ready .*$\" child; do :; done; exit 5'")
}

/// A program, the witness `main`, that leaves the orphan `orphan`.
pub(crate) fn program_with_orphan(stage: &Stage) -> String {
    format!("sh -c '(setsid {} &); exec {}'", stage.witness("orphan", ""), stage.witness("main", ""))
}

/// Each logs the start of its program: untrap on standard error only, the peer as `peer_logs` checks.
#[track_caller]
pub(crate) fn the_start_is_logged(lines: &[&'static str], peer_logs: impl Fn(&End) -> bool) {
    each(lines, |stage| {
        let end = stage.run("true");
        let untrap_logs = |end: &End| end.stdout.is_empty() && end.stderr.contains("true started (pid ");
        let has_logged = if stage.is_untrap() { untrap_logs(&end) } else { peer_logs(&end) };
        assert!(end.status == 0 && has_logged, "{stage}: {end:?}");
    });
}

/// Runs a line without a program until it exits and returns standard output and standard error.
#[track_caller]
pub(crate) fn prints(line: &'static str) -> [String; 2] {
    let end = Stage::here(line).run_whole(line);
    assert_eq!(end.status, 0, "{line}: {end:?}");
    [end.stdout, end.stderr]
}
