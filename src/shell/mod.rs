//! The command language: which lines untrap executes itself, and which need a shell.

pub(crate) mod builtins;
pub mod classify;
pub mod expand;
pub mod parse;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What runs a line that needs a shell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shell {
    /// This program, with `-c` and the line.
    Path(PathBuf),
    /// Nothing: needing one is an error.
    None,
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
            _ => Err("not a shell; write its whole path, for example /bin/bash, or none"),
        }
    }
}

/// Why a line goes to the shell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// This character, outside quotes or escaped by none.
    Character(char),
    /// An expansion that only sh makes, such as `$1` or `${A#b}`.
    Expansion,
    /// A reserved word or built-in utility of sh in the program's place.
    Word(String),
    /// No word besides assignments.
    NoProgram,
    /// This variable is assigned and expanded in the same line.
    AssignedAndExpanded(String),
    /// This variable is the shell's own.
    ShellVariable(String),
    /// This variable is set when the command is started, and not before.
    SetLater(String),
    /// The value of this variable holds a character of a pattern, outside quotes.
    Pattern(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character('\n') => f.write_str("a line break"),
            Self::Character(character) if character.is_whitespace() || character.is_control() => {
                write!(f, "the character {}", character.escape_unicode())
            }
            Self::Character(character) => write!(f, "'{character}'"),
            Self::Expansion => f.write_str("'$' before more than a name"),
            Self::Word(word) => write!(f, "'{word}', which is the shell's own"),
            Self::NoProgram => f.write_str("an assignment without a program"),
            Self::AssignedAndExpanded(name) => write!(f, "'{name}', which it both assigns and expands"),
            Self::ShellVariable(name) => write!(f, "'{name}', which the shell sets itself"),
            Self::SetLater(name) => write!(f, "'{name}', which is set later"),
            Self::Pattern(name) => {
                write!(f, "the value of '{name}', which holds a pattern character and is not quoted")
            }
        }
    }
}
