//! A run, seen from the outside: the signals that were sent, untrap's log, and the journal of the actors.

use untrap::exit_status::{ExitStatus, NOT_FOUND, TIMED_OUT};
use untrap::signal::{Rewrite, Signal};

use crate::journal::{Process, processes};
use crate::log::{Effect, Logged};
use crate::program::{Actor, Program, Purpose, Role, Service, Shape};

/// A signal to untrap.
pub(crate) struct Sent {
    pub(crate) signal: Signal,
    /// Milliseconds on the monotonic clock.
    pub(crate) millis: u64,
    /// The length of the journal at that time, in lines.
    pub(crate) lines: usize,
}

pub(crate) struct Observed<'a> {
    pub(crate) program: &'a Program,
    pub(crate) sent: Vec<Sent>,
    pub(crate) journal: Vec<String>,
    /// Processes that are alive after the run.
    pub(crate) left: Vec<i32>,
    pub(crate) status: i32,
    pub(crate) messages: &'a [String],
}

/// The beginning of the shutdown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    /// Its place in the log.
    pub(crate) at: usize,
    /// The stop signal.
    pub(crate) signal: Signal,
    /// The signal that began it, if one did.
    pub(crate) received: Option<Signal>,
    /// The status of the service whose exit began it.
    pub(crate) deciding: Option<u8>,
}

/// A service from one start to the next. Times are places in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) service: usize,
    pub(crate) pid: i32,
    pub(crate) started: usize,
    pub(crate) exited: Option<(usize, ExitStatus)>,
    /// The message about its restart, and the backoff.
    pub(crate) restarting: Option<(usize, u64)>,
    pub(crate) killed: bool,
    /// The start of the next one.
    pub(crate) next: Option<usize>,
}

pub(crate) struct Run<'a> {
    pub(crate) observed: &'a Observed<'a>,
    pub(crate) program: &'a Program,
    pub(crate) log: Vec<Logged>,
    pub(crate) processes: Vec<Process>,
    pub(crate) lives: Vec<Life>,
    pub(crate) stop: Option<Stop>,
}

