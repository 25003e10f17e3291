//! `uvicorn-nginx`, which has more than one way to go wrong.

use std::net::TcpListener;

use crate::run::{NOTHING, Run, pair};
use crate::support::wait_for;

/// The probes of a script that waits for a port go on.
#[track_caller]
fn goes_on_waiting(script: &Run) {
    let before = script.scene.lines("probes").len();
    wait_for("it waits on", || (script.scene.lines("probes").len() > before + 1).then_some(()));
}

#[test]
fn cannot_be_stopped_while_it_waits_for_the_port() {
    let stand_ins =
        [("uvicorn", "exec witness uvicorn"), ("nginx", "exec witness nginx"), ("nc", "echo probe >> probes; exit 1")];
    pair(
        "uvicorn-nginx",
        &stand_ins,
        &[("8000", "1")],
        |script| {
            script.ready(&["uvicorn"]);
            script.stop_unheard();
            goes_on_waiting(&script);
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
fn waits_for_the_port_of_a_program_that_has_crashed() {
    let stand_ins =
        [("uvicorn", "echo >> crashed; exit 3"), ("nginx", "exec witness nginx"), ("nc", "echo >> probes; exit 1")];
    pair(
        "uvicorn-nginx",
        &stand_ins,
        &[("8000", "1")],
        |script| {
            wait_for("it crashed", || script.scene.path("crashed").exists().then_some(()));
            goes_on_waiting(&script);
        },
        |untrap| assert_eq!(untrap.end().status, 3),
    );
}

#[test]
fn ends_without_telling_the_application_when_nginx_has_crashed() {
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
fn stops_in_order_either_way_when_nothing_is_wrong() {
    let behind = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = behind.local_addr().unwrap().port().to_string();
    let stops_in_order = |run: Run| {
        run.ready(&["uvicorn", "nginx"]);
        run.stop();
        run.told("nginx", "SIGQUIT");
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
