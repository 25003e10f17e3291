//! Turns settings and commands into a plan: the validated list of services and hooks. Pure: reads no file, starts no
//! process.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::rc::Rc;

use crate::config::environment::EnvironmentOptions;
use crate::config::hook::{self, Hook, HookError, HookOptions};
use crate::config::idle::Idle;
use crate::config::name::{Name, name_after_program};
use crate::config::policy::{Delay, OnExit, Policy, SignalTo, Timeout};
use crate::config::procfile::{self, ProcfileError, split_name, split_number};
use crate::config::scoped::Scoped;
use crate::config::service::{Service, WorkingDirectory};
use crate::config::stdin::Stdin;
use crate::config::unit::{HookRole, UnitId};
use crate::config::user::User;
use crate::exit_status::ExitMapping;
use crate::shell::classify::Command;
use crate::shell::parse::CommandError;
use crate::signal::{Rewrite, Signal};

/// The services and hooks to run, in the order in which they start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The services; at least one.
    pub services: Vec<Service>,
    /// The commands and readiness checks that run in addition to the services.
    pub hooks: Vec<Hook>,
    /// The service that has standard input and the terminal.
    pub foreground: Option<UnitId>,
    /// The values for single services that a run does not apply yet, as `--option NAME=VALUE`.
    pub not_active: Vec<String>,
    /// The names that several commands without a name have, because they run the same program.
    pub shared_names: Vec<String>,
    /// The working directory of hooks that belong to no service; `None`: where untrap runs.
    pub directory: Option<WorkingDirectory>,
}

/// In a formation, stands for every process type that the formation does not name, except [`RELEASE`].
const ALL: &str = "all";

/// The process type that a platform runs by itself before the others: Heroku's release phase.
const RELEASE: &str = "release";

/// The options that apply to services.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// `--timeout`.
    pub timeout: Scoped<Timeout>,
    /// `--stop-signal`.
    pub stop_signal: Scoped<Signal>,
    /// `--on-exit`.
    pub on_exit: Scoped<OnExit>,
    /// `--signal-to`.
    pub signal_to: Scoped<SignalTo>,
    /// `--cwd`.
    pub cwd: Scoped<WorkingDirectory>,
    /// `--env-file` and `--secret`.
    pub environment: EnvironmentOptions,
    /// `--user`.
    pub user: Scoped<User>,
    /// `--rewrite`.
    pub rewrites: Scoped<Rewrite>,
    /// `--exit-map`.
    pub exit_map: Scoped<ExitMapping>,
    /// `--stop-delay`.
    pub stop_delay: Scoped<Delay>,
    /// `--stdin`.
    pub stdin: Option<Stdin>,
    /// The options that define hooks.
    pub hooks: HookOptions,
}

