//! Reads a simple command (POSIX 2.9.1): a line to assignments and words, their quotes removed, their expansions to be made.
//!
//! What is not for us to read ends the reading: the line needs a shell.

use std::fmt;

use super::Reason;
use super::builtins::{SPECIAL, is_shell_variable, reason_against_program};

/// Stands for a part of a line while shell-words splits it.
const MASK: char = '\0';

/// Why a line is no command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommandError {
    /// No word in it.
    Empty,
    /// A quote that opens at this character of the line, counted from 0, and is never closed; or a backslash at the end.
    Unfinished {
        /// The quote, or the backslash.
        character: char,
        /// Where it stands.
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
    /// How many characters of the line stand before the place of the error.
    #[must_use]
    pub fn offset(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Unfinished { offset, .. } => *offset,
        }
    }
}

/// A line of assignments and words, with the quotes removed and the expansions still to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Simple {
    /// The line as the user wrote it.
    pub line: String,
    /// The variables that stand before the program, and their values.
    pub assignments: Vec<(String, Word)>,
    /// The program and its arguments; at least one.
    pub words: Vec<Word>,
}

/// The parts of a word, which has no blank between them.
pub type Word = Vec<Part>;

/// A part of a word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// What stands for itself; empty for quotes with nothing in them, which make a word too.
    Text(String),
    /// What a variable's value takes the place of. In a box, because few parts are one.
    Expansion(Box<Expansion>),
}

/// `$NAME`, `${NAME}`, `${NAME:-word}` or `${NAME-word}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expansion {
    /// The variable.
    pub name: String,
    /// What takes the place of a variable that is not set.
    pub default: String,
    /// Whether it also takes the place of an empty value (`:-`).
    pub default_for_empty: bool,
    /// Whether it stands in double quotes: its value is then not split into words.
    pub quoted: bool,
}

impl Part {
    /// The text, or the name of the variable.
    pub(crate) fn as_written(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Expansion(expansion) => &expansion.name,
        }
    }
}

impl Expansion {
    /// Reads one at the start of `text`, which is a `$`, and gives what follows it; `None` for what only sh expands.
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

/// What ends the reading of a line.
pub(crate) enum NotSimple {
    /// It needs a shell.
    Shell(Reason),
    /// It is no command.
    Invalid(CommandError),
}

/// A line in which each expansion, and each pair of quotes with nothing in it, is replaced by [`MASK`]. What is left is for
/// shell-words to split and to unquote.
#[derive(Default)]
struct Masked {
    text: String,
    /// What the masks stand for, in their order.
    parts: Vec<Part>,
    /// Where each word begins in the text.
    starts: Vec<usize>,
}

impl Masked {
    /// A quote left open is an error only when nothing before it is special: inside `$(…)`, for one, quotes nest in ways
    /// that only the shell can follow.
    fn scan(line: &str) -> Result<Self, NotSimple> {
        let special = |character| Err(NotSimple::Shell(Reason::Character(character)));
        let offset = |rest: &str| line[..line.len() - rest.len()].chars().count();
        let mut masked = Self::default();
        // The open quote, and where it stands in the text.
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
                    let read = Expansion::read(rest, quote.is_some()).ok_or(NotSimple::Shell(Reason::Expansion))?;
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
                // Blank space to sh is a space or a tab; to others it is more than that.
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

    /// Splits it into assignments and words.
    fn simple(self, line: &str) -> Result<Simple, NotSimple> {
        // Quotes are balanced, so shell-words can't fail; if it ever disagrees, sh has the last word.
        let words = shell_words::split(&self.text).unwrap_or_default();
        if words.len() != self.starts.len() {
            return Err(NotSimple::Shell(Reason::Character(' ')));
        }
        let mut parts = self.parts.into_iter();
        let mut simple = Simple { line: line.to_owned(), assignments: Vec::new(), words: Vec::new() };
        for (word, start) in words.iter().zip(self.starts) {
            // Quotes in the name or before the sign make a word of it.
            match split_assignment(&self.text[start..]).filter(|_| simple.words.is_empty()) {
                Some(name) => simple.assignments.push((name.to_owned(), unmask(&word[name.len() + 1..], &mut parts))),
                None => simple.words.push(unmask(word, &mut parts)),
            }
        }
        simple.reason_for_shell().map_or(Ok(simple), |reason| Err(NotSimple::Shell(reason)))
    }
}

impl Simple {
    /// Reads a line.
    pub(crate) fn read(line: &str) -> Result<Self, NotSimple> {
        Masked::scan(line)?.simple(line)
    }

    /// The names of the variables that are expanded.
    pub(crate) fn expanded(&self) -> impl Iterator<Item = &str> {
        let words = self.words.iter().chain(self.assignments.iter().map(|(_, value)| value));
        words.flatten().filter_map(|part| match part {
            Part::Expansion(expansion) => Some(expansion.name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// What only sh can do with it.
    fn reason_for_shell(&self) -> Option<Reason> {
        let Some(program) = self.words.first() else { return Some(Reason::NoProgram) };
        if let [Part::Text(word)] = &program[..]
            && let Some(reason) = reason_against_program(word)
        {
            return Some(reason);
        }
        let assigned = || self.assignments.iter().map(|(name, _)| name.as_str());
        if let Some(name) = self.expanded().find(|name| assigned().any(|assigned| assigned == *name)) {
            return Some(Reason::AssignedAndExpanded(name.to_owned()));
        }
        let name = self.expanded().chain(assigned()).find(|name| is_shell_variable(name))?;
        Some(Reason::ShellVariable(name.to_owned()))
    }
}

/// Puts the parts back in the place of the masks.
fn unmask(word: &str, parts: &mut impl Iterator<Item = Part>) -> Word {
    // Most words have one.
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

/// Whether a default means itself to every sh, quoted or not.
fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || " _-./,:@%+=".contains(character)
}

/// Splits a variable's name from the start of a text.
pub(crate) fn split_variable_name(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|character: char| !character.is_ascii_alphanumeric() && character != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    (!name.is_empty() && !name.starts_with(|character: char| character.is_ascii_digit())).then_some((name, rest))
}

/// The variable's name, where a text begins with an assignment.
fn split_assignment(text: &str) -> Option<&str> {
    split_variable_name(text).filter(|(_, rest)| rest.starts_with('=')).map(|(name, _)| name)
}
