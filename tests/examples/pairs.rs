//! Tests the pairs with stand-ins for their programs. Some stand-ins ignore their stop signal, as if they still had
//! work to finish, until the test releases them with SIGHUP.

use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;

use crate::run::{NOTHING, Run, pair};

#[test]
fn nginx_php_fpm_exits_while_its_children_still_answer() {
    let stand_ins = [("php-fpm", "exec witness php-fpm QUIT=ignore HUP=0"), ("nginx", "exec witness nginx")];
    pair(
        "nginx-php-fpm",
        &stand_ins,
        &[],
        |script| {
            script.ready(&["php-fpm", "nginx"]);
            script.stop();
            // The script exits although php-fpm has not been released.
            assert_eq!(script.end().status, 143);
        },
        |untrap| {
            untrap.ready(&["php-fpm", "nginx"]);
            untrap.stop();
            untrap.wait_for_signal("nginx", "SIGQUIT");
            untrap.wait_for_signal("php-fpm", "SIGQUIT");
            assert!(untrap.is_running());
            untrap.release("php-fpm");
            let end = untrap.end();
            assert_eq!((end.status, end.stopped_by("php-fpm"), end.stopped_by("nginx")), (0, "SIGQUIT", "SIGQUIT"));
        },
    );
}

#[test]
fn celery_beat_signals_the_pool_and_its_task_is_lost() {
    let celery = "[ $3 = worker ] && witness pool HUP=0 & exec witness $3 TERM=ignore HUP=0";
    pair(
        "celery-beat",
        &[("celery", celery)],
        &[],
        |script| {
            script.ready(&["pool", "worker", "beat"]);
            script.stop();
            script.wait_for_signal("pool", "SIGTERM");
        },
        |untrap| {
            untrap.ready(&["pool", "worker", "beat"]);
            untrap.stop();
            // SIGCONT is the last signal of a stop.
            untrap.wait_for_signal("worker", "SIGCONT");
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
fn xvfb_app_stops_the_display_but_not_the_application() {
    let stand_ins =
        [("Xvfb", "exec witness Xvfb"), ("sleep", ""), ("screenshots", "exec witness screenshots TERM=ignore HUP=0")];
    pair(
        "xvfb-app",
        &stand_ins,
        &[],
        |script| {
            // The display does not exist yet.
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
            untrap.wait_for_signal("screenshots", "SIGCONT");
            assert_eq!(untrap.scene.seen("Xvfb"), NOTHING);
            untrap.release("screenshots");
            let end = untrap.end();
            assert_eq!((end.status, end.stopped_by("screenshots"), end.stopped_by("Xvfb")), (0, "SIGTERM", "SIGTERM"));
        },
    );
}

#[test]
fn cron_app_stops_neither_cron_nor_its_job() {
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
            untrap.wait_for_signal("job", "SIGTERM");
            assert!(untrap.is_running());
            untrap.release("job");
            let end = untrap.end();
            assert_eq!((end.status, end.stopped_by("shop"), end.stopped_by("cron")), (0, "SIGTERM", "SIGTERM"));
            assert!(end.scene.path("environment").exists());
        },
    );
}

#[test]
fn migrate_web_starts_the_server_after_sigterm() {
    let stand_ins = [("python", "exec witness python TERM=143 HUP=0"), ("gunicorn", "exec witness gunicorn")];
    pair(
        "migrate-web",
        &stand_ins,
        &[],
        |script| {
            script.ready(&["python"]);
            script.stop_while_unhandled();
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

#[test]
fn redis_sentinel_stops_in_order_but_the_script_reports_a_failure() {
    let stops_in_order = |run: Run, status| {
        run.ready(&["redis-server", "redis-sentinel"]);
        run.stop();
        run.wait_for_signal("redis-sentinel", "SIGTERM");
        assert_eq!(run.scene.seen("redis-server"), NOTHING);
        run.release("redis-sentinel");
        let end = run.end();
        assert_eq!((end.status, end.stopped_by("redis-server")), (status, "SIGTERM"));
    };
    pair(
        "redis-sentinel",
        &[
            ("redis-server", "exec witness redis-server"),
            ("redis-sentinel", "exec witness redis-sentinel TERM=ignore HUP=0"),
        ],
        &[("sentinel=2s", "sentinel=1m")],
        |script| stops_in_order(script, 143),
        |untrap| stops_in_order(untrap, 0),
    );
}

#[test]
fn redis_sentinel_never_stops_redis_if_the_sentinel_hangs() {
    let stand_ins =
        [("redis-server", "exec witness redis-server"), ("redis-sentinel", "exec witness redis-sentinel TERM=ignore")];
    pair(
        "redis-sentinel",
        &stand_ins,
        &[("sentinel=2s", "sentinel=200ms")],
        |script| {
            script.ready(&["redis-server", "redis-sentinel"]);
            script.stop();
            script.wait_for_signal("redis-sentinel", "SIGTERM");
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
            // The server has not been released: su has killed it.
            assert_eq!(script.end().status, 143);
        },
        |untrap| {
            untrap.ready(&["shop-server"]);
            untrap.stop();
            untrap.wait_for_signal("shop-server", "SIGTERM");
            untrap.release("shop-server");
            let end = untrap.end();
            assert_eq!((end.status, end.stopped_by("shop-server")), (0, "SIGTERM"));
            assert_ne!(std::fs::metadata(end.scene.path("shop-server")).unwrap().uid(), 0);
        },
    );
}

#[test]
fn restart_helper_stops_the_loop_but_not_the_helper() {
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
fn stop_command_does_not_stop_the_server_if_the_command_fails() {
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
            untrap.wait_for_signal("app-server", "SIGTERM");
            assert!(untrap.is_running());
            untrap.release("app-server");
            let end = untrap.end();
            assert_eq!((end.status, end.scene.lines("asked")), (0, vec!["stop".to_owned()]));
        },
    );
}
