//! The one place where an option is defined; help, man page and completions come from here.
#![allow(clippy::doc_markdown, reason = "the comments of options are the help, as a terminal shows it")]

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Command, CommandFactory, Parser, ValueEnum};

use crate::output;

const USAGE: &str = "\
untrap [OPTIONS] COMMAND...
       untrap [OPTIONS] -- PROGRAM [ARG]...
       untrap [OPTIONS] -f PROCFILE [TYPE[=N]]...
       untrap                                     (runs ./Procfile)
       untrap check ... | untrap ps | untrap signal SIGNAL [NAME]...";

const NOTES: &str = "\
A COMMAND is one quoted argument. [NAME=] limits a value to one entry or process type. Each option has a variable,
UNTRAP_ and its long name, with commas between values. Exit status: of the entry whose end began the stop, else of the
first that ended badly, else 0; 2 wrong use, 124 waited in vain, 125 untrap failed, 126 not executable, 127 not found.
Examples: untrap -h. All of it: man untrap.
";

const EXAMPLES: &str = "\
Examples:
  untrap 'web: puma -p 3000' 'sidekiq'       two commands, stopped together
  untrap -f Procfile web=2 worker            two of web, one worker
  untrap -s nginx=QUIT -t 20s nginx php-fpm  another stop signal for nginx, more time for both
  untrap -- redis-server --port 6380         one program

All options, and the exit status: untrap --help.
";

/// The options that `-h` shows.
const MOST_USED: &[&str] =
    &["procfile", "env_file", "before", "wait_for", "timeout", "stop_signal", "on_exit", "output", "quiet", "help"];

/// Starts several commands, forwards signals to all of them, waits with a timeout, and reaps what they leave behind.
#[derive(Parser, Debug)]
#[command(name = "untrap", version, override_usage = USAGE, after_help = NOTES, term_width = 0)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub(super) struct Cli {
    /// Commands, each one quoted argument ('web: puma -p 3000'); with -f process types (web=2)
    #[arg(value_name = "COMMAND | TYPE[=N]", hide = true, hide_env = true, env = "UNTRAP_FORMATION")]
    pub(super) words: Vec<String>,

    /// One program and its arguments, taken as they are
    #[arg(last = true, value_name = "PROGRAM [ARG]...", hide = true)]
    pub(super) program: Vec<OsString>,

    #[command(flatten)]
    pub(super) entries: Entries,

    #[command(flatten)]
    pub(super) start: Start,

    #[command(flatten)]
    pub(super) ending: Ending,

    #[command(flatten)]
    pub(super) saying: Saying,

    #[command(flatten)]
    pub(super) other: Other,
}

/// What is run, and with what.
#[derive(Args, Debug)]
#[command(next_help_heading = "Entries")]
pub(super) struct Entries {
    /// Run this file's process types; '-' is standard input [default: ./Procfile]
    #[arg(short = 'f', long, value_name = "FILE", hide_env = true, env = "UNTRAP_PROCFILE")]
    pub(super) procfile: Option<PathBuf>,

    /// Set the variables of this file, unless they are set; later files win
    #[arg(short, long, value_name = "FILE", hide_env = true, env = "UNTRAP_ENV_FILE")]
    pub(super) env_file: Vec<String>,

    /// Set PORT: N, and 100 more for each next process type, 1 for each next instance
    #[arg(long, value_name = "N", hide_env = true, env = "UNTRAP_PORT")]
    pub(super) port: Option<String>,

    /// Run entries as this user
    #[arg(long, value_name = "[NAME=]USER[:GROUP]", hide_env = true, env = "UNTRAP_USER")]
    pub(super) user: Vec<String>,

    /// What runs a command that needs a shell; 'none' allows none [default: /bin/sh]
    #[arg(long, value_name = "PATH|none", hide_env = true, env = "UNTRAP_SHELL")]
    pub(super) shell: Option<String>,
}

/// What comes before an entry starts.
#[derive(Args, Debug)]
#[command(next_help_heading = "Start")]
pub(super) struct Start {
    /// Run to its end before the first entry starts, or a process type of the Procfile
    #[arg(long, value_name = "COMMAND", hide_env = true, env = "UNTRAP_BEFORE")]
    pub(super) before: Vec<String>,

    /// First wait for tcp://HOST:PORT, unix://PATH, file://PATH or exec:COMMAND
    #[arg(long, value_name = "TARGET", hide_env = true, env = "UNTRAP_WAIT_FOR")]
    pub(super) wait_for: Vec<String>,

    /// How long --wait-for and --ready wait [default: 60s]
    #[arg(long, value_name = "DURATION", hide_env = true, env = "UNTRAP_WAIT_TIMEOUT")]
    pub(super) wait_timeout: Option<String>,

    /// The next entry starts when TARGET is there
    #[arg(long, value_name = "[NAME=]TARGET", hide_env = true, env = "UNTRAP_READY")]
    pub(super) ready: Vec<String>,
}

/// Signals, and how the end goes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Signals and end")]
pub(super) struct Ending {
    /// From the start of the stop to SIGKILL; 0s: at once, inf: never [default: 8s]
    #[arg(short, long, value_name = "[NAME=]DURATION", hide_env = true, env = "UNTRAP_TIMEOUT")]
    pub(super) timeout: Vec<String>,

