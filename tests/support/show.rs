//! A program for the tests: prints its arguments, its name first, and its environment, as two lists in one line.

use std::collections::BTreeMap;
use std::io::Write;

/// Variables that shells set for their own use, and pass on: left out.
const SHELLS_OWN: &[&str] = &["PATH", "PWD", "OLDPWD", "SHLVL", "_"];

fn main() {
    let arguments: Vec<_> = std::env::args_os().collect();
    let is_shells_own = |name: &std::ffi::OsString| SHELLS_OWN.iter().any(|own| name == own);
    let environment: BTreeMap<_, _> = std::env::vars_os().filter(|(name, _)| !is_shells_own(name)).collect();
    // As a whole: others may write too.
    std::io::stdout().write_all(format!("{arguments:?} {environment:?}\n").as_bytes()).unwrap();
}
