//! The table of options and positional arguments. The parser, its messages, the help, the man page, the completions and
//! the table in README are made from it.
//!
//! A new option is one entry here and its use in `read_settings`.

use std::fmt;

/// An option, or a positional argument.
#[derive(Debug)]
pub struct Argument {
    /// The long name of the option, or the id of the positional argument.
    pub name: &'static str,
    /// The short name.
    pub short: Option<char>,
    /// What it takes.
    pub kind: Kind,
    /// The name of the value in help texts; empty if there is no value. If it begins with [`SCOPE`], the value can
    /// differ between services.
    pub value_name: &'static str,
    /// The environment variable that sets it.
    pub variable: Option<&'static str>,
    /// The text of the default, for help texts.
    pub default: Option<&'static str>,
    /// The line in the help.
    pub help: &'static str,
    /// What the man page says in addition: paragraphs, separated by blank lines.
    pub details: &'static str,
    /// What a shell completes the value to.
    pub completion: Completion,
    /// Whether the value may contain a password. No error prints it.
    pub is_secret: bool,
    /// Whether `-h` shows it too.
    pub is_common: bool,
    /// Whether the help leaves it out because the usage already shows it.
    pub is_hidden: bool,
}

/// What an [`Argument`] takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An option without a value.
    Switch,
    /// An option with one value.
    Value,
    /// An option with one path, which need not be UTF-8.
    Path,
    /// An option that may repeat. Its variable holds values separated by commas.
    List,
    /// The option that prints the help.
    Help,
    /// The option that prints the version.
    Version,
    /// A required positional argument.
    Word,
    /// All positional arguments that remain.
    Words,
    /// All arguments after `--`, which need not be UTF-8.
    Program,
}

/// What a shell completes a value to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Completion {
    /// Nothing that is known in advance.
    Unknown,
    /// A file.
    File,
    /// A directory.
    Directory,
    /// One of these words.
    Words(&'static [&'static str]),
}

/// Options with a common heading.
#[derive(Debug)]
pub struct OptionGroup {
    /// The heading in help texts; empty for that of clap.
    pub heading: &'static str,
    /// The options, in the order of the help.
    pub arguments: &'static [Argument],
}

/// Returns the entry of this name.
#[must_use]
pub(super) fn find(groups: &'static [OptionGroup], name: &str) -> Option<&'static Argument> {
    groups.iter().flat_map(|group| group.arguments).find(|argument| argument.name == name)
}

/// What the name of a value begins with if services can have different values.
pub const SCOPE: &str = "[NAME=]";

impl Argument {
    /// The fields that most entries leave unset.
    pub(super) const UNSET: Self = Self {
        name: "",
        short: None,
        kind: Kind::Switch,
        value_name: "",
        variable: None,
        default: None,
        help: "",
        details: "",
        completion: Completion::Unknown,
        is_secret: false,
        is_common: false,
        is_hidden: false,
    };

    /// Whether it is an option, not a positional argument.
    #[must_use]
    pub fn is_option(&self) -> bool {
        !matches!(self.kind, Kind::Word | Kind::Words | Kind::Program)
    }

    /// Whether it may have several values.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        matches!(self.kind, Kind::List | Kind::Words | Kind::Program)
    }

    /// Whether services can have different values.
    #[must_use]
    pub fn is_scoped(&self) -> bool {
        self.value_name.starts_with(SCOPE)
    }

    /// The line in the help, with the default.
    #[must_use]
    pub fn help_with_default(&self) -> String {
        match self.default {
            Some(default) => format!("{} [default: {default}]", self.help),
            None => self.help.to_owned(),
        }
    }
}

impl fmt::Display for Argument {
    /// Writes the name in messages: `--timeout`, or `SIGNAL`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_option() { write!(f, "--{}", self.name) } else { f.write_str(self.value_name) }
    }
}

/// The signals that servers are usually sent.
pub(super) const SIGNALS: Completion = Completion::Words(&[
    "TERM", "HUP", "INT", "QUIT", "USR1", "USR2", "WINCH", "CONT", "STOP", "TSTP", "ALRM", "ABRT", "KILL",
]);

