//! The table of verbs: what the first argument selects. A new verb is one entry here and its module.

use std::ffi::OsString;

use super::options::{
    Argument, COMMANDS, INFORMATION, Kind, OUTPUT, OptionGroup, PAGES, PID_DIR, SERVICES, SHUTDOWN, SIGNALS, START,
    find,
};
use super::values::OptionValues;
use super::{Request, UsageError, ps, signal};

/// A way to call untrap.
pub struct Verb {
    /// The first argument; empty for a run, which has no verb.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// The arguments of each of its forms, for the usage and the synopsis of the man page.
    pub forms: &'static [&'static str],
    /// Its options and positional arguments.
    pub groups: &'static [OptionGroup],
    /// Makes the request from the values.
    pub(super) read: fn(&OptionValues) -> Result<Request, UsageError>,
}

/// A call without a verb: runs services.
pub static RUN: Verb = Verb {
    name: "",
    about: "Starts several programs, forwards signals to them, stops them within a timeout, and reaps orphaned processes",
    forms: &[
        "[OPTIONS] COMMAND...",
        "[OPTIONS] [COMMAND...] -- PROGRAM [ARG]...",
        "[OPTIONS] -f PROCFILE [TYPE[=N]]...",
        "[OPTIONS] (runs ./Procfile)",
    ],
    groups: &[COMMANDS, SERVICES, START, SHUTDOWN, OUTPUT, PAGES, INFORMATION],
    read: super::read_run,
};

/// The verbs.
pub static VERBS: &[Verb] = &[
    Verb {
        name: "check",
        about: "Prints what would run, and runs nothing",
        forms: &["[OPTIONS] [COMMAND... | -f PROCFILE [TYPE[=N]]...] [-- PROGRAM [ARG]...]"],
        groups: &[
            OptionGroup {
                heading: "",
                arguments: &[Argument {
                    name: "no-resolve",
                    kind: Kind::Switch,
                    help: "Accept programs that do not exist yet, for example while an image is built",
                    ..Argument::UNSET
                }],
            },
            COMMANDS,
            SERVICES,
            START,
            SHUTDOWN,
            OUTPUT,
            INFORMATION,
        ],
        read: super::read_check,
    },
    Verb {
        name: "ps",
        about: "Shows the services of a running untrap, each with its whole process group",
        forms: &["[--pid-dir DIR] [--json]"],
        groups: &[OptionGroup {
            heading: "",
            arguments: &[
                PID_DIR,
                Argument {
                    name: "json",
                    kind: Kind::Switch,
                    help: "Print a JSON array, one object for each service",
                    details: "\
The keys of an object are name, state, pid, uptime_seconds, restarts, processes, cpu_seconds, memory_bytes and \
command. If a service is not running, all keys but the first two are null.",
                    ..Argument::UNSET
                },
            ],
        }],
        read: ps::read,
    },
    Verb {
        name: "signal",
        about: "Sends a signal to services of a running untrap, each with its whole process group",
        forms: &["[--pid-dir DIR] SIGNAL [NAME]..."],
        groups: &[OptionGroup {
            heading: "",
            arguments: &[
                Argument {
                    name: "signal",
                    kind: Kind::Word,
                    value_name: "SIGNAL",
                    help: "For example HUP, SIGUSR1, RTMIN+3 or 15",
                    completion: SIGNALS,
                    ..Argument::UNSET
                },
                Argument {
                    name: "names",
                    kind: Kind::Words,
                    value_name: "NAME",
                    default: Some("all services"),
                    help: "A service (web.2) or a process type (web)",
                    ..Argument::UNSET
                },
                PID_DIR,
            ],
        }],
        read: signal::read,
    },
];

impl Verb {
    /// The words that call it.
    #[must_use]
    pub fn call(&self) -> String {
        if self.is_run() { "untrap".to_owned() } else { format!("untrap {}", self.name) }
    }

    /// Whether its positional arguments are commands.
    pub(super) fn takes_commands(&self) -> bool {
        self.argument("program").is_some()
    }

    /// Whether it is a call without a verb.
    #[must_use]
    pub fn is_run(&self) -> bool {
        self.name.is_empty()
    }

    /// Its options and positional arguments.
    pub fn arguments(&self) -> impl Iterator<Item = &'static Argument> {
        self.groups.iter().flat_map(|group| group.arguments)
    }

    /// The option or positional argument of this name.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&'static Argument> {
        find(self.groups, name)
    }
}

/// Returns the verb of a command line, and the arguments after it. The first argument is the program's own name. Only
/// the second one can be a verb, so that an option or `--` before a word makes it a command.
pub(super) fn split(arguments: &[OsString]) -> (&'static Verb, &[OsString]) {
    let words = arguments.get(1..).unwrap_or_default();
    let verb = words.first().and_then(|word| VERBS.iter().find(|verb| word == verb.name));
    verb.map_or((&RUN, words), |verb| (verb, &words[1..]))
}
