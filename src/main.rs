//! The `untrap` program: catch signals, parse, run, exit.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use untrap::cli::{self, Request, Settings, Source};
use untrap::plan::Plan;
use untrap::status::{FAILURE, USAGE};
use untrap::sys::signals::Signals;
use untrap::{generate, runtime};

fn main() -> ExitCode {
    // Before all else: the kernel drops what PID 1 has not prepared for.
    let signals = match Signals::block() {
        Ok(signals) => signals,
        Err(error) => return fail(FAILURE, &format!("can't receive signals: {error}")),
    };
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let settings = match cli::parse(&arguments) {
        Ok(Request::Run(settings)) => settings,
        Ok(Request::Generate(page)) => return print(&generate::text(page)),
        Ok(Request::Print(text)) => return print(text.as_bytes()),
        Err(error) => return fail(USAGE, &error.to_string()),
    };
    let plan = match plan(&settings) {
        Ok(plan) => plan,
        Err(message) => return fail(USAGE, &message),
    };
    match runtime::run(plan, settings.rules, settings.output, settings.verbosity, signals) {
        Ok(status) => ExitCode::from(status),
        Err(error) => fail(FAILURE, &format!("can't prepare to start anything: {error}")),
    }
}

fn plan(settings: &Settings) -> Result<Plan, String> {
    let options = &settings.options;
    let plan = match &settings.source {
        Source::Program(words) => Plan::from_program(words.clone(), options),
        Source::Arguments(arguments) => Plan::from_arguments(arguments, options),
        Source::Procfile { path, formation } => Plan::from_procfile(path, &read_procfile(path)?, formation, options),
    };
    plan.map_err(|error| error.to_string())
}

fn read_procfile(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.map_err(|error| {
        let path = path.display();
        format!("can't read {path}: {error}; give commands, or a Procfile with -f, see 'untrap --help'")
    })
}

/// Prints to standard output, where a reader that has seen enough (`| head`) is no failure.
fn print(text: &[u8]) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => fail(FAILURE, &format!("can't print: {error}")),
        _ => ExitCode::SUCCESS,
    }
}

fn fail(status: u8, message: &str) -> ExitCode {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "untrap: {message}");
    ExitCode::from(status)
}
