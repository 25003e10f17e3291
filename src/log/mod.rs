//! untrap's own messages: one line each on standard error, never waited for.

pub mod cause;
pub mod line;

use std::fmt::{self, Write as _};
use std::ops::Range;
use std::time::Duration;

use nix::errno::Errno;

use crate::config::environment::FileNote;
use crate::config::unit::UnitId;
use crate::exit_status::ExitStatus;
use crate::log::cause::Cause;
use crate::log::line::{Details, LONGEST, LogFormat, LogLine, LogSettings, Verbosity};
use crate::signal::Signal;
use crate::supervisor::message::{Consequence, LeaderExit, Message};
use crate::sys::executable::CannotExecute;
use crate::sys::limits;
use crate::sys::procfs::Process;
use crate::sys::spawn::SpawnError;
use crate::sys::writer::Writer;

/// What every line of text begins with.
const PREFIX: &str = "untrap: ";

/// More bytes than these are not collected.
const COLLECTED: usize = 16 * LONGEST;

/// Writes messages about services and processes.
#[derive(Debug)]
pub struct Logger {
    settings: LogSettings,
    services: Vec<UnitLabel>,
    text: String,
    line: Vec<u8>,
    stderr: Writer,
    /// Lines that the output writes, see [`Logger::hand_over`].
    collected: Option<String>,
    lost: u64,
    /// The end of the message that the program of one of these services was not found.
    not_found_hint: (Range<usize>, String),
    /// The count of the cgroup when a service was last killed.
    oom_kills: u64,
}

/// What a message is about.
#[derive(Clone, Copy, Debug)]
enum Subject {
    Untrap,
    Service(UnitId),
    /// A process that is no service.
    Process(i32),
}

/// Displays the hint that several services have the name of the same program.
#[derive(Debug)]
pub struct SharedName<'a>(pub &'a str);

impl fmt::Display for SharedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "several services run {0} and are called {0}, {0}.2; name each of them: 'NAME: COMMAND'", self.0)
    }
}

/// A service as messages name it.
#[derive(Debug)]
struct UnitLabel {
    name: String,
    pid: i32,
}

impl Logger {
    /// Messages about services with these names.
    pub fn new(settings: LogSettings, services: impl IntoIterator<Item = String>) -> Self {
        let services = services.into_iter().map(|name| UnitLabel { name, pid: 0 }).collect();
        // Allocate both buffers now, so that a message about a failure needs no memory.
        let (text, line) = (String::with_capacity(LONGEST), Vec::with_capacity(LONGEST));
        Self {
            settings,
            services,
            text,
            line,
            stderr: Writer::stderr(),
            collected: None,
            lost: 0,
            not_found_hint: (0..0, String::new()),
            oom_kills: 0,
        }
    }

    /// From now on collects its lines for [`Self::hand_over`] instead of writing them.
    pub fn collect(&mut self) {
        self.collected = Some(String::with_capacity(COLLECTED));
        // The output gives the lines their format.
        self.settings.format = LogFormat::Text;
    }

    /// From now on ends the message that the program of one of these services was not found with this hint.
    pub fn set_not_found_hint(&mut self, services: Range<usize>, hint: String) {
        self.not_found_hint = (services, hint);
    }

    /// Hands over the lines collected so far, one by one. False from `take` counts as lost.
    pub fn hand_over(&mut self, mut take: impl FnMut(&str) -> bool) {
        let Some(collected) = &mut self.collected else { return };
        self.lost += collected.lines().filter(|line| !take(line)).count() as u64;
        collected.clear();
    }

    /// From now on messages name this PID with the service.
    pub fn started(&mut self, id: UnitId, pid: i32) {
        self.services[id].pid = pid;
    }

    /// A service's name.
    #[must_use]
    pub fn name(&self, id: UnitId) -> &str {
        &self.services[id].name
    }

