//! The step from a plan to what is executed for each service: words are expanded, variables are set, and a shell is
//! added if one is needed.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::environment::NamedVariables;
use crate::config::hook::{Hook, Task};
use crate::config::name::Name;
use crate::config::plan::Plan;
use crate::config::service::{Service, WorkingDirectory};
use crate::config::target::Target;
use crate::config::unit::{HookRole, UnitId};
use crate::config::user::{User, UserError};
use crate::exit_status::{NOT_EXECUTABLE, NOT_FOUND, USAGE};
use crate::log::cause::Cause;
use crate::shell::classify::Command;
use crate::shell::expand::expand;
use crate::shell::parse::Simple;
use crate::shell::{Shell, ShellReason};
use crate::sys::credentials::Identity;
use crate::sys::environment::{self, Environment, Variable, c_string};
use crate::sys::executable::{self, CannotExecute};
use crate::sys::readiness::TargetCheck;
use crate::sys::spawn::Program;

/// Variables that are known only when a hook is started.
const SET_LATER: &[&str] = &["UNTRAP_EXIT_CODE", "UNTRAP_NAME", "UNTRAP_PID", "UNTRAP_SIGNAL"];

/// The program of a service, ready to execute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExecCommand {
    /// The program and its arguments.
    pub words: Vec<OsString>,
    /// Variables that are set only for it, each name once. They replace those of the shared environment.
    pub variables: Vec<Variable>,
    /// Why the program is a shell; `None`: it is not.
    pub shell: Option<InShell>,
    /// The directory of `--cwd`; `None`: where untrap runs.
    pub directory: Option<PathBuf>,
    /// The change of the working directory before the program.
    pub cd: Option<Cd>,
    /// The user that it runs as; `None`: untrap's own user.
    pub identity: Option<Identity>,
}

/// How a shell executes a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InShell {
    /// Why the line needs a shell.
    pub reason: ShellReason,
    /// Whether the last program of the line replaces the shell, because untrap has inserted `exec`.
    pub is_replaced: bool,
}

/// A `cd` that the process makes before it executes the program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cd {
    /// The directory.
    pub operand: OsString,
    /// The shell with the line, which is executed if the change fails; `None`: there is no shell.
    pub otherwise: Option<Box<ExecCommand>>,
}

/// The work of a service or a hook, ready to start.
#[derive(Debug)]
pub enum Runnable {
    /// A program.
    Program(Program),
    /// A readiness check that needs no program.
    TargetCheck(TargetCheck),
}

/// Prepares commands for execution.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExecContext {
    /// The shared environment.
    pub environment: Environment,
    /// The variables of single services, from env files.
    pub named: NamedVariables,
    /// `--shell`.
    pub shell: Shell,
    /// `--port`.
    pub port: Option<u16>,
}

/// The reason why a command cannot be executed. Nothing has been started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LaunchError {
    /// It needs a shell, and `--shell` is `none`.
    ShellForbidden {
        /// The service.
        name: String,
        /// Why it needs the shell.
        reason: ShellReason,
    },
    /// It needs a shell, and the shell does not exist.
    ShellMissing {
        /// The service.
        name: String,
        /// Why it needs the shell.
        reason: ShellReason,
        /// The path of the shell.
        shell: PathBuf,
    },
    /// Its program cannot be executed.
    CannotExecute {
        /// The service.
        name: String,
        /// Its index in the plan.
        index: usize,
        /// The program and the reason.
        cause: CannotExecute,
    },
    /// The user or group of `--user` does not exist.
    User(UserError),
    /// Its port would be greater than 65535.
    NoPort {
        /// The service.
        name: String,
        /// Its port.
        port: u32,
    },
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShellForbidden { name, reason } => write!(
                f,
                "{name} needs a shell because of {reason}, and --shell is none; write the command without it, or move it \
                 into a program"
            ),
            Self::ShellMissing { name, reason, shell } => write!(
                f,
                "{name} needs a shell because of {reason}, and there is no {}; write the command without it, or name a \
                 shell with --shell",
                shell.display()
            ),
            Self::CannotExecute { name, cause, .. } => write!(f, "{name} can't start: {}", Cause(cause)),
            Self::User(error) => error.fmt(f),
            Self::NoPort { name, port } => {
                write!(f, "{name} would have the port {port}, and 65535 is the last; give a smaller --port")
            }
        }
    }
}

impl std::error::Error for LaunchError {}

impl LaunchError {
    /// The exit status of untrap.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::ShellForbidden { .. } | Self::User(_) | Self::NoPort { .. } => USAGE,
            Self::ShellMissing { .. } => NOT_FOUND,
            Self::CannotExecute { cause, .. } if cause.obstacle.is_not_found() => NOT_FOUND,
            Self::CannotExecute { .. } => NOT_EXECUTABLE,
        }
    }

    /// Whether the program of a service after the first one does not exist.
    #[must_use]
    pub fn is_not_found_after_the_first(&self) -> bool {
        matches!(self, Self::CannotExecute { index, cause, .. } if *index > 0 && cause.obstacle.is_not_found())
    }
}

