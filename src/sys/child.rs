//! Children: signals, exits and reaping. The types say which of these are allowed.
//!
//! A PID is not reused until its process is reaped, and the id of a process group until its last member is
//! (credentials(7)). Therefore a [`Leader`] can be signalled as long as the value exists, and reaping it consumes it.

use std::io;
use std::time::Duration;

use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::kill;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, getpgid};

use super::pidfd::GroupPidfd;
use super::{check, clock, procfs};
use crate::exit_status::ExitStatus;
use crate::signal::Signal;

/// A child that untrap has started in a process group of its own, and has not reaped yet.
#[derive(Debug)]
pub struct Leader(Pid);

/// A process group that had members when its leader was reaped.
#[derive(Debug)]
pub struct LeaderlessGroup {
    id: Pid,
    /// Refers to the group even after its id has been reused.
    descriptor: Option<GroupPidfd>,
    /// When the leader was reaped, as a time after boot: no other group had its id before.
    since: Duration,
}

/// The result of waitid(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Children {
    /// This child has exited and is not reaped yet.
    Exited(i32, ExitStatus),
    /// Children exist, and none of them has exited.
    Running,
    /// No child exists.
    None,
}

impl Leader {
    /// The child that spawn has just started.
    pub(super) fn new(pid: Pid) -> Self {
        Self(pid)
    }

    /// Its PID.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.0.as_raw()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// `EPERM` if it runs as another user.
    pub fn send(&self, signal: Signal) -> io::Result<()> {
        send(self.0, signal)
    }

    /// Sends its process group a signal, and also the leader if it has moved to another group.
    ///
    /// # Errors
    /// `EPERM` if all of them run as other users.
    pub fn send_to_group(&self, signal: Signal) -> io::Result<()> {
        let group = send(group(self.0), signal);
        if getpgid(Some(self.0)) == Ok(self.0) { group } else { self.send(signal) }
    }

    /// Reaps the leader, which has exited, and returns its process group if that has other members.
    #[must_use]
    pub fn reap(self) -> Option<LeaderlessGroup> {
        let descriptor = GroupPidfd::open(self.pid());
        let since = clock::time_after_boot();
        reap(self.pid());
        let is_left = descriptor.as_ref().and_then(GroupPidfd::has_members);
        let group = LeaderlessGroup { id: self.0, descriptor: descriptor.filter(|_| is_left.is_some()), since };
        is_left.unwrap_or_else(|| !group.is_empty()).then_some(group)
    }
}

impl LeaderlessGroup {
    /// Sends every member a signal.
    ///
    /// # Errors
    /// `ESRCH` if no member is left, `EPERM` if all members belong to another user.
    pub fn send(&self, signal: Signal) -> io::Result<()> {
        if let Some(descriptor) = &self.descriptor {
            return descriptor.send(signal.number());
        }
        if self.is_gone() {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        send(group(self.id), signal)
    }

    /// Whether the group has no member, not even a zombie.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        if let Some(descriptor) = &self.descriptor {
            return descriptor.has_members() == Some(false);
        }
        kill(group(self.id), None) == Err(nix::errno::Errno::ESRCH)
    }

    /// Whether the group has no living member, or its id belongs to another group by now. A group becomes so without an
    /// event when a parent other than untrap reaps its last member, or when that leaves the group.
    ///
    /// A zombie that only another process can reap cannot be signalled and may stay for ever, so it is not waited for.
    /// Without a descriptor, a group whose members have all started after the leader was reaped is another one: its id
    /// has been reused. (Members of the old group that started later are then signalled as leftover processes.)
    #[must_use]
    pub fn is_gone(&self) -> bool {
        if self.is_empty() {
            return true;
        }
        // An empty list says nothing: `/proc` may hide the members, or they have just exited.
        let members = procfs::processes_in_group(self.id.as_raw()).unwrap_or_default();
        if members.is_empty() {
            return false;
        }
        let own = std::process::id() as i32;
        let is_dead = members.iter().all(|member| member.is_zombie() && member.parent != own);
        let is_younger = |member: &procfs::Process| clock::ticks(member.start_time) > self.since;
        is_dead || self.descriptor.is_none() && members.iter().all(is_younger)
    }
}

/// A process group as an argument of kill(2).
fn group(leader: Pid) -> Pid {
    Pid::from_raw(-leader.as_raw())
}

