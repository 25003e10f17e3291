//! `untrap signal`: a signal to the groups of entries.

use clap::Parser;

use super::running::{PidDirArgument, Run, RunningService, VerbError};
use crate::config::name::Name;
use crate::signal;
use crate::sys::members;

/// Sends a signal to entries of a running untrap, each with its whole process group.
#[derive(Parser, Debug)]
#[command(name = "untrap signal", no_binary_name = true)]
pub(super) struct SignalVerb {
    /// For example HUP, SIGUSR1, RTMIN+3 or 15
    #[arg(value_name = "SIGNAL")]
    sent: signal::Signal,

    /// An entry (web.2) or a process type (web) [default: all entries]
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    #[command(flatten)]
    place: PidDirArgument,
}

impl SignalVerb {
    /// Nobody is signalled where one of the names is wrong.
    pub(super) fn run(self) -> Result<String, VerbError> {
        let entries = Run::find(&self.place)?.entries;
        if let Some(unknown) = self.names.iter().find(|name| !entries.iter().any(|entry| is_called(entry, name))) {
            let known: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
            return Err(VerbError::nothing(format!("there is no entry '{unknown}'; there is {}", known.join(", "))));
        }
        let wanted =
            |entry: &&RunningService| self.names.is_empty() || self.names.iter().any(|name| is_called(entry, name));
        let mut signalled = 0;
        let mut problems = Vec::new();
        for entry in entries.iter().filter(wanted) {
            let Some(record) = &entry.record else { continue };
            match members::send_to_group(record.pid, &entry.members, self.sent) {
                Ok(()) => signalled += 1,
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                Err(error) => problems.push(format!(
                    "{} (pid {}) can't be sent {}: {error}; run this as its user, or as root",
                    entry.name, record.pid, self.sent
                )),
            }
        }
        if !problems.is_empty() {
            return Err(VerbError::nothing(problems.join("; ")));
        }
        if signalled == 0 {
            let who = if self.names.is_empty() {
                "no entry".to_owned()
            } else {
                format!("none of {}", self.names.join(", "))
            };
            return Err(VerbError::nothing(format!("{who} is running; nothing was signalled")));
        }
        Ok(String::new())
    }
}

/// Whether a NAME is the entry's own, or its process type.
fn is_called(entry: &RunningService, name: &str) -> bool {
    match (Name::read(&entry.name), Name::read(name)) {
        (Some(own), Some(name)) => own.is_in(&name),
        _ => entry.name == name,
    }
}
