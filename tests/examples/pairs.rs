//! The pairs with stand-ins for their programs. A stand-in that "holds out" goes on after its stop signal, as if it still
//! had work to finish, until the test releases it with SIGHUP.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;

use crate::run::{Run, pair};
use crate::support::{children, state, wait_for};

const NOTHING: [&str; 0] = [];

/// The probes of a script that waits for a port go on.
#[track_caller]
fn goes_on_waiting(script: &Run) {
    let before = script.scene.lines("probes").len();
    wait_for("it waits on", || (script.scene.lines("probes").len() > before + 1).then_some(()));
}

#[test]
fn nginx_php_fpm_ends_while_its_children_still_answer() {
    let stand_ins = [("php-fpm", "exec witness php-fpm QUIT=ignore HUP=0"), ("nginx", "exec witness nginx")];
    pair(
        "nginx-php-fpm",
        &stand_ins,
        &[],
        |script| {
            script.ready(&["php-fpm", "nginx"]);
            script.stop();
            // php-fpm has not been released.
            assert_eq!(script.end().status, 143);
        },
        |untrap| {
            untrap.ready(&["php-fpm", "nginx"]);
            untrap.stop();
            untrap.told("nginx", "SIGQUIT");
            untrap.told("php-fpm", "SIGQUIT");
            assert!(untrap.goes_on());
            untrap.release("php-fpm");
            let end = untrap.end();
            assert_eq!((end.status, end.stopped_by("php-fpm"), end.stopped_by("nginx")), (0, "SIGQUIT", "SIGQUIT"));
        },
    );
}

#[test]
fn celery_beat_tells_the_pool_and_its_task_is_lost() {
    let celery = "[ $3 = worker ] && witness pool HUP=0 & exec witness $3 TERM=ignore HUP=0";
    pair(
        "celery-beat",
        &[("celery", celery)],
        &[],
        |script| {
            script.ready(&["pool", "worker", "beat"]);
            script.stop();
            script.told("pool", "SIGTERM");
        },
        |untrap| {
            untrap.ready(&["pool", "worker", "beat"]);
            untrap.stop();
            // SIGCONT is the last that it is sent.
            untrap.told("worker", "SIGCONT");
            assert_eq!(untrap.scene.seen("pool"), NOTHING);
            for name in ["pool", "worker", "beat"] {
                untrap.release(name);
            }
            let end = untrap.end();
            assert_eq!((end.status, end.stopped_by("worker"), end.stopped_by("beat")), (0, "SIGTERM", "SIGTERM"));
            assert_eq!(end.scene.seen("pool"), ["SIGHUP"]);
        },
    );
}

