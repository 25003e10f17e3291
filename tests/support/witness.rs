//! Records each signal that it receives, one per line: `witness FILE [SIGNAL=STATUS | SIGNAL=ignore]...`
//!
//! The first line is `ready PID PPID PGID`. `SIGNAL=STATUS` makes the witness exit with this status on the signal, and
//! `SIGNAL=ignore` makes it only record the signal. Without a rule, it exits with 0 on TERM, INT and QUIT, and only
//! records every other signal. If FILE is `-`, it writes to standard output.

use std::fs::OpenOptions;
use std::io::Write;

use untrap::signal::Signal;
use untrap::sys::poll::{Interest, PollSet};
use untrap::sys::signalfd::{Received, Signals};

fn main() {
    let signals = Signals::block().expect("blocking signals");
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("a file to write to");
    let mut rules: Vec<(Signal, Option<i32>)> = arguments
        .map(|rule| {
            let (signal, status) = rule.split_once('=').expect("SIGNAL=STATUS");
            (signal.parse().expect("a signal"), status.parse().ok())
        })
        .collect();
    rules.extend([Signal::TERM, Signal::INT, Signal::QUIT].map(|signal| (signal, Some(0))));
    let mut out: Box<dyn Write> = if path == "-" {
        Box::new(std::io::stdout())
    } else {
        Box::new(OpenOptions::new().create(true).append(true).open(path).expect("opening the file"))
    };
    let (pid, parent) = (nix::unistd::getpid(), nix::unistd::getppid());
    let mut note = |line: String| out.write_all(line.as_bytes()).expect("writing a line");
    note(format!("ready {pid} {parent} {}\n", nix::unistd::getpgrp()));
    let mut set = PollSet::new(1);
    set.set(0, Some((signals.descriptor(), Interest::Read)));
    loop {
        set.wait(None).expect("waiting for signals");
        while let Some(received) = signals.next() {
            let Received::Signal(signal, _) = received else { continue };
            note(format!("{signal}\n"));
            let rule = rules.iter().find(|(of, _)| *of == signal);
            if let Some((_, Some(status))) = rule {
                std::process::exit(*status);
            }
        }
    }
}
