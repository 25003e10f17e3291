//! Settings and command lines to a plan: the list of entries, validated. Pure: reads no file, starts nothing.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use crate::command::{self, Command};
use crate::procfile::{self, is_name, split_name};
use crate::scoped::{Name, Scoped};
use crate::signal::{Rewrite, Signal};
use crate::status::ExitMapping;

/// All that is to run, in the order in which it starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// At least one.
    pub entries: Vec<Entry>,
    /// The process types of the Procfile, those that don't run too; none without a Procfile.
    pub types: Vec<(String, Rc<Command>)>,
}

/// One thing to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its name in messages and options.
    pub name: Name,
    /// The place of its process type in the Procfile, or among the commands, from 0.
    pub type_index: u32,
    /// What is executed. The instances of a process type share it.
    pub command: Rc<Command>,
    /// What the stop and its end mean for it.
    pub policy: Policy,
}

/// What holds for the whole run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    /// `--rewrite`, in the order given.
    pub rewrites: Vec<Rewrite>,
    /// `--exit-map`, in the order given.
    pub exit_map: Vec<ExitMapping>,
}

/// How an entry is stopped, and what its end means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// What it is sent when the stop begins; `None`: what arrived, or TERM.
    pub stop_signal: Option<Signal>,
    /// From the start of the stop to SIGKILL.
    pub timeout: Timeout,
    /// What happens when it ends.
    pub on_exit: OnExit,
    /// To whom signals go while its leader runs.
    pub signal_to: SignalTo,
}

/// From the start of the stop to SIGKILL; `None`: never.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeout(pub Option<Duration>);

impl Default for Timeout {
    /// 2 s less than `docker stop` gives a container, so that untrap ends first.
    fn default() -> Self {
        Self(Some(Duration::from_secs(8)))
    }
}

/// In a formation, every process type that it does not name, but for [`RELEASE`].
const ALL: &str = "all";

/// The process type that a platform runs apart, before the others: Heroku's release phase.
const RELEASE: &str = "release";

/// Longer than any timeout.
const CENTURY: Duration = Duration::from_hours(100 * 365 * 24);

impl FromStr for Timeout {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "inf" {
            return Ok(Self(None));
        }
        let duration = humantime::parse_duration(text).ok();
        // A deadline must fit the clock, and nobody waits longer than a century.
        let duration = duration.filter(|duration| *duration < CENTURY);
        duration.map(|duration| Self(Some(duration))).ok_or("not a duration; write for example 8s, 500ms, 1m30s or inf")
    }
}

/// What happens when an entry ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnExit {
    /// The stop begins.
    #[default]
    Stop,
    /// The stop begins if it ended with anything but 0.
    StopOnFailure,
    /// The others go on.
    Ignore,
}

impl FromStr for OnExit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "stop" => Ok(Self::Stop),
            "stop-on-failure" => Ok(Self::StopOnFailure),
            "ignore" => Ok(Self::Ignore),
            _ => Err("not an action; write stop, stop-on-failure or ignore"),
        }
    }
}

/// To whom a signal goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SignalTo {
    /// To the group if the leader is a shell at that moment, which passes nothing on; else to the leader, which may have
    /// workers of its own to manage.
    #[default]
    Auto,
    /// To the leader alone.
    Leader,
    /// To everyone in the group.
    Group,
}

impl FromStr for SignalTo {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "leader" => Ok(Self::Leader),
            "group" => Ok(Self::Group),
            _ => Err("not a receiver; write auto, leader or group"),
        }
    }
}

/// What the options say of entries.
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
}

/// Why there is no plan. All of these are the user's to mend, before anything was started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// The Procfile can't be read as one.
    Procfile {
        /// Its path.
        path: String,
        /// All that is wrong with it; at least one error.
        errors: Vec<procfile::Error>,
    },
    /// An argument has no readable command.
    Argument {
        /// Which one, from 1.
        number: usize,
        /// Why.
        error: command::Error,
    },
    /// Two arguments with the same name.
    RepeatedName(String),
    /// `web=2` where commands stand.
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
        /// Those that it does define.
        known: Vec<String>,
    },
    /// An option's NAME that no entry has.
    UnknownName {
        /// The option.
        option: &'static str,
        /// The NAME.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// No entry: the number of every process type is 0, or there is only `release`.
    NothingToRun,
}

impl fmt::Display for Error {
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
            Self::RepeatedName(name) => write!(f, "two commands are named '{name}'; give each its own name"),
            Self::TypeWithoutProcfile(word) => write!(
                f,
                "'{word}' looks like a process type and its number, but without -f the words are commands; write \
                 'untrap -f Procfile {word}'"
            ),
            Self::BadFormation(word) => {
                write!(f, "'{word}' is not a process type; with -f write TYPE or TYPE=N, without it write commands")
            }
            Self::RepeatedType(word) => {
                write!(f, "process type '{word}' is named twice; write '{word}=2' for two of it")
            }
            Self::UnknownType { process_type, path, known } => {
                write!(f, "{path} has no process type '{process_type}'; it has {}", known.join(", "))
            }
            Self::UnknownName { option, name, known } => {
                write!(f, "{option} {name}=…: there is no entry '{name}'; there is {}", known.join(", "))
            }
            Self::NothingToRun => f.write_str(
                "nothing to run: name a process type, with a number over 0 ('release' runs only if it is named)",
            ),
        }
    }
}

impl std::error::Error for Error {}

impl Plan {
    /// One program with its arguments, taken as they are.
    ///
    /// # Errors
    /// An option that names another entry.
    pub fn from_program(words: Vec<OsString>, options: &Options) -> Result<Self, Error> {
        let command = Command::Program(words);
        let name = Name { process_type: name_after_program(&command), instance: None };
        Self::new(vec![(name, 0, Rc::new(command))], options)
    }

