//! Starting a program in a process group of its own.
//!
//! As `posix_spawn(3)` does it: the child borrows our memory and we stand still until it has executed its program or
//! failed to. It costs the same however large we are, needs no pipe for the error, and when it returns the leader runs
//! the program in its group. `posix_spawn` itself can't set the parent-death signal.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::ptr;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, clone};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigHandler, SigmaskHow, Signal as Standard, signal, sigprocmask};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, getpid, getppid, setpgid};

use super::child::Leader;
use super::signals::Inherited;
use super::terminal::Terminal;

/// Where sh looks when there is no `PATH` (the default of dash).
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The child needs a few frames and the C library's; measured well under 4 KiB.
const STACK_SIZE: usize = 32 * 1024;

/// What is executed for an entry.
#[derive(Debug)]
pub struct Program {
    /// The program and its arguments.
    pub words: Vec<OsString>,
}

/// What children are started with.
#[derive(Debug)]
pub struct Spawner {
    environment: Vec<CString>,
    path: OsString,
    inherited: Inherited,
    /// Standard input of every child, unless they get ours.
    null: Option<OwnedFd>,
    shell: CString,
    stack: Vec<u8>,
    terminal: Option<Terminal>,
}

/// Why a program could not be started.
#[derive(Debug)]
pub enum Error {
    /// There is no such program.
    NotFound,
    /// There is, but it can't be executed.
    NotExecutable(io::Error),
    /// No process could be made for it.
    NoProcess(io::Error),
}

impl Spawner {
    /// Children get `environment`, look for programs along its `PATH`, and have scripts without a first line `#!` run
    /// by `shell`, as sh does. `share_stdin` leaves them our standard input instead of `/dev/null`, and a child becomes the
    /// foreground group of `terminal`.
    ///
    /// # Errors
    /// `/dev/null` can't be opened.
    pub fn new(
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        inherited: Inherited,
        share_stdin: bool,
        terminal: Option<Terminal>,
        shell: &CStr,
    ) -> io::Result<Self> {
        let null = if share_stdin {
            None
        } else {
            Some(open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?)
        };
        let mut path = OsString::from(DEFAULT_PATH);
        let mut variables = Vec::new();
        for (name, value) in environment {
            if name == "PATH" {
                path.clone_from(&value);
            }
            let mut variable = name;
            variable.push("=");
            variable.push(value);
            variables.push(c_string(variable));
        }
        let stack = vec![0; STACK_SIZE];
        Ok(Self { environment: variables, path, inherited, null, shell: shell.to_owned(), stack, terminal })
    }

    /// Starts a program, the one that its first word names. It gets these as standard output and standard error, or ours.
    ///
    /// # Errors
    /// See [`Error`]; no process is left in that case.
    pub fn spawn(&mut self, program: &Program, output: Option<[BorrowedFd; 2]>) -> Result<Leader, Error> {
        let programs = candidates(&program.words[0], &self.path);
        let arguments: Vec<CString> = program.words.iter().cloned().map(c_string).collect();
        let arguments = pointers(&arguments);
        // sh, the script, and the script's arguments.
        let mut script = [&[self.shell.as_ptr()], &arguments[..]].concat();
        let environment = pointers(&self.environment);
        let mut child = Child {
            programs: &programs,
            arguments: &arguments,
            script: &mut script,
            environment: &environment,
            inherited: self.inherited,
            stdin: self.null.as_ref().map(AsFd::as_fd),
            output,
            parent: getpid(),
            terminal: self.terminal,
        };
        let mut failure = None;
        let run = Box::new(|| {
            failure = Some(child.run());
            127
        });
        let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
        // SAFETY: the child runs on a stack of its own while we stand still, all signals are blocked in both, and
        // until its exec it makes only system calls and writes nothing but `failure`, `script` and errno.
        let pid = unsafe { clone(run, &mut self.stack, flags, Some(libc::SIGCHLD)) };
        let pid = pid.map_err(|errno| Error::NoProcess(errno.into()))?;
        let Some(failure) = failure else { return Ok(Leader::new(pid)) };
        super::child::reap_failed(pid);
        Err(match failure {
            Failure::Preparation(errno) => Error::NoProcess(errno.into()),
            Failure::Execution(Errno::ENOENT | Errno::ENOTDIR) => Error::NotFound,
            Failure::Execution(errno) => Error::NotExecutable(errno.into()),
        })
    }
}