/// `--pid-dir`, of a run and of the verbs that look at one.
pub(super) const PID_DIR: Argument = Argument {
    name: "pid-dir",
    kind: Kind::Path,
    value_name: "DIR",
    variable: Some("UNTRAP_PID_DIR"),
    help: "Directory of a file NAME.pid for each service, for 'untrap ps' and 'untrap signal'",
    details: "\
The directory is created if it is missing (mode 0755). The run writes one file per service, NAME.pid, which exists as \
long as the process group of the service has a process, and untrap.pid for itself. It removes the files when it exits. \
A tmpfs is recommended.

If the directory cannot be created or written, or if another untrap uses it, untrap reports an error and starts \
nothing. Files of an untrap that was killed are replaced; the file of a process that still runs is an error. A later \
write error is a warning. With a pid directory no service can be named 'untrap'.",
    completion: Completion::Directory,
    ..Argument::UNSET
};

/// The positional arguments of a run, which its usage shows.
pub(super) const COMMANDS: OptionGroup = OptionGroup {
    heading: "",
    arguments: &[
        Argument {
            name: "words",
            kind: Kind::Words,
            value_name: "COMMAND | TYPE[=N]",
            variable: Some("UNTRAP_FORMATION"),
            help: "Commands, each one quoted argument ('web: puma -p 3000'); with -f process types (web=2)",
            is_hidden: true,
            ..Argument::UNSET
        },
        Argument {
            name: "program",
            kind: Kind::Program,
            value_name: "PROGRAM [ARG]...",
            help: "One program and its arguments, taken as they are; beside commands it has standard input",
            is_hidden: true,
            ..Argument::UNSET
        },
    ],
};

/// Options about the services and their environment.
pub(super) const SERVICES: OptionGroup = OptionGroup {
    heading: "Services and start",
    arguments: &[
        Argument {
            name: "procfile",
            short: Some('f'),
            kind: Kind::Path,
            value_name: "FILE",
            variable: Some("UNTRAP_PROCFILE"),
            default: Some("./Procfile"),
            help: "Run the process types of FILE; '-' reads standard input",
            completion: Completion::File,
            is_common: true,
            ..Argument::UNSET
        },
        Argument {
            name: "env-file",
            short: Some('e'),
            kind: Kind::List,
            value_name: "[NAME=][?]FILE",
            variable: Some("UNTRAP_ENV_FILE"),
            help: "Set the variables of FILE unless they are set already; '?': if it exists",
            details: "\
untrap's own environment wins, then the files with NAME=, which set the variables of single services, then a later \
file over an earlier one. Write './' before a file name that contains '=' or begins with '?'.

A line is NAME=VALUE, as python-dotenv reads it. An unquoted value is the rest of the line, without a comment (a blank, \
then '#') and surrounding blanks. Double quotes know \\n, \\r, \\t, \\\\, \\\" and \\$; single quotes keep the text as it \
is; both may span lines. ${NAME}, ${NAME:-word} and ${NAME-word} are expanded outside single quotes, $NAME is not. \
'untrap check' shows where an unquoted value is not the text of its line.",
            completion: Completion::File,
            is_common: true,
            ..Argument::UNSET
        },
        Argument {
            name: "secret",
            kind: Kind::List,
            value_name: "VARIABLE[=FILE]",
            variable: Some("UNTRAP_SECRET"),
            help: "Set VARIABLE to the content of FILE, or of the file that VARIABLE_FILE names",
            details: "\
The file is read once, as untrap's own user, before anything starts; one final newline is taken off. VARIABLE_FILE is \
removed from the environment of the services. It is an error if VARIABLE is set already. The value is in no message, \
and 'untrap check' does not show it. A command that expands it has it among its arguments, which other processes can \
see.",
            completion: Completion::Unknown,
            is_secret: true,
            ..Argument::UNSET
        },
        Argument {
            name: "cwd",
            kind: Kind::List,
            value_name: "[NAME=]DIR",
            variable: Some("UNTRAP_CWD"),
            default: Some("where untrap runs"),
            help: "Working directory of services",
            details: "\
The readiness check and the stop command of a service run there too; without NAME= also the commands of --before, \
--after and --wait-for. PWD is set to it. The directory is entered as the user of the service. Files that options name \
are looked up where untrap runs.",
            completion: Completion::Directory,
            ..Argument::UNSET
        },
        Argument {
            name: "port",
            kind: Kind::Value,
            value_name: "N",
            variable: Some("UNTRAP_PORT"),
            help: "Set PORT to N, plus 100 per process type and 1 per instance",
            details: "With --port 5000 the services web.1, web.2 and worker.1 have the ports 5000, 5001 and 5100.",
            ..Argument::UNSET
        },
        Argument {
            name: "stdin",
            kind: Kind::Value,
            value_name: "NAME|none",
            variable: Some("UNTRAP_STDIN"),
            default: Some("the only one"),
            help: "Service that has standard input; the others read /dev/null",
            details: "\
The service can use the terminal, too. A program after '--' has standard input unless --stdin is none.",
            ..Argument::UNSET
        },
        Argument {
            name: "user",
            kind: Kind::List,
            value_name: "[NAME=]USER[:GROUP]",
            variable: Some("UNTRAP_USER"),
            help: "Run services as USER",
            details: "\
Sets the user, the group and the supplementary groups from /etc/passwd and /etc/group (only GROUP if it is given), and \
HOME, USER and LOGNAME. Numeric IDs need neither file; a number without an entry there is its own group too. Commands \
of --before, --after, --stop-command and exec: run as untrap's own user.",
            ..Argument::UNSET
        },
        Argument {
            name: "shell",
            kind: Kind::Value,
            value_name: "PATH|none",
            variable: Some("UNTRAP_SHELL"),
            default: Some("/bin/sh"),
            help: "Shell for commands that need one; 'none' refuses them",
            completion: Completion::File,
            ..Argument::UNSET
        },
    ],
};

