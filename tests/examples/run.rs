//! One run of an example, as PID 1 of a PID namespace, so that nothing outlives it, as in a container.

use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::support::{Place, Running, Scene, can_unshare, kill, processes_with, skip, state, wait_for, witness};

pub(crate) const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

/// What a program has seen that nobody told anything.
pub(crate) const NOTHING: [&str; 0] = [];

/// Directories that the examples write to, or have their configuration in. Here each of them is the scene.
const DIRECTORIES: [&str; 4] = ["/data", "/etc/", "/tmp/", "/var/log/"];

/// Held to write and to start programs. A process that another thread starts holds, until it executes its own program,
/// the file that is being written open as well, and what is open for writing can't be executed ("text file busy").
static WRITING: Mutex<()> = Mutex::new(());

/// Which file of a pair.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// `entrypoint.sh`
    Script,
    /// `untrap`, the lines of a Dockerfile.
    Untrap,
}

pub(crate) struct Run {
    pub(crate) scene: Scene,
    pub(crate) pid1: Running,
}

/// What a run leaves.
pub(crate) struct Outcome {
    pub(crate) status: i32,
    pub(crate) scene: Scene,
}

/// Whether the examples can be run here; loudly not, where they can't.
pub(crate) fn can_run() -> bool {
    // Asked once, before anybody writes: to ask is to start a program.
    static CAN_RUN: LazyLock<bool> = LazyLock::new(|| {
        let has_bash = Path::new("/bin/bash").exists();
        if !has_bash {
            skip("there is no /bin/bash, so the scripts of examples/ are not compared with untrap");
        }
        has_bash && can_unshare()
    });
    *CAN_RUN
}

/// Runs both files of a pair with the same stand-ins for its programs, each a name in `PATH` and a line of sh. In these
/// `witness NAME [RULE]...` is the program that writes down its signals. `changes` replace text in both files.
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
    /// Starts a file of a pair in a scene that may hold something already.
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
                // A slow machine is no hang.
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

    /// Waits until a program has been told.
    #[track_caller]
    pub(crate) fn told(&self, name: &str, signal: &str) {
        self.scene.wait_for_line(name, signal);
    }

    /// Sends PID 1 what `docker stop` sends, once it can receive it and waits for something.
    #[track_caller]
    pub(crate) fn stop(&self) {
        wait_for("PID 1 can be stopped", || (self.hears_term() && state(self.pid1.pid()) == "S").then_some(()));
        self.pid1.signal("TERM");
    }

    /// The same to a PID 1 that does not hear it.
    #[track_caller]
    pub(crate) fn stop_unheard(&self) {
        // Bash blocks signals while it forks.
        wait_for("PID 1 is deaf", || (!self.hears_term()).then_some(()));
        self.pid1.signal("TERM");
    }

    /// Lets a program go that holds out until SIGHUP.
    #[track_caller]
    pub(crate) fn release(&self, name: &str) {
        self.send(name, "HUP");
    }

    /// Sends a stand-in a signal.
    #[track_caller]
    pub(crate) fn send(&self, name: &str, signal: &str) {
        kill(self.pid_of(name), signal);
    }

    /// The PID of a stand-in, as it is seen here.
    #[track_caller]
    fn pid_of(&self, name: &str) -> i32 {
        let program = self.scene.path("bin/witness");
        let is_it = |pid: &i32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program);
        wait_for(&format!("{name} runs"), || processes_with(&format!("witness\0{name}\0")).into_iter().find(is_it))
    }

    /// Whether PID 1 still runs.
    pub(crate) fn goes_on(&self) -> bool {
        !matches!(state(self.pid1.pid()).as_str(), "" | "Z")
    }

    /// Whether PID 1 handles SIGTERM, or blocks it to read it. Otherwise the kernel does not even deliver it to a PID 1.
    fn hears_term(&self) -> bool {
        self.has_term_in("SigCgt") || self.has_term_in("SigBlk")
    }

    /// Whether PID 1 has been sent a SIGTERM that has not reached its handler.
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
    /// The first signal that a stand-in got.
    #[track_caller]
    pub(crate) fn stopped_by(&self, name: &str) -> &'static str {
        let seen = self.scene.seen(name);
        let known = ["SIGTERM", "SIGQUIT"].into_iter().find(|signal| seen.first().is_some_and(|first| first == signal));
        known.unwrap_or_else(|| panic!("{name} got {seen:?}"))
    }
}

/// The environment and the entrypoint that these lines of a Dockerfile set.
fn dockerfile(text: &str) -> (Vec<(String, String)>, Vec<String>) {
    let text = text.replace("\\\n", "");
    let values = |name: &'static str| text.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix(' '));
    let environment = values("ENV").map(|value| value.split_once('=').unwrap());
    let list =
        values("ENTRYPOINT").next().expect("an ENTRYPOINT").strip_prefix('[').unwrap().strip_suffix(']').unwrap();
    // Strings of JSON that hold no control characters are quoted as words of sh are.
    let words = shell_words::split(&list.replace("\",", "\"")).unwrap();
    assert_eq!(words[0], "untrap");
    (environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), words)
}
