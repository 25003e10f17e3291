//! `untrap ps` and `untrap signal`: what a running untrap has written to its pid directory, and `/proc`, tell all that
//! they need.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::exit_status::USAGE;
use crate::pid_dir::record::{OWN_NAME, Record, file_name};
use crate::sys::members::{self, Member};

/// The status where there is nobody to look at or to signal, or the system says no.
const NOTHING: u8 = 1;

/// Why a verb did not do what it should.
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

/// Where the running untrap is found.
#[derive(Args, Debug)]
pub(super) struct PidDirArgument {
    /// The pid directory of the running untrap
    #[arg(long, value_name = "DIR", hide_env = true, env = "UNTRAP_PID_DIR")]
    #[arg(value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pid_dir: Option<PathBuf>,
}

/// A run, as its pid directory and `/proc` show it.
pub(super) struct Run {
    /// In the order in which they start.
    pub(super) services: Vec<RunningService>,
}

/// A service of it.
pub(super) struct RunningService {
    pub(super) name: String,
    /// Missing while it is not running.
    pub(super) record: Option<Record>,
    /// The processes of its group, and its leader; none while it is not running.
    pub(super) members: Vec<Member>,
}

impl Run {
    pub(super) fn find(place: &PidDirArgument) -> Result<Self, VerbError> {
        let Some(directory) = place.pid_dir.as_deref().filter(|path| !path.as_os_str().is_empty()) else {
            let message = "no pid directory; set UNTRAP_PID_DIR, or give --pid-dir, to what the running untrap has";
            return Err(VerbError::usage(message.to_owned()));
        };
        let shown = directory.display();
        let nobody = |why: String| VerbError::nothing(format!("no untrap runs with the pid directory {shown}: {why}"));
        let own = read_record(directory, OWN_NAME)?.ok_or_else(|| nobody("there is no untrap.pid in it".to_owned()))?;
        let pid = own.pid;
        if own.process().is_none() {
            return Err(if members::is_hidden(pid) {
                VerbError::nothing(format!("/proc does not show untrap (pid {pid}); run this as its user, or as root"))
            } else {
                nobody(format!("pid {pid} in its untrap.pid is not there; where that is a container's, run this in it"))
            });
        }
        let all = members::descendants(pid)
            .map_err(|error| VerbError::nothing(format!("can't read /proc: {error}; it must be mounted")))?;
        let mut services = Vec::with_capacity(own.services.len());
        for name in own.services {
            let record = read_record(directory, &name)?;
            let members = record.as_ref().map(|record| members_of(record, &all)).unwrap_or_default();
            services.push(RunningService { name, record: record.filter(|_| !members.is_empty()), members });
        }
        Ok(Self { services })
    }
}

/// The group and its leader; nobody where the PID has become another process's.
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

/// What a file says, if it is there.
fn read_record(directory: &Path, name: &str) -> Result<Option<Record>, VerbError> {
    let path = directory.join(file_name(name));
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text.parse().ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let path = path.display();
            Err(VerbError::nothing(format!("can't read {path}: {error}; run this as untrap's user, or as root")))
        }
    }
}

impl RunningService {
    /// Its leader, unless that has ended.
    pub(super) fn leader(&self) -> Option<&Member> {
        let pid = self.record.as_ref()?.pid;
        self.members.iter().find(|member| member.process.pid == pid && !member.process.is_zombie())
    }
}
