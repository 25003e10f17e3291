//! The command line: options to settings, nothing else.

mod definition;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches};

use self::definition::Cli;
pub use self::definition::{Page, definition, environment_variables};
use crate::hook::HookOptions;
use crate::line::Format;
use crate::output;
use crate::plan::Options;
use crate::policy::{Delay, Rules};
use crate::scoped::Scoped;
use crate::shell::Shell;

/// What the user asks for.
#[derive(Debug)]
pub enum Request {
    /// Run entries.
    Run(Box<Settings>),
    /// Print what would run.
    Check(Box<Settings>),
    /// Print this page.
    Generate(Page),
    /// Print this text, of `--help` or `--version`.
    Print(String),
}

/// All settings of a run.
#[derive(Debug)]
pub struct Settings {
    /// What to run.
    pub source: Source,
    /// What the options say of entries.
    pub options: Options,
    /// What the options say of the whole run.
    pub rules: Rules,
    /// What entries are started with.
    pub launch: LaunchOptions,
    /// Where pid files go, if anywhere.
    pub pid_dir: Option<PathBuf>,
    /// What untrap says and passes on, and in which form.
    pub style: Style,
}

/// What untrap says and passes on, and in which form.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// `-q`, `-v`.
    pub verbosity: Verbosity,
    /// `--log-format`.
    pub format: Format,
    /// `--output`, `--timestamps`.
    pub output: output::Settings,
}

/// What the options say of what entries are started with.
#[derive(Debug)]
pub struct LaunchOptions {
    /// `--env-file`, in the order given.
    pub env_files: Vec<PathBuf>,
    /// `--shell`.
    pub shell: Shell,
    /// `--port`.
    pub port: Option<u16>,
}

/// Where the entries come from.
#[derive(Debug)]
pub enum Source {
    /// The words after `--`.
    Program(Vec<OsString>),
    /// Commands, each one argument.
    Arguments(Vec<String>),
    /// A Procfile.
    Procfile {
        /// Its path, or `-`.
        path: PathBuf,
        /// `TYPE` or `TYPE=N`; none for all.
        formation: Vec<String>,
    },
}

/// How much untrap says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verbosity {
    /// What went wrong.
    Quiet,
    /// Starts, signals and ends as well.
    Normal,
    /// Details as well.
    Verbose,
}

/// A command line that can't be used. The text says what is wrong and what would be right.
#[derive(Debug)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Reads the arguments, the program's own name first, and the environment.
///
/// # Errors
/// A command line that can't be used.
pub fn parse(arguments: &[OsString]) -> Result<Request, Error> {
    let checks = arguments.get(1).is_some_and(|word| word == "check");
    let verb = usize::from(checks);
    let arguments = || arguments.iter().take(1).chain(arguments.iter().skip(1 + verb));
    let matches = match definition().try_get_matches_from(arguments()) {
        Ok(matches) => matches,
        Err(error) if error.use_stderr() => return Err(Error(describe(&error))),
        Err(text) if text.kind() == ErrorKind::DisplayHelp && arguments().any(|argument| argument == "-h") => {
            return Ok(Request::Print(definition::short_help()));
        }
        Err(text) => return Ok(Request::Print(text.to_string())),
    };
    let cli = Cli::from_arg_matches(&matches).map_err(|error| Error(describe(&error)))?;
    if let Some(page) = cli.other.generate {
        return Ok(Request::Generate(page));
    }
    let options = Options {
        timeout: scoped(&matches, "timeout", &cli.ending.timeout)?,
        stop_signal: scoped(&matches, "stop_signal", &cli.ending.stop_signal)?,
        on_exit: scoped(&matches, "on_exit", &cli.ending.on_exit)?,
        signal_to: scoped(&matches, "signal_to", &cli.ending.signal_to)?,
        user: scoped(&matches, "user", &cli.entries.user)?,
        hooks: HookOptions {
            before: values(&matches, "before", &cli.start.before)?,
            after: values(&matches, "after", &cli.ending.after)?,
            wait_for: values(&matches, "wait_for", &cli.start.wait_for)?,
            ready: scoped(&matches, "ready", &cli.start.ready)?,
            stop_command: scoped(&matches, "stop_command", &cli.ending.stop_command)?,
        },
    };
    let default = Rules::default();
    let rules = Rules {
        rewrites: values(&matches, "rewrite", &cli.ending.rewrite)?,
        exit_map: values(&matches, "exit_map", &cli.ending.exit_map)?,
        stop_order: value(&matches, "stop_order", cli.ending.stop_order.as_deref())?.unwrap_or(default.stop_order),
        stop_delay: value(&matches, "stop_delay", cli.ending.stop_delay.as_deref())?
            .map_or(default.stop_delay, |Delay(time)| time),
        wait_timeout: value(&matches, "wait_timeout", cli.start.wait_timeout.as_deref())?
            .unwrap_or(default.wait_timeout),
    };
    let verbosity = match (cli.saying.quiet, cli.saying.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    };
    let output = output::Settings { format: cli.saying.output.unwrap_or_default(), timestamps: cli.saying.timestamps };
    if output.timestamps && output.format == output::Format::Raw {
        return Err(Error("--timestamps needs lines of untrap's own; add --output prefix".to_owned()));
    }
    let format = values(&matches, "log_format", &cli.saying.log_format)?.pop().unwrap_or_default();
    let style = Style { verbosity, format, output };
    let launch = LaunchOptions {
        env_files: values(&matches, "env_file", &cli.entries.env_file)?,
        shell: value(&matches, "shell", cli.entries.shell.as_deref())?.unwrap_or_default(),
        port: value(&matches, "port", cli.entries.port.as_deref())?.map(|Port(port)| port),
    };
    let pid_dir = cli.saying.pid_dir.clone().filter(|path| !path.as_os_str().is_empty());
    let program_given = arguments().any(|argument| argument == "--");
    let source = source(cli, program_given, &matches)?;
    let settings = Box::new(Settings { source, options, rules, launch, pid_dir, style });
    Ok(if checks { Request::Check(settings) } else { Request::Run(settings) })
}

