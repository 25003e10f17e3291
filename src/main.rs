//! The `untrap` program: block signals, parse, run, exit.
#![no_main]

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io::Write;
use std::path::Path;

use untrap::cli::advice;
use untrap::cli::advice::one_program::{Found, ProgramForm};
use untrap::cli::running::VerbError;
use untrap::cli::{self, Request, Settings, Source, check, generate};
use untrap::config::bounded;
use untrap::config::environment::{FileNote, ServiceVariables};
use untrap::config::plan::{Plan, PlanError};
use untrap::exit_status::{INTERNAL_ERROR, USAGE};
use untrap::log::line::{LogFormat, LogLine};
use untrap::log::remedy;
use untrap::pid_dir::PidDir;
use untrap::runtime::launch::ExecContext;
use untrap::runtime::{self, RunInput};
use untrap::sys;
use untrap::sys::descriptors::open_standard;
use untrap::sys::environment::Environment;
use untrap::sys::programs;
use untrap::sys::signalfd::Signals;

/// An error before the first start: exit status and message.
struct StartError(u8, String);

impl StartError {
    fn usage(error: &impl Display) -> Self {
        Self(USAGE, error.to_string())
    }
}

untrap::c_main!(respond);

/// Carries out the command line and returns the exit status.
fn respond(arguments: Vec<OsString>) -> u8 {
    open_standard();
    // Block signals first: the kernel drops signals that PID 1 does not handle.
    let signals = match Signals::block() {
        Ok(signals) => signals,
        Err(error) => {
            return fail(cli::log_format_of_environment(), INTERNAL_ERROR, &format!("can't receive signals: {error}"));
        }
    };
    let request = cli::parse(&arguments);
    // Free the arguments: a run may last for years and does not use them.
    drop(arguments);
    match request {
        Ok(Request::Run(settings)) => {
            let format = settings.log.format;
            run(*settings, signals).unwrap_or_else(|StartError(status, message)| fail(format, status, &message))
        }
        Ok(Request::Check(settings)) => signals.interruptible(|| {
            check(&settings).unwrap_or_else(|StartError(status, message)| fail(LogFormat::Text, status, &message))
        }),
        Ok(Request::Ps(ps)) => signals.interruptible(|| finish(ps.run())),
        Ok(Request::Signal(signal)) => signals.interruptible(|| finish(signal.run())),
        Ok(Request::Generate(page)) => signals.interruptible(|| print(generate::text(page).as_bytes())),
        Ok(Request::Print(text)) => signals.interruptible(|| print(text.as_bytes())),
        Err(error) => fail(error.format, USAGE, &error.to_string()),
    }
}

fn run(settings: Settings, signals: Signals) -> Result<u8, StartError> {
    let read = || Ok((procfile_text(&settings.source)?, exec_context(&settings)?));
    let has_files = matches!(settings.source, Source::Procfile { .. }) || settings.options.environment.has_files();
    let (text, (exec_context, notes)) = if has_files { signals.interruptible(read)? } else { read()? };
    refuse_one_program(&settings, &exec_context)?;
    let plan = plan(&settings, &text).map_err(|error| StartError::usage(&error))?;
    if let Some(value) = plan.not_active.first() {
        let message = format!("{value}: a run cannot apply a value with a NAME yet; leave out the NAME, or the option");
        return Err(StartError(USAGE, message));
    }
    let not_found_hint = settings.program_form.as_ref().map(ProgramForm::hint);
    let runnables = exec_context.runnables(&plan).map_err(|error| {
        let hint = not_found_hint.as_deref().filter(|_| error.is_not_found_after_the_first()).unwrap_or_default();
        StartError(error.status(), format!("{error}{hint}"))
    })?;
    drop(settings.source);
    let names = plan.services.iter().map(|service| service.name.to_string());
    let pid_dir = settings.pid_dir.as_deref().map(|path| PidDir::open(path, names)).transpose();
    let pid_dir = pid_dir.map_err(|error| StartError::usage(&error))?;
    let Settings { rules, log, output, .. } = settings;
    let warnings = advice::warnings();
    let input = RunInput {
        warnings,
        not_found_hint,
        plan,
        runnables,
        exec_context,
        rules,
        notes,
        log,
        output,
        pid_dir,
        signals,
    };
    let status = runtime::run(input);
    status.map_err(|error| StartError(INTERNAL_ERROR, format!("can't prepare the start: {error}{}", remedy(&error))))
}

