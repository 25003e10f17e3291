//! The groups of another untrap, as `ps` and `signal` see them.

use std::io;
use std::time::Duration;

use super::procfs::{self, Process};
use super::{clock, descendants};
use crate::signal::Signal;

/// A process of a group, and what it uses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Which.
    pub process: Process,
    /// The id of its group.
    pub group: i32,
    /// Whether it is stopped, by a signal or a debugger.
    pub stopped: bool,
    /// The CPU time that it has used, with that of its children that have ended.
    pub cpu: Duration,
    /// The memory that it has in RAM, in bytes; what it shares with others is counted for each.
    pub memory: u64,
}

/// The processes that have `ancestor` among their ancestors, zombies included.
///
/// # Errors
/// `/proc` can't be read.
pub fn descendants(ancestor: i32) -> io::Result<Vec<Member>> {
    let mut all: Vec<Member> = procfs::pids()?.filter_map(Member::read).collect();
    descendants::retain_descendants(&mut all, ancestor, |member| &member.process);
    Ok(all)
}

/// Sends every member of a group a signal, and never a process that has reused a PID. `members` are the processes of
/// the group, and its leader, wherever that is now.
///
/// # Errors
/// `EPERM` where none of them may be signalled, `ESRCH` where all of them have ended.
pub fn send_to_group(group: i32, members: &[Member], signal: Signal) -> io::Result<()> {
    let leader = members.iter().find(|member| member.process.pid == group && member.group == group);
    // One call, if the leader exists and the kernel supports it, so that a process forked meanwhile is signalled too.
    if leader.is_some_and(|leader| leader.process.send_to_group(signal).is_ok()) {
        return Ok(());
    }
    let mut result = Err(io::Error::from_raw_os_error(libc::ESRCH));
    for member in members.iter().filter(|member| !member.process.is_zombie()) {
        match member.process.send(signal) {
            Ok(()) => result = Ok(()),
            Err(error) if result.is_err() && error.raw_os_error() != Some(libc::ESRCH) => result = Err(error),
            Err(_) => {}
        }
    }
    result
}

/// Whether a process exists that `/proc` may not show to us (its option `hidepid`).
#[must_use]
pub fn is_hidden(pid: i32) -> bool {
    // SAFETY: kill touches no memory of ours, and signal 0 is none.
    let visible = super::check(unsafe { libc::kill(pid, 0) });
    visible.is_err_and(|error| error.raw_os_error() == Some(libc::EPERM))
}

/// The program and its arguments; none where the process has ended.
#[must_use]
pub fn command_line(pid: i32) -> Vec<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let words = text.strip_suffix('\0').unwrap_or(&text);
    if words.is_empty() { Vec::new() } else { words.split('\0').map(str::to_owned).collect() }
}

impl Member {
    fn read(pid: i32) -> Option<Self> {
        Self::parse(pid, &procfs::read_stat(pid)?)
    }

    fn parse(pid: i32, stat: &str) -> Option<Self> {
        let (_, fields) = procfs::split_stat(stat)?;
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        let ticks: u64 = (11..15).filter_map(number).sum();
        // SAFETY: sysconf touches no memory of ours.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64;
        Some(Self {
            process: Process::parse(pid, stat)?,
            group: fields.get(2)?.parse().ok()?,
            stopped: matches!(*fields.first()?, "T" | "t"),
            cpu: clock::ticks(ticks),
            memory: number(21)? * page,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_tells_group_state_time_and_memory() {
        let stat = "7 (a) b) T 12 5 7 0 -1 4194560 1 0 0 0 100 50 20 30 20 0 1 0 98765 1 3 18446744073709551615";
        let member = Member::parse(7, stat).unwrap();
        assert_eq!((member.group, member.stopped, member.cpu), (5, true, clock::ticks(200)));
        assert!(member.memory > 0 && member.memory.is_multiple_of(3));
    }

    #[test]
    fn a_command_line_is_split_where_its_words_end() {
        let own = command_line(std::process::id() as i32);
        assert_eq!(own, std::env::args().collect::<Vec<_>>());
        assert_eq!(command_line(i32::MAX), [""; 0]);
    }
}
