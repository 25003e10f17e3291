//! Parses a simple command (POSIX 2.9.1) into assignments and words. Quotes are removed; expansions are kept as parts.
//!
//! Parsing stops at the first construct that is not part of a simple command: the line needs a shell.

use std::fmt;

use super::ShellReason;
use super::builtins::{SPECIAL, is_shell_variable, reason_against_program};
use super::cd::split_cd;

/// Replaces an expansion or an empty pair of quotes while shell-words splits the line.
const MASK: char = '\0';

/// A syntax error in a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommandError {
    /// The line is empty.
    Empty,
    /// A quote is not closed, or the last character is a backslash.
    Unfinished {
        /// The quote, or the backslash.
        character: char,
        /// Its position in the line, in characters from 0.
        offset: usize,
    },
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no command; write the program and its arguments"),
            Self::Unfinished { character: '\\', .. } => {
                f.write_str("a backslash at the end; put the whole command on one line, or double the backslash")
            }
            Self::Unfinished { character, .. } => {
                write!(
                    f,
                    "a quote {character} that is never closed; close it, or write \\{character} for the character"
                )
            }
        }
    }
}

impl std::error::Error for CommandError {}

impl CommandError {
    /// Returns the position of the error in the line, in characters from 0.
    #[must_use]
    pub fn offset(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Unfinished { offset, .. } => *offset,
        }
    }
}

/// A simple command: its quotes are removed, its expansions are not yet made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Simple {
    /// The line as the user wrote it.
    pub line: String,
    /// The directory of a `cd` before the command.
    pub directory: Option<Word>,
    /// Whether the program follows `exec`: it is a program also if the shell has a built-in utility of its name.
    pub is_exec: bool,
    /// The assignments before the program.
    pub assignments: Vec<(String, Word)>,
    /// The program and its arguments; at least one.
    pub words: Vec<Word>,
}

/// The adjacent parts of a word.
pub type Word = Vec<Part>;

/// A part of a word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// Literal text; empty for an empty pair of quotes, which is a word too.
    Text(String),
    /// An expansion. Boxed to keep `Part` small, because most parts are text.
    Expansion(Box<Expansion>),
}

/// `$NAME`, `${NAME}`, `${NAME:-word}` or `${NAME-word}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expansion {
    /// The variable.
    pub name: String,
    /// The text that replaces an unset variable.
    pub default: String,
    /// Whether the default also replaces an empty value (`:-`).
    pub default_for_empty: bool,
    /// Whether the expansion is in double quotes, so that its value is not split into words.
    pub quoted: bool,
}

impl Expansion {
    /// Parses the expansion at the start of `text`, which is a `$`, and returns it with the rest of the text. Returns
    /// `None` if only sh makes this expansion.
    fn read(text: &str, quoted: bool) -> Option<(Self, &str)> {
        let text = text.strip_prefix('$')?;
        let braced = text.strip_prefix('{');
        let (name, rest) = split_variable_name(braced.unwrap_or(text))?;
        let plain = |default: &str, default_for_empty| Self {
            name: name.to_owned(),
            default: default.to_owned(),
            default_for_empty,
            quoted,
        };
        if braced.is_none() {
            return Some((plain("", false), rest));
        }
        let (inside, rest) = rest.split_once('}')?;
        let expansion = match (inside.strip_prefix(":-"), inside.strip_prefix('-')) {
            (Some(default), _) => plain(default, true),
            (_, Some(default)) => plain(default, false),
            _ if inside.is_empty() => plain("", false),
            _ => return None,
        };
        expansion.default.chars().all(is_plain).then_some((expansion, rest))
    }
}

/// The reason why a line is not a simple command.
pub(crate) enum NotSimple {
    /// It needs a shell.
    Shell(ShellReason),
    /// It has a syntax error.
    Invalid(CommandError),
}

/// A line in which [`MASK`] replaces each expansion and each empty pair of quotes, so that shell-words can split and
/// unquote the rest.
#[derive(Default)]
struct Masked {
    text: String,
    /// The replaced parts, in the order of the masks.
    parts: Vec<Part>,
    /// The offset of each word in the text.
    starts: Vec<usize>,
}

