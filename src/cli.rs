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

use crate::hook::HookOptions;
use crate::line::Format;
use crate::output;
use crate::plan::Options;
use crate::policy::{Delay, Rules};
use crate::scoped::Scoped;
use crate::shell::Shell;

const USAGE: &str = "\
untrap [OPTIONS] COMMAND...
       untrap [OPTIONS] -- PROGRAM [ARG]...
       untrap [OPTIONS] -f PROCFILE [TYPE[=N]]...
       untrap                                     (runs ./Procfile)
       untrap check ... | untrap ps | untrap signal SIGNAL [NAME]...";

const EXAMPLES: &str = "\
Examples:
  untrap 'web: puma -p 3000' 'sidekiq'      two commands, stopped together
  untrap -f Procfile web=2 worker           two of web, one worker
  untrap -s nginx=QUIT -t 20s nginx php-fpm
  untrap -- redis-server --port 6380        one program

A COMMAND is one quoted argument. [NAME=] limits a value to one entry or process type. Each option has a variable,
UNTRAP_ and its long name, with commas between values. Exit status: of the entry whose end began the stop, else of the
first that ended badly, else 0; 2 wrong use, 125 untrap failed, 126 not executable, 127 not found. More: man untrap.
";

/// Starts several commands, forwards signals to all of them, waits with a timeout, and reaps what they leave behind.
#[allow(clippy::doc_markdown, reason = "these comments are the help, as a terminal shows it")]
#[derive(Parser, Debug)]
#[command(name = "untrap", version, override_usage = USAGE, after_help = EXAMPLES, term_width = 0)]
struct Cli {
    /// Commands, each one quoted argument ('web: puma -p 3000'); with -f process types (web=2)
    #[arg(value_name = "COMMAND | TYPE[=N]", hide = true, hide_env = true, env = "UNTRAP_FORMATION")]
    words: Vec<String>,

    /// One program and its arguments, taken as they are
    #[arg(last = true, value_name = "PROGRAM [ARG]...", hide = true)]
    program: Vec<OsString>,

    /// Run this file's process types; '-' is standard input [default: ./Procfile]
    #[arg(short = 'f', long, value_name = "FILE", hide_env = true, env = "UNTRAP_PROCFILE")]
    procfile: Option<PathBuf>,

    /// Set the variables of this file, unless they are set; later files win
    #[arg(short, long, value_name = "FILE", hide_env = true, env = "UNTRAP_ENV_FILE")]
    env_file: Vec<String>,

    /// From the start of the stop to SIGKILL; 0s: at once, inf: never [default: 8s]
    #[arg(short, long, value_name = "[NAME=]DURATION", hide_env = true, env = "UNTRAP_TIMEOUT")]
    timeout: Vec<String>,

    /// Sent to an entry when the stop begins [default: what arrived, or TERM]
    #[arg(short, long, value_name = "[NAME=]SIGNAL", hide_env = true, env = "UNTRAP_STOP_SIGNAL")]
    stop_signal: Vec<String>,

    /// Receive FROM as TO; TO 'none' drops it
    #[arg(short, long, value_name = "FROM=TO", hide_env = true, env = "UNTRAP_REWRITE")]
    rewrite: Vec<String>,

    /// At its end: stop (default), stop-on-failure, ignore, restart, restart-on-failure
    #[arg(long, value_name = "[NAME=]ACTION", hide_env = true, env = "UNTRAP_ON_EXIT")]
    on_exit: Vec<String>,

    /// Stop at-once, or one by one: reverse or listed [default: at-once]
    #[arg(long, value_name = "ORDER", hide_env = true, env = "UNTRAP_STOP_ORDER")]
    stop_order: Option<String>,

    /// Run instead of sending the stop signal; sees UNTRAP_PID and UNTRAP_NAME
    #[arg(long, value_name = "[NAME=]COMMAND", hide_env = true, env = "UNTRAP_STOP_COMMAND")]
    stop_command: Vec<String>,

    /// Wait before telling anyone to stop [default: 0s]
    #[arg(long, value_name = "DURATION", hide_env = true, env = "UNTRAP_STOP_DELAY")]
    stop_delay: Option<String>,

    /// Run to its end before the first entry starts, or a process type of the Procfile
    #[arg(long, value_name = "COMMAND", hide_env = true, env = "UNTRAP_BEFORE")]
    before: Vec<String>,

    /// Run after the last entry has ended; sees UNTRAP_EXIT_CODE and UNTRAP_SIGNAL
    #[arg(long, value_name = "COMMAND", hide_env = true, env = "UNTRAP_AFTER")]
    after: Vec<String>,

    /// First wait for tcp://HOST:PORT, unix://PATH, file://PATH or exec:COMMAND
    #[arg(long, value_name = "TARGET", hide_env = true, env = "UNTRAP_WAIT_FOR")]
    wait_for: Vec<String>,

