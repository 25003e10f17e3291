//! The state machine: it turns events into actions. It reads no clock, makes no system call and does no I/O.
//!
//! It makes every decision about signals and about the shutdown. [`Supervisor::on`] takes an event with its time and
//! adds the actions that follow. [`Supervisor::next_start`] returns the unit to start, [`Supervisor::wake_at`] the next
//! timer. The start is in `start.rs`, the shutdown in `shutdown.rs`, the state of one unit in `service.rs`.

pub mod action;
mod backoff;
pub mod event;
pub mod flush;
pub mod message;
mod phase;
mod service;
mod shutdown;
mod start;
mod timers;

use std::time::Instant;

use crate::config::policy::{Policy, Rules, SignalTo};
use crate::config::unit::{Role, UnitId};
use crate::exit_status::{ExitMapping, ExitStatus};
use crate::signal::{Rewrite, Sender, Signal};
use crate::supervisor::action::{Action, Actions};
use crate::supervisor::event::{Event, Need, Receivers};
use crate::supervisor::message::{Consequence, Message};
use phase::Phase;
use service::{GroupCheck, LeaderExit, Service, ServiceState};
use start::Sequence;

/// The state of the leftover processes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leftovers {
    Unaware,
    /// They keep untrap running, and no shutdown has begun.
    Awaited,
    Told,
    Killed,
}

/// The state of a run.
#[derive(Debug)]
pub struct Supervisor {
    services: Vec<Service>,
    sequence: Sequence,
    phase: Phase,
    interrupts: u8,
    /// The terminal has stopped the process group of the foreground service.
    is_job_suspended: bool,
    children_left: bool,
    leftovers: Leftovers,
    /// The status of the service whose exit began the shutdown.
    deciding_status: Option<u8>,
    /// The status of the first failure of a service.
    first_failure: Option<u8>,
    /// The status of the first failure of an `--after` command.
    after_failure: Option<u8>,
    rules: Rules,
}

impl Supervisor {
    /// A run of these units, before any of them is started. The seed determines the random part of the backoff.
    pub fn new(services: impl IntoIterator<Item = (Role, Policy)>, rules: Rules, seed: u64) -> Self {
        let service = |(index, (role, policy))| Service::new(role, policy, seed ^ (index as u64).rotate_left(32));
        let services: Vec<Service> = services.into_iter().enumerate().map(service).collect();
        Self {
            sequence: Sequence::of(&services),
            services,
            phase: Phase::Serving,
            interrupts: 0,
            is_job_suspended: false,
            children_left: false,
            leftovers: Leftovers::Unaware,
            deciding_status: None,
            first_failure: None,
            after_failure: None,
            rules,
        }
    }

    /// The exit status of untrap if it exited now.
    #[must_use]
    pub fn status(&self) -> u8 {
        let status = ExitMapping::apply(&self.rules.exit_map, self.deciding_status.or(self.first_failure).unwrap_or(0));
        match self.after_failure {
            Some(bad) if status == 0 => ExitMapping::apply(&self.rules.exit_map, bad),
            _ => status,
        }
    }

    /// The signal that began the shutdown, if a signal did.
    #[must_use]
    pub fn stop_cause(&self) -> Option<Signal> {
        self.phase.clock().and_then(|clock| clock.cause)
    }

    /// The role of a unit.
    #[must_use]
    pub fn role(&self, id: UnitId) -> Role {
        self.services[id].role
    }

    /// How often this service has been restarted.
    #[must_use]
    pub fn restarts(&self, id: UnitId) -> u32 {
        self.services[id].restarts
    }

    /// All services and hooks.
    fn ids(&self) -> impl Iterator<Item = UnitId> + use<> {
        (0..self.services.len()).map(UnitId::new)
    }

    /// The first unit for which the predicate is true.
    fn find(&self, is_wanted: impl FnMut(&Service) -> bool) -> Option<UnitId> {
        self.services.iter().position(is_wanted).map(UnitId::new)
    }

    /// Takes one event, and adds the actions that follow from it to `actions`.
    pub fn on(&mut self, event: Event, now: Instant, actions: &mut Actions) {
        if self.phase.is_done() {
            return;
        }
        match event {
            Event::Started(id) => self.on_started(id, now, actions),
            Event::StartFailed(id, status) => self.on_start_failed(id, status, now, actions),
            Event::Received(signal, sender) => self.on_signal(signal, sender, now, actions),
            Event::StopSignalSent(id, receivers) => self.on_stop_signal_sent(id, receivers, actions),
            Event::LeaderStopped(id, need) => self.on_leader_stopped(id, need, actions),
            Event::LeaderExited(id, ending) => self.on_leader_ended(id, ending, now, actions),
            Event::GroupEmptied(id) => self.on_group_emptied(id, now, actions),
            Event::Reaped { children_left } => {
                self.children_left = children_left;
                self.see_progress(now);
                self.check_end(now, actions);
            }
            Event::StillReaping => self.on_still_reaping(now, actions),
            Event::TimerExpired => self.on_timer(now, actions),
        }
    }

