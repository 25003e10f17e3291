//! The command line: options to settings, nothing else.
//!
//! The one place where an option is defined; help, man page and completions come from here.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, ValueEnum};

use crate::output::{self, Format};
use crate::plan::{Options, Rules};
use crate::scoped::Scoped;

const USAGE: &str = "\
untrap [OPTIONS] COMMAND...
       untrap [OPTIONS] -- PROGRAM [ARG]...
       untrap [OPTIONS] -f PROCFILE [TYPE[=N]]...
       untrap                                     (runs ./Procfile)";

const EXAMPLES: &str = "\
Examples:
  untrap 'web: puma -p 3000' 'sidekiq'      two commands, stopped together
  untrap -f Procfile web=2 worker           two of web, one worker
  untrap -s nginx=QUIT -t 20s nginx php-fpm
  untrap -- redis-server --port 6380        one program

[NAME=] limits a value to one entry, or to all of a process type. Each option can be set by the environment
variable UNTRAP_ and its long name, with commas between values. Exit status: of the entry whose end began the
stop, else of the first that ended badly, else 0; 2 wrong use, 125 untrap failed, 126 not executable, 127 not found.
";

/// Starts several commands, forwards signals to all of them, waits with a timeout, and reaps what they leave behind.
#[derive(Parser, Debug)]
#[command(name = "untrap", version, override_usage = USAGE, after_help = EXAMPLES, next_line_help = false)]
struct Cli {
    /// Commands, each one quoted argument ('web: puma -p 3000'); with -f process types (web=2)
    #[arg(value_name = "COMMAND | TYPE[=N]")]
    words: Vec<String>,

    /// One program and its arguments, taken as they are
    #[arg(last = true, value_name = "PROGRAM [ARG]...")]
    program: Vec<OsString>,

    /// Run this file's process types; '-' is standard input [default: ./Procfile]
    #[arg(short = 'f', long, value_name = "FILE", hide_env = true, env = "UNTRAP_PROCFILE")]
    procfile: Option<PathBuf>,

    /// From the start of the stop to SIGKILL; 0s: at once, inf: never [default: 8s]
    #[arg(short, long, value_name = "[NAME=]DURATION", hide_env = true, env = "UNTRAP_TIMEOUT")]
    timeout: Vec<String>,

    /// Sent to an entry when the stop begins [default: what arrived, or TERM]
    #[arg(short, long, value_name = "[NAME=]SIGNAL", hide_env = true, env = "UNTRAP_STOP_SIGNAL")]
    stop_signal: Vec<String>,

    /// Receive FROM as TO; TO 'none' drops it
    #[arg(short, long, value_name = "FROM=TO", hide_env = true, env = "UNTRAP_REWRITE")]
    rewrite: Vec<String>,

    /// Whom signals go to: auto (the group of a shell), leader or group [default: auto]
    #[arg(long, value_name = "[NAME=]WHOM", hide_env = true, env = "UNTRAP_SIGNAL_TO")]
    signal_to: Vec<String>,

    /// When an entry ends: stop, stop-on-failure or ignore [default: stop]
    #[arg(long, value_name = "[NAME=]ACTION", hide_env = true, env = "UNTRAP_ON_EXIT")]
    on_exit: Vec<String>,

    /// End with status TO instead of FROM, for example 143=0
    #[arg(long, value_name = "FROM=TO", hide_env = true, env = "UNTRAP_EXIT_MAP")]
    exit_map: Vec<String>,

    /// raw, prefix (the name before each line) or json (an object a line) [default: raw]
    #[arg(long, value_name = "FORMAT", hide_env = true, env = "UNTRAP_OUTPUT")]
    output: Option<Format>,

    /// With --output prefix: the time before each line
    #[arg(long, hide_env = true, env = "UNTRAP_TIMESTAMPS", value_parser = FalseyValueParser::new())]
    timestamps: bool,

    /// Only messages about what went wrong
    #[arg(short, long, hide_env = true, env = "UNTRAP_QUIET", value_parser = FalseyValueParser::new(), conflicts_with = "verbose")]
    quiet: bool,

    /// Also messages about orphans and other details
    #[arg(short, long, hide_env = true, env = "UNTRAP_VERBOSE", value_parser = FalseyValueParser::new())]
    verbose: bool,

