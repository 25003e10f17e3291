//! The first words of people who know other tools: foreman, docker, supervisorctl, tini.

use std::ffi::{OsStr, OsString};

use super::Surroundings;
use super::parts::Parts;
use super::quote::shell_line;
use super::word::is_bare;
use crate::cli::verbs::Verb;
use crate::config::procfile::split_number;

/// Inits that untrap replaces.
const INITS: &[&str] = &["tini", "tini-static", "docker-init", "dumb-init", "catatonit", "untrap"];

/// Returns the answer if the first word is that of another tool, or if the words are process types of `./Procfile`.
pub(super) fn answer(verb: &Verb, arguments: &[OsString], surroundings: &Surroundings) -> Option<String> {
    let parts = Parts::split(verb, arguments);
    if surroundings.has_procfile_variable || parts.has_procfile(verb) {
        return None;
    }
    let (first, rest) = parts.words.split_first()?;
    let first = first.to_str()?;
    let line = |arguments: &[OsString]| {
        let arguments = [parts.options, arguments].concat();
        (surroundings.is_valid)(&arguments).then(|| shell_line(verb, &arguments)).flatten()
    };
    match first {
        "help" => return Some("there is no 'help'; write: untrap --help".to_owned()),
        "version" => return Some("there is no 'version'; write: untrap --version".to_owned()),
        "-" => return Some("'-' is no command; write -f - to read a Procfile from standard input".to_owned()),
        _ => {}
    }
    let name = first.rsplit('/').next().unwrap_or_default();
    if INITS.contains(&name) && !(rest.is_empty() && parts.program.is_none()) {
        let program = parts.program.unwrap_or(rest);
        let line = line(&[&[OsString::from("--")], program].concat())?;
        return Some(format!("{name} is not needed under untrap; write: {line}"));
    }
    if !is_bare(first) && split_number(first).is_none() || (surroundings.is_program)(OsStr::new(first)) {
        return None;
    }
    if let Some(line) = with_procfile(verb, &parts, &like_foreman(parts.words), surroundings) {
        return Some(format!("without -f, '{first}' is a command, and there is no such program; write: {line}"));
    }
    let advice = match first {
        "start" | "up" => match with_procfile(verb, &parts, &like_foreman(rest), surroundings) {
            Some(line) => format!("write: {line}"),
            None => "write 'untrap -f Procfile [TYPE]...', or the commands themselves".to_owned(),
        },
        "run" | "exec" if !rest.is_empty() => {
            format!("write: {}", line(&[&[OsString::from("--")], rest].concat())?)
        }
        "run" | "exec" => "write '-- PROGRAM [ARG]...'".to_owned(),
        "stop" => "send untrap SIGTERM, as 'docker stop' does".to_owned(),
        "restart" => "write --on-exit restart for a run, and 'untrap signal TERM NAME' to restart a service".to_owned(),
        "status" => "write: untrap ps".to_owned(),
        "logs" => "services write to untrap's standard output, which 'docker logs' shows".to_owned(),
        "init" => "untrap needs no configuration; write the commands, or -f and a Procfile".to_owned(),
        _ => return None,
    };
    Some(format!("there is no '{first}', neither of untrap nor as a program; {advice}"))
}

/// The line that runs process types of `./Procfile`, if these words are some.
fn with_procfile(verb: &Verb, parts: &Parts, words: &[OsString], surroundings: &Surroundings) -> Option<String> {
    let procfile = ["-f", "Procfile"].map(OsString::from);
    let procfile = if words.iter().any(|word| word == "-f" || word == "--procfile") { &[][..] } else { &procfile };
    let lines = [procfile.to_vec(), [procfile, &[OsString::from("all=1")]].concat()];
    let lines = lines.map(|start| [parts.options, &start, words].concat());
    if parts.program.is_some() {
        return None;
    }
    lines.into_iter().find(|line| (surroundings.is_valid)(line)).and_then(|line| shell_line(verb, &line))
}

/// Replaces the options of foreman by those of untrap.
fn like_foreman(arguments: &[OsString]) -> Vec<OsString> {
    let (mut options, mut types) = (Vec::new(), Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.to_str().unwrap_or_default() {
            "-m" | "--formation" | "-c" | "--concurrency" => {
                let formation = arguments.next().and_then(|value| value.to_str()).unwrap_or_default();
                types.extend(formation.split(',').map(OsString::from));
            }
            "-p" => options.push("--port".into()),
            "--env" => options.push("--env-file".into()),
            "-d" | "--root" => options.push("--cwd".into()),
            option if option.starts_with('-') => {
                options.push(argument.clone());
                options.extend(arguments.next().cloned());
            }
            _ if options.last().is_some_and(|option: &OsString| option.to_string_lossy().starts_with("--")) => {
                options.push(argument.clone());
            }
            _ => types.push(argument.clone()),
        }
    }
    [options, types].concat()
}
