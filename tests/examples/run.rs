//! Runs an example as PID 1 of a PID namespace, so that no process outlives it, as in a container.

use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::support::{Place, Running, Scene, can_unshare, kill, processes_with, skip, state, wait_for, witness};

pub(crate) const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

/// The signals of a program that has received none.
pub(crate) const NOTHING: [&str; 0] = [];

/// Directories that the examples write to or read their configuration from. The tests replace them by the scene.
const DIRECTORIES: [&str; 4] = ["/data", "/etc/", "/tmp/", "/var/log/"];

/// Held while a thread writes and starts programs. A child that another thread forks inherits the descriptor of the
/// file being written until its execve(2), and a file that is open for writing cannot be executed (ETXTBSY).
static WRITING: Mutex<()> = Mutex::new(());

/// The file of a pair to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// `entrypoint.sh`
    Script,
    /// `untrap`, which contains lines of a Dockerfile.
    Untrap,
}

pub(crate) struct Run {
    pub(crate) scene: Scene,
    pub(crate) pid1: Running,
}

/// The result of a run.
pub(crate) struct Outcome {
    pub(crate) status: i32,
    pub(crate) scene: Scene,
}

/// Whether the examples can run here. Reports a skipped test if they cannot.
pub(crate) fn can_run() -> bool {
    // Check once, before any thread writes, because the check starts a program.
    static CAN_RUN: LazyLock<bool> = LazyLock::new(|| {
        let has_bash = Path::new("/bin/bash").exists();
        if !has_bash {
            skip("/bin/bash does not exist, so the scripts of examples/ are not compared with untrap");
        }
        has_bash && can_unshare()
    });
    *CAN_RUN
}

/// Runs both files of a pair with the same stand-ins for its programs, each of which is a name in `PATH` and a line of
/// sh. In these lines, `witness NAME [RULE]...` runs the program that records its signals. `changes` replace text in
/// both files.
#[track_caller]
pub(crate) fn pair(
    name: &str,
    stand_ins: &[(&str, &str)],
    changes: &[(&str, &str)],
    script: impl FnOnce(Run),
    untrap: impl FnOnce(Run),
) {
    if can_run() {
        script(Run::start(Scene::new(), name, By::Script, stand_ins, changes));
        untrap(Run::start(Scene::new(), name, By::Untrap, stand_ins, changes));
    }
}

impl Run {
    /// Starts a file of a pair in a scene that may already contain files.
    #[track_caller]
    pub(crate) fn start(
        scene: Scene,
        pair: &str,
        by: By,
        stand_ins: &[(&str, &str)],
        changes: &[(&str, &str)],
    ) -> Self {
        let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        std::fs::create_dir(scene.path("bin")).unwrap();
        std::fs::copy(witness(), scene.path("bin/witness")).unwrap();
        for (name, line) in stand_ins {
            scene.script(&format!("bin/{name}"), &format!("#!/bin/sh\n{line}\n"));
        }
        let file = if by == By::Script { "entrypoint.sh" } else { "untrap" };
        let mut text = std::fs::read_to_string(Path::new(EXAMPLES).join(pair).join(file)).unwrap();
        for (from, to) in changes {
            text = text.replace(from, to);
        }
        for directory in DIRECTORIES {
            text = text.replace(directory, "\0");
        }
        let here = scene.path("").display().to_string();
        let text = text.replace('\0', &here);
        let mut command = match by {
            By::Script => scene.program_in(Place::Pid1, &scene.script("entrypoint.sh", &text)),
            By::Untrap => {
                let (environment, words) = dockerfile(&text);
                let mut command = scene.untrap_in(Place::Pid1);
                // Prevent timeouts on a slow machine.
                command.env("UNTRAP_TIMEOUT", "1m").args(&words[1..]).envs(environment);
                command
            }
        };
        command.env("PATH", format!("{here}bin:{}", std::env::var("PATH").unwrap()));
        Self { pid1: Running::new(Place::Pid1, &mut command), scene }
    }

