//! Real Procfiles must give the same as with foreman and honcho; awkward ones must be accepted or refused as
//! documented.

#[path = "support/mod.rs"]
mod support;

use std::path::Path;

use serde_json::Value;
use untrap::config::procfile::{ProcfileError, parse};

type Pairs = Vec<(String, String)>;

fn read(text: &[u8]) -> Result<Pairs, Vec<ProcfileError>> {
    let lines = parse(text)?;
    Ok(lines.iter().map(|line| (line.name.to_owned(), line.command.to_owned())).collect())
}

/// The pairs of one file in `real.json`; `None` if foreman and honcho refuse the file.
fn pairs(value: &Value) -> Option<Pairs> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    // foreman and honcho keep trailing blanks, which have no effect in a shell.
    Some(value.as_array()?.iter().map(|pair| (text(&pair[0]), text(&pair[1]).trim_end().to_owned())).collect())
}

#[test]
fn real_procfiles_are_read_as_foreman_and_honcho_read_them() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/procfiles");
    let Ok(known) = std::fs::read(directory.join("real.json")) else {
        return support::skip("../shared/procfiles does not exist");
    };
    let known: serde_json::Map<String, Value> = serde_json::from_slice(&known).unwrap();
    assert_eq!(known.len(), 62);
    let mut refused = Vec::new();
    for (file, known) in &known {
        let text = std::fs::read(directory.join("real").join(file)).unwrap();
        match read(&text) {
            Ok(pairs) => assert_eq!(Some(pairs), self::pairs(known), "{file}"),
            Err(errors) => refused.push(format!("{file}:{}", errors[0])),
        }
    }
    let no_colon = "no colon; write 'NAME: COMMAND', each on one line, or '#' before a comment";
    // honcho refuses the first file too. Neither runs anything from the second one.
    let expected = ["026-malika65-booking-system.Procfile:2:1", "066-ddollar-foreman-without_colon.Procfile:1:1"];
    let expected = expected.map(|place| format!("{place}: {no_colon}"));
    assert_eq!(refused, expected);
}

/// The expected result of a case: its process types and commands, or the positions of its errors.
type Expected = Result<&'static [(&'static str, &'static str)], &'static [&'static str]>;

const HI: Expected = Ok(&[("web", "echo hi")]);
const HI_AND_OK: Expected = Ok(&[("web", "echo hi"), ("ok", "echo ok")]);
const HI_AND_WORKER: Expected = Ok(&[("web", "echo hi"), ("worker", "echo w")]);

const CASES: &[(&str, Expected)] = &[
    ("01-basic", HI_AND_WORKER),
    ("02-no-space", HI),
    ("03-tab-after-colon", HI),
    ("04-space-before-colon", Err(&["1:4"])),
    ("05-leading-space", HI_AND_OK),
    ("06-leading-tab", HI_AND_OK),
    ("07-comment", Ok(&[("web", "echo hi # trailing")])),
    ("08-blank-lines", HI_AND_WORKER),
    ("09-crlf", HI_AND_WORKER),
    ("10-cr-only", Err(&["1:13"])),
    ("11-bom", HI_AND_WORKER),
    ("12-dup", Err(&["2:1"])),
    // A backslash does not join lines. Other programs keep it in the command and drop the next line.
    ("13-continuation", Err(&["1:13", "2:3"])),
    ("14-empty-cmd", Err(&["1:5"])),
    ("15-empty-cmd-spaces", Err(&["1:5"])),
    ("16-trailing-space", HI),
    ("17-underscore", Ok(&[("my_web", "echo hi")])),
    ("18-dash", Ok(&[("my-web", "echo hi"), ("-lead", "echo l"), ("tail-", "echo t")])),
    ("19-dot", Err(&["1:3"])),
    ("20-upper", Ok(&[("Web", "echo hi"), ("web", "echo lo")])),
    ("21-digit-first", Ok(&[("1web", "echo hi"), ("123", "echo n")])),
    ("22-unicode-name", Err(&["1:2"])),
    ("23-unicode-cmd", Ok(&[("web", "echo \"héllo ☃ 日本\"")])),
    ("24-no-colon", Err(&["1:1"])),
    ("25-garbage-line", Err(&["1:1"])),
    ("26-no-final-newline", HI),
    ("27-empty-file", Err(&["1:1"])),
    ("28-only-comments", Err(&["1:1"])),
    ("29-name-64", Err(&["1:1"])),
    ("30-colon-in-cmd", Ok(&[("web", "echo a:b:c http://x:80/")])),
    ("31-invalid-utf8", Err(&["1:11"])),
    ("32-utf16", Err(&["1:1", "2:1"])),
    ("33-nul", Err(&["1:12"])),
    // These characters are not line ends. foreman and honcho differ from each other here.
    ("34-vt-ff", Ok(&[("web", "echo a\u{b}worker: echo b\u{c}third: echo c")])),
    ("35-nel-ls", Ok(&[("web", "echo a\u{2028}b: echo c\u{85}d: echo e")])),
    ("36-merge-conflict", Err(&["1:1", "3:1", "5:1"])),
    ("37-dup-after-other", Err(&["3:1"])),
    // A process type `http`, also in foreman and honcho.
    ("38-url-line", Ok(&[("http", "//example.com/"), ("ok", "echo ok")])),
    ("39-nbsp-after-colon", HI),
    ("40-release-web", Ok(&[("release", "echo rel"), ("web", "echo web")])),
    ("41-hash-cmd", Ok(&[("web", "# just comment"), ("ok", "echo ok")])),
    ("43-yaml-quoted-cmd", Ok(&[("web", "\"echo hi\"")])),
];

#[test]
fn awkward_procfiles_are_accepted_or_refused_as_documented() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/procfiles/cases");
    let read = |case: &str| read(&std::fs::read(directory.join(case)).unwrap());
    for (case, expected) in CASES {
        let places = |errors: Vec<ProcfileError>| -> Vec<String> {
            errors.iter().map(|error| error.position.to_string()).collect()
        };
        let owned = |(name, command): &(&str, &str)| ((*name).to_owned(), (*command).to_owned());
        let expected: Result<Pairs, Vec<String>> = match expected {
            Ok(pairs) => Ok(pairs.iter().map(owned).collect()),
            Err(places) => Err(places.iter().map(|place| (*place).to_owned()).collect()),
        };
        assert_eq!(read(case).map_err(places), expected, "{case}");
    }
    let long = &read("42-longline").unwrap()[0];
    assert_eq!((long.0.as_str(), long.1.trim_end_matches('x')), ("web", "echo "));
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), CASES.len() + 1, "a case is missing from the table");
}
