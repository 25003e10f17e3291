//! Parses an env file. Its variables stay the same when they are written and parsed again, and an error names the first
//! bad line.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use untrap::config::env_file::{self, EnvFileError};
use untrap::sys::environment::Variable;

fn parse(bytes: &[u8]) -> Result<Vec<Variable>, EnvFileError> {
    env_file::parse(Path::new(".env"), bytes)
}

fn written(variables: &[Variable]) -> String {
    let mut text = String::new();
    for (name, value) in variables {
        let (name, value) = (name.to_str().expect("the input is UTF-8"), value.to_str().expect("the input is UTF-8"));
        let value: String =
            value.chars().flat_map(|c| ['\\', c].into_iter().skip(usize::from(!"\\\"$".contains(c)))).collect();
        text += &format!("{name}=\"{value}\"\n");
    }
    text
}

/// The expected variable of a line without quotes or expansions.
fn easy(line: &str) -> Option<(&str, &str)> {
    let (definition, _) = line.split_once(" #").unwrap_or((line, ""));
    let (name, value) = definition.trim_matches([' ', '\t']).split_once('=')?;
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_plain(name) && name.starts_with(|first: char| first.is_ascii_alphabetic()) && is_plain(value))
        .then_some((name, value))
}

fuzz_target!(|bytes: &[u8]| {
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for line in &lines {
        if let Ok(text) = str::from_utf8(line)
            && let Some((name, value)) = easy(text.strip_suffix('\n').unwrap_or(text))
        {
            assert_eq!(parse(line).ok(), Some(vec![(name.into(), value.into())]), "{text:?}");
        }
    }
    match parse(bytes) {
        Ok(variables) => {
            assert!(variables.iter().all(|(name, value)| !name.is_empty() && !value.as_encoded_bytes().contains(&0)));
            assert_eq!(parse(written(&variables).as_bytes()).ok(), Some(variables));
        }
        Err(EnvFileError::Line { line, .. }) => {
            let (before, from_there) = lines.split_at(line - 1);
            assert!(parse(&before.concat()).is_ok(), "line {line} is the first that is bad");
            let from_there = [b"\n", &from_there.concat()[..]].concat();
            assert!(matches!(parse(&from_there), Err(EnvFileError::Line { line: 2, .. })), "line {line} is bad");
        }
        Err(error) => assert!(str::from_utf8(bytes).is_err(), "{error}"),
    }
});
