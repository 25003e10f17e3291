//! The table of options: help, man page and completions are generated from it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{FalseyValueParser, OsStringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, Command, value_parser};

const ABOUT: &str =
    "Starts several programs, forwards signals to them, stops them within a timeout, and reaps orphaned processes";

const USAGE: &str = "\
untrap [OPTIONS] COMMAND...
       untrap [OPTIONS] -- PROGRAM [ARG]...
       untrap [OPTIONS] -f PROCFILE [TYPE[=N]]...
       untrap                                     (runs ./Procfile)
       untrap check ... | untrap ps | untrap signal SIGNAL [NAME]...";

const NOTES: &str = "\
A COMMAND is one quoted argument. [NAME=] limits a value to one service or process type. Each option has a variable:
UNTRAP_ and its long name, values separated by commas. Exit status: of the service whose exit began shutdown, else of
the first failure, else 0; 2 usage error, 124 timed out waiting, 125 internal error, 126 not executable, 127 not found.
Examples: untrap -h. Reference: man untrap.
";

const EXAMPLES: &str = "\
Examples:
  untrap 'web: puma -p 3000' 'sidekiq'       two commands, stopped together
  untrap -f Procfile web=2 worker            two of web, one worker
  untrap -s nginx=QUIT -t 20s nginx php-fpm  SIGQUIT stops nginx; both have 20 s to exit
  untrap -- redis-server --port 6380         one program

All options, and the exit status: untrap --help.
";

/// The options that `-h` shows.
const MOST_USED: &[&str] =
    &["procfile", "env-file", "before", "wait-for", "timeout", "stop-signal", "on-exit", "output", "quiet", "help"];

/// The variable of the positional arguments `TYPE[=N]`.
const FORMATION: &str = "UNTRAP_FORMATION";

/// All options, under their headings.
#[rustfmt::skip]
const OPTIONS: &[(&str, &[Opt])] = &[
    ("Services", &[
        path("procfile", "UNTRAP_PROCFILE", "FILE", "Run the process types of FILE; '-' reads standard input [default: ./Procfile]").short('f'),
        list("env-file", "UNTRAP_ENV_FILE", "FILE", "Set the variables of FILE unless they are set already; a later file wins").short('e'),
        once("port", "UNTRAP_PORT", "N", "Set PORT to N, plus 100 per process type and 1 per instance"),
        list("user", "UNTRAP_USER", "[NAME=]USER[:GROUP]", "Run services as USER"),
        once("shell", "UNTRAP_SHELL", "PATH|none", "Shell for commands that need one; 'none' refuses them [default: /bin/sh]"),
    ]),
    ("Start", &[
        list("before", "UNTRAP_BEFORE", "COMMAND", "Run a command, or a process type of the Procfile, before the first service starts"),
        list("wait-for", "UNTRAP_WAIT_FOR", "TARGET", "Wait first for tcp://HOST:PORT, unix://PATH, file://PATH or exec:COMMAND"),
        once("wait-timeout", "UNTRAP_WAIT_TIMEOUT", "DURATION", "Time limit of --wait-for and --ready [default: 60s]"),
        list("ready", "UNTRAP_READY", "[NAME=]TARGET", "Start the next service once TARGET is ready"),
    ]),
    ("Signals and end", &[
        list("timeout", "UNTRAP_TIMEOUT", "[NAME=]DURATION", "Time from the shutdown's start to SIGKILL; 0s: at once, inf: never [default: 8s]").short('t'),
        list("stop-signal", "UNTRAP_STOP_SIGNAL", "[NAME=]SIGNAL", "Signal that stops a service [default: the received signal, or TERM]").short('s'),
        list("on-exit", "UNTRAP_ON_EXIT", "[NAME=]ACTION", "On its exit: stop (default), stop-on-failure, ignore, restart, restart-on-failure"),
        once("stop-order", "UNTRAP_STOP_ORDER", "ORDER", "Stop services at-once, or one by one: reverse or listed [default: at-once]"),
        list("stop-command", "UNTRAP_STOP_COMMAND", "[NAME=]COMMAND", "Run instead of sending the stop signal, with UNTRAP_PID and UNTRAP_NAME set"),
        once("stop-delay", "UNTRAP_STOP_DELAY", "DURATION", "Delay before sending stop signals [default: 0s]"),
        list("after", "UNTRAP_AFTER", "COMMAND", "Run after the last service exits, with UNTRAP_EXIT_CODE and UNTRAP_SIGNAL set"),
        list("rewrite", "UNTRAP_REWRITE", "FROM=TO", "Handle signal FROM as signal TO; 'none' drops it").short('r'),
        list("signal-to", "UNTRAP_SIGNAL_TO", "[NAME=]MODE", "Signal the leader, the group, or auto: the group if the leader is a shell"),
        list("exit-map", "UNTRAP_EXIT_MAP", "FROM=TO", "Exit with status TO instead of FROM, for example 143=0"),
    ]),
    ("Output", &[
        once("output", "UNTRAP_OUTPUT", "FORMAT", "raw, prefix (name before each line) or json (one object per line) [default: raw]"),
        flag("timestamps", "UNTRAP_TIMESTAMPS", "Write the time before each line; needs --output prefix"),
        once("log-format", "UNTRAP_LOG_FORMAT", "text|json", "Format of untrap's own messages [default: text]"),
        flag("quiet", "UNTRAP_QUIET", "Print only errors and warnings").short('q'),
        flag("verbose", "UNTRAP_VERBOSE", "Also print messages about orphans and other details").short('v'),
        path("pid-dir", "UNTRAP_PID_DIR", "DIR", "Write NAME.pid for each service, for 'untrap ps' and 'untrap signal'"),
    ]),
    ("Other options", &[
        Opt { variable: None, ..once("generate", "", "man|bash|zsh|fish", "Print the man page or a completion script") },
        print("help", "Print the most used options (-h) or all options (--help)", ArgAction::HelpShort).short('h'),
        print("version", "Print the version", ArgAction::Version).short('V'),
    ]),
];

