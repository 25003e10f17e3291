//! Starts a program in a process group of its own.
//!
//! The child is forked, and reports an error through a pipe that execve(2) closes. untrap polls the pipe and never waits
//! for the child, because a child can hang before or in execve(2): it is stopped by SIGSTOP, or the file system of the
//! program does not answer.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigHandler, SigmaskHow, Signal as Standard, signal, sigprocmask};
use nix::sys::stat::Mode;
use nix::unistd::{ForkResult, Pid, chdir, fork, getpid, getppid, pipe2, setpgid};

use super::child::Leader;
use super::credentials::become_user;
use super::descriptors::{self, close_except};
use super::executable::{self, CannotExecute, DEFAULT_PATH, candidates, is_script};
use super::signalfd::Inherited;
use super::terminal::Terminal;
use super::working_directory;
use crate::exit_status::NOT_FOUND;
use crate::sys::credentials::Identity;
use crate::sys::environment::{Assignment, Environment, Variable, assignment, c_string, name};

/// A program to start.
#[derive(Debug)]
pub struct Program {
    /// The program and its arguments.
    words: Box<[OsString]>,
    /// `NAME=value`; replaces the variables of the shared environment that have the same name.
    variables: Box<[CString]>,
    /// The user that it runs as; `None`: untrap's own user.
    identity: Option<Box<Identity>>,
    /// Its working directory, which its user enters; `None`: that of untrap.
    pub directory: Option<CString>,
    /// The change of the working directory before it.
    cd: Option<Box<Cd>>,
    /// Whether it has untrap's standard input and the terminal instead of `/dev/null`.
    pub foreground: bool,
}

/// A change of the working directory.
#[derive(Debug)]
struct Cd {
    operand: OsString,
    /// What is executed if it fails; `None`: nothing, the start fails.
    otherwise: Option<Program>,
}

impl Program {
    /// A program with its arguments, and the variables that are set only for it.
    #[must_use]
    pub fn new(words: Vec<OsString>, variables: Vec<Variable>, identity: Option<Identity>) -> Self {
        let variables = variables.into_iter().map(assignment).collect();
        let identity = identity.map(Box::new);
        Self { words: words.into(), variables, identity, directory: None, cd: None, foreground: false }
    }

    /// Changes the working directory before the program starts, as `cd` of sh does. If that fails, `otherwise` is
    /// executed instead, in the same process.
    pub fn change_directory(&mut self, operand: OsString, otherwise: Option<Self>) {
        self.cd = Some(Box::new(Cd { operand, otherwise }));
    }

    /// The user that it runs as; `None`: untrap's own user.
    #[must_use]
    pub fn user(&self) -> Option<u32> {
        self.identity.as_ref().map(|identity| identity.uid)
    }

    /// The program, as the command names it.
    #[must_use]
    pub fn path(&self) -> &OsStr {
        &self.words[0]
    }

    /// Sets variables for it. They replace those that have the same name.
    pub fn set(&mut self, variables: Vec<Variable>) {
        if variables.is_empty() {
            return;
        }
        if let Some(otherwise) = self.cd.as_mut().and_then(|cd| cd.otherwise.as_mut()) {
            otherwise.set(variables.clone());
        }
        let new: Vec<CString> = variables.into_iter().map(assignment).collect();
        let old = std::mem::take(&mut self.variables).into_iter();
        let kept = old.filter(|old| !new.iter().any(|new| name(new) == name(old))).collect::<Vec<_>>();
        self.variables = kept.into_iter().chain(new).collect();
    }
}

/// Starts programs.
#[derive(Debug)]
pub struct Spawner {
    environment: Vec<Assignment>,
    inherited: Inherited,
    /// The descriptors above 2 that untrap was started with. `None`: unknown, because `/proc` cannot be read.
    inherited_descriptors: Option<Vec<RawFd>>,
    /// Standard input of programs that do not have untrap's.
    null: Option<OwnedFd>,
    shell: Option<CString>,
    terminal: Option<Terminal>,
    own: Pid,
}

/// The cause of a failed start.
#[derive(Debug)]
pub enum SpawnError {
    /// The program does not exist.
    NotFound(Errno),
    /// The program exists and cannot be executed.
    NotExecutable(Errno),
    /// The child cannot become the user that the program runs as.
    NotPermitted(io::Error),
    /// The child cannot change to the program's working directory.
    NoWorkingDirectory(io::Error),
    /// The child cannot change to the directory of the program's `cd`.
    NoDirectory(io::Error),
    /// No process could be created, or it could not be prepared.
    NoProcess(io::Error),
}

/// The pipe through which a child reports that it could not execute its program.
#[derive(Debug)]
pub struct ExecPipe(OwnedFd);

