//! Writing to standard output and standard error without ever waiting for their readers.
//!
//! Their open file descriptions are shared with the parent of untrap and cannot be made non-blocking for untrap alone.
//! So the kernel is asked not to wait for this one write (`RWF_NOWAIT`: pipes since Linux 6.5, sockets). Where it can't
//! (terminals, older kernels), the same pipe or terminal is opened again, non-blocking, through `/proc`. Where that is
//! denied (no `/proc`, or another user's), we look for room first and write no more than a pipe with room takes.

use std::ffi::CStr;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::write;

/// A pipe that has room takes as much without waiting, see pipe(7).
const ATOMIC: usize = libc::PIPE_BUF;

/// Standard output or standard error.
#[derive(Debug)]
pub struct Writer {
    descriptor: BorrowedFd<'static>,
    way: Way,
}

/// How not to wait.
#[derive(Debug)]
enum Way {
    /// Files and the like never make one wait for a reader.
    Plain,
    /// The kernel is asked with each write.
    Asking,
    /// The same, opened again for us alone.
    Reopened(OwnedFd),
    /// Look first.
    Looking,
}

impl Way {
    fn of(descriptor: BorrowedFd) -> Self {
        let kind =
            fstat(descriptor).map_or(SFlag::empty(), |stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT);
        // Asked not to wait, some file systems (btrfs, XFS) refuse with EAGAIN what is no matter of a reader.
        if kind == SFlag::S_IFREG || kind == SFlag::S_IFBLK { Self::Plain } else { Self::Asking }
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
        Self { descriptor, way: Way::of(descriptor) }
    }

    /// Whether both write to the same pipe, terminal or file.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let identity = |writer: &Self| fstat(writer.descriptor).map(|stat| (stat.st_dev, stat.st_ino));
        identity(self).is_ok_and(|own| identity(other) == Ok(own))
    }

    /// What to wait for when a write would have had to wait.
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor
    }

    /// Writes what can be written without waiting, and gives how much it was.
    ///
    /// # Errors
    /// `EAGAIN` when nothing can, else those of write(2).
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let result = match &self.way {
                Way::Plain => write(self.descriptor, bytes),
                Way::Asking => write_unless_waiting(self.descriptor, bytes),
                Way::Reopened(own) => write(own, bytes),
                Way::Looking => write_if_room(self.descriptor, bytes),
            };
            match result {
                Err(Errno::EINTR) => {}
                Err(Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EINVAL | Errno::EPERM)
                    if matches!(self.way, Way::Asking) =>
                {
                    self.way = reopen(self.descriptor).map_or(Way::Looking, Way::Reopened);
                }
                result => return Ok(result?),
            }
        }
    }
}

fn write_unless_waiting(descriptor: BorrowedFd, bytes: &[u8]) -> nix::Result<usize> {
    let vector = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: the vector points to `bytes`, which is only read.
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
    // Messages are written where there may be no memory left.
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
    fn a_file_is_written_whatever_its_file_system_says_of_waiting() {
        let file = tempfile::tempfile().unwrap();
        assert!(matches!(Way::of(file.as_fd()), Way::Plain));
        let (_reader, pipe) = io::pipe().unwrap();
        assert!(matches!(Way::of(pipe.as_fd()), Way::Asking));
    }

    #[test]
    fn no_way_waits_for_a_reader_or_loses_a_byte() {
        for way in [|_| Way::Asking, |pipe| reopen(pipe).map_or(Way::Looking, Way::Reopened), |_| Way::Looking] {
            let (mut reader, pipe) = io::pipe().unwrap();
            // SAFETY: the pipe is closed only when this writer is not used any more.
            let descriptor = unsafe { BorrowedFd::borrow_raw(pipe.as_raw_fd()) };
            let mut writer = Writer { descriptor, way: way(descriptor) };
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
            assert!(read == text, "{:?}", writer.way);
            drop(reader);
            assert_eq!(writer.write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        }
    }
}
