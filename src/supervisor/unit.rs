//! A unit is a service or a hook: what is the same for both.

use std::time::Instant;

use super::group::{DrainingGroup, GroupStop, LiveGroup};
use super::hook::{HookState, HookUnit};
use super::phase::StopClock;
use super::service::{ServiceState, ServiceUnit};
use crate::config::policy::{Policy, SignalTo};
use crate::config::unit::HookRole;
use crate::supervisor::event::Receivers;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Unit {
    Service(ServiceUnit),
    Hook(HookUnit),
}

impl Unit {
    pub(super) fn policy(&self) -> &Policy {
        match self {
            Self::Service(service) => &service.policy,
            Self::Hook(hook) => &hook.policy,
        }
    }

    pub(super) fn as_service(&self) -> Option<&ServiceUnit> {
        if let Self::Service(service) = self { Some(service) } else { None }
    }

    pub(super) fn as_hook(&self) -> Option<&HookUnit> {
        if let Self::Hook(hook) = self { Some(hook) } else { None }
    }

    /// The role of a hook.
    pub(super) fn role(&self) -> Option<HookRole> {
        self.as_hook().map(|hook| hook.role)
    }

    pub(super) fn is_pending(&self) -> bool {
        match self {
            Self::Service(service) => service.state == ServiceState::Pending,
            Self::Hook(hook) => hook.state == HookState::Pending,
        }
    }

    /// The process group, if its leader has not exited.
    pub(super) fn leader_group(&self) -> Option<&LiveGroup> {
        match self {
            Self::Service(service) => service.leader_group(),
            Self::Hook(hook) => hook.leader_group(),
        }
    }

    /// The process group, if its leader has exited.
    pub(super) fn draining(&self) -> Option<&DrainingGroup> {
        match self {
            Self::Service(service) => service.draining(),
            Self::Hook(hook) => hook.draining(),
        }
    }

    pub(super) fn draining_mut(&mut self) -> Option<&mut DrainingGroup> {
        match self {
            Self::Service(service) => service.draining_mut(),
            Self::Hook(hook) => hook.draining_mut(),
        }
    }

    pub(super) fn group(&self) -> Option<&LiveGroup> {
        self.leader_group().or_else(|| self.draining().map(|draining| &draining.group))
    }

    pub(super) fn group_mut(&mut self) -> Option<&mut LiveGroup> {
        if self.draining().is_some() {
            return self.draining_mut().map(|draining| &mut draining.group);
        }
        match self {
            Self::Service(service) => service.leader_group_mut(),
            Self::Hook(hook) => hook.leader_group_mut(),
        }
    }

    /// Whether its leader or a member of its process group may be alive.
    pub(super) fn is_alive(&self) -> bool {
        self.group().is_some()
    }

    /// Whether it is a service that is alive.
    pub(super) fn is_live_service(&self) -> bool {
        self.as_service().is_some() && self.is_alive()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.group().is_some_and(LiveGroup::is_stopping)
    }

    pub(super) fn is_killed(&self) -> bool {
        self.group().is_some_and(LiveGroup::is_killed)
    }

    /// Whether the leader runs the program and has not been sent SIGKILL.
    pub(super) fn has_running_leader(&self) -> bool {
        self.leader_group().is_some_and(|group| !group.is_killed())
    }

    /// The processes that receive its signals; `None` if none is alive.
    pub(super) fn signal_to(&self) -> Option<SignalTo> {
        let of_leader = self.leader_group().map(|_| self.policy().signal_to);
        of_leader.or_else(|| self.draining().map(|_| SignalTo::Group))
    }

    /// These processes have received the stop signal.
    pub(super) fn note_receivers(&mut self, receivers: Receivers) {
        if let Some(group) = self.group_mut()
            && matches!(group.stop, GroupStop::Signalled(_))
        {
            group.stop = GroupStop::Signalled(receivers);
        }
    }

    /// Whether the members of its process group must be sent the stop signal when its leader exits: it is being
    /// stopped, and the leader alone has received the signal.
    pub(super) fn stops_members_at_exit(&self) -> bool {
        let is_stopping = self.is_stopping() || self.as_hook().is_some_and(HookUnit::is_part_of_stop);
        let has_signalled_group =
            self.group().is_some_and(|group| group.stop == GroupStop::Signalled(Receivers::Group));
        is_stopping && !has_signalled_group
    }

    /// The leader has exited: its process group drains.
    pub(super) fn drain(&mut self, now: Instant) {
        match self {
            Self::Service(service) => {
                if let Some(group) = service.leader_group().copied() {
                    service.state = ServiceState::Draining(DrainingGroup::new(group, now));
                }
            }
            Self::Hook(hook) => {
                if let Some(group) = hook.leader_group().copied() {
                    hook.state = HookState::Draining(DrainingGroup::new(group, now));
                }
            }
        }
    }

    /// untrap does not wait for its processes any longer.
    pub(super) fn abandon(&mut self) {
        match self {
            Self::Service(service) => service.state = ServiceState::Exited,
            Self::Hook(hook) => hook.state = HookState::Exited,
        }
    }

    /// The end of its backoff, or the time of its next attempt.
    pub(super) fn start_at(&self) -> Option<Instant> {
        match self {
            Self::Service(service) => service.restart_at(),
            Self::Hook(hook) => hook.retry_at(),
        }
    }

    /// The shutdown begins: nothing of it starts again.
    pub(super) fn cancel_restart(&mut self) {
        match self {
            Self::Service(service) => service.cancel_restart(),
            Self::Hook(hook) => hook.cancel_retry(),
        }
    }

    pub(super) fn on_group_emptied(&mut self) {
        match self {
            Self::Service(service) => service.on_group_emptied(),
            Self::Hook(hook) => hook.on_group_emptied(),
        }
    }

    /// Whether a restart or the next attempt waits until its process group is empty.
    fn delays_restart(&self) -> bool {
        match self {
            Self::Service(service) => matches!(service.state, ServiceState::Restarting(..)),
            Self::Hook(hook) => matches!(hook.state, HookState::Retrying(..)),
        }
    }

    /// The time of the next check whether its process group is empty, if a shutdown or restart waits for that.
    pub(super) fn check_at(&self, clock: Option<&StopClock>) -> Option<Instant> {
        let is_awaited = clock.is_some() || self.delays_restart();
        self.draining().filter(|_| is_awaited).map(DrainingGroup::check_at)
    }

    /// When it is sent SIGKILL, or was.
    pub(super) fn deadline(&self, clock: Option<&StopClock>) -> Option<Instant> {
        let group = self.group()?;
        // An `--after` command begins after the clock, so while it runs only its own deadline counts.
        let has_own_time = self.role() == Some(HookRole::After) && self.leader_group().is_some();
        let timeout = self.policy().timeout.0.filter(|_| !has_own_time);
        group.kill_at.into_iter().chain(clock.and_then(|clock| clock.deadline(timeout))).min()
    }
}
