//! A line becomes variables and words, which mean the same when they are quoted and read again; or goes to the shell as it is;
//! or the place of what is wrong is said.

#![no_main]

use std::ffi::OsStr;

use libfuzzer_sys::fuzz_target;
use untrap::shell::expand::expand;
use untrap::shell::{classify::Command, parse::CommandError};

/// Some variables are set; one of them to what a shell would split, one to a pattern.
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
    format!("'{}' ", text.to_str().expect("it was text").replace('\'', "'\\''"))
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
            let plain: String = assignments.chain(expanded.words.iter().map(|word| quoted(word))).collect();
            let Ok(Command::Simple(again)) = Command::read(&plain) else { panic!("quotes hide all: {plain}") };
            assert_eq!(expand(&again, |_| None), Ok(expanded));
        }
        Ok(Command::Shell(unchanged, _)) => assert_eq!(unchanged, line),
        Ok(Command::Program(_)) => panic!("a line is read, not taken as it is"),
        Err(CommandError::Empty) => assert!(line.trim().is_empty()),
        Err(CommandError::Unfinished { character, offset }) => assert_eq!(line.chars().nth(offset), Some(character)),
    }
});
