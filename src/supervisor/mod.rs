//! The state machine: it turns events into actions. It reads no clock, makes no system call and does no I/O.
//!
//! It makes every decision about signals and about the shutdown. [`Supervisor::on`] takes an event with its time and
//! adds the actions that follow. [`Supervisor::next_start`] returns the unit to start, [`Supervisor::wake_at`] the next
//! timer.
//!
//! The state of the run is in `phase.rs`; that of a service in `service.rs`, of a hook in `hook.rs`, and what both have
//! in common in `unit.rs` and `group.rs`. The rules are in `start.rs`, `forward.rs`, `shutdown.rs` and `leftovers.rs`.

pub mod action;
mod backoff;
pub mod event;
pub mod flush;
mod forward;
mod group;
mod hook;
mod leftovers;
pub mod message;
mod phase;
mod service;
mod shutdown;
mod start;
mod status;
mod timers;
mod unit;

use std::time::Instant;

use crate::config::policy::{OnExit, Policy, Rules};
use crate::config::unit::{HookRole, UnitId};
use crate::exit_status::{ExitMapping, ExitStatus};
use crate::signal::Signal;
use crate::supervisor::action::{Action, Actions};
use crate::supervisor::event::Event;
use crate::supervisor::message::{LeaderExit, Message};
use hook::HookUnit;
use phase::{Cause, Phase, StartProgress};
use service::ServiceUnit;
use start::start_order;
use status::Failures;
use unit::Unit;

/// The state of a run.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Supervisor {
    /// The services, then the hooks.
    units: Vec<Unit>,
    start_order: Vec<UnitId>,
    phase: Phase,
    /// Whether a program other than a readiness check has been executed, so that `--after` commands run.
    has_run: bool,
    /// Whether the terminal has stopped the process group of the foreground service.
    is_job_suspended: bool,
    /// Whether a child, started or adopted, is alive, as of the last reaping.
    has_children: bool,
    failures: Failures,
    rules: Rules,
}

impl Supervisor {
    /// A run of these services and hooks, before any of them is started. The seed determines the random part of the
    /// backoff.
    pub fn new(
        services: impl IntoIterator<Item = Policy>,
        hooks: impl IntoIterator<Item = (HookRole, Policy)>,
        rules: Rules,
        seed: u64,
    ) -> Self {
        let service = |(index, policy)| Unit::Service(ServiceUnit::new(policy, seed ^ (index as u64).rotate_left(32)));
        let services = services.into_iter().enumerate().map(service);
        let hooks = hooks.into_iter().map(|(role, policy)| Unit::Hook(HookUnit::new(role, policy)));
        let units: Vec<Unit> = services.chain(hooks).collect();
        Self {
            start_order: start_order(&units),
            units,
            phase: Phase::Starting(StartProgress::default()),
            has_run: false,
            is_job_suspended: false,
            has_children: false,
            failures: Failures::default(),
            rules,
        }
    }

    /// The exit status of untrap if it exited now.
    #[must_use]
    pub fn status(&self) -> u8 {
        let of_cause = match self.phase.cause() {
            Some(Cause::Status(status)) => Some(ExitMapping::apply(&self.rules.exit_map, status)),
            // A run that has been stopped before it began is not a success.
            Some(Cause::Signal(signal)) if !self.has_launched_service() => {
                self.failures.first().or(Some(ExitStatus::Signaled(signal).code()))
            }
            _ => None,
        };
        self.failures.status(of_cause)
    }

    /// The signal that began the shutdown, if a signal did.
    #[must_use]
    pub fn stop_cause(&self) -> Option<Signal> {
        self.phase.cause().and_then(Cause::signal)
    }

    /// The role of a hook; `None`: the unit is a service.
    #[must_use]
    pub fn role(&self, id: UnitId) -> Option<HookRole> {
        self.units[id].role()
    }

    /// How often this service has been restarted.
    #[must_use]
    pub fn restarts(&self, id: UnitId) -> u32 {
        self.units[id].as_service().map_or(0, |service| service.restarts)
    }

    fn has_launched_service(&self) -> bool {
        self.units.iter().any(|unit| unit.as_service().is_some() && !unit.is_pending())
    }

