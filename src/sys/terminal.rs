//! The terminal: whose group is in the foreground, see tcsetpgrp(3) and "Job control" in POSIX.

use std::io::IsTerminal;
use std::os::fd::BorrowedFd;

use nix::sys::signal::{Signal as Standard, killpg};
use nix::sys::stat::{SFlag, fstat};
use nix::unistd::{Pid, getpgid, getpgrp, getpid, getppid, getsid, tcgetpgrp, tcsetpgrp};

// The handles of the standard library allocate, and this is used in a child between its birth and its exec.
// SAFETY: `open_standard` has opened both, and no code closes them.
const STDIN: BorrowedFd = unsafe { BorrowedFd::borrow_raw(libc::STDIN_FILENO) };
// SAFETY: as above.
const STDOUT: BorrowedFd = unsafe { BorrowedFd::borrow_raw(libc::STDOUT_FILENO) };

/// A terminal on standard input, and untrap's process group, which its parent has put in the foreground or not.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    own: Pid,
    /// Whether the service is to have it. Not from the start when standard output is a pipe: the rest of the pipeline
    /// (`| less`) is in our group, and may need the terminal more.
    wanted: bool,
}

impl Terminal {
    /// The terminal on standard input, if it is the one that controls our session.
    #[must_use]
    pub fn of_stdin() -> Option<Self> {
        let is_pipe = |mode| SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFIFO;
        let piped = fstat(STDOUT).is_ok_and(|status| is_pipe(status.st_mode));
        (STDIN.is_terminal() && tcgetpgrp(STDIN).is_ok()).then(|| Self { own: getpgrp(), wanted: !piped })
    }

    /// The service reads from it, or changes it.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// Whether we are in the foreground, so that the terminal is ours to give.
    #[must_use]
    pub fn is_ours(self) -> bool {
        tcgetpgrp(STDIN) == Ok(self.own)
    }

    /// Makes the group of this leader the foreground group, if it is to have it and we are in the foreground.
    pub fn give_to(self, leader: i32) {
        if self.wanted && self.is_ours() {
            set_foreground(Pid::from_raw(leader));
        }
    }

    /// Takes the foreground back from the group of this leader.
    pub fn take_back_from(self, leader: i32) {
        if tcgetpgrp(STDIN) == Ok(Pid::from_raw(leader)) {
            set_foreground(self.own);
        }
    }

    /// Whether a shell with job control is there to wake us when we stop: our group is not an orphaned one.
    #[must_use]
    pub fn has_shell_above(self) -> bool {
        if getpid().as_raw() == 1 {
            return false;
        }
        let session = getsid(None);
        let parent = Some(getppid());
        // In a group of several, a script for one, the shell is further up.
        let above = getpgid(parent).is_ok_and(|group| group != self.own) || self.own != getpid();
        session != Ok(getpid()) && getsid(parent) == session && above
    }

    /// Stops the rest of our group, as the key does that stops a group in the foreground.
    pub fn stop_group(self) {
        // To kill(2), -1 means every process, not the group 1.
        if self.own.as_raw() > 1 {
            // Our own copy of the signal is blocked, and is gone when SIGCONT arrives.
            let _ = killpg(self.own, Standard::SIGTSTP);
        }
    }
}

/// How many columns the terminal on standard output has; none where it is no terminal.
#[must_use]
pub fn columns() -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the buffer is what this request fills in, and outlives the call.
    let result = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    (result == 0 && size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// It fails when the terminal has hung up, or the group has gone: there is nothing to set then.
fn set_foreground(group: Pid) {
    let _ = tcsetpgrp(STDIN, group);
}