/// A usage error. No process has been started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PlanError {
    /// The Procfile has syntax errors.
    Procfile {
        /// Its path.
        path: String,
        /// Its errors, at least one.
        errors: Vec<ProcfileError>,
    },
    /// The command of an argument has a syntax error.
    Argument {
        /// The number of the argument, from 1.
        number: usize,
        /// The syntax error.
        error: CommandError,
    },
    /// The command of an argument runs nothing.
    Idle {
        /// The number of the argument, from 1.
        number: usize,
        /// Why it runs nothing.
        idle: Idle,
    },
    /// Two arguments with the same name.
    RepeatedName(String),
    /// `web=2` among commands.
    TypeWithoutProcfile(String),
    /// A positional word beside `-f` that is not `TYPE` or `TYPE=N`.
    BadFormation(String),
    /// A process type named twice beside `-f`.
    RepeatedType(String),
    /// A process type that the Procfile does not define.
    UnknownType {
        /// The process type.
        process_type: String,
        /// The Procfile's path.
        path: String,
        /// The process types that it defines.
        known: Vec<String>,
    },
    /// The NAME of an option is not the name of a service.
    UnknownName {
        /// The option.
        option: &'static str,
        /// The NAME.
        name: String,
        /// The names of the services.
        known: Vec<String>,
    },
    /// `--stdin` names several instances.
    SharedStdin {
        /// The process type.
        name: String,
        /// One of its instances.
        instance: String,
    },
    /// `--stdin` names a service, and the program after `--` has standard input.
    StdinOfProgram(String),
    /// No service: the number of every process type is 0, or there is only `release`.
    NothingToRun,
    /// The command of an option has a syntax error.
    Hook(HookError),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Procfile { path, errors } => {
                write!(f, "{path}:{}", errors[0])?;
                match errors.len() - 1 {
                    0 => Ok(()),
                    more => write!(f, " ({more} more after this; 'untrap check' shows them all)"),
                }
            }
            Self::Argument { number, error } => write!(f, "command {number}: {error}"),
            Self::Idle { number, idle } => write!(f, "command {number}: {idle}"),
            Self::RepeatedName(name) => write!(f, "two commands are named '{name}'; give each its own name"),
            Self::TypeWithoutProcfile(word) => write!(
                f,
                "'{word}' looks like a process type and a number of instances, but without -f the words are commands; write \
                 'untrap -f Procfile {word}'"
            ),
            Self::BadFormation(word) => {
                write!(f, "'{word}' is not a process type; with -f write TYPE or TYPE=N, without it write commands")
            }
            Self::RepeatedType(word) => {
                write!(f, "process type '{word}' is named twice; write '{word}=2' for two instances")
            }
            Self::UnknownType { process_type, path, known } => {
                write!(f, "{path} has no process type '{process_type}'; it has {}", known.join(", "))
            }
            Self::UnknownName { option, name, known } => {
                write!(f, "{option} {name}=…: no service is named '{name}'; the services are {}", known.join(", "))
            }
            Self::SharedStdin { name, instance } => {
                write!(f, "--stdin {name}: several instances cannot share standard input; write --stdin {instance}")
            }
            Self::StdinOfProgram(name) => write!(
                f,
                "--stdin {name}: the program after '--' has standard input; leave out --stdin, or write --stdin none"
            ),
            Self::Hook(HookError { option, error }) => write!(f, "{option}: {error}"),
            Self::NothingToRun => f.write_str(
                "nothing to run: name a process type, with a number over 0 ('release' runs only if it is named; all=1 \
                 stands for those that are not named)",
            ),
        }
    }
}

impl std::error::Error for PlanError {}

impl Plan {
    /// The service that a hook belongs to.
    #[must_use]
    pub fn service_of(&self, hook: &Hook) -> Option<&Service> {
        match hook.role {
            HookRole::Ready(id) | HookRole::StopCommand(id) => self.services.get(id.index()),
            HookRole::Before | HookRole::After | HookRole::WaitFor => None,
        }
    }

    /// The working directory of a hook; `None`: where untrap runs.
    #[must_use]
    pub fn directory_of(&self, hook: &Hook) -> Option<&WorkingDirectory> {
        self.service_of(hook).map_or(self.directory.as_ref(), |service| service.directory.as_ref())
    }

