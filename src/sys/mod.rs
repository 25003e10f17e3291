//! The thin layer over the system: the only place with system calls, and with `unsafe`.
//!
//! nix is used where it has the call; libc where nix can't express it (real-time signals, a wait that leaves the child
//! in place, an exec that must not allocate).

pub mod child;
pub mod pipes;
pub mod poll;
pub mod processes;
pub mod signals;
pub mod spawn;
pub mod stderr;
pub mod terminal;
pub mod writer;

use std::io;

/// The result of a call that gives -1 for an error.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