/// kill(2). The function of nix has no real-time signals.
fn send(pid: Pid, signal: Signal) -> io::Result<()> {
    // SAFETY: kill accesses no memory.
    check(unsafe { libc::kill(pid.as_raw(), signal.number()) }).map(drop)
}

/// Returns a child that has exited, without reaping it, so that its PID is not reused.
///
/// # Errors
/// Those of waitid(2) other than `ECHILD`.
pub fn peek() -> io::Result<Children> {
    loop {
        let info = match wait(libc::P_ALL, 0, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT) {
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(Children::None),
            result => result?,
        };
        let Some(ChildInfo { pid, code, status }) = info else { return Ok(Children::Running) };
        match code {
            libc::CLD_EXITED => return Ok(Children::Exited(pid, ExitStatus::Exited(status as u8))),
            libc::CLD_KILLED | libc::CLD_DUMPED => {
                return Ok(Children::Exited(pid, ExitStatus::Signaled(Signal::from_kernel(status))));
            }
            // A child that asked to be traced has stopped, which waitid(2) reports whatever it is asked for.
            _ => {
                if detach(pid, status).is_err() {
                    return Ok(Children::Running);
                }
            }
        }
    }
}

/// Whether this child has exited and is not reaped yet.
pub(super) fn has_exited(pid: i32) -> bool {
    let options = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    let status = waitid(Id::Pid(Pid::from_raw(pid)), options);
    matches!(status, Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)))
}

/// The signal that has stopped this child since the last call.
#[must_use]
pub fn stop_cause(leader: &Leader) -> Option<Signal> {
    let ChildInfo { pid, code, status } =
        wait(libc::P_PID, leader.pid() as libc::id_t, libc::WSTOPPED | libc::WNOHANG).ok()??;
    if code == libc::CLD_TRAPPED {
        // An error means that the process has been killed meanwhile.
        let _ = detach(pid, status);
        return None;
    }
    Signal::new(status)
}

/// The report of waitid(2) about a child.
struct ChildInfo {
    pid: i32,
    /// `CLD_EXITED` and so on.
    code: libc::c_int,
    /// The exit status, or the number of a signal.
    status: libc::c_int,
}

/// waitid(2). The function of nix does not return an exit by a real-time signal or every stop.
fn wait(id_type: libc::idtype_t, id: libc::id_t, options: libc::c_int) -> io::Result<Option<ChildInfo>> {
    // SAFETY: all zeroes is a valid siginfo_t, and means that no child matches.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `info` outlives the call.
    check(unsafe { libc::waitid(id_type, id, &raw mut info, options) })?;
    // SAFETY: waitid has filled in these fields, or left them 0.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    Ok((pid != 0).then_some(ChildInfo { pid, code: info.si_code, status }))
}

/// Ends the tracing of a child that has made untrap its tracer (`PTRACE_TRACEME`) and has stopped before this signal,
/// which it then receives: untrap is no debugger, and a child that stays stopped cannot be stopped by SIGTERM.
fn detach(pid: i32, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: all zeroes is a valid siginfo_t.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `info` outlives the call, and is what PTRACE_GETSIGINFO writes.
    let known = unsafe { libc::ptrace(libc::PTRACE_GETSIGINFO, pid, 0, &raw mut info) } == 0;
    // SAFETY: the kernel has filled in the sender of a signal of the code SI_USER.
    let is_own = known && info.si_code == libc::SI_USER && unsafe { info.si_pid() } == pid;
    // A traced process sends itself SIGTRAP when it executes a program, for its tracer alone.
    let passed_on = if signal == libc::SIGTRAP && is_own { 0 } else { signal };
    // SAFETY: PTRACE_DETACH takes two integers.
    match unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, 0, passed_on) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Reaps a child that has exited.
pub fn reap(pid: i32) {
    // It has exited and is a child of untrap, so the call neither blocks nor fails.
    let _ = waitid(Id::Pid(Pid::from_raw(pid)), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG);
}

/// Makes untrap the parent of every descendant whose own parent exits. PID 1 of a namespace always is.
///
/// # Errors
/// Those of prctl(2), if it is denied.
pub fn adopt_orphans() -> io::Result<()> {
    match set_child_subreaper(true) {
        Err(error) if std::process::id() != 1 => Err(error.into()),
        _ => Ok(()),
    }
}