    /// The exit of a service counts for the exit status, unless it is ignored and another service is not, or it is the
    /// death by the stop signal of a service that restarts: programs such as cron and tail do not handle the signal.
    fn counts(&self, service: &ServiceUnit, status: ExitStatus) -> bool {
        let is_ignored = service.policy.on_exit == OnExit::Ignore;
        let is_other_policy = |unit: &Unit| unit.as_service().is_some_and(|it| it.policy.on_exit != OnExit::Ignore);
        let stop_signal = self.phase.clock().map(|clock| service.policy.stop_signal.unwrap_or(clock.signal));
        let is_stopped = stop_signal.is_some_and(|signal| {
            signal != Signal::KILL && status == ExitStatus::Signaled(signal) && service.restarts_after(status)
        });
        let is_unimportant = is_ignored && self.units.iter().any(is_other_policy);
        !is_stopped && !is_unimportant
    }

    /// All services and hooks.
    fn ids(&self) -> impl Iterator<Item = UnitId> + use<> {
        (0..self.units.len()).map(UnitId::new)
    }

    /// The first unit for which the predicate is true.
    fn find(&self, is_wanted: impl FnMut(&Unit) -> bool) -> Option<UnitId> {
        self.units.iter().position(is_wanted).map(UnitId::new)
    }

    /// Takes one event, and adds the actions that follow from it to `actions`.
    pub fn on(&mut self, event: Event, now: Instant, actions: &mut Actions) {
        if self.phase.is_done() {
            return;
        }
        match event {
            Event::Launched(id) => self.on_launched(id, now, actions),
            Event::Started(id) => self.on_started(id, actions),
            Event::StartFailed(id, status) => self.on_start_failed(id, status, now, actions),
            Event::Received(signal, sender) => self.on_signal(signal, sender, now, actions),
            Event::StopSignalSent(id, receivers) => self.on_stop_signal_sent(id, receivers, actions),
            Event::LeaderStopped(id, resume_by) => self.on_leader_stopped(id, resume_by, actions),
            Event::LeaderExited(id, status) => self.on_leader_exited(id, status, now, actions),
            Event::GroupEmptied(id) => self.on_group_emptied(id, now, actions),
            Event::Reaped { children_left } => {
                self.has_children = children_left;
                self.see_progress(now);
                self.check_end(now, actions);
            }
            Event::StillReaping => self.on_still_reaping(now, actions),
            Event::TimerExpired => self.on_timer(now, actions),
        }
    }

    fn on_leader_exited(&mut self, id: UnitId, status: ExitStatus, now: Instant, actions: &mut Actions) {
        // Before SIGKILL is sent to remaining members: only then is it known whether there are any.
        actions.push(Action::Reap(id));
        let unit = &mut self.units[id];
        // Without a leader: it could not execute its program, or untrap does not wait for it any longer.
        let Some(group) = unit.leader_group() else { return };
        let exit = LeaderExit { unit: id, status, ran: now.saturating_duration_since(group.since) };
        let stops_members = unit.stops_members_at_exit();
        unit.drain(now);
        match unit.role() {
            None => self.on_service_exited(exit, now, actions),
            Some(HookRole::Before) => self.on_before_exited(exit, now, actions),
            Some(HookRole::WaitFor | HookRole::Ready(_)) => self.on_readiness_check_exited(exit, now, actions),
            Some(HookRole::StopCommand(service)) => self.on_stop_command_exited(service, exit, now, actions),
            Some(HookRole::After) => self.on_after_exited(exit, now, actions),
        }
        if stops_members {
            self.send_stop_signal(id, now, actions);
        }
    }

    fn on_service_exited(&mut self, exit: LeaderExit, now: Instant, actions: &mut Actions) {
        let LeaderExit { unit: id, status, ran } = exit;
        if let Unit::Service(service) = &mut self.units[id] {
            service.last_exit = Some(status);
        }
        let Unit::Service(service) = &self.units[id] else { return };
        let is_serving = self.phase.is_serving();
        let stops = is_serving && service.stops_run_after(status);
        let restarts = is_serving && service.restarts_after(status);
        actions.push(Action::Log(Message::Exited { exit, stops }));
        if restarts {
            return self.restart(id, ran, now, actions);
        }
        if self.counts(service, status) {
            self.failures.add(status, &self.rules.exit_map);
        }
        if stops {
            self.begin_shutdown(Cause::Status(status.code()), Signal::TERM, now, actions);
        } else {
            self.skip_readiness_of(id, now, actions);
        }
    }

    fn on_group_emptied(&mut self, id: UnitId, now: Instant, actions: &mut Actions) {
        self.units[id].on_group_emptied();
        self.stop_next(now, actions);
    }
}
