//! A directory whose files are opened, renamed and removed relative to it, so that no other directory can take its place.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};

/// An open directory.
#[derive(Debug)]
pub struct Directory(File);

impl Directory {
    /// Opens a directory, which is created if it is missing, with its parents.
    ///
    /// # Errors
    /// Those of mkdir(2) and open(2).
    pub fn create(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o755).create(path)?;
        Ok(Self(OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(path)?))
    }

    /// Opens a file for reading. Neither follows a symbolic link nor blocks on a FIFO.
    ///
    /// # Errors
    /// Those of open(2); `ELOOP` for a symbolic link.
    pub fn read(&self, name: &str) -> io::Result<File> {
        self.open(name, OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK, 0)
    }

    /// Creates a file for writing, readable for every user.
    ///
    /// # Errors
    /// Those of open(2); `EEXIST` if the name is taken.
    pub fn create_file(&self, name: &str) -> io::Result<File> {
        self.open(name, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL, 0o644)
    }

    /// Opens a file for reading and writing. It is created if it is missing, for this user only. Neither follows a
    /// symbolic link nor blocks on a FIFO.
    ///
    /// # Errors
    /// Those of open(2); `ELOOP` for a symbolic link.
    pub fn open_private(&self, name: &str) -> io::Result<File> {
        self.open(name, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK, 0o600)
    }

    /// Renames a file, and replaces the file that has the new name.
    ///
    /// # Errors
    /// Those of rename(2).
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.0, from, &self.0, to)?)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// Those of unlink(2).
    pub fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir)?)
    }

    fn open(&self, name: &str, flags: OFlag, mode: libc::mode_t) -> io::Result<File> {
        Ok(File::from(openat(&self.0, name, flags | OFlag::O_CLOEXEC, Mode::from_bits_truncate(mode))?))
    }
}
