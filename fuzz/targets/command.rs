//! Parses a command line. A simple command expands to variables and words that give the same result when they are
//! quoted and parsed again. Any other line goes to the shell unchanged, or is an error whose position is right.

#![no_main]

use std::ffi::OsStr;

use libfuzzer_sys::fuzz_target;
use untrap::shell::expand::expand;
use untrap::shell::{classify::Command, parse::CommandError};

/// The variables. A has a value that a shell splits into fields, B a pattern.
fn lookup<'a>(name: &str) -> Option<&'a OsStr> {
    let value = match name {
        "PORT" => "3000",
        "A" => " a  b ",
        "B" => "*",
        "C" => "",
        _ => return None,
    };
    Some(OsStr::new(value))
}

fn quoted(text: &OsStr) -> String {
    format!("'{}' ", text.to_str().expect("the input is UTF-8").replace('\'', "'\\''"))
}

fuzz_target!(|line: &str| {
    match Command::read(line) {
        Ok(command @ Command::Simple(_)) => {
            let name = command.program();
            assert!(!name.is_empty() && !name.contains('/'), "{name}");
            let Command::Simple(simple) = command else { unreachable!() };
            assert_eq!(simple.line, line);
            let Ok(expanded) = expand(&simple, lookup) else { return };
            assert!(!expanded.words.is_empty());
            let assignments =
                expanded.variables.iter().map(|(name, value)| format!("{}={}", name.display(), quoted(value)));
            let cd = expanded.directory.iter().map(|directory| format!("cd {}&& ", quoted(directory)));
            let exec = simple.is_exec.then(|| "exec ".to_owned());
            let words = expanded.words.iter().map(|word| quoted(word));
            let plain: String = cd.chain(assignments).chain(exec).chain(words).collect();
            let Ok(Command::Simple(again)) = Command::read(&plain) else { panic!("a quoted line is not simple: {plain}") };
            assert_eq!(expand(&again, |_| None), Ok(expanded));
        }
        Ok(Command::Shell(unchanged, _)) => assert_eq!(unchanged, line),
        Ok(Command::Program(_)) => panic!("a line is never a literal program"),
        Err(CommandError::Empty) => assert!(line.trim().is_empty()),
        Err(CommandError::Unfinished { character, offset }) => assert_eq!(line.chars().nth(offset), Some(character)),
    }
});
