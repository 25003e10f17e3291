//! A line becomes words, which mean the same when they are quoted and read again; or goes to the shell as it is; or the
//! place of what is wrong is said.

#![no_main]

use libfuzzer_sys::fuzz_target;
use untrap::command::Command;
use untrap::expand::expand;
use untrap::simple::Simple;

fuzz_target!(|line: &str| {
    match Command::read(line) {
        Ok(command) => {
            assert!(!command.program().is_empty() && !command.program().contains('/'));
            match command {
                Command::Shell(unchanged, _) => assert_eq!(unchanged, line),
                Command::Program(_) => unreachable!("a line is no list of words"),
                Command::Simple(simple) => same_when_quoted(&simple),
            }
        }
        Err(error) => assert!(error.offset() <= line.chars().count() && !error.to_string().is_empty()),
    }
});

fn same_when_quoted(simple: &Simple) {
    let Ok(expanded) = expand(simple, |_| None) else { return };
    let words = expanded.words.iter().map(|word| word.to_str().expect("a line is UTF-8"));
    let quoted: Vec<String> = words.map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect();
    match Command::read(&quoted.join(" ")) {
        Ok(Command::Simple(again)) => assert_eq!(expand(&again, |_| None).map(|again| again.words), Ok(expanded.words)),
        other => panic!("words in quotes are {other:?}"),
    }
}