    /// Says what the state machine has decided.
    pub fn say(&mut self, message: Message) {
        let level = match message {
            Message::Killed(..)
            | Message::KillingLeftovers(_)
            | Message::GaveUpOn(_)
            | Message::GaveUpOnLeftovers
            | Message::ReadinessTimedOut(..)
            | Message::StopCommandFailed(_) => Verbosity::Quiet,
            Message::Exited { exit, stops } if stops && exit.status.is_failure() => Verbosity::Quiet,
            Message::Launched(_) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        let (event, subject) = classify(message);
        let details = details(message);
        let is_out_of_memory = is_killed(message) && self.has_new_oom_kill();
        self.write(level, event, subject, details, |f, services| {
            describe(f, services, message)?;
            if is_out_of_memory {
                f.write_str("; memory was short (oom_kill in its cgroup), raise the memory limit of the container")?;
            }
            Ok(())
        });
    }

    /// Whether the kernel has killed a process of the cgroup for want of memory since the last call.
    fn has_new_oom_kill(&mut self) -> bool {
        let known = self.oom_kills;
        self.oom_kills = limits::oom_kills().unwrap_or(known);
        self.oom_kills > known
    }

    /// Says that a service could not be started, and why.
    pub fn start_failed(&mut self, id: UnitId, error: &SpawnError, cause: Option<&CannotExecute>) {
        let has_hint = matches!(error, SpawnError::NotFound(_)) && self.not_found_hint.0.contains(&id.index());
        let hint = if has_hint { self.not_found_hint.1.clone() } else { String::new() };
        self.write(Verbosity::Quiet, "start-failed", Subject::Service(id), Details::default(), |f, services| {
            let UnitLabel { name, .. } = &services[id];
            match error {
                SpawnError::NotFound(errno) | SpawnError::NotExecutable(errno) => {
                    write!(f, "{name} can't start: ")?;
                    match cause {
                        Some(cause) => write!(f, "{}{hint}", Cause(cause)),
                        None => f.write_str(errno.desc()),
                    }
                }
                SpawnError::NotPermitted(error) => {
                    write!(
                        f,
                        "{name} can't start: can't become its user: {error}; start untrap as root, or leave out --user"
                    )
                }
                SpawnError::NoWorkingDirectory(error) => {
                    write!(f, "{name} can't start: can't change to the directory of --cwd: {error}")
                }
                SpawnError::NoDirectory(error) => {
                    write!(f, "{name} can't start: can't change to the directory of its cd: {}", plain(error))
                }
                SpawnError::NoProcess(error) => {
                    write!(f, "{name} can't start: can't make a process: {error}{}", remedy(error))
                }
            }
        });
    }

    /// Says that several services without a name are called after the same program.
    pub fn shared_name(&mut self, name: &str) {
        self.write(Verbosity::Normal, "shared-name", Subject::Untrap, Details::default(), |f, _| {
            write!(f, "{}", SharedName(name))
        });
    }

    /// Says what was done to a leftover.
    pub fn leftover(&mut self, process: &Process, done: &str, level: Verbosity) {
        let Process { pid, name, .. } = process;
        let effect = if level == Verbosity::Quiet { "killed" } else { "stopped" };
        let details = Details { effect: Some(effect), ..Details::default() };
        self.write(level, "leftover", Subject::Process(*pid), details, |f, _| {
            write!(f, "leftover process {name} (pid {pid}) {done}")
        });
    }

    /// Says that an orphan was reaped.
    pub fn orphan(&mut self, pid: i32) {
        self.write(Verbosity::Verbose, "orphan", Subject::Process(pid), Details::default(), |f, _| {
            write!(f, "orphan (pid {pid}) reaped")
        });
    }

    /// Says that a service could not be signalled.
    pub fn not_signalled(&mut self, id: UnitId, error: &std::io::Error) {
        self.write(Verbosity::Quiet, "not-signalled", Subject::Service(id), Details::default(), |f, services| {
            write!(f, "{} can't be signalled: {error}", services[id])
        });
    }

    /// Says that a service's pid file could not be `done`: written or removed.
    pub fn pid_file(&mut self, id: UnitId, done: &str, error: &std::io::Error) {
        self.write(Verbosity::Quiet, "pid-file", Subject::Service(id), Details::default(), |f, services| {
            write!(f, "{}: its pid file can't be {done}: {error}; it runs all the same", services[id])
        });
    }

    /// Writes a warning about the command line or the environment.
    pub fn warning(&mut self, text: &str) {
        self.write(Verbosity::Quiet, "warning", Subject::Untrap, Details::default(), |f, _| f.write_str(text));
    }

    /// Says that the value of an env file is not as a reader of the file may expect it.
    pub fn env_file(&mut self, note: &FileNote) {
        let level = if note.is_warning() { Verbosity::Quiet } else { Verbosity::Verbose };
        self.write(level, "env-file", Subject::Untrap, Details::default(), |f, _| write!(f, "{note}"));
    }

    /// Says that something that untrap needs from the system went wrong, and what follows from it.
    pub fn system_error(&mut self, what: &str, error: &std::io::Error) {
        self.write(Verbosity::Quiet, "system-error", Subject::Untrap, Details::default(), |f, _| {
            write!(f, "{what}: {error}")
        });
    }

    /// Says how many lines of the services could not be written before the end.
    pub fn lines_lost(&mut self, lines: u64) {
        self.write(Verbosity::Quiet, "output-lost", Subject::Untrap, Details::default(), |f, _| {
            write!(f, "{lines} lines of output lost: the reader is blocked or the disk is full")
        });
    }

    fn write(
        &mut self,
        level: Verbosity,
        event: &'static str,
        subject: Subject,
        details: Details,
        message: impl FnOnce(&mut String, &[UnitLabel]) -> fmt::Result,
    ) {
        if level > self.settings.verbosity {
            return;
        }
        self.text.clear();
        // Writing to a String cannot fail.
        let _ = message(&mut self.text, &self.services);
        if self.lost > 0 {
            let _ = write!(self.text, " ({} earlier messages lost: standard error was full)", self.lost);
        }
        let (name, pid) = match subject {
            Subject::Untrap => (None, None),
            Subject::Process(pid) => (None, Some(pid)),
            Subject::Service(id) => (Some(self.services[id].name.as_str()), Some(self.services[id].pid)),
        };
        let line = LogLine { level, event, name, pid: pid.filter(|pid| *pid != 0), details, text: &self.text };
        self.settings.format.finish(&line, &mut self.line);
        let written = match &mut self.collected {
            // A line is no longer than what a pipe takes as a whole or not at all.
            None => self.stderr.write(&self.line).is_ok(),
            Some(collected) if collected.len() + self.line.len() > COLLECTED => false,
            Some(collected) => {
                collected.push_str(&String::from_utf8_lossy(&self.line[PREFIX.len()..]));
                true
            }
        };
        self.lost = if written { 0 } else { self.lost + 1 };
    }
}

impl fmt::Display for UnitLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pid)
    }
}

