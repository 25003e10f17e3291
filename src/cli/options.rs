//! The one place where an option is defined; help, man page and completions come from here.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::builder::{FalseyValueParser, OsStringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, Command, value_parser};

const ABOUT: &str =
    "Starts several commands, forwards signals to all of them, waits with a timeout, and reaps what they leave behind";

const USAGE: &str = "\
untrap [OPTIONS] COMMAND...
       untrap [OPTIONS] -- PROGRAM [ARG]...
       untrap [OPTIONS] -f PROCFILE [TYPE[=N]]...
       untrap                                     (runs ./Procfile)
       untrap check ... | untrap ps | untrap signal SIGNAL [NAME]...";

const NOTES: &str = "\
A COMMAND is one quoted argument. [NAME=] limits a value to one service or process type. Each option has a variable,
UNTRAP_ and its long name, with commas between values. Exit status: of the service whose end began the stop, else of the
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
    &["procfile", "env-file", "before", "wait-for", "timeout", "stop-signal", "on-exit", "output", "quiet", "help"];

/// What sets the words that are no options.
const FORMATION: &str = "UNTRAP_FORMATION";

/// All options, under their headings.
#[rustfmt::skip]
const OPTIONS: &[(&str, &[Opt])] = &[
    ("Services", &[
        path("procfile", "UNTRAP_PROCFILE", "FILE", "Run this file's process types; '-' is standard input [default: ./Procfile]").short('f'),
        list("env-file", "UNTRAP_ENV_FILE", "FILE", "Set the variables of this file, unless they are set; later files win").short('e'),
        once("port", "UNTRAP_PORT", "N", "Set PORT: N, and 100 more for each next process type, 1 for each next instance"),
        list("user", "UNTRAP_USER", "[NAME=]USER[:GROUP]", "Run services as this user"),
        once("shell", "UNTRAP_SHELL", "PATH|none", "What runs a command that needs a shell; 'none' allows none [default: /bin/sh]"),
    ]),
    ("Start", &[
        list("before", "UNTRAP_BEFORE", "COMMAND", "Run to its end before the first service starts, or a process type of the Procfile"),
        list("wait-for", "UNTRAP_WAIT_FOR", "TARGET", "First wait for tcp://HOST:PORT, unix://PATH, file://PATH or exec:COMMAND"),
        once("wait-timeout", "UNTRAP_WAIT_TIMEOUT", "DURATION", "How long --wait-for and --ready wait [default: 60s]"),
        list("ready", "UNTRAP_READY", "[NAME=]TARGET", "The next service starts when TARGET is there"),
    ]),
    ("Signals and end", &[
        list("timeout", "UNTRAP_TIMEOUT", "[NAME=]DURATION", "From the start of the stop to SIGKILL; 0s: at once, inf: never [default: 8s]").short('t'),
        list("stop-signal", "UNTRAP_STOP_SIGNAL", "[NAME=]SIGNAL", "Sent to a service when the stop begins [default: what arrived, or TERM]").short('s'),
        list("on-exit", "UNTRAP_ON_EXIT", "[NAME=]ACTION", "At its end: stop (default), stop-on-failure, ignore, restart, restart-on-failure"),
        once("stop-order", "UNTRAP_STOP_ORDER", "ORDER", "Stop at-once, or one by one: reverse or listed [default: at-once]"),
        list("stop-command", "UNTRAP_STOP_COMMAND", "[NAME=]COMMAND", "Run instead of sending the stop signal; sees UNTRAP_PID and UNTRAP_NAME"),
        once("stop-delay", "UNTRAP_STOP_DELAY", "DURATION", "Wait before telling anyone to stop [default: 0s]"),
        list("after", "UNTRAP_AFTER", "COMMAND", "Run after the last service has ended; sees UNTRAP_EXIT_CODE and UNTRAP_SIGNAL"),
        list("rewrite", "UNTRAP_REWRITE", "FROM=TO", "Receive FROM as TO; TO 'none' drops it").short('r'),
        list("signal-to", "UNTRAP_SIGNAL_TO", "[NAME=]WHOM", "Whom signals go to: auto (a shell: its group), leader or group [default: auto]"),
        list("exit-map", "UNTRAP_EXIT_MAP", "FROM=TO", "End with status TO instead of FROM, for example 143=0"),
    ]),
    ("Output", &[
        once("output", "UNTRAP_OUTPUT", "FORMAT", "raw, prefix (the name before each line) or json (an object a line) [default: raw]"),
        flag("timestamps", "UNTRAP_TIMESTAMPS", "With --output prefix: the time before each line"),
        once("log-format", "UNTRAP_LOG_FORMAT", "text|json", "How untrap's own messages are written: text, or JSON objects [default: text]"),
        flag("quiet", "UNTRAP_QUIET", "Only messages about what went wrong").short('q'),
        flag("verbose", "UNTRAP_VERBOSE", "Also messages about orphans and other details").short('v'),
        path("pid-dir", "UNTRAP_PID_DIR", "DIR", "Keep NAME.pid of each service there, for 'untrap ps' and 'untrap signal'"),
    ]),
    ("Other options", &[
        Opt { variable: None, ..once("generate", "", "man|bash|zsh|fish", "Print the man page or a completion script") },
        print("help", "Print the most used options (-h) or all of them (--help)", ArgAction::HelpShort).short('h'),
        print("version", "Print the version", ArgAction::Version).short('V'),
    ]),
];

