//! The lock of a pid directory: a file that only its owner can open, so that no other user can take the lock.

use std::fs::{File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use nix::unistd::geteuid;

use crate::sys::directory::Directory;

/// The name of the lock file. It exists while an untrap uses the directory.
pub(super) const LOCK_FILE: &str = ".untrap.lock";

/// How often the file may be replaced while it is being locked, and how often the list of locks is read.
const ATTEMPTS: usize = 16;

/// Locks the directory. `None` if another process holds the lock.
///
/// # Errors
/// Those of open(2) and flock(2), and a lock file of another user that cannot be removed.
pub(super) fn take(directory: &Directory) -> io::Result<Option<File>> {
    for _ in 0..ATTEMPTS {
        let file = directory.open_private(LOCK_FILE)?;
        let metadata = file.metadata()?;
        if metadata.uid() != geteuid().as_raw() || !metadata.is_file() {
            // Another user can hold a lock on its own file for ever.
            directory
                .remove(LOCK_FILE)
                .map_err(|error| io::Error::other(format!("its {LOCK_FILE} is another user's: {error}")))?;
            continue;
        }
        file.set_permissions(Permissions::from_mode(0o600))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
            // The untrap before this one removes its file when it exits: a lock on a removed file protects nothing.
            Ok(()) if file.metadata()?.nlink() == 0 => {}
            Ok(()) => return Ok(Some(file)),
        }
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

/// Whether this process holds the lock of a directory, see `proc_locks(5)`.
///
/// # Errors
/// `/proc/locks` cannot be read.
pub fn is_held_by(directory: &Path, pid: i32) -> io::Result<bool> {
    let Ok(metadata) = directory.join(LOCK_FILE).symlink_metadata() else { return Ok(false) };
    // The kernel gives the list page by page, and can skip a lock if others are released meanwhile.
    for _ in 0..ATTEMPTS {
        let locks = std::fs::read_to_string("/proc/locks")?;
        if locks.lines().any(|line| holds(line, pid, metadata.ino())) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a line of `/proc/locks` says that a process holds a lock by flock(2) on the file with this inode. The device
/// is not compared, because stat(2) and the lock name different ones on overlayfs and btrfs.
fn holds(line: &str, pid: i32, inode: u64) -> bool {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let &[_, "FLOCK", _, "WRITE", holder, file, ..] = fields.as_slice() else { return false };
    holder.parse() == Ok(pid) && file.rsplit(':').next().and_then(|inode| inode.parse().ok()) == Some(inode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_lock_is_found() {
        let line = "1: FLOCK  ADVISORY  WRITE 708 00:19:1246 0 EOF";
        assert!(holds(line, 708, 1246));
        for other in [
            "1: FLOCK  ADVISORY  WRITE 709 00:19:1246 0 EOF",
            "1: FLOCK  ADVISORY  WRITE 708 00:19:1247 0 EOF",
            "1: POSIX  ADVISORY  WRITE 708 00:19:1246 0 EOF",
            "1: -> FLOCK  ADVISORY  WRITE 708 00:19:1246 0 EOF",
            "",
        ] {
            assert!(!holds(other, 708, 1246), "{other}");
        }
    }

    #[test]
    fn a_directory_is_locked_once_and_the_holder_is_known() {
        let directory = tempfile::tempdir().unwrap();
        let open = Directory::create(directory.path()).unwrap();
        let own = std::process::id() as i32;
        assert!(!is_held_by(directory.path(), own).unwrap());
        let lock = take(&open).unwrap().expect("it is free");
        assert!(take(&open).unwrap().is_none());
        assert!(is_held_by(directory.path(), own).unwrap());
        assert!(!is_held_by(directory.path(), 1).unwrap());
        drop(lock);
        assert!(!is_held_by(directory.path(), own).unwrap());
        assert!(take(&open).unwrap().is_some());
    }
}
