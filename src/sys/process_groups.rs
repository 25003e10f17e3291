//! The process groups of another untrap, for `ps` and `signal`.

use std::io;
use std::time::Duration;

use super::procfs::{self, Process};
use super::{clock, descendants};
use crate::signal::Signal;

/// A member of a process group, and the resources that it uses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// The process.
    pub process: Process,
    /// The id of its group.
    pub group: i32,
    /// Whether it is stopped, by a signal or a debugger.
    pub stopped: bool,
    /// Its CPU time, with that of its children that have been reaped.
    pub cpu: Duration,
    /// Its resident memory in bytes. Shared memory is counted for each process that shares it.
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

/// Sends every member of a process group a signal, and never a process that has reused a PID. `members` are the processes
/// of the group, and its leader, even if that has moved to another group.
///
/// # Errors
/// `EPERM` if none of them may be signalled, `ESRCH` if all of them have exited.
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

/// Whether a process exists that `/proc` hides from this user (its option `hidepid`).
#[must_use]
pub fn is_hidden(pid: i32) -> bool {
    // SAFETY: kill accesses no memory, and sends nothing for signal 0.
    let visible = super::check(unsafe { libc::kill(pid, 0) });
    visible.is_err_and(|error| error.raw_os_error() == Some(libc::EPERM))
}

/// The program and its arguments; empty if the process has exited.
#[must_use]
pub fn command_line(pid: i32) -> Vec<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    // A program that has replaced its arguments by a title leaves NULs after it.
    let words = text.trim_end_matches('\0');
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
        // SAFETY: sysconf accesses no memory of the caller.
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
    fn the_group_the_state_the_time_and_the_memory_are_read_from_a_stat_line() {
        let stat = "7 (a) b) T 12 5 7 0 -1 4194560 1 0 0 0 100 50 20 30 20 0 1 0 98765 1 3 18446744073709551615";
        let member = Member::parse(7, stat).unwrap();
        assert_eq!((member.group, member.stopped, member.cpu), (5, true, clock::ticks(200)));
        assert!(member.memory > 0 && member.memory.is_multiple_of(3));
    }

    #[test]
    fn a_command_line_is_split_into_its_words() {
        let own = command_line(std::process::id() as i32);
        assert_eq!(own, std::env::args().collect::<Vec<_>>());
        assert_eq!(command_line(i32::MAX), [""; 0]);
    }
}
