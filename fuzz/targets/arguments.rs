//! Whole command lines, one argument a line: from arguments to a plan, or to one message.

#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use untrap::cli::{self, Request, Source};
use untrap::plan::Plan;

const PROCFILE: &[u8] = b"web: puma -p $PORT\nworker: sidekiq -C 'a b'\n";

/// So many of a type are no mistake of ours, only slow.
const MANY: usize = 4;

fuzz_target!(|bytes: &[u8]| {
    let given = bytes.split(|byte| *byte == b'\n').map(|argument| OsString::from_vec(argument.to_vec()));
    let arguments: Vec<OsString> = std::iter::once("untrap".into()).chain(given).collect();
    let settings = match cli::parse(&arguments) {
        Ok(Request::Run(settings)) => settings,
        Ok(_) => return,
        Err(error) => return assert!(!error.to_string().trim().is_empty()),
    };
    let options = &settings.options;
    let plan = match &settings.source {
        Source::Program(words) => Plan::from_program(words.clone(), options),
        Source::Arguments(arguments) => Plan::from_arguments(arguments, options),
        Source::Procfile { formation, .. } => {
            if formation.iter().any(|word| word.split_once('=').is_some_and(|(_, count)| count.len() > MANY)) {
                return;
            }
            Plan::from_procfile(Path::new("Procfile"), PROCFILE, formation, options)
        }
    };
    match plan {
        Ok(plan) => assert!(!plan.entries.is_empty()),
        Err(error) => assert!(!error.to_string().contains('\n'), "a message is one line"),
    }
});
