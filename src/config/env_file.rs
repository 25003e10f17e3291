//! Reads env files (`--env-file`). dotenvy parses the definitions; this module adds the line numbers of errors.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::bounded;
use crate::config::procfile::without_bom;
use crate::shell::parse::split_variable_name;
use crate::sys::environment::Variable;

/// An env file cannot be used.
#[derive(Debug)]
pub enum EnvFileError {
    /// The text that begins in this line is not a definition.
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The file cannot be read, or is not UTF-8.
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
}

impl fmt::Display for EnvFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { path, line } => write!(
                f,
                "{}:{line}: not a variable; write NAME=VALUE, and quote a value that contains blanks or quotes",
                path.display()
            ),
            Self::Io { path, error } => write!(f, "can't read {}: {error}; see --env-file", path.display()),
        }
    }
}

impl std::error::Error for EnvFileError {}

/// Reads the variables of a file, in the order of the file.
///
/// # Errors
/// See [`EnvFileError`].
pub fn read(path: &Path) -> Result<Vec<Variable>, EnvFileError> {
    let bytes =
        bounded::read(path, bounded::ENV_FILE).map_err(|error| EnvFileError::Io { path: path.to_owned(), error })?;
    parse(path, &bytes)
}

/// Parses the content of the file with this path.
///
/// # Errors
/// Fails at the first line that is neither a definition, nor blank, nor a comment, and if the content is not UTF-8.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<Variable>, EnvFileError> {
    let text = str::from_utf8(without_bom(bytes)).map_err(|error| {
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        EnvFileError::Io { path: path.to_owned(), error }
    })?;
    let (lines, definitions): (Vec<usize>, Vec<String>) = definitions(text).into_iter().unzip();
    let definitions = definitions.concat();
    let mut read = dotenvy::from_read_iter(definitions.as_bytes());
    let variables = lines.into_iter().map(|line| match read.next() {
        // execve(2) ends a string of the environment at a NUL, so a value cannot contain it.
        Some(Ok((name, value))) if !value.contains('\0') => Ok((OsString::from(name), OsString::from(value))),
        _ => Err(EnvFileError::Line { path: path.to_owned(), line }),
    });
    variables.collect()
}

/// Splits a text into definitions and the lines in which they begin. Rewrites each definition, because dotenvy parses
/// some constructs differently from sh: it interprets quotes in comments and backslashes in single quotes, and it does
/// not end the name in `$NAME` where sh does.
fn definitions(text: &str) -> Vec<(usize, String)> {
    let mut definitions = Vec::new();
    let (mut line, mut begin, mut definition) = (1, 1, String::new());
    let (mut quote, mut after_blank) = (None, true);
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        let is_blank = quote.is_none() && character.is_whitespace();
        match (quote, character) {
            (None, '\n') => {
                definitions.push((begin, std::mem::take(&mut definition)));
                begin = line + 1;
            }
            (None, '#') if after_blank || definition.find('=') == definition.len().checked_sub(1) => {
                rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
            }
            (None, '\'' | '"') => {
                quote = Some(character);
                definition.push('"');
            }
            (Some(open), _) if character == open => {
                quote = None;
                definition.push('"');
            }
            (Some('\''), '\\' | '"' | '$') => definition.extend(['\\', character]),
            (None | Some('"'), '\\') => {
                let escaped = rest.chars().next().filter(|escaped| *escaped != '\n');
                definition.push(character);
                definition.extend(escaped);
                rest = &rest[escaped.map_or(0, char::len_utf8)..];
            }
            (None | Some('"'), '$') => match split_variable_name(rest) {
                Some((name, after)) => {
                    definition.extend(["${", name, "}"]);
                    rest = after;
                }
                None if rest.starts_with('{') => definition.push('$'),
                None => definition.push_str("\\$"),
            },
            _ => definition.push(character),
        }
        after_blank = is_blank;
        line += usize::from(character == '\n');
    }
    definitions.push((begin, definition));
    definitions.retain_mut(|(_, definition)| {
        definition.push('\n');
        !definition.trim().is_empty()
    });
    definitions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: impl AsRef<[u8]>) -> Result<Vec<Variable>, EnvFileError> {
        super::parse(Path::new("env"), text.as_ref())
    }

    fn pairs(text: &str) -> Vec<(String, String)> {
        let text_of = |value: OsString| value.into_string().unwrap();
        parse(text).unwrap().into_iter().map(|(name, value)| (text_of(name), text_of(value))).collect()
    }

    #[test]
    fn definitions_comments_quotes_and_exports_are_read() {
        let text = "\u{feff}# ours\nA=1\n\nexport B='x y'\nC=\"two\nlines\"\nD=\nE=${A}2 # not this\n";
        let expected = [("A", "1"), ("B", "x y"), ("C", "two\nlines"), ("D", ""), ("E", "12")];
        assert_eq!(pairs(text), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(pairs(""), []);
    }

    #[track_caller]
    fn gives(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(pairs(text), expected, "{text:?}");
    }

    #[test]
    fn a_comment_can_contain_anything() {
        gives("A=1  # it's\nB=2\nC=3 # it's\n", &[("A", "1"), ("B", "2"), ("C", "3")]);
        gives("A=# it's\n# it's\n\t# \"\nB=2\t#'\n", &[("A", ""), ("B", "2")]);
        gives("A=it#s\nB=\"x # y\" # z\nC=a\\ #b\n", &[("A", "it#s"), ("B", "x # y"), ("C", "a #b")]);
    }

    #[test]
    fn the_last_line_needs_no_newline() {
        for text in ["A=1", "A=1 ", "A=1\n  ", "A='1'\t", "A=1 #"] {
            gives(text, &[("A", "1")]);
        }
    }

    #[test]
    fn single_quotes_keep_every_character_and_double_quotes_do_not() {
        gives(r"A='C:\'", &[("A", r"C:\")]);
        gives("A='$B \"\\n'\nB=1\n", &[("A", "$B \"\\n"), ("B", "1")]);
        gives(r#"A="\$B \"\\""#, &[("A", r#"$B "\"#)]);
    }

    #[test]
    fn variables_are_expanded_as_in_sh() {
        gives("A_B=1\nC=\"$A_B\"\nD=$A_B'x'\nE=$A_B\n", &[("A_B", "1"), ("C", "1"), ("D", "1x"), ("E", "1")]);
        gives("A=pa$\nB=\"$\"\nC=$5\n", &[("A", "pa$"), ("B", "$"), ("C", "$5")]);
    }

    #[test]
    fn an_error_names_the_line_in_which_its_definition_begins() {
        for (text, bad) in [
            ("A=1\nnonsense\n", 2),
            ("A=1\n\n# x\nB=x y\nC=1\n", 4),
            ("A=\"two\nlines\"\nB", 3),
            ("A=1\nB=\"open\nC=1\n", 2),
            ("1=x", 1),
            ("A=1\nB=\"open\n\n\n", 2),
            ("A=1\nB='x\0y'\n", 2),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.starts_with(&format!("env:{bad}: not a variable")), "{text:?}: {message}");
        }
        assert!(matches!(parse(b"A=\xff"), Err(EnvFileError::Io { .. })));
    }
}
