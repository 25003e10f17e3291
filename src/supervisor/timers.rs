//! The timers of a run. One list serves both the wait and the firing.

use std::time::Instant;

use super::Supervisor;
use super::phase::Phase;
use crate::config::unit::UnitId;
use crate::supervisor::action::{Action, Actions};

/// What a timer causes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Timer {
    /// Processes that survived SIGKILL are not waited for any longer.
    GiveUp,
    /// The next check whether a process group without a leader is empty: a member that leaves the group alive, as a
    /// daemon does, causes no event.
    CheckGroup(UnitId),
    /// The deadline of a unit: its process group is sent SIGKILL.
    Kill(UnitId),
    /// The end of a backoff, or the time of the next attempt of a readiness check: [`Supervisor::next_start`] returns
    /// the unit.
    Start,
    /// The next notice, or the timeout, of the current readiness check.
    ReadinessCheck,
    /// The end of the stop delay.
    StopDelay,
    /// The deadline of leftover processes.
    KillLeftovers,
}

impl Supervisor {
    /// When [`Event::TimerExpired`](crate::supervisor::event::Event::TimerExpired) is due, or a service starts, if no
    /// other event comes first.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        if self.phase.is_done() {
            return None;
        }
        let of_units = self.ids().flat_map(|id| self.timers_of(id));
        of_units.chain(self.timers_of_run()).flatten().map(|(at, _)| at).min()
    }

    /// Fires the timers that are due.
    pub(super) fn on_timer(&mut self, now: Instant, actions: &mut Actions) {
        if is_due(self.give_up_timer(), now) {
            return self.give_up(now, actions);
        }
        for id in self.ids() {
            for (_, timer) in self.timers_of(id).into_iter().filter(|timer| is_due(*timer, now)).flatten() {
                self.fire(timer, now, actions);
            }
        }
        for (_, timer) in self.timers_of_run().into_iter().filter(|timer| is_due(*timer, now)).flatten() {
            self.fire(timer, now, actions);
        }
        self.check_end(now, actions);
    }

    fn fire(&mut self, timer: Timer, now: Instant, actions: &mut Actions) {
        match timer {
            Timer::GiveUp => self.give_up(now, actions),
            Timer::CheckGroup(id) => {
                if let Some(draining) = self.units[id].draining_mut() {
                    draining.schedule_next_check(now);
                }
                actions.push(Action::CheckGroup(id));
            }
            Timer::Kill(id) => self.kill(id, now, actions),
            Timer::ReadinessCheck => self.on_readiness_timer(now, actions),
            Timer::StopDelay => self.stop_next(now, actions),
            // `next_start` and `check_end` read these deadlines themselves.
            Timer::Start | Timer::KillLeftovers => {}
        }
    }

    fn timers_of(&self, id: UnitId) -> [Option<(Instant, Timer)>; 3] {
        let unit = &self.units[id];
        let clock = self.phase.clock();
        let deadline = if unit.is_killed() { None } else { unit.deadline(clock) };
        [
            unit.check_at(clock).map(|at| (at, Timer::CheckGroup(id))),
            deadline.map(|at| (at, Timer::Kill(id))),
            unit.start_at().map(|at| (at, Timer::Start)),
        ]
    }

    fn timers_of_run(&self) -> [Option<(Instant, Timer)>; 4] {
        let readiness = match &self.phase {
            Phase::Starting(start) => start.wake_at(self.rules.wait_timeout),
            _ => None,
        };
        let delay = self.phase.clock().filter(|_| self.is_stop_due()).map(|clock| clock.since);
        [
            self.give_up_timer(),
            readiness.map(|at| (at, Timer::ReadinessCheck)),
            delay.map(|at| (at, Timer::StopDelay)),
            self.leftovers_kill_at().map(|at| (at, Timer::KillLeftovers)),
        ]
    }

    fn give_up_timer(&self) -> Option<(Instant, Timer)> {
        let kill_wait = self.phase.clock()?.kill_wait?;
        Some((kill_wait.until, Timer::GiveUp))
    }
}

fn is_due(timer: Option<(Instant, Timer)>, now: Instant) -> bool {
    timer.is_some_and(|(at, _)| at <= now)
}
