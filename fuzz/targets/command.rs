//! A line becomes words, which mean the same when they are quoted and read again; or goes to the shell as it is; or the
//! place of what is wrong is said.

#![no_main]

use std::ffi::OsStr;

use libfuzzer_sys::fuzz_target;
use untrap::command::Command;
use untrap::expand::expand;

/// Some variables are set; one of them to what a shell would split, one to a pattern.
fn lookup(name: &str) -> Option<&'static OsStr> {
    let value = match name {
        "PORT" => "3000",
        "A" => " a  b ",
        "B" => "*",
        "C" => "",
        _ => return None,
    };
    Some(OsStr::new(value))
}

fuzz_target!(|line: &str| {
    match Command::read(line) {
        Ok(Command::Simple(simple)) => {
            assert_eq!(simple.line, line);
            let Ok(expanded) = expand(&simple, |name| lookup(name)) else { return };
            let Some(words) = expanded.words.iter().map(|word| word.to_str()).collect::<Option<Vec<_>>>() else { return };
            assert!(!words.is_empty());
            let quoted: Vec<String> = words.iter().map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect();
            if let Ok(Command::Simple(again)) = Command::read(&quoted.join(" ")) {
                assert_eq!(expand(&again, |name| lookup(name)).map(|expanded| expanded.words).ok(), Some(expanded.words));
            }
        }
        Ok(Command::Shell(unchanged, _)) => assert_eq!(unchanged, line),
        Ok(Command::Program(_)) => panic!("a line is read, not taken as it is"),
        Err(error) => assert!(error.offset() <= line.chars().count() && !error.to_string().is_empty()),
    }
});
