//! Converts the raw values of options, from the command line or a variable, to their types.

use std::any::Any;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::{Source, UsageError};
use crate::config::scoped::Scoped;
use crate::log::line::Verbosity;

/// The raw values of the command line and the environment.
pub(super) struct OptionValues(pub(super) ArgMatches);

impl OptionValues {
    fn all<T: Any + Clone + Send + Sync>(&self, id: &str) -> Vec<T> {
        self.0.get_many(id).into_iter().flatten().cloned().collect()
    }

    /// Where the values of an option come from, if it has any.
    fn origin(&self, id: &str) -> Option<ValueSource> {
        self.0.value_source(id)
    }

    /// Whether the option is on the command line.
    pub(super) fn given(&self, id: &str) -> bool {
        self.origin(id) == Some(ValueSource::CommandLine)
    }

    pub(super) fn flag(&self, id: &str) -> bool {
        self.all::<bool>(id) == [true]
    }

    /// The command line wins over the environment.
    pub(super) fn verbosity(&self) -> Result<Verbosity, UsageError> {
        let origin = |id| self.origin(id).filter(|_| self.flag(id));
        match (origin("quiet"), origin("verbose")) {
            (None, None) => Ok(Verbosity::Normal),
            (Some(quiet), Some(verbose)) if quiet == verbose => Err(UsageError(
                "--quiet and --verbose contradict each other; take one of them out, or its variable".to_owned(),
            )),
            (Some(_), None) | (Some(ValueSource::CommandLine), _) => Ok(Verbosity::Quiet),
            (_, Some(_)) => Ok(Verbosity::Verbose),
        }
    }

    /// The path that an option gives. An empty variable gives none.
    pub(super) fn path(&self, id: &str) -> Result<Option<PathBuf>, UsageError> {
        let path = self.all(id).pop();
        match path.filter(|path: &PathBuf| !path.as_os_str().is_empty()) {
            None if self.given(id) => Err(UsageError(format!("--{id}: the path is empty; name a file or directory"))),
            path => Ok(path),
        }
    }

    pub(super) fn scoped<T: FromStr<Err: fmt::Display>>(&self, id: &str) -> Result<Scoped<T>, UsageError> {
        let mut values = Scoped::default();
        self.each(id, true, |text| values.read(text))?;
        Ok(values)
    }

    pub(super) fn values<T: FromStr<Err: fmt::Display>>(&self, id: &str) -> Result<Vec<T>, UsageError> {
        let mut values = Vec::new();
        self.each(id, true, |text| text.parse().map(|value| values.push(value)))?;
        Ok(values)
    }

    /// The value of an option that does not repeat.
    pub(super) fn value<T: FromStr<Err: fmt::Display>>(&self, id: &str) -> Result<Option<T>, UsageError> {
        let mut value = None;
        self.each(id, false, |text| text.parse().map(|read| value = Some(read)))?;
        Ok(value)
    }

    /// Passes each value of an option to `read`. An error names the option or its variable.
    fn each<E: fmt::Display>(
        &self,
        id: &str,
        repeats: bool,
        mut read: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), UsageError> {
        let from_environment = self.origin(id) == Some(ValueSource::EnvVariable);
        for text in self.all::<String>(id) {
            // Only a variable holds a list: a value on the command line may have a comma of its own.
            let values: Vec<&str> = if from_environment && repeats { text.split(',').collect() } else { vec![&text] };
            let (is_target, is_list) = (matches!(id, "wait-for" | "ready"), values.len() > 1);
            for value in values.into_iter().map(str::trim).filter(|value| !from_environment || !value.is_empty()) {
                read(value).map_err(|error| {
                    let variable = format!("UNTRAP_{}", id.replace('-', "_").to_uppercase());
                    let origin = if from_environment { variable } else { format!("--{id}") };
                    // Do not print a target: it may contain a command or a password.
                    let shown = if is_target { String::new() } else { format!(" '{value}'") };
                    let hint = if is_list { "; commas separate the values of a variable" } else { "" };
                    UsageError(format!("{origin}{shown}: {error}{hint}"))
                })?;
            }
        }
        Ok(())
    }

    /// Determines the source of the services from the positional arguments.
    pub(super) fn source(&self, program_given: bool) -> Result<Source, UsageError> {
        if program_given {
            let program: Vec<OsString> = self.all("program");
            if program.is_empty() {
                return Err(UsageError("no program after '--'; write '-- PROGRAM [ARG]...'".to_owned()));
            }
            if self.given("words") || self.given("procfile") {
                return Err(UsageError(
                    "'--' runs one program alone; take out -f and the words before '--'".to_owned(),
                ));
            }
            return Ok(Source::Program(program));
        }
        match self.path("procfile")? {
            None if self.given("words") => Ok(Source::Arguments(self.all("words"))),
            procfile => {
                let path = procfile.unwrap_or_else(|| PathBuf::from("Procfile"));
                Ok(Source::Procfile { path, formation: self.values("words")? })
            }
        }
    }
}
