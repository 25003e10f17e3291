//! Leftover processes: descendants that are alive when every service has exited.

use std::time::{Duration, Instant};

use super::Supervisor;
use super::phase::{KillWait, LeftoverStop, Phase, StopClock};
use super::unit::Unit;
use crate::config::unit::HookRole;
use crate::signal::Signal;
use crate::supervisor::action::{Action, Actions};
use crate::supervisor::message::Message;

impl Supervisor {
    /// Stops the leftover processes, or waits for them if no shutdown has begun. Called after each reaping, so that
    /// processes that a fork bomb has created meanwhile are killed too.
    pub(super) fn stop_leftovers(&mut self, now: Instant, actions: &mut Actions) {
        match self.phase {
            Phase::Starting(_) | Phase::Serving => {
                self.phase = Phase::AwaitingLeftovers;
                return actions.push(Action::Log(Message::WaitingForLeftovers));
            }
            Phase::AwaitingLeftovers | Phase::Done(..) => return,
            Phase::ShuttingDown(cause, clock) => {
                self.phase = Phase::StoppingLeftovers(cause, clock, LeftoverStop::NotSignalled);
            }
            Phase::StoppingLeftovers(..) | Phase::RunningAfter(..) => {}
        }
        let deadline = self.leftovers_deadline();
        let (Phase::StoppingLeftovers(_, clock, stop) | Phase::RunningAfter(_, clock, stop)) = &mut self.phase else {
            return;
        };
        if deadline.is_some_and(|deadline| deadline <= now) {
            kill_leftovers(clock, stop, now, actions);
        } else if *stop == LeftoverStop::NotSignalled {
            *stop = LeftoverStop::Signalled;
            clock.kill_wait = None;
            actions.push(Action::Log(Message::StoppingLeftovers));
            actions.push(Action::SignalLeftovers(Signal::TERM));
        }
    }

    /// A new process has been started: what is left of it later has not been signalled yet.
    pub(super) fn forget_leftovers(&mut self) {
        if let Phase::StoppingLeftovers(_, clock, stop) | Phase::RunningAfter(_, clock, stop) = &mut self.phase {
            *stop = LeftoverStop::NotSignalled;
            clock.kill_wait = None;
        } else if let Some(clock) = self.phase.clock_mut() {
            clock.kill_wait = None;
        }
    }

    /// untrap cannot know which service a leftover process belongs to, so the longest stop timeout applies.
    fn leftovers_deadline(&self) -> Option<Instant> {
        self.phase.clock()?.deadline(self.longest_timeout())
    }

    /// The deadline of leftover processes that have been sent SIGTERM and not SIGKILL.
    pub(super) fn leftovers_kill_at(&self) -> Option<Instant> {
        let (Phase::StoppingLeftovers(.., stop) | Phase::RunningAfter(.., stop)) = self.phase else { return None };
        if stop == LeftoverStop::Signalled { self.leftovers_deadline() } else { None }
    }

    /// The longest stop timeout of the services, or of the `--after` commands while those run; `None`: infinite.
    pub(super) fn longest_timeout(&self) -> Option<Duration> {
        let is_after = |unit: &&Unit| unit.role() == Some(HookRole::After);
        let is_counted = |unit: &&Unit| {
            if self.phase.is_running_after() { is_after(unit) } else { unit.as_service().is_some() }
        };
        let timeouts = self.units.iter().filter(is_counted).map(|unit| unit.policy().timeout.0);
        timeouts.reduce(|a, b| Some(a?.max(b?))).flatten()
    }
}

fn kill_leftovers(clock: &mut StopClock, stop: &mut LeftoverStop, now: Instant, actions: &mut Actions) {
    if *stop != LeftoverStop::Killed {
        *stop = LeftoverStop::Killed;
        clock.kill_wait = None;
        actions.push(Action::Log(Message::KillingLeftovers(now.saturating_duration_since(clock.since))));
    }
    clock.kill_wait.get_or_insert_with(|| KillWait::from(now));
    actions.push(Action::KillLeftovers);
}
