//! The shutdown: when stop signals and SIGKILL are sent, and when untrap exits.

use std::time::{Duration, Instant};

use super::Supervisor;
use super::group::GroupStop;
use super::hook::{HookState, HookUnit};
use super::phase::{Cause, KillWait, LeftoverStop, Phase, StopClock};
use super::unit::Unit;
use crate::config::policy::{SignalTo, StopOrder};
use crate::config::unit::{HookRole, UnitId};
use crate::exit_status::ExitStatus;
use crate::signal::Signal;
use crate::supervisor::action::{Action, Actions};
use crate::supervisor::event::Receivers;
use crate::supervisor::message::{LeaderExit, Message};

impl Supervisor {
    /// `signal` is the stop signal of services that have none of their own.
    pub(super) fn begin_shutdown(&mut self, cause: Cause, signal: Signal, now: Instant, actions: &mut Actions) {
        if !self.phase.is_serving() {
            return;
        }
        for unit in &mut self.units {
            if let Some(exit) = unit.as_service().filter(|service| service.awaits_restart()).and_then(|it| it.last_exit)
            {
                self.failures.add_in_backoff(exit, &self.rules.exit_map);
            }
            unit.cancel_restart();
        }
        let is_serving = self.units.iter().any(Unit::is_live_service);
        let delay = if is_serving { self.rules.stop_delay } else { Duration::ZERO };
        let interrupted_at = (cause == Cause::Signal(Signal::INT)).then_some(now);
        self.phase = Phase::ShuttingDown(cause, StopClock::new(now + delay, signal, interrupted_at));
        if !delay.is_zero() {
            actions.push(Action::Log(Message::Delaying(delay)));
        }
        // Readiness checks and `--before` commands are not part of the stop order: stop them immediately.
        for id in self.ids() {
            if self.units[id].as_hook().is_some() {
                self.send_stop_signal(id, now, actions);
            }
        }
        self.stop_next(now, actions);
        self.kill_late(now, actions);
    }

    /// Whether the next service in the stop order can be sent its stop signal.
    pub(super) fn is_stop_due(&self) -> bool {
        let is_waiting = |unit: &Unit| unit.is_live_service() && !unit.is_stopping();
        self.units.iter().any(is_waiting) && !self.is_exit_awaited()
    }

    /// Whether the next service in the stop order waits for the exit of the one before it.
    fn is_exit_awaited(&self) -> bool {
        let is_leaving = |unit: &Unit| unit.is_live_service() && unit.is_stopping();
        self.rules.stop_order != StopOrder::AtOnce && self.units.iter().any(is_leaving)
    }

    /// Stops the next services in the stop order.
    pub(super) fn stop_next(&mut self, now: Instant, actions: &mut Actions) {
        if self.phase.clock().is_none_or(|clock| clock.since > now) {
            return;
        }
        let count = self.units.len();
        for place in 0..count {
            let index = if self.rules.stop_order == StopOrder::Reverse { count - 1 - place } else { place };
            let id = UnitId::new(index);
            if !self.units[id].is_live_service() {
                continue;
            }
            if !self.units[id].is_stopping() {
                self.stop(id, now, actions);
            }
            if self.rules.stop_order != StopOrder::AtOnce {
                return;
            }
        }
    }

    /// Runs the stop command of a service, or sends it its stop signal.
    fn stop(&mut self, id: UnitId, now: Instant, actions: &mut Actions) {
        let Some(command) = self.stop_command_of(id, now) else {
            return self.send_stop_signal(id, now, actions);
        };
        if let Unit::Hook(hook) = &mut self.units[command] {
            hook.state = HookState::Due;
        }
        self.set_stop(id, GroupStop::ByCommand);
    }

    /// The stop command of this service, if its leader runs and its deadline has not passed.
    fn stop_command_of(&self, id: UnitId, now: Instant) -> Option<UnitId> {
        let unit = &self.units[id];
        let has_time = unit.deadline(self.phase.clock()).is_none_or(|deadline| deadline > now);
        let has_leader = unit.leader_group().is_some();
        self.find(|unit| unit.role() == Some(HookRole::StopCommand(id))).filter(|_| has_time && has_leader)
    }

