//! What `/proc` says of processes, see proc(5).

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{check, child};
use crate::signal::Signal;

/// Programs that pass no signal on to what they run.
const SHELLS: &[&str] = &["sh", "ash", "bash", "dash", "fish", "ksh", "ksh93", "mksh", "posh", "rbash", "yash", "zsh"];

/// Programs that are many programs, told apart by the name they are called by.
const MULTI_CALL: &[&str] = &["busybox", "toybox"];

/// A process as `/proc` shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Process {
    /// Its PID.
    pub pid: i32,
    /// Its program's name, up to 15 bytes of it.
    pub name: String,
    parent: i32,
    group: i32,
    zombie: bool,
    /// In clock ticks after boot; with the PID it names a process for good.
    pub start_time: u64,
}

/// The time since a process started that started so many clock ticks after boot.
#[must_use]
pub fn age(start_time: u64) -> Duration {
    time_after_boot().saturating_sub(ticks(start_time))
}

/// The time since the machine was started, on the clock of start times.
pub(super) fn time_after_boot() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the buffer outlives the call, which fails only for clocks that the kernel doesn't know.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Clock ticks as a time.
pub(super) fn ticks(count: u64) -> Duration {
    // SAFETY: sysconf touches no memory of ours.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as u64;
    Duration::from_nanos(count.saturating_mul(1_000_000_000 / per_second))
}

/// Whether the process runs a shell now. `None` where `/proc` can't say.
///
/// It allocates nothing: this is on the way of every signal.
#[must_use]
pub fn runs_shell(pid: i32) -> Option<bool> {
    let mut buffer = [0; libc::PATH_MAX as usize];
    let program = link(pid, &mut buffer).map(|path| path.strip_suffix(b" (deleted)").unwrap_or(path));
    match program.map(base_name) {
        Some(name) if is_one_of(name, MULTI_CALL) => {}
        Some(name) => return Some(is_one_of(name, SHELLS)),
        // Another user's process shows its arguments, not its program.
        None => {}
    }
    let arguments = start_of_file(pid, "cmdline", &mut buffer)?;
    let mut names = arguments.split(|byte| *byte == 0).map(|word| base_name(word.strip_prefix(b"-").unwrap_or(word)));
    let called = names.find(|name| !is_one_of(name, MULTI_CALL)).filter(|name| !name.is_empty())?;
    Some(is_one_of(called, SHELLS))
}

