//! The pid directory, as the untrap that uses it writes it.
//!
//! The process that holds the lock uses the directory. The kernel releases the lock when that process exits, however it
//! does. Every file is written under another name and renamed, so that no reader sees half a file.

pub mod lock;
pub mod reader;
pub mod record;

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::config::name::Name;
use crate::config::unit::UnitId;
use crate::pid_dir::lock::LOCK_FILE;
use crate::pid_dir::record::{OWN_NAME, Record, file_name};
use crate::sys::directory::Directory;

/// The beginning and the end of a file's name until the file is complete. No service's name begins with a dot.
const TEMPORARY: (&str, &str) = (".untrap.", ".tmp");

/// How many names of temporary files another user would have to take to prevent a write.
const TEMPORARY_NAMES: u32 = 64;

/// The time that a process that has just been killed has to exit.
const EXIT_TIME: Duration = Duration::from_secs(1);

/// A directory that untrap uses until the value is dropped, which removes its files.
#[derive(Debug)]
pub struct PidDir {
    directory: Directory,
    /// Held while untrap uses the directory.
    lock: Option<File>,
    services: Vec<PidFile>,
    /// The content of `untrap.pid`, while the file exists.
    own: Option<Record>,
}

#[derive(Debug)]
struct PidFile {
    name: String,
    starts: u32,
    /// The content of its file, while the file exists.
    written: Option<Record>,
}

/// The reason why a directory cannot be used.
#[derive(Debug)]
pub enum PidDirError {
    /// It cannot be created, opened or written.
    Directory(PathBuf, io::Error),
    /// A file with the name of a pid file cannot be read or removed.
    File(PathBuf, io::Error),
    /// Another untrap uses it, with this PID if it is known.
    InUse(PathBuf, Option<i32>),
    /// A file belongs to a process that is alive.
    Alive(PathBuf, i32),
    /// A service has the name of untrap's own file.
    ReservedName,
}

impl fmt::Display for PidDirError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path, error) => write!(
                f,
                "pid directory {}: {error}; give one that can be written, on a tmpfs for example, or none",
                path.display()
            ),
            Self::File(path, error) => {
                write!(f, "pid file {}: {error}; remove it, or give another directory", path.display())
            }
            Self::InUse(path, pid) => {
                write!(f, "pid directory {} is in use by another untrap", path.display())?;
                pid.map_or(Ok(()), |pid| write!(f, " (pid {pid})"))?;
                f.write_str("; give each its own")
            }
            Self::Alive(path, pid) => write!(
                f,
                "{} belongs to a process that is alive (pid {pid}); stop it, remove the file, or give another directory",
                path.display()
            ),
            Self::ReservedName => {
                write!(f, "a service can't be called '{OWN_NAME}' with a pid directory; write 'NAME: {OWN_NAME} …'")
            }
        }
    }
}

impl std::error::Error for PidDirError {}

impl PidDir {
    /// Locks the directory, which is created if it is missing, removes the files of an untrap that was killed, and
    /// writes `untrap.pid`.
    ///
    /// # Errors
    /// See [`PidDirError`].
    pub fn open(path: &Path, names: impl IntoIterator<Item = String>) -> Result<Self, PidDirError> {
        let services: Vec<PidFile> = names.into_iter().map(|name| PidFile { name, starts: 0, written: None }).collect();
        if services.iter().any(|service| service.name == OWN_NAME) {
            return Err(PidDirError::ReservedName);
        }
        let failed = |error| PidDirError::Directory(path.to_owned(), error);
        let directory = Directory::create(path).map_err(failed)?;
        let mut pid_dir = Self { directory, lock: None, services, own: None };
        pid_dir.lock = lock::take(&pid_dir.directory).map_err(failed)?;
        if pid_dir.lock.is_none() {
            let owner = pid_dir.read(OWN_NAME).map_err(failed)?.and_then(|(record, _)| record.process());
            return Err(PidDirError::InUse(path.to_owned(), owner.map(|process| process.pid)));
        }
        pid_dir.clear(path)?;
        let names = pid_dir.services.iter().map(|service| service.name.clone()).collect();
        let own = Record { services: names, ..Record::of_process(std::process::id() as i32) };
        pid_dir.write(OWN_NAME, &own).map_err(failed)?;
        pid_dir.own = Some(own);
        Ok(pid_dir)
    }

    /// Writes the PID of the service's leader to its file.
    ///
    /// # Errors
    /// The file cannot be written. It is then removed, so that no reader sees an earlier PID.
    pub fn started(&mut self, id: UnitId, pid: i32) -> io::Result<()> {
        // Hooks come after all services, and have no file.
        let Some(PidFile { name, starts, .. }) = self.services.get(id.index()) else { return Ok(()) };
        let record = Record { restarts: *starts, ..Record::of_process(pid) };
        let written = self.write(name, &record);
        let service = &mut self.services[id];
        service.starts += 1;
        if written.is_ok() {
            service.written = Some(record);
            return Ok(());
        }
        self.emptied(id).and(written)
    }

