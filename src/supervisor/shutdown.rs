//! The stop and the end: who is told when, who is killed, and when the run is over.

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
        // Nobody else looks at what only helps the start, so it need not wait for its turn.
        for id in self.ids() {
            if !self.services[id].is_service() && self.services[id].is_alive() {
                self.services[id].is_stopping = true;
                self.send_stop_signal(id, now, actions);
            }
        }
        self.stop_next(now, actions);
        self.kill_late(now, actions);
    }

    /// Whether a service waits for its turn in the stop.
    pub(super) fn is_stop_due(&self) -> bool {
        let waits = |service: &Service| service.is_service() && service.is_alive() && !service.is_stopping;
        self.services.iter().any(waits) && !self.is_exit_awaited()
    }

    /// Whether those whose turn is next have to wait for somebody's end.
    fn is_exit_awaited(&self) -> bool {
        let leaves = |service: &Service| service.is_service() && service.is_alive() && service.is_stopping;
        self.rules.stop_order != StopOrder::AtOnce && self.services.iter().any(leaves)
    }

    /// Tells those whose turn has come.
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

    /// The command that stops this service, if it has a leader to be stopped and any time for it.
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

    /// Sends a service the stop signal after all: its stop command has failed.
    pub(super) fn signal_instead(&mut self, id: UnitId, now: Instant, actions: &mut Actions) {
        if matches!(self.services[id].stage, ServiceState::Running { told: None, .. }) {
            actions.push(Action::Log(Message::StopCommandFailed(id)));
            self.send_stop_signal(id, now, actions);
        }
    }

    /// Sends a service its stop signal, or SIGKILL where it gets no time.
    pub(super) fn send_stop_signal(&mut self, id: UnitId, now: Instant, actions: &mut Actions) {
        let service = &self.services[id];
        let (Some(stop), Some(to)) = (self.phase.clock(), service.signal_to()) else { return };
        if service.deadline(Some(&stop)).is_some_and(|deadline| deadline <= now) {
            self.kill(id, now, actions);
        } else if !service.killed {
            actions.push(Action::SendStopSignal(id, service.policy.stop_signal.unwrap_or(stop.signal), to));
        }
    }

    /// Kills those whose deadline has passed, whether or not their turn has come.
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

    /// Once all that are left have been sent SIGKILL, they have no more than a moment.
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
                // It was sent SIGKILL: that it has not ended of it yet is no good end.
                self.first_failure.get_or_insert(ExitStatus::Signaled(Signal::KILL).code());
            }
        }
        if leftovers_only {
            actions.push(Action::Log(Message::GaveUpOnLeftovers));
            self.children_left = false;
        }
        self.check_end(now, actions);
    }

    /// Looks whether the run is over, or only leftovers remain.
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

    /// Called again after each reaping: what a fork bomb started in the meantime is killed too.
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

    /// A bomb whose dead never end would otherwise keep the stop from those who still live.
    pub(super) fn on_still_reaping(&mut self, now: Instant, actions: &mut Actions) {
        if self.phase.clock().is_some() {
            self.see_progress(now);
            self.check_end(now, actions);
        }
    }

    /// Nobody knows which service a leftover came from, so it gets the time of the most patient one.
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

    /// After the run: until when its output waits for a reader that took something last at `progress`. `None`: for ever.
    ///
    /// Whoever sent a stop signal wants the end at the timeout. Where a service's end began the stop nobody is in a hurry,
    /// and a reader that goes on reading gets everything.
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
        // Whoever it leaves behind has as much time as others had before it.
        self.restart_clock(now);
    }

    /// Runs what comes after all else has ended, and then ends.
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
