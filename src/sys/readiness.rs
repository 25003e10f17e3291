//! Looking whether something is there, in a child: names are looked up and connections made without a time limit, and
//! untrap itself must never wait.

use std::io;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigmaskHow, Signal as Standard, sigprocmask};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid, setpgid};

use super::child::Leader;
use super::signalfd::Inherited;

/// What can be looked for without a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Probe {
    /// A process accepts connections to this host and port.
    Tcp(String, u16),
    /// A process accepts connections to this socket.
    Unix(PathBuf),
    /// This file is there.
    File(PathBuf),
}

impl Probe {
    /// Starts to look, in a child that leads a group of its own and ends with 0 if it is there.
    ///
    /// # Errors
    /// Those of fork(2).
    pub fn start(&self, inherited: Inherited) -> io::Result<Leader> {
        let parent = getpid();
        // SAFETY: untrap has one thread, so the child may do what the parent may.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                // The child makes the same call: whichever comes first, the child leads its group before a signal is
                // sent.
                let _ = setpgid(child, child);
                Ok(Leader::new(child))
            }
            ForkResult::Child => {
                let status = i32::from(!self.is_there(parent, inherited));
                // SAFETY: it ends the child without running what was registered for the end of the parent.
                unsafe { libc::_exit(status) }
            }
        }
    }

    fn is_there(&self, parent: Pid, inherited: Inherited) -> bool {
        let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
        // It must not outlive untrap, nor hold what untrap alone may hold: the lock of the pid directory, for one.
        let _ = set_pdeathsig(Standard::SIGKILL);
        if getppid() != parent {
            return false;
        }
        // SAFETY: nothing that was open before is used from here on.
        unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
        // With all signals blocked, SIGTERM could not stop the child.
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&inherited.mask), None);
        match self {
            Self::Tcp(host, port) => TcpStream::connect((host.as_str(), *port)).is_ok(),
            Self::Unix(path) => UnixStream::connect(path).is_ok(),
            Self::File(path) => path.exists(),
        }
    }
}