fn is_one_of(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|known| known.as_bytes() == name)
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// The path of a process's program.
fn link(pid: i32, buffer: &mut [u8]) -> Option<&[u8]> {
    let path = ProcPath::new(pid, "exe")?;
    // SAFETY: the path is a C string, and the buffer as large as said.
    let length = unsafe { libc::readlink(path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(length).ok().map(|length| &buffer[..length])
}

/// The first bytes of a process's file.
fn start_of_file<'a>(pid: i32, name: &str, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let path = ProcPath::new(pid, name)?;
    // SAFETY: the path is a C string; the descriptor is new and nobody else's.
    let file = unsafe {
        let descriptor = check(libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC)).ok()?;
        OwnedFd::from_raw_fd(descriptor)
    };
    // SAFETY: the buffer is as large as said.
    let length = unsafe { libc::read(file.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(length).ok().map(|length| &buffer[..length])
}

/// `/proc/PID/NAME` as a C string, without an allocation.
struct ProcPath([u8; 32]);

impl ProcPath {
    fn new(pid: i32, name: &str) -> Option<Self> {
        let mut path = Self([0; 32]);
        // The last byte is not lent out: the string ends with a NUL whatever is written.
        let mut free = &mut path.0[..31];
        std::io::Write::write_fmt(&mut free, format_args!("/proc/{pid}/{name}")).ok()?;
        Some(path)
    }

    fn as_ptr(&self) -> *const libc::c_char {
        self.0.as_ptr().cast()
    }
}

/// Sends signals to every living descendant of this process, each once, and gives those that they were sent to.
///
/// # Errors
/// `/proc` can't be read.
pub fn send_to_descendants(signals: &[Signal]) -> io::Result<Vec<Process>> {
    let mut descendants = living_descendants()?;
    descendants.retain(|process| process.send_all(signals));
    Ok(descendants)
}

/// Kills every descendant, and gives those that were killed. A process can be born while we look, so we look until
/// there is no new one, but not for long: without a reaping the dead of a bomb get in the way.
///
/// # Errors
/// `/proc` can't be read.
pub fn kill_descendants() -> io::Result<Vec<Process>> {
    const LONGEST: Duration = Duration::from_millis(20);
    let until = Instant::now() + LONGEST;
    let mut killed: Vec<Process> = Vec::new();
    loop {
        let mut found = family(until);
        if !found.iter().any(|process| process.is_new_among(&killed)) {
            found = living_descendants()?;
        }
        found.retain(|process| process.is_new_among(&killed) && process.send_all(&[Signal::KILL]));
        let is_last = found.is_empty() || Instant::now() >= until;
        killed.append(&mut found);
        if is_last {
            return Ok(killed);
        }
    }
}

/// The living descendants as their parents' lists give them. It takes no longer for what else runs on the machine, so
/// that whoever forks and ends at once is caught; but a list that changes while it is read may lack someone.
fn family(until: Instant) -> Vec<Process> {
    // Of our own, thousands may wait to be reaped: to ask the kernel is faster than to read what /proc says.
    let own = children(std::process::id() as i32).filter(|pid| !child::has_ended(*pid));
    let mut family: Vec<Process> = own.filter_map(Process::read).collect();
    let mut next = 0;
    // Whoever forks as fast as we read would lead us on for ever.
    while next < family.len() && (next == 0 || Instant::now() < until) {
        let of_next: Vec<Process> = children(family[next].pid).filter_map(Process::read).collect();
        family.extend(of_next);
        next += 1;
    }
    family.retain(|process| !process.zombie);
    family
}

/// The children of all threads of a process, see proc(5).
fn children(pid: i32) -> impl Iterator<Item = i32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
}

/// The processes that have this one among their ancestors, without zombies.
fn living_descendants() -> io::Result<Vec<Process>> {
    // Where it is not mounted the directory can be there, and empty; and the numbers of another PID namespace mean others.
    if std::fs::read_link("/proc/self")?.as_os_str() != std::process::id().to_string().as_str() {
        return Err(io::Error::other("it is that of another PID namespace"));
    }
    // To find one takes two descriptors: where there is only one left, no one is found, and that is not nobody.
    let directory = std::fs::read_dir("/proc")?;
    std::fs::read("/proc/self/stat")?;
    drop(directory);
    let mut all: Vec<Process> = pids()?.filter_map(Process::read).collect();
    retain_descendants(&mut all, std::process::id() as i32, |process| process);
    all.retain(|process| !process.zombie);
    Ok(all)
}

/// When each process of a group started, in clock ticks after boot; `None` where `/proc` can't be read.
pub(super) fn start_times_in_group(group: i32) -> Option<Vec<u64>> {
    let members = pids().ok()?.filter_map(Process::read).filter(|process| process.group == group);
    Some(members.map(|process| process.start_time).collect())
}

/// The PIDs that there are now.
pub(super) fn pids() -> io::Result<impl Iterator<Item = i32>> {
    let entries = std::fs::read_dir("/proc")?.collect::<io::Result<Vec<_>>>()?;
    Ok(entries.into_iter().filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

/// Of `all`, which know their processes, those that have `ancestor` among their ancestors.
pub(super) fn retain_descendants<T>(all: &mut Vec<T>, ancestor: i32, process: impl Fn(&T) -> &Process) {
    let mut family = HashSet::from([ancestor]);
    let mut size = 0;
    // A parent's PID can be higher than its child's, so one pass is not always enough.
    while size != family.len() {
        size = family.len();
        let children = all.iter().map(&process).filter(|process| family.contains(&process.parent));
        let children: Vec<i32> = children.map(|process| process.pid).collect();
        family.extend(children);
    }
    all.retain(|one| family.contains(&process(one).parent));
}

impl Process {
    /// What `/proc/PID/stat` says, unless the process has gone.
    #[must_use]
    pub fn read(pid: i32) -> Option<Self> {
        Self::parse(pid, &read_stat(pid)?)
    }

    /// Whether it has ended, and waits to be reaped.
    #[must_use]
    pub fn is_zombie(&self) -> bool {
        self.zombie
    }

    pub(super) fn parse(pid: i32, stat: &str) -> Option<Self> {
        let (name, fields) = split_stat(stat)?;
        Some(Self {
            pid,
            name: name.to_owned(),
            zombie: matches!(*fields.first()?, "Z" | "X"),
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            start_time: fields.get(19)?.parse().ok()?,
        })
    }

    fn is_new_among(&self, known: &[Self]) -> bool {
        !known.iter().any(|process| process.pid == self.pid && process.start_time == self.start_time)
    }

    fn send_all(&self, signals: &[Signal]) -> bool {
        signals.iter().all(|signal| self.send(*signal).is_ok())
    }

    /// Sends it a signal, unless its PID has become another process's since it was read.
    pub(super) fn send(&self, signal: Signal) -> io::Result<()> {
        match self.open()?.map(|descriptor| send_through(&descriptor, signal.number(), 0)) {
            Some(Err(error)) if !matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => Err(error),
            Some(Ok(())) => Ok(()),
            // Kernels before 5.3, and sandboxes that deny one of the two calls.
            // SAFETY: kill touches no memory of ours.
            _ => check(unsafe { libc::kill(self.pid, signal.number()) }).map(drop),
        }
    }

    /// Sends a signal to everyone in the group that has its PID for an id. `ENOSYS` or `EINVAL`: the kernel can't name a
    /// group by a descriptor (before 6.9).
    pub(super) fn send_to_group(&self, signal: Signal) -> io::Result<()> {
        let descriptor = self.open()?.ok_or(io::Error::from_raw_os_error(libc::ENOSYS))?;
        send_through(&descriptor, signal.number(), libc::PIDFD_SIGNAL_PROCESS_GROUP)
    }

    /// Waits for it to end, at most so long, and says whether it has.
    #[must_use]
    pub fn ends_within(&self, time: Duration) -> bool {
        match self.open() {
            Ok(Some(descriptor)) => {
                let mut descriptors = [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)];
                let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
                poll(&mut descriptors, timeout) == Ok(1)
            }
            Ok(None) => false,
            Err(_) => true,
        }
    }

    /// A descriptor that stays this process's, whoever gets its PID; none where the kernel has no such thing.
    fn open(&self) -> io::Result<Option<OwnedFd>> {
        let descriptor = open(self.pid);
        if Self::read(self.pid).is_none_or(|now| now.start_time != self.start_time) {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        Ok(descriptor)
    }
}

/// A descriptor that names a group for good: also when its leader is reaped, and when its id has become another group's.
#[derive(Debug)]
pub(super) struct GroupDescriptor(OwnedFd);

impl GroupDescriptor {
    /// That of a child's group, the child running or ended, not yet reaped; `None` where the kernel has no such thing,
    /// or doesn't give it.
    pub(super) fn open(leader: i32) -> Option<Self> {
        open(leader).map(Self)
    }

    /// Sends every member a signal; 0 is none.
    pub(super) fn send(&self, signal: i32) -> io::Result<()> {
        send_through(&self.0, signal, libc::PIDFD_SIGNAL_PROCESS_GROUP)
    }

    /// Whether anyone is left in it, if only a zombie. `None` where the kernel can't say (before 6.9), or may not.
    pub(super) fn has_members(&self) -> Option<bool> {
        match self.send(0) {
            Ok(()) => Some(true),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Some(false),
            Err(_) => None,
        }
    }
}

/// A descriptor of whoever has this PID; none where there is nobody, or the kernel has no such thing.
fn open(pid: i32) -> Option<OwnedFd> {
    // SAFETY: pidfd_open takes two integers.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    // SAFETY: where it is a descriptor, it is new and nobody else's.
    (descriptor >= 0).then(|| unsafe { OwnedFd::from_raw_fd(descriptor as i32) })
}

fn send_through(descriptor: &OwnedFd, signal: i32, flags: libc::c_uint) -> io::Result<()> {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null siginfo is allowed: the kernel fills it in as kill does.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, descriptor.as_raw_fd(), signal, no_info, flags) };
    check(sent as i32).map(drop)
}

/// What `/proc/PID/stat` says: fifty numbers, and a name.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_name_holds() {
        let tail = "S 12 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 1 2 3";
        let process = Process::parse(7, &format!("7 (a) b) (c) {tail}")).unwrap();
        assert_eq!((process.name.as_str(), process.parent, process.start_time), ("a) b) (c", 12, 98765));
        assert!(!process.zombie);
        assert!(Process::parse(7, "7 (a) Z 1 7 7 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 5 0").unwrap().zombie);
        assert_eq!(Process::parse(7, ""), None);
    }

    #[test]
    fn this_process_runs_no_shell() {
        assert_eq!(runs_shell(std::process::id() as i32), Some(false));
        assert_eq!(runs_shell(i32::MAX), None);
    }
}
