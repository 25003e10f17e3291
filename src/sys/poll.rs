//! Waits for several descriptors at once.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::check;

/// The readiness that is polled for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest {
    /// The descriptor can be read.
    Read,
    /// The descriptor can be written.
    Write,
}

/// The descriptors that one ppoll(2) waits for. Each has a slot, so that a wait allocates nothing.
#[derive(Debug)]
pub struct PollSet(Vec<libc::pollfd>);

impl PollSet {
    /// This many empty slots.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        Self(vec![libc::pollfd { fd: -1, events: 0, revents: 0 }; slots])
    }

    /// Sets the descriptor of a slot; `None` empties it.
    pub fn set(&mut self, slot: usize, descriptor: Option<(BorrowedFd, Interest)>) {
        let (fd, events) = match descriptor {
            None => (-1, 0),
            Some((descriptor, Interest::Read)) => (descriptor.as_raw_fd(), libc::POLLIN),
            Some((descriptor, Interest::Write)) => (descriptor.as_raw_fd(), libc::POLLOUT),
        };
        self.0[slot] = libc::pollfd { fd, events, revents: 0 };
    }

    /// Whether the last wait has found the descriptor of this slot ready, or in error.
    #[must_use]
    pub fn is_ready(&self, slot: usize) -> bool {
        self.0[slot].revents != 0
    }

    /// Waits until a slot is ready, or until this time; `None`: without a limit.
    ///
    /// # Errors
    /// Those of ppoll(2).
    pub fn wait(&mut self, until: Option<Instant>) -> io::Result<()> {
        let left = |until: Instant| until.saturating_duration_since(Instant::now()).min(Duration::from_secs(1 << 30));
        let left = until.map(left).map(|left| libc::timespec {
            tv_sec: left.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(left.subsec_nanos() as i32),
        });
        let timeout = left.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        let size = self.0.len() as libc::nfds_t;
        // SAFETY: the slots and the timeout outlive the call, and the signal mask is null.
        match check(unsafe { libc::ppoll(self.0.as_mut_ptr(), size, timeout, std::ptr::null()) }) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            result => {
                if result.is_err() {
                    self.0.iter_mut().for_each(|slot| slot.revents = 0);
                }
                Ok(())
            }
        }
    }
}
