//! The command line: converts arguments and variables to [`Settings`].

pub mod advice;
pub mod check;
pub mod definition;
pub mod generate;
mod near_miss;
pub mod options;
pub mod ps;
pub mod running;
pub mod signal;
mod spelling;
mod values;
pub mod verbs;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use self::advice::one_program::{Found, ProgramForm};
use self::options::Kind;
use self::ps::PsRequest;
use self::signal::SignalRequest;
use self::values::OptionValues;
use self::verbs::{RUN, Verb};
use crate::cli::generate::Page;
use crate::config::environment::EnvironmentOptions;
use crate::config::hook::HookOptions;
use crate::config::number::number;
use crate::config::plan::Options;
use crate::config::policy::{Delay, Rules};
use crate::log::line::{LogFormat, LogSettings};
use crate::output::{OutputFormat, OutputSettings};
use crate::shell::Shell;

/// The action that a command line requests.
#[derive(Debug)]
pub enum Request {
    /// Run services.
    Run(Box<Settings>),
    /// Print what would run.
    Check(Box<Settings>),
    /// Show the services of a running untrap.
    Ps(PsRequest),
    /// Send a signal to services of a running untrap.
    Signal(SignalRequest),
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
    /// The same command line as one program, if the commands may be that.
    pub program_form: Option<ProgramForm>,
    /// Whether `check` reports programs that do not exist.
    pub resolves: bool,
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

impl Settings {
    /// Returns the answer to commands that are almost surely one program and its arguments. It is none if a hook may
    /// make a program, or waits until there is one.
    pub fn refusal(&self, found: impl Fn(&OsStr) -> Found) -> Option<String> {
        let Source::Arguments { commands, program: None } = &self.source else { return None };
        let HookOptions { before, wait_for, ready, .. } = &self.options.hooks;
        let has_hook = !before.is_empty() || !wait_for.is_empty() || !ready.is_empty();
        self.program_form.as_ref().filter(|_| !has_hook)?.refusal(commands, found)
    }
}

/// Options for starting services.
#[derive(Debug)]
pub struct LaunchOptions {
    /// `--shell`.
    pub shell: Shell,
    /// `--port`.
    pub port: Option<u16>,
}

/// The source of the services.
#[derive(Debug)]
pub enum Source {
    /// Commands, each one argument, or none if there is a program.
    Arguments {
        /// The commands.
        commands: Vec<String>,
        /// The program and its arguments, after `--`.
        program: Option<Vec<OsString>>,
    },
    /// A Procfile.
    Procfile {
        /// Its path, or `-`.
        path: PathBuf,
        /// `TYPE` or `TYPE=N`; empty for all process types.
        formation: Vec<String>,
        /// The program and its arguments, after `--`.
        program: Option<Vec<OsString>>,
    },
}

/// A usage error: the message states the mistake and the correction.
#[derive(Debug)]
pub struct UsageError {
    message: String,
    /// The format of the message.
    pub format: LogFormat,
}

impl UsageError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), format: LogFormat::Text }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for UsageError {}

/// Parses the arguments (the first is the program's own name) and the environment.
///
/// # Errors
/// The command line or a variable is invalid.
pub fn parse(arguments: &[OsString]) -> Result<Request, UsageError> {
    let (verb, words) = verbs::split(arguments);
    parse_verb(verb, words).map_err(|error| {
        // The errors of a run are part of its log; a user reads those of a verb.
        let format = if verb.is_run() { log_format_of_environment() } else { LogFormat::Text };
        UsageError { format, ..error }
    })
}

fn parse_verb(verb: &'static Verb, words: &[OsString]) -> Result<Request, UsageError> {
    if verb.takes_commands()
        && let Some(answer) = advice::answer(verb, words)
    {
        return Err(UsageError::new(answer));
    }
    parse_as_written(verb, words)
}