/// How far a child has come.
#[derive(Debug)]
pub enum LaunchStatus {
    /// It has not executed its program yet.
    Pending,
    /// It has executed its program, or was killed before that.
    Closed,
    /// It could not execute its program, and exits.
    Failed(SpawnError),
}

impl ExecPipe {
    /// The descriptor that becomes readable when the status changes.
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// The status of the child.
    #[must_use]
    pub fn status(&self) -> LaunchStatus {
        let mut report = [0; Failure::SIZE];
        match nix::unistd::read(&self.0, &mut report) {
            Err(Errno::EAGAIN | Errno::EINTR) => LaunchStatus::Pending,
            Ok(Failure::SIZE) => LaunchStatus::Failed(Failure::from_bytes(report).into()),
            Ok(_) | Err(_) => LaunchStatus::Closed,
        }
    }
}

impl Spawner {
    /// Children have `environment`, search its `PATH`, and run scripts that have no first line `#!` with `shell`, as sh
    /// does. A foreground program's process group becomes the foreground group of `terminal`. `has_background` says
    /// whether there are other programs.
    ///
    /// # Errors
    /// `/dev/null` cannot be opened.
    pub fn new(
        environment: Environment,
        inherited: Inherited,
        has_background: bool,
        terminal: Option<Terminal>,
        shell: Option<&Path>,
    ) -> io::Result<Self> {
        let open_null = || open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
        let null = if has_background { Some(open_null()?) } else { None };
        let environment = environment.into_iter().collect();
        let shell = shell.map(|shell| c_string(shell.into()));
        let inherited_descriptors = descriptors::inherited();
        Ok(Self { environment, inherited, inherited_descriptors, null, shell, terminal, own: getpid() })
    }

    /// The program's environment: the shared variables, except those that it has itself, and its own.
    fn environment<'a>(&'a self, program: &'a Program) -> Vec<&'a CStr> {
        let mut own: Vec<_> = program.variables.iter().map(|own| name(own)).collect();
        // An env file can define many thousands of variables.
        own.sort_unstable();
        let shared = self.environment.iter().filter(|variable| own.binary_search(&name(variable)).is_err());
        shared.map(AsRef::as_ref).chain(program.variables.iter().map(CString::as_c_str)).collect()
    }

    fn image<'a>(&'a self, program: &'a Program) -> Image<'a> {
        let environment = self.environment(program);
        let path = environment.iter().find_map(|variable| variable.to_bytes().strip_prefix(b"PATH="));
        let programs = candidates(&program.words[0], path.unwrap_or(DEFAULT_PATH.as_bytes()));
        let words: Vec<CString> = program.words.iter().cloned().map(c_string).collect();
        let arguments = pointers(words.iter().map(CString::as_c_str));
        let shell = self.shell.as_ref().map_or(ptr::null(), |shell| shell.as_ptr());
        let script = [&[shell], &arguments[..]].concat();
        Image {
            programs,
            _words: words,
            arguments,
            script,
            pointers: pointers(environment.iter().copied()),
            environment,
        }
    }

    /// The reason why a program could not be executed.
    #[must_use]
    pub fn diagnose(&self, program: &Program, errno: Errno) -> CannotExecute {
        let environment = self.environment(program);
        let path = environment.iter().find_map(|variable| variable.to_bytes().strip_prefix(b"PATH="));
        let own = program.directory.as_deref().map(|directory| Path::new(OsStr::from_bytes(directory.to_bytes())));
        let cd = program.cd.as_ref().map(|cd| Path::new(&cd.operand));
        let directory: PathBuf = own.into_iter().chain(cd).collect();
        executable::diagnose(program.path(), path.map(OsStr::from_bytes), &directory, errno)
    }