    /// Plans one service for each argument, which is a command, and one for the program, whose words are taken
    /// literally.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn from_arguments(
        arguments: &[String],
        program: Option<Vec<OsString>>,
        options: &Options,
    ) -> Result<Self, PlanError> {
        let mut commands: Vec<(Option<&str>, Command)> = Vec::with_capacity(arguments.len() + 1);
        for (index, argument) in arguments.iter().enumerate() {
            if let Some((_, Some(_))) = split_number(argument) {
                return Err(PlanError::TypeWithoutProcfile(argument.clone()));
            }
            let (given, line) = split_name(argument);
            let command = Command::read(line).map_err(|error| PlanError::Argument { number: index + 1, error })?;
            if let Some(idle) = Idle::of(line, &command) {
                return Err(PlanError::Idle { number: index + 1, idle });
            }
            commands.push((given, command));
        }
        let program_index = program.map(|words| {
            commands.push((None, Command::Program(words)));
            commands.len() - 1
        });
        let mut services: Vec<(Name, u32, Rc<Command>)> = Vec::with_capacity(commands.len());
        // The index of each process type, and how many instances it has.
        let mut types: HashMap<String, (u32, u32)> = HashMap::new();
        let mut shared_names = Vec::new();
        for (given, command) in commands {
            let process_type = given.map_or_else(|| name_after_program(&command.program()), str::to_owned);
            let next_index = types.len() as u32;
            let (type_index, instances) = types.entry(process_type.clone()).or_insert((next_index, 0));
            *instances += 1;
            let instance = (*instances > 1).then_some(*instances);
            if instance == Some(2) {
                shared_names.push(process_type.clone());
            }
            if given.is_some() && instance.is_some() {
                return Err(PlanError::RepeatedName(process_type));
            }
            services.push((Name { process_type, instance }, *type_index, Rc::new(command)));
        }
        Ok(Self { shared_names, ..Self::new(services, program_index, options, |_| None)? })
    }

    /// Plans the process types of a Procfile that `formation` names, as `TYPE` or `TYPE=N`. If it is empty or names
    /// `all`, plans all process types except `release`. The program, whose words are taken literally, is one more
    /// service.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn from_procfile(
        path: &Path,
        text: &[u8],
        formation: &[String],
        program: Option<Vec<OsString>>,
        options: &Options,
    ) -> Result<Self, PlanError> {
        let path = path.display().to_string();
        let lines = procfile::parse(text).map_err(|errors| PlanError::Procfile { path: path.clone(), errors })?;
        let types: Vec<_> = lines.into_iter().map(|line| (line.name.to_owned(), Rc::new(line.read))).collect();
        let index_of: HashMap<&str, usize> =
            types.iter().enumerate().map(|(index, (name, _))| (name.as_str(), index)).collect();
        let mut counts: Vec<(&str, u32)> = Vec::new();
        let mut named = HashMap::new();
        for word in formation {
            let (process_type, count) = split_number(word).ok_or_else(|| PlanError::BadFormation(word.to_owned()))?;
            if named.insert(process_type, count.unwrap_or(1)).is_some() {
                return Err(PlanError::RepeatedType(process_type.to_owned()));
            }
            counts.push((process_type, count.unwrap_or(1)));
        }
        let all = counts.iter().position(|(process_type, _)| *process_type == ALL).map(|index| counts.remove(index).1);
        if all.is_some() || formation.is_empty() {
            let others = |name: &str| if name == RELEASE { 0 } else { all.unwrap_or(1) };
            let unknown = counts.iter().filter(|(name, _)| !index_of.contains_key(name));
            let count_of = |name: &str| named.get(name).copied().unwrap_or_else(|| others(name));
            let known = types.iter().map(|(name, _)| (name.as_str(), count_of(name)));
            counts = known.chain(unknown.copied()).collect();
        }
        let mut services = Vec::new();
        for (process_type, count) in counts {
            let Some(&index) = index_of.get(process_type) else {
                let known = types.iter().map(|(name, _)| name.clone()).collect();
                return Err(PlanError::UnknownType { process_type: process_type.to_owned(), path, known });
            };
            for instance in 1..=count {
                let name = Name { process_type: process_type.to_owned(), instance: Some(instance) };
                services.push((name, index as u32, Rc::clone(&types[index].1)));
            }
        }
        let program_index = program.map(|words| {
            let command = Command::Program(words);
            let process_type = name_after_program(&command.program());
            let instances = services.iter().filter(|(name, ..)| name.process_type == process_type).count() as u32;
            let instance = Some(instances + 1).filter(|_| instances > 0);
            services.push((Name { process_type, instance }, types.len() as u32, Rc::new(command)));
            services.len() - 1
        });
        Self::new(services, program_index, options, |wanted| index_of.get(wanted).map(|index| &*types[*index].1))
    }

    fn new<'a>(
        services: Vec<(Name, u32, Rc<Command>)>,
        program_index: Option<usize>,
        options: &Options,
        process_type: impl Fn(&str) -> Option<&'a Command>,
    ) -> Result<Self, PlanError> {
        if services.is_empty() {
            return Err(PlanError::NothingToRun);
        }
        let names: Vec<Name> = services.iter().map(|(name, ..)| name.clone()).collect();
        let unknown = [
            ("--timeout", options.timeout.unknown(&names)),
            ("--stop-signal", options.stop_signal.unknown(&names)),
            ("--on-exit", options.on_exit.unknown(&names)),
            ("--signal-to", options.signal_to.unknown(&names)),
            ("--cwd", options.cwd.unknown(&names)),
            ("--env-file", options.environment.env_files.unknown(&names)),
            ("--user", options.user.unknown(&names)),
            ("--rewrite", options.rewrites.unknown(&names)),
            ("--exit-map", options.exit_map.unknown(&names)),
            ("--stop-delay", options.stop_delay.unknown(&names)),
            ("--ready", options.hooks.ready.unknown(&names)),
            ("--stop-command", options.hooks.stop_command.unknown(&names)),
        ];
        for (option, name) in unknown {
            if let Some(name) = name {
                let known = names.iter().map(Name::to_string).collect();
                return Err(PlanError::UnknownName { option, name: name.to_string(), known });
            }
        }
        let service = |(name, type_index, command)| {
            let policy = Policy {
                stop_signal: options.stop_signal.get(&name).copied(),
                timeout: options.timeout.get(&name).copied().unwrap_or_default(),
                on_exit: options.on_exit.get(&name).copied().unwrap_or_default(),
                signal_to: options.signal_to.get(&name).copied().unwrap_or_default(),
            };
            let directory = options.cwd.get(&name).cloned();
            Service { directory, user: options.user.get(&name).cloned(), name, type_index, command, policy }
        };
        let services: Vec<Service> = services.into_iter().map(service).collect();
        let timeout = options.timeout.for_all().copied().unwrap_or_default();
        let policy = Policy { timeout, ..Policy::default() };
        let hooks = hook::hooks(&options.hooks, &services, policy, process_type).map_err(PlanError::Hook)?;
        let directory = options.cwd.for_all().cloned();
        let foreground = foreground(&names, program_index, options.stdin.as_ref())?;
        let not_active = not_active("--rewrite", &options.rewrites)
            .chain(not_active("--exit-map", &options.exit_map))
            .chain(not_active("--stop-delay", &options.stop_delay))
            .collect();
        Ok(Self { services, hooks, foreground, not_active, directory, shared_names: Vec::new() })
    }
}