    pub(super) fn on_stop_command_exited(
        &mut self,
        service: UnitId,
        exit: LeaderExit,
        now: Instant,
        actions: &mut Actions,
    ) {
        actions.push(Action::Log(Message::Exited { exit, stops: false }));
        if exit.status.is_failure() {
            self.signal_instead(service, now, actions);
        }
    }

    /// Sends a service the stop signal, because its stop command has failed.
    pub(super) fn signal_instead(&mut self, id: UnitId, now: Instant, actions: &mut Actions) {
        if self.units[id].leader_group().is_some_and(|group| group.stop == GroupStop::ByCommand) {
            actions.push(Action::Log(Message::StopCommandFailed(id)));
            self.send_stop_signal(id, now, actions);
        }
    }

    /// Sends a unit its stop signal, or SIGKILL if its deadline has passed.
    pub(super) fn send_stop_signal(&mut self, id: UnitId, now: Instant, actions: &mut Actions) {
        let unit = &self.units[id];
        let (Some(clock), Some(to)) = (self.phase.clock(), unit.signal_to()) else { return };
        // The remaining members of a process group may ignore or misread the signal that their leader received.
        let default = if unit.draining().is_some() { Signal::TERM } else { clock.signal };
        if unit.deadline(Some(clock)).is_some_and(|deadline| deadline <= now) {
            self.kill(id, now, actions);
        } else if !unit.is_killed() {
            actions.push(Action::SendStopSignal(id, unit.policy().stop_signal.unwrap_or(default), to));
            let receivers = if to == SignalTo::Group { Receivers::Group } else { Receivers::Leader };
            self.set_stop(id, GroupStop::Signalled(receivers));
        }
    }

    /// Kills the units whose deadline has passed, also those that are later in the stop order.
    pub(super) fn kill_late(&mut self, now: Instant, actions: &mut Actions) {
        for id in self.ids() {
            if self.units[id].deadline(self.phase.clock()).is_some_and(|deadline| deadline <= now) {
                self.kill(id, now, actions);
            }
        }
    }

    pub(super) fn kill(&mut self, id: UnitId, now: Instant, actions: &mut Actions) {
        let unit = &self.units[id];
        let Some(group) = unit.group().filter(|group| !group.is_killed()) else { return };
        // The timeout of an `--after` command begins with its start.
        let has_own_time = unit.role() == Some(HookRole::After) && unit.leader_group().is_some();
        let of_stop = self.phase.clock().map(|clock| clock.since);
        let since = if has_own_time { Some(group.since) } else { of_stop };
        let message = Message::Killed(id, since.map(|since| now.saturating_duration_since(since)));
        let is_readiness_check = unit.as_hook().is_some_and(HookUnit::is_readiness_check);
        actions.push(Action::Kill(id, (!is_readiness_check).then_some(message)));
        self.set_stop(id, GroupStop::Killed);
    }

    fn set_stop(&mut self, id: UnitId, stop: GroupStop) {
        if let Some(group) = self.units[id].group_mut() {
            group.stop = stop;
        }
    }

    /// A second SIGINT: every deadline passes.
    pub(super) fn kill_all(&mut self, now: Instant, actions: &mut Actions) {
        if let Some(clock) = self.phase.clock_mut() {
            clock.is_expired = true;
            clock.since = clock.since.min(now);
        }
        self.on_timer(now, actions);
    }

    /// Bounds the wait once all remaining units have been sent SIGKILL.
    fn limit_wait_after_kill(&mut self, now: Instant) {
        let all_killed = self.units.iter().filter(|unit| unit.is_alive()).all(Unit::is_killed);
        if all_killed && let Some(clock) = self.phase.clock_mut() {
            clock.kill_wait.get_or_insert_with(|| KillWait::from(now));
        }
    }

    pub(super) fn see_progress(&mut self, now: Instant) {
        if let Some(kill_wait) = self.phase.clock_mut().and_then(|clock| clock.kill_wait.as_mut()) {
            kill_wait.see_progress(now);
        }
    }

    /// Stops waiting for processes that have survived SIGKILL.
    pub(super) fn give_up(&mut self, now: Instant, actions: &mut Actions) {
        if let Some(clock) = self.phase.clock_mut() {
            clock.kill_wait = None;
        }
        if self.units.iter().any(Unit::is_alive) {
            for id in self.ids().filter(|id| self.units[*id].is_alive()).collect::<Vec<_>>() {
                let killed = ExitStatus::Signaled(Signal::KILL);
                if self.units[id].as_service().is_none_or(|service| self.counts(service, killed)) {
                    self.failures.add(killed, &self.rules.exit_map);
                }
                self.units[id].abandon();
                actions.push(Action::Log(Message::GaveUpOn(id)));
            }
        } else {
            actions.push(Action::Log(Message::GaveUpOnLeftovers));
            self.has_children = false;
        }
        self.check_end(now, actions);
    }

