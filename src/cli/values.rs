//! Converts the raw values of options, from the command line or a variable, to their types.

use std::any::Any;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::options::{Argument, Completion, OptionGroup, find};
use super::{Source, UsageError, near_miss};
use crate::config::scoped::{Scoped, program_as_name};
use crate::log::line::Verbosity;

/// The raw values of the command line and the environment.
pub(super) struct OptionValues {
    /// The entries of the verb.
    pub(super) groups: &'static [OptionGroup],
    pub(super) matches: ArgMatches,
    /// Whether `--` is on the command line, also if no program follows.
    pub(super) has_program: bool,
}

impl OptionValues {
    fn all<T: Any + Clone + Send + Sync>(&self, name: &str) -> Vec<T> {
        self.matches.get_many(name).into_iter().flatten().cloned().collect()
    }

    /// Where the values of an option come from, if it has any.
    fn origin(&self, name: &str) -> Option<ValueSource> {
        self.matches.value_source(name)
    }

    fn argument(&self, name: &str) -> &'static Argument {
        find(self.groups, name).expect("a use names an entry of the table")
    }

    /// Whether the option is on the command line.
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.origin(name) == Some(ValueSource::CommandLine)
    }

    pub(super) fn switch(&self, name: &str) -> bool {
        self.matches.get_flag(name)
    }

    /// The values as they were given.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        self.all(name)
    }

    /// The command line wins over the environment.
    pub(super) fn verbosity(&self) -> Result<Verbosity, UsageError> {
        let origin = |name| self.origin(name).filter(|_| self.switch(name));
        match (origin("quiet"), origin("verbose")) {
            (None, None) => Ok(Verbosity::Normal),
            (Some(quiet), Some(verbose)) if quiet == verbose => Err(UsageError::new(
                "--quiet and --verbose contradict each other; take one of them out, or its variable",
            )),
            (Some(_), None) | (Some(ValueSource::CommandLine), _) => Ok(Verbosity::Quiet),
            (_, Some(_)) => Ok(Verbosity::Verbose),
        }
    }

    /// The path that an option gives. An empty variable gives none.
    pub(super) fn path(&self, name: &str) -> Result<Option<PathBuf>, UsageError> {
        let path = self.all(name).pop();
        match path.filter(|path: &PathBuf| !path.as_os_str().is_empty()) {
            None if self.is_given(name) => {
                Err(UsageError::new(format!("{}: the path is empty; name a file or directory", self.argument(name))))
            }
            path => Ok(path),
        }
    }

    /// The values of an option that can differ between services.
    pub(super) fn scoped<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<Scoped<T>, UsageError> {
        debug_assert!(self.argument(name).is_scoped(), "the help says what {name} takes");
        let mut values = Scoped::default();
        self.each(name, |text| {
            values.read(text).map_err(|error: T::Err| match program_as_name::<T>(text) {
                Some((program, name)) => {
                    format!("'{program}' is not a name; a service that runs {program} is called {name}")
                }
                None => self.corrected(name, text, &error, |text| Scoped::<T>::default().read(text).is_ok()),
            })
        })?;
        Ok(values)
    }

    /// The values of an option that can differ between services and is a `FROM=TO`.
    pub(super) fn scoped_pairs<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<Scoped<T>, UsageError> {
        debug_assert!(self.argument(name).is_scoped(), "the help says what {name} takes");
        let mut values = Scoped::default();
        self.each(name, |text| {
            values.read_pair(text).map_err(|error: T::Err| {
                self.corrected(name, text, &error, |text| Scoped::<T>::default().read_pair(text).is_ok())
            })
        })?;
        Ok(values)
    }

    fn parse<T: FromStr<Err: fmt::Display>>(&self, name: &str, text: &str) -> Result<T, String> {
        text.parse().map_err(|error| self.corrected(name, text, &error, |text| text.parse::<T>().is_ok()))
    }

    /// The text of an error, with the value that the user probably means.
    fn corrected(&self, name: &str, text: &str, error: &impl fmt::Display, is_valid: impl Fn(&str) -> bool) -> String {
        let argument = self.argument(name);
        let words = match argument.completion {
            _ if ["stop-signal", "rewrite", "signal"].contains(&argument.name) => near_miss::signal_names(),
            Completion::Words(words) => words.iter().map(|word| (*word).to_owned()).collect(),
            _ => Vec::new(),
        };
        // Only an address is repeated of a value that may be secret.
        let is_shown = |value: &String| !argument.is_secret || value.contains("://");
        let error = error.to_string();
        match near_miss::correction(text, &words, is_valid).filter(is_shown) {
            Some(value) => format!("{}; write {value}", error.split(';').next().unwrap_or_default()),
            None => error,
        }
    }

    /// The values of an option that may repeat.
    pub(super) fn values<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<Vec<T>, UsageError> {
        debug_assert!(!self.argument(name).is_scoped(), "the help says what {name} takes");
        let mut values = Vec::new();
        self.each(name, |text| self.parse(name, text).map(|value| values.push(value)))?;
        Ok(values)
    }

    /// The value of an option that does not repeat.
    pub(super) fn value<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<Option<T>, UsageError> {
        let mut value = None;
        self.each(name, |text| self.parse(name, text).map(|read| value = Some(read)))?;
        Ok(value)
    }

    /// Passes each value of an option to `read`. An error names the option or its variable.
    fn each<E: fmt::Display>(&self, name: &str, mut read: impl FnMut(&str) -> Result<(), E>) -> Result<(), UsageError> {
        let argument = self.argument(name);
        let variable = argument.variable.filter(|_| self.origin(name) == Some(ValueSource::EnvVariable));
        // Only a variable holds a list: a value on the command line may contain a comma.
        let separates = variable.is_some() && argument.is_repeated();
        for text in self.texts(name) {
            let values: Vec<&str> = if separates { text.split(',').collect() } else { vec![&text] };
            let is_list = values.len() > 1;
            for value in values.into_iter().map(str::trim).filter(|value| variable.is_none() || !value.is_empty()) {
                read(value).map_err(|error| {
                    let origin = variable.map_or_else(|| argument.to_string(), str::to_owned);
                    let shown = if argument.is_secret { String::new() } else { format!(" '{value}'") };
                    let hint = if is_list { "; commas separate the values of a variable" } else { "" };
                    UsageError::new(format!("{origin}{shown}: {error}{hint}"))
                })?;
            }
        }
        Ok(())
    }

    /// Determines the source of the services from the positional arguments.
    pub(super) fn source(&self) -> Result<Source, UsageError> {
        let program: Option<Vec<OsString>> = self.has_program.then(|| self.all("program"));
        if program.as_ref().is_some_and(Vec::is_empty) {
            return Err(UsageError::new(
                "no program after '--'; write '-- PROGRAM [ARG]...', or set CMD in the Dockerfile",
            ));
        }
        // An image may set UNTRAP_PROCFILE, and `-- bash` is still the program alone.
        if program.is_some() && !self.is_given("words") && !self.is_given("procfile") {
            return Ok(Source::Arguments { commands: Vec::new(), program });
        }
        match self.path("procfile")? {
            None if self.is_given("words") => Ok(Source::Arguments { commands: self.texts("words"), program }),
            procfile => {
                let path = procfile.unwrap_or_else(|| PathBuf::from("Procfile"));
                Ok(Source::Procfile { path, formation: self.values("words")?, program })
            }
        }
    }
}
