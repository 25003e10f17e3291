//! A plan to what is executed for each entry: expansions made, variables set, a shell put in front where one is needed.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use crate::command::Command;
use crate::environment::{self, Environment, Variable};
use crate::expand::expand;
use crate::plan::{Entry, Plan};
use crate::shell::{Reason, Shell};
use crate::status::{NOT_FOUND, USAGE};
use crate::sys::spawn::Program;

/// What is executed for an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Launch {
    /// The program and its arguments.
    pub words: Vec<OsString>,
    /// What is set for it alone, over the shared environment; each name once.
    pub variables: Vec<Variable>,
    /// Why the program is a shell, where it is one.
    pub shell: Option<Reason>,
}

/// Makes launches of commands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Launcher {
    /// What all programs are started with.
    pub environment: Environment,
    /// `--shell`.
    pub shell: Shell,
    /// `--port`.
    pub port: Option<u16>,
}

/// Why something can't be launched. Nothing has been started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// It needs a shell, and may have none.
    ShellForbidden {
        /// The entry.
        name: String,
        /// What needs the shell.
        reason: Reason,
    },
    /// It needs a shell, and there is none.
    ShellMissing {
        /// The entry.
        name: String,
        /// What needs the shell.
        reason: Reason,
        /// Where the shell should be.
        shell: PathBuf,
    },
    /// `--port` leaves no port for it.
    NoPort {
        /// The entry.
        name: String,
        /// What its port would be.
        port: u32,
    },
}

impl fmt::Display for Error {
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
            Self::NoPort { name, port } => {
                write!(f, "{name} would have the port {port}, and 65535 is the last; give a smaller --port")
            }
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// The exit status of untrap.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::ShellForbidden { .. } | Self::NoPort { .. } => USAGE,
            Self::ShellMissing { .. } => NOT_FOUND,
        }
    }
}

impl From<Launch> for Program {
    fn from(launch: Launch) -> Self {
        Self::new(launch.words, launch.variables)
    }
}

impl Launcher {
    /// What is executed for each entry of a plan.
    ///
    /// # Errors
    /// The first entry that can't be launched.
    pub fn programs(&self, plan: &Plan) -> Result<Vec<Program>, Error> {
        plan.entries.iter().map(|entry| self.launch_entry(entry).map(Program::from)).collect()
    }

    /// What is executed for an entry.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn launch_entry(&self, entry: &Entry) -> Result<Launch, Error> {
        self.launch(&entry.name, &entry.command, self.variables(entry)?)
    }

    /// What is executed for a command that has these variables for itself.
    ///
    /// # Errors
    /// It needs a shell, and can't have one.
    pub fn launch(
        &self,
        name: &impl ToString,
        command: &Command,
        mut variables: Vec<Variable>,
    ) -> Result<Launch, Error> {
        let (line, reason) = match command {
            Command::Program(words) => return Ok(Launch { words: words.clone(), variables, shell: None }),
            Command::Shell(line, reason) => (line, reason.clone()),
            Command::Simple(simple) => {
                let lookup = |variable: &str| {
                    environment::get(&variables, OsStr::new(variable)).or_else(|| self.environment.get(variable))
                };
                match expand(simple, lookup) {
                    Ok(expanded) => {
                        variables.retain(|(own, _)| environment::get(&expanded.variables, own).is_none());
                        variables.extend(expanded.variables);
                        return Ok(Launch { words: expanded.words, variables, shell: None });
                    }
                    Err(reason) => (&simple.line, reason),
                }
            }
        };
        match &self.shell {
            Shell::None => Err(Error::ShellForbidden { name: name.to_string(), reason }),
            Shell::Path(shell) if !shell.exists() => {
                Err(Error::ShellMissing { name: name.to_string(), reason, shell: shell.clone() })
            }
            Shell::Path(shell) => {
                let words = vec![shell.into(), "-c".into(), line.into()];
                Ok(Launch { words, variables, shell: Some(reason) })
            }
        }
    }

    /// The variables that tell an entry who it is.
    fn variables(&self, entry: &Entry) -> Result<Vec<Variable>, Error> {
        let name = entry.name.to_string();
        let mut variables = vec![("UNTRAP_NAME".into(), name.clone().into()), ("PS".into(), name.clone().into())];
        if self.environment.get("DYNO").is_none() {
            variables.push(("DYNO".into(), name.clone().into()));
        }
        if let Some(base) = self.port {
            let port = u32::from(base) + 100 * entry.type_index + entry.name.instance.unwrap_or(1) - 1;
            if port > u32::from(u16::MAX) {
                return Err(Error::NoPort { name, port });
            }
            variables.push(("PORT".into(), port.to_string().into()));
        }
        Ok(variables)
    }
}
