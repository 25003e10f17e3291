//! `untrap check`: describes what would run, and every error of a Procfile. It makes text: it prints nothing and runs
//! nothing.
//!
//! Only this and `untrap ps` show commands with their arguments, because the user asks for them. It never shows the
//! values of variables.

use std::fmt::{self, Write as _};

use crate::config::environment::FileNote;
use crate::config::hook::Task;
use crate::config::plan::Plan;
use crate::config::policy::{OnExit, Policy, SignalTo, Timeout};
use crate::config::procfile;
use crate::config::procfile::ProcfileError;
use crate::config::service::Service;
use crate::config::target::Target;
use crate::config::unit::UnitId;
use crate::runtime::launch::{ExecCommand, ExecContext, InShell, LaunchError};
use crate::shell::classify::Command;
use crate::shell::used::used_variables;

/// The number of characters that are shown before and after the position of an error.
const CONTEXT: usize = 60;

/// Describes each service with its command, how it is executed, its options and the names of its variables; then each
/// hook, and the values of env files that are not as written.
///
/// # Errors
/// Returns the error of every service and hook that cannot be launched.
pub fn plan(plan: &Plan, exec_context: &ExecContext, notes: &[FileNote]) -> Result<String, Vec<LaunchError>> {
    let mut text = String::new();
    let mut errors = Vec::new();
    for (index, service) in plan.services.iter().enumerate() {
        match exec_context.launch_service(service) {
            Ok(launch) => {
                // Writing to a String cannot fail.
                let _ = describe(&mut text, service, &launch, exec_context);
                let is_alone = plan.services.len() == 1;
                match plan.foreground == Some(UnitId::new(index)) {
                    true if !is_alone => text.push_str("    has standard input and the terminal\n"),
                    false if is_alone => text.push_str("    has no standard input\n"),
                    _ => {}
                }
            }
            Err(error) => errors.push(error),
        }
    }
    for hook in &plan.hooks {
        let (Task::Command(command) | Task::ReadinessCheck(Target::Exec(command))) = &hook.task else {
            let _ = writeln!(text, "{}: checked until it is ready", hook.name);
            continue;
        };
        match exec_context.launch_hook(hook, command, plan) {
            Ok(launch) => drop(describe_command(&mut text, &hook.name, command, &launch, exec_context)),
            Err(error) => errors.push(error),
        }
    }
    for value in &plan.not_active {
        let _ = writeln!(text, "{value}: not active yet");
    }
    for note in notes {
        let _ = writeln!(text, "{note}");
    }
    if errors.is_empty() { Ok(text) } else { Err(errors) }
}

fn describe_command(
    f: &mut String,
    name: &impl fmt::Display,
    command: &Command,
    launch: &ExecCommand,
    exec_context: &ExecContext,
) -> fmt::Result {
    let line = match command {
        Command::Program(words) => shell_words::join(words.iter().map(|word| word.to_string_lossy())),
        Command::Simple(simple) => simple.line.clone(),
        Command::Shell(line, _) => line.clone(),
    };
    writeln!(f, "{name}: {line}")?;
    if let Some(directory) = &launch.directory {
        writeln!(f, "    in {}", directory.display())?;
    }
    match &launch.shell {
        None => writeln!(f, "    executed directly")?,
        Some(InShell { reason, is_replaced }) => {
            writeln!(f, "    executed by {}, because of {reason}", launch.words[0].to_string_lossy())?;
            if *is_replaced {
                writeln!(f, "    as {}", launch.words[2].to_string_lossy())?;
            }
        }
    }
    if !matches!(command, Command::Program(_)) {
        for unset in used_variables(&line).into_iter().filter(|used| !exec_context.is_set(used, &launch.variables)) {
            writeln!(f, "    warning: ${unset} is not set anywhere, so it is empty")?;
        }
    }
    Ok(())
}

fn describe(f: &mut String, service: &Service, launch: &ExecCommand, exec_context: &ExecContext) -> fmt::Result {
    describe_command(f, &service.name, &service.command, launch, exec_context)?;
    let Policy { stop_signal, timeout, on_exit, signal_to } = service.policy;
    write!(f, "    timeout {}, ", Shown(timeout))?;
    match stop_signal {
        Some(signal) => write!(f, "stop signal {signal}, ")?,
        None => write!(f, "stop signal the received one or SIGTERM, ")?,
    }
    let on_exit = match on_exit {
        OnExit::Stop => "stop",
        OnExit::StopOnFailure => "stop-on-failure",
        OnExit::Ignore => "ignore",
        OnExit::Restart => "restart",
        OnExit::RestartOnFailure => "restart-on-failure",
    };
    let signal_to = match signal_to {
        SignalTo::Auto => "auto",
        SignalTo::Leader => "leader",
        SignalTo::Group => "group",
    };
    writeln!(f, "on exit {on_exit}, signals to {signal_to}")?;
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
