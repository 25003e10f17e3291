//! Tests the pairs with the real nginx and the real redis.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::run::{By, Run, can_run};
use crate::support::{BOUND, Scene, skip, wait_for};

/// nginx of Debian, whose directory is not in the `PATH` of every user.
const NGINX: &str = "/usr/sbin/nginx";

/// A configuration with one worker that proxies to a socket.
const NGINX_CONF: &str = "
user root;
worker_processes 1;
pid nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
        listen unix:front;
        location / { proxy_pass http://unix:behind:; }
    }
}
";

/// Stops nginx while it answers a request. Returns the exit status and the response.
fn request_during_shutdown(by: By) -> (i32, String) {
    let scene = Scene::new();
    let here = scene.path("").display().to_string();
    scene.write("nginx.conf", NGINX_CONF.replace("unix:", &format!("unix:{here}")));
    let behind = UnixListener::bind(scene.path("behind")).unwrap();
    behind.set_nonblocking(true).unwrap();
    let nginx = format!("exec {NGINX} -p {here} -c nginx.conf -e stderr \"$@\"");
    let stand_ins = [("php-fpm", "exec witness php-fpm"), ("nginx", &nginx)];
    let run = Run::start(scene, "nginx-php-fpm", by, &stand_ins, &[]);
    run.ready(&["php-fpm"]);
    let front = run.scene.path("front");
    let mut client = wait_for("nginx listens", || UnixStream::connect(&front).ok());
    client.set_read_timeout(Some(BOUND)).unwrap();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let (mut server, _) = wait_for("nginx connects", || behind.accept().ok());
    run.stop();
    // nginx has either exited or closed its listening socket to finish its requests.
    wait_for("nginx does not listen any more", || UnixStream::connect(&front).is_err().then_some(()));
    if by == By::Script {
        wait_for("the script has exited", || (!run.is_running()).then_some(()));
    }
    // The write fails if nginx was killed.
    let _ = server.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let mut response = String::new();
    let _ = client.read_to_string(&mut response);
    (run.end().status, response)
}

#[test]
fn the_real_nginx_finishes_its_requests_only_under_untrap() {
    if !Path::new(NGINX).exists() {
        return skip("nginx is not installed, so its pair is not tested with the real nginx");
    }
    if can_run() {
        assert_eq!(request_during_shutdown(By::Script), (143, String::new()));
        let (status, response) = request_during_shutdown(By::Untrap);
        assert_eq!(status, 0);
        assert!(response.starts_with("HTTP/1.1 200") && response.ends_with("\r\n\r\nhello"), "{response}");
    }
}

#[test]
fn the_real_redis_saves_and_only_the_script_reports_a_failure() {
    if !["/usr/bin/redis-server", "/usr/bin/redis-sentinel"].iter().all(|path| Path::new(path).exists()) {
        return skip("redis is not installed, so its pair is not tested with the real redis");
    }
    if !can_run() {
        return;
    }
    for (by, status) in [(By::Script, 143), (By::Untrap, 0)] {
        let scene = Scene::new();
        let here = scene.path("").display().to_string();
        std::fs::create_dir(scene.path("redis")).unwrap();
        scene.write("redis/redis.conf", format!("port 0\nunixsocket {here}socket\ndir {here}\nsave 3600 1\n"));
        scene.write(
            "redis/sentinel.conf",
            format!("port 0\nunixsocket {here}sentinel\ndir {here}\nsentinel monitor shop 127.0.0.1 1 1\n"),
        );
        let run = Run::start(scene, "redis-sentinel", by, &[], &[("sentinel=2s", "sentinel=1m")]);
        let mut client = wait_for("redis listens", || UnixStream::connect(run.scene.path("socket")).ok());
        wait_for("the sentinel listens", || UnixStream::connect(run.scene.path("sentinel")).ok());
        client.write_all(b"SET key value\r\n").unwrap();
        let mut answer = [0; 5];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+OK\r\n");
        run.stop();
        let end = run.end();
        assert_eq!(end.status, status);
        assert!(end.scene.path("dump.rdb").exists());
    }
}