/// Options about the start.
pub(super) const START: OptionGroup = OptionGroup {
    heading: "Services and start",
    arguments: &[
        Argument {
            name: "before",
            kind: Kind::List,
            value_name: "COMMAND",
            variable: Some("UNTRAP_BEFORE"),
            help: "Run a command, or a process type of the Procfile, before the first service starts",
            details: "May repeat; each command must exit with 0 before the next one starts.",
            is_secret: true,
            is_common: true,
            ..Argument::UNSET
        },
        Argument {
            name: "wait-for",
            kind: Kind::List,
            value_name: "TARGET",
            variable: Some("UNTRAP_WAIT_FOR"),
            help: "Wait first for tcp://HOST:PORT, unix://PATH, file://PATH or exec:COMMAND",
            details: "\
tcp:// and unix:// require a connection, file:// requires a file, exec: requires a command that exits with 0. A check \
takes at most 5 s and is repeated after 100 ms until --wait-timeout.",
            is_secret: true,
            is_common: true,
            ..Argument::UNSET
        },
        Argument {
            name: "wait-timeout",
            kind: Kind::Value,
            value_name: "DURATION",
            variable: Some("UNTRAP_WAIT_TIMEOUT"),
            default: Some("60s"),
            help: "Time limit of --wait-for and --ready",
            ..Argument::UNSET
        },
        Argument {
            name: "ready",
            kind: Kind::List,
            value_name: "[NAME=]TARGET",
            variable: Some("UNTRAP_READY"),
            help: "Start the next service once TARGET is ready",
            details: "\
The targets and the checks are those of --wait-for. If a service exits before it is ready, --on-exit applies, and \
untrap does not wait for it any longer.",
            is_secret: true,
            ..Argument::UNSET
        },
    ],
};

