//! Does what its arguments say, step by step, and writes down each signal that it gets: `actor FILE [STEP]...`
//!
//! Its first line is `ready PID PPID PGID`, its last one says how it ends, where it is asked: `exit 3`, `crash SIGABRT`.
//! With `-` for FILE it writes to standard output. With a file named by `ACTOR_JOURNAL` it writes each line there first,
//! after FILE's name, its PID, and the time in milliseconds: `web 7 123456 SIGHUP`. Whoever shares one has one order.
//! After the last step it waits for signals; TERM, INT, QUIT and RTMIN+3 end it with 0.
//!
//! | step | |
//! | --- | --- |
//! | `session` | lead a session of its own, before it is ready |
//! | `deaf` | no signal ends it from now on |
//! | `sleep=MS` | go on after this time |
//! | `write=BYTES` | that much to standard output |
//! | `allocate=MIB` | take that much memory, and keep it |
//! | `stop` | stop itself with SIGSTOP |
//! | `hang` | look at no signal any more, for ever |
//! | `exit=STATUS`, `crash=SIGNAL` | end |
//! | `attempt=N` | end: well at the Nth start with the same FILE, badly before |
//! | `fails=N` | end badly at the first N starts with the same FILE, go on later |
//! | `show=VARIABLE` | write down `VARIABLE VALUE`, or only its name |
//! | `tell=SIGNAL` | write down `tell SIGNAL`, and send it to the group that `UNTRAP_PID` leads |
//! | `fork=FILE:STEP:…` | start another one, in the same group |
//! | `daemon=FILE:STEP:…` | start another one, in a session of its own, whose parent ends at once |

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
    deaf: bool,
    memory: Vec<u8>,
}

fn main() {
    let signals = Signals::block().expect("signals can be blocked");
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("a file to write to");
    let steps: Vec<String> = arguments.collect();
    let mut told = false;
    if steps.iter().any(|step| step == "session") {
        nix::unistd::setsid().expect("it leads no group yet");
        // What it was sent in the group that it has left is not written down, but heeded.
        while let Some(received) = signals.next() {
            told |= matches!(received, Received::Signal(signal, _) if signal.begins_shutdown());
        }
    }
    let journal = std::env::var_os("ACTOR_JOURNAL").map(|path| append(path.as_ref()));
    let log: Box<dyn Write> = if path == "-" { Box::new(std::io::stdout()) } else { Box::new(append(path.as_ref())) };
    let mut actor = Actor { signals, path, journal, log, deaf: false, memory: Vec::new() };
    let (pid, parent) = (nix::unistd::getpid(), nix::unistd::getppid());
    actor.note(&format!("ready {pid} {parent} {}", nix::unistd::getpgrp()));
    if told {
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
            // As a whole: others write there too.
            journal.write_all(line.as_bytes()).expect("it can be written");
        }
        self.log.write_all(format!("{line}\n").as_bytes()).expect("it can be written");
    }

    fn take(&mut self, step: &str) {
        let (name, value) = step.split_once('=').unwrap_or((step, ""));
        match name {
            "deaf" => self.deaf = true,
            "sleep" => self.listen(Some(Duration::from_millis(value.parse().expect("milliseconds")))),
            "allocate" => self.memory.resize(value.parse::<usize>().expect("a size") << 20, 1),
            "write" => print(value.parse().expect("a size")),
            "stop" => nix::sys::signal::raise(nix::sys::signal::SIGSTOP).expect("it can be raised"),
            "hang" => loop {
                std::thread::park();
            },
            "exit" => self.exit(value.parse().expect("a status")),
            "crash" => {
                self.note(&format!("crash {value}"));
                let signal: Signal = value.parse().expect("a signal");
                signal_hook::low_level::emulate_default_handler(signal.number()).expect("it ends a process");
            }
            "attempt" => self.exit(i32::from(self.starts() < value.parse().expect("a number"))),
            "fails" if self.starts() <= value.parse().expect("a number") => self.exit(1),
            // Those that are past, and what was done before the first one.
            "fails" | "session" => {}
            "show" => {
                let shown = std::env::var(value).map_or(value.to_owned(), |found| format!("{value} {found}"));
                self.note(&shown);
            }
            "tell" => {
                self.note(&format!("tell {value}"));
                tell(value.parse().expect("a signal"));
            }
            "fork" => drop(itself().args(value.split(':')).spawn().expect("a process can be made")),
            "daemon" => {
                let mut shell = Command::new("sh");
                shell.args(["-c", "\"$0\" \"$@\" &"]).arg(program()).args(value.split(':')).arg("session");
                assert!(shell.status().expect("a process can be made").success());
            }
            _ => panic!("no such step: {step}"),
        }
    }

    /// Notes signals until the time is over, or one that ends it.
    fn listen(&mut self, time: Option<Duration>) {
        let until = time.map(|time| Instant::now() + time);
        let mut set = PollSet::new(1);
        set.set(0, Some((self.signals.descriptor(), Interest::Read)));
        while until.is_none_or(|until| Instant::now() < until) {
            set.wait(until).expect("it can wait");
            let mut ends = false;
            // Those that came with the one that ends it are noted too.
            while let Some(received) = self.signals.next() {
                let Received::Signal(signal, _) = received else { continue };
                self.note(&signal.to_string());
                ends |= signal.begins_shutdown();
            }
            if ends && !self.deaf {
                self.exit(0);
            }
        }
    }

    /// How often one has started with this file.
    fn starts(&self) -> usize {
        let text = std::fs::read_to_string(&self.path).expect("its file can be read");
        text.lines().filter(|line| line.starts_with("ready")).count()
    }

    fn exit(&mut self, status: i32) -> ! {
        self.note(&format!("exit {status}"));
        std::process::exit(status);
    }
}

fn append(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("the file can be written")
}

/// Milliseconds of the clock that all processes share.
fn now() -> u128 {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).expect("there is a clock");
    std::time::Duration::from(time).as_millis()
}

fn tell(signal: Signal) {
    let leader: i32 = std::env::var("UNTRAP_PID").expect("it is a stop command").parse().expect("a PID");
    #[allow(unsafe_code, reason = "nix knows no real-time signals")]
    // SAFETY: kill touches no memory. A group that has gone is told nothing.
    let _ = unsafe { libc::kill(-leader, signal.number()) };
}

fn program() -> PathBuf {
    std::env::current_exe().expect("it has a path")
}

fn itself() -> Command {
    Command::new(program())
}

fn print(size: usize) {
    // Where nobody reads any more, it has written enough.
    let _ = std::io::stdout().write_all(&vec![b'x'; size]);
}
