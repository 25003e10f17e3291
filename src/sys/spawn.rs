//! Starting a program in a process group of its own.
//!
//! As `posix_spawn(3)` does it: the child borrows our memory and we stand still until it has executed its program or
//! failed to. It costs the same however large we are, needs no pipe for the error, and when it returns the leader runs
//! the program in its group. `posix_spawn` itself can't set the parent-death signal.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, clone};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigHandler, SigmaskHow, Signal as Standard, signal, sigprocmask};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, getpid, getppid, setpgid};

use super::child::Leader;
use super::credentials::become_user;
use super::signalfd::Inherited;
use super::terminal::Terminal;
use crate::sys::credentials::Identity;
use crate::sys::environment::{Assignment, Environment, Variable, assignment, c_string, name};

/// Where sh looks when there is no `PATH` (the default of dash).
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The child needs a few frames and the C library's; measured well under 4 KiB.
const STACK_SIZE: usize = 32 * 1024;

/// The stack of the child that is being started; there is one at a time. Static, because memory that the program
/// begins with is not there before it is touched, and most of this never is.
static STACK: Mutex<[u8; STACK_SIZE]> = Mutex::new([0; STACK_SIZE]);

/// What is executed for a service.
#[derive(Debug)]
pub struct Program {
    /// The program and its arguments.
    words: Box<[OsString]>,
    /// `NAME=value`, over the environment that all share.
    variables: Box<[CString]>,
    /// Whom it runs as, if not as we do.
    identity: Option<Box<Identity>>,
    /// Whether it gets our standard input and the terminal, instead of `/dev/null`.
    pub foreground: bool,
}

impl Program {
    /// A program with its arguments, and the variables that are set for it alone.
    #[must_use]
    pub fn new(words: Vec<OsString>, variables: Vec<Variable>, identity: Option<Identity>) -> Self {
        let variables = variables.into_iter().map(assignment).collect();
        Self { words: words.into(), variables, identity: identity.map(Box::new), foreground: false }
    }

    /// The user that it runs as, if not as ours.
    #[must_use]
    pub fn user(&self) -> Option<u32> {
        self.identity.as_ref().map(|identity| identity.uid)
    }

    /// What is executed, as the command names it.
    #[must_use]
    pub fn path(&self) -> &OsStr {
        &self.words[0]
    }

    /// Sets variables for it, in the place of those that have the same names.
    pub fn set(&mut self, variables: Vec<Variable>) {
        if variables.is_empty() {
            return;
        }
        let new: Vec<CString> = variables.into_iter().map(assignment).collect();
        let old = std::mem::take(&mut self.variables).into_iter();
        let kept = old.filter(|old| !new.iter().any(|new| name(new) == name(old))).collect::<Vec<_>>();
        self.variables = kept.into_iter().chain(new).collect();
    }
}

/// What children are started with.
#[derive(Debug)]
pub struct Spawner {
    environment: Vec<Assignment>,
    inherited: Inherited,
    /// Standard input of every child that does not get ours.
    null: Option<OwnedFd>,
    shell: Option<CString>,
    terminal: Option<Terminal>,
    own: Pid,
}

/// Why a program could not be started.
#[derive(Debug)]
pub enum SpawnError {
    /// There is no such program.
    NotFound,
    /// There is, but it can't be executed.
    NotExecutable(io::Error),
    /// It can't become the user that it is to run as.
    NotPermitted(io::Error),
    /// No process could be made for it.
    NoProcess(io::Error),
}

impl Spawner {
    /// Children get `environment`, look for programs along its `PATH`, and have scripts without a first line `#!` run
    /// by `shell`, as sh does, if there is one. Those that are to be in the foreground become the foreground group of
    /// `terminal`; with `background` there are others.
    ///
    /// # Errors
    /// `/dev/null` can't be opened.
    pub fn new(
        environment: Environment,
        inherited: Inherited,
        background: bool,
        terminal: Option<Terminal>,
        shell: Option<&Path>,
    ) -> io::Result<Self> {
        let open_null = || open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
        let null = if background { Some(open_null()?) } else { None };
        let environment = environment.into_iter().collect();
        let shell = shell.map(|shell| c_string(shell.into()));
        Ok(Self { environment, inherited, null, shell, terminal, own: getpid() })
    }

    /// What the program is started with: the shared variables, but for those that it has for itself, and these.
    fn environment<'a>(&'a self, program: &'a Program) -> Vec<&'a CStr> {
        let own: Vec<_> = program.variables.iter().map(|own| name(own)).collect();
        let shared = self.environment.iter().filter(|variable| !own.contains(&name(variable)));
        shared.map(AsRef::as_ref).chain(program.variables.iter().map(CString::as_c_str)).collect()
    }

