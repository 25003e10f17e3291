//! The preparation of a run: builds the loop's state and fails before the first service starts.

use std::collections::VecDeque;
use std::io;

use super::{EXEC_PIPE_SLOTS, Runtime, SIGNALS_SLOT, Slot};
use crate::config::environment::FileNote;
use crate::config::plan::Plan;
use crate::config::policy::Rules;
use crate::log::Logger;
use crate::log::line::LogSettings;
use crate::output::{Output, OutputSettings};
use crate::pid_dir::PidDir;
use crate::runtime::launch::{ExecContext, Runnable};
use crate::shell::Shell;
use crate::supervisor::Supervisor;
use crate::supervisor::action::Actions;
use crate::sys::child;
use crate::sys::descriptors::open_output_pipes_to_all;
use crate::sys::limits::DescriptorLimit;
use crate::sys::poll::{Interest, PollSet};
use crate::sys::signalfd::{Inherited, Signals};
use crate::sys::spawn::Spawner;
use crate::sys::terminal::Terminal;

/// The input of a run.
#[derive(Debug)]
pub struct RunInput {
    /// The services and hooks.
    pub plan: Plan,
    /// The program or check of each of them.
    pub runnables: Vec<Runnable>,
    /// The environment and the shell that they start with.
    pub exec_context: ExecContext,
    /// What the user should know before the start.
    pub warnings: Vec<String>,
    /// The end of the message that the program of a service after the first was not found.
    pub not_found_hint: Option<String>,
    /// The policies of the whole run.
    pub rules: Rules,
    /// What to say about the values of env files.
    pub notes: Vec<FileNote>,
    /// untrap's own messages.
    pub log: LogSettings,
    /// The lines of services.
    pub output: OutputSettings,
    /// Where PIDs are written, if anywhere.
    pub pid_dir: Option<PidDir>,
    /// The signals that untrap receives.
    pub signals: Signals,
}

/// Runs the plan until it is done, and returns the exit status.
///
/// # Errors
/// Fails if a preparation fails. No process has been started.
pub fn run(input: RunInput) -> io::Result<u8> {
    let RunInput {
        warnings,
        not_found_hint,
        plan,
        runnables,
        exec_context,
        rules,
        notes,
        log,
        output,
        pid_dir,
        signals,
    } = input;
    let inherited = Inherited { descriptor_limit: DescriptorLimit::raise(), ..signals.inherited() };
    let Plan { services, hooks, foreground, shared_names, .. } = plan;
    let has_background = services.len() > 1 || foreground.is_none() || !hooks.is_empty();
    let policies = services.iter().map(|service| service.policy);
    let supervisor = Supervisor::new(policies, hooks.iter().map(|hook| (hook.role, hook.policy)), rules, seed());
    let names = services.iter().map(|service| service.name.to_string()).chain(hooks.into_iter().map(|hook| hook.name));
    let names: Vec<String> = names.collect();
    let mut logger = Logger::new(log, names.iter().cloned());
    if let Some(hint) = not_found_hint {
        logger.set_not_found_hint(1..services.len(), hint);
    }
    let writes = names.into_iter().zip(&runnables).map(|(name, work)| match work {
        Runnable::Program(program) => Some((name, program.user())),
        Runnable::TargetCheck(_) => None,
    });
    let has_users = runnables.iter().any(|work| matches!(work, Runnable::Program(program) if program.user().is_some()));
    let output = Output::new(output, writes.collect())?;
    if output.is_none() && has_users {
        open_output_pipes_to_all();
    }
    if output.is_some() {
        logger.collect();
    }
    for warning in &warnings {
        logger.warning(warning);
    }
    for note in &notes {
        logger.env_file(note);
    }
    drop((services, notes));
    for name in shared_names {
        logger.shared_name(&name);
    }
    // Without waitid(2) untrap could not observe exits, so it must not start a process.
    child::peek().map_err(|error| io::Error::other(format!("can't wait for children: {error}")))?;
    if let Err(error) = child::adopt_orphans() {
        logger.system_error("orphans will not be reaped, and daemons not stopped: can't become their reaper", &error);
    }
    let shell = match &exec_context.shell {
        Shell::Path(path) => Some(path.as_path()),
        Shell::None => None,
    };
    let terminal = foreground.and_then(|_| Terminal::of_stdin());
    let spawner = Spawner::new(exec_context.environment, inherited, has_background, terminal, shell)?;
    let size = runnables.len();
    let output_slots = EXEC_PIPE_SLOTS + size;
    let mut poll_set = PollSet::new(output_slots + output.as_ref().map_or(0, Output::slots));
    poll_set.set(SIGNALS_SLOT, Some((signals.descriptor(), Interest::Read)));
    let mut runtime = Runtime {
        supervisor,
        signals,
        poll_set,
        output,
        spawner,
        log: logger,
        pid_dir,
        slots: runnables.into_iter().map(Slot::new).collect(),
        output_slots,
        foreground,
        // Memory for all events of one signal to all services, so that the loop allocates nothing.
        events: VecDeque::with_capacity(2 * size + 8),
        actions: Actions::for_units(size),
        awaits_descriptors: false,
        terminal,
        reaping_since: None,
        exit: None,
    };
    let status = runtime.run();
    runtime.close_pid_dir();
    Ok(status)
}

/// The seed of the backoff's random part; different in each run.
fn seed() -> u64 {
    std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), ())
}