/// Decides what the positional words are.
fn source(cli: Cli, program_given: bool, matches: &ArgMatches) -> Result<Source, Error> {
    let given = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
    if program_given {
        if cli.program.is_empty() {
            return Err(Error("no program after '--'; write '-- PROGRAM [ARG]...'".to_owned()));
        }
        if given("words") || given("procfile") {
            return Err(Error("'--' runs one program alone; take out -f and the words before '--'".to_owned()));
        }
        return Ok(Source::Program(cli.program));
    }
    let procfile = cli.entries.procfile.filter(|path| !path.as_os_str().is_empty());
    match procfile {
        None if given("words") => Ok(Source::Arguments(cli.words)),
        procfile => {
            let path = procfile.unwrap_or_else(|| PathBuf::from("Procfile"));
            Ok(Source::Procfile { path, formation: values(matches, "words", &cli.words)? })
        }
    }
}

/// `--port`: 0 is no port.
struct Port(u16);

impl FromStr for Port {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = text.parse().ok().filter(|port| *port > 0);
        port.map(Self).ok_or("not a port; write a number from 1 to 65535")
    }
}

fn scoped<T: FromStr<Err: fmt::Display>>(matches: &ArgMatches, id: &str, texts: &[String]) -> Result<Scoped<T>, Error> {
    let mut values = Scoped::default();
    each_value(matches, id, texts, |text| values.read(text))?;
    Ok(values)
}

fn values<T: FromStr<Err: fmt::Display>>(matches: &ArgMatches, id: &str, texts: &[String]) -> Result<Vec<T>, Error> {
    let mut values = Vec::new();
    each_value(matches, id, texts, |text| text.parse().map(|value| values.push(value)))?;
    Ok(values)
}

fn value<T: FromStr<Err: fmt::Display>>(
    matches: &ArgMatches,
    id: &str,
    text: Option<&str>,
) -> Result<Option<T>, Error> {
    let texts: Vec<String> = text.map(str::to_owned).into_iter().collect();
    Ok(values(matches, id, &texts)?.pop())
}

/// Hands each value of an option to `read`, and says which option a bad one belongs to.
fn each_value<E: fmt::Display>(
    matches: &ArgMatches,
    id: &str,
    texts: &[String],
    mut read: impl FnMut(&str) -> Result<(), E>,
) -> Result<(), Error> {
    let from_environment = matches.value_source(id) == Some(ValueSource::EnvVariable);
    let option = id.replace('_', "-");
    for text in texts {
        // Only a variable holds a list: a value on the command line may have a comma of its own.
        let values: Vec<&str> = if from_environment { text.split(',').collect() } else { vec![text] };
        let (is_target, is_list) = (matches!(id, "wait_for" | "ready"), values.len() > 1);
        for value in values.into_iter().map(str::trim).filter(|value| !from_environment || !value.is_empty()) {
            read(value).map_err(|error| {
                let variable = format!("UNTRAP_{}", id.to_uppercase());
                let origin = if from_environment { variable } else { format!("--{option}") };
                // A target may hold a command, or a password that does not belong there.
                let shown = if is_target { String::new() } else { format!(" '{value}'") };
                let hint = if is_list { "; commas separate the values of a variable" } else { "" };
                Error(format!("{origin}{shown}: {error}{hint}"))
            })?;
        }
    }
    Ok(())
}

/// clap's words for an error, without its heading and its pointer to the help.
pub(crate) fn describe(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let end = text.find("\n\nUsage:").or_else(|| text.find("\n\nFor more information")).unwrap_or(text.len());
    let lines: Vec<&str> = text[..end].lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    format!("{}; see 'untrap --help'", lines.join("; ").replace(":; ", ": "))
}
