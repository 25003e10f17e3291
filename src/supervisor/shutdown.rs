//! The shutdown: when stop signals and SIGKILL are sent, and when untrap exits.

use std::time::{Duration, Instant};

use super::phase::{KillWait, StopClock};
use super::service::{LeaderExit, Service, ServiceState};
use super::{Leftovers, Phase, Supervisor};
use crate::config::policy::StopOrder;
use crate::config::unit::{Role, UnitId};
use crate::exit_status::ExitStatus;
use crate::signal::Signal;
use crate::supervisor::action::{Action, Actions};
use crate::supervisor::message::Message;

impl Supervisor {
    pub(super) fn begin_stop(&mut self, signal: Signal, cause: Option<Signal>, now: Instant, actions: &mut Actions) {
        if self.phase.clock().is_some() {
            return;
        }
        self.sequence.stop_waiting();
        for service in self.services.iter_mut().filter(|service| matches!(service.stage, ServiceState::BackingOff(_))) {
            service.stage = ServiceState::Exited;
        }
        let serves = self.services.iter().any(|service| service.is_service() && service.is_alive());
        let delay = if serves { self.rules.stop_delay } else { Duration::ZERO };
        self.phase = Phase::ShuttingDown(StopClock::new(now + delay, signal, cause));
        if !delay.is_zero() {
            actions.push(Action::Log(Message::Delaying(delay)));
        }
        // Readiness checks and `--before` commands are not part of the stop order: stop them immediately.
        for id in self.ids() {
            if !self.services[id].is_service() && self.services[id].is_alive() {
                self.services[id].is_stopping = true;
                self.send_stop_signal(id, now, actions);
            }
        }
        self.stop_next(now, actions);
        self.kill_late(now, actions);
    }

    /// Whether the next service in the stop order can be sent its stop signal.
    pub(super) fn is_stop_due(&self) -> bool {
        let waits = |service: &Service| service.is_service() && service.is_alive() && !service.is_stopping;
        self.services.iter().any(waits) && !self.is_exit_awaited()
    }

    /// Whether the next service in the stop order waits for the exit of the one before it.
    fn is_exit_awaited(&self) -> bool {
        let leaves = |service: &Service| service.is_service() && service.is_alive() && service.is_stopping;
        self.rules.stop_order != StopOrder::AtOnce && self.services.iter().any(leaves)
    }

    /// Stops the services whose turn in the stop order has come.
    pub(super) fn stop_next(&mut self, now: Instant, actions: &mut Actions) {
        if self.phase.clock().is_none_or(|stop| stop.since > now) {
            return;
        }
        let count = self.services.len();
        for place in 0..count {
            let index = if self.rules.stop_order == StopOrder::Reverse { count - 1 - place } else { place };
            let id = UnitId::new(index);
            let service = &mut self.services[id];
            if !service.is_service() || !service.is_alive() {
                continue;
            }
            if !std::mem::replace(&mut service.is_stopping, true) {
                match self.stop_command_of(id, now) {
                    Some(command) => self.services[command].is_stopping = true,
                    None => self.send_stop_signal(id, now, actions),
                }
            }
            if self.rules.stop_order != StopOrder::AtOnce {
                return;
            }
        }
    }

    /// The stop command of this service, if its leader runs and its deadline has not passed.
    fn stop_command_of(&self, id: UnitId, now: Instant) -> Option<UnitId> {
        let service = &self.services[id];
        let has_time = service.deadline(self.phase.clock().as_ref()).is_none_or(|deadline| deadline > now);
        let can_be_asked = has_time && matches!(service.stage, ServiceState::Running { .. });
        self.find(|service| service.role == Role::StopCommand(id)).filter(|_| can_be_asked)
    }

    pub(super) fn on_stop_command_ended(&mut self, of: UnitId, ended: LeaderExit, now: Instant, actions: &mut Actions) {
        actions.push(Action::Log(ended.message(false)));
        if ended.ending.is_failure() {
            self.signal_instead(of, now, actions);
        }
    }

    /// Sends a service the stop signal, because its stop command has failed.
    pub(super) fn signal_instead(&mut self, id: UnitId, now: Instant, actions: &mut Actions) {
        if matches!(self.services[id].stage, ServiceState::Running { told: None, .. }) {
            actions.push(Action::Log(Message::StopCommandFailed(id)));
            self.send_stop_signal(id, now, actions);
        }
    }

