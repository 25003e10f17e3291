//! Reads env files (`--env-file`): dotenvy does the reading, and the errors get their line.

use std::cell::Cell;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::environment::Variable;
use crate::procfile::without_bom;

/// Why an env file can't be used.
#[derive(Debug)]
pub enum Error {
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

impl fmt::Display for Error {
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

impl std::error::Error for Error {}

/// The variables of a file, in its order.
///
/// # Errors
/// See [`Error`].
pub fn read(path: &Path) -> Result<Vec<Variable>, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::Io { path: path.to_owned(), error })?;
    parse(path, &bytes)
}

/// The variables of a file with this content.
///
/// # Errors
/// The first line that is neither a definition, nor blank, nor a comment.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<Variable>, Error> {
    let bytes = without_bom(bytes);
    let lines_read = Cell::new(0);
    let read = |variable| match variable {
        Ok((name, value)) => Ok((OsString::from(name), OsString::from(value))),
        Err(dotenvy::Error::LineParse(text, _)) => {
            // The text may go over several lines, of which the last one has been read.
            let more = text.trim_end_matches('\n').matches('\n').count();
            Err(Error::Line { path: path.to_owned(), line: lines_read.get() - more })
        }
        Err(dotenvy::Error::Io(error)) => Err(Error::Io { path: path.to_owned(), error }),
        Err(error) => Err(Error::Io { path: path.to_owned(), error: io::Error::other(error) }),
    };
    dotenvy::from_read_iter(LineByLine { rest: bytes, lines_read: &lines_read }).map(read).collect()
}

/// Gives one line at a time, so that the lines read are those that dotenvy has looked at.
struct LineByLine<'a> {
    rest: &'a [u8],
    lines_read: &'a Cell<usize>,
}

impl Read for LineByLine<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line = self.rest.iter().position(|byte| *byte == b'\n').map_or(self.rest.len(), |end| end + 1);
        let length = line.min(buffer.len());
        buffer[..length].copy_from_slice(&self.rest[..length]);
        self.rest = &self.rest[length..];
        if length > 0 && length == line {
            self.lines_read.set(self.lines_read.get() + 1);
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: impl AsRef<[u8]>) -> Result<Vec<Variable>, Error> {
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

    #[test]
    fn a_bad_line_is_found() {
        for (text, bad) in [
            ("A=1\nnonsense\n", 2),
            ("A=1\n\n# x\nB=x y\nC=1\n", 4),
            ("A=\"two\nlines\"\nB", 3),
            ("A=1\nB=\"open\nC=1\n", 2),
            ("1=x", 1),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.starts_with(&format!("env:{bad}: not a variable")), "{text:?}: {message}");
        }
        assert!(matches!(parse(b"A=\xff"), Err(Error::Io { .. })));
    }
}
