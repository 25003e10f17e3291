//! System calls and all unsafe code.
//!
//! The functions of nix are used if they can express the call, else those of libc (real-time signals, a wait that does
//! not reap, an exec that allocates nothing).

pub mod c_main;
pub mod child;
pub mod clock;
pub mod credentials;
pub mod descendants;
pub mod descriptors;
pub mod directory;
pub mod environment;
pub mod executable;
pub mod limits;
pub mod pidfd;
pub mod pipe;
pub mod poll;
pub mod process_groups;
pub mod procfs;
pub mod programs;
pub mod readiness;
pub mod shells;
pub mod signalfd;
pub mod spawn;
pub mod terminal;
mod working_directory;
pub mod writer;

use std::ffi::CStr;
use std::io;
use std::ptr;

/// untrap's environment, each variable as `NAME=value`, in the memory where the kernel has put it.
pub fn environment() -> impl Iterator<Item = &'static CStr> {
    // SAFETY: the C library has initialized `environ`, and no code of this program sets a variable.
    let first = unsafe { libc::environ };
    let variable = move |index| {
        // SAFETY: `environ` is an array that ends with a null pointer, and the iterator does not go beyond it.
        let variable = if first.is_null() { ptr::null_mut() } else { unsafe { *first.add(index) } };
        // SAFETY: a pointer that is not null points to a C string, which no code changes.
        (!variable.is_null()).then(|| unsafe { CStr::from_ptr(variable) })
    };
    (0..).map_while(variable).fuse()
}

/// The result of a system call that returns -1 on error.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Returns freed heap memory to the system, because the start allocates more than a run of years needs.
/// musl has no `malloc_trim`, so only glibc builds call it.
pub fn release_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `malloc_trim` releases only free memory.
    unsafe {
        libc::malloc_trim(0);
    }
}