    /// Sends a service its stop signal, or SIGKILL if its deadline has passed.
    pub(super) fn send_stop_signal(&mut self, id: UnitId, now: Instant, actions: &mut Actions) {
        let service = &self.services[id];
        let (Some(stop), Some(to)) = (self.phase.clock(), service.signal_to()) else { return };
        if service.deadline(Some(&stop)).is_some_and(|deadline| deadline <= now) {
            self.kill(id, now, actions);
        } else if !service.killed {
            actions.push(Action::SendStopSignal(id, service.policy.stop_signal.unwrap_or(stop.signal), to));
        }
    }

    /// Kills the units whose deadline has passed, also those whose turn in the stop order has not come.
    pub(super) fn kill_late(&mut self, now: Instant, actions: &mut Actions) {
        for id in self.ids() {
            if self.services[id].deadline(self.phase.clock().as_ref()).is_some_and(|deadline| deadline <= now) {
                self.kill(id, now, actions);
            }
        }
    }

    pub(super) fn kill(&mut self, id: UnitId, now: Instant, actions: &mut Actions) {
        let service = &mut self.services[id];
        if !service.is_alive() || std::mem::replace(&mut service.killed, true) {
            return;
        }
        let since = match (service.role, service.stage, self.phase.clock()) {
            (Role::After, ServiceState::Running { since, .. }, _) => Some(since),
            (_, _, Some(stop)) => Some(stop.since),
            _ => None,
        };
        let message = Message::Killed(id, since.map(|since| now.saturating_duration_since(since)));
        actions.push(Action::Kill(id, (!service.is_probe()).then_some(message)));
    }

    pub(super) fn kill_all(&mut self, now: Instant, actions: &mut Actions) {
        if let Some(stop) = self.phase.clock_mut() {
            stop.kills_at_once = true;
            stop.since = stop.since.min(now);
        }
        self.on_timer(now, actions);
    }

    /// Bounds the wait once all remaining units have been sent SIGKILL.
    fn limit_wait_after_kill(&mut self, now: Instant) {
        let killed = self.services.iter().filter(|service| service.is_alive()).all(|service| service.killed);
        if killed && self.phase.clock().is_some_and(|stop| stop.kill_wait.is_none()) {
            self.set_kill_wait(Some(KillWait::from(now)));
        }
    }

    pub(super) fn set_kill_wait(&mut self, kill_wait: Option<KillWait>) {
        if let Some(stop) = self.phase.clock_mut() {
            stop.kill_wait = kill_wait;
        }
    }

    pub(super) fn see_progress(&mut self, now: Instant) {
        if let Some(kill_wait) = self.phase.clock_mut().and_then(|stop| stop.kill_wait.as_mut()) {
            kill_wait.see_progress(now);
        }
    }

    pub(super) fn give_up(&mut self, now: Instant, actions: &mut Actions) {
        self.set_kill_wait(None);
        let mut leftovers_only = true;
        for id in self.ids() {
            if self.services[id].is_alive() {
                leftovers_only = false;
                self.services[id].stage = ServiceState::Exited;
                actions.push(Action::Log(Message::GaveUpOn(id)));
                // It was sent SIGKILL and has not exited, which is a failure.
                self.first_failure.get_or_insert(ExitStatus::Signaled(Signal::KILL).code());
            }
        }
        if leftovers_only {
            actions.push(Action::Log(Message::GaveUpOnLeftovers));
            self.children_left = false;
        }
        self.check_end(now, actions);
    }

    /// Checks whether the run is over, or only leftover processes remain.
    pub(super) fn check_end(&mut self, now: Instant, actions: &mut Actions) {
        let restarts = self.services.iter().any(|service| service.restart_at().is_some());
        if self.services.iter().any(Service::is_alive) {
            return self.limit_wait_after_kill(now);
        }
        if restarts || self.next_start(now).is_some() {
            return;
        }
        if !self.children_left {
            return self.finish(now, actions);
        }
        let Some(stop) = self.phase.clock() else {
            if self.leftovers == Leftovers::Unaware {
                self.leftovers = Leftovers::Awaited;
                actions.push(Action::Log(Message::WaitingForLeftovers));
            }
            return;
        };
        let late = self.leftovers_deadline().is_some_and(|deadline| deadline <= now);
        if late {
            self.kill_leftovers(stop, now, actions);
        } else if matches!(self.leftovers, Leftovers::Unaware | Leftovers::Awaited) {
            self.leftovers = Leftovers::Told;
            self.set_kill_wait(None);
            actions.push(Action::Log(Message::StoppingLeftovers));
            actions.push(Action::SignalLeftovers(Signal::TERM));
        }
    }