pub(crate) fn rule(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

impl<'a> Run<'a> {
    pub(crate) fn new(observed: &'a Observed) -> Result<Self, String> {
        let program = observed.program;
        // Shells write to standard error too.
        let own = observed.messages.iter().filter(|line| line.starts_with('{'));
        let log = own.map(|line| Logged::read(line, program)).collect::<Result<Vec<_>, _>>()?;
        let processes = processes(program, &observed.journal)?;
        let lives = lives(&log, program)?;
        let stop = stop(&log, program);
        Ok(Self { observed, program, log, processes, lives, stop })
    }

    pub(crate) fn service(&self, number: usize) -> &'a Service {
        &self.program.services[number]
    }

    pub(crate) fn name(&self, number: usize) -> &'a str {
        &self.service(number).name
    }

    pub(crate) fn actor(&self, process: &Process) -> &'a Actor {
        &self.program.actors[process.actor]
    }

    /// Whether only a signal can end a process, and it reads all signals until then.
    pub(crate) fn stays(&self, process: &Process) -> bool {
        let same = |other: &&Process| other.actor == process.actor && other.first().at <= process.first().at;
        self.actor(process).stays(self.processes.iter().filter(same).count())
    }

    /// The places of the messages for which this is true.
    pub(crate) fn places(&self, wanted: impl Fn(&Logged) -> bool) -> impl Iterator<Item = usize> {
        self.log.iter().enumerate().filter(move |(_, message)| wanted(message)).map(|(at, _)| at)
    }

    pub(crate) fn has(&self, wanted: impl Fn(&Logged) -> bool) -> bool {
        self.log.iter().any(wanted)
    }

    /// The signal to which `--rewrite` changes this one.
    pub(crate) fn taken_for(&self, signal: Signal) -> Option<Signal> {
        Rewrite::apply(&self.program.rewrites, signal)
    }

    pub(crate) fn begins_shutdown(&self, received: Signal) -> bool {
        self.taken_for(received).is_some_and(|signal| received.begins_shutdown() || signal.begins_shutdown())
    }

    pub(crate) fn stopped_before(&self, at: usize) -> bool {
        self.stop.is_some_and(|stop| stop.at < at)
    }

    /// The place of the second SIGINT, which kills everything.
    pub(crate) fn kill_all_at(&self) -> Option<usize> {
        self.places(|message| matches!(message, Logged::Received(_, Effect::KillAll))).next()
    }

    pub(crate) fn lives_of(&self, service: usize) -> impl DoubleEndedIterator<Item = &Life> {
        self.lives.iter().filter(move |life| life.service == service)
    }

    /// The processes of a service, except daemons.
    pub(crate) fn processes_of(&self, service: usize) -> impl Iterator<Item = &Process> {
        self.processes.iter().filter(move |process| process.service == service && process.role != Role::Daemon)
    }

    /// The processes of one life of a service, except daemons.
    pub(crate) fn processes_in(&self, life: &Life) -> impl Iterator<Item = &Process> {
        let group = life.pid;
        self.processes_of(life.service).filter(move |process| process.group == group)
    }

    pub(crate) fn leader_of(&self, life: &Life) -> Option<&Process> {
        self.processes_in(life).find(|process| process.pid == life.pid)
    }

    /// The life to which a process belongs. `None` for a daemon or a readiness check.
    pub(crate) fn life_of(&self, process: &Process) -> Option<&Life> {
        self.lives_of(process.service).find(|life| process.role != Role::Daemon && life.pid == process.group)
    }

    /// Whether a service has a stop command that ran and did not fail.
    pub(crate) fn is_asked_instead(&self, service: usize) -> bool {
        let asked =
            self.program.stop_command_of(service).is_some_and(|command| self.lives_of(command).next().is_some());
        asked && !self.log.contains(&Logged::StopCommandFailed(service))
    }

    /// The exit status of untrap as of this place in the log.
    pub(crate) fn status_at(&self, place: usize) -> u8 {
        let map = |status| untrap::exit_status::ExitMapping::apply(&self.program.exit_map, status);
        let stop = self.stop.filter(|stop| stop.at < place);
        let mut first_failure = None;
        let mut after_failure = None;
        for (at, message) in self.log[..place].iter().enumerate() {
            let (service, status) = match *message {
                Logged::Exited { service, status, .. } => (service, status),
                Logged::StartFailed(service) => (service, ExitStatus::Exited(NOT_FOUND)),
                _ => continue,
            };
            let restarts = matches!(self.log.get(at + 1), Some(Logged::Restarting(again, ..)) if *again == service);
            let failure = match self.service(service).purpose {
                Purpose::After if status.is_failure() => &mut after_failure,
                Purpose::Before if status.is_failure() => &mut first_failure,
                Purpose::Service if !restarts && self.counts(service, status, at) => &mut first_failure,
                _ => continue,
            };
            if map(status.code()) != 0 {
                failure.get_or_insert(map(status.code()));
            }
        }
        let is_launched =
            |message: &Logged| matches!(message, Logged::Started(service, _) if self.service(*service).is_service());
        let status = match stop {
            Some(Stop { deciding: Some(deciding), .. }) => map(deciding),
            Some(Stop { received: Some(received), .. }) if !self.log.iter().any(is_launched) => {
                first_failure.unwrap_or(ExitStatus::Signaled(received).code())
            }
            Some(stop) => first_failure.or_else(|| self.failure_in_backoff(stop, map)).unwrap_or(0),
            None => first_failure.unwrap_or(0),
        };
        if status == 0 { after_failure.unwrap_or(0) } else { status }
    }

    /// Whether the exit of a service counts for the status: it is not ignored beside others that are not, and it is not
    /// the death by its stop signal of a service that would restart.
    fn counts(&self, service: usize, status: ExitStatus, at: usize) -> bool {
        let policy = self.service(service).policy;
        let is_ignored = policy.on_exit == "ignore";
        let all_ignored = self.program.services().all(|other| self.service(other).policy.on_exit == "ignore");
        let stop_signal = self.stop.filter(|stop| stop.at < at).map(|stop| policy.stop_signal.unwrap_or(stop.signal));
        let is_stopped = stop_signal.is_some_and(|signal| status == ExitStatus::Signaled(signal));
        (!is_ignored || all_ignored) && !(is_stopped && policy.on_exit.starts_with("restart"))
    }

    /// The failure of the first service that waited for its restart when the shutdown began.
    fn failure_in_backoff(&self, stop: Stop, map: impl Fn(u8) -> u8) -> Option<u8> {
        self.program.services().find_map(|service| {
            let is_about = |message: &&Logged| match message {
                Logged::Started(of, _) | Logged::Restarting(of, ..) | Logged::Exited { service: of, .. } => {
                    *of == service
                }
                _ => false,
            };
            let mut last = self.log[..stop.at].iter().rev().filter(is_about);
            let (Logged::Restarting(..), Logged::Exited { status, .. }) = (last.next()?, last.next()?) else {
                return None;
            };
            Some(map(status.code())).filter(|status| *status != 0)
        })
    }
}

