//! A service: its state, and the rules of its policy.

use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::group::{DrainingGroup, LiveGroup};
use crate::config::policy::{OnExit, Policy};
use crate::exit_status::ExitStatus;

/// The state of a service.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum ServiceState {
    /// Not started yet.
    Pending,
    /// Its leader exists, and has not executed the program yet.
    Launching(LiveGroup),
    /// Its leader runs the program.
    Running(LiveGroup),
    /// Its leader has exited, and its process group may have members.
    Draining(DrainingGroup),
    /// As `Draining`; a restart follows, not before this time.
    Restarting(DrainingGroup, Instant),
    /// It is restarted at this time.
    BackingOff(Instant),
    /// No process is left.
    Exited,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct ServiceUnit {
    pub(super) policy: Policy,
    pub(super) state: ServiceState,
    backoff: Backoff,
    /// The last exit of its leader.
    pub(super) last_exit: Option<ExitStatus>,
    /// The number of its restarts.
    pub(super) restarts: u32,
}

impl ServiceUnit {
    /// The seed determines the random part of the backoff.
    pub(super) fn new(policy: Policy, seed: u64) -> Self {
        Self { policy, state: ServiceState::Pending, backoff: Backoff::new(seed), last_exit: None, restarts: 0 }
    }

    /// Whether the exit of its leader begins the shutdown.
    pub(super) fn stops_run_after(&self, status: ExitStatus) -> bool {
        match self.policy.on_exit {
            OnExit::Stop => true,
            OnExit::StopOnFailure => status.is_failure(),
            OnExit::Ignore | OnExit::Restart | OnExit::RestartOnFailure => false,
        }
    }

    /// Whether it is restarted after the exit of its leader.
    pub(super) fn restarts_after(&self, status: ExitStatus) -> bool {
        match self.policy.on_exit {
            OnExit::Restart => true,
            OnExit::RestartOnFailure => status.is_failure(),
            OnExit::Stop | OnExit::StopOnFailure | OnExit::Ignore => false,
        }
    }

    /// The backoff before the restart of a service that ran for this time.
    pub(super) fn next_backoff(&mut self, ran: Duration) -> Duration {
        self.backoff.next(ran)
    }

    /// The end of its backoff.
    pub(super) fn restart_at(&self) -> Option<Instant> {
        if let ServiceState::BackingOff(until) = self.state { Some(until) } else { None }
    }

    /// Whether its current start, or the next one, is a restart.
    pub(super) fn is_restarted(&self) -> bool {
        self.restarts > 0 || self.restart_at().is_some()
    }

    /// Whether it has exited and is restarted later.
    pub(super) fn awaits_restart(&self) -> bool {
        matches!(self.state, ServiceState::BackingOff(_) | ServiceState::Restarting(..))
    }

    /// The shutdown begins: it is not restarted.
    pub(super) fn cancel_restart(&mut self) {
        self.state = match self.state {
            ServiceState::BackingOff(_) => ServiceState::Exited,
            ServiceState::Restarting(draining, _) => ServiceState::Draining(draining),
            state => state,
        };
    }

    pub(super) fn on_group_emptied(&mut self) {
        self.state = match self.state {
            ServiceState::Restarting(_, at) => ServiceState::BackingOff(at),
            _ => ServiceState::Exited,
        };
    }

    pub(super) fn leader_group(&self) -> Option<&LiveGroup> {
        match &self.state {
            ServiceState::Launching(group) | ServiceState::Running(group) => Some(group),
            _ => None,
        }
    }

    pub(super) fn leader_group_mut(&mut self) -> Option<&mut LiveGroup> {
        match &mut self.state {
            ServiceState::Launching(group) | ServiceState::Running(group) => Some(group),
            _ => None,
        }
    }

    pub(super) fn draining(&self) -> Option<&DrainingGroup> {
        match &self.state {
            ServiceState::Draining(draining) | ServiceState::Restarting(draining, _) => Some(draining),
            _ => None,
        }
    }

    pub(super) fn draining_mut(&mut self) -> Option<&mut DrainingGroup> {
        match &mut self.state {
            ServiceState::Draining(draining) | ServiceState::Restarting(draining, _) => Some(draining),
            _ => None,
        }
    }
}
