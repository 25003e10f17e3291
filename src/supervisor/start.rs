//! The start: `--wait-for`, `--before`, then each service and its readiness check. And restarts.

use std::time::{Duration, Instant};

use super::Supervisor;
use super::group::{GroupStop, LiveGroup};
use super::hook::{HookState, HookUnit};
use super::phase::{Cause, Phase, ReadinessWait, StartProgress};
use super::service::{ServiceState, ServiceUnit};
use super::unit::Unit;
use crate::config::policy::SignalTo;
use crate::config::unit::{HookRole, UnitId};
use crate::exit_status::{ExitStatus, TIMED_OUT};
use crate::signal::Signal;
use crate::supervisor::action::{Action, Actions};
use crate::supervisor::event::Receivers;
use crate::supervisor::message::{LeaderExit, Message};

/// The time from the exit of a failed readiness check to the next attempt.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);
/// The interval of messages about a readiness check that has not succeeded.
const NOTICE_INTERVAL: Duration = Duration::from_secs(10);

/// `--wait-for`, then `--before`, then each service and its readiness check.
pub(super) fn start_order(units: &[Unit]) -> Vec<UnitId> {
    let all = |is_wanted: &dyn Fn(&Unit) -> bool| -> Vec<UnitId> {
        let wanted = units.iter().enumerate().filter(|(_, unit)| is_wanted(unit));
        wanted.map(|(index, _)| UnitId::new(index)).collect()
    };
    let in_role = |role: HookRole| all(&move |unit| unit.role() == Some(role));
    let services = all(&|unit| unit.as_service().is_some());
    let services = services.into_iter().flat_map(|id| std::iter::once(id).chain(in_role(HookRole::Ready(id))));
    in_role(HookRole::WaitFor).into_iter().chain(in_role(HookRole::Before)).chain(services).collect()
}

impl Supervisor {
    /// The unit to start now. The runtime reports [`Event::Launched`](crate::supervisor::event::Event::Launched) or
    /// [`Event::StartFailed`](crate::supervisor::event::Event::StartFailed), after the events that have arrived before.
    #[must_use]
    pub fn next_start(&self, now: Instant) -> Option<UnitId> {
        match &self.phase {
            Phase::Done(..) => None,
            Phase::RunningAfter(..) => {
                let is_free = !self.units.iter().any(Unit::is_alive) && !self.has_children;
                self.find_due(|role| role == HookRole::After).filter(|_| is_free)
            }
            Phase::ShuttingDown(..) | Phase::StoppingLeftovers(..) => self.find_due(
                |role| matches!(role, HookRole::StopCommand(service) if self.units[service].has_running_leader()),
            ),
            Phase::Starting(_) | Phase::Serving | Phase::AwaitingLeftovers => {
                let is_due = |unit: &Unit| unit.start_at().is_some_and(|at| at <= now);
                self.find(is_due).or(self.current_start().filter(|id| self.units[*id].is_pending()))
            }
        }
    }

    fn find_due(&self, is_wanted: impl Fn(HookRole) -> bool) -> Option<UnitId> {
        let is_due = |hook: &HookUnit| hook.state == HookState::Due && is_wanted(hook.role);
        self.find(|unit| unit.as_hook().is_some_and(is_due))
    }

    /// The unit in the start order that is started next, or that the start waits for.
    fn current_start(&self) -> Option<UnitId> {
        if let Phase::Starting(start) = &self.phase { self.start_order.get(start.done).copied() } else { None }
    }

    fn advance_start(&mut self) {
        let Phase::Starting(start) = &mut self.phase else { return };
        *start = StartProgress { done: start.done + 1, waiting: None };
        if start.done == self.start_order.len() {
            self.phase = Phase::Serving;
        }
    }

    pub(super) fn on_launched(&mut self, id: UnitId, now: Instant, actions: &mut Actions) {
        self.has_children = true;
        self.forget_leftovers();
        let is_check = match &mut self.units[id] {
            Unit::Service(service) => {
                service.restarts += u32::from(service.restart_at().is_some());
                let is_first_start = service.state == ServiceState::Pending;
                service.state = ServiceState::Launching(LiveGroup::new(now));
                if is_first_start {
                    self.advance_start();
                }
                false
            }
            Unit::Hook(hook) => {
                hook.state = HookState::Launching(hook.new_group(now));
                hook.is_readiness_check()
            }
        };
        if !is_check {
            return actions.push(Action::Log(Message::Launched(id)));
        }
        if let Phase::Starting(start) = &mut self.phase
            && start.waiting.is_none()
        {
            start.waiting = Some(ReadinessWait { since: now, notice_at: now + NOTICE_INTERVAL });
            actions.push(Action::Log(Message::Waiting(id, Duration::ZERO)));
        }
    }

    pub(super) fn on_started(&mut self, id: UnitId, actions: &mut Actions) {
        match &mut self.units[id] {
            Unit::Service(service) => {
                let ServiceState::Launching(group) = service.state else { return };
                service.state = ServiceState::Running(group);
            }
            Unit::Hook(hook) => {
                let HookState::Launching(group) = hook.state else { return };
                hook.state = HookState::Running(group);
                if hook.is_readiness_check() {
                    return;
                }
            }
        }
        self.has_run = true;
        actions.push(Action::Log(Message::Started(id)));
    }