/// Options about signals, exits and the shutdown.
pub(super) const SHUTDOWN: OptionGroup = OptionGroup {
    heading: "Signals and shutdown",
    arguments: &[
        Argument {
            name: "timeout",
            short: Some('t'),
            kind: Kind::List,
            value_name: "[NAME=]DURATION",
            variable: Some("UNTRAP_TIMEOUT"),
            default: Some("8s"),
            help: "Time from the shutdown's start to SIGKILL; 0s: at once, inf: never",
            is_common: true,
            ..Argument::UNSET
        },
        Argument {
            name: "stop-signal",
            short: Some('s'),
            kind: Kind::List,
            value_name: "[NAME=]SIGNAL",
            variable: Some("UNTRAP_STOP_SIGNAL"),
            default: Some("the received signal, or TERM"),
            help: "Signal that stops a service",
            completion: SIGNALS,
            is_common: true,
            ..Argument::UNSET
        },
        Argument {
            name: "on-exit",
            kind: Kind::List,
            value_name: "[NAME=]ACTION",
            variable: Some("UNTRAP_ON_EXIT"),
            default: Some("stop"),
            help: "stop, stop-on-failure, ignore, restart or restart-on-failure",
            details: "\
With stop, the exit of the service begins the shutdown. With ignore, the other services run on. With restart, the \
service is started again after it has exited and its process group is empty: remaining processes of the group are sent \
the stop signal, and SIGKILL after the stop timeout. stop-on-failure and restart-on-failure act on a failure only: a \
status other than 0, or death by a signal. After another exit they act like ignore.

The backoff before a restart doubles from 100 ms to 30 s, plus a random part of up to a quarter, and is reset after \
60 s of running. A failure that led to a restart does not affect the exit status.",
            completion: Completion::Words(&["stop", "stop-on-failure", "ignore", "restart", "restart-on-failure"]),
            is_common: true,
            ..Argument::UNSET
        },
        Argument {
            name: "stop-order",
            kind: Kind::Value,
            value_name: "ORDER",
            variable: Some("UNTRAP_STOP_ORDER"),
            default: Some("at-once"),
            help: "Stop services at-once, or one by one: reverse or listed",
            details: "\
With reverse or listed, each service must exit before the next one is stopped, and the stop timeout applies to the \
whole shutdown: a service that still runs then is sent SIGKILL, even if it has not been sent its stop signal.",
            completion: Completion::Words(&["at-once", "reverse", "listed"]),
            ..Argument::UNSET
        },
        Argument {
            name: "stop-command",
            kind: Kind::List,
            value_name: "[NAME=]COMMAND",
            variable: Some("UNTRAP_STOP_COMMAND"),
            help: "Run instead of sending the stop signal, with UNTRAP_PID and UNTRAP_NAME set",
            details: "If the command fails, the stop signal is sent.",
            is_secret: true,
            ..Argument::UNSET
        },
        Argument {
            name: "stop-delay",
            kind: Kind::List,
            value_name: "[NAME=]DURATION",
            variable: Some("UNTRAP_STOP_DELAY"),
            default: Some("0s"),
            help: "Delay before sending stop signals",
            details: "A value with a NAME is checked and not active yet: a run refuses it.",
            ..Argument::UNSET
        },
        Argument {
            name: "after",
            kind: Kind::List,
            value_name: "COMMAND",
            variable: Some("UNTRAP_AFTER"),
            help: "Run after the last service exits, with UNTRAP_EXIT_CODE and UNTRAP_SIGNAL set",
            details: "\
May repeat. The commands run one by one after every other process has exited, if anything was started. Each one has \
its own stop timeout. A failure of such a command changes the exit status only if it is 0. UNTRAP_SIGNAL (TERM) is set \
if a signal began the shutdown.",
            is_secret: true,
            ..Argument::UNSET
        },
        Argument {
            name: "rewrite",
            short: Some('r'),
            kind: Kind::List,
            value_name: "[NAME=]FROM=TO",
            variable: Some("UNTRAP_REWRITE"),
            help: "Handle signal FROM as signal TO; 'none' drops it",
            details: "\
Of two '=' the first one ends the NAME: web=HUP=USR1. A value with a NAME is checked and not active yet: a run refuses it.",
            ..Argument::UNSET
        },
        Argument {
            name: "signal-to",
            kind: Kind::List,
            value_name: "[NAME=]MODE",
            variable: Some("UNTRAP_SIGNAL_TO"),
            default: Some("auto"),
            help: "Signal leader, group, or auto: the group if the leader is a shell",
            details: "\
A program with workers manages them itself, so auto signals the leader alone. A shell does not forward signals, so \
auto signals its whole process group.",
            completion: Completion::Words(&["auto", "leader", "group"]),
            ..Argument::UNSET
        },
        Argument {
            name: "exit-map",
            kind: Kind::List,
            value_name: "[NAME=]FROM=TO",
            variable: Some("UNTRAP_EXIT_MAP"),
            help: "Exit with status TO instead of FROM, for example 143=0",
            details: "\
It is applied to the exit status of the run, last. Of two '=' the first one ends the NAME: web=143=0. A value with a \
NAME is checked and not active yet: a run refuses it.",
            ..Argument::UNSET
        },
    ],
};

