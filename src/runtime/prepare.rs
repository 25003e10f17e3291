//! Before the first start: what the plan says, turned into what the loop needs, and all that can fail beforehand.

use std::collections::VecDeque;
use std::ffi::{CString, OsString};
use std::io;

use super::{Process, Runtime};
use crate::cli::{self, Style};
use crate::command::Command;
use crate::hook::Task;
use crate::pid_dir::PidDir;
use crate::plan::Plan;
use crate::policy::{Policy, Role, Rules};
use crate::report::Report;
use crate::supervisor::Supervisor;
use crate::sys::child;
use crate::sys::probe::Probe;
use crate::sys::signals::Signals;
use crate::sys::spawn::{Program, Spawner};
use crate::sys::terminal::Terminal;
use crate::target::Target;
use crate::user::{self, Identity, User};

/// What runs a line that needs a shell.
const SHELL: &str = "/bin/sh";

/// Why nothing was started.
#[derive(Debug)]
pub enum Error {
    /// A user that there isn't.
    User(user::Error),
    /// untrap could not prepare itself.
    Preparation(io::Error),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Preparation(error)
    }
}

/// Runs the plan to its end, and gives the exit status. PIDs are written to `pid_dir`, if there is one.
///
/// # Errors
/// See [`Error`]; nothing was started.
pub fn run(plan: Plan, rules: Rules, style: Style, pid_dir: Option<PidDir>, signals: Signals) -> Result<u8, Error> {
    let alone = plan.entries.len() == 1;
    let background = !alone || !plan.hooks.is_empty();
    let parts: Vec<(Role, Policy)> = plan.parts().collect();
    let mut names = Vec::with_capacity(parts.len());
    let mut works = Vec::with_capacity(parts.len());
    for entry in plan.entries {
        names.push((entry.name.to_string(), entry.command.program_path().unwrap_or_else(|| SHELL.to_owned())));
        let identity = entry.user.as_ref().map(identity).transpose().map_err(Error::User)?;
        works.push(Work::Program(Program {
            words: entry.command.into_words(SHELL),
            variables: identity.as_ref().map(user_variables).unwrap_or_default(),
            identity,
            foreground: alone,
        }));
    }
    for hook in plan.hooks {
        let (program, work) = match hook.task {
            Task::Command(command) | Task::Probe(Target::Exec(command)) => (command.program_path(), command.into()),
            Task::Probe(Target::Tcp { host, port }) => (None, Work::Probe(Probe::Tcp(host, port))),
            Task::Probe(Target::Unix(path)) => (None, Work::Probe(Probe::Unix(path))),
            Task::Probe(Target::File(path)) => (None, Work::Probe(Probe::File(path))),
        };
        names.push((hook.name, program.unwrap_or_else(|| SHELL.to_owned())));
        works.push(work);
    }
    let mut report = Report::new(style, names);
    // Whoever can't see its children end must not start any.
    child::look().map_err(|error| io::Error::other(format!("can't wait for children: {error}")))?;
    if let Err(error) = child::adopt_orphans() {
        report.trouble("orphans will not be reaped, and daemons not stopped: can't become their reaper", &error);
    }
    let own: Vec<OsString> = cli::environment_variables().collect();
    let environment = std::env::vars_os().filter(|(name, _)| !own.contains(name));
    let shell = CString::new(SHELL).map_err(io::Error::from)?;
    let terminal = if alone { Terminal::of_stdin() } else { None };
    let spawner = Spawner::new(environment, signals.inherited(), background, terminal, &shell)?;
    let size = works.len();
    let mut runtime = Runtime {
        supervisor: Supervisor::new(parts, rules, seed()),
        signals,
        spawner,
        report,
        pid_dir,
        processes: (0..size).map(|_| Process::None).collect(),
        works,
        // Room for all that one signal to everyone brings about: from now on the loop allocates nothing.
        events: VecDeque::with_capacity(2 * size + 8),
        actions: Vec::with_capacity(4 * size + 8),
        terminal,
        reaping_due: false,
        exit: None,
    };
    let status = runtime.run();
    runtime.close_pid_dir();
    Ok(status)
}

/// Looks a user up where the system keeps them.
fn identity(user: &User) -> Result<Identity, user::Error> {
    // Numbers need neither file.
    let read = |path| std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    user.resolve(&read("/etc/passwd"), &read("/etc/group"))
}

fn user_variables(identity: &Identity) -> Vec<(OsString, OsString)> {
    let variables = [("HOME", &identity.home), ("USER", &identity.name), ("LOGNAME", &identity.name)];
    variables.map(|(name, value)| (name.into(), value.into())).to_vec()
}

/// For what is left to chance: different in each run.
fn seed() -> u64 {
    std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id())
}

/// What is done for an entry or a hook.
#[derive(Debug)]
pub(super) enum Work {
    Program(Program),
    Probe(Probe),
}

impl From<Command> for Work {
    /// As untrap itself, and in the background.
    fn from(command: Command) -> Self {
        let words = command.into_words(SHELL);
        Self::Program(Program { words, variables: Vec::new(), identity: None, foreground: false })
    }
}
