//! The descriptors of this process.

use std::os::fd::RawFd;

use nix::poll::PollTimeout;

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