/// An option.
struct Opt {
    /// The long name, which is also clap's id.
    long: &'static str,
    short: Option<char>,
    /// The environment variable that sets the option.
    variable: Option<&'static str>,
    /// The name of the value in help texts, if the option takes a value.
    value_name: Option<&'static str>,
    /// Whether the value is a path, which may be invalid UTF-8.
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
}

/// The definition of the command line.
#[must_use]
pub fn definition() -> Command {
    let command = Command::new("untrap").version(env!("CARGO_PKG_VERSION")).about(ABOUT).override_usage(USAGE);
    let command = command.after_help(NOTES).term_width(0).disable_help_flag(true).disable_version_flag(true);
    let words = Arg::new("words").num_args(0..).env(FORMATION).value_name("COMMAND | TYPE[=N]");
    let words = words.help("Commands, each one quoted argument ('web: puma -p 3000'); with -f process types (web=2)");
    let program = Arg::new("program").num_args(0..).last(true).value_parser(value_parser!(OsString));
    let program = program.value_name("PROGRAM [ARG]...").help("One program and its arguments, taken as they are");
    let positional = [words, program].map(|argument| argument.hide(true).hide_env(true).action(ArgAction::Append));
    let options = OPTIONS.iter().flat_map(|(heading, options)| options.iter().map(|option| option.argument(heading)));
    command.args(positional).args(options)
}

fn options() -> impl Iterator<Item = &'static Opt> {
    OPTIONS.iter().flat_map(|(_, options)| options.iter())
}

/// The environment variables that set options. Services don't inherit them.
pub fn environment_variables() -> impl Iterator<Item = &'static str> {
    options().filter_map(|option| option.variable).chain([FORMATION])
}

/// The first variable that must be UTF-8 and is not.
pub(super) fn non_utf8_variable() -> Option<&'static str> {
    let utf8_options = options().filter(|option| !option.is_path);
    let is_invalid = |name: &&str| std::env::var_os(name).is_some_and(|value| value.to_str().is_none());
    utf8_options.filter_map(|option| option.variable).chain([FORMATION]).find(is_invalid)
}

/// The text of `-h`: the most used options and examples.
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
}
