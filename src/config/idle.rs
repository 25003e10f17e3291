//! Commands that a shell accepts and that run nothing: the shell exits with 0 at once.

use std::fmt;

use super::name::is_name;
use crate::shell::ShellReason;
use crate::shell::classify::Command;

/// Why a command runs nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Idle {
    /// It ends with `&`.
    Background(String),
    /// It is a comment.
    Comment,
    /// It begins with `:`, which is a command that does nothing. The rest was meant.
    NoName(String),
    /// It only sets variables: the name and the value of the first one.
    Assignment(String, String),
    /// It is `exec` without a program.
    Exec,
}

impl Idle {
    /// Returns why a command runs nothing; `None`: it runs something, or only a shell can tell.
    #[must_use]
    pub fn of(line: &str, command: &Command) -> Option<Self> {
        let line = line.trim();
        if line.starts_with('#') {
            return Some(Self::Comment);
        }
        // With an operator more follows: `: ${PORT:=3000}; exec puma` sets a default.
        if let Some(rest) = line.strip_prefix(": ")
            && !rest.contains([';', '&', '|', '\n'])
        {
            return Some(Self::NoName(rest.trim_start().to_owned()));
        }
        if let Some(rest) = line.strip_suffix('&')
            && !rest.ends_with(['&', '\\', '>', '|'])
            && !line.contains(['#', '\n'])
        {
            return Some(Self::Background(rest.trim_end().to_owned()));
        }
        if *command != Command::Shell(line.to_owned(), ShellReason::NoProgram) {
            return None;
        }
        if line == "exec" {
            return Some(Self::Exec);
        }
        let (name, value) = line.split_once('=')?;
        (!name.contains([' ', ';'])).then(|| Self::Assignment(name.to_owned(), value.to_owned()))
    }
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The arguments of a command may be secret, so only a program without arguments is printed.
        let shown = |command: &str| if command.contains(' ') { "COMMAND".to_owned() } else { command.to_owned() };
        match self {
            Self::Background(command) => write!(
                f,
                "'&' at the end puts the command in the background, and its shell exits at once; write '{}' without it",
                shown(command)
            ),
            Self::Comment => f.write_str("a comment, which runs nothing; write a command, or leave it out"),
            Self::NoName(command) => {
                write!(f, "no name before the colon, and ':' runs nothing; write 'NAME: {}'", shown(command))
            }
            Self::Assignment(name, value) if is_name(name) && !value.is_empty() => write!(
                f,
                "it sets a variable and runs nothing; write '{name}: {}' for a name, or 'VARIABLE=value PROGRAM'",
                shown(value)
            ),
            Self::Assignment(..) => f.write_str("it sets a variable and runs nothing; write 'VARIABLE=value PROGRAM'"),
            Self::Exec => {
                f.write_str("'exec' without a program runs nothing; write 'exec PROGRAM', or the program alone")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(line: &str) -> Option<Idle> {
        Idle::of(line, &Command::read(line).unwrap())
    }

    #[test]
    fn a_command_that_runs_nothing_is_found() {
        let owned = str::to_owned;
        assert_eq!(idle("puma -p 1 &"), Some(Idle::Background(owned("puma -p 1"))));
        assert_eq!(idle("# x"), Some(Idle::Comment));
        assert_eq!(idle(": puma"), Some(Idle::NoName(owned("puma"))));
        assert_eq!(idle("web=puma"), Some(Idle::Assignment(owned("web"), owned("puma"))));
        assert_eq!(idle("A=1 B=2"), Some(Idle::Assignment(owned("A"), owned("1 B=2"))));
        assert_eq!(idle("exec"), Some(Idle::Exec));
    }

    #[test]
    fn a_command_that_runs_something_is_not() {
        for line in [
            "puma",
            "a & wait",
            "a &\nwait",
            "a && b",
            "a \\&",
            "'a &'",
            "a # b &",
            "A=1 puma",
            ":",
            ": ${PORT:=3000}; exec puma",
            ": ; exec puma",
            ": && puma",
            "exec puma",
            "a |&",
            "A=$(b)",
        ] {
            assert_eq!(idle(line), None, "{line}");
        }
    }
}
