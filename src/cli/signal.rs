//! `untrap signal`: sends a signal to the process groups of services.

use clap::Parser;

use super::running::{PidDirOption, RunningInstance, RunningService, VerbError};
use crate::config::name::Name;
use crate::signal;
use crate::sys::members;

/// Sends a signal to services of a running untrap, each with its whole process group.
#[derive(Parser, Debug)]
#[command(name = "untrap signal", no_binary_name = true)]
pub(super) struct SignalVerb {
    /// For example HUP, SIGUSR1, RTMIN+3 or 15
    #[arg(value_name = "SIGNAL")]
    sent: signal::Signal,

    /// A service (web.2) or a process type (web) [default: all services]
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    #[command(flatten)]
    place: PidDirOption,
}

impl SignalVerb {
    /// Signals nothing if one of the names is unknown.
    pub(super) fn run(self) -> Result<String, VerbError> {
        let services = RunningInstance::find(&self.place)?.services;
        if let Some(unknown) = self.names.iter().find(|name| !services.iter().any(|service| is_called(service, name))) {
            let known: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
            return Err(VerbError::nothing(format!(
                "no service is named '{unknown}'; the services are {}",
                known.join(", ")
            )));
        }
        let wanted =
            |service: &&RunningService| self.names.is_empty() || self.names.iter().any(|name| is_called(service, name));
        let mut signalled = 0;
        let mut problems = Vec::new();
        for service in services.iter().filter(wanted) {
            let Some(record) = &service.record else { continue };
            match members::send_to_group(record.pid, &service.members, self.sent) {
                Ok(()) => signalled += 1,
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                Err(error) => problems.push(format!(
                    "{} (pid {}) can't be sent {}: {error}; run this as its user, or as root",
                    service.name, record.pid, self.sent
                )),
            }
        }
        if !problems.is_empty() {
            return Err(VerbError::nothing(problems.join("; ")));
        }
        if signalled == 0 {
            let who = if self.names.is_empty() {
                "no service".to_owned()
            } else {
                format!("none of {}", self.names.join(", "))
            };
            return Err(VerbError::nothing(format!("{who} is running; nothing was signalled")));
        }
        Ok(String::new())
    }
}

/// Whether `name` is the service's name or its process type.
fn is_called(service: &RunningService, name: &str) -> bool {
    match (Name::read(&service.name), Name::read(name)) {
        (Some(own), Some(name)) => own.is_in(&name),
        _ => service.name == name,
    }
}
