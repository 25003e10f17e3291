//! Looks programs up as execvp(3) does.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::sys::stat::{SFlag, stat};
use nix::unistd::{AccessFlags, access};

use super::executable::{DEFAULT_PATH, candidates};

/// Whether `path` has an executable file of this name.
#[must_use]
pub fn is_found(program: &OsStr, path: Option<&OsStr>) -> bool {
    let is_file = |mode| SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFREG;
    let mut candidates = candidates(program, path.map_or(DEFAULT_PATH.as_bytes(), OsStr::as_bytes)).into_iter();
    candidates.any(|path| {
        stat(path.as_c_str()).is_ok_and(|status| is_file(status.st_mode))
            && access(path.as_c_str(), AccessFlags::X_OK).is_ok()
    })
}

/// Whether `path` has no file of this name at all. A file that cannot be reached may exist.
#[must_use]
pub fn is_missing(program: &OsStr, path: Option<&OsStr>) -> bool {
    let mut candidates = candidates(program, path.map_or(DEFAULT_PATH.as_bytes(), OsStr::as_bytes)).into_iter();
    candidates.all(|path| matches!(stat(path.as_c_str()), Err(Errno::ENOENT | Errno::ENOTDIR)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_a_directory_is_not_missing_and_neither_is_both() {
        let path = Some(OsStr::new("/nowhere:/usr/bin:/bin:/"));
        let look_up = |word: &str| (is_found(OsStr::new(word), path), is_missing(OsStr::new(word), path));
        assert_eq!(look_up("sh"), (true, false));
        assert_eq!(look_up("/bin/sh"), (true, false));
        assert_eq!(look_up("etc"), (false, false));
        assert_eq!(look_up("no-such-program"), (false, true));
        assert_eq!(look_up("/bin/sh/x"), (false, true));
    }
}
