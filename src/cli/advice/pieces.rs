//! Words that belong together, or that a shell would have put together.

use std::ffi::{OsStr, OsString};

use super::Surroundings;
use super::parts::Parts;
use super::quote::{join, shell_line};
use super::word::is_bare;
use crate::cli::verbs::Verb;
use crate::config::name::is_name;

/// Returns the answer to words that a shell would have to put together: `web: puma`, `a && b`, `["a", "b"]`.
pub(super) fn answer(verb: &Verb, arguments: &[OsString], surroundings: &Surroundings) -> Option<String> {
    let parts = Parts::split(verb, arguments);
    let words: Option<Vec<&str>> = parts.words.iter().map(|word| word.to_str()).collect();
    let words = words?;
    let checked = |words: Vec<String>| {
        let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
        let program = parts.program.map(|program| [&[OsString::from("--")], program].concat()).unwrap_or_default();
        let arguments = [parts.options, &words, &program].concat();
        (surroundings.is_valid)(&arguments).then(|| shell_line(verb, &arguments)).flatten()
    };
    let has_name = |word: &str| word.strip_suffix(':').is_some_and(is_name);
    if let [first, _, ..] = words[..]
        && has_name(first)
    {
        let commands = words.chunk_by(|_, next| !has_name(next));
        let line = checked(commands.map(|words| format!("{} {}", words[0], join(&words[1..]))).collect())?;
        return Some(format!("'{first}' is only the name of a command; write: {line}"));
    }
    let is_operator = |word: &&&str| ["&&", "||", "|", "&", ";"].contains(*word);
    if words.first().is_some_and(|word| is_operator(&word)) {
        return None;
    }
    if let Some(operator) = words.iter().find(|word| ["&&", "||", "|"].contains(*word)) {
        let line = checked(vec![joined(&words)])?;
        return Some(format!("'{operator}' among commands: one command is one quoted argument; write: {line}"));
    }
    if let Some(operator) = words.iter().find(|word| ["&", ";"].contains(*word)) {
        let commands = words.split(|word| ["&", ";"].contains(word)).filter(|command| !command.is_empty());
        let line = checked(commands.map(joined).collect())?;
        return Some(format!("'{operator}' among commands: untrap starts them all itself; write: {line}"));
    }
    match words[..] {
        [list] if list.starts_with('[') => {
            let program: Vec<String> =
                serde_json::from_str(list).ok().filter(|words: &Vec<String>| !words.is_empty())?;
            let program: Vec<OsString> = program.into_iter().map(OsString::from).collect();
            let line = shell_line(verb, &[parts.options, &[OsString::from("--")], &program].concat())?;
            Some(format!("a list in brackets is for a Dockerfile, without quotes around it; write: {line}"))
        }
        [path] if !parts.has_procfile(verb) && !surroundings.has_procfile_variable && is_bare(path) => {
            let file = [parts.options, &["-f", path].map(OsString::from)].concat();
            let is_procfile = path.contains("Procfile") && !(surroundings.is_program)(OsStr::new(path));
            let line = (is_procfile && (surroundings.is_valid)(&file)).then(|| shell_line(verb, &file)).flatten()?;
            Some(format!("{path} is a Procfile, not a program; write: {line}"))
        }
        _ => None,
    }
}

/// Joins words to one command; operators stay as they are.
fn joined(words: &[&str]) -> String {
    let quoted = words.iter().map(|word| match *word {
        "&&" | "||" | "|" => (*word).to_owned(),
        // A word that contains a blank is a command with its arguments.
        word if word.contains(' ') => word.to_owned(),
        word => join(&[word]),
    });
    quoted.collect::<Vec<_>>().join(" ")
}