    /// How long --wait-for and --ready wait [default: 60s]
    #[arg(long, value_name = "DURATION", hide_env = true, env = "UNTRAP_WAIT_TIMEOUT")]
    wait_timeout: Option<String>,

    /// The next entry starts when TARGET is there
    #[arg(long, value_name = "[NAME=]TARGET", hide_env = true, env = "UNTRAP_READY")]
    ready: Vec<String>,

    /// End with status TO instead of FROM, for example 143=0
    #[arg(long, value_name = "FROM=TO", hide_env = true, env = "UNTRAP_EXIT_MAP")]
    exit_map: Vec<String>,

    /// Whom signals go to: auto (a shell: its group), leader or group [default: auto]
    #[arg(long, value_name = "[NAME=]WHOM", hide_env = true, env = "UNTRAP_SIGNAL_TO")]
    signal_to: Vec<String>,

    /// Run entries as this user
    #[arg(long, value_name = "[NAME=]USER[:GROUP]", hide_env = true, env = "UNTRAP_USER")]
    user: Vec<String>,

    /// What runs a command that needs a shell; 'none' allows none [default: /bin/sh]
    #[arg(long, value_name = "PATH|none", hide_env = true, env = "UNTRAP_SHELL")]
    shell: Option<String>,

    /// Set PORT: N, and 100 more for each next process type, 1 for each next instance
    #[arg(long, value_name = "N", hide_env = true, env = "UNTRAP_PORT")]
    port: Option<String>,

    /// raw, prefix (the name before each line) or json (an object a line) [default: raw]
    #[arg(long, value_name = "FORMAT", hide_env = true, env = "UNTRAP_OUTPUT")]
    output: Option<output::Format>,

    /// With --output prefix: the time before each line
    #[arg(long, hide_env = true, env = "UNTRAP_TIMESTAMPS", value_parser = FalseyValueParser::new())]
    timestamps: bool,

    /// Keep NAME.pid of each entry there, for 'untrap ps' and 'untrap signal'
    #[arg(long, value_name = "DIR", hide_env = true, env = "UNTRAP_PID_DIR")]
    pid_dir: Option<PathBuf>,

    /// How untrap's own messages are written: text, or JSON objects [default: text]
    #[arg(long, value_name = "text|json", hide_env = true, env = "UNTRAP_LOG_FORMAT")]
    log_format: Vec<String>,

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
    let checks = arguments.get(1).is_some_and(|word| word == "check");
    let verb = usize::from(checks);
    let arguments = || arguments.iter().take(1).chain(arguments.iter().skip(1 + verb));
    let matches = match definition().try_get_matches_from(arguments()) {
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
        user: scoped(&matches, "user", &cli.user)?,
        hooks: HookOptions {
            before: values(&matches, "before", &cli.before)?,
            after: values(&matches, "after", &cli.after)?,
            wait_for: values(&matches, "wait_for", &cli.wait_for)?,
            ready: scoped(&matches, "ready", &cli.ready)?,
            stop_command: scoped(&matches, "stop_command", &cli.stop_command)?,
        },
    };
    let default = Rules::default();
    let rules = Rules {
        rewrites: values(&matches, "rewrite", &cli.rewrite)?,
        exit_map: values(&matches, "exit_map", &cli.exit_map)?,
        stop_order: value(&matches, "stop_order", cli.stop_order.as_deref())?.unwrap_or(default.stop_order),
        stop_delay: value(&matches, "stop_delay", cli.stop_delay.as_deref())?
            .map_or(default.stop_delay, |Delay(time)| time),
        wait_timeout: value(&matches, "wait_timeout", cli.wait_timeout.as_deref())?.unwrap_or(default.wait_timeout),
    };
    let verbosity = match (cli.quiet, cli.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    };
    let output = output::Settings { format: cli.output.unwrap_or_default(), timestamps: cli.timestamps };
    if output.timestamps && output.format == output::Format::Raw {
        return Err(Error("--timestamps needs lines of untrap's own; add --output prefix".to_owned()));
    }
    let format = values(&matches, "log_format", &cli.log_format)?.pop().unwrap_or_default();
    let style = Style { verbosity, format, output };
    let launch = LaunchOptions {
        env_files: values(&matches, "env_file", &cli.env_file)?,
        shell: value(&matches, "shell", cli.shell.as_deref())?.unwrap_or_default(),
        port: value(&matches, "port", cli.port.as_deref())?.map(|Port(port)| port),
    };
    let pid_dir = cli.pid_dir.clone().filter(|path| !path.as_os_str().is_empty());
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
    let procfile = cli.procfile.filter(|path| !path.as_os_str().is_empty());
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
pub(crate) fn describe(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let end = text.find("\n\nUsage:").or_else(|| text.find("\n\nFor more information")).unwrap_or(text.len());
    let lines: Vec<&str> = text[..end].lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    format!("{}; see 'untrap --help'", lines.join("; ").replace(":; ", ": "))
}
