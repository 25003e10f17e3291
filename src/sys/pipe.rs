//! The pipes that services write to.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::fchown;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;

/// The capacity of a pipe: a service can write a burst without blocking, and untrap does not wake up for each page of it.
const SIZE: libc::c_int = 256 * 1024;

/// A pipe of which untrap keeps both ends. While it does, the reader never sees end of file when a writer exits:
/// a service that is restarted writes to the same pipe.
#[derive(Debug)]
pub struct Pipe {
    /// `None`: closed, so that a write fails with EPIPE.
    reader: Option<OwnedFd>,
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
        // Only the read end: writers block when the pipe is full.
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        // The kernel denies this if the pipes of the user are large already (pipe-user-pages-soft); a smaller one works too.
        let _ = fcntl(&reader, FcntlArg::F_SETPIPE_SZ(SIZE));
        if user.is_some() {
            // Denied if the container lacks the capability. The service can write to the inherited descriptor anyway.
            let _ = fchown(&writer, user, None);
        }
        Ok(Self { reader: Some(reader), writer })
    }

    /// The read end, to poll. `None` if it is closed.
    #[must_use]
    pub fn reader(&self) -> Option<BorrowedFd<'_>> {
        self.reader.as_ref().map(AsFd::as_fd)
    }

    /// Closes the read end: a process that writes to the pipe is sent SIGPIPE, or its write fails with EPIPE.
    pub fn close_reader(&mut self) {
        self.reader = None;
    }

    /// The write end, for a service.
    #[must_use]
    pub fn writer(&self) -> BorrowedFd<'_> {
        self.writer.as_fd()
    }

    /// Reads into `buffer`, and returns the number of bytes; 0 if the pipe is empty.
    pub fn read(&self, buffer: &mut [u8]) -> usize {
        // It fails only with EAGAIN.
        self.reader.as_ref().map_or(0, |reader| nix::unistd::read(reader, buffer).unwrap_or(0))
    }

    /// How many bytes wait to be read.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let Some(reader) = &self.reader else { return 0 };
        let mut bytes: libc::c_int = 0;
        // SAFETY: the number outlives the call.
        unsafe { libc::ioctl(reader.as_raw_fd(), libc::FIONREAD, &raw mut bytes) };
        bytes as usize
    }
}