/// Parses arguments without a look at what the user may have meant.
fn parse_as_written(verb: &'static Verb, words: &[OsString]) -> Result<Request, UsageError> {
    match definition::definition(verb).try_get_matches_from(words) {
        Ok(matches) => {
            let has_program = words.iter().any(|word| word == "--");
            let mut request = (verb.read)(&OptionValues { groups: verb.groups, matches, has_program })?;
            if let Request::Run(settings) | Request::Check(settings) = &mut request {
                settings.program_form = advice::program_form(verb, words);
            }
            Ok(request)
        }
        Err(error) if error.use_stderr() => {
            let variable = non_utf8_variable(verb).filter(|_| error.kind() == ErrorKind::InvalidUtf8);
            Err(UsageError::new(match variable {
                Some(name) => format!("{name} is not UTF-8, as the values of its option must be"),
                None => describe(&error, verb),
            }))
        }
        Err(text) => {
            let is_short = text.kind() == ErrorKind::DisplayHelp && words.iter().any(|word| word == "-h");
            let short = if is_short { definition::short_help(verb) } else { None };
            Ok(Request::Print(short.unwrap_or_else(|| format!("{}\n", text.to_string().trim_end()))))
        }
    }
}

/// The environment variables that set options. Services don't inherit them.
pub fn environment_variables() -> impl Iterator<Item = &'static str> {
    RUN.arguments().filter_map(|argument| argument.variable)
}

