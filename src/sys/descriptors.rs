//! The descriptors of this process.

use std::os::fd::{BorrowedFd, RawFd};

use nix::poll::PollTimeout;
use nix::sys::stat::{Mode, SFlag, fchmod, fstat};

use super::procfs::ProcPath;

/// Opens `/dev/null` for each of standard input, output and error that is closed. Otherwise the next file that untrap
/// opens would have that number, and a message would be written into it.
///
/// The Rust runtime does this before `main`, but untrap's `main` is called without the runtime.
pub fn open_standard() {
    let mut descriptors = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: `descriptors` outlives the call and has this many elements.
    unsafe { libc::poll(descriptors.as_mut_ptr(), descriptors.len() as libc::nfds_t, PollTimeout::ZERO.into()) };
    for _ in descriptors.iter().filter(|descriptor| descriptor.revents & libc::POLLNVAL != 0) {
        // The kernel assigns the lowest free number. An error is ignored: without /dev/null nothing better can be done.
        // SAFETY: the path is a C string.
        unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
    }
}

/// Whether a descriptor is a pipe or FIFO.
pub(super) fn is_pipe(descriptor: BorrowedFd) -> bool {
    fstat(descriptor).is_ok_and(|status| SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT == SFlag::S_IFIFO)
}

/// Lets every user open the pipes on standard output and standard error again (`> /dev/stdout`), as services with `--user`
/// do. Errors are ignored: the pipe belongs to another user then, and its permissions are that user's affair.
pub fn open_output_pipes_to_all() {
    for descriptor in [libc::STDOUT_FILENO, libc::STDERR_FILENO] {
        // SAFETY: `open_standard` has opened both, and no code closes them.
        let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
        if is_pipe(descriptor) {
            let _ = fchmod(descriptor, Mode::from_bits_truncate(0o622));
        }
    }
}

/// Opens the pipe on this descriptor again and puts it in its place, so that a change of its flags (`O_NONBLOCK`) does not
/// affect the processes that share the open file description. An error leaves the descriptor as it is. For a child
/// between fork and exec.
pub(super) fn reopen_pipe(descriptor: RawFd) {
    // SAFETY: `open_standard` has opened the standard descriptors, and no code closes them.
    let is_pipe = is_pipe(unsafe { BorrowedFd::borrow_raw(descriptor) });
    let Some(path) = ProcPath::new_self(descriptor).filter(|_| is_pipe) else { return };
    // O_NONBLOCK, because the open of a pipe that has no reader would block. It is cleared afterwards.
    let flags = libc::O_WRONLY | libc::O_NONBLOCK | libc::O_CLOEXEC;
    // SAFETY: `path` is a C string, and no value owns `descriptor` in the child.
    unsafe {
        let own = libc::open(path.as_ptr(), flags);
        if own != -1 {
            clear_flags(own);
            libc::dup2(own, descriptor);
            libc::close(own);
        }
    }
}

/// Clears the flags of an open file description (`O_NONBLOCK`). A process that had it before may have set them.
pub(super) fn clear_flags(descriptor: RawFd) {
    // SAFETY: F_SETFL accesses no memory.
    unsafe { libc::fcntl(descriptor, libc::F_SETFL, 0) };
}

/// The descriptors above 2 that untrap was started with: those that an exec does not close, because all that untrap
/// opens are closed by it. `None` if `/proc` cannot be read.
#[must_use]
pub(super) fn inherited() -> Option<Vec<RawFd>> {
    let entries = std::fs::read_dir("/proc/self/fd").ok()?;
    let descriptors = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // SAFETY: F_GETFD accesses no memory; a number that is no descriptor is an error.
    let flags = |descriptor: &RawFd| unsafe { libc::fcntl(*descriptor, libc::F_GETFD) };
    let is_inherited = |descriptor: &RawFd| flags(descriptor) != -1 && flags(descriptor) & libc::FD_CLOEXEC == 0;
    Some(descriptors.filter(|descriptor| *descriptor > 2 && is_inherited(descriptor)).collect())
}

/// Closes all descriptors above 2 but these, which are in ascending order. A kernel before Linux
/// 5.9 has no `close_range(2)` and leaves them open until the exec.
///
/// # Safety
/// No value that owns one of the closed descriptors is used afterwards.
pub(super) unsafe fn close_except(kept: &[RawFd]) {
    let mut first = 3;
    for next in kept.iter().copied().chain([RawFd::MAX]) {
        if first < next {
            // SAFETY: the caller's promise.
            unsafe { libc::syscall(libc::SYS_close_range, first, next - 1, 0) };
        }
        first = next.saturating_add(1);
    }
}
