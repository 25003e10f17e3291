//! Readiness checks without a program. Each runs in a child, because a name lookup or a connection can take longer than
//! untrap may wait.

use std::io;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigmaskHow, Signal as Standard, sigprocmask};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid, setpgid};

use super::child::Leader;
use super::descriptors::close_except;
use super::signalfd::Inherited;

/// A target whose readiness can be checked without a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TargetCheck {
    /// A process accepts connections to this host and port.
    Tcp(String, u16),
    /// A process accepts connections to this socket.
    Unix(PathBuf),
    /// This file exists.
    File(PathBuf),
}

impl TargetCheck {
    /// Starts the check in a child that leads a process group of its own. The child exits with 0 if the target is
    /// ready, else with 1.
    ///
    /// # Errors
    /// Those of fork(2).
    pub fn start(&self, inherited: Inherited) -> io::Result<Leader> {
        let parent = getpid();
        // SAFETY: untrap has one thread, so no lock is held by another one, and the child may do what untrap may.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                // The child makes the same call: whichever comes first, the child leads its group before a signal is
                // sent.
                let _ = setpgid(child, child);
                Ok(Leader::new(child))
            }
            ForkResult::Child => {
                let status = i32::from(!self.is_ready(parent, inherited));
                // SAFETY: _exit runs no destructor and no exit handler, which belong to the parent.
                unsafe { libc::_exit(status) }
            }
        }
    }

    fn is_ready(&self, parent: Pid, inherited: Inherited) -> bool {
        let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
        // The child must not outlive untrap.
        let _ = set_pdeathsig(Standard::SIGKILL);
        if getppid() != parent {
            return false;
        }
        // A check that hangs must not hold the lock of the pid directory.
        // SAFETY: the child uses no descriptor that was opened before.
        unsafe { close_except(&[]) };
        // With all signals blocked, SIGTERM could not stop the child.
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&inherited.mask), None);
        match self {
            Self::Tcp(host, port) => TcpStream::connect((host.as_str(), *port)).is_ok(),
            Self::Unix(path) => UnixStream::connect(path).is_ok(),
            Self::File(path) => path.exists(),
        }
    }
}