/// An option.
struct Opt {
    /// Its long name, which is also what its matches are found by.
    long: &'static str,
    short: Option<char>,
    /// The environment variable that sets it too.
    variable: Option<&'static str>,
    /// What its value is called, where it takes one.
    value_name: Option<&'static str>,
    /// Whether the value is a path, which need not be text.
    is_path: bool,
    action: ArgAction,
    help: &'static str,
}

const fn print(long: &'static str, help: &'static str, action: ArgAction) -> Opt {
    Opt { long, short: None, variable: None, value_name: None, is_path: false, action, help }
}

const fn flag(long: &'static str, variable: &'static str, help: &'static str) -> Opt {
    Opt { variable: Some(variable), ..print(long, help, ArgAction::SetTrue) }
}

const fn list(long: &'static str, variable: &'static str, value_name: &'static str, help: &'static str) -> Opt {
    Opt { variable: Some(variable), value_name: Some(value_name), ..print(long, help, ArgAction::Append) }
}

const fn once(long: &'static str, variable: &'static str, value_name: &'static str, help: &'static str) -> Opt {
    Opt { action: ArgAction::Set, ..list(long, variable, value_name, help) }
}

const fn path(long: &'static str, variable: &'static str, value_name: &'static str, help: &'static str) -> Opt {
    Opt { is_path: true, ..once(long, variable, value_name, help) }
}

impl Opt {
    const fn short(self, short: char) -> Self {
        Self { short: Some(short), ..self }
    }

    fn argument(&self, heading: &'static str) -> Arg {
        let argument = Arg::new(self.long).long(self.long).short(self.short).action(self.action.clone());
        let argument = argument.help(self.help).help_heading(heading).value_name(self.value_name);
        let argument = argument.env(self.variable).hide_env(true);
        match self.action {
            ArgAction::SetTrue => argument.value_parser(FalseyValueParser::new()),
            _ if self.is_path => argument.value_parser(OsStringValueParser::new().map(PathBuf::from)),
            _ => argument,
        }
    }

    /// Whether this argument may name it, alone or among other letters.
    fn may_be(&self, argument: &OsStr) -> bool {
        match argument.as_bytes() {
            [b'-', b'-', long @ ..] => long.split(|byte| *byte == b'=').next() == Some(self.long.as_bytes()),
            [b'-', letters @ ..] => self.short.is_some_and(|short| letters.contains(&(short as u8))),
            _ => false,
        }
    }

