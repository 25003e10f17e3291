//! The start: `--wait-for`, `--before`, then each service and its readiness check.

use std::time::{Duration, Instant};

use super::service::{GroupCheck, LeaderExit, Service, ServiceState};
use super::{Leftovers, Phase, Supervisor};
use crate::config::policy::{SignalTo, Timeout};
use crate::config::unit::{Role, UnitId};
use crate::exit_status::TIMED_OUT;
use crate::signal::Signal;
use crate::supervisor::action::{Action, Actions};
use crate::supervisor::message::Message;

/// The time from the exit of a readiness check to the next attempt.
const PROBE_INTERVAL: Duration = Duration::from_millis(100);
/// The interval of messages about a readiness check that has not succeeded.
const NOTICE_INTERVAL: Duration = Duration::from_secs(10);

/// The order of the start, and its progress.
#[derive(Debug)]
pub(super) struct Sequence {
    order: Vec<UnitId>,
    /// How many of them are started or ready.
    done: usize,
    /// A unit other than a readiness check has been started.
    begun: bool,
    /// Set while the current readiness check has not succeeded.
    waiting: Option<Waiting>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    since: Instant,
    notice_at: Instant,
}

impl Sequence {
    /// `--wait-for`, then `--before`, then each service and its readiness check.
    pub(super) fn of(services: &[Service]) -> Self {
        let all = |wanted: Role| {
            let is_wanted = move |(_, service): &(usize, &Service)| service.role == wanted;
            services.iter().enumerate().filter(is_wanted).map(|(index, _)| UnitId::new(index))
        };
        let services = all(Role::Service).flat_map(|id| std::iter::once(id).chain(all(Role::Ready(id))));
        let before = all(Role::WaitFor).chain(all(Role::Before));
        Self { order: before.chain(services).collect(), done: 0, begun: false, waiting: None }
    }

    pub(super) fn current(&self) -> Option<UnitId> {
        self.order.get(self.done).copied()
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// The time of the next message about the current readiness check, or of its timeout.
    pub(super) fn wake_at(&self, wait_timeout: Timeout) -> Option<Instant> {
        let waiting = self.waiting?;
        Some(wait_timeout.0.map_or(waiting.notice_at, |timeout| waiting.notice_at.min(waiting.since + timeout)))
    }

    fn advance(&mut self) {
        self.done += 1;
        self.waiting = None;
    }

    pub(super) fn stop_waiting(&mut self) {
        self.waiting = None;
    }
}

impl Supervisor {
    /// The unit to start now. The runtime reports [`Event::Started`](crate::supervisor::event::Event::Started) or
    /// [`Event::StartFailed`](crate::supervisor::event::Event::StartFailed), after the events that have arrived before.
    #[must_use]
    pub fn next_start(&self, now: Instant) -> Option<UnitId> {
        let called_for = |wanted: &dyn Fn(Role) -> bool| {
            self.find(|service| wanted(service.role) && service.stage == ServiceState::Pending && service.is_stopping)
        };
        let runs =
            |id: UnitId| matches!(self.services[id].stage, ServiceState::Running { .. }) && !self.services[id].killed;
        match self.phase {
            Phase::Done(_) => None,
            Phase::RunningAfter { .. } => {
                let free = !self.services.iter().any(Service::is_alive) && !self.children_left;
                called_for(&|role| role == Role::After).filter(|_| free)
            }
            Phase::ShuttingDown(_) => called_for(&|role| matches!(role, Role::StopCommand(of) if runs(of))),
            Phase::Serving => {
                let due = |service: &Service| service.restart_at().is_some_and(|at| at <= now);
                let current = self.sequence.current().filter(|id| self.services[*id].stage == ServiceState::Pending);
                self.find(due).or(current)
            }
        }
    }

    pub(super) fn on_started(&mut self, id: UnitId, now: Instant, actions: &mut Actions) {
        self.children_left = true;
        self.set_kill_wait(None);
        self.leftovers = Leftovers::Unaware;
        let service = &mut self.services[id];
        if service.restart_at().is_some() {
            service.restarts += 1;
        }
        service.stage = ServiceState::Running { since: now, told: None };
        service.killed = false;
        service.is_stopping = self.phase.clock().is_some();
        match service.role {
            Role::WaitFor | Role::Ready(_) => return self.begin_waiting(id, now, actions),
            Role::Service if service.restarts == 0 => self.sequence.advance(),
            Role::Service | Role::Before | Role::After | Role::StopCommand(_) => {}
        }
        self.sequence.begun = true;
        actions.push(Action::Log(Message::Started(id)));
    }

