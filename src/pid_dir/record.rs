//! The content of a pid file: the PID in the first line, as every reader of such files expects, then lines `KEY=VALUE`.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use crate::sys::clock;
use crate::sys::procfs::Process;

/// The name of untrap's own file, without its suffix.
pub const OWN_NAME: &str = "untrap";

/// The largest pid file that is read, so that another file cannot fill the memory.
pub(super) const LARGEST: u64 = 1 << 20;

/// The longest time from the start of a process to the write of its pid file. A process that is younger than the file by more than this has reused the PID.
const SLACK_SECONDS: f64 = 2.0;

/// The content of a pid file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// Its PID, in the PID namespace of the process that wrote the file.
    pub pid: i32,
    /// `start-ticks`: when it started, in clock ticks after boot (field 22 of `proc_pid_stat(5)`). With the PID it
    /// identifies a process. Missing if another program has written the file, or `/proc` could not be read.
    pub start_ticks: Option<u64>,
    /// `restarts`: how often untrap has restarted the service.
    pub restarts: u32,
    /// `services`: in untrap's own file, the names of all services in the order in which they start.
    pub services: Vec<String>,
}

/// The name of the file for a service, or for untrap itself.
#[must_use]
pub fn file_name(name: &str) -> String {
    format!("{name}.pid")
}

impl Record {
    /// A record of the process that has this PID now.
    #[must_use]
    pub fn of_process(pid: i32) -> Self {
        Self { pid, start_ticks: Process::read(pid).map(|process| process.start_time), ..Self::default() }
    }

    /// Reads the content of a pid file, at most a megabyte of it.
    ///
    /// # Errors
    /// Those of read(2). The inner error: the content does not begin with a PID.
    pub(super) fn read(file: impl Read) -> io::Result<Result<Self, NoPid>> {
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).parse())
    }

    /// The process, if it is alive. The start time distinguishes it from a process that has reused the PID.
    #[must_use]
    pub fn process(&self) -> Option<Process> {
        let process = Process::read(self.pid).filter(|process| !process.is_zombie())?;
        self.start_ticks.is_none_or(|ticks| ticks == process.start_time).then_some(process)
    }

    /// The process, if it is alive and not younger than the file, which was written `file_age` seconds ago. This detects
    /// a reused PID even if the file contains no start time.
    #[must_use]
    pub fn process_behind(&self, file_age: f64) -> Option<Process> {
        self.process().filter(|process| {
            self.start_ticks.is_some() || clock::age(process.start_time).as_secs_f64() + SLACK_SECONDS >= file_age
        })
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.pid)?;
        if let Some(ticks) = self.start_ticks {
            writeln!(f, "start-ticks={ticks}")?;
        }
        if self.services.is_empty() {
            writeln!(f, "restarts={}", self.restarts)
        } else {
            writeln!(f, "services={}", self.services.join(" "))
        }
    }
}

/// The text does not begin with a PID.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoPid;

impl FromStr for Record {
    type Err = NoPid;

    /// Reads pid files of any program: other content may follow the PID.
    fn from_str(text: &str) -> Result<Self, NoPid> {
        let mut lines = text.lines();
        let pid = lines.next().and_then(|line| line.trim().parse().ok()).filter(|pid| *pid > 0).ok_or(NoPid)?;
        let mut record = Self { pid, ..Self::default() };
        for (key, value) in lines.filter_map(|line| line.split_once('=')) {
            match key {
                "start-ticks" => record.start_ticks = value.parse().ok(),
                "restarts" => record.restarts = value.parse().unwrap_or_default(),
                "services" => record.services = value.split_ascii_whitespace().map(str::to_owned).collect(),
                _ => {}
            }
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back_and_begins_with_the_pid_alone() {
        let service = Record { pid: 7, start_ticks: Some(98_765), restarts: 3, services: vec![] };
        let own = Record { pid: 1, start_ticks: None, restarts: 0, services: vec!["web.1".into(), "web.2".into()] };
        assert_eq!(service.to_string(), "7\nstart-ticks=98765\nrestarts=3\n");
        assert_eq!(own.to_string(), "1\nservices=web.1 web.2\n");
        for record in [service, own] {
            assert_eq!(record.to_string().parse(), Ok(record));
        }
    }

    #[test]
    fn pid_files_of_other_programs_are_read() {
        for text in ["7", "7\n", " 7 \n", "7\n/var/lib/db\n5432\n"] {
            assert_eq!(text.parse(), Ok(Record { pid: 7, ..Record::default() }), "{text:?}");
        }
        for text in ["", "\n", "x", "-1", "0", "7x", "99999999999"] {
            assert_eq!(text.parse::<Record>(), Err(NoPid), "{text:?}");
        }
    }

    #[test]
    fn a_process_is_known_by_its_start_time() {
        let own = Record::of_process(std::process::id() as i32);
        assert!(own.process().is_some());
        let recycled = Record { start_ticks: own.start_ticks.map(|ticks| ticks - 1), ..own.clone() };
        assert_eq!(recycled.process(), None);
        let foreign = Record { start_ticks: None, ..own };
        assert!(foreign.process_behind(0.0).is_some());
        assert_eq!(foreign.process_behind(1e6), None, "the file is older than the process");
    }
}