impl Masked {
    /// Masks a line. An open quote is an error only if no special character precedes it, because only a shell can match
    /// the quotes inside constructs such as `$(…)`.
    fn scan(line: &str) -> Result<Self, NotSimple> {
        let special = |character| Err(NotSimple::Shell(ShellReason::Character(character)));
        let offset = |rest: &str| line[..line.len() - rest.len()].chars().count();
        let mut masked = Self::default();
        // The open quote, its offset in the text, and the line from the quote on.
        let mut open: Option<(char, usize, &str)> = None;
        let mut between_words = true;
        let mut rest = line;
        while let Some(character) = rest.chars().next() {
            let mut after = &rest[character.len_utf8()..];
            let is_blank = open.is_none() && matches!(character, ' ' | '\t');
            if between_words && !is_blank {
                masked.starts.push(masked.text.len());
            }
            between_words = is_blank;
            let quote = open.map(|(quote, ..)| quote);
            match (quote, character) {
                (_, MASK) | (Some('"'), '`') => return special(character),
                (None | Some('"'), '$') => {
                    let read =
                        Expansion::read(rest, quote.is_some()).ok_or(NotSimple::Shell(ShellReason::Expansion))?;
                    after = read.1;
                    masked.push(Part::Expansion(Box::new(read.0)));
                }
                (None | Some('"'), '\\') => match after.chars().next() {
                    None => {
                        return Err(NotSimple::Invalid(CommandError::Unfinished { character, offset: offset(rest) }));
                    }
                    Some(escaped @ ('\n' | MASK)) => return special(escaped),
                    Some(escaped) => {
                        masked.text.extend([character, escaped]);
                        after = &after[escaped.len_utf8()..];
                    }
                },
                (Some(quote), _) if quote == character => {
                    let (_, start, _) = open.take().unwrap_or_default();
                    masked.text.push(character);
                    if masked.text.len() == start + 2 {
                        masked.text.truncate(start);
                        masked.push(Part::Text(String::new()));
                    }
                }
                (None, '"' | '\'') => {
                    open = Some((character, masked.text.len(), rest));
                    masked.text.push(character);
                }
                // sh splits words only at spaces and tabs, other shells at more characters.
                (None, _) if SPECIAL.contains(&character) || (character.is_whitespace() && !is_blank) => {
                    return special(character);
                }
                _ => masked.text.push(character),
            }
            rest = after;
        }
        match open {
            Some((character, _, rest)) => {
                Err(NotSimple::Invalid(CommandError::Unfinished { character, offset: offset(rest) }))
            }
            None => Ok(masked),
        }
    }

    fn push(&mut self, part: Part) {
        self.text.push(MASK);
        self.parts.push(part);
    }

    /// Splits the masked line into a simple command.
    fn simple(self, line: &str) -> Result<Simple, NotSimple> {
        let simple = self.split(line)?;
        simple.reason_for_shell().map_or(Ok(simple), |reason| Err(NotSimple::Shell(reason)))
    }

    /// Splits the masked line into assignments and words.
    fn split(self, line: &str) -> Result<Simple, NotSimple> {
        // Quotes are balanced, so shell-words cannot fail. If its words differ from ours, let sh execute the line.
        let words = shell_words::split(&self.text).unwrap_or_default();
        if words.len() != self.starts.len() {
            return Err(NotSimple::Shell(ShellReason::Character(' ')));
        }
        let mut parts = self.parts.into_iter();
        let mut simple = Simple {
            line: line.to_owned(),
            directory: None,
            is_exec: false,
            assignments: Vec::new(),
            words: Vec::new(),
        };
        for (word, start) in words.iter().zip(self.starts) {
            let is_first = simple.words.is_empty() && !simple.is_exec;
            // A name with quotes or a backslash is not an assignment, so look at the text before quote removal.
            match split_assignment(&self.text[start..]).filter(|_| is_first) {
                Some(name) => simple.assignments.push((name.to_owned(), unmask(&word[name.len() + 1..], &mut parts))),
                None if is_first && word == "exec" => simple.is_exec = true,
                None => simple.words.push(unmask(word, &mut parts)),
            }
        }
        Ok(simple)
    }
}

