//! What `/proc` says of processes, see proc(5).

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::check;
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
    zombie: bool,
    /// In clock ticks after boot; with the PID it names a process for good.
    start_time: u64,
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

/// Sends a signal to every living descendant of this process, each once, and gives those that it was sent to.
///
/// # Errors
/// `/proc` can't be read.
pub fn send_to_descendants(signals: &[Signal]) -> io::Result<Vec<Process>> {
    let mut descendants = living_descendants()?;
    descendants.retain(|process| signals.iter().all(|signal| process.send(*signal).is_ok()));
    Ok(descendants)
}

/// Kills every descendant. A process can be born while we look, so we look until there is no living one; it gives those
/// that were killed.
///
/// # Errors
/// `/proc` can't be read.
pub fn kill_descendants() -> io::Result<Vec<Process>> {
    // What a bomb starts faster than this is killed after the next reaping.
    const ROUNDS: usize = 8;
    let mut killed: Vec<Process> = Vec::new();
    for _ in 0..ROUNDS {
        let now = send_to_descendants(&[Signal::KILL])?;
        let before = killed.len();
        killed.extend(now.into_iter().filter(|process| !killed[..before].contains(process)).collect::<Vec<_>>());
        if killed.len() == before {
            break;
        }
    }
    Ok(killed)
}

/// The processes that have this one among their ancestors, without zombies.
fn living_descendants() -> io::Result<Vec<Process>> {
    // Where it is not mounted the directory can be there, and empty; and the numbers of another PID namespace mean others.
    if std::fs::read_link("/proc/self")?.as_os_str() != std::process::id().to_string().as_str() {
        return Err(io::Error::other("it is that of another PID namespace"));
    }
    let directory = std::fs::read_dir("/proc")?;
    // What can't be read of us, for want of descriptors, can't be read of anyone.
    std::fs::read("/proc/self/stat")?;
    let mut all = Vec::new();
    for entry in directory {
        let pid = entry?.file_name().to_str().and_then(|name| name.parse().ok());
        all.extend(pid.and_then(Process::read));
    }
    let mut family = HashSet::from([std::process::id() as i32]);
    let mut size = 0;
    // A parent's PID can be higher than its child's, so one pass is not always enough.
    while size != family.len() {
        size = family.len();
        let children = all.iter().filter(|process| family.contains(&process.parent)).map(|process| process.pid);
        family.extend(children.collect::<Vec<_>>());
    }
    all.retain(|process| !process.zombie && family.contains(&process.parent));
    Ok(all)
}

impl Process {
    /// What `/proc/PID/stat` says, unless the process has gone.
    fn read(pid: i32) -> Option<Self> {
        let mut path = String::new();
        write!(path, "/proc/{pid}/stat").ok()?;
        Self::parse(pid, &String::from_utf8_lossy(&std::fs::read(path).ok()?))
    }

    /// Reads `7 (name) S 1 …`. The name can hold anything, blank space and parentheses too.
    fn parse(pid: i32, stat: &str) -> Option<Self> {
        let (head, rest) = stat.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(Self {
            pid,
            name: name.to_owned(),
            zombie: matches!(*fields.first()?, "Z" | "X"),
            parent: fields.get(1)?.parse().ok()?,
            start_time: fields.get(19)?.parse().ok()?,
        })
    }

    /// Sends it a signal, unless its PID has become another process's since it was read.
    fn send(&self, signal: Signal) -> io::Result<()> {
        // SAFETY: pidfd_open takes two integers.
        let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, self.pid, 0) };
        // SAFETY: where it is a descriptor, it is new and nobody else's.
        let descriptor = (descriptor >= 0).then(|| unsafe { OwnedFd::from_raw_fd(descriptor as i32) });
        if Self::read(self.pid).is_none_or(|now| now.start_time != self.start_time) {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        let no_info = std::ptr::null::<libc::siginfo_t>();
        let through = |descriptor: OwnedFd| {
            let (call, descriptor) = (libc::SYS_pidfd_send_signal, descriptor.as_raw_fd());
            // SAFETY: a null siginfo is allowed: the kernel fills it in as kill does.
            check(unsafe { libc::syscall(call, descriptor, signal.number(), no_info, 0) } as i32)
        };
        match descriptor.map(through) {
            Some(Err(error)) if !matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => Err(error),
            Some(Ok(_)) => Ok(()),
            // Kernels before 5.3, and sandboxes that deny one of the two calls.
            // SAFETY: kill touches no memory of ours.
            _ => check(unsafe { libc::kill(self.pid, signal.number()) }).map(drop),
        }
    }
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