    fn on_signal(&mut self, received: Signal, sender: Sender, now: Instant, actions: &mut Actions) {
        let said = |consequence| Action::Log(Message::Received(received, sender, consequence));
        let Some(signal) = Rewrite::apply(&self.rules.rewrites, received) else {
            return actions.push(said(Consequence::Drop));
        };
        if received == Signal::INT {
            self.interrupts = self.interrupts.saturating_add(1);
        }
        if received == Signal::INT && self.interrupts > 1 {
            actions.push(said(Consequence::KillAll));
            return self.kill_all(now, actions);
        }
        if self.phase.is_before_shutdown() && (received.begins_shutdown() || signal.begins_shutdown()) {
            actions.push(said(Consequence::Shutdown));
            return if self.phase == Phase::Serving {
                self.begin_stop(signal, Some(received), now, actions);
                self.check_end(now, actions);
            } else {
                self.begin_shutdown_of_after(signal, received, now, actions);
            };
        }
        let consequence = match self.forward(signal, actions) {
            false => Consequence::Ignore,
            true if signal == received => Consequence::Forward,
            true => Consequence::ForwardAs(signal),
        };
        actions.push(said(consequence));
        if received.suspends() {
            actions.push(Action::Suspend);
        }
    }

    /// Forwards a signal. Returns false if no unit receives it.
    fn forward(&mut self, signal: Signal, actions: &mut Actions) -> bool {
        let before = actions.count_signals();
        let alone = self.services.iter().filter(|service| service.is_service()).count() == 1;
        let whole_job = signal == Signal::CONT && std::mem::take(&mut self.is_job_suspended);
        // With a stop order or a stop delay, a second TERM must not stop services before their turn.
        let early =
            |service: &Service| signal.begins_shutdown() && self.phase.clock().is_some() && !service.is_stopping;
        // Signals such as HUP have a meaning for services only, not for readiness checks or stop commands.
        let concerns = |service: &Service| match service.role {
            Role::Service | Role::Before | Role::After => true,
            Role::WaitFor | Role::Ready(_) | Role::StopCommand(_) => signal.begins_shutdown() || signal.controls_jobs(),
        };
        let receives = |service: &Service| !service.killed && !early(service) && concerns(service);
        for (index, service) in self.services.iter().enumerate().filter(|(_, service)| receives(service)) {
            let id = UnitId::new(index);
            let Some(to) = service.signal_to() else { continue };
            if signal == Signal::CONT && alone && service.is_service() {
                // The shell that sent SIGCONT may have made untrap the foreground process group again.
                actions.push(Action::GiveTerminal(id));
            }
            actions.push(Action::Send(id, signal, if whole_job { SignalTo::Group } else { to }));
        }
        actions.count_signals() > before
    }

    /// SIGCONT follows the stop signal, because a stopped process handles signals only after it.
    fn on_stop_signal_sent(&mut self, id: UnitId, receivers: Receivers, actions: &mut Actions) {
        if let ServiceState::Running { told, .. } = &mut self.services[id].stage {
            *told = Some(receivers);
        }
        actions.push(Action::Send(id, Signal::CONT, receivers.into()));
    }

    fn on_leader_stopped(&mut self, id: UnitId, need: Need, actions: &mut Actions) {
        match need {
            Need::Shell if self.phase.clock().is_none() => {
                self.is_job_suspended = true;
                return actions.push(Action::Suspend);
            }
            Need::Terminal => actions.push(Action::GiveTerminal(id)),
            Need::Shell | Need::Waking => {}
        }
        actions.push(Action::Send(id, Signal::CONT, SignalTo::Group));
    }

    fn on_leader_ended(&mut self, id: UnitId, ending: ExitStatus, now: Instant, actions: &mut Actions) {
        let ServiceState::Running { since, told } = self.services[id].stage else {
            // untrap does not wait for this process any longer.
            return actions.push(Action::Reap(id));
        };
        let service = &mut self.services[id];
        let ended = LeaderExit { id, ending, ran: now.saturating_duration_since(since) };
        // The remaining members of the process group may not have been sent the stop signal yet.
        let leaves_unaware = service.is_stopping && told != Some(Receivers::Group);
        service.stage = ServiceState::Draining { kill_at: None, restart_at: None, look: GroupCheck::from(now) };
        match service.role {
            Role::Service => self.on_service_ended(ended, now, actions),
            Role::Before => self.on_before_ended(ended, now, actions),
            Role::WaitFor | Role::Ready(_) => self.on_probe_ended(ended, now, actions),
            Role::StopCommand(of) => self.on_stop_command_ended(of, ended, now, actions),
            Role::After => self.on_after_ended(ended, now, actions),
        }
        if leaves_unaware {
            self.send_stop_signal(id, now, actions);
        }
        actions.push(Action::Reap(id));
    }

    fn on_service_ended(&mut self, ended: LeaderExit, now: Instant, actions: &mut Actions) {
        let LeaderExit { id, ending, ran } = ended;
        let service = &self.services[id];
        let serving = self.phase.clock().is_none();
        let stops = serving && service.ends_run(ending);
        let restarts = serving && service.restarts_after(ending);
        actions.push(Action::Log(ended.message(stops)));
        if restarts {
            return self.restart(id, ran, now, actions);
        }
        if ending.is_failure() {
            self.first_failure.get_or_insert(ending.code());
        }
        if stops {
            self.deciding_status = Some(ending.code());
            self.begin_stop(Signal::TERM, None, now, actions);
        } else {
            self.skip_readiness_of(id, now, actions);
        }
    }

    fn on_group_emptied(&mut self, id: UnitId, now: Instant, actions: &mut Actions) {
        let service = &mut self.services[id];
        service.stage = match service.stage {
            ServiceState::Draining { restart_at: Some(at), .. } if self.phase.clock().is_none() => {
                ServiceState::BackingOff(at)
            }
            _ => ServiceState::Exited,
        };
        self.stop_next(now, actions);
    }
}
