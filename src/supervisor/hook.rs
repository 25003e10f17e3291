//! A hook: a command or a readiness check that runs in addition to the services.

use std::time::{Duration, Instant};

use super::group::{DrainingGroup, LiveGroup};
use crate::config::policy::Policy;
use crate::config::unit::HookRole;

/// The state of a hook.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum HookState {
    /// Not started yet.
    Pending,
    /// A stop command or an `--after` command that is to be started.
    Due,
    /// Its leader exists, and has not executed the program yet.
    Launching(LiveGroup),
    /// Its leader runs.
    Running(LiveGroup),
    /// Its leader has exited, and its process group may have members.
    Draining(DrainingGroup),
    /// As `Draining`, after a readiness check that has failed; the next attempt follows, not before this time.
    Retrying(DrainingGroup, Instant),
    /// A readiness check whose next attempt is made at this time.
    Waiting(Instant),
    /// No process is left.
    Exited,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct HookUnit {
    pub(super) role: HookRole,
    pub(super) policy: Policy,
    pub(super) state: HookState,
}

impl HookUnit {
    /// A readiness check that takes longer has failed.
    const CHECK_LIMIT: Duration = Duration::from_secs(5);

    pub(super) fn new(role: HookRole, policy: Policy) -> Self {
        Self { role, policy, state: HookState::Pending }
    }

    /// The process group that it has when it is started. Readiness checks have a limit of their own, and the timeout of
    /// an `--after` command begins with its start.
    pub(super) fn new_group(&self, now: Instant) -> LiveGroup {
        let limit = match self.role {
            HookRole::WaitFor | HookRole::Ready(_) => Some(Self::CHECK_LIMIT),
            HookRole::After => self.policy.timeout.0,
            HookRole::Before | HookRole::StopCommand(_) => None,
        };
        LiveGroup { kill_at: limit.map(|limit| now + limit), ..LiveGroup::new(now) }
    }

    pub(super) fn is_readiness_check(&self) -> bool {
        matches!(self.role, HookRole::WaitFor | HookRole::Ready(_))
    }

    /// Whether it belongs to the stop itself: it runs while the services stop, or after that.
    pub(super) fn is_part_of_stop(&self) -> bool {
        matches!(self.role, HookRole::After | HookRole::StopCommand(_))
    }

    /// The time of the next attempt of a readiness check.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        if let HookState::Waiting(until) = self.state { Some(until) } else { None }
    }

    /// The shutdown begins: a readiness check is not tried again.
    pub(super) fn cancel_retry(&mut self) {
        self.state = match self.state {
            HookState::Waiting(_) => HookState::Exited,
            HookState::Retrying(draining, _) => HookState::Draining(draining),
            state => state,
        };
    }

    pub(super) fn on_group_emptied(&mut self) {
        self.state = match self.state {
            HookState::Retrying(_, at) => HookState::Waiting(at),
            _ => HookState::Exited,
        };
    }

    pub(super) fn leader_group(&self) -> Option<&LiveGroup> {
        match &self.state {
            HookState::Launching(group) | HookState::Running(group) => Some(group),
            _ => None,
        }
    }

    pub(super) fn leader_group_mut(&mut self) -> Option<&mut LiveGroup> {
        match &mut self.state {
            HookState::Launching(group) | HookState::Running(group) => Some(group),
            _ => None,
        }
    }

    pub(super) fn draining(&self) -> Option<&DrainingGroup> {
        match &self.state {
            HookState::Draining(draining) | HookState::Retrying(draining, _) => Some(draining),
            _ => None,
        }
    }

    pub(super) fn draining_mut(&mut self) -> Option<&mut DrainingGroup> {
        match &mut self.state {
            HookState::Draining(draining) | HookState::Retrying(draining, _) => Some(draining),
            _ => None,
        }
    }
}
