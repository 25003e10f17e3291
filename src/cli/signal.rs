//! `untrap signal`: sends a signal to the process groups of services.

use std::path::PathBuf;

use super::running::{RunningInstance, RunningService, VerbError};
use super::values::OptionValues;
use super::{Request, UsageError};
use crate::config::name::Name;
use crate::signal::Signal;
use crate::sys::process_groups;

/// The values of `untrap signal`.
#[derive(Debug)]
pub struct SignalRequest {
    pid_dir: Option<PathBuf>,
    signal: Signal,
    /// Services and process types; empty for all services.
    names: Vec<String>,
}

pub(super) fn read(values: &OptionValues) -> Result<Request, UsageError> {
    let signal = values.value("signal")?.expect("clap requires this argument");
    Ok(Request::Signal(SignalRequest { pid_dir: values.path("pid-dir")?, signal, names: values.texts("names") }))
}

impl SignalRequest {
    /// Sends the signal. Signals nothing if one of the names is unknown.
    ///
    /// # Errors
    /// Fails if no untrap runs with the pid directory, if no such service runs, or if the system denies access.
    pub fn run(&self) -> Result<String, VerbError> {
        let services = RunningInstance::find(self.pid_dir.as_deref())?.services;
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
            match process_groups::send_to_group(record.pid, &service.members, self.signal) {
                Ok(()) => signalled += 1,
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                Err(error) => problems.push(format!(
                    "{} (pid {}) can't be sent {}: {error}; run this as its user, or as root",
                    service.name, record.pid, self.signal
                )),
            }
        }
        if !problems.is_empty() {
            return Err(VerbError::nothing(problems.join("; ")));
        }
        if signalled == 0 {
            let subject = if self.names.is_empty() {
                "no service".to_owned()
            } else {
                format!("none of {}", self.names.join(", "))
            };
            return Err(VerbError::nothing(format!("{subject} is running; nothing was signalled")));
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