fn check(settings: &Settings) -> Result<u8, StartError> {
    let text = procfile_text(&settings.source)?;
    let (exec_context, notes) = exec_context(settings)?;
    refuse_one_program(settings, &exec_context)?;
    let plan = match plan(settings, &text) {
        Ok(plan) => plan,
        Err(PlanError::Procfile { path, errors }) => {
            let _ = std::io::stderr().write_all(check::diagnostics(&path, &text, &errors).as_bytes());
            let message = format!("{path} can't be used: {} of its lines are wrong", errors.len());
            return Err(StartError(USAGE, message));
        }
        Err(error) => return Err(StartError::usage(&error)),
    };
    for warning in advice::warnings() {
        fail(LogFormat::Text, 0, &warning);
    }
    match check::plan(&plan, &exec_context, &notes, settings.resolves) {
        Ok(text) => Ok(print(text.as_bytes())),
        Err(errors) => {
            let (last, others) = errors.split_last().expect("there is an error");
            for error in others {
                fail(LogFormat::Text, USAGE, &error.to_string());
            }
            Err(StartError::usage(last))
        }
    }
}

/// Reads the env files and secrets.
fn exec_context(settings: &Settings) -> Result<(ExecContext, Vec<FileNote>), StartError> {
    let Settings { options, launch, .. } = settings;
    let mut hidden: Vec<&str> = cli::environment_variables().collect();
    let variables = options.environment.read(sys::environment(), &hidden).map_err(|error| StartError::usage(&error))?;
    let ServiceVariables { shared, named, removed, notes } = variables;
    hidden.extend(removed.iter().map(String::as_str));
    let environment = Environment::new(sys::environment(), shared, &hidden);
    Ok((ExecContext { environment, named, shell: launch.shell.clone(), port: launch.port }, notes))
}

/// Refuses commands that are one program and its arguments.
fn refuse_one_program(settings: &Settings, exec_context: &ExecContext) -> Result<(), StartError> {
    let path = exec_context.environment.get("PATH");
    let has_directory = !settings.options.cwd.is_empty();
    let is_elsewhere = |word: &Path| has_directory && word.is_relative() && word.components().count() > 1;
    let found = |word: &OsStr| match () {
        () if is_elsewhere(Path::new(word)) => Found::Other,
        () if programs::is_found(word, path) => Found::Program,
        () if programs::is_missing(word, path) => Found::Nothing,
        () => Found::Other,
    };
    settings.refusal(found).map_or(Ok(()), |message| Err(StartError(USAGE, message)))
}

fn plan(settings: &Settings, text: &[u8]) -> Result<Plan, PlanError> {
    let options = &settings.options;
    match &settings.source {
        Source::Arguments { commands, program } => Plan::from_arguments(commands, program.clone(), options),
        Source::Procfile { path, formation, program } => {
            Plan::from_procfile(path, text, formation, program.clone(), options)
        }
    }
}

/// The text of the Procfile, or nothing if another source is used.
fn procfile_text(source: &Source) -> Result<Vec<u8>, StartError> {
    let Source::Procfile { path, .. } = source else { return Ok(Vec::new()) };
    let read = if path == Path::new("-") {
        bounded::read_from(std::io::stdin().lock(), bounded::PROCFILE)
    } else {
        bounded::read(path, bounded::PROCFILE)
    };
    read.map_err(|error| {
        let path = path.display();
        StartError(
            USAGE,
            format!("can't read {path}: {error}; give commands, or a Procfile with -f, see 'untrap --help'"),
        )
    })
}

/// Prints the text or the error of a verb.
fn finish(result: Result<String, VerbError>) -> u8 {
    match result {
        Ok(text) => print(text.as_bytes()),
        Err(error) => fail(LogFormat::Text, error.status, &error.to_string()),
    }
}

/// Prints to standard output. EPIPE is no error, because the reader may exit early (`| head`).
fn print(text: &[u8]) -> u8 {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            fail(LogFormat::Text, INTERNAL_ERROR, &format!("can't print: {error}"))
        }
        _ => 0,
    }
}

fn fail(format: LogFormat, status: u8, message: &str) -> u8 {
    let mut line = Vec::new();
    format.finish(&LogLine::failure(message), &mut line);
    // An error cannot be reported if standard error is closed.
    let _ = std::io::stderr().write_all(&line);
    status
}