    /// Starts a program. It has `output` as standard output and standard error; `None`: untrap's own.
    ///
    /// # Errors
    /// No process could be created. Later errors arrive through the pipe.
    pub fn spawn(&self, program: &Program, output: Option<[BorrowedFd; 2]>) -> Result<(Leader, ExecPipe), SpawnError> {
        let image = self.image(program);
        let cd = program.cd.as_deref();
        let otherwise = cd.and_then(|cd| cd.otherwise.as_ref()).map(|otherwise| self.image(otherwise));
        let no_process = |errno: Errno| SpawnError::NoProcess(errno.into());
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(no_process)?;
        let kept = self.inherited_descriptors.as_ref().map(|inherited| {
            let mut kept = [&inherited[..], &[writer.as_raw_fd()]].concat();
            kept.sort_unstable();
            kept
        });
        let mut child = Child {
            image,
            directory: program.directory.as_deref(),
            cd: cd.map(|cd| cd.operand.as_os_str()),
            otherwise,
            inherited: self.inherited,
            kept: kept.as_deref(),
            identity: program.identity.as_deref(),
            stdin: self.null.as_ref().filter(|_| !program.foreground).map(AsFd::as_fd),
            output,
            parent: self.own,
            terminal: self.terminal.filter(|_| program.foreground),
        };
        // SAFETY: untrap has one thread, so no lock is held by another one, and the child may do what untrap may. It
        // has all signals blocked until it has set its own mask.
        match unsafe { fork() }.map_err(no_process)? {
            ForkResult::Parent { child } => {
                // The child makes the same call: whichever comes first, the child leads its group before a signal is
                // sent.
                let _ = setpgid(child, child);
                Ok((Leader::new(child), ExecPipe(reader)))
            }
            ForkResult::Child => {
                let report = child.run().to_bytes();
                // An error is ignored: there is no other way to report it. The pipe is empty, so it has room.
                let _ = nix::unistd::write(&writer, &report);
                // SAFETY: _exit runs no destructor and no exit handler, which belong to the parent.
                unsafe { libc::_exit(NOT_FOUND.into()) }
            }
        }
    }
}

/// The arguments of execve(2).
struct Image<'a> {
    /// The paths to try.
    programs: Vec<CString>,
    /// What `arguments` points to.
    _words: Vec<CString>,
    arguments: Vec<*const libc::c_char>,
    /// The shell, the script, and the script's arguments.
    script: Vec<*const libc::c_char>,
    environment: Vec<&'a CStr>,
    pointers: Vec<*const libc::c_char>,
}

impl Image<'_> {
    /// Tries to execute each candidate, and returns only if all fail.
    fn execute(&mut self) -> Failure {
        let mut failure = Errno::ENOENT;
        for program in &self.programs {
            let mut errno = self.execute_as(program.as_ptr(), &self.arguments);
            if errno == Errno::ENOEXEC && !self.script[0].is_null() && is_script(program) {
                self.script[1] = program.as_ptr();
                errno = self.execute_as(self.script[0], &self.script);
            }
            match errno {
                Errno::ENOENT | Errno::ENOTDIR => {}
                // A later directory of PATH may have a program that this user may execute.
                Errno::EACCES => failure = errno,
                _ => return Failure::Execution(errno),
            }
        }
        Failure::Execution(failure)
    }

    /// The same with other values of these variables.
    fn execute_with(&mut self, variables: [Variable; 2]) -> Failure {
        let variables = variables.map(assignment);
        let kept = self.environment.iter().filter(|old| variables.iter().all(|new| name(new) != name(old)));
        self.pointers = pointers(kept.copied().chain(variables.iter().map(CString::as_c_str)));
        self.execute()
    }

    fn execute_as(&self, program: *const libc::c_char, arguments: &[*const libc::c_char]) -> Errno {
        // SAFETY: `program` is a C string; both arrays contain pointers to C strings and end with a null pointer.
        unsafe { libc::execve(program, arguments.as_ptr(), self.pointers.as_ptr()) };
        Errno::last()
    }
}

/// The work of the child between fork and exec. Everything is prepared before the fork: the child allocates nothing,
/// because memory that it writes is copied, unless it changes the directory.
struct Child<'a> {
    image: Image<'a>,
    directory: Option<&'a CStr>,
    cd: Option<&'a OsStr>,
    /// What is executed if the change of the directory fails.
    otherwise: Option<Image<'a>>,
    inherited: Inherited,
    /// The descriptors above 2 that stay open, in ascending order.
    kept: Option<&'a [RawFd]>,
    identity: Option<&'a Identity>,
    stdin: Option<BorrowedFd<'a>>,
    output: Option<[BorrowedFd<'a>; 2]>,
    parent: Pid,
    terminal: Option<Terminal>,
}

/// An error in the child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Failure {
    Identity(Errno),
    Preparation(Errno),
    WorkingDirectory(Errno),
    Directory(Errno),
    Execution(Errno),
}

impl Failure {
    const SIZE: usize = 1 + size_of::<i32>();

    fn to_bytes(self) -> [u8; Self::SIZE] {
        let (step, errno) = match self {
            Self::Identity(errno) => (0, errno),
            Self::Preparation(errno) => (1, errno),
            Self::Directory(errno) => (2, errno),
            Self::WorkingDirectory(errno) => (3, errno),
            Self::Execution(errno) => (4, errno),
        };
        let [a, b, c, d] = (errno as i32).to_ne_bytes();
        [step, a, b, c, d]
    }

    fn from_bytes([step, a, b, c, d]: [u8; Self::SIZE]) -> Self {
        let errno = Errno::from_raw(i32::from_ne_bytes([a, b, c, d]));
        match step {
            0 => Self::Identity(errno),
            1 => Self::Preparation(errno),
            2 => Self::Directory(errno),
            3 => Self::WorkingDirectory(errno),
            _ => Self::Execution(errno),
        }
    }
}

