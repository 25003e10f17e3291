//! Prints its arguments, including its name, its environment, its working directory and its umask on one line. Exits with
//! N if an argument is `exit=N`.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

/// Variables that shells set and export themselves. They are not printed.
const SHELLS_OWN: &[&str] = &["PATH", "SHLVL", "_"];

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let mut environment: BTreeMap<_, _> = std::env::vars_os().collect();
    environment.retain(|name, _| SHELLS_OWN.iter().all(|own| name != own));
    // Some shells export PWD also if the directory has not been changed.
    if !environment.contains_key("OLDPWD".as_ref() as &std::ffi::OsStr) {
        environment.remove("PWD".as_ref() as &std::ffi::OsStr);
    }
    let directory = std::env::current_dir().unwrap();
    let directory = directory.display();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let umask = status.lines().find_map(|line| line.strip_prefix("Umask:\t")).unwrap_or_default();
    // In one call, because other processes may write too.
    let line = format!("{arguments:?} {environment:?} {directory} {umask}\n");
    std::io::stdout().write_all(line.as_bytes()).unwrap();
    let exit = arguments.iter().find_map(|argument| argument.to_str()?.strip_prefix("exit=")?.parse().ok());
    ExitCode::from(exit.unwrap_or(0))
}
