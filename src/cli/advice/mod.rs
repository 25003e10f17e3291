//! Answers to command lines that are nearly right: each names the line that works.
//!
//! A wrong correction is worse than none, so a correction is checked before it is printed. The decisions are pure: what
//! they need to know of the system is passed to them.

mod late_option;
pub mod one_program;
mod other_tool;
mod parts;
mod pieces;
mod quote;
mod shell_form;
pub(super) mod unknown_option;
pub(super) mod variables;
mod word;

use std::ffi::{OsStr, OsString};

use self::one_program::ProgramForm;
use self::parts::Parts;
use super::verbs::Verb;
use super::{Request, Source, environment_variables, parse_as_written};
use crate::config::plan::Plan;
use crate::config::{bounded, procfile};
use crate::sys::programs;

/// What the answers depend on, apart from the command line.
struct Surroundings<'a> {
    /// Whether `UNTRAP_PROCFILE` names a Procfile.
    has_procfile_variable: bool,
    /// Whether `PATH` has a program of this name.
    is_program: &'a dyn Fn(&OsStr) -> bool,
    /// Whether a command line with this verb can be run.
    is_valid: &'a dyn Fn(&[OsString]) -> bool,
    /// Whether untrap is the first process of a container.
    is_first_process: bool,
}

/// Returns the answer to a command line of a verb that runs commands, if it is wrong in a way that clap accepts or
/// explains badly.
pub(super) fn answer(verb: &'static Verb, arguments: &[OsString]) -> Option<String> {
    let path = std::env::var_os("PATH");
    let surroundings = Surroundings {
        has_procfile_variable: std::env::var_os("UNTRAP_PROCFILE").is_some_and(|path| !path.is_empty()),
        is_program: &|word| programs::is_found(word, path.as_deref()),
        is_valid: &|arguments| is_valid(verb, arguments),
        is_first_process: std::process::id() == 1,
    };
    pieces::answer(verb, arguments, &surroundings)
        .or_else(|| other_tool::answer(verb, arguments, &surroundings))
        .or_else(|| variable_as_file(verb, arguments))
        .or_else(|| late_option::answer(verb, arguments, &surroundings))
}

/// Returns the warnings about variables that have no effect.
#[must_use]
pub fn warnings() -> Vec<String> {
    let names: Vec<String> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    let options: Vec<&str> = environment_variables().collect();
    let mut warnings = variables::warnings(names.iter().map(String::as_str), &options);
    // The shell of an ENTRYPOINT in shell form.
    if std::os::unix::process::parent_id() == 1 {
        warnings.extend(std::fs::read("/proc/1/cmdline").ok().and_then(|cmdline| shell_form::warning(&cmdline)));
    }
    warnings
}

/// Returns the answer to `-e NAME=value`, as docker takes it, if there is no such file.
fn variable_as_file(verb: &Verb, arguments: &[OsString]) -> Option<String> {
    let options = Parts::split(verb, arguments).options;
    let is_variable = |word: &OsString| {
        let name = word.to_str().and_then(|text| text.split_once('='));
        name.is_some_and(|(name, file)| {
            let is_name = name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_');
            is_name && !name.is_empty() && !file.contains(['/', '?']) && !std::path::Path::new(file).exists()
        })
    };
    let index = options.windows(2).position(|pair| pair[0] == "-e" && is_variable(&pair[1]))?;
    let rest = [&arguments[..index], &arguments[index + 2..]].concat();
    let parts = Parts::split(verb, &rest);
    let has_late_option = parts.words.iter().skip(1).any(|word| word.as_encoded_bytes().starts_with(b"-"));
    let line = if has_late_option && !parts.has_procfile(verb) {
        ProgramForm::of_parts(verb, &parts, false)?.to_string()
    } else {
        quote::shell_line(verb, &rest)?
    };
    let variable = quote::join(&[arguments[index + 1].to_str()?]);
    Some(format!("-e takes a file of variables, not a variable; write: env {variable} {line}"))
}

/// The same command line as one program after `--`, see [`ProgramForm`].
pub(super) fn program_form(verb: &'static Verb, arguments: &[OsString]) -> Option<ProgramForm> {
    ProgramForm::new(verb, arguments, std::process::id() == 1)
}

/// Whether a command line can be run: its options are valid, and so are the files that they name.
fn is_valid(verb: &'static Verb, arguments: &[OsString]) -> bool {
    let Ok(Request::Run(settings) | Request::Check(settings)) = parse_as_written(verb, arguments) else { return false };
    // Only a regular file is read: to read a pipe would take its content away.
    let env_files = &settings.options.environment.env_files;
    if !env_files.iter().all(|(_, file)| file.is_optional || file.path.is_file()) {
        return false;
    }
    match &settings.source {
        Source::Arguments { commands, program } => {
            Plan::from_arguments(commands, program.clone(), &settings.options).is_ok()
        }
        Source::Procfile { path, formation, .. } if path.is_file() => bounded::read(path, bounded::PROCFILE)
            .is_ok_and(|text| Plan::from_procfile(path, &text, formation, None, &settings.options).is_ok()),
        Source::Procfile { path, formation, .. } => {
            path.as_os_str() == "-" && formation.iter().all(|word| procfile::split_number(word).is_some())
        }
    }
}
