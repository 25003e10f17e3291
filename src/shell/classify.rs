//! Classifies a command line: untrap executes it directly, or a shell executes it.
//!
//! A simple command (words, quotes, leading assignments and plain expansions) is executed directly, so that the leader
//! is the program itself, signals reach it, and the image needs no shell. Any other line goes to sh unchanged, also
//! when in doubt. [`expand`](crate::shell::expand) makes the expansions later, when their values are known.

use std::ffi::OsString;

use super::parse::CommandError;
use crate::shell::ShellReason;
use crate::shell::parse::{NotSimple, Simple};
use crate::shell::program_name;

/// The command of a service or a hook.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// A program, which is looked up in `PATH` unless its name contains a slash, and its arguments, taken literally.
    Program(Vec<OsString>),
    /// A simple command, which untrap parses and executes directly.
    Simple(Simple),
    /// A line that is passed to `sh -c` unchanged, and the reason.
    Shell(String, ShellReason),
}

impl Command {
    /// Parses a command line.
    ///
    /// # Errors
    /// Fails if the line is empty, a quote is not closed, or the last character is a backslash.
    pub fn read(line: &str) -> Result<Self, CommandError> {
        if line.trim().is_empty() {
            return Err(CommandError::Empty);
        }
        match Simple::read(line) {
            Ok(simple) => Ok(Self::Simple(simple)),
            Err(NotSimple::Shell(reason)) => Ok(Self::Shell(line.to_owned(), reason)),
            Err(NotSimple::Invalid(error)) => Err(error),
        }
    }

    /// Returns the name of the program that will run, which names the service; `sh` if only sh can tell the program.
    #[must_use]
    pub fn program(&self) -> String {
        let name = match self {
            Self::Program(words) => program_name::of_words(
                &words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>(),
            ),
            Self::Simple(simple) => program_name::of_simple(&simple.line),
            Self::Shell(line, _) => program_name::of_line(line),
        };
        if name.is_empty() { "sh".to_owned() } else { name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn goes_to_sh(line: &str, expected: ShellReason) {
        match Command::read(line).unwrap() {
            Command::Shell(unchanged, reason) => assert_eq!((unchanged.as_str(), reason), (line, expected)),
            command => panic!("does not go to the shell: {command:?}"),
        }
    }

    #[test]
    fn a_line_with_a_special_character_goes_to_sh_unchanged() {
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
            "x `b`",
            "x \"`b`\"",
            "a\nb",
            "a \"b\\\nc\"",
            "a\u{a0}b",
            "A=x ~/a",
            "A=~ a",
            "%a b",
        ] {
            let is_special = |character: &char| !character.is_ascii_alphanumeric() && !" =\"\\".contains(*character);
            goes_to_sh(line, ShellReason::Character(line.chars().find(is_special).unwrap()));
        }
    }

    #[test]
    fn an_expansion_that_only_sh_makes_goes_to_sh() {
        for line in [
            "x $1",
            "x $@",
            "x $$",
            "x $?",
            "x $!",
            "x $-",
            "x $",
            "x \"$\"",
            "x $(b)",
            "x \"$(echo 'it\"s')\"",
            "x ${A",
            "x ${#A}",
            "x ${A#b}",
            "x ${A:+b}",
            "x ${A:=b}",
            "x ${A:?b}",
            "x ${A:-$B}",
            "x ${A:-'b'}",
            "x ${A:-*}",
            "x ${A:-~}",
            "x ${1}",
            "x ${}",
            "x $é",
            "x $'a'",
            "x ${A:-é}",
        ] {
            goes_to_sh(line, ShellReason::Expansion);
        }
    }

    #[test]
    fn words_and_variables_of_the_shell_go_to_sh() {
        for line in ["echo a", "cd x", ". ./env", "source env", "export A", "if", "test -f a", "'cd' x"] {
            let word = line.split(' ').next().unwrap().trim_matches('\'');
            goes_to_sh(line, ShellReason::Word(word.to_owned()));
        }
        for line in ["exec -a b c", "exec -- a", "exec ''", "PATH=x exec a", "cd b && exec -c a"] {
            goes_to_sh(line, ShellReason::Word("exec".to_owned()));
        }
        goes_to_sh("exec", ShellReason::NoProgram);
        for (line, name) in [("x $PWD", "PWD"), ("IFS=, x", "IFS"), ("A=$BASH_VERSION x", "BASH_VERSION")] {
            goes_to_sh(line, ShellReason::ShellVariable(name.to_owned()));
        }
    }

    #[test]
    fn a_cd_that_is_more_than_a_directory_goes_to_sh() {
        for line in ["cd a b && c", "cd A=1; b", "cd a; cd b", "cd $(a); b"] {
            assert!(matches!(Command::read(line), Ok(Command::Shell(..))), "{line}");
        }
        goes_to_sh("cd a && b | c", ShellReason::Character('|'));
        goes_to_sh("cd a && b && c", ShellReason::Character('&'));
        goes_to_sh("cd a;; b", ShellReason::Character(';'));
        goes_to_sh("cd a; echo b", ShellReason::Word("echo".to_owned()));
        goes_to_sh("cd $OLDPWD; b", ShellReason::ShellVariable("OLDPWD".to_owned()));
        goes_to_sh("cd a;", ShellReason::NoProgram);
    }

    #[test]
    fn assignments_that_only_sh_understands_go_to_sh() {
        goes_to_sh("A=1", ShellReason::NoProgram);
        goes_to_sh("A=1 x $A", ShellReason::AssignedAndExpanded("A".to_owned()));
        goes_to_sh("A=1 B=${A:-2} x", ShellReason::AssignedAndExpanded("A".to_owned()));
        for line in ["1A=1 x", "A+=1 x", "'A'=1 x", "A\\=1 x", "A-B=1 x", "=1 x"] {
            goes_to_sh(line, ShellReason::Character('='));
        }
    }

    #[test]
    fn an_open_quote_is_an_error_with_its_position() {
        let unfinished = |character, offset| Err(CommandError::Unfinished { character, offset });
        assert_eq!(Command::read("a 'b"), unfinished('\'', 2));
        assert_eq!(Command::read("é \"b"), unfinished('"', 2));
        assert_eq!(Command::read("a \\"), unfinished('\\', 2));
        assert_eq!(Command::read("a 'b' \"c'd"), unfinished('"', 6));
        assert_eq!(Command::read("a $B 'c"), unfinished('\'', 5));
        assert_eq!(Command::read("cd é && a 'c"), unfinished('\'', 10));
    }

    #[test]
    fn a_line_without_words_is_an_error() {
        assert_eq!(Command::read(""), Err(CommandError::Empty));
        assert_eq!(Command::read(" \t"), Err(CommandError::Empty));
    }
}
