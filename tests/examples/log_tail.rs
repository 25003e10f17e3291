//! `log-tail`, which has more than one way to go wrong.

use crate::run::{NOTHING, Run, pair};
use crate::support::{children, state, wait_for};

/// Runs both files until the server and tail run.
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
fn it_tells_the_server_only_when_tail_has_ended() {
    log_tail(
        |script| {
            script.stop();
            wait_for("bash has taken the signal", || (!script.has_term_pending()).then_some(()));
            assert_eq!((script.scene.seen("legacy-server"), script.scene.seen("tail")), (vec![], vec![]));
            script.release("tail");
            script.told("legacy-server", "SIGTERM");
        },
        |untrap| {
            untrap.stop();
            untrap.told("legacy-server", "SIGCONT");
            assert_eq!(untrap.scene.seen("tail"), NOTHING, "it shows what the server still writes");
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
fn it_lives_on_when_the_server_has_crashed() {
    log_tail(
        |script| {
            script.send("legacy-server", "USR2");
            wait_for("bash has reaped it", || (children(script.pid1.pid()).len() == 1).then_some(()));
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
fn it_ends_with_tail_and_the_server_is_killed() {
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
