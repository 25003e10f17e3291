//! Scenes: the real binary with real processes in a temporary directory, and waits for conditions.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use untrap::signal::Signal;

/// The bound of every wait. It is long enough for a slow machine, so that only a failure reaches it.
pub const BOUND: Duration = Duration::from_secs(30);

/// Waits until the condition returns a value.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "this is the function that waits for a condition")]
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < BOUND, "timed out waiting: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The program that records the signals that it receives, see `witness.rs`.
pub fn witness() -> PathBuf {
    example("witness")
}

/// The program that carries out the steps in its arguments, see `actor.rs`.
pub fn actor() -> PathBuf {
    example("actor")
}

/// A program of the tests.
pub fn example(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_untrap")).with_file_name("examples").join(name);
    assert!(path.exists(), "run a plain 'cargo test', or 'cargo build --examples', to build {}", path.display());
    path
}

/// The place of untrap among the processes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// As an ordinary process, which makes itself the reaper of its descendants.
    Subreaper,
    /// As PID 1 of a PID namespace.
    Pid1,
}

/// Both places. If no PID namespace can be made, only the first one, and a message reports it.
pub fn places() -> Vec<Place> {
    if can_unshare() { vec![Place::Subreaper, Place::Pid1] } else { vec![Place::Subreaper] }
}

/// Whether PID namespaces can be made. Reports a skipped test if they cannot.
pub fn can_unshare() -> bool {
    let unshared = Command::new("unshare").args(["--pid", "--fork", "--mount-proc", "true"]).output();
    let can = unshared.is_ok_and(|output| output.status.success());
    if !can {
        skip("no PID namespace can be made here (it takes root and util-linux), so PID 1 is not tested");
    }
    can
}

/// Reports a skipped test. Fails in CI, which must not skip tests.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "CI must not skip: {reason}");
    // The test runner captures the output of the macros, so write directly.
    std::io::stderr().write_all(format!("SKIPPED: {reason}\n").as_bytes()).unwrap();
}

/// Held while a thread writes a program, or starts a process while other threads write programs. A forked child has the
/// descriptor of a file that another thread writes until its execve(2), and a file that is open for writing cannot be
/// executed (ETXTBSY).
static PROGRAMS: Mutex<()> = Mutex::new(());

/// Starts a process while no program is being written.
#[track_caller]
pub fn spawn(command: &mut Command) -> Child {
    let _alone = PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner);
    command.spawn().expect("starting the process")
}

/// A temporary directory for a test and its processes.
pub struct Scene {
    directory: TempDir,
}

impl Scene {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("making a temporary directory") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Lets every user enter the directory, and returns its path.
    pub fn open_to_all(&self) -> &Path {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(self.directory.path(), PermissionsExt::from_mode(0o755)).expect("setting the mode");
        self.directory.path()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("writing the file");
        path
    }

    /// Writes an executable file.
    pub fn script(&self, name: &str, content: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let _alone = PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.write(name, content);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("setting the mode");
        path
    }

    /// The command of a witness with these rules that writes to `name`.
    pub fn witness(&self, name: &str, rules: &str) -> String {
        format!("{} {} {rules}", witness().display(), self.path(name).display())
    }

    /// The complete lines of a file; none if it does not exist.
    pub fn lines(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
        text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(str::to_owned).collect()
    }

    /// The signals that a witness has recorded.
    pub fn seen(&self, name: &str) -> Vec<String> {
        self.lines(name).into_iter().skip(1).collect()
    }

    /// Waits until a witness is ready. Returns its PID, its parent and its process group, all as in its PID namespace.
    #[track_caller]
    pub fn ready(&self, name: &str) -> [i32; 3] {
        let line = wait_for(&format!("{name} is ready"), || self.lines(name).into_iter().next());
        assert!(line.starts_with("ready "), "{name} begins with '{line}': {:?}", self.lines(name));
        let numbers: Vec<i32> = line.split(' ').skip(1).map(|number| number.parse().unwrap()).collect();
        numbers.try_into().unwrap()
    }

    /// Waits until a witness has recorded this line.
    #[track_caller]
    pub fn wait_for_line(&self, name: &str, line: &str) {
        wait_for(&format!("{name} holds {line}"), || self.lines(name).iter().any(|seen| seen == line).then_some(()));
    }

    /// Kills every process that has a path of this scene in its arguments.
    pub fn kill_all(&self) {
        for pid in processes_with(self.directory.path().to_str().expect("a path in ASCII")) {
            try_kill(pid, Signal::KILL);
        }
    }

    pub fn untrap(&self) -> Command {
        self.untrap_in(Place::Subreaper)
    }

    /// untrap in the directory of this scene, without variables of its options.
    pub fn untrap_in(&self, place: Place) -> Command {
        self.program_in(place, Path::new(env!("CARGO_BIN_EXE_untrap")))
    }

