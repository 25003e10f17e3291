//! Reads a command: a line to the program and its arguments, or to a shell.
//!
//! A line of plain words is executed directly, so that the leader is the program itself and no shell can lose a signal
//! or be missing from the image. Everything that sh gives a meaning to goes to sh unchanged: when in doubt, the shell.

use std::ffi::OsString;
use std::fmt;

/// Characters that mean something to sh outside quotes, and characters that some shell gives a meaning to.
const SPECIAL: &[char] =
    &[';', '&', '|', '<', '>', '(', ')', '{', '}', '*', '?', '[', ']', '~', '#', '!', '$', '`', '\n', '^'];

/// Reserved words and built-in utilities of sh, those of dash and bash included: a program of that name may not exist, or
/// do something else (`echo 'a\nb'`). `true` and `false` are missing because they can't differ.
const SHELL_WORDS: &[&str] = &[
    ".",
    ":",
    "[",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "case",
    "cd",
    "command",
    "compgen",
    "complete",
    "compopt",
    "continue",
    "coproc",
    "declare",
    "dirs",
    "disown",
    "do",
    "done",
    "echo",
    "elif",
    "else",
    "enable",
    "esac",
    "eval",
    "exec",
    "exit",
    "export",
    "fc",
    "fg",
    "fi",
    "for",
    "function",
    "getopts",
    "hash",
    "help",
    "history",
    "if",
    "in",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "select",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "test",
    "then",
    "time",
    "times",
    "trap",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "until",
    "wait",
    "while",
];

/// What to execute for an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// A program, looked up in `PATH` unless its name has a slash, and its arguments. The program is the first word.
    Direct(Vec<OsString>),
    /// A line that `sh -c` gets unchanged.
    Shell(String),
}

/// Why a line is no command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
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

impl fmt::Display for Error {
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

impl std::error::Error for Error {}

impl Error {
    /// How many characters of the line stand before the place of the error.
    #[must_use]
    pub fn offset(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Unfinished { offset, .. } => *offset,
        }
    }
}

impl Command {
    /// Reads a command line.
    ///
    /// # Errors
    /// An empty line, and a quote or backslash that nothing follows.
    pub fn read(line: &str) -> Result<Self, Error> {
        if line.trim().is_empty() {
            return Err(Error::Empty);
        }
        if needs_shell(line)? {
            return Ok(Self::Shell(line.to_owned()));
        }
        // Quotes are balanced, so shell-words can't fail; if it ever disagrees, sh has the last word.
        match shell_words::split(line) {
            Ok(words) if !is_shell_word(&words[0]) && !is_assignment(&words[0]) => {
                Ok(Self::Direct(words.into_iter().map(OsString::from).collect()))
            }
            _ => Ok(Self::Shell(line.to_owned())),
        }
    }

    /// The program that is executed, as the user wrote it; `None` where a shell is.
    #[must_use]
    pub fn program_path(&self) -> Option<String> {
        match self {
            Self::Direct(words) => Some(words[0].to_string_lossy().into_owned()),
            Self::Shell(_) => None,
        }
    }

    /// The words to execute: the program and its arguments.
    #[must_use]
    pub fn into_words(self, shell: &str) -> Vec<OsString> {
        match self {
            Self::Direct(words) => words,
            Self::Shell(line) => [shell, "-c", &line].map(OsString::from).to_vec(),
        }
    }

    /// The program's name without its directories, to name an entry by; `sh` for a line whose program only sh knows.
    #[must_use]
    pub fn program(&self) -> String {
        let first = match self {
            Self::Direct(words) => words[0].to_string_lossy().into_owned(),
            Self::Shell(line) => first_plain_word(line).unwrap_or("sh").to_owned(),
        };
        first.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("sh").to_owned()
    }
}

/// Whether something in the line is not for us to read. A quote left open is an error only when nothing before it is
/// special: inside `$(…)`, for one, quotes nest in ways that only the shell can follow.
fn needs_shell(line: &str) -> Result<bool, Error> {
    let mut open: Option<(char, usize)> = None;
    let mut characters = line.chars().enumerate();
    while let Some((offset, character)) = characters.next() {
        match (open, character) {
            (Some(('"', _)), '$' | '`') => return Ok(true),
            (None | Some(('"', _)), '\\') => match characters.next() {
                None => return Err(Error::Unfinished { character: '\\', offset }),
                Some((_, '\n')) => return Ok(true),
                Some(_) => {}
            },
            (Some((quote, _)), _) if quote == character => open = None,
            (None, '"' | '\'') => open = Some((character, offset)),
            // Blank space to sh is a space or a tab; to others it is more than that.
            (None, _) if SPECIAL.contains(&character) => return Ok(true),
            (None, _) if character.is_whitespace() && !matches!(character, ' ' | '\t') => return Ok(true),
            _ => {}
        }
    }
    open.map_or(Ok(false), |(character, offset)| Err(Error::Unfinished { character, offset }))
}

