//! Parses a Procfile into names and commands, or into errors with line and column.
//!
//! The format is Heroku's (`<process type>: <command>`), read strictly. foreman and honcho silently skip a line that
//! they cannot read and do not start its service. Here such a line is an error.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use super::idle::Idle;
use super::name::{LONGEST_NAME, is_name, is_name_character};
use crate::shell::classify::Command;
use crate::shell::parse::CommandError;

/// A process type and its command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProcfileLine<'a> {
    /// The left side.
    pub name: &'a str,
    /// The right side, without surrounding blanks.
    pub command: &'a str,
    /// The parsed command.
    pub read: Command,
    /// The position of the command.
    pub position: Position,
}

/// A position in a text. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// An error in a Procfile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProcfileError {
    /// Its position.
    pub position: Position,
    /// Its kind.
    pub kind: ProcfileErrorKind,
}

/// A kind of error in a Procfile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProcfileErrorKind {
    /// The file has only blank lines and comments.
    Empty,
    /// A line without a colon.
    NoColon,
    /// The text before the colon is not `[A-Za-z0-9_-]{1,63}`.
    BadName,
    /// An earlier line defines the same process type.
    RepeatedName {
        /// The process type.
        name: String,
        /// The earlier line.
        first: usize,
    },
    /// The command is empty.
    EmptyCommand,
    /// The command runs nothing.
    Idle(Idle),
    /// The command has a syntax error.
    BadCommand(CommandError),
    /// A NUL, which no argument can contain, or a carriage return within a line, which other systems read as a line
    /// end.
    ControlCharacter(char),
    /// Bytes that are not UTF-8.
    NotUtf8,
}

impl fmt::Display for ProcfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.kind)
    }
}

impl fmt::Display for ProcfileErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the file defines no process type; write lines like 'web: COMMAND'"),
            Self::NoColon => f.write_str("no colon; write 'NAME: COMMAND', each on one line, or '#' before a comment"),
            Self::BadName => write!(
                f,
                "not a process type; write 1 to {LONGEST_NAME} of the letters A-Z and a-z, digits, '_' and '-' right \
                 before the colon"
            ),
            Self::RepeatedName { name, first } => {
                write!(f, "process type '{name}' is already defined in line {first}; give each its own name")
            }
            Self::EmptyCommand => f.write_str("no command after the colon; write one, or remove the line"),
            Self::Idle(idle) => idle.fmt(f),
            Self::BadCommand(error) => error.fmt(f),
            Self::ControlCharacter('\0') => f.write_str("a NUL byte, which no command can contain; remove it"),
            Self::ControlCharacter(_) => {
                f.write_str("a carriage return within the line; end lines with a line feed (or both)")
            }
            Self::NotUtf8 => f.write_str("bytes that are not UTF-8; save the file as UTF-8"),
        }
    }
}

impl std::error::Error for ProcfileError {}

/// Parses a whole Procfile.
///
/// # Errors
/// Returns all errors, in the order of the lines.
pub fn parse(bytes: &[u8]) -> Result<Vec<ProcfileLine<'_>>, Vec<ProcfileError>> {
    let bytes = without_bom(bytes);
    let mut lines: Vec<ProcfileLine> = Vec::new();
    let mut first_lines = HashMap::new();
    let mut errors = Vec::new();
    for (index, bytes) in bytes.split(|byte| *byte == b'\n').enumerate() {
        match parse_line(bytes, index + 1) {
            Ok(None) => {}
            Ok(Some(line)) => match first_lines.entry(line.name) {
                Entry::Vacant(first) => {
                    first.insert(line.position.line);
                    lines.push(line);
                }
                Entry::Occupied(first) => {
                    let kind = ProcfileErrorKind::RepeatedName { name: line.name.to_owned(), first: *first.get() };
                    errors.push(ProcfileError { position: Position { line: index + 1, column: 1 }, kind });
                }
            },
            Err(error) => errors.push(error),
        }
    }
    if lines.is_empty() && errors.is_empty() {
        errors.push(ProcfileError { position: Position { line: 1, column: 1 }, kind: ProcfileErrorKind::Empty });
    }
    if errors.is_empty() { Ok(lines) } else { Err(errors) }
}

/// Removes a byte order mark, which some editors write at the start of a file.
pub(crate) fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

