//! Parses an env file. Its variables stay the same when they are written and parsed again, a plain line keeps its text,
//! and an error names the first bad line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use untrap::config::bounded;
use untrap::config::env_file::{self, EnvFileError, EnvFileErrorKind, Outside};
use untrap::config::variables::Variables;
use untrap::sys::environment::Variable;

fn parse(bytes: &[u8]) -> Result<Vec<Variable>, EnvFileError> {
    let mut variables = Variables::default();
    let outside = Outside { environment: &Variables::default(), below: None };
    let notes = env_file::parse(bytes, outside, &mut variables)?;
    assert!(notes.iter().all(|note| !note.to_string().contains('\n')), "a note is one line");
    Ok(variables.into_list([]))
}

fn written(variables: &[Variable]) -> String {
    // The empty line separates a name that begins with U+FEFF from the start of the file.
    let mut text = "\n".to_owned();
    for (name, value) in variables {
        let (name, value) = (name.to_str().expect("the input is UTF-8"), value.to_str().expect("the input is UTF-8"));
        let value: String =
            value.chars().flat_map(|c| ['\\', c].into_iter().skip(usize::from(!"\\\"$".contains(c)))).collect();
        text += &format!("{name}=\"{}\"\n", value.replace('\r', "\\r"));
    }
    text
}

/// The expected variable of a line whose value is its text.
fn plain(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let value = value.trim_matches([' ', '\t']);
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_text = !value.contains(['#', '\0', '\r']) && !value.contains("${") && !value.starts_with(['\'', '"']);
    (is_plain(name) && !name.is_empty() && is_text).then_some((name, value))
}

fuzz_target!(|bytes: &[u8]| {
    // Only the first line can begin with a byte order mark, and the file is parsed in parts.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for line in &lines {
        if let Ok(text) = str::from_utf8(line)
            && let Some((name, value)) = plain(text.strip_suffix('\n').unwrap_or(text))
        {
            assert_eq!(parse(line).ok(), Some(vec![(name.into(), value.into())]), "{text:?}");
        }
    }
    match parse(bytes) {
        Ok(variables) => {
            assert!(variables.iter().all(|(name, value)| !name.is_empty() && !value.as_encoded_bytes().contains(&0)));
            let size: usize = variables.iter().map(|(_, value)| value.len()).sum();
            assert!(size as u64 <= bounded::ENV_FILE + bytes.len() as u64, "expansions are limited");
            assert_eq!(parse(written(&variables).as_bytes()).ok(), Some(variables));
        }
        Err(error) => {
            let EnvFileError { position, kind } = error;
            assert!(position.line <= lines.len() && position.column > 0 && !error.to_string().contains('\n'));
            match kind {
                EnvFileErrorKind::NotUtf8 => assert!(str::from_utf8(bytes).is_err()),
                EnvFileErrorKind::Nul => assert!(bytes.contains(&0)),
                EnvFileErrorKind::TextAfterQuote
                | EnvFileErrorKind::NestedExpansion
                | EnvFileErrorKind::LargeExpansion => {}
                EnvFileErrorKind::NoName
                | EnvFileErrorKind::BlankInName
                | EnvFileErrorKind::NameCharacter(_)
                | EnvFileErrorKind::OpenQuote(_) => {
                    let (before, from_there) = lines.split_at(position.line - 1);
                    assert!(parse(&before.concat()).is_ok(), "line {} is the first that is bad", position.line);
                    let from_there = parse(&[b"\n", &from_there.concat()[..]].concat());
                    assert!(from_there.is_err_and(|error| error.position.line == 2), "line {} is bad", position.line);
                }
            }
        }
    }
});