fn is_shell_word(word: &str) -> bool {
    SHELL_WORDS.binary_search(&word).is_ok()
}

fn is_assignment(word: &str) -> bool {
    word.contains('=')
}

/// The first word of a shell line, after assignments, where it is a program's name as it stands.
fn first_plain_word(line: &str) -> Option<&str> {
    let word = line.split([' ', '\t', '\n']).find(|word| !word.is_empty() && !is_assignment(word))?;
    let plain = |character: char| character.is_alphanumeric() || matches!(character, '/' | '.' | '_' | '-' | '+');
    (word.chars().all(plain) && !is_shell_word(word)).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direct(line: &str) -> Vec<String> {
        match Command::read(line).unwrap() {
            Command::Direct(words) => words.into_iter().map(|word| word.into_string().unwrap()).collect(),
            Command::Shell(line) => panic!("goes to the shell: {line}"),
        }
    }

    #[test]
    fn plain_words_quotes_and_backslashes_are_read_directly() {
        assert_eq!(direct("bin/rails s -p 3000"), ["bin/rails", "s", "-p", "3000"]);
        assert_eq!(
            direct(r#"a  'b  c' "d;e" f\ g "h'i" 'j"k' l=m"#),
            ["a", "b  c", "d;e", "f g", "h'i", "j\"k", "l=m"]
        );
        assert_eq!(direct(r#"x "" '' "a\"b\\c\d""#), ["x", "", "", r#"a"b\c\d"#]);
        assert_eq!(direct("x 100% a@b a,b a:b +x -y /z"), ["x", "100%", "a@b", "a,b", "a:b", "+x", "-y", "/z"]);
    }

    #[test]
    fn what_sh_gives_a_meaning_to_goes_to_sh_unchanged() {
        for line in [
            "a; b",
            "a & b",
            "a | b",
            "a < b",
            "a > b",
            "(a)",
            "{ a; }",
            "a *.c",
            "a ?",
            "a [x]",
            "~/a",
            "a # b",
            "! a",
            "x $A",
            "x \"$A\"",
            "x \"`b`\"",
            "x `b`",
            "echo a",
            "a\nb",
            "a \"b\\\nc\"",
            "cd x",
            "exec a",
            ". ./env",
            "source env",
            "FOO=1 a",
            "export A",
            "if",
            "test -f a",
            "x \"$(echo 'it\"s')\"",
            "a\u{a0}b",
        ] {
            assert_eq!(Command::read(line), Ok(Command::Shell(line.to_owned())), "{line}");
        }
    }

    #[test]
    fn an_open_quote_is_an_error_that_says_where() {
        let unfinished = |character, offset| Err(Error::Unfinished { character, offset });
        assert_eq!(Command::read("a 'b"), unfinished('\'', 2));
        assert_eq!(Command::read("é \"b"), unfinished('"', 2));
        assert_eq!(Command::read("a \\"), unfinished('\\', 2));
        assert_eq!(Command::read("a 'b' \"c'd"), unfinished('"', 6));
    }

    #[test]
    fn a_line_without_words_is_an_error() {
        assert_eq!(Command::read(""), Err(Error::Empty));
        assert_eq!(Command::read(" \t"), Err(Error::Empty));
    }

    #[test]
    fn the_shell_words_are_sorted_for_the_search() {
        assert!(SHELL_WORDS.is_sorted());
    }

    #[test]
    fn a_command_is_called_after_its_program() {
        for (line, name) in [
            ("sidekiq -C x", "sidekiq"),
            ("/usr/bin/python3.11 a", "python3.11"),
            ("redis-server $OPTS", "redis-server"),
            ("A=1 B=2 ./web && x", "web"),
            ("cd x && y", "sh"),
            ("$CMD", "sh"),
            ("(a)", "sh"),
        ] {
            assert_eq!(Command::read(line).unwrap().program(), name, "{line}");
        }
    }
}