    /// Sent to an entry when the stop begins [default: what arrived, or TERM]
    #[arg(short, long, value_name = "[NAME=]SIGNAL", hide_env = true, env = "UNTRAP_STOP_SIGNAL")]
    pub(super) stop_signal: Vec<String>,

    /// At its end: stop (default), stop-on-failure, ignore, restart, restart-on-failure
    #[arg(long, value_name = "[NAME=]ACTION", hide_env = true, env = "UNTRAP_ON_EXIT")]
    pub(super) on_exit: Vec<String>,

    /// Stop at-once, or one by one: reverse or listed [default: at-once]
    #[arg(long, value_name = "ORDER", hide_env = true, env = "UNTRAP_STOP_ORDER")]
    pub(super) stop_order: Option<String>,

    /// Run instead of sending the stop signal; sees UNTRAP_PID and UNTRAP_NAME
    #[arg(long, value_name = "[NAME=]COMMAND", hide_env = true, env = "UNTRAP_STOP_COMMAND")]
    pub(super) stop_command: Vec<String>,

    /// Wait before telling anyone to stop [default: 0s]
    #[arg(long, value_name = "DURATION", hide_env = true, env = "UNTRAP_STOP_DELAY")]
    pub(super) stop_delay: Option<String>,

    /// Run after the last entry has ended; sees UNTRAP_EXIT_CODE and UNTRAP_SIGNAL
    #[arg(long, value_name = "COMMAND", hide_env = true, env = "UNTRAP_AFTER")]
    pub(super) after: Vec<String>,

    /// Receive FROM as TO; TO 'none' drops it
    #[arg(short, long, value_name = "FROM=TO", hide_env = true, env = "UNTRAP_REWRITE")]
    pub(super) rewrite: Vec<String>,

    /// Whom signals go to: auto (a shell: its group), leader or group [default: auto]
    #[arg(long, value_name = "[NAME=]WHOM", hide_env = true, env = "UNTRAP_SIGNAL_TO")]
    pub(super) signal_to: Vec<String>,

    /// End with status TO instead of FROM, for example 143=0
    #[arg(long, value_name = "FROM=TO", hide_env = true, env = "UNTRAP_EXIT_MAP")]
    pub(super) exit_map: Vec<String>,
}

/// What is said, and where it can be read.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub(super) struct Saying {
    /// raw, prefix (the name before each line) or json (an object a line) [default: raw]
    #[arg(long, value_name = "FORMAT", hide_env = true, env = "UNTRAP_OUTPUT")]
    pub(super) output: Option<output::Format>,

    /// With --output prefix: the time before each line
    #[arg(long, hide_env = true, env = "UNTRAP_TIMESTAMPS", value_parser = FalseyValueParser::new())]
    pub(super) timestamps: bool,

    /// How untrap's own messages are written: text, or JSON objects [default: text]
    #[arg(long, value_name = "text|json", hide_env = true, env = "UNTRAP_LOG_FORMAT")]
    pub(super) log_format: Vec<String>,

    /// Only messages about what went wrong
    #[arg(short, long, hide_env = true, env = "UNTRAP_QUIET", value_parser = FalseyValueParser::new(), conflicts_with = "verbose")]
    pub(super) quiet: bool,

    /// Also messages about orphans and other details
    #[arg(short, long, hide_env = true, env = "UNTRAP_VERBOSE", value_parser = FalseyValueParser::new())]
    pub(super) verbose: bool,

    /// Keep NAME.pid of each entry there, for 'untrap ps' and 'untrap signal'
    #[arg(long, value_name = "DIR", hide_env = true, env = "UNTRAP_PID_DIR")]
    pub(super) pid_dir: Option<PathBuf>,
}

/// What runs nothing.
#[derive(Args, Debug)]
#[command(next_help_heading = "Other options")]
pub(super) struct Other {
    /// Print the man page or a completion script
    #[arg(long, value_name = "man|bash|zsh|fish", hide_possible_values = true, exclusive = true)]
    pub(super) generate: Option<Page>,

    /// Print the most used options (-h) or all of them (--help)
    #[arg(short, long, action = ArgAction::HelpShort)]
    help: Option<bool>,

    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
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

/// The definition of the command line, for help, man page and completions.
#[must_use]
pub fn definition() -> Command {
    Cli::command()
}

/// The environment variables that set options. Entries don't inherit them.
pub fn environment_variables() -> impl Iterator<Item = OsString> {
    let variable = |argument: &clap::Arg| argument.get_env().map(OsString::from);
    definition().get_arguments().filter_map(variable).collect::<Vec<_>>().into_iter()
}

/// What `-h` prints: the options that most need, and how they are used.
pub(super) fn short_help() -> String {
    let rarely_used = |argument: &clap::Arg| !MOST_USED.contains(&argument.get_id().as_str());
    let definition = definition().mut_args(|argument| {
        let hidden = argument.is_hide_set() || rarely_used(&argument);
        argument.hide(hidden).help_heading(None)
    });
    definition.after_help(EXAMPLES).render_help().to_string()
}
