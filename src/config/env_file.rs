//! Reads env files (`--env-file`): dotenvy does the reading, and the errors get their line.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::bounded;
use crate::config::procfile::without_bom;
use crate::shell::parse::split_variable_name;
use crate::sys::environment::Variable;

/// Why an env file can't be used.
#[derive(Debug)]
pub enum EnvFileError {
    /// The definition that begins in this line is none.
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// It can't be read, or is not UTF-8.
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl fmt::Display for EnvFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { path, line } => write!(
                f,
                "{}:{line}: not a variable; write NAME=VALUE, with quotes around a value that has blank space or quotes in \
                 it",
                path.display()
            ),
            Self::Io { path, error } => write!(f, "can't read {}: {error}; see --env-file", path.display()),
        }
    }
}

impl std::error::Error for EnvFileError {}

/// The variables of a file, in its order.
///
/// # Errors
/// See [`EnvFileError`].
pub fn read(path: &Path) -> Result<Vec<Variable>, EnvFileError> {
    let bytes =
        bounded::read(path, bounded::ENV_FILE).map_err(|error| EnvFileError::Io { path: path.to_owned(), error })?;
    parse(path, &bytes)
}

/// The variables of a file with this content.
///
/// # Errors
/// The first line that is neither a definition, nor blank, nor a comment.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<Variable>, EnvFileError> {
    let text = str::from_utf8(without_bom(bytes)).map_err(|error| {
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        EnvFileError::Io { path: path.to_owned(), error }
    })?;
    let (lines, definitions): (Vec<usize>, Vec<String>) = definitions(text).into_iter().unzip();
    let definitions = definitions.concat();
    let mut read = dotenvy::from_read_iter(definitions.as_bytes());
    let variables = lines.into_iter().map(|line| match read.next() {
        // No environment can hold a NUL.
        Some(Ok((name, value))) if !value.contains('\0') => Ok((OsString::from(name), OsString::from(value))),
        _ => Err(EnvFileError::Line { path: path.to_owned(), line }),
    });
    variables.collect()
}

/// The definitions of a text, each with the line where it begins, written so that dotenvy can't take them for something else:
/// it looks for quotes in comments, for backslashes in single quotes, and takes what follows `$NAME` for text.
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
    fn a_comment_may_hold_anything() {
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
    fn single_quotes_hide_all_and_double_quotes_do_not() {
        gives(r"A='C:\'", &[("A", r"C:\")]);
        gives("A='$B \"\\n'\nB=1\n", &[("A", "$B \"\\n"), ("B", "1")]);
        gives(r#"A="\$B \"\\""#, &[("A", r#"$B "\"#)]);
    }

    #[test]
    fn a_dollar_means_what_it_means_to_sh() {
        gives("A_B=1\nC=\"$A_B\"\nD=$A_B'x'\nE=$A_B\n", &[("A_B", "1"), ("C", "1"), ("D", "1x"), ("E", "1")]);
        gives("A=pa$\nB=\"$\"\nC=$5\n", &[("A", "pa$"), ("B", "$"), ("C", "$5")]);
    }

    #[test]
    fn a_bad_line_is_found() {
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