impl ExecCommand {
    fn direct(words: Vec<OsString>, variables: Vec<Variable>) -> Self {
        Self { words, variables, shell: None, directory: None, cd: None, identity: None }
    }
}

impl From<ExecCommand> for Program {
    fn from(launch: ExecCommand) -> Self {
        let mut program = Self::new(launch.words, launch.variables, launch.identity);
        program.directory = launch.directory.map(|path| c_string(path.into()));
        if let Some(Cd { operand, otherwise }) = launch.cd {
            program.change_directory(operand, otherwise.map(|otherwise| Self::from(*otherwise)));
        }
        program
    }
}

impl ExecContext {
    /// Prepares each service and each hook of a plan.
    ///
    /// # Errors
    /// The first one that cannot be executed.
    pub fn runnables(&self, plan: &Plan) -> Result<Vec<Runnable>, LaunchError> {
        let examined = examined(plan);
        let service = |(index, service): (usize, &Service)| {
            let launch = self.launch_service(service)?;
            if index < examined {
                self.examine(&service.name, index, &launch)?;
            }
            let mut program = Program::from(launch);
            program.foreground = plan.foreground == Some(UnitId::new(index));
            Ok(Runnable::Program(program))
        };
        let hooks = plan.hooks.iter().map(|hook| self.hook(hook, plan));
        plan.services.iter().enumerate().map(service).chain(hooks).collect()
    }

    /// Fails if the program of a service cannot be executed, so that nothing starts.
    fn examine(&self, name: &Name, index: usize, launch: &ExecCommand) -> Result<(), LaunchError> {
        match self.resolve(launch) {
            Err(cause) if cause.obstacle.is_certain() => {
                Err(LaunchError::CannotExecute { name: name.to_string(), index, cause })
            }
            _ => Ok(()),
        }
    }

    /// Returns the file that will be executed.
    ///
    /// # Errors
    /// There is none that can be executed.
    pub fn resolve(&self, launch: &ExecCommand) -> Result<PathBuf, CannotExecute> {
        let path = environment::get(&launch.variables, OsStr::new("PATH")).or_else(|| self.environment.get("PATH"));
        let cd = launch.cd.as_ref().map(|cd| Path::new(&cd.operand));
        let directory: PathBuf = launch.directory.as_deref().into_iter().chain(cd).collect();
        // If the directory does not exist, the start says so.
        if directory != Path::new("") && !directory.is_dir() {
            return Ok(PathBuf::from(&launch.words[0]));
        }
        executable::resolve(&launch.words[0], path, &directory)
    }

    fn hook(&self, hook: &Hook, plan: &Plan) -> Result<Runnable, LaunchError> {
        Ok(match &hook.task {
            Task::Command(command) | Task::ReadinessCheck(Target::Exec(command)) => {
                Runnable::Program(self.launch_hook(hook, command, plan)?.into())
            }
            Task::ReadinessCheck(Target::Tcp { host, port }) => {
                Runnable::TargetCheck(TargetCheck::Tcp(host.clone(), *port))
            }
            Task::ReadinessCheck(Target::Unix(path)) => Runnable::TargetCheck(TargetCheck::Unix(path.clone())),
            Task::ReadinessCheck(Target::File(path)) => Runnable::TargetCheck(TargetCheck::File(path.clone())),
        })
    }

    /// Prepares the command of a hook, which has the variables of its service.
    ///
    /// # Errors
    /// It needs a shell that it cannot have.
    pub fn launch_hook(&self, hook: &Hook, command: &Command, plan: &Plan) -> Result<ExecCommand, LaunchError> {
        let late = |simple: &Simple| simple.expanded().find(|name| SET_LATER.contains(name)).map(str::to_owned);
        let left_to_the_shell = match command {
            Command::Simple(simple) => {
                late(simple).map(|name| Command::Shell(simple.line.clone(), ShellReason::SetLater(name)))
            }
            Command::Program(_) | Command::Shell(..) => None,
        };
        let variables = plan.service_of(hook).map(|service| self.variables(service)).transpose()?.unwrap_or_default();
        let command = left_to_the_shell.as_ref().unwrap_or(command);
        self.launch_in(plan.directory_of(hook), &hook.name, command, variables)
    }

    /// Prepares the command of a service.
    ///
    /// # Errors
    /// See [`LaunchError`].
    pub fn launch_service(&self, service: &Service) -> Result<ExecCommand, LaunchError> {
        let identity = service.user.as_ref().map(User::look_up).transpose().map_err(LaunchError::User)?;
        let mut variables = self.variables(service)?;
        for variable in identity.iter().flat_map(Identity::variables) {
            replace(&mut variables, variable);
        }
        let launch = self.launch_in(service.directory.as_ref(), &service.name, &service.command, variables)?;
        Ok(ExecCommand { identity, ..launch })
    }

