//! Parses a Procfile. No line is skipped, every error has a position inside the file, and a parsed Procfile that is
//! written and parsed again stays the same.

#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use untrap::cli::check::diagnostics;
use untrap::config::procfile::{self, Position, ProcfileLine};

fn written(lines: &[ProcfileLine]) -> String {
    lines.iter().map(|line| format!("{}: {}\n", line.name, line.command)).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let rows: Vec<_> = text.split(|byte| *byte == b'\n').map(String::from_utf8_lossy).collect();
    // A missing command has the position just past the end of its line.
    let is_inside = |Position { line, column }| (1..=rows[line - 1].chars().count() + 1).contains(&column);
    let has_content = |row: &&Cow<str>| !row.trim().is_empty() && !row.trim().starts_with('#');
    match procfile::parse(bytes) {
        Ok(lines) => {
            assert!(!lines.is_empty(), "an empty file is an error");
            assert_eq!(lines.len(), rows.iter().filter(has_content).count(), "no line is skipped");
            for line in &lines {
                assert!(untrap::config::name::is_name(line.name));
                assert!(!line.command.is_empty() && line.command == line.command.trim());
                assert!(!line.command.contains(['\n', '\0', '\r']));
                let Position { line: number, column } = line.position;
                let from_there: String = rows[number - 1].chars().skip(column - 1).collect();
                assert!(from_there.starts_with(line.command), "the command is not at {}", line.position);
            }
            let text = written(&lines);
            let again = procfile::parse(text.as_bytes()).expect("a written Procfile is valid");
            assert_eq!(written(&again), text);
            assert!(lines.iter().map(|line| &line.read).eq(again.iter().map(|line| &line.read)));
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            assert!(errors.iter().all(|error| is_inside(error.position)));
            assert!(errors.is_sorted_by_key(|error| error.position.line));
            let shown = diagnostics("Procfile", bytes, &errors);
            assert_eq!(shown.lines().count(), 3 * errors.len(), "message, line and caret: {shown}");
        }
    }
});
