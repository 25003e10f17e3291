//! Writes to standard output and standard error that never block.
//!
//! untrap shares the open file descriptions with its parent, so it cannot set `O_NONBLOCK` for itself alone. Instead each
//! write has the flag `RWF_NOWAIT` (pipes since Linux 6.5, sockets). If the kernel does not support that (terminals, older
//! kernels), the pipe or terminal is opened again through `/proc`, with `O_NONBLOCK`. If that is denied (no `/proc`, or a
//! pipe of another user), untrap polls first and writes no more than a pipe that has room takes without blocking.

use std::ffi::CStr;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::write;

/// The number of bytes that a pipe that has room takes without blocking, see pipe(7).
const ATOMIC: usize = libc::PIPE_BUF;

/// Standard output or standard error.
#[derive(Debug)]
pub struct Writer {
    descriptor: BorrowedFd<'static>,
    mode: WriteMode,
}

/// How a write is kept from blocking.
#[derive(Debug)]
enum WriteMode {
    /// By nothing: a file has no reader that could block it.
    Plain,
    /// By a flag of each write.
    NoWait,
    /// By `O_NONBLOCK` of an open file description of untrap's own.
    Reopened(OwnedFd),
    /// By a poll before each write.
    PollFirst,
}

impl WriteMode {
    fn of(descriptor: BorrowedFd) -> Self {
        let kind =
            fstat(descriptor).map_or(SFlag::empty(), |stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT);
        // With the flag, some file systems (btrfs, XFS) fail with EAGAIN for reasons other than a reader.
        if kind == SFlag::S_IFREG || kind == SFlag::S_IFBLK { Self::Plain } else { Self::NoWait }
    }
}

impl Writer {
    /// Writes to standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::new(libc::STDOUT_FILENO)
    }

    /// Writes to standard error.
    #[must_use]
    pub fn stderr() -> Self {
        Self::new(libc::STDERR_FILENO)
    }

    fn new(descriptor: libc::c_int) -> Self {
        // SAFETY: `open_standard` has opened both, because the Rust runtime does not run before this `main`, and no
        // code closes them.
        let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
        Self { descriptor, mode: WriteMode::of(descriptor) }
    }

    /// Whether both write to the same pipe, terminal or file.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let identity = |writer: &Self| fstat(writer.descriptor).map(|stat| (stat.st_dev, stat.st_ino));
        identity(self).is_ok_and(|own| identity(other) == Ok(own))
    }

    /// The descriptor to poll after `EAGAIN`.
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor
    }

    /// Writes as much as possible without blocking, and returns the number of bytes.
    ///
    /// # Errors
    /// `EAGAIN` if nothing can be written, else those of write(2).
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let result = match &self.mode {
                WriteMode::Plain => write(self.descriptor, bytes),
                WriteMode::NoWait => write_no_wait(self.descriptor, bytes),
                WriteMode::Reopened(own) => write(own, bytes),
                WriteMode::PollFirst => write_if_room(self.descriptor, bytes),
            };
            match result {
                Err(Errno::EINTR) => {}
                Err(Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EINVAL | Errno::EPERM)
                    if matches!(self.mode, WriteMode::NoWait) =>
                {
                    self.mode = reopen(self.descriptor).map_or(WriteMode::PollFirst, WriteMode::Reopened);
                }
                result => return Ok(result?),
            }
        }
    }
}

fn write_no_wait(descriptor: BorrowedFd, bytes: &[u8]) -> nix::Result<usize> {
    let vector = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: `vector` outlives the call and points to `bytes`, which the kernel only reads.
    let written = unsafe { libc::pwritev2(descriptor.as_raw_fd(), &raw const vector, 1, -1, libc::RWF_NOWAIT) };
    Errno::result(written).map(|written| written as usize)
}

fn write_if_room(descriptor: BorrowedFd, bytes: &[u8]) -> nix::Result<usize> {
    let mut descriptors = [PollFd::new(descriptor, PollFlags::POLLOUT)];
    if poll(&mut descriptors, PollTimeout::ZERO)? == 0 {
        return Err(Errno::EAGAIN);
    }
    write(descriptor, &bytes[..bytes.len().min(ATOMIC)])
}

fn reopen(descriptor: BorrowedFd) -> Option<OwnedFd> {
    // No allocation, because memory may be short when a message is written.
    let mut path = [0; 32];
    write!(&mut path[..], "/proc/self/fd/{}", descriptor.as_raw_fd()).ok()?;
    let path = CStr::from_bytes_until_nul(&path).ok()?;
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
    open(path, flags, Mode::empty()).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn a_file_is_written_without_the_flag() {
        let file = tempfile::tempfile().unwrap();
        assert!(matches!(WriteMode::of(file.as_fd()), WriteMode::Plain));
        let (_reader, pipe) = io::pipe().unwrap();
        assert!(matches!(WriteMode::of(pipe.as_fd()), WriteMode::NoWait));
    }

    #[test]
    fn no_mode_blocks_or_loses_a_byte() {
        for mode in [
            |_| WriteMode::NoWait,
            |pipe| reopen(pipe).map_or(WriteMode::PollFirst, WriteMode::Reopened),
            |_| WriteMode::PollFirst,
        ] {
            let (mut reader, pipe) = io::pipe().unwrap();
            // SAFETY: `pipe` is closed after the last use of the writer.
            let descriptor = unsafe { BorrowedFd::borrow_raw(pipe.as_raw_fd()) };
            let mut writer = Writer { descriptor, mode: mode(descriptor) };
            let text: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
            let (mut written, mut read) = (0, vec![0; text.len()]);
            let mut got = 0;
            while got < text.len() {
                match writer.write(&text[written..]) {
                    Ok(size) => written += size,
                    Err(error) => {
                        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                        got += reader.read(&mut read[got..]).unwrap();
                    }
                }
                if written == text.len() {
                    got += reader.read(&mut read[got..]).unwrap();
                }
            }
            assert!(read == text, "{:?}", writer.mode);
            drop(reader);
            assert_eq!(writer.write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        }
    }
}
