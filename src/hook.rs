//! Commands and probes that run beside the entries: before and after them, instead of their stop signal, and to find
//! out whether something is there.

use crate::command::{self, Command};
use crate::event::EntryId;
use crate::plan::Plan;
use crate::policy::{Policy, Role};
use crate::scoped::Scoped;
use crate::shell::Reason;
use crate::target::Target;

/// What a hook is told when it starts, and no sooner.
const LATE_VARIABLES: &[&str] = &["UNTRAP_EXIT_CODE", "UNTRAP_NAME", "UNTRAP_PID", "UNTRAP_SIGNAL"];

/// Something that runs for the sake of the entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hook {
    /// Its name in messages.
    pub name: String,
    /// What it is there for.
    pub role: Role,
    /// What it does.
    pub task: Task,
    /// What the stop means for it.
    pub policy: Policy,
}

/// What a hook does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Task {
    /// Runs a command.
    Command(Command),
    /// Looks for something.
    Probe(Target),
}

/// What the options say of hooks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HookOptions {
    /// `--before`, in the order given.
    pub before: Vec<String>,
    /// `--after`, in the order given.
    pub after: Vec<String>,
    /// `--wait-for`, in the order given.
    pub wait_for: Vec<Target>,
    /// `--ready`.
    pub ready: Scoped<Target>,
    /// `--stop-command`.
    pub stop_command: Scoped<String>,
}

/// A command of an option can't be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// The option.
    pub option: &'static str,
    /// Why.
    pub error: command::Error,
}

/// The hooks of a plan's entries. A `--before` or `--after` that is the name of a process type runs the command of that;
/// `policy` is what holds for commands without an entry.
///
/// # Errors
/// A command that can't be read.
pub fn hooks(options: &HookOptions, plan: &Plan, policy: Policy) -> Result<Vec<Hook>, Error> {
    let read = |option, line: &str| match plan.command_of(line.trim()) {
        Some(command) => Ok(left_to_a_shell_if_late(command.clone())),
        None => Command::read(line.trim()).map(left_to_a_shell_if_late).map_err(|error| Error { option, error }),
    };
    let mut hooks = Vec::new();
    for target in &options.wait_for {
        hooks.push(probe(target, Role::WaitFor, policy));
    }
    for (option, role, lines) in [("--before", Role::Before, &options.before), ("--after", Role::After, &options.after)]
    {
        for (index, line) in lines.iter().enumerate() {
            let name = format!("{}.{}", &option[2..], index + 1);
            hooks.push(Hook { name, role, task: Task::Command(read(option, line)?), policy });
        }
    }
    for (id, entry) in plan.entries.iter().enumerate() {
        let id: EntryId = id;
        if let Some(target) = options.ready.get(&entry.name) {
            hooks.push(probe(target, Role::Ready(id), policy));
        }
        if let Some(line) = options.stop_command.get(&entry.name) {
            let task = Task::Command(read("--stop-command", line)?);
            // What it asks for has to be done by the entry's own deadline.
            let policy = Policy { timeout: entry.policy.timeout, ..policy };
            hooks.push(Hook { name: format!("{}.stop", entry.name), role: Role::StopCommand(id), task, policy });
        }
    }
    Ok(hooks)
}

/// Expansions are made before anything starts, so those of [`LATE_VARIABLES`] are the shell's to make.
fn left_to_a_shell_if_late(command: Command) -> Command {
    match command {
        Command::Simple(simple) => match LATE_VARIABLES.iter().find(|name| simple.line.contains(**name)) {
            Some(name) => Command::Shell(simple.line, Reason::Late(name)),
            None => Command::Simple(simple),
        },
        other => other,
    }
}

fn probe(target: &Target, role: Role, policy: Policy) -> Hook {
    Hook { name: target.to_string(), role, task: Task::Probe(target.clone()), policy }
}
