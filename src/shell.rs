//! What belongs to the shell: its words and variables, why a line needs it, and which shell there is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Characters that mean something to sh outside quotes, and characters that some shell gives a meaning to.
pub(crate) const SPECIAL: &[char] =
    &[';', '&', '|', '<', '>', '(', ')', '{', '}', '*', '?', '[', ']', '~', '#', '!', '`', '\n', '^'];

/// Reserved words and built-in utilities of sh, those of dash and bash included: a program of that name may not exist, or
/// do something else (`echo 'a\nb'`). `true` and `false` are missing because they can't differ.
const SHELL_WORDS: &str = "
    . : [ alias bg bind break builtin caller case cd chdir command compgen complete compopt continue coproc declare dirs
    disown do done echo elif else enable esac eval exec exit export fc fg fi for function getopts hash help history if in
    jobs kill let local logout mapfile popd print printf pushd pwd read readarray readonly return select set shift shopt
    source suspend test then time times trap type typeset ulimit umask unalias unset until wait whence while";

/// Variables that some sh sets by itself or keeps from being set, whatever the environment says.
const SHELL_VARIABLES: &str = "
    DIRSTACK EPOCHREALTIME EPOCHSECONDS EUID FUNCNAME GROUPS HISTCMD HOSTTYPE IFS LINENO MACHTYPE MAILCHECK OLDPWD OPTARG
    OPTERR OPTIND OSTYPE PIPESTATUS PPID PS1 PS2 PS4 PWD RANDOM SECONDS SHELLOPTS SHLVL SRANDOM UID _";

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
    /// This variable is known only when the command starts.
    Late(&'static str),
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
            Self::Late(name) => write!(f, "'{name}', which is known only when it runs"),
            Self::Pattern(name) => {
                write!(f, "the value of '{name}', which holds a pattern character and is not quoted")
            }
        }
    }
}

/// Why sh would not execute a program of this name.
pub(crate) fn reason_against_program(word: &str) -> Option<Reason> {
    if word.contains('=') {
        return Some(Reason::Character('='));
    }
    is_shell_word(word).then(|| Reason::Word(word.to_owned()))
}

/// Whether this is a reserved word or a built-in utility.
pub(crate) fn is_shell_word(word: &str) -> bool {
    SHELL_WORDS.split_ascii_whitespace().any(|shell_word| shell_word == word)
}

/// Whether an sh has its own idea of this variable.
pub(crate) fn is_shell_variable(name: &str) -> bool {
    let own = SHELL_VARIABLES.split_ascii_whitespace().any(|variable| variable == name);
    own || name.starts_with("BASH") || name.starts_with("COMP_")
}