    /// Checks whether the run is over, or only leftover processes remain.
    pub(super) fn check_end(&mut self, now: Instant, actions: &mut Actions) {
        if self.units.iter().any(Unit::is_alive) {
            return self.limit_wait_after_kill(now);
        }
        let is_start_pending = self.units.iter().any(|unit| unit.start_at().is_some());
        if is_start_pending || self.next_start(now).is_some() {
            return;
        }
        if self.has_children { self.stop_leftovers(now, actions) } else { self.finish(now, actions) }
    }

    /// A fork bomb can exit children faster than untrap reaps them, so that `Reaped` never arrives. Advance the
    /// shutdown anyway.
    pub(super) fn on_still_reaping(&mut self, now: Instant, actions: &mut Actions) {
        if self.phase.clock().is_some() {
            self.see_progress(now);
            self.check_end(now, actions);
        }
    }

    /// The deadline of the flush, if the run was `over` at this time and the reader last read at `progress`. `None`:
    /// never.
    ///
    /// After a stop signal the stop timeout counts from that signal. If the exit of a service began the shutdown, it
    /// counts from the last read, so that a reader that keeps reading receives all output.
    #[must_use]
    pub fn output_deadline(&self, over: Instant, progress: Instant) -> Option<Instant> {
        let is_by_signal = self.stop_cause().is_some();
        let since = self.phase.clock().filter(|_| is_by_signal).map_or(progress, |clock| clock.since);
        self.longest_timeout().map(|timeout| (since + timeout).max(over + KillWait::WITHOUT_PROGRESS))
    }

    pub(super) fn on_after_exited(&mut self, exit: LeaderExit, now: Instant, actions: &mut Actions) {
        actions.push(Action::Log(Message::Exited { exit, stops: false }));
        self.failures.add_after(exit.status, &self.rules.exit_map);
        // The processes that it leaves behind have the same stop timeout again.
        self.run_after(now);
    }

    /// Runs the `--after` commands, if anything has run before, and then exits.
    fn finish(&mut self, now: Instant, actions: &mut Actions) {
        let mut is_after_due = false;
        for unit in &mut self.units {
            if self.has_run
                && let Unit::Hook(hook) = unit
                && (hook.role, hook.state) == (HookRole::After, HookState::Pending)
            {
                hook.state = HookState::Due;
                is_after_due = true;
            }
        }
        if is_after_due {
            return self.run_after(now);
        }
        let status = self.status();
        self.phase = Phase::Done(self.phase.cause(), self.phase.clock().copied());
        actions.push(Action::Log(Message::Exit(status)));
        actions.push(Action::Exit(status));
    }

    /// Restarts the clock for the next `--after` command, or for what the last one has left behind.
    fn run_after(&mut self, now: Instant) {
        let clock = match self.phase.clock() {
            Some(clock) => StopClock::new(now, clock.signal, clock.interrupted_at),
            None => StopClock::new(now, Signal::TERM, None),
        };
        self.phase = Phase::RunningAfter(self.phase.cause(), clock, LeftoverStop::NotSignalled);
    }

    /// Stops the `--after` command that runs. The ones after it still run, as `ExecStopPost=` does under systemd: a
    /// cleanup must not be lost because a signal came late.
    pub(super) fn begin_shutdown_of_after(
        &mut self,
        received: Signal,
        signal: Signal,
        now: Instant,
        actions: &mut Actions,
    ) {
        if let Phase::RunningAfter(cause, clock, _) = &mut self.phase {
            *cause = Some(Cause::Signal(received));
            clock.signal = signal;
            clock.interrupted_at = (received == Signal::INT).then_some(now);
        }
        for id in self.ids() {
            // A group without a leader was sent the stop signal when its leader exited.
            if self.units[id].role() == Some(HookRole::After) && self.units[id].leader_group().is_some() {
                self.send_stop_signal(id, now, actions);
            }
        }
        self.check_end(now, actions);
    }
}
