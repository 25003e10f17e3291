//! Runs command lines of the page in scenes of their own.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::ops::Deref;
use std::path::Path;
use std::process::{Child, Stdio};

use untrap::signal::Signal;

use crate::support::{self, Place, Scene, children, kill, places, processes_with, state, try_kill, wait_for};

/// Runs a scenario for each line in each place, each time on a new stage.
pub(crate) fn each(lines: &[&'static str], mut scenario: impl FnMut(&Stage)) {
    for place in places() {
        for line in lines {
            scenario(&Stage::new(place, line));
        }
    }
}

/// A scene for one command line of tini, dumb-init, catatonit or untrap. Dropping it kills all its processes, because
/// peers leave some behind.
pub(crate) struct Stage {
    scene: Scene,
    place: Place,
    pub(crate) line: &'static str,
}

impl Deref for Stage {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {:?}", self.line, self.place)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.kill_all();
    }
}

impl Stage {
    pub(crate) fn new(place: Place, line: &'static str) -> Self {
        Self { scene: Scene::new(), place, line }
    }

    /// A stage that is not PID 1, for scenarios in which PID 1 makes no difference.
    pub(crate) fn here(line: &'static str) -> Self {
        Self::new(Place::Subreaper, line)
    }

    pub(crate) fn is_untrap(&self) -> bool {
        self.line.split(' ').any(|word| word == "untrap")
    }

    pub(crate) fn is_pid_1(&self) -> bool {
        self.place == Place::Pid1
    }

    /// Starts the line, followed by `--` and a program.
    #[track_caller]
    pub(crate) fn start(&self, program: &str) -> Run {
        self.start_whole(&format!("{} -- {program}", self.line))
    }

    /// Starts the line with the witness `main`, which has these rules, and waits until it is ready.
    #[track_caller]
    pub(crate) fn start_main(&self, rules: &str) -> Run {
        let run = self.start(&self.witness("main", rules));
        self.ready("main");
        run
    }

    /// Starts another line than that of the stage.
    #[track_caller]
    pub(crate) fn start_whole(&self, line: &str) -> Run {
        let words = shell_words::split(line).unwrap();
        let start = words.iter().position(|word| !word.contains('=')).unwrap();
        let path = |word: &String| if word == "untrap" { env!("CARGO_BIN_EXE_untrap").into() } else { word.clone() };
        let mut command = self.program_in(self.place, Path::new("env"));
        let is_of_peer = |name: &OsString| {
            ["TINI_", "DUMB_INIT_", "CATATONIT_"].iter().any(|it| name.to_string_lossy().starts_with(it))
        };
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_peer(name)) {
            command.env_remove(name);
        }
        command.envs(words[..start].iter().map(|word| word.split_once('=').unwrap()));
        command.args(words[start..].iter().map(path)).stdin(Stdio::null());
        let [out, err] = ["stdout", "stderr"].map(|name| File::create(self.path(name)).unwrap());
        Run { child: command.stdout(out).stderr(err).spawn().unwrap(), place: self.place, line: line.to_owned() }
    }

    /// Runs the line, followed by `--` and a program, until it exits.
    #[track_caller]
    pub(crate) fn run(&self, program: &str) -> End {
        self.wait(self.start(program))
    }

    /// Runs another line than that of the stage until it exits.
    #[track_caller]
    pub(crate) fn run_whole(&self, line: &str) -> End {
        self.wait(self.start_whole(line))
    }

    #[track_caller]
    pub(crate) fn wait(&self, mut run: Run) -> End {
        let status = wait_for(&format!("{} exits", run.line), || run.child.try_wait().unwrap());
        let status = status.code().unwrap_or_else(|| panic!("{} was killed by a signal: {status}", run.line));
        End { status, stdout: self.written("stdout"), stderr: self.written("stderr") }
    }

    /// Waits for the run and checks its status.
    #[track_caller]
    pub(crate) fn exits_with(&self, status: i32, run: Run) {
        assert_eq!(self.wait(run).status, status, "{self}");
    }

    /// The output so far.
    pub(crate) fn written(&self, stream: &str) -> String {
        std::fs::read_to_string(self.path(stream)).unwrap()
    }

    /// The living processes of this stage.
    pub(crate) fn processes(&self) -> Vec<i32> {
        processes_with(self.path("").to_str().unwrap())
    }

    /// The PID, in the PID namespace of the test, of the witness that writes to `name`.
    #[track_caller]
    pub(crate) fn pid_of(&self, name: &str) -> i32 {
        let (path, witness) = (self.path(name), support::witness());
        let runs_witness = |pid: &i32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == witness);
        let argument = format!("{}\0", path.display());
        wait_for(&format!("{name} runs"), || processes_with(&argument).into_iter().find(runs_witness))
    }
}

/// A running init and its program.
pub(crate) struct Run {
    child: Child,
    place: Place,
    line: String,
}

#[derive(Debug)]
pub(crate) struct End {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The PID of untrap or of the peer, in the PID namespace of the test.
    #[track_caller]
    pub(crate) fn pid(&self) -> i32 {
        let own = i32::try_from(self.child.id()).unwrap();
        match self.place {
            Place::Subreaper => own,
            Place::Pid1 => wait_for("PID 1 of the namespace runs", || children(own).first().copied()),
        }
    }

    #[track_caller]
    pub(crate) fn signal(&self, name: &str) {
        kill(self.pid(), name);
    }

    /// Sends SIGINT until untrap exits: one that comes soon after the first has no effect.
    #[track_caller]
    pub(crate) fn interrupt(&self) {
        let pid = self.pid();
        wait_for("untrap is killed by SIGINT", || {
            try_kill(pid, Signal::INT);
            matches!(state(pid).as_str(), "" | "Z").then_some(())
        });
    }

    pub(crate) fn has_exited(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A number of `/proc/PID/stat`, by its index after the name: 1 is the parent, 2 the process group, 3 the session.
pub(crate) fn stat(pid: i32, index: usize) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(index).unwrap().parse().unwrap()
}
