//! Hooks: commands that run before and after the services or instead of their stop signal, and readiness checks.

use crate::config::policy::Policy;
use crate::config::scoped::Scoped;
use crate::config::service::Service;
use crate::config::target::Target;
use crate::config::unit::{HookRole, UnitId};
use crate::shell::classify::Command;
use crate::shell::parse::CommandError;

/// A command or a readiness check that untrap runs in addition to the services.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hook {
    /// Its name in messages.
    pub name: String,
    /// When it runs, and for which service.
    pub role: HookRole,
    /// The command or the check.
    pub task: Task,
    /// How shutdown stops it.
    pub policy: Policy,
}

/// The work of a hook.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Task {
    /// Runs a command.
    Command(Command),
    /// Checks whether this target is ready.
    ReadinessCheck(Target),
}

/// The options that define hooks.
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

/// The command of an option has a syntax error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HookError {
    /// The option.
    pub option: &'static str,
    /// The syntax error.
    pub error: CommandError,
}

/// Returns the hooks of these services. A `--before` or `--after` that is the name of a process type runs its command,
/// which `process_type` returns. `policy` applies to hooks that belong to no service.
///
/// # Errors
/// Fails if a command has a syntax error.
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
        hooks.push(readiness_check(target, HookRole::WaitFor, policy));
    }
    for (option, role, lines) in
        [("--before", HookRole::Before, &options.before), ("--after", HookRole::After, &options.after)]
    {
        for (index, line) in lines.iter().enumerate() {
            let name = format!("{}.{}", &option[2..], index + 1);
            hooks.push(Hook { name, role, task: Task::Command(read(option, line)?), policy });
        }
    }
    for (id, service) in services.iter().enumerate() {
        let id = UnitId::new(id);
        if let Some(target) = options.ready.get(&service.name) {
            hooks.push(readiness_check(target, HookRole::Ready(id), policy));
        }
        if let Some(line) = options.stop_command.get(&service.name) {
            let task = Task::Command(read("--stop-command", line)?);
            // A stop command shares the deadline of the service that it stops.
            let policy = Policy { timeout: service.policy.timeout, ..policy };
            hooks.push(Hook { name: format!("{}.stop", service.name), role: HookRole::StopCommand(id), task, policy });
        }
    }
    Ok(hooks)
}

fn readiness_check(target: &Target, role: HookRole, policy: Policy) -> Hook {
    Hook { name: target.to_string(), role, task: Task::ReadinessCheck(target.clone()), policy }
}