#[test]
fn uvicorn_nginx_cannot_be_stopped_while_it_waits_for_the_port() {
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
fn uvicorn_nginx_waits_for_the_port_of_a_program_that_has_crashed() {
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
fn uvicorn_nginx_ends_without_telling_the_application_when_nginx_has_crashed() {
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
fn uvicorn_nginx_stops_in_order_either_way_when_nothing_is_wrong() {
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

#[test]
fn xvfb_app_tells_the_display_but_not_the_application() {
    let stand_ins =
        [("Xvfb", "exec witness Xvfb"), ("sleep", ""), ("screenshots", "exec witness screenshots TERM=ignore HUP=0")];
    pair(
        "xvfb-app",
        &stand_ins,
        &[],
        |script| {
            // The display is not there yet.
            script.ready(&["screenshots", "Xvfb"]);
            script.stop();
            let end = script.end();
            assert_eq!((end.status, end.scene.seen("screenshots")), (143, vec![]));
        },
        |untrap| {
            untrap.ready(&["Xvfb"]);
            untrap.pid1.wait_for_message("waiting for unix://");
            assert!(!untrap.scene.path("screenshots").exists());
            std::fs::create_dir(untrap.scene.path(".X11-unix")).unwrap();
            let _display = UnixListener::bind(untrap.scene.path(".X11-unix/X99")).unwrap();
            untrap.ready(&["screenshots"]);
            untrap.stop();
            untrap.told("screenshots", "SIGCONT");
            assert_eq!(untrap.scene.seen("Xvfb"), NOTHING);
            untrap.release("screenshots");
            let end = untrap.end();
            assert_eq!((end.status, end.stopped_by("screenshots"), end.stopped_by("Xvfb")), (0, "SIGTERM", "SIGTERM"));
        },
    );
}

#[test]
fn cron_app_tells_neither_cron_nor_its_job() {
    let cron = "setsid witness job TERM=ignore HUP=0 & \
                [ \"$1\" = -f ] || { setsid witness cron & exit; }; exec witness cron";
    pair(
        "cron-app",
        &[("cron", cron), ("shop", "exec witness shop")],
        &[],
        |script| {
            script.ready(&["cron", "job", "shop"]);
            script.stop();
            let end = script.end();
            assert_eq!((end.status, end.stopped_by("shop")), (0, "SIGTERM"));
            assert_eq!((end.scene.seen("cron"), end.scene.seen("job")), (vec![], vec![]));
        },
        |untrap| {
            untrap.ready(&["cron", "job", "shop"]);
            untrap.stop();
            untrap.told("job", "SIGTERM");
            assert!(untrap.goes_on());
            untrap.release("job");
            let end = untrap.end();
            assert_eq!((end.status, end.stopped_by("shop"), end.stopped_by("cron")), (0, "SIGTERM", "SIGTERM"));
            assert!(end.scene.path("environment").exists());
        },
    );
}

#[test]
fn migrate_web_starts_the_server_after_it_was_told_to_stop() {
    let stand_ins = [("python", "exec witness python TERM=143 HUP=0"), ("gunicorn", "exec witness gunicorn")];
    pair(
        "migrate-web",
        &stand_ins,
        &[],
        |script| {
            script.ready(&["python"]);
            script.stop_unheard();
            script.release("python");
            script.ready(&["gunicorn"]);
            assert_eq!(script.scene.seen("python"), ["SIGHUP"]);
        },
        |untrap| {
            untrap.ready(&["python"]);
            untrap.stop();
            let end = untrap.end();
            assert_eq!((end.status, end.stopped_by("python")), (143, "SIGTERM"));
            assert!(!end.scene.path("gunicorn").exists());
        },
    );
}

const LOG_TAIL: [(&str, &str); 2] =
    [("legacy-server", "exec witness legacy-server TERM=ignore HUP=0 USR2=3"), ("tail", "exec witness tail HUP=0")];

#[test]
fn log_tail_tells_the_server_only_when_tail_has_ended() {
    pair(
        "log-tail",
        &LOG_TAIL,
        &[],
        |script| {
            script.ready(&["legacy-server", "tail"]);
            script.stop();
            wait_for("bash has taken the signal", || (!script.has_term_pending()).then_some(()));
            assert_eq!((script.scene.seen("legacy-server"), script.scene.seen("tail")), (vec![], vec![]));
            script.release("tail");
            script.told("legacy-server", "SIGTERM");
        },
        |untrap| {
            untrap.ready(&["legacy-server", "tail"]);
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
fn log_tail_lives_on_when_the_server_has_crashed() {
    pair(
        "log-tail",
        &LOG_TAIL,
        &[],
        |script| {
            script.ready(&["legacy-server", "tail"]);
            script.send("legacy-server", "USR2");
            wait_for("bash has reaped it", || (children(script.pid1.pid()).len() == 1).then_some(()));
            wait_for("bash waits", || (state(script.pid1.pid()) == "S").then_some(()));
            assert_eq!(script.scene.seen("tail"), NOTHING);
        },
        |untrap| {
            untrap.ready(&["legacy-server", "tail"]);
            untrap.send("legacy-server", "USR2");
            let end = untrap.end();
            assert_eq!((end.status, end.stopped_by("tail")), (3, "SIGTERM"));
        },
    );
}

#[test]
fn redis_sentinel_never_tells_redis_when_the_sentinel_hangs() {
    let stand_ins =
        [("redis-server", "exec witness redis-server"), ("redis-sentinel", "exec witness redis-sentinel TERM=ignore")];
    pair(
        "redis-sentinel",
        &stand_ins,
        &[("sentinel=2s", "sentinel=200ms")],
        |script| {
            script.ready(&["redis-server", "redis-sentinel"]);
            script.stop();
            script.told("redis-sentinel", "SIGTERM");
            assert_eq!(script.scene.seen("redis-server"), NOTHING);
        },
        |untrap| {
            untrap.ready(&["redis-server", "redis-sentinel"]);
            untrap.stop();
            let end = untrap.end();
            assert_eq!((end.status, end.stopped_by("redis-server")), (137, "SIGTERM"), "the sentinel was killed");
        },
    );
}

#[test]
fn user_chown_gives_the_server_two_seconds() {
    if !nix::unistd::geteuid().is_root() {
        return crate::support::skip("only root can become another user");
    }
    pair(
        "user-chown",
        &[("shop-server", "exec witness shop-server TERM=ignore HUP=0")],
        &[],
        |script| {
            script.ready(&["shop-server"]);
            script.stop();
            // It has not been released: su has killed it.
            assert_eq!(script.end().status, 143);
        },
        |untrap| {
            untrap.ready(&["shop-server"]);
            untrap.stop();
            untrap.told("shop-server", "SIGTERM");
            untrap.release("shop-server");
            let end = untrap.end();
            assert_eq!((end.status, end.stopped_by("shop-server")), (0, "SIGTERM"));
            assert_ne!(std::fs::metadata(end.scene.path("shop-server")).unwrap().uid(), 0);
        },
    );
}

#[test]
fn restart_helper_tells_the_loop_but_not_the_helper() {
    let agent = "echo >> starts; [ $(grep -c '' starts) -gt 1 ] || exit 7; exec witness metrics-agent";
    pair(
        "restart-helper",
        &[("metrics-agent", agent), ("shop", "exec witness shop")],
        &[("sleep 1", "true")],
        |script| {
            script.ready(&["metrics-agent", "shop"]);
            script.stop();
            let end = script.end();
            assert_eq!((end.status, end.stopped_by("shop")), (0, "SIGTERM"));
            assert_eq!(end.scene.seen("metrics-agent"), NOTHING);
        },
        |untrap| {
            untrap.ready(&["metrics-agent", "shop"]);
            untrap.stop();
            let end = untrap.end();
            assert_eq!(
                (end.status, end.stopped_by("shop"), end.stopped_by("metrics-agent")),
                (0, "SIGTERM", "SIGTERM")
            );
        },
    );
}

#[test]
fn stop_command_leaves_the_server_to_be_killed_when_the_command_fails() {
    let server = "[ $1 = run ] || { echo $1 >> asked; exit 1; }; exec witness app-server TERM=ignore HUP=0";
    pair(
        "stop-command",
        &[("app-server", server)],
        &[],
        |script| {
            script.ready(&["app-server"]);
            script.stop();
            let end = script.end();
            assert_eq!((end.status, end.scene.lines("asked")), (1, vec!["stop".to_owned()]));
            assert_eq!(end.scene.seen("app-server"), NOTHING);
        },
        |untrap| {
            untrap.ready(&["app-server"]);
            untrap.stop();
            untrap.told("app-server", "SIGTERM");
            assert!(untrap.goes_on());
            untrap.release("app-server");
            let end = untrap.end();
            assert_eq!((end.status, end.scene.lines("asked")), (0, vec!["stop".to_owned()]));
        },
    );
}
