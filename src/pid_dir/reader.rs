//! Reads the pid directory of another untrap. Another user may have written it, so a file is trusted only if it belongs to
//! root or to the user of the process that it names.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::record::{LARGEST, Record, file_name};
use crate::sys::procfs;

const ROOT: u32 = 0;

/// Reads the pid file of `name`. `None` if there is none, or if it contains no PID. `writer` is the untrap that uses
/// the directory, if it is known already: its user may have written the files of services that run as other users.
///
/// The file is opened without following links and without blocking, and at most a megabyte of it is read.
///
/// # Errors
/// Those of open(2) and read(2), and a file that is not trusted.
pub fn read(directory: &Path, name: &str, writer: Option<i32>) -> io::Result<Option<Record>> {
    let path = directory.join(file_name(name));
    let mut options = OpenOptions::new();
    let file = match options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(io::Error::other("it is not a pid file"));
    }
    let Ok(record) = Record::read(file)? else { return Ok(None) };
    let owner = metadata.uid();
    // A process that has exited has no user, and is not signalled.
    let Some(user) = procfs::effective_user(record.pid) else { return Ok(Some(record)) };
    let is_of_writer = || user != ROOT && writer.and_then(procfs::effective_user) == Some(owner);
    if owner == ROOT || owner == user || is_of_writer() {
        return Ok(Some(record));
    }
    Err(io::Error::other(format!(
        "it belongs to the user {owner}, and the process {} that it names to {user}",
        record.pid
    )))
}
