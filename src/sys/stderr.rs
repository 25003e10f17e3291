//! Writing to standard error without ever waiting for its reader.

use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// What a pipe takes as a whole or not at all, see pipe(7).
const ATOMIC: usize = libc::PIPE_BUF;

/// Writes a line, cut to what a pipe takes at once. False when it could not be written without waiting, or nobody reads.
///
/// The descriptor is shared with the children and can't be made non-blocking for us alone. The kernel is asked not to
/// wait for this one write; where it can't (terminals, old kernels) we look before we write.
#[must_use]
pub fn write_line(line: &[u8]) -> bool {
    let line = &line[..line.len().min(ATOMIC)];
    let vector = libc::iovec { iov_base: line.as_ptr().cast_mut().cast(), iov_len: line.len() };
    // SAFETY: the vector points to `line`, which is only read.
    let written = unsafe { libc::pwritev2(libc::STDERR_FILENO, &raw const vector, 1, -1, libc::RWF_NOWAIT) };
    if written >= 0 {
        return true;
    }
    let unsupported = [libc::EOPNOTSUPP, libc::ENOSYS, libc::EINVAL, libc::EPERM];
    let refused = std::io::Error::last_os_error().raw_os_error().is_some_and(|errno| unsupported.contains(&errno));
    let stderr = std::io::stderr();
    let mut descriptors = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    refused
        && poll(&mut descriptors, PollTimeout::ZERO) == Ok(1)
        && descriptors[0].revents().is_some_and(|events| events.contains(PollFlags::POLLOUT))
        && nix::unistd::write(&stderr, line).is_ok()
}
