//! The `untrap` program: catch signals, parse, run, exit.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use untrap::cli::{self, LaunchOptions, Request, Settings, Source};
use untrap::environment::Environment;
use untrap::launch::Launcher;
use untrap::plan::{self, Plan};
use untrap::status::{FAILURE, USAGE};
use untrap::sys::signals::Signals;
use untrap::{check, envfile, generate, runtime};

fn main() -> ExitCode {
    // Before all else: the kernel drops what PID 1 has not prepared for.
    let signals = match Signals::block() {
        Ok(signals) => signals,
        Err(error) => return fail(FAILURE, &format!("can't receive signals: {error}")),
    };
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match cli::parse(&arguments) {
        Ok(Request::Run(settings)) => run(settings, signals),
        Ok(Request::Check(settings)) => check(&settings),
        Ok(Request::Generate(page)) => print(&generate::text(page)),
        Ok(Request::Print(text)) => print(text.as_bytes()),
        Err(error) => fail(USAGE, &error),
    }
}

fn run(settings: Settings, signals: Signals) -> ExitCode {
    let prepare = || -> Result<_, String> {
        let plan = plan(&settings, &procfile_text(&settings.source)?).map_err(|error| error.to_string())?;
        Ok((plan, launcher(&settings.launch)?))
    };
    let (plan, launcher) = match prepare() {
        Ok(prepared) => prepared,
        Err(message) => return fail(USAGE, &message),
    };
    let programs = match launcher.programs(&plan) {
        Ok(programs) => programs,
        Err(error) => return fail(error.status(), &error),
    };
    match runtime::run(plan, programs, launcher, settings.rules, settings.verbosity, signals) {
        Ok(status) => ExitCode::from(status),
        Err(error) => fail(FAILURE, &format!("can't prepare to start anything: {error}")),
    }
}

fn check(settings: &Settings) -> ExitCode {
    let (text, launcher) =
        match procfile_text(&settings.source).and_then(|text| Ok((text, launcher(&settings.launch)?))) {
            Ok(read) => read,
            Err(message) => return fail(USAGE, &message),
        };
    let plan = match plan(settings, &text) {
        Ok(plan) => plan,
        Err(plan::Error::Procfile { path, errors }) => {
            let _ = std::io::stderr().write_all(check::diagnostics(&path, &text, &errors).as_bytes());
            return fail(USAGE, &format!("{path} can't be used: {} of its lines are wrong", errors.len()));
        }
        Err(error) => return fail(USAGE, &error),
    };
    match check::entries(&plan, &launcher) {
        Ok(text) => print(text.as_bytes()),
        Err(errors) => {
            let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
            fail(USAGE, &messages.join("\nuntrap: "))
        }
    }
}

/// Reads the env files.
fn launcher(options: &LaunchOptions) -> Result<Launcher, String> {
    let mut variables = Vec::new();
    for path in &options.env_files {
        variables.extend(envfile::read(path).map_err(|error| error.to_string())?);
    }
    let hidden: Vec<OsString> = cli::environment_variables().collect();
    let environment = Environment::new(std::env::vars_os(), variables, &hidden);
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
fn procfile_text(source: &Source) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let Source::Procfile { path, .. } = source else { return Ok(bytes) };
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

fn fail(status: u8, message: &(impl Display + ?Sized)) -> ExitCode {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "untrap: {message}");
    ExitCode::from(status)
}
