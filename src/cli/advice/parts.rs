//! The parts of a command line that runs commands, found without judging them.

use std::ffi::{OsStr, OsString};

use crate::cli::options::{Argument, Kind};
use crate::cli::verbs::Verb;

/// The parts of the arguments after the verb.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Parts<'a> {
    /// The options before the first word, with their values.
    pub(super) options: &'a [OsString],
    /// From the first word to `--` or the end.
    pub(super) words: &'a [OsString],
    /// Everything after the first `--`.
    pub(super) program: Option<&'a [OsString]>,
}

/// The options that one argument contains: one long option, or several short ones.
pub(super) struct OptionArgument {
    /// The entries of the table; at least one.
    pub(super) entries: Vec<&'static Argument>,
    /// Whether the next argument is the value of the last one.
    pub(super) takes_next: bool,
}

impl<'a> Parts<'a> {
    pub(super) fn split(verb: &Verb, arguments: &'a [OsString]) -> Self {
        let mut end = 0;
        while let Some(argument) = arguments.get(end).filter(|argument| *argument != "--" && is_option(argument)) {
            let takes_next = OptionArgument::read(verb, argument).is_some_and(|option| option.takes_next);
            end = arguments.len().min(end + 1 + usize::from(takes_next));
        }
        let (options, rest) = arguments.split_at(end);
        match rest.iter().position(|argument| argument == "--") {
            Some(dashes) => Self { options, words: &rest[..dashes], program: Some(&rest[dashes + 1..]) },
            None => Self { options, words: rest, program: None },
        }
    }

    /// Whether an option before the first word names a Procfile.
    pub(super) fn has_procfile(&self, verb: &Verb) -> bool {
        let mut options = self.options.iter();
        while let Some(option) = options.next().and_then(|argument| OptionArgument::read(verb, argument)) {
            if option.entries.iter().any(|entry| entry.name == "procfile") {
                return true;
            }
            if option.takes_next {
                options.next();
            }
        }
        false
    }
}

/// Whether an argument begins as options do. A lone `-` does not.
fn is_option(argument: &OsStr) -> bool {
    argument.len() > 1 && argument.as_encoded_bytes().starts_with(b"-")
}

impl OptionArgument {
    /// Reads an argument that begins with `-`. Returns `None` unless all of its options are untrap's.
    pub(super) fn read(verb: &Verb, argument: &OsStr) -> Option<Self> {
        let text = argument.to_string_lossy();
        if let Some(long) = text.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let entry = verb.arguments().find(|entry| entry.is_option() && entry.name == name)?;
            let is_possible = value.is_none() || takes_value(entry);
            return is_possible
                .then(|| Self { entries: vec![entry], takes_next: takes_value(entry) && value.is_none() });
        }
        let mut letters = text.strip_prefix('-')?.chars();
        let mut entries = Vec::new();
        while let Some(letter) = letters.next() {
            let entry = verb.arguments().find(|entry| entry.short == Some(letter))?;
            entries.push(entry);
            if takes_value(entry) {
                return Some(Self { entries, takes_next: letters.as_str().is_empty() });
            }
        }
        (!entries.is_empty()).then_some(Self { entries, takes_next: false })
    }
}

fn takes_value(entry: &Argument) -> bool {
    matches!(entry.kind, Kind::Value | Kind::Path | Kind::List)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::verbs::RUN;

    fn split(line: &str) -> [String; 3] {
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let Parts { options, words, program } = Parts::split(&RUN, &arguments);
        let join = |part: &[OsString]| part.join(OsStr::new(" ")).into_string().unwrap();
        [join(options), join(words), program.map_or_else(|| "none".to_owned(), join)]
    }

    #[test]
    fn options_end_at_the_first_word() {
        assert_eq!(split("-q -t 5s web -v"), ["-q -t 5s", "web -v", "none"]);
        assert_eq!(split("-qt5s --port=1 --port 2 web"), ["-qt5s --port=1 --port 2", "web", "none"]);
        assert_eq!(split("-qt 5s - web"), ["-qt 5s", "- web", "none"]);
        assert_eq!(split("--unknown web"), ["--unknown", "web", "none"]);
        assert_eq!(split("-t"), ["-t", "", "none"]);
    }

    #[test]
    fn everything_after_the_first_dashes_is_the_program() {
        assert_eq!(split("-q web -- a -- b"), ["-q", "web", "a -- b"]);
        assert_eq!(split("-q -- a -q"), ["-q", "", "a -q"]);
        assert_eq!(split("web --"), ["", "web", ""]);
    }
}
