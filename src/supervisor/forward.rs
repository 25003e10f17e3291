//! Received signals: which begin the shutdown, and which units the others are forwarded to.

use std::time::{Duration, Instant};

use super::Supervisor;
use super::group::GroupStop;
use super::phase::Cause;
use super::unit::Unit;
use crate::config::policy::SignalTo;
use crate::config::unit::{HookRole, UnitId};
use crate::signal::{Rewrite, Sender, Signal};
use crate::supervisor::action::{Action, Actions};
use crate::supervisor::event::{Receivers, ResumeBy};
use crate::supervisor::message::{Consequence, Message};

/// A SIGINT that comes this soon after the first is a repetition of it: npm and timeout(1) send it twice.
const REPEAT_INTERVAL: Duration = Duration::from_millis(500);

impl Supervisor {
    pub(super) fn on_signal(&mut self, received: Signal, sender: Sender, now: Instant, actions: &mut Actions) {
        let log = |consequence| Action::Log(Message::Received(received, sender, consequence));
        let Some(signal) = Rewrite::apply(&self.rules.rewrites, received) else {
            return actions.push(log(Consequence::Drop));
        };
        let begins_shutdown = [received, signal].into_iter().any(|signal| self.begins_shutdown(signal, sender));
        if self.phase.is_before_shutdown() && begins_shutdown {
            // The graceful signal of one service is not that of the others.
            let is_graceful = signal == Signal::QUIT && received == signal && sender != Sender::Terminal;
            let signal = if is_graceful { Signal::TERM } else { signal };
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
        {
            match clock.interrupted_at {
                None => clock.interrupted_at = Some(now),
                Some(first) if now < first + REPEAT_INTERVAL => return actions.push(log(Consequence::Repeat)),
                Some(_) => {
                    actions.push(log(Consequence::KillAll));
                    return self.kill_all(now, actions);
                }
            }
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

    /// SIGQUIT begins the shutdown if it comes from the terminal or is the stop signal of a service; else it is
    /// forwarded, because a JVM prints its threads and runs on.
    fn begins_shutdown(&self, signal: Signal, sender: Sender) -> bool {
        let is_stop_signal =
            |unit: &Unit| unit.as_service().is_some_and(|service| service.policy.stop_signal == Some(signal));
        signal.begins_shutdown()
            || signal == Signal::QUIT && (sender == Sender::Terminal || self.units.iter().any(is_stop_signal))
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
        let is_repeated = signal.asks_to_exit() && self.phase.clock().is_some();
        !unit.is_killed()
            && match unit.role() {
                None => !is_repeated || receives_repeated(unit),
                Some(HookRole::Before) => !is_repeated || unit.is_stopping(),
                // A cleanup must not be lost because a platform sends the signal twice.
                Some(HookRole::After) => !is_repeated,
                // Signals such as HUP have a meaning for services only, not for readiness checks or stop commands.
                Some(HookRole::WaitFor | HookRole::Ready(_) | HookRole::StopCommand(_)) => {
                    signal.asks_to_exit() || signal.controls_jobs()
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

/// With a stop order or a stop delay, a second TERM must not stop a service early. With a stop signal or a stop
/// command of its own, it must not undo a graceful stop.
fn receives_repeated(unit: &Unit) -> bool {
    let is_by_command = unit.group().is_some_and(|group| group.stop == GroupStop::ByCommand);
    unit.is_stopping() && !is_by_command && unit.policy().stop_signal.is_none()
}
