//! Before the first start: all that the loop needs, and all that can fail beforehand.

use std::collections::VecDeque;
use std::io;

use super::{OUTPUT_SLOTS, Process, Runtime, SIGNALS_SLOT};
use crate::cli::Style;
use crate::launch::{Launcher, Work};
use crate::output::Output;
use crate::pid_dir::PidDir;
use crate::plan::Plan;
use crate::policy::{Policy, Role, Rules};
use crate::report::Report;
use crate::shell::Shell;
use crate::supervisor::Supervisor;
use crate::sys::child;
use crate::sys::poll::{Interest, PollSet};
use crate::sys::signals::Signals;
use crate::sys::spawn::Spawner;
use crate::sys::terminal::Terminal;

/// Runs the plan to its end, and gives the exit status. `works` are those of its entries and hooks; PIDs are written to
/// `pid_dir`, if there is one.
///
/// # Errors
/// untrap could not prepare itself; nothing was started.
pub fn run(
    plan: Plan,
    works: Vec<Work>,
    launcher: Launcher,
    rules: Rules,
    style: Style,
    pid_dir: Option<PidDir>,
    signals: Signals,
) -> io::Result<u8> {
    let alone = plan.entries.len() == 1;
    let background = !alone || !plan.hooks.is_empty();
    let parts: Vec<(Role, Policy)> = plan.parts().collect();
    let Plan { entries, hooks } = plan;
    let names = entries.iter().map(|entry| entry.name.to_string()).chain(hooks.into_iter().map(|hook| hook.name));
    let paths = works.iter().map(|work| match work {
        Work::Program(program) => program.path().to_string_lossy().into_owned(),
        Work::Probe(_) => String::new(),
    });
    let names: Vec<String> = names.collect();
    let mut report = Report::new(style, names.iter().cloned().zip(paths));
    let writes = names.into_iter().zip(&works).map(|(name, work)| match work {
        Work::Program(program) => Some((name, program.user())),
        Work::Probe(_) => None,
    });
    let output = Output::new(style.output, writes.collect())?;
    if output.is_some() {
        report.collect();
    }
    drop(entries);
    // Whoever can't see its children end must not start any.
    child::look().map_err(|error| io::Error::other(format!("can't wait for children: {error}")))?;
    if let Err(error) = child::adopt_orphans() {
        report.trouble("orphans will not be reaped, and daemons not stopped: can't become their reaper", &error);
    }
    let shell = match &launcher.shell {
        Shell::Path(path) => Some(path.as_path()),
        Shell::None => None,
    };
    let terminal = if alone { Terminal::of_stdin() } else { None };
    let spawner = Spawner::new(launcher.environment, signals.inherited(), background, terminal, shell)?;
    let size = works.len();
    let mut poll_set = PollSet::new(OUTPUT_SLOTS + output.as_ref().map_or(0, Output::slots));
    poll_set.set(SIGNALS_SLOT, Some((signals.descriptor(), Interest::Read)));
    let mut runtime = Runtime {
        supervisor: Supervisor::new(parts, rules, seed()),
        signals,
        poll_set,
        output,
        spawner,
        report,
        pid_dir,
        processes: (0..size).map(|_| Process::None).collect(),
        works,
        // Room for all that one signal to everyone brings about: from now on the loop allocates nothing.
        events: VecDeque::with_capacity(2 * size + 8),
        actions: Vec::with_capacity(3 * size + 8),
        terminal,
        reaping_since: None,
        exit: None,
    };
    let status = runtime.run();
    runtime.close_pid_dir();
    Ok(status)
}

/// For what is left to chance: different in each run.
fn seed() -> u64 {
    std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), ())
}
