//! A run, seen from outside: what was sent, what untrap said, and what each actor wrote down.

use untrap::exit_status::{ExitStatus, NOT_FOUND, TIMED_OUT};
use untrap::signal::{Rewrite, Signal};

use crate::journal::{Process, processes};
use crate::program::{Actor, Program, Purpose, Role, Service};
use crate::said::{Fate, Said};

/// A signal to untrap.
pub(crate) struct Sent {
    pub(crate) signal: Signal,
    /// Milliseconds on the monotonic clock.
    pub(crate) millis: u64,
    /// How many lines the journal had.
    pub(crate) lines: usize,
}

pub(crate) struct Observed<'a> {
    pub(crate) program: &'a Program,
    pub(crate) sent: Vec<Sent>,
    pub(crate) journal: Vec<String>,
    /// Processes that live after the end.
    pub(crate) left: Vec<i32>,
    pub(crate) status: i32,
    pub(crate) messages: &'a [String],
}

/// Where in the messages the stop begins, and with which signal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    pub(crate) at: usize,
    /// What services are told.
    pub(crate) signal: Signal,
    /// What untrap received, if that was it.
    pub(crate) received: Option<Signal>,
    /// The status of the service whose end began it.
    pub(crate) decisive: Option<u8>,
}

/// A service from one start to the next. Moments are places in the messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) service: usize,
    pub(crate) pid: i32,
    pub(crate) started: usize,
    pub(crate) ended: Option<(usize, ExitStatus)>,
    /// That it starts again, and after which time.
    pub(crate) restarting: Option<(usize, u64)>,
    pub(crate) killed: bool,
    /// The start of the next one.
    pub(crate) next: Option<usize>,
}

pub(crate) struct Run<'a> {
    pub(crate) observed: &'a Observed<'a>,
    pub(crate) program: &'a Program,
    pub(crate) said: Vec<Said>,
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
        // Shells write there too.
        let own = observed.messages.iter().filter_map(|line| line.strip_prefix("untrap: "));
        let said = own.map(|text| Said::read(text, program)).collect::<Result<Vec<_>, _>>()?;
        let processes = processes(program, &observed.journal)?;
        let lives = lives(&said, program)?;
        let stop = stop(&said, program);
        Ok(Self { observed, program, said, processes, lives, stop })
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

    /// Whether only a signal ends a process, and it looks at all of them until then.
    pub(crate) fn stays(&self, process: &Process) -> bool {
        let same = |other: &&Process| other.actor == process.actor && other.first().at <= process.first().at;
        self.actor(process).stays(self.processes.iter().filter(same).count())
    }

    /// Messages of which this is true, by their places.
    pub(crate) fn places(&self, wanted: impl Fn(&Said) -> bool) -> impl Iterator<Item = usize> {
        self.said.iter().enumerate().filter(move |(_, said)| wanted(said)).map(|(at, _)| at)
    }

    pub(crate) fn has(&self, wanted: impl Fn(&Said) -> bool) -> bool {
        self.said.iter().any(wanted)
    }

    /// What a signal is taken for.
    pub(crate) fn taken_for(&self, signal: Signal) -> Option<Signal> {
        Rewrite::apply(&self.program.rewrites, signal)
    }

    pub(crate) fn begins_shutdown(&self, received: Signal) -> bool {
        self.taken_for(received).is_some_and(|signal| received.begins_shutdown() || signal.begins_shutdown())
    }

    pub(crate) fn stopped_before(&self, at: usize) -> bool {
        self.stop.is_some_and(|stop| stop.at < at)
    }

    /// Where the user first lost patience.
    pub(crate) fn impatient(&self) -> Option<usize> {
        self.places(|said| matches!(said, Said::Received(_, Fate::KillsAll))).next()
    }

    pub(crate) fn lives_of(&self, service: usize) -> impl DoubleEndedIterator<Item = &Life> {
        self.lives.iter().filter(move |life| life.service == service)
    }

    /// Processes of a service, those that have left it aside.
    pub(crate) fn processes_of(&self, service: usize) -> impl Iterator<Item = &Process> {
        self.processes.iter().filter(move |process| process.service == service && process.role != Role::Daemon)
    }

    /// The same for one life of it.
    pub(crate) fn processes_in(&self, life: &Life) -> impl Iterator<Item = &Process> {
        let group = life.pid;
        self.processes_of(life.service).filter(move |process| process.group == group)
    }

    pub(crate) fn leader_of(&self, life: &Life) -> Option<&Process> {
        self.processes_in(life).find(|process| process.pid == life.pid)
    }

    /// Which life of its service a process belongs to; none where it has left it, or is a probe's.
    pub(crate) fn life_of(&self, process: &Process) -> Option<&Life> {
        self.lives_of(process.service).find(|life| process.role != Role::Daemon && life.pid == process.group)
    }

    /// Whether a service's stop signal is left to its stop command.
    pub(crate) fn is_asked_instead(&self, service: usize) -> bool {
        let asked =
            self.program.stop_command_of(service).is_some_and(|command| self.lives_of(command).next().is_some());
        asked && !self.said.contains(&Said::CommandFailed(service))
    }

    /// The status as it is once these messages have been written.
    pub(crate) fn status_at(&self, place: usize) -> u8 {
        let mut first_failure = None;
        let mut after_failure = None;
        for (at, said) in self.said[..place].iter().enumerate() {
            let (service, code) = match *said {
                Said::Ended { service, ending, .. } => (service, ending.code()),
                Said::StartFailed(service) => (service, NOT_FOUND),
                _ => continue,
            };
            let mended = matches!(self.said.get(at + 1), Some(Said::Restarting(again, ..)) if *again == service);
            let bad = match self.service(service).purpose {
                Purpose::After => &mut after_failure,
                Purpose::Service | Purpose::Before if !mended => &mut first_failure,
                _ => continue,
            };
            if code != 0 {
                bad.get_or_insert(code);
            }
        }
        let decisive = self.stop.filter(|stop| stop.at < place).and_then(|stop| stop.decisive);
        let map = |status| untrap::exit_status::ExitMapping::apply(&self.program.exit_map, status);
        match (map(decisive.or(first_failure).unwrap_or(0)), after_failure) {
            (0, Some(bad)) => map(bad),
            (status, _) => status,
        }
    }
}

