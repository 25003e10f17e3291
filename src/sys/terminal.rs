//! The terminal: whose group is in the foreground, see tcsetpgrp(3) and "Job control" in POSIX.

use std::io::IsTerminal;
use std::os::fd::BorrowedFd;

use nix::sys::signal::{Signal as Standard, killpg};
use nix::unistd::{Pid, getpgid, getpgrp, getpid, getppid, getsid, tcgetpgrp, tcsetpgrp};

use super::descriptors::is_pipe;

// Not the handles of the standard library, which allocate: this is used in a child between fork and exec.
// SAFETY: `open_standard` has opened both, and no code closes them.
const STDIN: BorrowedFd = unsafe { BorrowedFd::borrow_raw(libc::STDIN_FILENO) };
// SAFETY: as above.
const STDOUT: BorrowedFd = unsafe { BorrowedFd::borrow_raw(libc::STDOUT_FILENO) };

/// A terminal on standard input, and untrap's process group, which its parent has put in the foreground or not.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    own: Pid,
    /// Whether the service is given the terminal. If standard output is a pipe, only once the service asks for it: the
    /// rest of the pipeline (`| less`) is in untrap's process group and may read from the terminal.
    wanted: bool,
}

impl Terminal {
    /// The terminal on standard input, if it is the controlling terminal.
    #[must_use]
    pub fn of_stdin() -> Option<Self> {
        let has_terminal = STDIN.is_terminal() && tcgetpgrp(STDIN).is_ok();
        has_terminal.then(|| Self { own: getpgrp(), wanted: !is_pipe(STDOUT) })
    }

    /// The service has read from the terminal or changed it.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// Whether untrap is in the foreground process group, so that it can give the terminal away.
    #[must_use]
    pub fn is_ours(self) -> bool {
        tcgetpgrp(STDIN) == Ok(self.own)
    }

    /// Makes the process group of this leader the foreground group, if the service wants the terminal and untrap has it.
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

    /// Whether a shell with job control can resume untrap after a stop: its process group is not orphaned.
    #[must_use]
    pub fn has_shell_above(self) -> bool {
        if getpid().as_raw() == 1 {
            return false;
        }
        let session = getsid(None);
        let parent = Some(getppid());
        // The parent can be a script in the same group, below the shell.
        let above = getpgid(parent).is_ok_and(|group| group != self.own) || self.own != getpid();
        session != Ok(getpid()) && getsid(parent) == session && above
    }

    /// Stops the rest of untrap's process group, as Ctrl-Z does.
    pub fn stop_group(self) {
        // To kill(2), -1 means every process, not the group 1.
        if self.own.as_raw() > 1 {
            // untrap blocks the signal, and SIGCONT discards it.
            let _ = killpg(self.own, Standard::SIGTSTP);
        }
    }
}

/// The width of the terminal on standard output; `None` if it is not a terminal.
#[must_use]
pub fn columns() -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: `size` outlives the call and is the structure that this request fills in.
    let result = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    (result == 0 && size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// An error is ignored: the terminal has hung up, or the process group is empty.
fn set_foreground(group: Pid) {
    let _ = tcsetpgrp(STDIN, group);
}
