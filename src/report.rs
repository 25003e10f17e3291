//! untrap's own messages: one line each on standard error, never waited for.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::cli::Verbosity;
use crate::event::{Consequence, EntryId, Message};
use crate::sys::processes::Process;
use crate::sys::{spawn, stderr};

/// Longer lines are cut: a pipe takes this much as a whole.
const LINE: usize = 4096;

/// What every line begins with, unless it is collected.
const PREFIX: &str = "untrap: ";

/// More lines than these are not collected.
const COLLECTED: usize = 16 * LINE;

/// Says what happens, to whom, and what became of it.
#[derive(Debug)]
pub struct Report {
    verbosity: Verbosity,
    entries: Vec<Described>,
    line: String,
    /// Lines that somebody else writes, see [`Report::hand_over`].
    collected: Option<String>,
    lost: u64,
}

/// An entry as messages name it.
#[derive(Debug)]
struct Described {
    name: String,
    program: String,
    pid: i32,
}

impl Report {
    /// Messages about entries with these names and programs.
    pub fn new(verbosity: Verbosity, entries: impl IntoIterator<Item = (String, String)>) -> Self {
        let entries = entries.into_iter().map(|(name, program)| Described { name, program, pid: 0 }).collect();
        // Whoever writes a message while things go wrong should not need memory for it.
        Self { verbosity, entries, line: String::with_capacity(LINE), collected: None, lost: 0 }
    }

    /// From now on collects its lines for [`Self::hand_over`] instead of writing them.
    pub fn collect(&mut self) {
        self.collected = Some(String::with_capacity(COLLECTED));
    }

    /// Hands over the lines collected so far, one by one. False from `take` counts as lost.
    pub fn hand_over(&mut self, mut take: impl FnMut(&str) -> bool) {
        let Some(collected) = &mut self.collected else { return };
        self.lost += collected.lines().filter(|line| !take(line)).count() as u64;
        collected.clear();
    }

    /// From now on messages name this PID with the entry.
    pub fn started(&mut self, id: EntryId, pid: i32) {
        self.entries[id].pid = pid;
    }

    /// Says what the state machine has decided.
    pub fn say(&mut self, message: Message) {
        let level = match message {
            Message::Killed(..) | Message::KillingLeftovers(_) | Message::GaveUpOn(_) | Message::GaveUpOnLeftovers => {
                Verbosity::Quiet
            }
            Message::Ended { ending, stops, .. } if stops && ending.is_bad() => Verbosity::Quiet,
            _ => Verbosity::Normal,
        };
        self.write(level, |f, entries| describe(f, entries, message));
    }

    /// Says that an entry could not be started, and why.
    pub fn start_failed(&mut self, id: EntryId, error: &spawn::Error) {
        self.write(Verbosity::Quiet, |f, entries| {
            let Described { name, program, .. } = &entries[id];
            match error {
                spawn::Error::NotFound if program.contains('/') => {
                    write!(f, "{name} can't start: there is no file {program}, or its interpreter is missing")
                }
                spawn::Error::NotFound => {
                    write!(f, "{name} can't start: program {program} not found; install it, or write its path")
                }
                spawn::Error::NotExecutable(error) => write!(f, "{name} can't start: can't execute {program}: {error}"),
                spawn::Error::NoProcess(error) => write!(f, "{name} can't start: can't make a process: {error}"),
            }
        });
    }

    /// Says what was done to a leftover.
    pub fn leftover(&mut self, process: &Process, done: &str, level: Verbosity) {
        let Process { pid, name, .. } = process;
        self.write(level, |f, _| write!(f, "leftover {name} (pid {pid}) {done}"));
    }

    /// Says that an orphan was reaped.
    pub fn orphan(&mut self, pid: i32) {
        self.write(Verbosity::Verbose, |f, _| write!(f, "orphan (pid {pid}) reaped"));
    }