    /// Removes the file of a service whose process group is empty.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn emptied(&mut self, id: UnitId) -> io::Result<()> {
        let Some(record) = self.services.get_mut(id.index()).and_then(|service| service.written.take()) else {
            return Ok(());
        };
        self.remove(&self.services[id].name, &record)
    }

    /// Removes all files of untrap, the lock last.
    ///
    /// # Errors
    /// Not all of them can be removed.
    pub fn close(&mut self) -> io::Result<()> {
        let services =
            (0..self.services.len()).map(|index| self.emptied(UnitId::new(index))).fold(Ok(()), io::Result::and);
        let own = self.own.take().map_or(Ok(()), |record| self.remove(OWN_NAME, &record));
        let lock = self.lock.take().map_or(Ok(()), |_held| self.unlink(LOCK_FILE));
        services.and(own).and(lock)
    }

    /// Removes the files of processes that have exited. The file of a process that is alive is an error.
    fn clear(&self, path: &Path) -> Result<(), PidDirError> {
        let failed = |file: &str, error| PidDirError::File(path.join(file), error);
        self.remove_temporary_files(path).map_err(|error| PidDirError::Directory(path.to_owned(), error))?;
        let read = |name: &str| self.read(name).map_err(|error| failed(&file_name(name), error));
        // An untrap that was killed may have had other services.
        let former = read(OWN_NAME)?.map(|(record, _)| record.services).unwrap_or_default();
        let former = former.iter().map(String::as_str).filter(|name| Name::read(name).is_some());
        for name in self.services.iter().map(|service| service.name.as_str()).chain(former).chain([OWN_NAME]) {
            let Some((record, age)) = read(name)? else { continue };
            let process = record.process_behind(age).filter(|process| process.pid != std::process::id() as i32);
            let file = file_name(name);
            match process {
                // The kernel kills the leaders of an untrap that was killed, but releases its lock a moment earlier.
                Some(process) if !process.exits_within(EXIT_TIME) => {
                    return Err(PidDirError::Alive(path.join(file), process.pid));
                }
                _ => self.unlink(&file).map_err(|error| failed(&file, error))?,
            }
        }
        Ok(())
    }

    /// The record in a file, and the file's age in seconds. `None` if the file does not exist; a record without a
    /// process if it contains no PID.
    fn read(&self, name: &str) -> io::Result<Option<(Record, f64)>> {
        let file = match self.directory.read(&file_name(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // untrap writes no symbolic links.
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => return Ok(Some((Record::default(), 0.0))),
            file => file?,
        };
        #[expect(clippy::disallowed_methods, reason = "the times of files are those of the wall clock")]
        let age = SystemTime::now().duration_since(file.metadata()?.modified()?).unwrap_or_default();
        Ok(Some((Record::read(file)?.unwrap_or_default(), age.as_secs_f64())))
    }

    fn write(&self, name: &str, record: &Record) -> io::Result<()> {
        let (mut file, temporary) = self.create_temporary_file()?;
        let written = file.write_all(record.to_string().as_bytes());
        let renamed = written.and_then(|()| self.directory.rename(&temporary, &file_name(name)));
        if renamed.is_err() {
            // The first error is the one to report.
            let _ = self.unlink(&temporary);
        }
        renamed
    }

    /// Creates a file under a name that is free: a file of another user in a shared directory must not prevent a write.
    fn create_temporary_file(&self) -> io::Result<(File, String)> {
        let (begin, end) = TEMPORARY;
        let names = (0..TEMPORARY_NAMES).map(|number| format!("{begin}{}.{number}{end}", std::process::id()));
        for name in names {
            match self.directory.create_file(&name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                file => return Ok((file?, name)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Removes the files that an untrap that was killed during a write has left, if they can be removed.
    fn remove_temporary_files(&self, path: &Path) -> io::Result<()> {
        let (begin, end) = TEMPORARY;
        for file in std::fs::read_dir(path)? {
            let name = file?.file_name();
            if let Some(name) = name.to_str().filter(|name| name.starts_with(begin) && name.ends_with(end)) {
                let _ = self.unlink(name);
            }
        }
        Ok(())
    }

    /// Removes a file, unless its content has been replaced.
    fn remove(&self, name: &str, record: &Record) -> io::Result<()> {
        match self.read(name)? {
            Some((found, _)) if found == *record => self.unlink(&file_name(name)),
            _ => Ok(()),
        }
    }

    fn unlink(&self, file: &str) -> io::Result<()> {
        match self.directory.remove(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }
}

impl Drop for PidDir {
    fn drop(&mut self) {
        // A caller that needs the error calls `close` itself.
        let _ = self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_is_a_new_pid_and_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("web.1.pid");
        let written = || std::fs::read_to_string(&path).ok().and_then(|text| text.parse::<Record>().ok());
        let mut pid_dir = PidDir::open(directory.path(), ["web.1".to_owned()]).unwrap();
        let own = std::process::id() as i32;
        for (pid, restarts) in [(own, 0), (1, 1), (own, 2)] {
            pid_dir.started(UnitId::new(0), pid).unwrap();
            assert_eq!(written(), Some(Record { restarts, ..Record::of_process(pid) }));
        }
        pid_dir.emptied(UnitId::new(0)).unwrap();
        assert_eq!(written(), None);
        pid_dir.started(UnitId::new(0), own).unwrap();
        assert_eq!(written().map(|record| record.restarts), Some(3), "the run in between is counted too");
        drop(pid_dir);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