/// Parses one line. Returns `None` for a blank line or a comment.
fn parse_line(bytes: &[u8], line: usize) -> Result<Option<ProcfileLine<'_>>, ProcfileError> {
    let (text, invalid) = match str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let valid = str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            (valid, Some(error.valid_up_to()))
        }
    };
    let error = |offset: usize, kind| {
        let column = text[..offset].chars().count() + 1;
        ProcfileError { position: Position { line, column }, kind }
    };
    if let Some(offset) = invalid {
        return Err(error(offset, ProcfileErrorKind::NotUtf8));
    }
    let visible = text.trim();
    let start = text.len() - text.trim_start().len();
    if visible.is_empty() || visible.starts_with('#') {
        return Ok(None);
    }
    if let Some(offset) = visible.find(['\0', '\r']) {
        let character = char::from(visible.as_bytes()[offset]);
        return Err(error(start + offset, ProcfileErrorKind::ControlCharacter(character)));
    }
    let Some((name, rest)) = visible.split_once(':') else {
        return Err(error(start, ProcfileErrorKind::NoColon));
    };
    if !is_name(name) {
        let offset = name.find(|character| !is_name_character(character)).unwrap_or(0);
        return Err(error(start + offset, ProcfileErrorKind::BadName));
    }
    let command = rest.trim_start();
    let offset = text.trim_end().len() - command.len();
    if command.is_empty() {
        return Err(error(offset, ProcfileErrorKind::EmptyCommand));
    }
    let Position { line, column } = error(offset, ProcfileErrorKind::EmptyCommand).position;
    match Command::read(command) {
        // In a Procfile a `#` after the name is the shell's business, as in foreman.
        Ok(read) => match Idle::of(command, &read).filter(|idle| *idle != Idle::Comment) {
            Some(idle) => {
                Err(ProcfileError { position: Position { line, column }, kind: ProcfileErrorKind::Idle(idle) })
            }
            None => Ok(Some(ProcfileLine { name, command, read, position: Position { line, column } })),
        },
        Err(error) => {
            let position = Position { line, column: column + error.offset() };
            Err(ProcfileError { position, kind: ProcfileErrorKind::BadCommand(error) })
        }
    }
}

/// Splits `TYPE` or `TYPE=N`. `None`: the word is neither.
#[must_use]
pub fn split_number(word: &str) -> Option<(&str, Option<u32>)> {
    let (process_type, number) = match word.split_once('=') {
        Some((process_type, number)) => (process_type, Some(super::number::number(number)?)),
        None => (word, None),
    };
    is_name(process_type).then_some((process_type, number))
}

/// Splits an argument of the form `[NAME:] COMMAND`.
#[must_use]
pub fn split_name(text: &str) -> (Option<&str>, &str) {
    match text.trim().split_once(':') {
        Some((name, command)) if is_name(name) => (Some(name), command.trim_start()),
        _ => (None, text.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(&str, &str)> {
        parse(text.as_bytes()).unwrap().into_iter().map(|line| (line.name, line.command)).collect()
    }

    fn errors(bytes: &[u8]) -> Vec<String> {
        parse(bytes).unwrap_err().iter().map(|error| format!("{} {:?}", error.position, error.kind)).collect()
    }

    #[test]
    fn a_line_is_a_name_a_colon_and_a_command() {
        let text = "web: puma -p $PORT\nmy_web-2:echo a:b # c\n\tw: \t x  y \t\n1: z";
        assert_eq!(pairs(text), [("web", "puma -p $PORT"), ("my_web-2", "echo a:b # c"), ("w", "x  y"), ("1", "z")]);
    }

    #[test]
    fn blank_lines_and_comments_are_skipped() {
        assert_eq!(pairs("\n# web: no\n  # indented\n   \nweb: yes # passed on\n\n"), [("web", "yes # passed on")]);
    }

    #[test]
    fn a_bom_and_crlf_are_accepted() {
        assert_eq!(pairs("\u{feff}web: a\r\nworker: b\r\n\r\n"), [("web", "a"), ("worker", "b")]);
    }

    #[test]
    fn a_command_has_its_position() {
        let lines = parse("\n  é".replace('é', "web:  x").as_bytes()).unwrap()[0].position;
        assert_eq!(lines, Position { line: 2, column: 9 });
    }

    #[test]
    fn every_bad_line_is_reported_with_line_and_column() {
        let text =
            b"ok: x\nweb echo\n  my.web: x\nweb : x\n: x\nok: y\nempty:\nsp:  \ncr: a\rb\nnul: a\0b\nq: \xc3\xa9 'b\nbad: \xff\n";
        assert_eq!(
            errors(text),
            [
                "2:1 NoColon",
                "3:5 BadName",
                "4:4 BadName",
                "5:1 BadName",
                "6:1 RepeatedName { name: \"ok\", first: 1 }",
                "7:7 EmptyCommand",
                "8:4 EmptyCommand",
                "9:6 ControlCharacter('\\r')",
                "10:7 ControlCharacter('\\0')",
                "11:6 BadCommand(Unfinished { character: '\\'', offset: 2 })",
                "12:6 NotUtf8",
            ]
        );
    }

    #[test]
    fn a_name_has_at_most_63_characters() {
        assert!(parse(format!("{}: x", "a".repeat(63)).as_bytes()).is_ok());
        assert_eq!(errors(format!("{}: x", "a".repeat(64)).as_bytes()), ["1:1 BadName"]);
        assert_eq!(errors("wéb: x".as_bytes()), ["1:2 BadName"]);
    }

    #[test]
    fn a_file_without_process_types_is_an_error() {
        assert_eq!(errors(b""), ["1:1 Empty"]);
        assert_eq!(errors(b"# nothing\n\n"), ["1:1 Empty"]);
    }

    #[test]
    fn a_name_in_an_argument_is_optional() {
        assert_eq!(split_name(" web: puma "), (Some("web"), "puma"));
        assert_eq!(split_name("sidekiq -C x"), (None, "sidekiq -C x"));
        assert_eq!(split_name("mount host:/path /mnt"), (None, "mount host:/path /mnt"));
    }
}
