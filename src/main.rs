//! The `untrap` program: catch signals, parse, run, exit.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use untrap::cli::{self, Request, Settings, Source};
use untrap::line::{Format, Line};
use untrap::pid_dir::PidDir;
use untrap::plan::Plan;
use untrap::status::{FAILURE, USAGE};
use untrap::sys::signals::Signals;
use untrap::{generate, runtime, verbs};

fn main() -> ExitCode {
    // Before all else: the kernel drops what PID 1 has not prepared for.
    let signals = match Signals::block() {
        Ok(signals) => signals,
        Err(error) => return fail(Format::of_environment(), FAILURE, &format!("can't receive signals: {error}")),
    };
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match verbs::run(&arguments) {
        None => {}
        Some(Ok(text)) => return print(text.as_bytes()),
        Some(Err(error)) => return fail(Format::Text, error.status, &error.to_string()),
    }
    let settings = match cli::parse(&arguments) {
        Ok(Request::Run(settings)) => settings,
        Ok(Request::Generate(page)) => return print(&generate::text(page)),
        Ok(Request::Print(text)) => return print(text.as_bytes()),
        Err(error) => return fail(Format::of_environment(), USAGE, &error.to_string()),
    };
    let format = settings.style.format;
    let prepared = plan(&settings).and_then(|plan| Ok((pid_dir(&settings, &plan)?, plan)));
    let (pid_dir, plan) = match prepared {
        Ok(prepared) => prepared,
        Err(message) => return fail(format, USAGE, &message),
    };
    match runtime::run(plan, settings.rules, settings.style, pid_dir, signals) {
        Ok(status) => ExitCode::from(status),
        Err(runtime::Error::User(error)) => fail(format, USAGE, &error.to_string()),
        Err(runtime::Error::Preparation(error)) => {
            fail(format, FAILURE, &format!("can't prepare to start anything: {error}"))
        }
    }
}

fn pid_dir(settings: &Settings, plan: &Plan) -> Result<Option<PidDir>, String> {
    let names = plan.entries.iter().map(|entry| entry.name.to_string());
    let opened = settings.pid_dir.as_deref().map(|path| PidDir::open(path, names)).transpose();
    opened.map_err(|error| error.to_string())
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
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            fail(Format::Text, FAILURE, &format!("can't print: {error}"))
        }
        _ => ExitCode::SUCCESS,
    }
}

fn fail(format: Format, status: u8, message: &str) -> ExitCode {
    let mut line = Vec::new();
    format.finish(&Line::failure(message), &mut line);
    // Where standard error is closed there is nobody to tell.
    let _ = std::io::stderr().write_all(&line);
    ExitCode::from(status)
}
