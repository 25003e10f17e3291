//! An env file gives its variables, or the place of the first line that is none.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use untrap::envfile::{self, Error};

fuzz_target!(|bytes: &[u8]| {
    let count = bytes.split(|byte| *byte == b'\n').count();
    match envfile::parse(Path::new(".env"), bytes) {
        Ok(variables) => assert!(variables.iter().all(|(name, _)| !name.is_empty())),
        Err(Error::Line { line, .. }) => assert!((1..=count).contains(&line), "line {line} of {count}"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