    /// Says that an entry could not be signalled.
    pub fn not_signalled(&mut self, id: EntryId, error: &std::io::Error) {
        self.write(Verbosity::Quiet, |f, entries| write!(f, "{} can't be signalled: {error}", entries[id]));
    }

    /// Says that something that untrap needs from the system went wrong, and what follows from it.
    pub fn trouble(&mut self, what: &str, error: &std::io::Error) {
        self.write(Verbosity::Quiet, |f, _| write!(f, "{what}: {error}"));
    }

    /// Says how many lines of the entries could not be written before the end.
    pub fn lines_lost(&mut self, lines: u64) {
        self.write(Verbosity::Quiet, |f, _| {
            write!(f, "{lines} lines of output are lost: their reader took nothing more, or the disk is full")
        });
    }

    fn write(&mut self, level: Verbosity, message: impl FnOnce(&mut String, &[Described]) -> fmt::Result) {
        if level > self.verbosity {
            return;
        }
        self.line.clear();
        self.line.push_str(PREFIX);
        // Writing to a string fails for no reason.
        let _ = message(&mut self.line, &self.entries);
        if self.lost > 0 {
            let _ = write!(self.line, " ({} messages before this are lost: standard error was full)", self.lost);
        }
        self.line.push('\n');
        let written = match &mut self.collected {
            None => stderr::write_line(self.line.as_bytes()),
            Some(collected) if collected.len() + self.line.len() > COLLECTED => false,
            Some(collected) => {
                collected.push_str(&self.line[PREFIX.len()..]);
                true
            }
        };
        self.lost = if written { 0 } else { self.lost + 1 };
    }
}

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pid)
    }
}

fn describe(f: &mut String, entries: &[Described], message: Message) -> fmt::Result {
    match message {
        Message::Started(id) => write!(f, "{} started (pid {})", entries[id].name, entries[id].pid),
        Message::Received(signal, sender, consequence) => {
            write!(f, "{signal} from {sender}: ")?;
            match consequence {
                Consequence::Stop => write!(f, "stopping"),
                Consequence::Forward => write!(f, "forwarded"),
                Consequence::ForwardAs(other) => write!(f, "forwarded as {other}"),
                Consequence::Drop => write!(f, "dropped"),
                Consequence::KillAll => write!(f, "the second one, killing all that is left"),
            }
        }
        Message::Ended { entry, ending, after, stops } => {
            let stopping = if stops { ", stopping" } else { "" };
            write!(f, "{} {ending} after {}{stopping}", entries[entry], Rounded(after))
        }
        Message::Killed(id, after) => {
            write!(f, "{} killed, still there {} after the stop began", entries[id], Rounded(after))
        }
        Message::TellingLeftovers => write!(f, "telling leftovers to end"),
        Message::KillingLeftovers(after) => {
            write!(f, "killing leftovers, still there {} after the stop began", Rounded(after))
        }
        Message::WaitingForLeftovers => {
            write!(f, "every entry has ended, waiting for the processes that they left behind; stop with SIGTERM")
        }
        Message::GaveUpOn(id) => write!(
            f,
            "{} is still there after SIGKILL, not waiting longer: it is in uninterruptible sleep, or another user's",
            entries[id]
        ),
        Message::GaveUpOnLeftovers => write!(f, "leftovers are still there after SIGKILL, not waiting longer"),
        Message::Exit(status) => write!(f, "exit status {status}"),
    }
}

/// A duration as people say it: nobody reads nanoseconds.
struct Rounded(Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.0.as_secs() {
            0..10 => 1,
            10..60 => 100,
            _ => 1000,
        };
        let rounded = self.0.as_millis() as u64 / unit * unit;
        humantime::format_duration(Duration::from_millis(rounded)).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_exact_as_people_care() {
        for (millis, text) in [(0, "0s"), (7, "7ms"), (1234, "1s 234ms"), (12_345, "12s 300ms"), (61_999, "1m 1s")] {
            assert_eq!(Rounded(Duration::from_millis(millis)).to_string(), text);
        }
    }
}
