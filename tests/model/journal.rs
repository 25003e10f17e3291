//! The journal of the actors, process by process.

use crate::program::{Program, Role};

/// A line of the journal.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Its place in the journal, which is in the order of time.
    pub(crate) at: usize,
    /// Its time on the monotonic clock.
    pub(crate) millis: u64,
    pub(crate) text: String,
}

/// An actor that ran. An actor that is restarted is several processes.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    /// By its number in the program.
    pub(crate) actor: usize,
    pub(crate) service: usize,
    pub(crate) role: Role,
    pub(crate) pid: i32,
    pub(crate) group: i32,
    /// The first one says that it is ready.
    pub(crate) lines: Vec<Line>,
}

impl Process {
    pub(crate) fn first(&self) -> &Line {
        &self.lines[0]
    }

    pub(crate) fn last(&self) -> &Line {
        &self.lines[self.lines.len() - 1]
    }

    /// The number of times it wrote this.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.lines.iter().filter(|line| line.text == text).count()
    }

    pub(crate) fn wrote(&self, text: &str) -> bool {
        self.count(text) > 0
    }
}

/// The processes, in the order in which they were ready.
pub(crate) fn processes(program: &Program, journal: &[String]) -> Result<Vec<Process>, String> {
    let mut processes: Vec<Process> = Vec::new();
    for (at, text) in journal.iter().enumerate() {
        let unread = || format!("an unexpected line: {text}");
        let [name, pid, millis, text] = text.splitn(4, ' ').collect::<Vec<_>>()[..] else { return Err(unread()) };
        let actor = program.actors.iter().position(|actor| actor.name == name).ok_or_else(unread)?;
        let pid = pid.parse().map_err(|_| unread())?;
        let line = Line { at, millis: millis.parse().map_err(|_| unread())?, text: text.to_owned() };
        if let Some(ids) = text.strip_prefix("ready ") {
            let group = ids.split(' ').next_back().and_then(|group| group.parse().ok()).ok_or_else(unread)?;
            let (service, role) = (program.actors[actor].service, program.actors[actor].role);
            processes.push(Process { actor, service, role, pid, group, lines: vec![line] });
        } else {
            let its = |process: &&mut Process| process.actor == actor && process.pid == pid;
            processes.iter_mut().rev().find(its).ok_or_else(unread)?.lines.push(line);
        }
    }
    Ok(processes)
}
