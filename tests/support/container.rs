//! Containers of the local engine.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::support::wait_for;

/// Less than the 10 s after which `docker stop` kills a container.
pub const STOP_LIMIT: Duration = Duration::from_secs(9);

pub fn docker(arguments: &[&str]) -> Output {
    Command::new("docker").args(arguments).output().expect("running docker")
}

#[track_caller]
pub fn docker_ok(arguments: &[&str]) -> String {
    let output = docker(arguments);
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether an engine runs and has this image.
pub fn engine_has(image: &str) -> bool {
    let present = Command::new("docker").args(["image", "inspect", image]).output();
    present.is_ok_and(|output| output.status.success())
}

/// A container. It is removed when it is dropped.
pub struct Container(pub String);

impl Container {
    #[track_caller]
    pub fn start(image: &str, options: &[&str], arguments: &[&str]) -> Self {
        let command = [&["run", "--detach", "--network", "none"], options, &[image], arguments].concat();
        Self(docker_ok(&command).trim().to_owned())
    }

    /// Its standard output and standard error so far.
    pub fn logs(&self) -> String {
        let output = docker(&["logs", &self.0]);
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        wait_for(&format!("'{text}' in the log"), || self.logs().contains(text).then_some(()));
    }

    #[track_caller]
    pub fn exec(&self, command: &str) -> String {
        docker_ok(&["exec", &self.0, "sh", "-c", command])
    }

    /// Runs `docker stop` and returns its duration.
    #[track_caller]
    pub fn stop(&self) -> Duration {
        let start = Instant::now();
        docker_ok(&["stop", &self.0]);
        start.elapsed()
    }

    /// Waits until the container exits and returns its status.
    #[track_caller]
    pub fn status(&self) -> i32 {
        docker_ok(&["wait", &self.0]).trim().parse().unwrap()
    }

    /// Stops the container and checks its status, and that the engine did not have to kill it.
    #[track_caller]
    pub fn stops_in_time_with(&self, status: i32) {
        let took = self.stop();
        assert_eq!(self.status(), status, "{}", self.logs());
        assert!(took < STOP_LIMIT, "docker stop took {took:?}");
        println!("docker stop took {took:?}, status {status}");
    }

    #[track_caller]
    pub fn has_file(&self, path: &str) -> bool {
        docker(&["cp", &format!("{}:{path}", self.0), "-"]).status.success()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        docker(&["rm", "--force", &self.0]);
    }
}
