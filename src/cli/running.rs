//! A running untrap, as `untrap ps` and `untrap signal` see it in its pid directory and `/proc`.

use std::fmt;
use std::path::Path;

use crate::config::name::Name;
use crate::exit_status::USAGE;
use crate::pid_dir::record::{OWN_NAME, Record, file_name};
use crate::pid_dir::{lock, reader};
use crate::sys::process_groups::{self, Member};

/// The status if no untrap or no such service runs, or if the system denies access.
const NOTHING: u8 = 1;

/// The error of a verb.
#[derive(Debug)]
pub struct VerbError {
    /// The exit status.
    pub status: u8,
    pub(super) message: String,
}

impl fmt::Display for VerbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for VerbError {}

impl VerbError {
    pub(super) fn usage(message: String) -> Self {
        Self { status: USAGE, message }
    }

    pub(super) fn nothing(message: String) -> Self {
        Self { status: NOTHING, message }
    }
}

/// A running untrap and its services.
pub(super) struct RunningInstance {
    /// In the order of their start.
    pub(super) services: Vec<RunningService>,
}

/// A service of a running untrap.
pub(super) struct RunningService {
    pub(super) name: String,
    /// The content of the pid file, while the service runs.
    pub(super) record: Option<Record>,
    /// The leader and the processes of its group; empty if the service does not run.
    pub(super) members: Vec<Member>,
}

impl RunningInstance {
    pub(super) fn find(pid_dir: Option<&Path>) -> Result<Self, VerbError> {
        let Some(directory) = pid_dir else {
            let message = "no pid directory; set UNTRAP_PID_DIR, or give --pid-dir, to what the running untrap has";
            return Err(VerbError::usage(message.to_owned()));
        };
        let shown = directory.display();
        let not_running =
            |why: String| VerbError::nothing(format!("no untrap runs with the pid directory {shown}: {why}"));
        let own =
            read_record(directory, OWN_NAME, None)?.ok_or_else(|| not_running("it has no untrap.pid".to_owned()))?;
        let pid = own.pid;
        if own.process().is_none() {
            return Err(if process_groups::is_hidden(pid) {
                VerbError::nothing(format!("/proc does not show untrap (pid {pid}); run this as its user, or as root"))
            } else {
                not_running(format!(
                    "pid {pid} of its untrap.pid does not exist; if untrap runs in a container, run this command there"
                ))
            });
        }
        let is_held = lock::is_held_by(directory, pid)
            .map_err(|error| VerbError::nothing(format!("can't read /proc/locks: {error}; /proc must be mounted")))?;
        if !is_held {
            return Err(not_running(format!("pid {pid} of its untrap.pid does not hold its lock")));
        }
        let all = process_groups::descendants(pid)
            .map_err(|error| VerbError::nothing(format!("can't read /proc: {error}; it must be mounted")))?;
        let mut services = Vec::with_capacity(own.services.len());
        for name in own.services.into_iter().filter(|name| Name::read(name).is_some()) {
            let record = read_record(directory, &name, Some(pid))?;
            let members = record.as_ref().map(|record| members_of(record, &all)).unwrap_or_default();
            services.push(RunningService { name, record: record.filter(|_| !members.is_empty()), members });
        }
        Ok(Self { services })
    }
}

/// The leader and the members of its group; empty if another process has reused the PID.
fn members_of(record: &Record, all: &[Member]) -> Vec<Member> {
    let has_pid = |member: &&Member| member.process.pid == record.pid;
    let is_other = |member: &Member| record.start_ticks.is_some_and(|ticks| ticks != member.process.start_time);
    if all.iter().find(has_pid).is_some_and(is_other) {
        return Vec::new();
    }
    let belongs = |member: &&Member| member.group == record.pid || member.process.pid == record.pid;
    let members: Vec<Member> = all.iter().filter(belongs).cloned().collect();
    if members.iter().all(|member| member.process.is_zombie()) { Vec::new() } else { members }
}

/// The record in the pid file of `name`, if the file exists, is valid and is trusted.
fn read_record(directory: &Path, name: &str, writer: Option<i32>) -> Result<Option<Record>, VerbError> {
    reader::read(directory, name, writer).map_err(|error| {
        let path = directory.join(file_name(name));
        let path = path.display();
        VerbError::nothing(format!("can't read {path}: {error}; run this as untrap's user, or as root"))
    })
}

impl RunningService {
    /// The leader, unless it has exited.
    pub(super) fn leader(&self) -> Option<&Member> {
        let pid = self.record.as_ref()?.pid;
        self.members.iter().find(|member| member.process.pid == pid && !member.process.is_zombie())
    }
}
