//! Prints its arguments, including its name, and its environment as two lists on one line.

use std::collections::BTreeMap;
use std::io::Write;

/// Variables that shells set and export themselves. They are not printed.
const SHELLS_OWN: &[&str] = &["PATH", "PWD", "OLDPWD", "SHLVL", "_"];

fn main() {
    let arguments: Vec<_> = std::env::args_os().collect();
    let is_shells_own = |name: &std::ffi::OsString| SHELLS_OWN.iter().any(|own| name == own);
    let environment: BTreeMap<_, _> = std::env::vars_os().filter(|(name, _)| !is_shells_own(name)).collect();
    // In one call, because other processes may write too.
    std::io::stdout().write_all(format!("{arguments:?} {environment:?}\n").as_bytes()).unwrap();
}
