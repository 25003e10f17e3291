//! The descendants of untrap, found in `/proc`.

use std::collections::HashSet;
use std::io;
use std::time::{Duration, Instant};

use super::child;
use super::procfs::{Process, children, pids};
use crate::signal::Signal;

/// Sends these signals to every living descendant once, and returns the processes that received them.
///
/// # Errors
/// `/proc` cannot be read.
pub fn send_to_descendants(signals: &[Signal]) -> io::Result<Vec<Process>> {
    let mut descendants = living_descendants()?;
    descendants.retain(|process| process.send_all(signals));
    Ok(descendants)
}

/// Sends SIGKILL to every descendant, and returns the processes that received it. A process can fork during the scan, so
/// the scan is repeated until it finds no new process. The time is bounded, because the zombies of a fork bomb slow the
/// scan down until they are reaped.
///
/// # Errors
/// `/proc` cannot be read.
pub fn kill_descendants() -> io::Result<Vec<Process>> {
    const LONGEST: Duration = Duration::from_millis(20);
    let until = Instant::now() + LONGEST;
    let mut killed: Vec<Process> = Vec::new();
    loop {
        let mut found = family(until);
        if !found.iter().any(|process| process.is_new_among(&killed)) {
            found = living_descendants()?;
        }
        found.retain(|process| process.is_new_among(&killed) && process.send_all(&[Signal::KILL]));
        let is_last = found.is_empty() || Instant::now() >= until;
        killed.append(&mut found);
        if is_last {
            return Ok(killed);
        }
    }
}

/// The living descendants, found through the lists of children in `/proc`. The time does not depend on the other
/// processes of the machine, so that a process that forks and exits at once is found. A list that changes while it is
/// read can lack a process.
fn family(until: Instant) -> Vec<Process> {
    // Thousands of children may be zombies: waitid is faster than reading them in /proc.
    let own = children(std::process::id() as i32).filter(|pid| !child::has_exited(*pid));
    let mut family: Vec<Process> = own.filter_map(Process::read).collect();
    let mut next = 0;
    // A process that forks as fast as untrap reads would otherwise keep this loop running.
    while next < family.len() && (next == 0 || Instant::now() < until) {
        let of_next: Vec<Process> = children(family[next].pid).filter_map(Process::read).collect();
        family.extend(of_next);
        next += 1;
    }
    family.retain(|process| !process.zombie);
    family
}

/// The processes that have this one among their ancestors, without zombies.
fn living_descendants() -> io::Result<Vec<Process>> {
    // The directory can exist without the mount, and the PIDs of another PID namespace are other processes.
    if std::fs::read_link("/proc/self")?.as_os_str() != std::process::id().to_string().as_str() {
        return Err(io::Error::other("it belongs to another PID namespace"));
    }
    // Scanning /proc needs two free descriptors. Fail if only one is left: an empty result would claim that there are
    // no descendants.
    let directory = std::fs::read_dir("/proc")?;
    std::fs::read("/proc/self/stat")?;
    drop(directory);
    let mut all: Vec<Process> = pids()?.filter_map(Process::read).collect();
    retain_descendants(&mut all, std::process::id() as i32, |process| process);
    all.retain(|process| !process.zombie);
    Ok(all)
}

/// Retains the elements whose process has `ancestor` among its ancestors.
pub(super) fn retain_descendants<T>(all: &mut Vec<T>, ancestor: i32, process: impl Fn(&T) -> &Process) {
    let mut family = HashSet::from([ancestor]);
    let mut size = 0;
    // A parent's PID can be higher than its child's, so one pass is not always enough.
    while size != family.len() {
        size = family.len();
        let children = all.iter().map(&process).filter(|process| family.contains(&process.parent));
        let children: Vec<i32> = children.map(|process| process.pid).collect();
        family.extend(children);
    }
    all.retain(|one| family.contains(&process(one).parent));
}

impl Process {
    fn is_new_among(&self, known: &[Self]) -> bool {
        !known.iter().any(|process| process.pid == self.pid && process.start_time == self.start_time)
    }

    fn send_all(&self, signals: &[Signal]) -> bool {
        signals.iter().all(|signal| self.send(*signal).is_ok())
    }
}