/// Options about the output of the services and untrap's own messages.
pub(super) const OUTPUT: OptionGroup = OptionGroup {
    heading: "Output and other options",
    arguments: &[
        Argument {
            name: "output",
            kind: Kind::Value,
            value_name: "FORMAT",
            variable: Some("UNTRAP_OUTPUT"),
            default: Some("raw"),
            help: "raw, prefix (name before each line) or json (one object per line)",
            details: "\
With raw, services write directly to untrap's standard output and standard error. With prefix, each line begins with \
the name of the service, padded, and coloured on a terminal (NO_COLOR and CLICOLOR_FORCE are honoured). With json, \
each line is an object with the keys time, name, pid, stream and message. untrap's own messages have the same form and \
the name untrap.",
            completion: Completion::Words(&["raw", "prefix", "json"]),
            is_common: true,
            ..Argument::UNSET
        },
        Argument {
            name: "timestamps",
            kind: Kind::Switch,
            variable: Some("UNTRAP_TIMESTAMPS"),
            help: "Write the time before each line; needs --output prefix",
            ..Argument::UNSET
        },
        Argument {
            name: "log-format",
            kind: Kind::Value,
            value_name: "text|json",
            variable: Some("UNTRAP_LOG_FORMAT"),
            default: Some("text"),
            help: "Format of untrap's own messages",
            details: "\
With json, each message is a JSON object with the keys version (of the schema, 1), time (RFC 3339, UTC), level (error, \
also with -q; info; debug, only with -v), event, message (the text) and, if it concerns a service or a process, name \
and pid. Events are launched, started, start-failed, signal-received, delaying, exited, restarting, killed, gave-up, waiting, \
ready, wait-timeout, stop-command-failed, leftovers, leftover, orphan, not-signalled, pid-file, output-lost, \
shared-name, env-file, warning, system-error, exit, and failure, after which untrap starts nothing.",
            completion: Completion::Words(&["text", "json"]),
            ..Argument::UNSET
        },
        Argument {
            name: "quiet",
            short: Some('q'),
            kind: Kind::Switch,
            variable: Some("UNTRAP_QUIET"),
            help: "Print only errors and warnings",
            is_common: true,
            ..Argument::UNSET
        },
        Argument {
            name: "verbose",
            short: Some('v'),
            kind: Kind::Switch,
            variable: Some("UNTRAP_VERBOSE"),
            help: "Also print messages about orphans and other details",
            ..Argument::UNSET
        },
        PID_DIR,
    ],
};

/// The option that prints a page instead of running services.
pub(super) const PAGES: OptionGroup = OptionGroup {
    heading: OUTPUT.heading,
    arguments: &[Argument {
        name: "generate",
        kind: Kind::Value,
        value_name: "man|bash|zsh|fish",
        help: "Print the man page or a completion script",
        completion: Completion::Words(&["man", "bash", "zsh", "fish"]),
        ..Argument::UNSET
    }],
};

/// Options that print something about untrap.
pub(super) const INFORMATION: OptionGroup = OptionGroup {
    heading: OUTPUT.heading,
    arguments: &[
        Argument {
            name: "help",
            short: Some('h'),
            kind: Kind::Help,
            help: "Print the most used options (-h) or all options (--help)",
            is_common: true,
            ..Argument::UNSET
        },
        Argument {
            name: "version",
            short: Some('V'),
            kind: Kind::Version,
            help: "Print the version",
            ..Argument::UNSET
        },
    ],
};