    /// Print the man page or a completion script
    #[arg(long, value_name = "man|bash|zsh|fish", hide_possible_values = true, exclusive = true)]
    generate: Option<Page>,
}

/// What `--generate` can print.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Page {
    /// The man page, as roff.
    Man,
    /// Completions for bash.
    Bash,
    /// Completions for zsh.
    Zsh,
    /// Completions for fish.
    Fish,
}

/// What the user asks for.
#[derive(Debug)]
pub enum Request {
    /// Run entries.
    Run(Settings),
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
    /// `--output`, `--timestamps`.
    pub output: output::Settings,
    /// `-q`, `-v`.
    pub verbosity: Verbosity,
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

/// The definition of the command line, for help, man page and completions.
#[must_use]
pub fn definition() -> clap::Command {
    Cli::command()
}

/// The environment variables that set options. Entries don't inherit them.
pub fn environment_variables() -> impl Iterator<Item = OsString> {
    let variable = |argument: &clap::Arg| argument.get_env().map(OsString::from);
    definition().get_arguments().filter_map(variable).collect::<Vec<_>>().into_iter()
}

/// Reads the arguments, the program's own name first, and the environment.
///
/// # Errors
/// A command line that can't be used.
pub fn parse(arguments: &[OsString]) -> Result<Request, Error> {
    let matches = match definition().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) if error.use_stderr() => return Err(Error(describe(&error))),
        Err(text) => return Ok(Request::Print(text.to_string())),
    };
    let cli = Cli::from_arg_matches(&matches).map_err(|error| Error(describe(&error)))?;
    if let Some(page) = cli.generate {
        return Ok(Request::Generate(page));
    }
    let options = Options {
        timeout: scoped(&matches, "timeout", &cli.timeout)?,
        stop_signal: scoped(&matches, "stop_signal", &cli.stop_signal)?,
        on_exit: scoped(&matches, "on_exit", &cli.on_exit)?,
        signal_to: scoped(&matches, "signal_to", &cli.signal_to)?,
    };
    let rules = Rules {
        rewrites: values(&matches, "rewrite", &cli.rewrite)?,
        exit_map: values(&matches, "exit_map", &cli.exit_map)?,
    };
    let verbosity = match (cli.quiet, cli.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    };
    let output = output::Settings { format: cli.output.unwrap_or_default(), timestamps: cli.timestamps };
    if output.timestamps && output.format == Format::Raw {
        return Err(Error("--timestamps needs lines of untrap's own; add --output prefix".to_owned()));
    }
    let program_given = arguments.iter().any(|argument| argument == "--");
    let source = source(cli, program_given, matches.value_source("procfile"))?;
    Ok(Request::Run(Settings { source, options, rules, output, verbosity }))
}

/// Decides what the positional words are.
fn source(cli: Cli, program_given: bool, procfile: Option<ValueSource>) -> Result<Source, Error> {
    if program_given {
        if cli.program.is_empty() {
            return Err(Error("no program after '--'; write '-- PROGRAM [ARG]...'".to_owned()));
        }
        if !cli.words.is_empty() || procfile == Some(ValueSource::CommandLine) {
            return Err(Error("'--' runs one program alone; take out -f and the words before '--'".to_owned()));
        }
        return Ok(Source::Program(cli.program));
    }
    match cli.procfile.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => Ok(Source::Procfile { path, formation: cli.words }),
        None if cli.words.is_empty() => Ok(Source::Procfile { path: PathBuf::from("Procfile"), formation: cli.words }),
        None => Ok(Source::Arguments(cli.words)),
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
        for value in values.into_iter().map(str::trim).filter(|value| !from_environment || !value.is_empty()) {
            read(value).map_err(|error| {
                let variable = format!("UNTRAP_{}", id.to_uppercase());
                let origin = if from_environment { variable } else { format!("--{option}") };
                Error(format!("{origin} '{value}': {error}"))
            })?;
        }
    }
    Ok(())
}

/// clap's words for an error, without its heading and its pointer to the help.
fn describe(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let end = text.find("\n\nUsage:").or_else(|| text.find("\n\nFor more information")).unwrap_or(text.len());
    let lines: Vec<&str> = text[..end].lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    format!("{}; see 'untrap --help'", lines.join("; "))
}
