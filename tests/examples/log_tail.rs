//! The pair `log-tail`, whose script fails in several ways.

use crate::run::{NOTHING, Run, pair};
use crate::support::{children, state, wait_for};

/// Runs both files, and calls the closures once the server and tail are ready.
#[track_caller]
fn log_tail(script: impl FnOnce(Run), untrap: impl FnOnce(Run)) {
    let stand_ins =
        [("legacy-server", "exec witness legacy-server TERM=ignore HUP=0 USR2=3"), ("tail", "exec witness tail HUP=0")];
    let ready = |run: Run| {
        run.ready(&["legacy-server", "tail"]);
        run
    };
    pair("log-tail", &stand_ins, &[], |run| script(ready(run)), |run| untrap(ready(run)));
}

#[test]
fn the_script_stops_the_server_only_after_tail_has_exited() {
    log_tail(
        |script| {
            script.stop();
            wait_for("bash has handled the signal", || (!script.has_term_pending()).then_some(()));
            assert_eq!((script.scene.seen("legacy-server"), script.scene.seen("tail")), (vec![], vec![]));
            script.release("tail");
            script.wait_for_signal("legacy-server", "SIGTERM");
        },
        |untrap| {
            untrap.stop();
            untrap.wait_for_signal("legacy-server", "SIGCONT");
            assert_eq!(untrap.scene.seen("tail"), NOTHING, "tail still shows the last output of the server");
            untrap.release("legacy-server");
            let end = untrap.end();
            assert_eq!(
                (end.status, end.stopped_by("legacy-server"), end.stopped_by("tail")),
                (0, "SIGTERM", "SIGTERM")
            );
        },
    );
}

#[test]
fn the_script_keeps_running_after_the_server_has_crashed() {
    log_tail(
        |script| {
            script.send("legacy-server", "USR2");
            wait_for("bash has reaped the server", || (children(script.pid1.pid()).len() == 1).then_some(()));
            wait_for("bash waits", || (state(script.pid1.pid()) == "S").then_some(()));
            assert_eq!(script.scene.seen("tail"), NOTHING);
        },
        |untrap| {
            untrap.send("legacy-server", "USR2");
            let end = untrap.end();
            assert_eq!((end.status, end.stopped_by("tail")), (3, "SIGTERM"));
        },
    );
}

#[test]
fn the_script_exits_with_tail_and_the_server_is_killed() {
    log_tail(
        |script| {
            script.release("tail");
            let end = script.end();
            assert_eq!((end.status, end.scene.seen("legacy-server")), (0, vec![]));
        },
        |untrap| {
            untrap.release("tail");
            untrap.pid1.wait_for_message("exited with status 0");
            untrap.send("legacy-server", "USR2");
            let end = untrap.end();
            assert_eq!((end.status, end.scene.seen("legacy-server")), (3, vec!["SIGUSR2".to_owned()]));
        },
    );
}