    /// Starts a program, the one that its first word names. It gets these as standard output and standard error, or
    /// ours.
    ///
    /// # Errors
    /// See [`SpawnError`]; no process is left in that case.
    pub fn spawn(&self, program: &Program, output: Option<[BorrowedFd; 2]>) -> Result<Leader, SpawnError> {
        let environment = self.environment(program);
        let path = environment.iter().find_map(|variable| variable.to_bytes().strip_prefix(b"PATH="));
        let programs = candidates(&program.words[0], path.unwrap_or(DEFAULT_PATH.as_bytes()));
        let arguments: Vec<CString> = program.words.iter().cloned().map(c_string).collect();
        let arguments = pointers(arguments.iter().map(CString::as_c_str));
        // sh, the script, and the script's arguments.
        let shell = self.shell.as_ref().map_or(ptr::null(), |shell| shell.as_ptr());
        let mut script = [&[shell], &arguments[..]].concat();
        let environment = pointers(environment);
        let mut child = Child {
            programs: &programs,
            arguments: &arguments,
            script: &mut script,
            environment: &environment,
            inherited: self.inherited,
            identity: program.identity.as_deref(),
            stdin: self.null.as_ref().filter(|_| !program.foreground).map(AsFd::as_fd),
            output,
            parent: self.own,
            terminal: self.terminal.filter(|_| program.foreground),
        };
        let mut failure = None;
        let run = Box::new(|| {
            failure = Some(child.run());
            127
        });
        let mut stack = STACK.lock().unwrap_or_else(PoisonError::into_inner);
        let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
        // SAFETY: the child runs on a stack of its own while we stand still, all signals are blocked in both, and
        // until its exec it makes only system calls and writes nothing but `failure`, `script` and errno.
        let pid = unsafe { clone(run, &mut *stack, flags, Some(libc::SIGCHLD)) };
        let pid = pid.map_err(|errno| SpawnError::NoProcess(errno.into()))?;
        let Some(failure) = failure else { return Ok(Leader::new(pid)) };
        super::child::reap_failed(pid);
        Err(match failure {
            Failure::Identity(errno) => SpawnError::NotPermitted(errno.into()),
            Failure::Preparation(errno) => SpawnError::NoProcess(errno.into()),
            Failure::Execution(Errno::ENOENT | Errno::ENOTDIR) => SpawnError::NotFound,
            Failure::Execution(errno) => SpawnError::NotExecutable(errno.into()),
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
    identity: Option<&'a Identity>,
    stdin: Option<BorrowedFd<'a>>,
    output: Option<[BorrowedFd<'a>; 2]>,
    parent: Pid,
    terminal: Option<Terminal>,
}

/// What went wrong in the child.
enum Failure {
    Identity(Errno),
    Preparation(Errno),
    Execution(Errno),
}

impl Child<'_> {
    /// Tries one program after the other, and returns only if none could be executed.
    fn run(&mut self) -> Failure {
        if let Err(failure) = self.prepare() {
            return failure;
        }
        let mut failure = Errno::ENOENT;
        for program in self.programs {
            let mut errno = self.execute(program.as_ptr(), self.arguments);
            if errno == Errno::ENOEXEC && !self.script[0].is_null() {
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

    fn prepare(&self) -> Result<(), Failure> {
        self.join_group().map_err(Failure::Preparation)?;
        self.identity.map_or(Ok(()), become_user).map_err(Failure::Identity)?;
        self.bind_to_parent().map_err(Failure::Preparation)?;
        self.reset().map_err(Failure::Preparation)
    }

    fn join_group(&self) -> nix::Result<()> {
        setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
        if let Some(terminal) = self.terminal {
            // SIGTTOU is still blocked, so the change is allowed from the background.
            terminal.give_to(getpid().as_raw());
        }
        Ok(())
    }

    /// Makes the kernel kill the leader if untrap is killed. For PID 1 the kernel does so anyway. A later change of the
    /// user would clear the setting. A sandbox that denies it has denied the reaping of orphans too, and that was said.
    fn bind_to_parent(&self) -> nix::Result<()> {
        if self.parent.as_raw() == 1 {
            return Ok(());
        }
        let _ = set_pdeathsig(Standard::SIGKILL);
        if getppid() == self.parent { Ok(()) } else { Err(Errno::ESRCH) }
    }

    fn reset(&self) -> nix::Result<()> {
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
        if let Some(limit) = self.inherited.descriptor_limit {
            limit.restore()?;
        }
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.inherited.mask), None)
    }
}

/// The paths to try, as execvp(3) does.
fn candidates(program: &OsStr, path: &[u8]) -> Vec<CString> {
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

/// As execve(2) wants them: pointers to C strings, the last one null.
fn pointers<'a>(strings: impl IntoIterator<Item = &'a CStr>) -> Vec<*const libc::c_char> {
    strings.into_iter().map(CStr::as_ptr).chain([ptr::null()]).collect()
}
