//! `untrap check`: describes what would run, and every error of a Procfile. It makes text: it prints nothing and runs
//! nothing.
//!
//! Only this and `untrap ps` show commands with their arguments, because the user asks for them. It never shows the
//! values of variables.

use std::ffi::OsStr;
use std::fmt::{self, Write as _};

use crate::config::environment::FileNote;
use crate::config::hook::{Hook, Task};
use crate::config::plan::Plan;
use crate::config::policy::{OnExit, Policy, SignalTo, Timeout};
use crate::config::procfile;
use crate::config::procfile::ProcfileError;
use crate::config::service::Service;
use crate::config::target::Target;
use crate::config::unit::{HookRole, UnitId};
use crate::log::SharedName;
use crate::runtime::launch::{ExecCommand, ExecContext, InShell, LaunchError};
use crate::shell::classify::Command;
use crate::shell::program_name::{log_filters, programs};
use crate::shell::used::used_variables;

/// The number of characters that are shown before and after the position of an error.
const CONTEXT: usize = 60;

/// Programs whose graceful stop signal is not SIGTERM, and which a shell hides.
const KNOWN_PROGRAMS: &[&str] = &["apache2", "haproxy", "httpd", "nginx", "php-fpm", "postgres"];

/// Describes each service in a block: its command, how it is executed, its options and the names of its variables; then
/// each hook, and the values of env files that are not as written. A program that does not exist is an error if `resolves`
/// is set, unless another command may make it.
///
/// # Errors
/// Returns the error of every service and hook that cannot be launched.
pub fn plan(
    plan: &Plan,
    exec_context: &ExecContext,
    notes: &[FileNote],
    resolves: bool,
) -> Result<String, Vec<LaunchError>> {
    let runs_first = |hook: &Hook| matches!(hook.role, HookRole::Before | HookRole::WaitFor);
    let check = Check { exec_context, resolves, is_made_later: plan.hooks.iter().any(runs_first) };
    let mut blocks = Vec::new();
    let mut errors = Vec::new();
    let mut add = |described: Result<String, LaunchError>| match described {
        Ok(block) => blocks.push(block),
        Err(error) => errors.push(error),
    };
    for (index, service) in plan.services.iter().enumerate() {
        let input = match (plan.foreground == Some(UnitId::new(index)), plan.services.len() == 1) {
            (true, false) => "    has standard input and the terminal\n",
            (false, true) => "    has no standard input\n",
            _ => "",
        };
        add(exec_context.launch_service(service).and_then(|launch| {
            let mut block = check.command(index, &service.name, &service.command, &launch)?;
            // Writing to a String cannot fail.
            let _ = describe(&mut block, service, &launch);
            let second = Some(&service.name).filter(|name| name.instance == Some(2)).map(|name| &name.process_type);
            if let Some(name) = second.filter(|name| plan.shared_names.contains(name)) {
                let _ = writeln!(block, "    hint: {}", SharedName(name));
            }
            block.push_str(input);
            Ok(block)
        }));
    }
    for (index, hook) in plan.hooks.iter().enumerate() {
        let (Task::Command(command) | Task::ReadinessCheck(Target::Exec(command))) = &hook.task else {
            add(Ok(format!("{}\n    checked until it is ready\n", hook.name)));
            continue;
        };
        let launch = exec_context.launch_hook(hook, command, plan);
        add(launch.and_then(|launch| check.command(plan.services.len() + index, &hook.name, command, &launch)));
    }
    let mut last = String::new();
    for value in &plan.not_active {
        let _ = writeln!(last, "{value}: not active yet");
    }
    for note in notes {
        let _ = writeln!(last, "{note}");
    }
    blocks.extend(Some(last).filter(|last| !last.is_empty()));
    if errors.is_empty() { Ok(blocks.join("\n")) } else { Err(errors) }
}

/// What the description of a command depends on.
struct Check<'a> {
    exec_context: &'a ExecContext,
    resolves: bool,
    /// Whether a command may make a program before the services start.
    is_made_later: bool,
}

impl Check<'_> {
    /// Describes a command, the program that executes it, and what may be wrong.
    fn command(
        &self,
        index: usize,
        name: &impl fmt::Display,
        command: &Command,
        launch: &ExecCommand,
    ) -> Result<String, LaunchError> {
        let line = match command {
            Command::Program(words) => shell_words::join(words.iter().map(|word| word.to_string_lossy())),
            Command::Simple(simple) => simple.line.clone(),
            Command::Shell(line, _) => line.clone(),
        };
        let mut f = format!("{name}: {line}\n");
        if let Some(directory) = &launch.directory {
            let _ = writeln!(f, "    in {}", directory.display());
        }
        let (program, missing) = match self.exec_context.resolve(launch) {
            Ok(path) => (path, ""),
            Err(cause) if cause.obstacle.is_not_found() && (!self.resolves || self.is_made_later) => {
                (cause.program, " (not found yet)")
            }
            Err(cause) => return Err(LaunchError::CannotExecute { name: name.to_string(), index, cause }),
        };
        let how = if launch.shell.is_some() { "" } else { " directly" };
        let _ = write!(f, "    runs {}{how}{missing}", program.display());
        match &launch.shell {
            None => self.warn_of_unset(&mut f, command, &line, launch),
            Some(shell) => describe_shell(&mut f, shell, &line, &launch.words[2]),
        }
        Ok(f)
    }

    fn warn_of_unset(&self, f: &mut String, command: &Command, line: &str, launch: &ExecCommand) {
        f.push('\n');
        let used = if matches!(command, Command::Program(_)) { Vec::new() } else { used_variables(line) };
        for unset in used.into_iter().filter(|used| !self.exec_context.is_set(used, &launch.variables)) {
            let _ = writeln!(f, "    warning: ${unset} is not set anywhere, so it is empty");
        }
    }
}

