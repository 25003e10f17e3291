//! Received signals: which begin the shutdown, and which units the others are forwarded to.

use std::time::Instant;

use super::Supervisor;
use super::phase::Cause;
use super::unit::Unit;
use crate::config::policy::SignalTo;
use crate::config::unit::{HookRole, UnitId};
use crate::signal::{Rewrite, Sender, Signal};
use crate::supervisor::action::{Action, Actions};
use crate::supervisor::event::{Receivers, ResumeBy};
use crate::supervisor::message::{Consequence, Message};

impl Supervisor {
    pub(super) fn on_signal(&mut self, received: Signal, sender: Sender, now: Instant, actions: &mut Actions) {
        let log = |consequence| Action::Log(Message::Received(received, sender, consequence));
        let Some(signal) = Rewrite::apply(&self.rules.rewrites, received) else {
            return actions.push(log(Consequence::Drop));
        };
        if self.phase.is_before_shutdown() && (received.begins_shutdown() || signal.begins_shutdown()) {
            actions.push(log(Consequence::Shutdown));
            return if self.phase.is_serving() {
                self.begin_shutdown(Cause::Signal(received), signal, now, actions);
                self.check_end(now, actions);
            } else {
                self.begin_shutdown_of_after(received, signal, now, actions);
            };
        }
        if received == Signal::INT
            && let Some(clock) = self.phase.clock_mut()
            && std::mem::replace(&mut clock.is_interrupted, true)
        {
            actions.push(log(Consequence::KillAll));
            return self.kill_all(now, actions);
        }
        let consequence = match self.forward(signal, actions) {
            false => Consequence::Ignore,
            true if signal == received => Consequence::Forward,
            true => Consequence::ForwardAs(signal),
        };
        actions.push(log(consequence));
        if received.suspends() {
            actions.push(Action::Suspend);
        }
    }

    /// Forwards a signal. Returns false if no unit receives it.
    fn forward(&mut self, signal: Signal, actions: &mut Actions) -> bool {
        let before = actions.count_signals();
        let resumes_job = signal == Signal::CONT && std::mem::take(&mut self.is_job_suspended);
        for (index, unit) in self.units.iter().enumerate().filter(|(_, unit)| self.receives(unit, signal)) {
            let id = UnitId::new(index);
            let Some(to) = unit.signal_to() else { continue };
            if signal == Signal::CONT && unit.as_service().is_some() {
                // The shell that sent SIGCONT may have made untrap the foreground process group again.
                actions.push(Action::GiveTerminal(id));
            }
            actions.push(Action::Send(id, signal, if resumes_job { SignalTo::Group } else { to }));
        }
        actions.count_signals() > before
    }

    fn receives(&self, unit: &Unit, signal: Signal) -> bool {
        // With a stop order or a stop delay, a second TERM must not stop services early.
        let is_early = signal.begins_shutdown() && self.phase.clock().is_some() && !unit.is_stopping();
        !unit.is_killed()
            && match unit.role() {
                None | Some(HookRole::Before) => !is_early,
                Some(HookRole::After) => true,
                // Signals such as HUP have a meaning for services only, not for readiness checks or stop commands.
                Some(HookRole::WaitFor | HookRole::Ready(_) | HookRole::StopCommand(_)) => {
                    signal.begins_shutdown() || signal.controls_jobs()
                }
            }
    }

    /// SIGCONT follows the stop signal, because a stopped process handles signals only after it.
    pub(super) fn on_stop_signal_sent(&mut self, id: UnitId, receivers: Receivers, actions: &mut Actions) {
        self.units[id].note_receivers(receivers);
        actions.push(Action::Send(id, Signal::CONT, receivers.into()));
    }

    pub(super) fn on_leader_stopped(&mut self, id: UnitId, resume_by: ResumeBy, actions: &mut Actions) {
        match resume_by {
            ResumeBy::Shell if self.phase.clock().is_none() => {
                self.is_job_suspended = true;
                return actions.push(Action::Suspend);
            }
            ResumeBy::Terminal => actions.push(Action::GiveTerminal(id)),
            ResumeBy::Shell | ResumeBy::Untrap => {}
        }
        actions.push(Action::Send(id, Signal::CONT, SignalTo::Group));
    }
}