    /// Called after each reaping, so that processes that a fork bomb has created meanwhile are killed too.
    fn kill_leftovers(&mut self, stop: StopClock, now: Instant, actions: &mut Actions) {
        if stop.kill_wait.is_none() || self.leftovers != Leftovers::Killed {
            self.set_kill_wait(Some(KillWait::from(now)));
        }
        if self.leftovers != Leftovers::Killed {
            self.leftovers = Leftovers::Killed;
            let after = now.saturating_duration_since(stop.since);
            actions.push(Action::Log(Message::KillingLeftovers(after)));
        }
        actions.push(Action::KillLeftovers);
    }

    /// A fork bomb can exit children faster than untrap reaps them, so that `Reaped` never arrives. Advance the
    /// shutdown anyway.
    pub(super) fn on_still_reaping(&mut self, now: Instant, actions: &mut Actions) {
        if self.phase.clock().is_some() {
            self.see_progress(now);
            self.check_end(now, actions);
        }
    }

    /// untrap cannot know which service a leftover process belongs to, so the longest stop timeout applies.
    pub(super) fn leftovers_deadline(&self) -> Option<Instant> {
        let stop = self.phase.clock()?;
        if stop.kills_at_once {
            return Some(stop.since);
        }
        self.longest_timeout().map(|timeout| stop.since + timeout)
    }

    fn longest_timeout(&self) -> Option<Duration> {
        let role = if matches!(self.phase, Phase::RunningAfter { .. }) { Role::After } else { Role::Service };
        let timeouts =
            self.services.iter().filter(|service| service.role == role).map(|service| service.policy.timeout.0);
        timeouts.reduce(|a, b| Some(a?.max(b?))).flatten()
    }

    /// The deadline of the flush, if the run was `over` at this time and the reader last read at `progress`. `None`:
    /// never.
    ///
    /// After a stop signal the stop timeout counts from that signal. If the exit of a service began the shutdown, it
    /// counts from the last read, so that a reader that keeps reading receives all output.
    #[must_use]
    pub fn output_deadline(&self, over: Instant, progress: Instant) -> Option<Instant> {
        let since = self.phase.clock().filter(|clock| clock.cause.is_some()).map_or(progress, |stop| stop.since);
        self.longest_timeout().map(|timeout| (since + timeout).max(over + KillWait::WITHOUT_PROGRESS))
    }

    pub(super) fn on_after_ended(&mut self, ended: LeaderExit, now: Instant, actions: &mut Actions) {
        actions.push(Action::Log(ended.message(false)));
        if ended.ending.is_failure() {
            self.after_failure.get_or_insert(ended.ending.code());
        }
        // The processes that it leaves behind have the same stop timeout again.
        self.restart_clock(now);
    }

    /// Runs the `--after` commands, and then exits.
    fn finish(&mut self, now: Instant, actions: &mut Actions) {
        let mut comes_after = false;
        if !matches!(self.phase, Phase::RunningAfter { .. }) && self.sequence.has_begun() {
            for service in self.services.iter_mut().filter(|service| service.role == Role::After) {
                service.is_stopping = true;
                comes_after = true;
            }
        }
        if comes_after {
            self.restart_clock(now);
        } else if self.next_start(now).is_none() {
            self.phase = Phase::Done(self.phase.clock());
            actions.push(Action::Log(Message::Exit(self.status())));
            actions.push(Action::Exit(self.status()));
        }
    }

    /// Stops the `--after` command that runs. The ones after it still run, as `ExecStopPost=` does under systemd: a
    /// cleanup must not be lost because a signal came late.
    pub(super) fn begin_shutdown_of_after(
        &mut self,
        signal: Signal,
        received: Signal,
        now: Instant,
        actions: &mut Actions,
    ) {
        if let Some(clock) = self.phase.clock() {
            let clock = StopClock { signal, cause: Some(received), ..clock };
            self.phase = Phase::RunningAfter { clock, in_shutdown: true };
        }
        for id in self.ids() {
            // A group without a leader was sent the stop signal when its leader exited.
            let is_running = matches!(self.services[id].stage, ServiceState::Running { .. });
            if self.services[id].role == Role::After && is_running {
                self.send_stop_signal(id, now, actions);
            }
        }
        self.check_end(now, actions);
    }

    fn restart_clock(&mut self, now: Instant) {
        let (signal, cause) = self.phase.clock().map_or((Signal::TERM, None), |clock| (clock.signal, clock.cause));
        let in_shutdown = self.phase.is_in_shutdown();
        self.phase = Phase::RunningAfter { clock: StopClock::new(now, signal, cause), in_shutdown };
        self.leftovers = Leftovers::Unaware;
    }
}
