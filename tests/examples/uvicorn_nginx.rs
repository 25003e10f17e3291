//! The pair `uvicorn-nginx`, whose script fails in several ways.

use std::net::TcpListener;

use crate::run::{NOTHING, Run, pair};
use crate::support::wait_for;

/// Checks that a script that waits for a port keeps probing it.
#[track_caller]
fn keeps_probing(script: &Run) {
    let before = script.scene.lines("probes").len();
    wait_for("the script probes again", || (script.scene.lines("probes").len() > before + 1).then_some(()));
}

#[test]
fn the_script_cannot_be_stopped_while_it_waits_for_the_port() {
    let stand_ins =
        [("uvicorn", "exec witness uvicorn"), ("nginx", "exec witness nginx"), ("nc", "echo probe >> probes; exit 1")];
    pair(
        "uvicorn-nginx",
        &stand_ins,
        &[("8000", "1")],
        |script| {
            script.ready(&["uvicorn"]);
            script.stop_while_unhandled();
            keeps_probing(&script);
            assert_eq!(script.scene.seen("uvicorn"), NOTHING);
        },
        |untrap| {
            untrap.ready(&["uvicorn"]);
            untrap.pid1.wait_for_message("waiting for tcp://127.0.0.1:1");
            untrap.stop();
            let end = untrap.end();
            assert_eq!((end.status, end.stopped_by("uvicorn")), (0, "SIGTERM"));
            assert!(!end.scene.path("nginx").exists());
        },
    );
}

#[test]
fn the_script_waits_for_the_port_of_a_program_that_has_crashed() {
    let stand_ins =
        [("uvicorn", "echo >> crashed; exit 3"), ("nginx", "exec witness nginx"), ("nc", "echo >> probes; exit 1")];
    pair(
        "uvicorn-nginx",
        &stand_ins,
        &[("8000", "1")],
        |script| {
            wait_for("uvicorn has crashed", || script.scene.path("crashed").exists().then_some(()));
            keeps_probing(&script);
        },
        |untrap| assert_eq!(untrap.end().status, 3),
    );
}

#[test]
fn the_script_exits_without_stopping_the_application_after_nginx_has_crashed() {
    let behind = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = behind.local_addr().unwrap().port().to_string();
    pair(
        "uvicorn-nginx",
        &[("uvicorn", "exec witness uvicorn"), ("nginx", "until [ -s uvicorn ]; do :; done; exit 4"), ("nc", "")],
        &[("8000", &port)],
        |script| {
            let end = script.end();
            assert_eq!((end.status, end.scene.seen("uvicorn")), (4, vec![]));
        },
        |untrap| {
            let end = untrap.end();
            assert_eq!((end.status, end.stopped_by("uvicorn")), (4, "SIGTERM"));
        },
    );
}

#[test]
fn both_stop_in_order_if_no_program_fails() {
    let behind = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = behind.local_addr().unwrap().port().to_string();
    let stops_in_order = |run: Run| {
        run.ready(&["uvicorn", "nginx"]);
        run.stop();
        run.wait_for_signal("nginx", "SIGQUIT");
        assert_eq!(run.scene.seen("uvicorn"), NOTHING);
        run.release("nginx");
        let end = run.end();
        assert_eq!((end.status, end.stopped_by("uvicorn"), end.stopped_by("nginx")), (0, "SIGTERM", "SIGQUIT"));
    };
    pair(
        "uvicorn-nginx",
        &[("uvicorn", "exec witness uvicorn"), ("nginx", "exec witness nginx QUIT=ignore HUP=0"), ("nc", "")],
        &[("8000", &port)],
        stops_in_order,
        stops_in_order,
    );
}
