//! Commands that are probably one program and its arguments, without the `--` that says so.

use std::ffi::{OsStr, OsString};
use std::fmt;

use super::parts::Parts;
use super::quote::{entrypoint, shell_line};
use super::word::{is_bare, is_named, is_token};
use crate::cli::verbs::Verb;

/// Interpreters and tools that are no services without arguments. A version after the name does not matter.
const TOOLS: &str = "
    ash awk bash bun bundle bundler busybox cargo cat composer cp dash deno docker dotnet echo env exec find gem go gosu
    gradle java jruby julia ksh ln lua ls make mkdir mv mvn nice nix node nodejs nohup npm npx perl php pip pipenv pnpm poetry
    printf pypy python rails rake rm ruby Rscript sed setpriv sh sleep stdbuf su su-exec sudo tail tar time timeout touch uv uvx
    xargs yarn zsh";

/// The same command line as one program and its arguments after `--`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProgramForm {
    /// The program.
    pub(super) program: String,
    /// The arguments after the verb.
    pub(super) arguments: Vec<OsString>,
    /// Whether the commands have neither a name nor a shell's special characters.
    is_bare: bool,
    line: String,
    entrypoint: Option<String>,
}

/// What `PATH` says of a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// A program of this name can be executed.
    Program,
    /// No file of this name exists.
    Nothing,
    /// A file that cannot be executed or reached.
    Other,
}

impl ProgramForm {
    /// Returns the form if there are at least two commands, and each one is a single word.
    pub(super) fn new(verb: &Verb, arguments: &[OsString], is_first_process: bool) -> Option<Self> {
        let parts = Parts::split(verb, arguments);
        let are_tokens = parts.words.iter().all(|word| word.to_str().is_some_and(is_token));
        Self::of_parts(verb, &parts, is_first_process).filter(|_| parts.words.len() > 1 && are_tokens)
    }

    /// Returns the form if the first command is a bare word.
    pub(super) fn of_parts(verb: &Verb, parts: &Parts, is_first_process: bool) -> Option<Self> {
        let program = parts.words.first().and_then(|word| word.to_str()).filter(|word| is_bare(word))?;
        if parts.program.is_some() {
            return None;
        }
        let dashes = OsString::from("--");
        let start = [parts.options, std::slice::from_ref(&dashes)].concat();
        let arguments = [&start, parts.words].concat();
        let line = shell_line(verb, &arguments)?;
        let entrypoint = entrypoint(verb, &start).filter(|_| is_first_process);
        let is_bare = parts.words.iter().all(|word| word.to_str().is_some_and(|word| !is_named(word)));
        Some(Self { program: program.to_owned(), arguments, is_bare, line, entrypoint })
    }

    /// Returns the answer if the commands are almost surely one program: the first command is a tool, or it exists and
    /// another one does not.
    pub fn refusal(&self, commands: &[String], found: impl Fn(&OsStr) -> Found) -> Option<String> {
        let (first, others) = commands.split_first().filter(|_| self.is_bare)?;
        if is_tool(first) {
            return Some(format!("{first} is one program, and the words after it are its arguments; write: {self}"));
        }
        if found(OsStr::new(first)) != Found::Program {
            return None;
        }
        let missing = others.iter().find(|word| found(OsStr::new(word)) == Found::Nothing)?;
        Some(format!("there is no program {missing}; if it is an argument of {first}, write: {self}"))
    }

    /// What follows the message that a program was not found.
    #[must_use]
    pub fn hint(&self) -> String {
        format!("; if it is an argument of {}, write: {self}", self.program)
    }
}

impl fmt::Display for ProgramForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)?;
        self.entrypoint.as_ref().map_or(Ok(()), |line| write!(f, " (in a Dockerfile: {line})"))
    }
}

/// Whether a program is a tool, by its name without directories and version.
fn is_tool(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or_default();
    let name = name.trim_end_matches(|character: char| character.is_ascii_digit() || character == '.');
    // An image's docker-entrypoint.sh executes its arguments.
    name.contains("entrypoint") || TOOLS.split_ascii_whitespace().any(|tool| tool == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::verbs::RUN;

    const PROGRAMS: &[&str] = &["puma", "sidekiq"];

    fn refusal(line: &str, is_first_process: bool) -> Option<String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
        let found = |word: &OsStr| match word.to_str() {
            Some("directory") => Found::Other,
            Some(word) if PROGRAMS.contains(&word) => Found::Program,
            _ => Found::Nothing,
        };
        let commands: Vec<String> = words.into_iter().skip_while(|word| word.starts_with('-')).collect();
        ProgramForm::new(&RUN, &arguments, is_first_process)?.refusal(&commands, found)
    }

    #[test]
    fn a_tool_with_words_after_it_is_one_program() {
        for line in
            ["python3.11 app.py", "/usr/bin/make clean", "npm start", "echo hello", "sleep 1", "bash puma", "make A=1"]
        {
            assert!(refusal(line, false).is_some_and(|text| text.ends_with(&format!("untrap -- {line}"))), "{line}");
        }
        assert_eq!(
            refusal("-q python app.py", true).unwrap(),
            "python is one program, and the words after it are its arguments; write: untrap -q -- python app.py \
             (in a Dockerfile: ENTRYPOINT [\"untrap\", \"-q\", \"--\"])"
        );
    }

    #[test]
    fn another_program_is_one_if_a_word_after_it_does_not_exist() {
        assert_eq!(
            refusal("puma sidekiq start", false).unwrap(),
            "there is no program start; if it is an argument of puma, write: untrap -- puma sidekiq start"
        );
        for line in
            ["puma", "puma sidekiq", "puma directory", "missing start", "puma app:app", "web=2 worker", "puma a;b"]
        {
            assert_eq!(refusal(line, false), None, "{line}");
        }
    }
}
