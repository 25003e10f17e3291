//! Carries out the steps in its arguments and records each signal that it receives: `actor FILE [STEP]...`
//!
//! The first line is `ready PID PPID PGID`. The last one is the exit that a step or a signal caused: `exit 3`,
//! `crash SIGABRT`. If FILE is `-`, the actor writes to standard output. If `ACTOR_JOURNAL` names a file, the actor
//! first writes each line there, after the name of FILE, its PID and the time in milliseconds: `web 7 123456 SIGHUP`.
//! The lines of all actors with the same journal have one order. After the last step the actor waits for signals. It
//! exits with 0 on TERM, INT, QUIT or RTMIN+3.
//!
//! | step | |
//! | --- | --- |
//! | `session` | becomes the leader of a session before it is ready |
//! | `ignore-stop` | ignores stop signals from now on |
//! | `sleep=MS` | pauses for this time; signals are handled |
//! | `write=BYTES` | writes this number of bytes to standard output |
//! | `allocate=MIB` | allocates memory and keeps it |
//! | `stop` | stops itself with SIGSTOP |
//! | `hang` | hangs and handles no signal |
//! | `exit=STATUS`, `crash=SIGNAL` | exits, or is killed by its own signal |
//! | `attempt=N` | exits with 0 at the Nth start with the same FILE, with 1 before |
//! | `fails=N` | exits with 1 at the first N starts with the same FILE |
//! | `show=VARIABLE` | records `VARIABLE VALUE`, or `VARIABLE` if it is unset |
//! | `signal=SIGNAL` | records `signal SIGNAL` and sends the signal to the process group that `UNTRAP_PID` leads |
//! | `fork=FILE:STEP:…` | starts another actor in the same process group |
//! | `daemon=FILE:STEP:…` | starts another actor in a new session; its parent exits at once |

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use untrap::signal::Signal;
use untrap::sys::poll::{Interest, PollSet};
use untrap::sys::signalfd::{Received, Signals};

struct Actor {
    signals: Signals,
    path: String,
    journal: Option<File>,
    log: Box<dyn Write>,
    ignores_stop: bool,
    memory: Vec<u8>,
}

fn main() {
    let signals = Signals::block().expect("blocking signals");
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("a file to write to");
    let steps: Vec<String> = arguments.collect();
    let mut is_stopped = false;
    if steps.iter().any(|step| step == "session") {
        nix::unistd::setsid().expect("making a session");
        // A signal that arrived in the previous process group is not recorded, but it stops the actor.
        while let Some(received) = signals.next() {
            is_stopped |= matches!(received, Received::Signal(signal, _) if signal.asks_to_exit());
        }
    }
    let journal = std::env::var_os("ACTOR_JOURNAL").map(|path| append(path.as_ref()));
    let log: Box<dyn Write> = if path == "-" { Box::new(std::io::stdout()) } else { Box::new(append(path.as_ref())) };
    let mut actor = Actor { signals, path, journal, log, ignores_stop: false, memory: Vec::new() };
    let (pid, parent) = (nix::unistd::getpid(), nix::unistd::getppid());
    actor.note(&format!("ready {pid} {parent} {}", nix::unistd::getpgrp()));
    if is_stopped {
        actor.exit(0);
    }
    for step in &steps {
        actor.take(step);
    }
    actor.listen(None);
}

impl Actor {
    fn note(&mut self, line: &str) {
        if let Some(journal) = &mut self.journal {
            let name = Path::new(&self.path).file_name().expect("a file").display();
            let line = format!("{name} {} {} {line}\n", std::process::id(), now());
            // In one call, because other processes write to the file too.
            journal.write_all(line.as_bytes()).expect("writing a line");
        }
        self.log.write_all(format!("{line}\n").as_bytes()).expect("writing a line");
    }

    fn take(&mut self, step: &str) {
        let (name, value) = step.split_once('=').unwrap_or((step, ""));
        match name {
            "ignore-stop" => self.ignores_stop = true,
            "sleep" => self.listen(Some(Duration::from_millis(value.parse().expect("milliseconds")))),
            "allocate" => self.memory.resize(value.parse::<usize>().expect("a size") << 20, 1),
            "write" => print(value.parse().expect("a size")),
            "stop" => nix::sys::signal::raise(nix::sys::signal::SIGSTOP).expect("raising SIGSTOP"),
            "hang" => loop {
                std::thread::park();
            },
            "exit" => self.exit(value.parse().expect("a status")),
            "crash" => {
                self.note(&format!("crash {value}"));
                let signal: Signal = value.parse().expect("a signal");
                signal_hook::low_level::emulate_default_handler(signal.number()).expect("a signal that kills");
            }
            "attempt" => self.exit(i32::from(self.starts() < value.parse().expect("a number"))),
            "fails" if self.starts() <= value.parse().expect("a number") => self.exit(1),
            // The failures are over; `session` was carried out before the first line.
            "fails" | "session" => {}
            "show" => {
                let shown = std::env::var(value).map_or(value.to_owned(), |found| format!("{value} {found}"));
                self.note(&shown);
            }
            "signal" => {
                self.note(&format!("signal {value}"));
                send_to_service(value.parse().expect("a signal"));
            }
            "fork" => drop(itself().args(value.split(':')).spawn().expect("starting a process")),
            "daemon" => {
                let mut shell = Command::new("sh");
                shell.args(["-c", "\"$0\" \"$@\" &"]).arg(program()).args(value.split(':')).arg("session");
                assert!(shell.status().expect("starting a process").success());
            }
            _ => panic!("no such step: {step}"),
        }
    }

    /// Records signals until the time is over. Exits on a stop signal.
    fn listen(&mut self, time: Option<Duration>) {
        let until = time.map(|time| Instant::now() + time);
        let mut set = PollSet::new(1);
        set.set(0, Some((self.signals.descriptor(), Interest::Read)));
        while until.is_none_or(|until| Instant::now() < until) {
            set.wait(until).expect("waiting for signals");
            let mut exits = false;
            // Record all pending signals, also those after the stop signal.
            while let Some(received) = self.signals.next() {
                let Received::Signal(signal, _) = received else { continue };
                self.note(&signal.to_string());
                exits |= signal.asks_to_exit();
            }
            if exits && !self.ignores_stop {
                self.exit(0);
            }
        }
    }

    /// The number of starts with this file.
    fn starts(&self) -> usize {
        let text = std::fs::read_to_string(&self.path).expect("reading the file");
        text.lines().filter(|line| line.starts_with("ready")).count()
    }

    fn exit(&mut self, status: i32) -> ! {
        self.note(&format!("exit {status}"));
        std::process::exit(status);
    }
}

fn append(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("opening the file")
}

/// Milliseconds on the monotonic clock, which all processes share.
fn now() -> u128 {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).expect("reading the clock");
    std::time::Duration::from(time).as_millis()
}

fn send_to_service(signal: Signal) {
    let leader: i32 =
        std::env::var("UNTRAP_PID").expect("UNTRAP_PID, because this is a stop command").parse().expect("a PID");
    #[allow(unsafe_code, reason = "nix has no real-time signals")]
    // The process group may be empty already.
    // SAFETY: kill accesses no memory.
    let _ = unsafe { libc::kill(-leader, signal.number()) };
}

fn program() -> PathBuf {
    std::env::current_exe().expect("the path of this program")
}

fn itself() -> Command {
    Command::new(program())
}

fn print(size: usize) {
    // EPIPE means that untrap has exited.
    let _ = std::io::stdout().write_all(&vec![b'x'; size]);
}
