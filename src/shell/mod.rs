//! The command language: which command lines untrap executes directly, and which need a shell.

pub(crate) mod builtins;
mod cd;
pub mod classify;
mod exec;
pub mod expand;
pub mod parse;
pub mod program_name;
pub mod used;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The shell that executes the lines that need one (`--shell`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shell {
    /// This program, executed with `-c` and the line.
    Path(PathBuf),
    /// No shell: a line that needs one is an error.
    None,
}

impl Shell {
    /// Inserts `exec` before the last program of a line if the shell is dash, which otherwise stays behind as the parent
    /// of the program. Returns `None` if the line is to stay as it is, also if a variable of the environment defines
    /// functions.
    #[must_use]
    pub fn line_with_exec<'a>(&self, line: &'a str, mut environment: impl Iterator<Item = &'a [u8]>) -> Option<String> {
        let Self::Path(shell) = self else { return None };
        let defines_functions = |name: &[u8]| name == b"BASH_ENV" || name.starts_with(b"BASH_FUNC_");
        if environment.any(defines_functions) || !shell.canonicalize().is_ok_and(|path| path.ends_with("dash")) {
            return None;
        }
        exec::with_exec(line)
    }
}

impl Default for Shell {
    fn default() -> Self {
        Self::Path(PathBuf::from("/bin/sh"))
    }
}

impl FromStr for Shell {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            _ if Path::new(text).is_absolute() => Ok(Self::Path(PathBuf::from(text))),
            _ => Err("not a shell; write its absolute path, for example /bin/bash, or none"),
        }
    }
}

/// The reason why a line needs a shell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ShellReason {
    /// It contains this character, neither quoted nor escaped.
    Character(char),
    /// It contains an expansion that only sh makes, such as `$1` or `${A#b}`.
    Expansion,
    /// Its first word is a reserved word or a built-in utility of sh.
    Word(String),
    /// It contains only assignments.
    NoProgram,
    /// It both assigns and expands this variable.
    AssignedAndExpanded(String),
    /// It uses this variable, which some shells set themselves.
    ShellVariable(String),
    /// It uses this variable, whose value is known only when the command starts.
    SetLater(String),
    /// The value of this unquoted variable contains a pattern character.
    Pattern(String),
}

impl fmt::Display for ShellReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character('\n') => f.write_str("a line break"),
            Self::Character(character) if character.is_whitespace() || character.is_control() => {
                write!(f, "the character {}", character.escape_unicode())
            }
            Self::Character(character) => write!(f, "'{character}'"),
            Self::Expansion => f.write_str("'$' in a form that only a shell expands"),
            Self::Word(word) => write!(f, "'{word}', a reserved word or built-in command of the shell"),
            Self::NoProgram => f.write_str("an assignment without a program"),
            Self::AssignedAndExpanded(name) => write!(f, "'{name}', which it both assigns and expands"),
            Self::ShellVariable(name) => write!(f, "'{name}', which the shell sets itself"),
            Self::SetLater(name) => write!(f, "'{name}', which is set when the command starts"),
            Self::Pattern(name) => {
                write!(f, "the value of '{name}', which contains a pattern character and is not quoted")
            }
        }
    }
}