    /// The same for another program.
    pub fn program_in(&self, place: Place, program: &Path) -> Command {
        let mut command = match place {
            Place::Subreaper => Command::new(program),
            Place::Pid1 => {
                let mut command = Command::new("unshare");
                command.args(["--pid", "--fork", "--mount-proc", "--kill-child", "--"]).arg(program);
                command
            }
        };
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("UNTRAP_")) {
            command.env_remove(name);
        }
        command.current_dir(self.directory.path());
        command
    }

    /// Runs untrap with these arguments until it exits.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> End {
        self.start(Place::Subreaper, arguments).end()
    }

    /// Starts untrap with these arguments.
    #[track_caller]
    pub fn start(&self, place: Place, arguments: &[&str]) -> Running {
        Running::new(place, self.untrap_in(place).args(arguments))
    }
}

/// A running untrap. It is sent SIGKILL when it is dropped.
pub struct Running {
    child: Child,
    pid: i32,
    messages: Arc<Mutex<Vec<String>>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

/// The results of a run.
#[derive(Debug)]
pub struct End {
    pub status: i32,
    pub stdout: String,
    pub messages: Vec<String>,
}

impl Running {
    #[track_caller]
    pub fn new(place: Place, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starting untrap");
        let messages = Arc::new(Mutex::new(Vec::new()));
        let (sink, stderr) = (messages.clone(), BufReader::new(child.stderr.take().unwrap()));
        let reader = std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).for_each(|line| sink.lock().unwrap().push(line));
        });
        let own = i32::try_from(child.id()).unwrap();
        let pid = match place {
            Place::Subreaper => own,
            // A short run may be over already.
            Place::Pid1 => wait_for("untrap runs in its namespace", || {
                only_child(own).or_else(|| (state(own) == "Z").then_some(own))
            }),
        };
        Self { child, pid, messages, reader: Some(reader) }
    }

    /// The PID of untrap in the PID namespace of the test.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    pub fn messages(&self) -> Vec<String> {
        self.messages.lock().unwrap().clone()
    }

    /// Waits for a message that contains this text.
    #[track_caller]
    pub fn wait_for_message(&self, text: &str) -> String {
        wait_for(&format!("message '{text}'"), || self.messages().into_iter().find(|line| line.contains(text)))
    }

    pub fn signal(&self, name: &str) {
        kill(self.pid, name);
    }

    /// The state letter of untrap in `/proc`.
    pub fn state(&self) -> String {
        state(self.pid)
    }

    /// Sends SIGINT until untrap exits: one that comes soon after the first has no effect.
    #[track_caller]
    pub fn interrupt(&self) {
        wait_for("untrap is killed by SIGINT", || {
            try_kill(self.pid, Signal::INT);
            matches!(self.state().as_str(), "" | "Z").then_some(())
        });
    }

    /// Waits until untrap exits.
    #[track_caller]
    pub fn end(mut self) -> End {
        use std::io::Read;
        let status = wait_for("untrap exits", || self.child.try_wait().unwrap());
        let status = status.code().unwrap_or_else(|| panic!("untrap was killed by a signal: {status}"));
        let reader = self.reader.take().unwrap();
        wait_for("untrap's standard error is closed", || reader.is_finished().then_some(()));
        reader.join().unwrap();
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        End { status, stdout, messages: self.messages() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl End {
    /// Whether a message contains this text.
    pub fn said(&self, text: &str) -> bool {
        self.messages.iter().any(|line| line.contains(text))
    }
}

/// Sends a process a signal.
#[track_caller]
pub fn kill(pid: i32, name: &str) {
    assert!(try_kill(pid, name.parse().unwrap()), "{pid} cannot be sent {name}");
}

/// Sends a process a signal. Returns false if the process does not exist.
pub fn try_kill(pid: i32, signal: Signal) -> bool {
    #[allow(unsafe_code, reason = "nix has no real-time signals")]
    // SAFETY: kill accesses no memory.
    let result = unsafe { libc::kill(pid, signal.number()) };
    result == 0
}

/// The processes that have this text in their arguments. A zombie has no arguments.
pub fn processes_with(text: &str) -> Vec<i32> {
    let pids =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let has_text = |pid: &i32| {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains(text)
    };
    pids.filter(has_text).collect()
}

/// The state letter of a process in `/proc`; empty if the process does not exist.
pub fn state(pid: i32) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").map(|(_, rest)| rest[..1].to_owned()).unwrap_or_default()
}

/// The children of a process, by their PIDs in the PID namespace of the test.
pub fn children(pid: i32) -> Vec<i32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_ascii_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// The first child, once it has executed another program than its parent.
fn only_child(pid: i32) -> Option<i32> {
    let child = *children(pid).first()?;
    let [own, its] = [pid, child].map(|pid| std::fs::read_link(format!("/proc/{pid}/exe")).ok());
    (its? != own?).then_some(child)
}