/// Whether a service was killed by SIGKILL.
fn is_killed(message: Message) -> bool {
    matches!(message, Message::Exited { exit, .. } if exit.status == ExitStatus::Signaled(Signal::KILL))
}

/// The text of an error without its number.
fn plain(error: &std::io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |errno| Errno::from_raw(errno).desc().to_owned())
}

/// What to do about an error of the system, if a limit is the cause: the end of a message.
#[must_use]
pub fn remedy(error: &std::io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EMFILE) => "; raise the limit of open files (ulimit -n, docker run --ulimit nofile=N)",
        Some(libc::ENFILE) => "; the system has no more files to open (sysctl fs.file-max)",
        Some(libc::EAGAIN) => {
            "; the limit of processes is reached, raise it (docker run --pids-limit, pids.max of the cgroup, ulimit -u)"
        }
        Some(libc::ENOMEM) => "; raise the memory limit of the container",
        _ => "",
    }
}

/// The name of the event, for programs that read the log, and its subject.
fn classify(message: Message) -> (&'static str, Subject) {
    match message {
        Message::Launched(id) => ("launched", Subject::Service(id)),
        Message::Started(id) => ("started", Subject::Service(id)),
        Message::Received(..) => ("signal-received", Subject::Untrap),
        Message::Exited { exit, .. } => ("exited", Subject::Service(exit.unit)),
        Message::Killed(id, _) => ("killed", Subject::Service(id)),
        Message::Restarting { service, .. } => ("restarting", Subject::Service(service)),
        Message::Waiting(id, _) => ("waiting", Subject::Service(id)),
        Message::Ready(id, _) => ("ready", Subject::Service(id)),
        Message::ReadinessTimedOut(id, _) => ("wait-timeout", Subject::Service(id)),
        Message::Delaying(_) => ("delaying", Subject::Untrap),
        Message::StopCommandFailed(id) => ("stop-command-failed", Subject::Service(id)),
        Message::StoppingLeftovers | Message::KillingLeftovers(_) | Message::WaitingForLeftovers => {
            ("leftovers", Subject::Untrap)
        }
        Message::GaveUpOn(id) => ("gave-up", Subject::Service(id)),
        Message::GaveUpOnLeftovers => ("gave-up", Subject::Untrap),
        Message::Exit(_) => ("exit", Subject::Untrap),
    }
}

