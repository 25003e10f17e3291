//! The verbs `ps` and `signal`.

use std::ffi::OsString;

use clap::{Command, CommandFactory, Parser};

use super::ps::PsVerb;
use super::running::VerbError;
use super::signal::SignalVerb;

/// Carries out a verb with the arguments after it, and returns the text to print.
pub type Verb = fn(&[OsString]) -> Result<String, VerbError>;

/// The verb that is the first argument after the program's own name. `None` if that is a command.
#[must_use]
pub fn find(arguments: &[OsString]) -> Option<Verb> {
    match arguments.get(1)?.to_str()? {
        "ps" => Some(|arguments| parse_and_run(arguments, PsVerb::run)),
        "signal" => Some(|arguments| parse_and_run(arguments, SignalVerb::run)),
        _ => None,
    }
}

/// The definitions of the verbs, for completions.
#[must_use]
pub fn definitions() -> [Command; 2] {
    [PsVerb::command().name("ps"), SignalVerb::command().name("signal")]
}

fn parse_and_run<T: Parser>(
    arguments: &[OsString],
    run: impl FnOnce(T) -> Result<String, VerbError>,
) -> Result<String, VerbError> {
    match T::try_parse_from(arguments) {
        Ok(verb) => run(verb),
        Err(error) if error.use_stderr() => Err(VerbError::usage(super::describe(&error))),
        Err(help) => Ok(format!("{}\n", help.to_string().trim_end())),
    }
}
