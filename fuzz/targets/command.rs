//! A line becomes words, which mean the same when they are quoted and read again; or goes to the shell as it is; or the
//! place of what is wrong is said.

#![no_main]

use std::ffi::OsString;

use libfuzzer_sys::fuzz_target;
use untrap::command::Command;

fuzz_target!(|line: &str| {
    match Command::read(line) {
        Ok(command) => {
            assert!(!command.program().is_empty() && !command.program().contains('/'));
            let direct = command.program_path().is_some();
            let words = command.clone().into_words("/bin/sh");
            if !direct {
                assert_eq!(words, ["/bin/sh", "-c", line].map(OsString::from));
                return;
            }
            let words = words.into_iter().map(|word| word.into_string().expect("a line is UTF-8"));
            let quoted: Vec<String> = words.map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect();
            assert_eq!(Command::read(&quoted.join(" ")), Ok(command));
        }
        Err(error) => assert!(error.offset() <= line.chars().count() && !error.to_string().is_empty()),
    }
});
