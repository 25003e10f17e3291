//! The thin layer over the system: the only place with system calls, and with `unsafe`.
//!
//! nix is used where it has the call; libc where nix can't express it (real-time signals, a wait that leaves the child
//! in place, an exec that must not allocate).

pub mod child;
pub mod clock;
pub mod credentials;
pub mod descendants;
pub mod descriptors;
pub mod environment;
pub mod limits;
pub mod members;
pub mod pidfd;
pub mod pipe;
pub mod poll;
pub mod procfs;
pub mod readiness;
pub mod shells;
pub mod signalfd;
pub mod spawn;
pub mod terminal;
pub mod writer;

use std::ffi::{CStr, OsString};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::ptr;

/// Makes `$respond` the `main` that the C library calls: from the arguments to the exit status.
#[macro_export]
macro_rules! c_main {
    ($respond:path) => {
        // SAFETY: the name is the C library's for this, and a binary that uses the macro has no other main.
        #[unsafe(no_mangle)]
        extern "C" fn main(count: i32, arguments: *const *const std::ffi::c_char) -> i32 {
            // SAFETY: they are what the C library has called us with.
            $respond(unsafe { $crate::sys::arguments(count, arguments) }).into()
        }
    };
}

/// The arguments of `main`. The standard library knows them only where the C library is glibc.
///
/// # Safety
/// There are `count` of them, each a C string.
#[must_use]
pub unsafe fn arguments(count: libc::c_int, arguments: *const *const libc::c_char) -> Vec<OsString> {
    // SAFETY: the caller's.
    let argument = |index| unsafe { CStr::from_ptr(*arguments.add(index)) };
    (0..usize::try_from(count).unwrap_or(0))
        .map(|index| OsString::from_vec(argument(index).to_bytes().to_vec()))
        .collect()
}

/// Our environment, each variable as `NAME=value`, where the kernel has put it.
pub fn environment() -> impl Iterator<Item = &'static CStr> {
    // SAFETY: the C library has initialized `environ`, and no code of this program sets a variable.
    let first = unsafe { libc::environ };
    let variable = move |index| {
        // SAFETY: an array that ends with a null pointer, where this iterator ends too.
        let variable = if first.is_null() { ptr::null_mut() } else { unsafe { *first.add(index) } };
        // SAFETY: what is not null is a C string, and stays one.
        (!variable.is_null()).then(|| unsafe { CStr::from_ptr(variable) })
    };
    (0..).map_while(variable).fuse()
}

/// The result of a call that gives -1 for an error.
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