    #[track_caller]
    pub(crate) fn ready(&self, names: &[&str]) {
        for name in names {
            self.scene.ready(name);
        }
    }

    /// Waits until a stand-in has received this signal.
    #[track_caller]
    pub(crate) fn wait_for_signal(&self, name: &str, signal: &str) {
        self.scene.wait_for_line(name, signal);
    }

    /// Sends PID 1 the signal of `docker stop` once PID 1 can receive it and sleeps.
    #[track_caller]
    pub(crate) fn stop(&self) {
        wait_for("PID 1 can be stopped", || (self.can_receive_term() && state(self.pid1.pid()) == "S").then_some(()));
        self.pid1.signal("TERM");
    }

    /// Sends PID 1 the signal of `docker stop` while PID 1 neither handles nor blocks it.
    #[track_caller]
    pub(crate) fn stop_while_unhandled(&self) {
        // Bash blocks signals while it forks.
        wait_for("PID 1 does not handle SIGTERM", || (!self.can_receive_term()).then_some(()));
        self.pid1.signal("TERM");
    }

    /// Releases a stand-in that ignores its stop signal until SIGHUP.
    #[track_caller]
    pub(crate) fn release(&self, name: &str) {
        self.send(name, "HUP");
    }

    /// Sends a stand-in a signal.
    #[track_caller]
    pub(crate) fn send(&self, name: &str, signal: &str) {
        kill(self.pid_of(name), signal);
    }

    /// The PID of a stand-in in the PID namespace of the test.
    #[track_caller]
    fn pid_of(&self, name: &str) -> i32 {
        let program = self.scene.path("bin/witness");
        let is_it = |pid: &i32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program);
        wait_for(&format!("{name} runs"), || processes_with(&format!("witness\0{name}\0")).into_iter().find(is_it))
    }

    /// Whether PID 1 still runs.
    pub(crate) fn is_running(&self) -> bool {
        !matches!(state(self.pid1.pid()).as_str(), "" | "Z")
    }

    /// Whether PID 1 handles or blocks SIGTERM. Otherwise the kernel drops the signal, because the process is PID 1.
    fn can_receive_term(&self) -> bool {
        self.has_term_in("SigCgt") || self.has_term_in("SigBlk")
    }

    /// Whether a SIGTERM for PID 1 is pending.
    pub(crate) fn has_term_pending(&self) -> bool {
        self.has_term_in("ShdPnd")
    }

    fn has_term_in(&self, mask: &str) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid1.pid())).unwrap();
        let bits = status.lines().find_map(|line| line.strip_prefix(mask)?.strip_prefix(":\t")).unwrap();
        u64::from_str_radix(bits, 16).unwrap() & (1 << (libc::SIGTERM - 1)) != 0
    }

    #[track_caller]
    pub(crate) fn end(self) -> Outcome {
        Outcome { status: self.pid1.end().status, scene: self.scene }
    }
}

impl Outcome {
    /// The first signal that a stand-in received.
    #[track_caller]
    pub(crate) fn stopped_by(&self, name: &str) -> &'static str {
        let seen = self.scene.seen(name);
        let known = ["SIGTERM", "SIGQUIT"].into_iter().find(|signal| seen.first().is_some_and(|first| first == signal));
        known.unwrap_or_else(|| panic!("{name} received {seen:?}"))
    }
}

/// Parses the environment and the entrypoint from lines of a Dockerfile.
fn dockerfile(text: &str) -> (Vec<(String, String)>, Vec<String>) {
    let text = text.replace("\\\n", "");
    let values = |name: &'static str| text.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix(' '));
    let environment = values("ENV").map(|value| value.split_once('=').unwrap());
    let list =
        values("ENTRYPOINT").next().expect("an ENTRYPOINT").strip_prefix('[').unwrap().strip_suffix(']').unwrap();
    // JSON strings without control characters have the same quotes as words of sh.
    let words = shell_words::split(&list.replace("\",", "\"")).unwrap();
    assert_eq!(words[0], "untrap");
    (environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), words)
}
