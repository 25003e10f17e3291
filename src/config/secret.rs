//! Secrets (`--secret`): variables whose values are in files, as Docker and Kubernetes mount them.
//!
//! No message contains the path from the command line, because a user may write the secret itself there.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fmt, io};

use crate::config::bounded;
use crate::config::env_file::is_variable_name;

/// A variable, and the file that contains its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Secret {
    /// The variable.
    pub variable: String,
    /// The file; `None`: the file that `VARIABLE_FILE` names.
    pub file: Option<PathBuf>,
}

impl FromStr for Secret {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (variable, file) = text.split_once('=').map_or((text, None), |(variable, file)| (variable, Some(file)));
        if !is_variable_name(variable) {
            return Err("not VARIABLE or VARIABLE=FILE; write the name of a variable, for example DB_PASSWORD");
        }
        if file.is_some_and(str::is_empty) {
            return Err("no file after '='; write VARIABLE=FILE, or VARIABLE and set VARIABLE_FILE");
        }
        Ok(Self { variable: variable.to_owned(), file: file.map(PathBuf::from) })
    }
}

/// A secret that cannot be used.
#[derive(Debug)]
pub struct SecretError {
    variable: String,
    cause: SecretErrorCause,
}

#[derive(Debug)]
enum SecretErrorCause {
    NoFile,
    Unreadable { is_named_by_variable: bool, error: io::Error },
    Nul,
    SetAlready,
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variable, cause } = self;
        write!(f, "--secret {variable}: ")?;
        match cause {
            SecretErrorCause::NoFile => {
                write!(f, "{variable}_FILE is not set in untrap's environment; set it, or write {variable}=FILE")
            }
            SecretErrorCause::Unreadable { is_named_by_variable: true, error } => {
                write!(f, "can't read the file that {variable}_FILE names: {error}")
            }
            SecretErrorCause::Unreadable { is_named_by_variable: false, error } => {
                write!(f, "can't read its file: {error}; after the '=' is the path of a file, not the secret")
            }
            SecretErrorCause::Nul => f.write_str("its file contains a NUL character, which no variable can contain"),
            SecretErrorCause::SetAlready => {
                write!(f, "{variable} is set already; take it out of the environment, the env files or the options")
            }
        }
    }
}

impl std::error::Error for SecretError {}

impl Secret {
    /// The name of the variable that can name the file.
    #[must_use]
    pub fn file_variable(&self) -> String {
        format!("{}_FILE", self.variable)
    }

    /// Reads the value: the content of the file, less one final newline. `named` is the value of `VARIABLE_FILE`.
    ///
    /// # Errors
    /// No file is named, it cannot be read, or it contains a NUL.
    pub fn read(&self, named: Option<&OsStr>) -> Result<OsString, SecretError> {
        let named = named.filter(|path| !path.is_empty()).map(Path::new);
        let path = self.file.as_deref().or(named).ok_or_else(|| self.error(SecretErrorCause::NoFile))?;
        let mut value = bounded::read(path, bounded::SECRET).map_err(|error| {
            self.error(SecretErrorCause::Unreadable { is_named_by_variable: self.file.is_none(), error })
        })?;
        value.pop_if(|last| *last == b'\n');
        if value.contains(&0) {
            return Err(self.error(SecretErrorCause::Nul));
        }
        Ok(OsString::from_vec(value))
    }

    /// The error if the variable is set already.
    #[must_use]
    pub fn set_already(&self) -> SecretError {
        self.error(SecretErrorCause::SetAlready)
    }

    fn error(&self, cause: SecretErrorCause) -> SecretError {
        SecretError { variable: self.variable.clone(), cause }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn a_secret_is_a_variable_and_perhaps_a_file() {
        let secret = |variable: &str, file: Option<&str>| {
            Ok(Secret { variable: variable.to_owned(), file: file.map(PathBuf::from) })
        };
        assert_eq!("A".parse(), secret("A", None));
        assert_eq!("A=/run/a=b".parse(), secret("A", Some("/run/a=b")));
        for text in ["", "=x", "A=", "A B=x", "A B"] {
            assert!(text.parse::<Secret>().is_err(), "{text}");
        }
    }

    #[test]
    fn one_final_newline_is_taken_off() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let secret = Secret { variable: "A".to_owned(), file: Some(path.clone()) };
        for (content, value) in [("x", "x"), ("x\n", "x"), ("x\n\n", "x\n"), ("\n", ""), ("", ""), (" x\r\n", " x\r")] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(secret.read(None).unwrap(), value, "{content:?}");
        }
        std::fs::write(&path, b"\xff\n").unwrap();
        assert_eq!(secret.read(None).unwrap().as_bytes(), b"\xff", "it need not be UTF-8");
    }
}
