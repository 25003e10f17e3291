//! Runs the real binary with real processes, in a directory of its own, and waits for what should happen.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use untrap::signal::Signal;

/// Long enough for the slowest machine: it passes only where something is broken.
pub const BOUND: Duration = Duration::from_secs(30);

/// Waits until the condition gives something.
#[track_caller]
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < BOUND, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The program that writes down the signals it gets, see `witness.rs`.
pub fn witness() -> PathBuf {
    example("witness")
}

/// The program that does what it is told, see `actor.rs`.
pub fn actor() -> PathBuf {
    example("actor")
}

/// A program that was made for the tests.
pub fn example(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_untrap")).with_file_name("examples").join(name);
    assert!(path.exists(), "run a plain 'cargo test', or 'cargo build --examples', to build {}", path.display());
    path
}

/// Where untrap runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// As any process: it makes itself the reaper of its descendants.
    Subreaper,
    /// As PID 1 of a PID namespace.
    Pid1,
}

/// Both places, or only one, loudly, where PID namespaces can't be made. CI must have them.
pub fn places() -> Vec<Place> {
    if can_unshare() { vec![Place::Subreaper, Place::Pid1] } else { vec![Place::Subreaper] }
}

/// Whether PID namespaces can be made; loudly not, where they can't.
pub fn can_unshare() -> bool {
    let unshared = Command::new("unshare").args(["--pid", "--fork", "--mount-proc", "true"]).output();
    let can = unshared.is_ok_and(|output| output.status.success());
    if !can {
        skip("no PID namespace can be made here (it takes root and util-linux), so PID 1 is not tested");
    }
    can
}

/// Says loudly that something is not tested. CI may not skip anything.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "CI must not skip: {reason}");
    // The test runner would keep what the macros print to itself.
    std::io::stderr().write_all(format!("SKIPPED: {reason}\n").as_bytes()).unwrap();
}

/// Held to write programs, and to start them where other threads write some. A process that is being started holds, until
/// it executes its own program, what another thread writes open too, and that can't be executed ("text file busy").
static PROGRAMS: Mutex<()> = Mutex::new(());

/// Starts a process while no program is being written.
#[track_caller]
pub fn spawn(command: &mut Command) -> Child {
    let _alone = PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner);
    command.spawn().expect("it can be started")
}

/// A directory of its own for a test, and what runs in it.
pub struct Scene {
    directory: TempDir,
}

impl Scene {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory can be made") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Lets every user enter the directory, and returns its path.
    pub fn open_to_all(&self) -> &Path {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(self.directory.path(), PermissionsExt::from_mode(0o755)).expect("its mode can be set");
        self.directory.path()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("the file can be written");
        path
    }

    /// An executable file.
    pub fn script(&self, name: &str, content: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let _alone = PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.write(name, content);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("its mode can be set");
        path
    }

    /// The command of a witness that writes to `name`.
    pub fn witness(&self, name: &str, rules: &str) -> String {
        format!("{} {} {rules}", witness().display(), self.path(name).display())
    }

    /// The whole lines of a file so far; none while it does not exist.
    pub fn lines(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
        text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(str::to_owned).collect()
    }

    /// What a witness has seen, its first line aside.
    pub fn seen(&self, name: &str) -> Vec<String> {
        self.lines(name).into_iter().skip(1).collect()
    }

    /// Waits until a witness is ready, and gives its PID (as it sees it), its parent's and its group.
    #[track_caller]
    pub fn ready(&self, name: &str) -> [i32; 3] {
        let line = wait_for(&format!("{name} is ready"), || self.lines(name).into_iter().next());
        assert!(line.starts_with("ready "), "{name} begins with '{line}': {:?}", self.lines(name));
        let numbers: Vec<i32> = line.split(' ').skip(1).map(|number| number.parse().unwrap()).collect();
        numbers.try_into().unwrap()
    }

    /// Waits until a witness has seen this.
    #[track_caller]
    pub fn wait_for_line(&self, name: &str, line: &str) {
        wait_for(&format!("{name} holds {line}"), || self.lines(name).iter().any(|seen| seen == line).then_some(()));
    }

    /// Kills whoever has a path of this scene among its arguments.
    pub fn kill_all(&self) {
        for pid in processes_with(self.directory.path().to_str().expect("a path in ASCII")) {
            try_kill(pid, Signal::KILL);
        }
    }

    pub fn untrap(&self) -> Command {
        self.untrap_in(Place::Subreaper)
    }

    /// untrap with this scene as its directory and none of its variables set.
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

    /// Runs untrap with these arguments to its end.
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

/// A running untrap. It is killed when the test is done with it.
pub struct Running {
    child: Child,
    pid: i32,
    messages: Arc<Mutex<Vec<String>>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

/// What is left of an untrap that has ended.
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
            .expect("untrap can be started");
        let messages = Arc::new(Mutex::new(Vec::new()));
        let (sink, stderr) = (messages.clone(), BufReader::new(child.stderr.take().unwrap()));
        let reader = std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).for_each(|line| sink.lock().unwrap().push(line));
        });
        let own = i32::try_from(child.id()).unwrap();
        let pid = match place {
            Place::Subreaper => own,
            // A short one may have ended already.
            Place::Pid1 => wait_for("untrap runs in its namespace", || {
                only_child(own).or_else(|| (state(own) == "Z").then_some(own))
            }),
        };
        Self { child, pid, messages, reader: Some(reader) }
    }

    /// The PID of untrap, as it is seen here.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    pub fn messages(&self) -> Vec<String> {
        self.messages.lock().unwrap().clone()
    }

    /// Waits for a message that holds this text.
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

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self) -> End {
        use std::io::Read;
        let status = wait_for("untrap ends", || self.child.try_wait().unwrap());
        let status = status.code().unwrap_or_else(|| panic!("untrap ended by itself: {status}"));
        let reader = self.reader.take().unwrap();
        wait_for("nobody holds untrap's standard error any more", || reader.is_finished().then_some(()));
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
    /// Whether a message holds this text.
    pub fn said(&self, text: &str) -> bool {
        self.messages.iter().any(|line| line.contains(text))
    }
}

/// Sends a process a signal.
#[track_caller]
pub fn kill(pid: i32, name: &str) {
    assert!(try_kill(pid, name.parse().unwrap()), "{pid} can be sent {name}");
}

/// Sends a process a signal, if it is still there.
pub fn try_kill(pid: i32, signal: Signal) -> bool {
    #[allow(unsafe_code, reason = "nix knows no real-time signals")]
    // SAFETY: kill touches no memory.
    let result = unsafe { libc::kill(pid, signal.number()) };
    result == 0
}

/// Living processes that have this text among their arguments.
pub fn processes_with(text: &str) -> Vec<i32> {
    let pids =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let has_text = |pid: &i32| {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains(text)
    };
    pids.filter(has_text).collect()
}

/// The state letter of a process in `/proc`, or nothing when it has gone.
pub fn state(pid: i32) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").map(|(_, rest)| rest[..1].to_owned()).unwrap_or_default()
}

/// Children of a process, as it is seen here.
pub fn children(pid: i32) -> Vec<i32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_ascii_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// The only child, once it runs another program.
fn only_child(pid: i32) -> Option<i32> {
    let child = *children(pid).first()?;
    let [own, its] = [pid, child].map(|pid| std::fs::read_link(format!("/proc/{pid}/exe")).ok());
    (its? != own?).then_some(child)
}
