//! Commands and probes that run beside the services: before and after them, instead of their stop signal, and to find
//! out whether something is there.

use crate::config::policy::Policy;
use crate::config::scoped::Scoped;
use crate::config::service::Service;
use crate::config::target::Target;
use crate::config::unit::{Role, UnitId};
use crate::shell::classify::Command;
use crate::shell::parse::CommandError;

/// Something that runs for the sake of the services.
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
pub struct HookError {
    /// The option.
    pub option: &'static str,
    /// Why.
    pub error: CommandError,
}

/// The hooks of these services. A `--before` or `--after` that is the name of a process type runs the command that
/// `process_type` has for it; `policy` is what holds for commands without a service.
///
/// # Errors
/// A command that can't be read.
pub fn hooks<'a>(
    options: &HookOptions,
    services: &[Service],
    policy: Policy,
    process_type: impl Fn(&str) -> Option<&'a Command>,
) -> Result<Vec<Hook>, HookError> {
    let read = |option, line: &str| match process_type(line.trim()) {
        Some(command) => Ok(command.clone()),
        None => Command::read(line.trim()).map_err(|error| HookError { option, error }),
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
    for (id, service) in services.iter().enumerate() {
        let id: UnitId = id;
        if let Some(target) = options.ready.get(&service.name) {
            hooks.push(probe(target, Role::Ready(id), policy));
        }
        if let Some(line) = options.stop_command.get(&service.name) {
            let task = Task::Command(read("--stop-command", line)?);
            // What it asks for has to be done by the service's own deadline.
            let policy = Policy { timeout: service.policy.timeout, ..policy };
            hooks.push(Hook { name: format!("{}.stop", service.name), role: Role::StopCommand(id), task, policy });
        }
    }
    Ok(hooks)
}

fn probe(target: &Target, role: Role, policy: Policy) -> Hook {
    Hook { name: target.to_string(), role, task: Task::Probe(target.clone()), policy }
}