    /// A program that cannot be executed begins the shutdown regardless of `--on-exit`, because it is a mistake of the
    /// user. If the service has run before, the cause may be temporary, such as a limit of processes: it is restarted.
    pub(super) fn on_start_failed(&mut self, id: UnitId, status: u8, now: Instant, actions: &mut Actions) {
        let restarts = self.phase.is_serving() && self.units[id].as_service().is_some_and(ServiceUnit::is_restarted);
        if self.units[id].is_alive() {
            self.units[id].drain(now);
        } else {
            self.units[id].abandon();
        }
        if restarts {
            self.restart(id, Duration::ZERO, now, actions);
            return self.check_end(now, actions);
        }
        match self.units[id].role() {
            Some(HookRole::StopCommand(service)) => self.signal_instead(service, now, actions),
            Some(HookRole::After) => self.failures.add_after(ExitStatus::Exited(status), &self.rules.exit_map),
            None | Some(HookRole::Before | HookRole::WaitFor | HookRole::Ready(_)) => {
                if self.phase.is_serving() {
                    self.begin_shutdown(Cause::Status(status), Signal::TERM, now, actions);
                } else {
                    self.failures.add(ExitStatus::Exited(status), &self.rules.exit_map);
                }
            }
        }
        self.check_end(now, actions);
    }

    pub(super) fn on_before_exited(&mut self, exit: LeaderExit, now: Instant, actions: &mut Actions) {
        let stops = self.phase.is_serving() && exit.status.is_failure();
        actions.push(Action::Log(Message::Exited { exit, stops }));
        if stops {
            self.begin_shutdown(Cause::Status(exit.status.code()), Signal::TERM, now, actions);
        } else if exit.status.is_failure() {
            self.failures.add(exit.status, &self.rules.exit_map);
        } else if self.current_start() == Some(exit.unit) {
            self.advance_start();
        }
    }

    pub(super) fn on_readiness_check_exited(&mut self, exit: LeaderExit, now: Instant, actions: &mut Actions) {
        let Phase::Starting(start) = &self.phase else { return };
        if self.current_start() != Some(exit.unit) {
            return;
        }
        if exit.status.is_failure() {
            return self.retry(exit.unit, now);
        }
        let waited = start.waiting.map_or(Duration::ZERO, |waiting| now - waiting.since);
        actions.push(Action::Log(Message::Ready(exit.unit, waited)));
        self.advance_start();
    }

    /// Plans the next attempt of a readiness check. The remaining processes of this one are killed first.
    fn retry(&mut self, id: UnitId, now: Instant) {
        if let Unit::Hook(hook) = &mut self.units[id]
            && let HookState::Draining(mut draining) = hook.state
        {
            draining.group.kill_at = Some(now);
            hook.state = HookState::Retrying(draining, now + RETRY_INTERVAL);
        }
    }

    /// A service that has exited cannot become ready: the start continues without its readiness check.
    pub(super) fn skip_readiness_of(&mut self, service: UnitId, now: Instant, actions: &mut Actions) {
        while let Some(check) = self.current_start()
            && self.units[check].role() == Some(HookRole::Ready(service))
        {
            if self.units[check].is_alive() {
                self.kill(check, now, actions);
            } else {
                self.units[check].abandon();
            }
            self.advance_start();
        }
    }

    /// The time of a notice about the current readiness check, or of its timeout, has come.
    pub(super) fn on_readiness_timer(&mut self, now: Instant, actions: &mut Actions) {
        let id = self.current_start();
        let (Some(id), Phase::Starting(StartProgress { waiting: Some(waiting), .. })) = (id, &mut self.phase) else {
            return;
        };
        let waited = now.saturating_duration_since(waiting.since);
        if self.rules.wait_timeout.0.is_some_and(|timeout| timeout <= waited) {
            actions.push(Action::Log(Message::ReadinessTimedOut(id, waited)));
            self.begin_shutdown(Cause::Status(TIMED_OUT), Signal::TERM, now, actions);
        } else if waiting.notice_at <= now {
            waiting.notice_at = now + NOTICE_INTERVAL;
            actions.push(Action::Log(Message::Waiting(id, waited)));
        }
    }

    /// Plans the restart of a service that ran for this time. Its remaining processes are stopped first.
    pub(super) fn restart(&mut self, id: UnitId, ran: Duration, now: Instant, actions: &mut Actions) {
        let Unit::Service(service) = &mut self.units[id] else { return };
        let wait = service.next_backoff(ran);
        if let ServiceState::Draining(mut draining) = service.state {
            draining.group.stop = GroupStop::Signalled(Receivers::Group);
            draining.group.kill_at = service.policy.timeout.0.map(|timeout| now + timeout);
            service.state = ServiceState::Restarting(draining, now + wait);
            let signal = service.policy.stop_signal.unwrap_or(Signal::TERM);
            actions.push(Action::SendStopSignal(id, signal, SignalTo::Group));
        } else {
            // No process could be created for the restart, which counts as one.
            service.restarts += 1;
            service.state = ServiceState::BackingOff(now + wait);
        }
        actions.push(Action::Log(Message::Restarting { service: id, wait, restarts: service.restarts + 1 }));
    }
}