    fn begin_waiting(&mut self, id: UnitId, now: Instant, actions: &mut Actions) {
        if self.sequence.waiting.is_none() {
            self.sequence.waiting = Some(Waiting { since: now, notice_at: now + NOTICE_INTERVAL });
            actions.push(Action::Log(Message::Waiting(id, Duration::ZERO)));
        }
    }

    /// A program that cannot be executed begins the shutdown regardless of `--on-exit`, because it is a mistake of the
    /// user.
    pub(super) fn on_start_failed(&mut self, id: UnitId, status: u8, now: Instant, actions: &mut Actions) {
        let service = &mut self.services[id];
        let restarts = service.restart_at().is_some() && service.is_service();
        service.stage = ServiceState::Exited;
        match service.role {
            // It could be executed before, so the cause may be temporary, such as a limit of processes.
            Role::Service if restarts => {
                self.services[id].restarts += 1;
                self.restart(id, Duration::ZERO, now, actions);
                return self.on_group_emptied(id, now, actions);
            }
            Role::Service | Role::Before | Role::WaitFor | Role::Ready(_) => {
                self.deciding_status = Some(status);
                self.begin_stop(Signal::TERM, None, now, actions);
            }
            Role::StopCommand(of) => self.signal_instead(of, now, actions),
            Role::After => drop(self.after_failure.get_or_insert(status)),
        }
        self.check_end(now, actions);
    }

    pub(super) fn on_before_ended(&mut self, ended: LeaderExit, now: Instant, actions: &mut Actions) {
        let LeaderExit { id, ending, .. } = ended;
        let stops = self.phase.clock().is_none() && ending.is_failure();
        actions.push(Action::Log(ended.message(stops)));
        if stops {
            self.deciding_status = Some(ending.code());
            self.begin_stop(Signal::TERM, None, now, actions);
        } else if ending.is_failure() {
            self.first_failure.get_or_insert(ending.code());
        } else if self.sequence.current() == Some(id) {
            self.sequence.advance();
        }
    }

    pub(super) fn on_probe_ended(&mut self, ended: LeaderExit, now: Instant, actions: &mut Actions) {
        let LeaderExit { id, ending, .. } = ended;
        if self.phase.clock().is_some() || self.sequence.current() != Some(id) {
            return;
        }
        if ending.is_failure() {
            let restart_at = Some(now + PROBE_INTERVAL);
            let again = ServiceState::Draining { kill_at: Some(now), restart_at, look: GroupCheck::from(now) };
            self.services[id].stage = again;
            return;
        }
        let waited = self.sequence.waiting.map_or(Duration::ZERO, |waiting| now - waiting.since);
        actions.push(Action::Log(Message::Ready(id, waited)));
        self.sequence.advance();
    }

    /// A service that has exited cannot become ready: the start continues without its readiness check.
    pub(super) fn skip_readiness_of(&mut self, service: UnitId, now: Instant, actions: &mut Actions) {
        while let Some(probe) = self.sequence.current()
            && self.services[probe].role == Role::Ready(service)
        {
            if self.services[probe].is_alive() {
                self.kill(probe, now, actions);
            } else {
                self.services[probe].stage = ServiceState::Exited;
            }
            self.sequence.advance();
        }
    }

    pub(super) fn on_wait_time(&mut self, now: Instant, actions: &mut Actions) {
        let (Some(waiting), Some(id)) = (self.sequence.waiting, self.sequence.current()) else { return };
        let waited = now.saturating_duration_since(waiting.since);
        if self.rules.wait_timeout.0.is_some_and(|timeout| timeout <= waited) {
            actions.push(Action::Log(Message::ReadinessTimedOut(id, waited)));
            self.deciding_status = Some(TIMED_OUT);
            self.begin_stop(Signal::TERM, None, now, actions);
        } else if waiting.notice_at <= now {
            actions.push(Action::Log(Message::Waiting(id, waited)));
            self.sequence.waiting = Some(Waiting { notice_at: now + NOTICE_INTERVAL, ..waiting });
        }
    }

    /// Plans the restart of a service that ran for this time. Its remaining processes are stopped first.
    pub(super) fn restart(&mut self, id: UnitId, ran: Duration, now: Instant, actions: &mut Actions) {
        let service = &mut self.services[id];
        let wait = service.backoff.next(ran);
        let kill_at = service.policy.timeout.0.map(|timeout| now + timeout);
        service.stage = ServiceState::Draining { kill_at, restart_at: Some(now + wait), look: GroupCheck::from(now) };
        service.is_stopping = true;
        actions.push(Action::Log(Message::Restarting { service: id, wait, restarts: service.restarts + 1 }));
        actions.push(Action::SendStopSignal(id, service.policy.stop_signal.unwrap_or(Signal::TERM), SignalTo::Group));
    }
}