/// Describes how the shell executes a line, and which of its programs are treated in a special way.
fn describe_shell(f: &mut String, shell: &InShell, line: &str, executed: &OsStr) {
    let _ = writeln!(f, ", because of {}", shell.reason);
    if shell.is_replaced {
        let _ = writeln!(f, "    as {}", executed.display());
    }
    let filters = log_filters(line);
    if !filters.is_empty() {
        let _ = writeln!(f, "    log filters, which exit when their input ends: {}", filters.join(", "));
    }
    let is_known = |name: &String| KNOWN_PROGRAMS.iter().any(|known| name.trim_end_matches(is_version) == *known);
    for hidden in programs(line).iter().filter(|name| is_known(name) && !shell.is_replaced) {
        let _ = writeln!(
            f,
            "    warning: {hidden} stays behind the shell, so it is not stopped with its own graceful signal; let it be the \
             last program of a line without '|' and '&', or write 'exec {hidden} …'"
        );
    }
}

/// Whether a character belongs to the version in a name such as `php-fpm8.2`.
fn is_version(character: char) -> bool {
    character.is_ascii_digit() || character == '.'
}

fn describe(f: &mut String, service: &Service, launch: &ExecCommand) -> fmt::Result {
    let Policy { stop_signal, timeout, on_exit, signal_to } = service.policy;
    match stop_signal {
        Some(signal) => write!(f, "    is stopped with {signal}")?,
        None => write!(f, "    is stopped with the signal that untrap receives, else SIGTERM")?,
    }
    match timeout {
        Timeout(None) => writeln!(f, ", and never with SIGKILL")?,
        timeout => writeln!(f, ", and with SIGKILL after {}", Shown(timeout))?,
    }
    let on_exit = match on_exit {
        OnExit::Stop => "its exit stops the run",
        OnExit::StopOnFailure => "its failure stops the run",
        OnExit::Ignore => "its exit is ignored",
        OnExit::Restart => "it is restarted when it exits",
        OnExit::RestartOnFailure => "it is restarted when it fails",
    };
    let signal_to = match signal_to {
        SignalTo::Auto => "signals go to the program, or to its process group while it is a shell",
        SignalTo::Leader => "signals go to the leader alone",
        SignalTo::Group => "signals go to the process group",
    };
    writeln!(f, "    {on_exit}; {signal_to}")?;
    let names: Vec<_> = launch.variables.iter().map(|(name, _)| name.to_string_lossy()).collect();
    writeln!(f, "    sets {}", names.join(", "))
}

/// Displays a timeout as the option takes it.
struct Shown(Timeout);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Timeout(None) => f.write_str("inf"),
            Timeout(Some(duration)) => humantime::format_duration(duration).fmt(f),
        }
    }
}

/// Formats errors as compilers do: the position, the message, the line, and a caret below the position.
#[must_use]
pub fn diagnostics(path: &str, text: &[u8], errors: &[ProcfileError]) -> String {
    let lines: Vec<&[u8]> = procfile::without_bom(text).split(|byte| *byte == b'\n').collect();
    let mut diagnostics = String::new();
    for error in errors {
        let number = error.position.line.to_string();
        let line = String::from_utf8_lossy(lines.get(error.position.line - 1).copied().unwrap_or_default());
        let (line, before) = excerpt(line.trim_end(), error.position.column - 1);
        let (margin, caret) = (" ".repeat(number.len()), " ".repeat(before));
        let _ = write!(diagnostics, "{path}:{error}\n {number} | {line}\n {margin} | {caret}^\n");
    }
    diagnostics
}

/// Returns the part of a line around a position, each character one column wide, and the number of characters before the
/// position.
fn excerpt(line: &str, before: usize) -> (String, usize) {
    let visible = |character: char| match character {
        '\t' => ' ',
        character if character.is_control() => char::REPLACEMENT_CHARACTER,
        character => character,
    };
    let start = before.saturating_sub(CONTEXT);
    let mut characters = line.chars().map(visible).skip(start);
    let cut = if start > 0 { "…" } else { "" };
    let mut excerpt: String = cut.chars().chain(characters.by_ref().take(before - start + CONTEXT)).collect();
    if characters.next().is_some() {
        excerpt.push('…');
    }
    (excerpt, before - start + cut.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_points_at_its_position() {
        let text = "\u{feff}ok: x\n\tweb echo\nq: é 'x\r\n";
        let errors = procfile::parse(text.as_bytes()).unwrap_err();
        assert_eq!(
            diagnostics("P", text.as_bytes(), &errors),
            "P:2:2: no colon; write 'NAME: COMMAND', each on one line, or '#' before a comment\n \
             2 |  web echo\n   |  ^\n\
             P:3:6: a quote ' that is never closed; close it, or write \\' for the character\n \
             3 | q: é 'x\n   |      ^\n"
        );
    }

    #[test]
    fn a_long_line_is_shown_in_part() {
        let (text, before) = excerpt(&format!("{}'{}", "a".repeat(1000), "b".repeat(1000)), 1000);
        assert_eq!(text.chars().nth(before), Some('\''));
        assert_eq!(text.chars().count(), 2 * CONTEXT + 2);
    }

    #[test]
    fn control_characters_are_not_shown() {
        assert_eq!(excerpt("a\u{1b}[2J\0b", 7), ("a\u{fffd}[2J\u{fffd}b".to_owned(), 7));
    }
}
