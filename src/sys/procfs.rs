//! Processes in `/proc`, see proc(5).

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::check;

/// A process in `/proc`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Process {
    /// Its PID.
    pub pid: i32,
    /// The name of its program, at most 15 bytes.
    pub name: String,
    pub(super) parent: i32,
    group: i32,
    pub(super) zombie: bool,
    /// In clock ticks after boot. With the PID it identifies a process, even if the PID is reused.
    pub start_time: u64,
}

impl Process {
    /// Reads `/proc/PID/stat`. `None` if the process does not exist.
    #[must_use]
    pub fn read(pid: i32) -> Option<Self> {
        Self::parse(pid, &read_stat(pid)?)
    }

    /// Whether it has exited and is not reaped yet.
    #[must_use]
    pub fn is_zombie(&self) -> bool {
        self.zombie
    }

    pub(super) fn parse(pid: i32, stat: &str) -> Option<Self> {
        let (name, fields) = split_stat(stat)?;
        Some(Self {
            pid,
            name: name.to_owned(),
            // A process whose main thread has exited while other threads run is in state Z too, and is alive.
            zombie: matches!(*fields.first()?, "Z" | "X") && fields.get(17)?.parse::<u32>().ok()? <= 1,
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            start_time: fields.get(19)?.parse().ok()?,
        })
    }
}

/// The processes of a group, zombies included. `None` if `/proc` cannot be read.
pub(super) fn processes_in_group(group: i32) -> Option<Vec<Process>> {
    Some(pids().ok()?.filter_map(Process::read).filter(|process| process.group == group).collect())
}

/// The PIDs of all processes.
pub(super) fn pids() -> io::Result<impl Iterator<Item = i32>> {
    let entries = std::fs::read_dir("/proc")?.collect::<io::Result<Vec<_>>>()?;
    Ok(entries.into_iter().filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

/// The effective user of a process, see `proc_pid_status(5)`. The owner of `/proc/PID` is not always this user.
#[must_use]
pub fn effective_user(pid: i32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    users.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Whether a process has executed a program since it was forked, see the field `flags` of `proc_pid_stat(5)`. Also
/// answers for a zombie. `None` if `/proc` does not show it.
#[must_use]
pub fn has_executed(pid: i32) -> Option<bool> {
    /// The flag of a process that was forked and has not executed a program, see `include/linux/sched.h`.
    const PF_FORKNOEXEC: u64 = 0x40;
    let flags: u64 = split_stat(&read_stat(pid)?)?.1.get(6)?.parse().ok()?;
    Some(flags & PF_FORKNOEXEC == 0)
}

/// The children of all threads of a process, see proc(5).
pub(super) fn children(pid: i32) -> impl Iterator<Item = i32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
}

/// The content of `/proc/PID/stat`: about fifty numbers, and a name.
pub(super) fn read_stat(pid: i32) -> Option<String> {
    let mut buffer = [0; 2048];
    Some(String::from_utf8_lossy(start_of_file(pid, "stat", &mut buffer)?).into_owned())
}

/// The name in `7 (name) S 1 …`, and the fields after it, of which the first is the third of
/// `proc_pid_stat(5)`. The name can hold anything, blank space and parentheses too.
pub(super) fn split_stat(stat: &str) -> Option<(&str, Vec<&str>)> {
    let (head, rest) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    Some((name, rest.split_ascii_whitespace().collect()))
}

/// The first bytes of a process's file.
pub(super) fn start_of_file<'a>(pid: i32, name: &str, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let path = ProcPath::new(pid, name)?;
    // SAFETY: `path` is a C string; the descriptor is new, so no other value owns it.
    let file = unsafe {
        let descriptor = check(libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC)).ok()?;
        OwnedFd::from_raw_fd(descriptor)
    };
    // SAFETY: `buffer` outlives the call and has this length.
    let length = unsafe { libc::read(file.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(length).ok().map(|length| &buffer[..length])
}

/// `/proc/PID/NAME` as a C string, without an allocation.
pub(super) struct ProcPath([u8; 32]);

impl ProcPath {
    pub(super) fn new(pid: i32, name: &str) -> Option<Self> {
        Self::format(format_args!("/proc/{pid}/{name}"))
    }

    /// `/proc/self/fd/N`.
    pub(super) fn new_self(descriptor: RawFd) -> Option<Self> {
        Self::format(format_args!("/proc/self/fd/{descriptor}"))
    }

    fn format(text: std::fmt::Arguments) -> Option<Self> {
        let mut path = Self([0; 32]);
        // The last byte is never written, so that the string ends with a NUL.
        let mut free = &mut path.0[..31];
        std::io::Write::write_fmt(&mut free, text).ok()?;
        Some(path)
    }

    pub(super) fn as_ptr(&self) -> *const libc::c_char {
        self.0.as_ptr().cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_stat_line_can_contain_any_character() {
        let tail = "S 12 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 1 2 3";
        let process = Process::parse(7, &format!("7 (a) b) (c) {tail}")).unwrap();
        assert_eq!((process.name.as_str(), process.parent, process.start_time), ("a) b) (c", 12, 98765));
        assert!(!process.zombie);
        assert!(Process::parse(7, "7 (a) Z 1 7 7 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 5 0").unwrap().zombie);
        assert_eq!(Process::parse(7, ""), None);
    }

    #[test]
    fn a_process_whose_main_thread_alone_has_exited_is_no_zombie() {
        let process = Process::parse(7, "7 (a) Z 1 7 7 0 -1 0 1 0 0 0 0 0 0 0 20 0 2 0 5 0").unwrap();
        assert!(!process.zombie);
    }
}
