//! The `untrap` program: block signals, parse, run, exit.
//!
//! The C library calls us, not the Rust runtime, which would make twenty system calls first and read
//! `/proc/self/maps` for a message about stack overflows. What we need of what it does is in [`untrap::sys`]: SIGPIPE is
//! blocked with the other signals, and descriptors 0, 1 and 2 are open.
#![no_main]

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{Read, Write};
use std::path::Path;

use untrap::cli::{self, LaunchOptions, Request, Settings, Source};
use untrap::environment::Environment;
use untrap::launch::Launcher;
use untrap::line::{Format, Line};
use untrap::pid_dir::PidDir;
use untrap::plan::{self, Plan};
use untrap::status::{FAILURE, USAGE};
use untrap::sys;
use untrap::sys::descriptors::open_standard;
use untrap::sys::signals::Signals;
use untrap::{check, envfile, generate, runtime, verbs};

/// Why nothing was started: the exit status, and what the user is told.
struct Failure(u8, String);

impl Failure {
    fn usage(error: &impl Display) -> Self {
        Self(USAGE, error.to_string())
    }
}

untrap::c_main!(respond);

/// Does what the arguments ask for, and gives the exit status.
fn respond(arguments: Vec<OsString>) -> u8 {
    open_standard();
    // Before anything can take time: the kernel drops what PID 1 has not prepared for.
    let signals = match Signals::block() {
        Ok(signals) => signals,
        Err(error) => return fail(Format::of_environment(), FAILURE, &format!("can't receive signals: {error}")),
    };
    match verbs::run(&arguments) {
        None => {}
        Some(Ok(text)) => return print(text.as_bytes()),
        Some(Err(error)) => return fail(Format::Text, error.status, &error.to_string()),
    }
    let request = cli::parse(&arguments);
    // A run may last for years, and needs them no more.
    drop(arguments);
    match request {
        Ok(Request::Run(settings)) => {
            let format = settings.style.format;
            run(*settings, signals).unwrap_or_else(|Failure(status, message)| fail(format, status, &message))
        }
        Ok(Request::Check(settings)) => {
            check(&settings).unwrap_or_else(|Failure(status, message)| fail(Format::Text, status, &message))
        }
        Ok(Request::Generate(page)) => print(generate::text(page).as_bytes()),
        Ok(Request::Print(text)) => print(text.as_bytes()),
        Err(error) => fail(Format::of_environment(), USAGE, &error.to_string()),
    }
}

fn run(settings: Settings, signals: Signals) -> Result<u8, Failure> {
    let plan = plan(&settings, &procfile_text(&settings.source)?).map_err(|error| Failure::usage(&error))?;
    let launcher = launcher(&settings.launch)?;
    let works = launcher.works(&plan).map_err(|error| Failure(error.status(), error.to_string()))?;
    drop(settings.source);
    let names = plan.entries.iter().map(|entry| entry.name.to_string());
    let pid_dir = settings.pid_dir.as_deref().map(|path| PidDir::open(path, names)).transpose();
    let pid_dir = pid_dir.map_err(|error| Failure::usage(&error))?;
    let status = runtime::run(plan, works, launcher, settings.rules, settings.style, pid_dir, signals);
    status.map_err(|error| Failure(FAILURE, format!("can't prepare to start anything: {error}")))
}

fn check(settings: &Settings) -> Result<u8, Failure> {
    let text = procfile_text(&settings.source)?;
    let launcher = launcher(&settings.launch)?;
    let plan = match plan(settings, &text) {
        Ok(plan) => plan,
        Err(plan::Error::Procfile { path, errors }) => {
            let _ = std::io::stderr().write_all(check::diagnostics(&path, &text, &errors).as_bytes());
            let message = format!("{path} can't be used: {} of its lines are wrong", errors.len());
            return Err(Failure(USAGE, message));
        }
        Err(error) => return Err(Failure::usage(&error)),
    };
    match check::plan(&plan, &launcher) {
        Ok(text) => Ok(print(text.as_bytes())),
        Err(errors) => {
            let (last, others) = errors.split_last().expect("there is an error");
            for error in others {
                fail(Format::Text, USAGE, &error.to_string());
            }
            Err(Failure::usage(last))
        }
    }
}

/// Reads the env files.
fn launcher(options: &LaunchOptions) -> Result<Launcher, Failure> {
    let mut variables = Vec::new();
    for path in &options.env_files {
        variables.extend(envfile::read(path).map_err(|error| Failure::usage(&error))?);
    }
    let hidden: Vec<&str> = cli::environment_variables().collect();
    let environment = Environment::new(sys::environment(), variables, &hidden);
    Ok(Launcher { environment, shell: options.shell.clone(), port: options.port })
}

fn plan(settings: &Settings, text: &[u8]) -> Result<Plan, plan::Error> {
    let options = &settings.options;
    match &settings.source {
        Source::Program(words) => Plan::from_program(words.clone(), options),
        Source::Arguments(arguments) => Plan::from_arguments(arguments, options),
        Source::Procfile { path, formation } => Plan::from_procfile(path, text, formation, options),
    }
}

/// The text of the Procfile; nothing where there is none to read.
fn procfile_text(source: &Source) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let Source::Procfile { path, .. } = source else { return Ok(bytes) };
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.map_err(|error| {
        let path = path.display();
        Failure(USAGE, format!("can't read {path}: {error}; give commands, or a Procfile with -f, see 'untrap --help'"))
    })
}

/// Prints to standard output, where a reader that has seen enough (`| head`) is no failure.
fn print(text: &[u8]) -> u8 {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            fail(Format::Text, FAILURE, &format!("can't print: {error}"))
        }
        _ => 0,
    }
}

fn fail(format: Format, status: u8, message: &str) -> u8 {
    let mut line = Vec::new();
    format.finish(&Line::failure(message), &mut line);
    // Where standard error is closed there is nobody to tell.
    let _ = std::io::stderr().write_all(&line);
    status
}