/// Determines the service that has standard input: the program after `--` or the only service, unless `--stdin` names
/// another one.
fn foreground(
    names: &[Name],
    program_index: Option<usize>,
    stdin: Option<&Stdin>,
) -> Result<Option<UnitId>, PlanError> {
    let only_service = Some(0).filter(|_| names.len() == 1);
    let index = match stdin {
        None => program_index.or(only_service),
        Some(Stdin::Nothing) => None,
        Some(Stdin::Service(name)) if program_index.is_some() => {
            return Err(PlanError::StdinOfProgram(name.to_string()));
        }
        Some(Stdin::Service(wanted)) => {
            let mut matching = names.iter().enumerate().filter(|(_, name)| name.is_in(wanted));
            match (matching.next(), matching.next()) {
                (Some((index, _)), None) => Some(index),
                // Unnamed commands of one program are `puma`, `puma.2`: the exact name wins.
                (Some(_), Some(_)) if names.contains(wanted) => names.iter().position(|name| name == wanted),
                (Some((_, first)), Some(_)) => {
                    return Err(PlanError::SharedStdin { name: wanted.to_string(), instance: first.to_string() });
                }
                (None, _) => {
                    let known = names.iter().map(Name::to_string).collect();
                    return Err(PlanError::UnknownName { option: "--stdin", name: wanted.to_string(), known });
                }
            }
        }
    };
    Ok(index.map(UnitId::new))
}

/// The values of an option that have a NAME.
fn not_active<'a, T: fmt::Display>(option: &'a str, values: &'a Scoped<T>) -> impl Iterator<Item = String> {
    values.iter().filter_map(move |(name, value)| name.map(|name| format!("{option} {name}={value}")))
}
