//! What is the same for several peers.

use crate::stage::{End, Run, Stage, each};

/// Starts the line with a leader that is no shell, and a child in its group: the witnesses `main` and `child`.
#[track_caller]
fn start_group(stage: &Stage) -> Run {
    let run = stage.start(&format!("sh -c '{} & exec {}'", stage.witness("child", ""), stage.witness("main", "")));
    stage.ready("main");
    stage.ready("child");
    run
}

/// Both are told, and end.
#[track_caller]
pub(crate) fn the_group_is_told(lines: &[&'static str]) {
    each(lines, |stage| {
        let run = start_group(stage);
        run.signal("HUP");
        stage.wait_for_line("main", "SIGHUP");
        stage.wait_for_line("child", "SIGHUP");
        run.signal("TERM");
        stage.ends_with(0, run);
        assert_eq!(stage.seen("main"), ["SIGHUP", "SIGTERM"], "{stage}");
        if stage.is_untrap() {
            assert_eq!(stage.seen("child"), ["SIGHUP", "SIGTERM"], "{stage}: the others do not wait for it");
        }
    });
}

/// The leader alone is told.
#[track_caller]
pub(crate) fn the_leader_is_told(lines: &[&'static str]) {
    each(lines, |stage| {
        let run = start_group(stage);
        run.signal("HUP");
        stage.wait_for_line("main", "SIGHUP");
        run.signal("TERM");
        stage.ends_with(0, run);
        assert_eq!(stage.seen("main"), ["SIGHUP", "SIGTERM"], "{stage}");
        let told: &[&str] = if stage.is_untrap() { &["SIGTERM"] } else { &[] };
        assert_eq!(stage.seen("child"), told, "{stage}: untrap tells it once its leader has ended");
    });
}

/// A program that ends with 5 once its child, the witness `child`, is ready, and leaves that behind in its group.
pub(crate) fn program_with_leftover(stage: &Stage, rules: &str) -> String {
    let child = stage.witness("child", rules);
    format!("sh -c '{child} & until grep -qs \"^ready .*$\" child; do :; done; exit 5'")
}

/// A program whose child loses its parent: the witnesses `main` and `orphan`.
pub(crate) fn program_with_orphan(stage: &Stage) -> String {
    format!("sh -c '(setsid {} &); exec {}'", stage.witness("orphan", ""), stage.witness("main", ""))
}

/// Each says what it starts: untrap on standard error and nowhere else, the peer in its own way.
#[track_caller]
pub(crate) fn the_start_is_said(lines: &[&'static str], peer_says: impl Fn(&End) -> bool) {
    each(lines, |stage| {
        let end = stage.run("true");
        let untrap_says = |end: &End| end.stdout.is_empty() && end.stderr.contains("true started (pid ");
        let says_it = if stage.is_untrap() { untrap_says(&end) } else { peer_says(&end) };
        assert!(end.status == 0 && says_it, "{stage}: {end:?}");
    });
}

/// Runs a line without a program to its end, and gives its two outputs.
#[track_caller]
pub(crate) fn prints(line: &'static str) -> [String; 2] {
    let end = Stage::here(line).run_whole(line);
    assert_eq!(end.status, 0, "{line}: {end:?}");
    [end.stdout, end.stderr]
}
