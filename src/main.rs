//! The `untrap` program: catch signals, parse, run, exit.
//!
//! The C library calls `main` below, not the Rust runtime, which would make twenty system calls first and read
//! `/proc/self/maps` for a message about stack overflows. What we need of what it does is in [`untrap::sys`]: SIGPIPE is
//! blocked with the other signals, and descriptors 0, 1 and 2 are open.
#![no_main]

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::Path;

use untrap::cli::{self, Request, Settings, Source};
use untrap::plan::Plan;
use untrap::status::{FAILURE, USAGE};
use untrap::sys::descriptors::open_standard;
use untrap::sys::signals::Signals;
use untrap::{generate, runtime};

#[allow(unsafe_code, reason = "the name is the C library's, and there is no other main")]
#[unsafe(no_mangle)]
extern "C" fn main(_count: i32, _arguments: *const *const std::ffi::c_char) -> i32 {
    run().into()
}

fn run() -> u8 {
    open_standard();
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
    match runtime::run(plan, settings.rules, settings.verbosity, signals) {
        Ok(status) => status,
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
fn print(text: &[u8]) -> u8 {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => fail(FAILURE, &format!("can't print: {error}")),
        _ => 0,
    }
}

fn fail(status: u8, message: &str) -> u8 {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "untrap: {message}");
    status
}