    /// Commands as the arguments give them.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn from_arguments(arguments: &[String], options: &Options) -> Result<Self, Error> {
        let mut entries: Vec<(Name, u32, Rc<Command>)> = Vec::with_capacity(arguments.len());
        let mut types = 0;
        for (index, argument) in arguments.iter().enumerate() {
            if let Ok((_, Some(_))) = read_formation(argument) {
                return Err(Error::TypeWithoutProcfile(argument.clone()));
            }
            let (given, line) = split_name(argument);
            let command = Command::read(line).map_err(|error| Error::Argument { number: index + 1, error })?;
            let process_type = given.map_or_else(|| name_after_program(&command), str::to_owned);
            let mut earlier = entries.iter().filter(|(name, ..)| name.process_type == process_type);
            let (type_index, instance) = match earlier.next() {
                None => (types, None),
                Some(_) if given.is_some() => return Err(Error::RepeatedName(process_type)),
                Some((_, type_index, _)) => (*type_index, Some(earlier.count() as u32 + 2)),
            };
            types = types.max(type_index + 1);
            entries.push((Name { process_type, instance }, type_index, Rc::new(command)));
        }
        Self::new(entries, options)
    }

    /// The process types of a Procfile: those that `formation` names, as `TYPE` or `TYPE=N`; all of them, but for
    /// `release`, where it names `all` or none.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn from_procfile(path: &Path, text: &[u8], formation: &[String], options: &Options) -> Result<Self, Error> {
        let path = path.display().to_string();
        let lines = procfile::parse(text).map_err(|errors| Error::Procfile { path: path.clone(), errors })?;
        let types: Vec<_> = lines.into_iter().map(|line| (line.name.to_owned(), Rc::new(line.read))).collect();
        let mut counts: Vec<(&str, u32)> = Vec::new();
        for word in formation {
            let (process_type, count) = read_formation(word)?;
            if counts.iter().any(|(earlier, _)| *earlier == process_type) {
                return Err(Error::RepeatedType(process_type.to_owned()));
            }
            counts.push((process_type, count.unwrap_or(1)));
        }
        let all = counts.iter().position(|(process_type, _)| *process_type == ALL).map(|index| counts.remove(index).1);
        if all.is_some() || formation.is_empty() {
            let named = |name: &str| counts.iter().find(|(named, _)| *named == name).map(|(_, count)| *count);
            let others = |name: &str| if name == RELEASE { 0 } else { all.unwrap_or(1) };
            let unknown = counts.iter().filter(|(named, _)| !types.iter().any(|(name, _)| name == named));
            let known = types.iter().map(|(name, _)| (name.as_str(), named(name).unwrap_or_else(|| others(name))));
            counts = known.chain(unknown.copied()).collect();
        }
        let mut entries = Vec::new();
        for (process_type, count) in counts {
            let Some(index) = types.iter().position(|(name, _)| name == process_type) else {
                let known = types.iter().map(|(name, _)| name.clone()).collect();
                return Err(Error::UnknownType { process_type: process_type.to_owned(), path, known });
            };
            for instance in 1..=count {
                let name = Name { process_type: process_type.to_owned(), instance: Some(instance) };
                entries.push((name, index as u32, Rc::clone(&types[index].1)));
            }
        }
        Ok(Self { types, ..Self::new(entries, options)? })
    }

    /// The command of a process type of the Procfile, whether it runs or not.
    #[must_use]
    pub fn command_of(&self, process_type: &str) -> Option<&Command> {
        self.types.iter().find(|(name, _)| name == process_type).map(|(_, command)| &**command)
    }

    fn new(entries: Vec<(Name, u32, Rc<Command>)>, options: &Options) -> Result<Self, Error> {
        if entries.is_empty() {
            return Err(Error::NothingToRun);
        }
        let names: Vec<Name> = entries.iter().map(|(name, ..)| name.clone()).collect();
        let unknown = [
            ("--timeout", options.timeout.unknown(&names)),
            ("--stop-signal", options.stop_signal.unknown(&names)),
            ("--on-exit", options.on_exit.unknown(&names)),
            ("--signal-to", options.signal_to.unknown(&names)),
        ];
        for (option, name) in unknown {
            if let Some(name) = name {
                let known = names.iter().map(Name::to_string).collect();
                return Err(Error::UnknownName { option, name: name.to_string(), known });
            }
        }
        let entry = |(name, type_index, command)| {
            let policy = Policy {
                stop_signal: options.stop_signal.get(&name).copied(),
                timeout: options.timeout.get(&name).copied().unwrap_or_default(),
                on_exit: options.on_exit.get(&name).copied().unwrap_or_default(),
                signal_to: options.signal_to.get(&name).copied().unwrap_or_default(),
            };
            Entry { name, type_index, command, policy }
        };
        Ok(Self { entries: entries.into_iter().map(entry).collect(), types: Vec::new() })
    }
}

/// Reads `TYPE` or `TYPE=N`.
fn read_formation(word: &str) -> Result<(&str, Option<u32>), Error> {
    let bad = || Error::BadFormation(word.to_owned());
    let (process_type, count) = match word.split_once('=') {
        Some((process_type, count)) => (process_type, Some(count.parse().map_err(|_| bad())?)),
        None => (word, None),
    };
    if is_name(process_type) { Ok((process_type, count)) } else { Err(bad()) }
}

/// A program's name as an entry's: what can't stand in a name becomes `_`.
fn name_after_program(command: &Command) -> String {
    let allowed = |character: char| if is_name(character.encode_utf8(&mut [0; 4])) { character } else { '_' };
    command.program().chars().take(63).map(allowed).collect()
}
