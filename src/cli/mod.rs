//! The command line: converts arguments and variables to [`Settings`].

pub mod check;
pub mod generate;
pub mod options;
mod ps;
pub mod running;
mod signal;
mod values;
pub mod verbs;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::error::ErrorKind;

pub use self::options::{definition, environment_variables};
use self::values::OptionValues;
use crate::cli::generate::Page;
use crate::config::hook::HookOptions;
use crate::config::plan::Options;
use crate::config::policy::{Delay, Rules};
use crate::log::line::LogSettings;
use crate::output::{OutputFormat, OutputSettings};
use crate::shell::Shell;

/// The action that a command line requests.
#[derive(Debug)]
pub enum Request {
    /// Run services.
    Run(Box<Settings>),
    /// Print what would run.
    Check(Box<Settings>),
    /// Print this page.
    Generate(Page),
    /// Print the text of `--help` or `--version`.
    Print(String),
}

/// All settings of a run.
#[derive(Debug)]
pub struct Settings {
    /// The commands, Procfile or program to run.
    pub source: Source,
    /// Options of services.
    pub options: Options,
    /// Options of the whole run.
    pub rules: Rules,
    /// Options for starting services.
    pub launch: LaunchOptions,
    /// The directory of the pid files, if one is set.
    pub pid_dir: Option<PathBuf>,
    /// Level and format of untrap's own messages.
    pub log: LogSettings,
    /// Format of the services' output.
    pub output: OutputSettings,
}

/// Options for starting services.
#[derive(Debug)]
pub struct LaunchOptions {
    /// `--env-file`, in the order given.
    pub env_files: Vec<PathBuf>,
    /// `--shell`.
    pub shell: Shell,
    /// `--port`.
    pub port: Option<u16>,
}

/// The source of the services.
#[derive(Debug)]
pub enum Source {
    /// The program and its arguments, after `--`.
    Program(Vec<OsString>),
    /// Commands, each one argument.
    Arguments(Vec<String>),
    /// A Procfile.
    Procfile {
        /// Its path, or `-`.
        path: PathBuf,
        /// `TYPE` or `TYPE=N`; empty for all process types.
        formation: Vec<String>,
    },
}

/// A usage error: the text states the mistake and the correction.
#[derive(Debug)]
pub struct UsageError(String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// Parses the arguments (the first is the program's own name) and the environment.
///
/// # Errors
/// The command line or a variable is invalid.
pub fn parse(arguments: &[OsString]) -> Result<Request, UsageError> {
    let checks = arguments.get(1).is_some_and(|word| word == "check");
    let verb = usize::from(checks);
    let arguments = arguments.get(1 + verb..).unwrap_or_default();
    let matches = match definition().no_binary_name(true).try_get_matches_from(arguments) {
        Ok(matches) => OptionValues(matches),
        Err(error) if error.use_stderr() => {
            let variable = options::non_utf8_variable().filter(|_| error.kind() == ErrorKind::InvalidUtf8);
            let in_variable = |name| UsageError(format!("{name} is not UTF-8, as the values of its option must be"));
            return Err(variable.map_or_else(|| UsageError(describe(&error)), in_variable));
        }
        Err(text) if text.kind() == ErrorKind::DisplayHelp && arguments.iter().any(|argument| argument == "-h") => {
            return Ok(Request::Print(options::short_help()));
        }
        Err(text) => return Ok(Request::Print(text.to_string())),
    };
    if let Some(page) = matches.value("generate")? {
        if checks || matches.given("words") || matches.given("program") {
            return Err(UsageError("--generate prints a page and runs nothing; take out what is to be run".to_owned()));
        }
        return Ok(Request::Generate(page));
    }
    let options = Options {
        timeout: matches.scoped("timeout")?,
        stop_signal: matches.scoped("stop-signal")?,
        on_exit: matches.scoped("on-exit")?,
        signal_to: matches.scoped("signal-to")?,
        user: matches.scoped("user")?,
        hooks: HookOptions {
            before: matches.values("before")?,
            after: matches.values("after")?,
            wait_for: matches.values("wait-for")?,
            ready: matches.scoped("ready")?,
            stop_command: matches.scoped("stop-command")?,
        },
    };
    let default = Rules::default();
    let rules = Rules {
        rewrites: matches.values("rewrite")?,
        exit_map: matches.values("exit-map")?,
        stop_order: matches.value("stop-order")?.unwrap_or(default.stop_order),
        stop_delay: matches.value("stop-delay")?.map_or(default.stop_delay, |Delay(time)| time),
        wait_timeout: matches.value("wait-timeout")?.unwrap_or(default.wait_timeout),
    };
    let output =
        OutputSettings { format: matches.value("output")?.unwrap_or_default(), timestamps: matches.flag("timestamps") };
    if output.timestamps && output.format == OutputFormat::Raw {
        return Err(UsageError("--timestamps needs lines of untrap's own; add --output prefix".to_owned()));
    }
    let verbosity = matches.verbosity()?;
    let log = LogSettings { verbosity, format: matches.value("log-format")?.unwrap_or_default() };
    let launch = LaunchOptions {
        env_files: matches.values("env-file")?,
        shell: matches.value("shell")?.unwrap_or_default(),
        port: matches.value("port")?.map(|Port(port)| port),
    };
    let pid_dir = matches.path("pid-dir")?;
    let source = matches.source(arguments.iter().any(|argument| argument == "--"))?;
    let settings = Box::new(Settings { source, options, rules, launch, pid_dir, log, output });
    Ok(if checks { Request::Check(settings) } else { Request::Run(settings) })
}

/// The value of `--port`, from 1 to 65535.
struct Port(u16);

impl FromStr for Port {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = text.parse().ok().filter(|port| *port > 0);
        port.map(Self).ok_or("not a port; write a number from 1 to 65535")
    }
}

/// The text of a clap error without `error: ` and the usage.
pub(crate) fn describe(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let end = text.find("\n\nUsage:").or_else(|| text.find("\n\nFor more information")).unwrap_or(text.len());
    let lines: Vec<&str> = text[..end].lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    format!("{}; see 'untrap --help'", lines.join("; ").replace(":; ", ": "))
}