    fn is_set(&self) -> bool {
        self.variable.is_some_and(|variable| std::env::var_os(variable).is_some())
    }
}

/// The definition of the command line, for help, man page and completions.
#[must_use]
pub fn definition() -> Command {
    with_options(|_| true)
}

/// The definition without the options that neither the arguments nor the environment name. It reads these arguments as
/// the whole does, unless they are wrong or ask for help; to define all options takes longer than all else before the
/// start.
pub(super) fn definition_for(arguments: &[OsString]) -> Command {
    with_options(|option| option.is_set() || arguments.iter().any(|argument| option.may_be(argument)))
}

fn with_options(is_wanted: impl Fn(&Opt) -> bool) -> Command {
    let command = Command::new("untrap").version(env!("CARGO_PKG_VERSION")).about(ABOUT).override_usage(USAGE);
    let command = command.after_help(NOTES).term_width(0).disable_help_flag(true).disable_version_flag(true);
    let words = Arg::new("words").num_args(0..).env(FORMATION).value_name("COMMAND | TYPE[=N]");
    let words = words.help("Commands, each one quoted argument ('web: puma -p 3000'); with -f process types (web=2)");
    let program = Arg::new("program").num_args(0..).last(true).value_parser(value_parser!(OsString));
    let program = program.value_name("PROGRAM [ARG]...").help("One program and its arguments, taken as they are");
    let positional = [words, program].map(|argument| argument.hide(true).hide_env(true).action(ArgAction::Append));
    let wanted = OPTIONS.iter().flat_map(|(heading, options)| options.iter().map(move |option| (heading, option)));
    let wanted = wanted.filter(|(_, option)| is_wanted(option)).map(|(heading, option)| option.argument(heading));
    command.args(positional).args(wanted)
}

fn options() -> impl Iterator<Item = &'static Opt> {
    OPTIONS.iter().flat_map(|(_, options)| options.iter())
}

/// The environment variables that set options. Services don't inherit them.
pub fn environment_variables() -> impl Iterator<Item = &'static str> {
    options().filter_map(|option| option.variable).chain([FORMATION])
}

/// The variable of an option that must be text and is not.
pub(super) fn variable_that_is_no_text() -> Option<&'static str> {
    let of_text = options().filter(|option| !option.is_path);
    let is_no_text = |name: &&str| std::env::var_os(name).is_some_and(|value| value.to_str().is_none());
    of_text.filter_map(|option| option.variable).chain([FORMATION]).find(is_no_text)
}

/// What `-h` prints: the options that most need, and how they are used.
pub(super) fn short_help() -> String {
    let rarely_used = |argument: &Arg| !MOST_USED.contains(&argument.get_id().as_str());
    let definition = definition().mut_args(|argument| {
        let hidden = argument.is_hide_set() || rarely_used(&argument);
        argument.hide(hidden).help_heading(None)
    });
    definition.after_help(EXAMPLES).render_help().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_accepts_the_definition() {
        definition().debug_assert();
    }

    #[test]
    fn a_variable_is_named_as_its_option_is() {
        for option in options() {
            let variable = format!("UNTRAP_{}", option.long.replace('-', "_").to_uppercase());
            assert!(option.variable.is_none_or(|named| named == variable), "{variable}");
        }
    }

    #[test]
    fn a_command_line_needs_the_options_that_it_may_name() {
        let needed = |arguments: &[&str]| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            let definition = definition_for(&arguments);
            let options = definition.get_arguments().filter(|argument| !argument.is_positional());
            options.map(|option| option.get_id().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(needed(&["web", "--", "-"]), [""; 0]);
        assert_eq!(needed(&["--timeout=8s", "--stop", "--exit-map"]), ["timeout", "exit-map"]);
        assert_eq!(needed(&["-qt8s"]), ["timeout", "stop-signal", "quiet"], "the s may be an option, or a value");
    }
}
