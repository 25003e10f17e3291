//! Looks at a file to find the reason why it cannot be executed, which execve(2) tells only by a number.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::statvfs::{FsFlags, statvfs};

use super::environment::c_string;

/// The start of a file that is read: longer than the line of an interpreter can be, and than the headers of most programs.
const START: usize = 4096;

/// Where sh looks for programs if `PATH` is not set (the default of dash).
pub(super) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const ELF: &[u8] = b"\x7fELF";

/// A program that cannot be executed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CannotExecute {
    /// The file, or the name that is not in `PATH`.
    pub program: PathBuf,
    /// The reason.
    pub obstacle: Obstacle,
}

/// The reason why a program cannot be executed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Obstacle {
    /// No directory of this `PATH` contains it.
    NotInPath(OsString),
    /// The file does not exist.
    Missing,
    /// A part of its path is this file, which is not a directory.
    NotADirectory(PathBuf),
    /// It is a directory.
    IsDirectory,
    /// No user may execute the file.
    NoExecuteBit,
    /// The file system is mounted with noexec.
    NoExecMount,
    /// The first line of a script ends with CR and LF.
    CarriageReturn,
    /// A byte order mark precedes the `#!` of a script.
    ByteOrderMark,
    /// The interpreter of a script does not exist.
    InterpreterMissing(PathBuf),
    /// The dynamic loader does not exist: the program is built for another C library.
    LoaderMissing(PathBuf),
    /// It is built for another processor.
    OtherArchitecture(String),
    /// A process has it open for writing.
    Busy,
    /// It has no first line `#!`, is no program, and there is no shell to execute it.
    NoFormat,
    /// Another error.
    Other(Errno),
}

impl Obstacle {
    /// Whether the program is missing, not only unusable.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::NotInPath(_)
                | Self::Missing
                | Self::NotADirectory(_)
                | Self::CarriageReturn
                | Self::InterpreterMissing(_)
                | Self::LoaderMissing(_)
        )
    }

    /// Whether execve(2) fails in any case. The kernel may have a handler for another architecture (`binfmt_misc`), which
    /// a container cannot see.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        !matches!(self, Self::OtherArchitecture(_) | Self::Busy | Self::NoFormat | Self::Other(_))
    }
}

/// The paths to try, as execvp(3) does.
pub(super) fn candidates(program: &OsStr, path: &[u8]) -> Vec<CString> {
    if program.as_bytes().contains(&b'/') {
        return vec![c_string(program.to_owned())];
    }
    if program.is_empty() {
        return Vec::new();
    }
    let join = |directory: &[u8]| {
        let directory = if directory.is_empty() { b"." } else { directory };
        c_string(OsString::from_vec([directory, b"/", program.as_bytes()].concat()))
    };
    path.split(|byte| *byte == b':').map(join).collect()
}

/// Returns the file of a program, which is looked up in `path` unless it contains a slash, seen from `directory`.
///
/// # Errors
/// Fails if no file can be executed.
pub fn resolve(program: &OsStr, path: Option<&OsStr>, directory: &Path) -> Result<PathBuf, CannotExecute> {
    let has_slash = program.as_bytes().contains(&b'/');
    let path = path.unwrap_or(OsStr::new(DEFAULT_PATH));
    let mut failure = None;
    for candidate in candidates(program, path.as_bytes()) {
        let file = Path::new(OsStr::from_bytes(candidate.to_bytes())).to_owned();
        match examine(&directory.join(&file)) {
            Ok(()) => return Ok(file),
            Err(Obstacle::Missing | Obstacle::NotADirectory(_)) if !has_slash => {}
            Err(obstacle) => drop(failure.get_or_insert(CannotExecute { program: file, obstacle })),
        }
    }
    Err(failure
        .unwrap_or_else(|| CannotExecute { program: program.into(), obstacle: Obstacle::NotInPath(path.to_owned()) }))
}

/// Returns the reason why a program could not be executed, if execve(2) has failed with this error.
#[must_use]
pub fn diagnose(program: &OsStr, path: Option<&OsStr>, directory: &Path, errno: Errno) -> CannotExecute {
    match resolve(program, path, directory) {
        Err(cause) => cause,
        Ok(program) => {
            let obstacle = match errno {
                Errno::ETXTBSY => Obstacle::Busy,
                Errno::ENOEXEC => Obstacle::NoFormat,
                errno => Obstacle::Other(errno),
            };
            CannotExecute { program, obstacle }
        }
    }
}

/// Whether a shell may execute a file that the kernel does not know: neither a program for another machine nor a script
/// whose interpreter only a byte order mark hides. Allocates nothing, because the child calls it.
pub(super) fn is_script(path: &CStr) -> bool {
    let mut start = [0; 256];
    let path = Path::new(OsStr::from_bytes(path.to_bytes()));
    let Ok(length) = File::open(path).and_then(|mut file| file.read(&mut start)) else { return true };
    let start = &start[..length];
    !start.contains(&0) && !hides_interpreter(start)
}

fn hides_interpreter(start: &[u8]) -> bool {
    start.strip_prefix(BYTE_ORDER_MARK).is_some_and(|rest| rest.starts_with(b"#!"))
}