/// The format of messages that the environment selects, for errors before the options are known.
#[must_use]
pub fn log_format_of_environment() -> LogFormat {
    let variable = RUN.argument("log-format").and_then(|argument| argument.variable);
    let value = variable.and_then(|name| std::env::var(name).ok());
    value.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The first variable that must be UTF-8 and is not.
fn non_utf8_variable(verb: &'static Verb) -> Option<&'static str> {
    let is_invalid = |name: &&str| std::env::var_os(name).is_some_and(|value| value.to_str().is_none());
    let arguments = verb.arguments().filter(|argument| argument.kind != Kind::Path);
    arguments.filter_map(|argument| argument.variable).find(is_invalid)
}

/// Makes the request of a call without a verb.
fn read_run(values: &OptionValues) -> Result<Request, UsageError> {
    if let Some(page) = values.value("generate")? {
        if values.is_given("words") || values.is_given("program") {
            return Err(UsageError::new("--generate prints a page and runs nothing; take out what is to be run"));
        }
        return Ok(Request::Generate(page));
    }
    read_settings(values).map(Request::Run)
}

/// Makes the request of `untrap check`.
fn read_check(values: &OptionValues) -> Result<Request, UsageError> {
    let mut settings = read_settings(values)?;
    settings.resolves = !values.switch("no-resolve");
    Ok(Request::Check(settings))
}

fn read_settings(values: &OptionValues) -> Result<Box<Settings>, UsageError> {
    let options = Options {
        timeout: values.scoped("timeout")?,
        stop_signal: values.scoped("stop-signal")?,
        on_exit: values.scoped("on-exit")?,
        signal_to: values.scoped("signal-to")?,
        cwd: values.scoped("cwd")?,
        environment: EnvironmentOptions { env_files: values.scoped("env-file")?, secrets: values.values("secret")? },
        user: values.scoped("user")?,
        rewrites: values.scoped_pairs("rewrite")?,
        exit_map: values.scoped_pairs("exit-map")?,
        stop_delay: values.scoped("stop-delay")?,
        stdin: values.value("stdin")?,
        hooks: HookOptions {
            before: values.values("before")?,
            after: values.values("after")?,
            wait_for: values.values("wait-for")?,
            ready: values.scoped("ready")?,
            stop_command: values.scoped("stop-command")?,
        },
    };
    let default = Rules::default();
    let rules = Rules {
        rewrites: options.rewrites.all_for_all(),
        exit_map: options.exit_map.all_for_all(),
        stop_order: values.value("stop-order")?.unwrap_or(default.stop_order),
        stop_delay: options.stop_delay.for_all().map_or(default.stop_delay, |Delay(time)| *time),
        wait_timeout: values.value("wait-timeout")?.unwrap_or(default.wait_timeout),
    };
    let output =
        OutputSettings { format: values.value("output")?.unwrap_or_default(), timestamps: values.switch("timestamps") };
    if output.timestamps && output.format == OutputFormat::Raw {
        return Err(UsageError::new("--timestamps needs lines of untrap's own; add --output prefix"));
    }
    let verbosity = values.verbosity()?;
    let log = LogSettings { verbosity, format: values.value("log-format")?.unwrap_or_default() };
    let launch = LaunchOptions {
        shell: values.value("shell")?.unwrap_or_default(),
        port: values.value("port")?.map(|Port(port)| port),
    };
    let pid_dir = values.path("pid-dir")?;
    let source = values.source()?;
    Ok(Box::new(Settings { source, program_form: None, resolves: true, options, rules, launch, pid_dir, log, output }))
}

/// The value of `--port`, from 1 to 65535.
struct Port(u16);

impl FromStr for Port {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = number(text).filter(|port| *port > 0);
        port.map(Self).ok_or("not a port; write a number from 1 to 65535")
    }
}

/// Returns the text of a clap error without `error: ` and the usage.
fn describe(error: &clap::Error, verb: &Verb) -> String {
    let argument = error.get(ContextKind::InvalidArg).and_then(|value| match value {
        ContextValue::String(argument) => Some(argument),
        _ => None,
    });
    if let (ErrorKind::UnknownArgument, Some(argument)) = (error.kind(), argument) {
        return advice::unknown_option::answer(verb, argument);
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let end = text.find("\n\nUsage:").or_else(|| text.find("\n\nFor more information")).unwrap_or(text.len());
    let lines: Vec<&str> = text[..end].lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    format!("{}; see '{} --help'", lines.join("; ").replace(":; ", ": "), verb.call())
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::options::{Argument, Completion};
    use super::verbs::VERBS;
    use super::*;
    use crate::config::policy::{OnExit, SignalTo, StopOrder, Timeout};

    fn entries() -> impl Iterator<Item = (&'static Verb, &'static Argument)> {
        [&RUN].into_iter().chain(VERBS).flat_map(|verb| verb.arguments().map(move |argument| (verb, argument)))
    }

    #[test]
    fn a_variable_is_named_as_its_option_is() {
        for (_, option) in entries().filter(|(_, argument)| argument.is_option()) {
            let variable = format!("UNTRAP_{}", option.name.replace('-', "_").to_uppercase());
            assert!(option.variable.is_none_or(|name| name == variable), "{variable}");
        }
    }

    #[test]
    fn every_option_of_a_run_that_takes_a_value_has_a_variable() {
        let takes_value = |argument: &&Argument| argument.is_option() && !argument.value_name.is_empty();
        for option in RUN.arguments().filter(takes_value).filter(|option| option.name != "generate") {
            assert!(option.variable.is_some(), "{option}");
        }
    }

    #[test]
    fn an_entry_takes_a_value_if_and_only_if_it_names_one() {
        for (_, argument) in entries() {
            let has_value = !matches!(argument.kind, Kind::Switch | Kind::Help | Kind::Version);
            assert_eq!(argument.value_name.is_empty(), !has_value, "{argument}");
            assert!(!argument.is_scoped() || argument.is_repeated(), "{argument} takes a value for each NAME");
        }
    }

    #[test]
    fn each_word_that_a_shell_offers_is_a_value_of_its_option() {
        for (verb, argument) in entries() {
            let Completion::Words(words) = argument.completion else { continue };
            for word in words {
                let mut line = vec!["untrap".to_owned(), verb.name.to_owned()];
                line.retain(|part| !part.is_empty());
                if argument.is_option() {
                    line.push(argument.to_string());
                }
                line.push((*word).to_owned());
                let line: Vec<OsString> = line.into_iter().map(OsString::from).collect();
                assert!(parse(&line).is_ok(), "{line:?}");
            }
        }
    }

    #[track_caller]
    fn has_default<T: FromStr<Err: Debug> + PartialEq + Debug>(option: &str, value: &T) {
        let text = RUN.argument(option).and_then(|argument| argument.default).expect("it has a default");
        assert_eq!(&text.parse::<T>().unwrap(), value, "--{option}");
    }

    #[test]
    fn the_defaults_in_the_table_are_those_of_the_run() {
        let rules = Rules::default();
        has_default("shell", &Shell::default());
        has_default("wait-timeout", &rules.wait_timeout);
        has_default("timeout", &Timeout::default());
        has_default("on-exit", &OnExit::default());
        has_default("stop-order", &StopOrder::default());
        has_default("stop-delay", &Delay(rules.stop_delay));
        has_default("signal-to", &SignalTo::default());
        has_default("output", &OutputFormat::default());
        has_default("log-format", &LogFormat::default());
    }

    #[test]
    fn no_error_prints_a_value_that_may_be_secret() {
        let secret = "hunter2 'x";
        for (_, option) in entries().filter(|(_, argument)| argument.is_secret) {
            let line = ["untrap".to_owned(), option.to_string(), secret.to_owned(), "true".to_owned()];
            if let Err(error) = parse(&line.map(OsString::from)) {
                assert!(!error.to_string().contains("hunter2"), "{error}");
            }
        }
    }
}