impl From<Failure> for SpawnError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Identity(errno) => Self::NotPermitted(errno.into()),
            Failure::Preparation(errno) => Self::NoProcess(errno.into()),
            Failure::WorkingDirectory(errno) => Self::NoWorkingDirectory(errno.into()),
            Failure::Directory(errno) => Self::NoDirectory(errno.into()),
            Failure::Execution(errno @ (Errno::ENOENT | Errno::ENOTDIR)) => Self::NotFound(errno),
            Failure::Execution(errno) => Self::NotExecutable(errno),
        }
    }
}

impl Child<'_> {
    /// Executes the program, and returns only if that fails.
    fn run(&mut self) -> Failure {
        if let Err(failure) = self.prepare() {
            return failure;
        }
        let Some(operand) = self.cd else { return self.image.execute() };
        match working_directory::change(operand, &self.image.environment) {
            Ok(variables) => self.image.execute_with(variables),
            Err(errno) => self.otherwise.as_mut().map_or(Failure::Directory(errno), Image::execute),
        }
    }

    fn prepare(&self) -> Result<(), Failure> {
        // First of all, because the child must not outlive untrap.
        self.bind_to_parent().map_err(Failure::Preparation)?;
        self.join_group().map_err(Failure::Preparation)?;
        self.set_descriptors().map_err(Failure::Preparation)?;
        if let Some(identity) = self.identity {
            become_user(identity).map_err(Failure::Identity)?;
            // The change of the user clears the parent-death signal.
            self.bind_to_parent().map_err(Failure::Preparation)?;
        }
        if let Some(directory) = self.directory {
            chdir(directory).map_err(Failure::WorkingDirectory)?;
        }
        self.reset().map_err(Failure::Preparation)
    }

    /// Makes the kernel kill the leader if untrap is killed. If untrap is PID 1, the kernel does so anyway. An error is
    /// not reported: a sandbox that denies this has denied the adoption of orphans too, about which untrap has warned.
    fn bind_to_parent(&self) -> nix::Result<()> {
        if self.parent.as_raw() == 1 {
            return Ok(());
        }
        let _ = set_pdeathsig(Standard::SIGKILL);
        // untrap may have been killed before the call.
        if getppid() == self.parent { Ok(()) } else { Err(Errno::ESRCH) }
    }

    fn join_group(&self) -> nix::Result<()> {
        setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
        if let Some(terminal) = self.terminal {
            // SIGTTOU is still blocked, so the change is allowed from the background.
            terminal.give_to(getpid().as_raw());
        }
        Ok(())
    }

    /// Sets the standard descriptors, and closes untrap's own: while the child hangs, it must not hold untrap's lock.
    fn set_descriptors(&self) -> nix::Result<()> {
        let [stdout, stderr] = self.output.map_or([None; 2], |output| output.map(Some));
        for (own, standard) in [self.stdin, stdout, stderr].into_iter().zip(libc::STDIN_FILENO..) {
            if let Some(own) = own {
                // SAFETY: dup2 accesses no memory, and no value of the child owns a standard descriptor.
                Errno::result(unsafe { libc::dup2(own.as_raw_fd(), standard) })?;
            }
        }
        for descriptor in [libc::STDOUT_FILENO, libc::STDERR_FILENO] {
            match self.output {
                Some(_) => descriptors::clear_flags(descriptor),
                None => descriptors::reopen_pipe(descriptor),
            }
        }
        if let Some(kept) = self.kept {
            // SAFETY: the child uses no descriptor but the standard ones and the pipe, which are kept.
            unsafe { close_except(kept) };
        }
        Ok(())
    }

    /// Sets the signal dispositions, the limits and the signal mask that untrap was started with.
    fn reset(&self) -> nix::Result<()> {
        // SAFETY: neither call sets a handler.
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

/// Pointers to C strings and a final null pointer, as execve(2) takes them.
fn pointers<'a>(strings: impl IntoIterator<Item = &'a CStr>) -> Vec<*const libc::c_char> {
    strings.into_iter().map(CStr::as_ptr).chain([ptr::null()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_arrives_as_it_was_sent() {
        for failure in [
            Failure::Identity(Errno::EPERM),
            Failure::Preparation(Errno::EAGAIN),
            Failure::Directory(Errno::ENOTDIR),
            Failure::WorkingDirectory(Errno::EACCES),
            Failure::Execution(Errno::ENOENT),
        ] {
            assert_eq!(Failure::from_bytes(failure.to_bytes()), failure);
        }
    }
}