fn stop(log: &[Logged], program: &Program) -> Option<Stop> {
    log.iter().enumerate().find_map(|(at, message)| {
        let by_exit = |code| Some(Stop { at, signal: Signal::TERM, received: None, deciding: Some(code) });
        match *message {
            Logged::Received(received, Effect::Shutdown) => {
                let signal = Rewrite::apply(&program.rewrites, received)?;
                Some(Stop { at, signal, received: Some(received), deciding: None })
            }
            Logged::Exited { status, begins_shutdown: true, .. } => by_exit(status.code()),
            Logged::ReadinessTimedOut(_) => by_exit(TIMED_OUT),
            Logged::StartFailed(service) => match program.services[service].purpose {
                Purpose::StopCommand(_) | Purpose::After => None,
                _ => by_exit(NOT_FOUND),
            },
            _ => None,
        }
    })
}

fn lives(log: &[Logged], program: &Program) -> Result<Vec<Life>, String> {
    let mut lives: Vec<Life> = Vec::new();
    for (at, message) in log.iter().enumerate() {
        if let Logged::StartFailed(service) = *message {
            // A leader that could not execute its program was no life of the service.
            let is_launching = |life: &Life| life.service == service && life.exited.is_none();
            if let Some(place) = lives.iter().rposition(is_launching) {
                lives.remove(place);
            }
            continue;
        }
        let (Logged::Started(service, _)
        | Logged::Exited { service, .. }
        | Logged::Restarting(service, ..)
        | Logged::Killed(service, _)
        | Logged::GroupKilled(service)) = *message
        else {
            continue;
        };
        let broken = || format!("message {at} about {}, which is not expected here", program.services[service].name);
        let last = lives.iter_mut().rev().find(|life| life.service == service);
        match (*message, last) {
            (Logged::Started(_, pid), last) => {
                if let Some(last) = last {
                    last.exited.ok_or_else(broken)?;
                    last.next = Some(at);
                }
                lives.push(Life {
                    service,
                    pid,
                    started: at,
                    exited: None,
                    restarting: None,
                    killed: false,
                    next: None,
                });
            }
            (Logged::Exited { status, .. }, Some(last)) if last.exited.is_none() => last.exited = Some((at, status)),
            (Logged::Restarting(_, wait, _), Some(last)) => last.restarting = Some((at, wait)),
            (Logged::Killed(..) | Logged::GroupKilled(_), Some(last)) => last.killed = true,
            // The child that could not execute the program was killed.
            (Logged::Killed(..), None) if program.services[service].shape == Shape::Missing => {}
            _ => return Err(broken()),
        }
    }
    let running = lives.iter().find(|life| life.exited.is_none());
    rule(running.is_none(), || format!("its exit was never logged: {running:?}"))?;
    Ok(lives)
}