impl Simple {
    /// Parses a line.
    pub(crate) fn read(line: &str) -> Result<Self, NotSimple> {
        if let Some((cd, rest)) = split_cd(line)
            && let Ok(directory) = Self::read_directory(cd)
        {
            let rest = Masked::scan(rest).and_then(|masked| masked.simple(line)).map_err(|error| match error {
                NotSimple::Invalid(CommandError::Unfinished { character, offset }) => {
                    let before = line[..line.len() - rest.len()].chars().count();
                    NotSimple::Invalid(CommandError::Unfinished { character, offset: before + offset })
                }
                error => error,
            })?;
            let simple = Self { directory: Some(directory), ..rest };
            return simple.reason_for_shell().map_or(Ok(simple), |reason| Err(NotSimple::Shell(reason)));
        }
        Masked::scan(line)?.simple(line)
    }

    /// Parses the operand of a `cd`.
    fn read_directory(operand: &str) -> Result<Word, NotSimple> {
        let mut words = Masked::scan(operand)?.split(operand)?.words;
        match (words.pop(), words.is_empty()) {
            (Some(directory), true) => Ok(directory),
            _ => Err(NotSimple::Shell(ShellReason::Word("cd".to_owned()))),
        }
    }

    /// Returns the names of the expanded variables.
    pub(crate) fn expanded(&self) -> impl Iterator<Item = &str> {
        let words = self.words.iter().chain(&self.directory).chain(self.assignments.iter().map(|(_, value)| value));
        words.flatten().filter_map(|part| match part {
            Part::Expansion(expansion) => Some(expansion.name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Returns the reason why the command needs a shell, if any.
    fn reason_for_shell(&self) -> Option<ShellReason> {
        let Some(program) = self.words.first() else { return Some(ShellReason::NoProgram) };
        if let [Part::Text(word)] = &program[..]
            && let Some(reason) = reason_against_program(word, self.is_exec)
        {
            return Some(reason);
        }
        let assigned = || self.assignments.iter().map(|(name, _)| name.as_str());
        // Shells disagree about the PATH that `PATH=… exec` searches.
        if self.is_exec && assigned().any(|name| name == "PATH") {
            return Some(ShellReason::Word("exec".to_owned()));
        }
        if let Some(name) = self.expanded().find(|name| assigned().any(|assigned| assigned == *name)) {
            return Some(ShellReason::AssignedAndExpanded(name.to_owned()));
        }
        let name = self.expanded().chain(assigned()).find(|name| is_shell_variable(name))?;
        Some(ShellReason::ShellVariable(name.to_owned()))
    }
}

/// Replaces the masks by their parts.
fn unmask(word: &str, parts: &mut impl Iterator<Item = Part>) -> Word {
    // Most words have one part.
    let mut unmasked = Vec::with_capacity(1);
    for (index, text) in word.split(MASK).enumerate() {
        if index > 0 {
            unmasked.extend(parts.next());
        }
        if !text.is_empty() {
            unmasked.push(Part::Text(text.to_owned()));
        }
    }
    unmasked
}

/// Whether every shell takes this character of a default literally, quoted or not.
fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || " _-./,:@%+=".contains(character)
}

/// Splits the name of a variable from the start of a text.
pub(crate) fn split_variable_name(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|character: char| !character.is_ascii_alphanumeric() && character != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    (!name.is_empty() && !name.starts_with(|character: char| character.is_ascii_digit())).then_some((name, rest))
}

/// Returns the name of the variable if a text begins with an assignment.
pub(super) fn split_assignment(text: &str) -> Option<&str> {
    split_variable_name(text).filter(|(_, rest)| rest.starts_with('=')).map(|(name, _)| name)
}
