//! The descriptors that every program is started with.

use nix::poll::PollTimeout;

/// Opens `/dev/null` where standard input, output or error is closed: otherwise what we open next would take its
/// number, and a message would be written into it.
///
/// The Rust runtime does this before `main`; ours is called without it.
pub fn open_standard() {
    let mut descriptors = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: the array is as long as said.
    unsafe { libc::poll(descriptors.as_mut_ptr(), descriptors.len() as libc::nfds_t, PollTimeout::ZERO.into()) };
    for _ in descriptors.iter().filter(|descriptor| descriptor.revents & libc::POLLNVAL != 0) {
        // It gets the lowest number that is free. Where there is no /dev/null there is nothing better to do.
        // SAFETY: the path is a C string.
        unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
    }
}
