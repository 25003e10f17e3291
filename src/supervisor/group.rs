//! The state of a process group, which services and hooks share.

use std::time::{Duration, Instant};

use crate::supervisor::event::Receivers;

/// A process group that has a leader, or may have other members.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct LiveGroup {
    /// When its leader was started.
    pub(super) since: Instant,
    /// How far its stop has come.
    pub(super) stop: GroupStop,
    /// When it is sent SIGKILL for a reason other than the shutdown. `None`: only the shutdown decides.
    pub(super) kill_at: Option<Instant>,
}

/// How far the stop of a process group has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum GroupStop {
    NotBegun,
    /// Its stop command runs or is about to, so that no stop signal is sent unless the command fails.
    ByCommand,
    /// It has been sent the stop signal. Until the runtime has reported the receivers, this is the leader.
    Signalled(Receivers),
    Killed,
}

impl LiveGroup {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, stop: GroupStop::NotBegun, kill_at: None }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop != GroupStop::NotBegun
    }

    pub(super) fn is_killed(&self) -> bool {
        self.stop == GroupStop::Killed
    }
}

/// A process group whose leader has exited.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct DrainingGroup {
    pub(super) group: LiveGroup,
    /// The next check whether it is empty: a member that leaves it alive, as a daemon does, causes no event.
    check: GroupCheck,
}

/// A check that is repeated at growing intervals.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct GroupCheck {
    at: Instant,
    interval: Duration,
}

impl DrainingGroup {
    const FIRST_INTERVAL: Duration = Duration::from_millis(10);
    const LONGEST_INTERVAL: Duration = Duration::from_secs(1);

    /// The leader exits now.
    pub(super) fn new(group: LiveGroup, now: Instant) -> Self {
        let interval = Self::FIRST_INTERVAL;
        Self { group: LiveGroup { kill_at: None, ..group }, check: GroupCheck { at: now + interval, interval } }
    }

    pub(super) fn check_at(&self) -> Instant {
        self.check.at
    }

    pub(super) fn schedule_next_check(&mut self, now: Instant) {
        let interval = (2 * self.check.interval).min(Self::LONGEST_INTERVAL);
        self.check = GroupCheck { at: now + interval, interval };
    }
}
