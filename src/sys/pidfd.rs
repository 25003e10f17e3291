//! Descriptors of processes and process groups. They remain valid when a PID is reused, see `pidfd_open(2)`.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::check;
use super::procfs::Process;
use crate::signal::Signal;

impl Process {
    /// Sends the process a signal. If its PID has been reused, the new process receives none.
    pub(super) fn send(&self, signal: Signal) -> io::Result<()> {
        match self.open()?.map(|descriptor| send_through(&descriptor, signal.number(), 0)) {
            Some(Err(error)) if !matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => Err(error),
            Some(Ok(())) => Ok(()),
            // A kernel before 5.3, or a sandbox that denies one of the two calls.
            // SAFETY: kill accesses no memory.
            _ => check(unsafe { libc::kill(self.pid, signal.number()) }).map(drop),
        }
    }

    /// Sends a signal to every member of the process group whose id is the PID. `ENOSYS` or `EINVAL`: the kernel has no
    /// descriptors of process groups (before 6.9).
    pub(super) fn send_to_group(&self, signal: Signal) -> io::Result<()> {
        let descriptor = self.open()?.ok_or(io::Error::from_raw_os_error(libc::ENOSYS))?;
        send_through(&descriptor, signal.number(), libc::PIDFD_SIGNAL_PROCESS_GROUP)
    }

    /// Waits for the exit of the process, at most for this time. Returns whether it has exited.
    #[must_use]
    pub fn exits_within(&self, time: Duration) -> bool {
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

    /// A descriptor that refers to this process even after its PID has been reused; `None` if the kernel has no pidfds.
    fn open(&self) -> io::Result<Option<OwnedFd>> {
        let descriptor = open(self.pid);
        if Self::read(self.pid).is_none_or(|now| now.start_time != self.start_time) {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        Ok(descriptor)
    }
}

/// A descriptor of a process group. It remains valid when the leader is reaped and the id is reused.
#[derive(Debug)]
pub(super) struct GroupPidfd(OwnedFd);

impl GroupPidfd {
    /// The descriptor of the process group of a child that is not reaped yet. `None` if the kernel has no pidfds, or
    /// denies the call.
    pub(super) fn open(leader: i32) -> Option<Self> {
        open(leader).map(Self)
    }

    /// Sends every member a signal; 0 sends nothing.
    pub(super) fn send(&self, signal: i32) -> io::Result<()> {
        send_through(&self.0, signal, libc::PIDFD_SIGNAL_PROCESS_GROUP)
    }

    /// Whether the group has a member, which may be a zombie. `None` before Linux 6.9, or if the call is denied.
    pub(super) fn has_members(&self) -> Option<bool> {
        match self.send(0) {
            Ok(()) => Some(true),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Some(false),
            Err(_) => None,
        }
    }
}

/// A descriptor of the process with this PID; `None` if there is no such process, or if the kernel has no pidfds.
fn open(pid: i32) -> Option<OwnedFd> {
    // SAFETY: pidfd_open takes two integers.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    // SAFETY: a result that is not negative is a new descriptor, which no other value owns.
    (descriptor >= 0).then(|| unsafe { OwnedFd::from_raw_fd(descriptor as i32) })
}

fn send_through(descriptor: &OwnedFd, signal: i32, flags: libc::c_uint) -> io::Result<()> {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the siginfo may be null; the kernel then fills it in as for kill.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, descriptor.as_raw_fd(), signal, no_info, flags) };
    check(sent as i32).map(drop)
}