    fn launch_in(
        &self,
        directory: Option<&WorkingDirectory>,
        name: &impl ToString,
        command: &Command,
        mut variables: Vec<Variable>,
    ) -> Result<ExecCommand, LaunchError> {
        let Some(WorkingDirectory(path)) = directory else { return self.launch(name, command, variables) };
        // Programs would take an inherited PWD for their directory.
        if let Ok(absolute) = std::path::absolute(path) {
            let path: PathBuf = absolute.components().collect();
            replace(&mut variables, ("PWD".into(), path.into()));
        }
        Ok(ExecCommand { directory: Some(path.clone()), ..self.launch(name, command, variables)? })
    }

    /// Prepares a command that has these variables of its own.
    ///
    /// # Errors
    /// It needs a shell that it cannot have.
    pub fn launch(
        &self,
        name: &impl ToString,
        command: &Command,
        mut variables: Vec<Variable>,
    ) -> Result<ExecCommand, LaunchError> {
        let (line, reason) = match command {
            Command::Program(words) => return Ok(ExecCommand::direct(words.clone(), variables)),
            Command::Shell(line, reason) => (line, reason.clone()),
            Command::Simple(simple) => {
                let lookup = |variable: &str| {
                    environment::get(&variables, OsStr::new(variable)).or_else(|| self.environment.get(variable))
                };
                match expand(simple, lookup) {
                    Ok(expanded) => {
                        // The shell reports why the directory cannot be entered, and continues after `;`.
                        let cd = expanded.directory.map(|operand| {
                            let reason = ShellReason::Word("cd".to_owned());
                            let otherwise = self.shell_with(name, &simple.line, &reason, variables.clone()).ok();
                            Cd { operand, otherwise: otherwise.map(Box::new) }
                        });
                        variables.retain(|(own, _)| environment::get(&expanded.variables, own).is_none());
                        variables.extend(expanded.variables);
                        return Ok(ExecCommand { cd, ..ExecCommand::direct(expanded.words, variables) });
                    }
                    Err(reason) => (&simple.line, reason),
                }
            }
        };
        let replaced = self.shell.line_with_exec(line, self.environment.names());
        let is_replaced = replaced.is_some();
        let line = replaced.as_deref().unwrap_or(line);
        let launch = self.shell_with(name, line, &reason, variables)?;
        Ok(ExecCommand { shell: Some(InShell { reason, is_replaced }), ..launch })
    }

    /// Passes a line to the shell.
    fn shell_with(
        &self,
        name: &impl ToString,
        line: &str,
        reason: &ShellReason,
        variables: Vec<Variable>,
    ) -> Result<ExecCommand, LaunchError> {
        let (name, reason) = (|| name.to_string(), || reason.clone());
        match &self.shell {
            Shell::None => Err(LaunchError::ShellForbidden { name: name(), reason: reason() }),
            Shell::Path(shell) if !shell.exists() => {
                Err(LaunchError::ShellMissing { name: name(), reason: reason(), shell: shell.clone() })
            }
            Shell::Path(shell) => Ok(ExecCommand::direct(vec![shell.into(), "-c".into(), line.into()], variables)),
        }
    }

    /// Whether a command that has these variables of its own finds this variable set when it starts.
    #[must_use]
    pub fn is_set(&self, name: &str, own: &[Variable]) -> bool {
        let is_own = || environment::get(own, OsStr::new(name)).is_some();
        SET_LATER.contains(&name) || self.environment.get(name).is_some() || is_own()
    }

    /// The variables of a service: those of its env files, and those that identify it.
    fn variables(&self, service: &Service) -> Result<Vec<Variable>, LaunchError> {
        let name = service.name.to_string();
        let mut identifying = vec![("UNTRAP_NAME", name.clone()), ("PS", name.clone())];
        let files = self.named.get(&service.name);
        if self.environment.get("DYNO").is_none() && environment::get(files, OsStr::new("DYNO")).is_none() {
            identifying.push(("DYNO", name.clone()));
        }
        if let Some(base) = self.port {
            let port = u32::from(base) + 100 * service.type_index + service.name.instance.unwrap_or(1) - 1;
            if port > u32::from(u16::MAX) {
                return Err(LaunchError::NoPort { name, port });
            }
            identifying.push(("PORT", port.to_string()));
        }
        let is_kept = |(name, _): &&Variable| identifying.iter().all(|(own, _)| name != own);
        let files: Vec<Variable> = files.iter().filter(is_kept).cloned().collect();
        Ok(identifying.into_iter().map(|(name, value)| (name.into(), value.into())).chain(files).collect())
    }
}

/// The number of services whose programs exist before anything starts: those before which no other command runs that may
/// make them.
fn examined(plan: &Plan) -> usize {
    let all = plan.services.len();
    let first = plan.hooks.iter().map(|hook| match hook.role {
        HookRole::Before | HookRole::WaitFor => 0,
        HookRole::Ready(service) => service.index() + 1,
        HookRole::After | HookRole::StopCommand(_) => all,
    });
    first.min().unwrap_or(all)
}

/// Sets a variable; it replaces the one with the same name.
fn replace(variables: &mut Vec<Variable>, variable: Variable) {
    variables.retain(|(name, _)| *name != variable.0);
    variables.push(variable);
}