/// The values of the event.
fn details(message: Message) -> Details {
    let none = Details::default();
    let effect = |effect| Details { effect: Some(effect), ..none };
    let after = |duration| Details { duration: Some(duration), ..none };
    match message {
        Message::Received(signal, _, consequence) => {
            let consequence = match consequence {
                Consequence::Shutdown => "shutdown",
                Consequence::Forward | Consequence::ForwardAs(_) => "forwarded",
                Consequence::Ignore => "ignored",
                Consequence::Drop => "dropped",
                Consequence::Repeat => "repeated",
                Consequence::KillAll => "kill-all",
            };
            Details { signal: Some(signal), ..effect(consequence) }
        }
        Message::Exited { exit: LeaderExit { status, ran, .. }, stops } => {
            let (status, signal) = match status {
                ExitStatus::Exited(status) => (Some(status), None),
                ExitStatus::Signaled(signal) => (None, Some(signal)),
            };
            Details { status, signal, effect: stops.then_some("shutdown"), ..after(ran) }
        }
        Message::Restarting { wait, restarts, .. } => Details { restarts: Some(restarts), ..after(wait) },
        Message::Killed(_, Some(duration)) => Details { duration: Some(duration), ..effect("stop-timeout") },
        Message::Killed(_, None) => effect("restart"),
        Message::KillingLeftovers(duration) => Details { duration: Some(duration), ..effect("killing") },
        Message::StoppingLeftovers => effect("stopping"),
        Message::WaitingForLeftovers => effect("waiting"),
        Message::Waiting(_, duration)
        | Message::Ready(_, duration)
        | Message::ReadinessTimedOut(_, duration)
        | Message::Delaying(duration) => after(duration),
        Message::Exit(status) => Details { status: Some(status), ..none },
        Message::Launched(_)
        | Message::Started(_)
        | Message::StopCommandFailed(_)
        | Message::GaveUpOn(_)
        | Message::GaveUpOnLeftovers => none,
    }
}

fn describe(f: &mut String, services: &[UnitLabel], message: Message) -> fmt::Result {
    match message {
        Message::Launched(id) => write!(f, "{} launched (pid {})", services[id].name, services[id].pid),
        Message::Started(id) => write!(f, "{} started (pid {})", services[id].name, services[id].pid),
        Message::Received(signal, sender, consequence) => {
            write!(f, "{signal} from {sender}")?;
            match consequence {
                Consequence::Shutdown => write!(f, ": stopping"),
                Consequence::Forward => write!(f, ": forwarded"),
                Consequence::ForwardAs(other) => write!(f, ": forwarded as {other}"),
                Consequence::Ignore => write!(f, " ignored: no service to forward it to"),
                Consequence::Drop => write!(f, ": dropped"),
                Consequence::Repeat => write!(f, ": press Ctrl-C again to kill"),
                Consequence::KillAll => write!(f, ": second {signal}, killing all remaining processes"),
            }
        }
        Message::Exited { exit: LeaderExit { unit, status, ran }, stops } => {
            let stopping = match (stops, services.len()) {
                (false, _) => "",
                (true, 1) => ", stopping",
                (true, _) => ", stopping the others",
            };
            write!(f, "{} {status} after {}{stopping}", services[unit], Rounded(ran))
        }
        Message::Killed(id, Some(after)) => {
            write!(f, "{} did not stop within {}, killed", services[id], Rounded(after))
        }
        Message::Killed(id, None) => {
            write!(f, "{}: killed the remaining processes of its group before the restart", services[id].name)
        }
        Message::Restarting { service, wait, restarts } => {
            write!(f, "{} restarts in {} (restart {restarts})", services[service].name, Rounded(wait))
        }
        Message::Waiting(id, Duration::ZERO) => write!(f, "waiting for {}", services[id].name),
        Message::Waiting(id, waited) => {
            write!(f, "still waiting for {} after {}", services[id].name, Rounded(waited))
        }
        Message::Ready(id, waited) => write!(f, "{} is ready after {}", services[id].name, Rounded(waited)),
        Message::ReadinessTimedOut(id, waited) => write!(
            f,
            "timed out after {} waiting for {}, stopping; raise --wait-timeout if it needs longer",
            Rounded(waited),
            services[id].name
        ),
        Message::Delaying(delay) => write!(f, "sending stop signals in {}", Rounded(delay)),
        Message::StopCommandFailed(id) => {
            write!(f, "the stop command of {} failed, sending the stop signal instead", services[id].name)
        }
        Message::StoppingLeftovers => write!(f, "stopping leftover processes"),
        Message::KillingLeftovers(after) => {
            write!(f, "leftover processes did not stop within {}, killing them", Rounded(after))
        }
        Message::WaitingForLeftovers => {
            write!(f, "every service has exited, waiting for leftover processes; send SIGTERM to stop")
        }
        Message::GaveUpOn(id) => write!(
            f,
            "{} is still alive after SIGKILL, not waiting longer: it is in uninterruptible sleep or another user's",
            services[id]
        ),
        Message::GaveUpOnLeftovers => write!(f, "leftover processes are still alive after SIGKILL, not waiting longer"),
        Message::Exit(status) => write!(f, "exit status {status}"),
    }
}

/// A duration rounded for people: to the millisecond below 10 s, the tenth of a second below 60 s, else the second.
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
