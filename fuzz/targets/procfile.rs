//! A Procfile is read, or what is wrong with it is said with its place; and what was read means the same again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use untrap::procfile::{self, Line, Position};

fn written(lines: &[Line]) -> String {
    lines.iter().map(|line| format!("{}: {}\n", line.name, line.command)).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let count = bytes.split(|byte| *byte == b'\n').count();
    let is_inside = |position: &Position| (1..=count).contains(&position.line) && position.column >= 1;
    match procfile::parse(bytes) {
        Ok(lines) => {
            assert!(!lines.is_empty(), "an empty file is an error");
            for line in &lines {
                assert!(procfile::is_name(line.name));
                assert!(!line.command.is_empty() && line.command == line.command.trim());
                assert!(!line.command.contains(['\n', '\0', '\r']));
                assert!(is_inside(&line.position));
            }
            let text = written(&lines);
            let again = procfile::parse(text.as_bytes()).expect("what was read can be written");
            assert_eq!(written(&again), text);
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            assert!(errors.iter().all(|error| is_inside(&error.position) && !error.to_string().is_empty()));
            assert!(errors.is_sorted_by_key(|error| error.position.line));
        }
    }
});
