//! The `main` that the C library calls, without the Rust runtime.
//!
//! The runtime would make 19 system calls before `main`, among them those that read `/proc/self/maps` to report stack
//! overflows: 9 % of the time from exec to exit of `untrap -q -- true` (1343 instead of 1471 µs on two cores, medians of
//! 2,000 alternating runs). untrap needs two of its parts and does them itself: it blocks
//! SIGPIPE with the other signals, and opens descriptors 0, 1 and 2 if they are closed
//! ([`open_standard`](super::descriptors::open_standard)).

use std::ffi::{CStr, OsString};
use std::os::unix::ffi::OsStringExt;

/// Makes `$respond` the `main` function: it takes the arguments and returns the exit status.
#[macro_export]
macro_rules! c_main {
    ($respond:path) => {
        // SAFETY: the C library calls a function of this name, and a binary that uses the macro has no other.
        #[unsafe(no_mangle)]
        extern "C" fn main(count: i32, arguments: *const *const std::ffi::c_char) -> i32 {
            // SAFETY: the C library passes an array of this many C strings.
            $respond(unsafe { $crate::sys::c_main::arguments(count, arguments) }).into()
        }
    };
}

/// The arguments of `main`. The standard library has them only if the C library is glibc.
///
/// # Safety
/// `arguments` is an array of `count` C strings.
#[must_use]
pub unsafe fn arguments(count: libc::c_int, arguments: *const *const libc::c_char) -> Vec<OsString> {
    // SAFETY: the caller's promise.
    let argument = |index| unsafe { CStr::from_ptr(*arguments.add(index)) };
    (0..usize::try_from(count).unwrap_or(0))
        .map(|index| OsString::from_vec(argument(index).to_bytes().to_vec()))
        .collect()
}