/// What the child does between its birth and its exec. Everything it needs is ready: it may not allocate.
struct Child<'a> {
    programs: &'a [CString],
    arguments: &'a [*const libc::c_char],
    script: &'a mut [*const libc::c_char],
    environment: &'a [*const libc::c_char],
    inherited: Inherited,
    stdin: Option<BorrowedFd<'a>>,
    output: Option<[BorrowedFd<'a>; 2]>,
    parent: Pid,
    terminal: Option<Terminal>,
}

/// What went wrong in the child.
enum Failure {
    Preparation(Errno),
    Execution(Errno),
}

impl Child<'_> {
    /// Tries one program after the other, and returns only if none could be executed.
    fn run(&mut self) -> Failure {
        if let Err(errno) = self.prepare() {
            return Failure::Preparation(errno);
        }
        let mut failure = Errno::ENOENT;
        for program in self.programs {
            let mut errno = self.execute(program.as_ptr(), self.arguments);
            if errno == Errno::ENOEXEC {
                self.script[1] = program.as_ptr();
                errno = self.execute(self.script[0], self.script);
            }
            match errno {
                Errno::ENOENT | Errno::ENOTDIR => {}
                // Another directory may have one that is for us.
                Errno::EACCES => failure = errno,
                _ => return Failure::Execution(errno),
            }
        }
        Failure::Execution(failure)
    }

    fn execute(&self, program: *const libc::c_char, arguments: &[*const libc::c_char]) -> Errno {
        // SAFETY: the program is a C string; both arrays end with a null pointer and point to C strings.
        unsafe { libc::execve(program, arguments.as_ptr(), self.environment.as_ptr()) };
        Errno::last()
    }

    fn prepare(&self) -> nix::Result<()> {
        setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
        if let Some(terminal) = self.terminal {
            // SIGTTOU is still blocked, so the change is allowed from the background.
            terminal.give_to(getpid().as_raw());
        }
        if self.parent.as_raw() != 1 {
            // So that `kill -9` of untrap leaves no leader running; PID 1's end is everybody's anyway.
            set_pdeathsig(Standard::SIGKILL)?;
            if getppid() != self.parent {
                return Err(Errno::ESRCH);
            }
        }
        let [stdout, stderr] = self.output.map_or([None; 2], |output| output.map(Some));
        for (own, standard) in [self.stdin, stdout, stderr].into_iter().zip(libc::STDIN_FILENO..) {
            if let Some(own) = own {
                // SAFETY: dup2 touches no memory of ours, and the standard descriptors are the child's own.
                Errno::result(unsafe { libc::dup2(own.as_raw_fd(), standard) })?;
            }
        }
        // SAFETY: neither sets a handler, and the child's dispositions are its own.
        unsafe {
            signal(Standard::SIGPIPE, SigHandler::SigDfl)?;
            if self.inherited.child_ignored {
                signal(Standard::SIGCHLD, SigHandler::SigIgn)?;
            }
        }
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.inherited.mask), None)
    }
}

/// The paths to try, as execvp(3) does.
fn candidates(program: &OsStr, path: &OsStr) -> Vec<CString> {
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
    path.as_bytes().split(|byte| *byte == b':').map(join).collect()
}

/// A C string; what follows a NUL, which neither arguments nor environment can hold, is dropped.
fn c_string(text: OsString) -> CString {
    let mut bytes = text.into_vec();
    bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    CString::new(bytes).unwrap_or_default()
}

/// As execve(2) wants them: pointers to C strings, the last one null.
fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}