fn stop(said: &[Said], program: &Program) -> Option<Stop> {
    said.iter().enumerate().find_map(|(at, said)| {
        let by_end = |code| Some(Stop { at, signal: Signal::TERM, received: None, decisive: Some(code) });
        match *said {
            Said::Received(received, Fate::Stops) => {
                let signal = Rewrite::apply(&program.rewrites, received)?;
                Some(Stop { at, signal, received: Some(received), decisive: None })
            }
            Said::Ended { ending, stops: true, .. } => by_end(ending.code()),
            Said::ReadinessTimedOut(_) => by_end(TIMED_OUT),
            Said::StartFailed(service) => match program.services[service].purpose {
                Purpose::StopCommand(_) | Purpose::After => None,
                _ => by_end(NOT_FOUND),
            },
            _ => None,
        }
    })
}

fn lives(said: &[Said], program: &Program) -> Result<Vec<Life>, String> {
    let mut lives: Vec<Life> = Vec::new();
    for (at, said) in said.iter().enumerate() {
        let (Said::Started(service, _)
        | Said::Ended { service, .. }
        | Said::Restarting(service, ..)
        | Said::Killed(service, _)
        | Said::GroupKilled(service)) = *said
        else {
            continue;
        };
        let broken = || format!("message {at} about {}, and it is not its time", program.services[service].name);
        let last = lives.iter_mut().rev().find(|life| life.service == service);
        match (*said, last) {
            (Said::Started(_, pid), last) => {
                if let Some(last) = last {
                    last.ended.ok_or_else(broken)?;
                    last.next = Some(at);
                }
                lives.push(Life {
                    service,
                    pid,
                    started: at,
                    ended: None,
                    restarting: None,
                    killed: false,
                    next: None,
                });
            }
            (Said::Ended { ending, .. }, Some(last)) if last.ended.is_none() => last.ended = Some((at, ending)),
            (Said::Restarting(_, wait, _), Some(last)) => last.restarting = Some((at, wait)),
            (Said::Killed(..) | Said::GroupKilled(_), Some(last)) => last.killed = true,
            _ => return Err(broken()),
        }
    }
    let unended = lives.iter().find(|life| life.ended.is_none());
    rule(unended.is_none(), || format!("its end was never said: {unended:?}"))?;
    Ok(lives)
}
