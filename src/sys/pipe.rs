//! The pipes that services write into.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::fchown;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;

/// So much may wait in a pipe: a service that writes a burst need not wait for us, nor we wake up for each page of it.
const SIZE: libc::c_int = 256 * 1024;

/// A pipe of which untrap keeps both ends. While it does, the reader never sees end of file when a writer exits:
/// a service that is started again writes into the same pipe.
#[derive(Debug)]
pub struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
}

impl Pipe {
    /// Creates a pipe that belongs to this user, if not to untrap's: a program that opens `/dev/stdout` opens the pipe
    /// again, which only its owner may.
    ///
    /// # Errors
    /// Those of pipe2(2).
    pub fn new(user: Option<u32>) -> io::Result<Self> {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
        // Our end only: the writers wait when it is full.
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        // Denied where the user's pipes hold a lot already (pipe-user-pages-soft); a smaller one works too.
        let _ = fcntl(&reader, FcntlArg::F_SETPIPE_SZ(SIZE));
        if user.is_some() {
            // Denied where a container lacks the capability for it; what it is started with can be written all the
            // same.
            let _ = fchown(&writer, user, None);
        }
        Ok(Self { reader, writer })
    }

    /// The end to wait for.
    #[must_use]
    pub fn reader(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    /// The end to give to a service.
    #[must_use]
    pub fn writer(&self) -> BorrowedFd<'_> {
        self.writer.as_fd()
    }

    /// Reads what is there, and gives how much it is; 0 where there is nothing.
    pub fn read(&self, buffer: &mut [u8]) -> usize {
        // It fails with EAGAIN alone.
        nix::unistd::read(&self.reader, buffer).unwrap_or(0)
    }

    /// How many bytes wait to be read.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let mut bytes: libc::c_int = 0;
        // SAFETY: the number outlives the call.
        unsafe { libc::ioctl(self.reader.as_raw_fd(), libc::FIONREAD, &raw mut bytes) };
        bytes as usize
    }
}