/// Looks at one file.
fn examine(path: &Path) -> Result<(), Obstacle> {
    let metadata = std::fs::metadata(path).map_err(|error| missing(path, &error))?;
    if metadata.is_dir() {
        return Err(Obstacle::IsDirectory);
    }
    if !is_executable(&metadata) {
        return Err(Obstacle::NoExecuteBit);
    }
    if statvfs(path).is_ok_and(|file_system| file_system.flags().contains(FsFlags::ST_NOEXEC)) {
        return Err(Obstacle::NoExecMount);
    }
    // A program that cannot be read can still be executed.
    let Ok(file) = File::open(path) else { return Ok(()) };
    let mut start = [0; START];
    let Ok(length) = file.read_at(&mut start, 0) else { return Ok(()) };
    let start = &start[..length];
    if hides_interpreter(start) {
        return Err(Obstacle::ByteOrderMark);
    }
    match start.strip_prefix(b"#!") {
        Some(rest) => examine_script(rest.split(|byte| *byte == b'\n').next().unwrap_or_default()),
        None if start.starts_with(ELF) => examine_elf(&file, start),
        None => Ok(()),
    }
}

fn is_executable(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & 0o111 != 0
}

fn missing(path: &Path, error: &io::Error) -> Obstacle {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT) => Obstacle::Missing,
        Some(Errno::ENOTDIR) => {
            let file = path.ancestors().find(|ancestor| std::fs::metadata(ancestor).is_ok_and(|found| !found.is_dir()));
            file.map_or(Obstacle::Missing, |file| Obstacle::NotADirectory(file.to_owned()))
        }
        errno => Obstacle::Other(errno.unwrap_or(Errno::EIO)),
    }
}

/// Looks at the first line of a script after `#!`.
fn examine_script(line: &[u8]) -> Result<(), Obstacle> {
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let Some(interpreter) = words.next() else { return Ok(()) };
    let path = Path::new(OsStr::from_bytes(interpreter));
    // A carriage return after an option is a matter of the interpreter: perl ignores it.
    let is_in_name = if path.ends_with("env") { line.ends_with(b"\r") } else { interpreter.ends_with(b"\r") };
    if is_in_name {
        return Err(Obstacle::CarriageReturn);
    }
    // A relative interpreter is looked up from the directory in which the program starts.
    if path.is_absolute() && !path.exists() {
        return Err(Obstacle::InterpreterMissing(path.to_owned()));
    }
    Ok(())
}

/// Reads numbers of an ELF file, see elf(5).
struct Elf<'a> {
    start: &'a [u8],
    is_wide: bool,
    is_little: bool,
}

impl Elf<'_> {
    fn number(&self, bytes: &[u8], offset: usize, size: usize) -> Option<u64> {
        let bytes = bytes.get(offset..offset + size)?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.is_little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    }

    fn machine(&self) -> Option<u16> {
        self.number(self.start, 18, 2).map(|machine| machine as u16)
    }

    /// The path of the dynamic loader (`PT_INTERP`).
    fn loader(&self, file: &File) -> Option<PathBuf> {
        const PT_INTERP: u64 = 3;
        let [headers, size, count] =
            if self.is_wide { [(32, 8), (54, 2), (56, 2)] } else { [(28, 4), (42, 2), (44, 2)] }
                .map(|(offset, size)| self.number(self.start, offset, size));
        let size = size? as usize;
        for index in 0..count?.min(64) {
            let mut header = [0; 56];
            let length = size.min(header.len());
            file.read_exact_at(&mut header[..length], headers? + index * size as u64).ok()?;
            if self.number(&header, 0, 4)? == PT_INTERP {
                let [offset, size] = if self.is_wide { [(8, 8), (32, 8)] } else { [(4, 4), (16, 4)] }
                    .map(|(offset, size)| self.number(&header, offset, size));
                let mut path = vec![0; size?.min(START as u64) as usize];
                file.read_exact_at(&mut path, offset?).ok()?;
                let path = CStr::from_bytes_until_nul(&path).ok()?;
                return Some(Path::new(OsStr::from_bytes(path.to_bytes())).to_owned());
            }
        }
        None
    }
}

fn examine_elf(file: &File, start: &[u8]) -> Result<(), Obstacle> {
    let elf = Elf { start, is_wide: start.get(4) == Some(&2), is_little: start.get(5) != Some(&2) };
    let Some(machine) = elf.machine() else { return Ok(()) };
    if !is_native(machine) {
        return Err(Obstacle::OtherArchitecture(architecture(machine)));
    }
    match elf.loader(file).filter(|loader| !loader.exists()) {
        Some(loader) => Err(Obstacle::LoaderMissing(loader)),
        None => Ok(()),
    }
}

/// The machines of ELF files that are common in containers, as Rust and `uname -m` name them.
const MACHINES: &[(u16, &str)] = &[
    (3, "x86"),
    (8, "mips"),
    (20, "powerpc"),
    (21, "powerpc64"),
    (22, "s390x"),
    (40, "arm"),
    (62, "x86_64"),
    (183, "aarch64"),
    (243, "riscv64"),
    (258, "loongarch64"),
];

fn architecture(machine: u16) -> String {
    let known = MACHINES.iter().find(|(number, _)| *number == machine);
    known.map_or_else(|| format!("machine {machine}"), |(_, name)| (*name).to_owned())
}

/// Whether this machine may execute it: 64-bit kernels execute 32-bit programs.
fn is_native(machine: u16) -> bool {
    let file = architecture(machine);
    let pair = (file.as_str(), std::env::consts::ARCH);
    pair.0 == pair.1 || matches!(pair, ("x86", "x86_64") | ("x86_64", "x86") | ("arm", "aarch64") | ("aarch64", "arm"))
}
