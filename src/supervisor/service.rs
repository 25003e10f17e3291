//! The life of one service, and what its policy makes of it.

use std::time::{Duration, Instant};

use super::backoff::Backoff;
use crate::config::policy::{OnExit, Policy, SignalTo};
use crate::config::unit::{Role, UnitId};
use crate::exit_status::ExitStatus;
use crate::supervisor::event::Receivers;
use crate::supervisor::message::Message;
use crate::supervisor::phase::StopClock;

/// A probe that takes longer has failed.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// Where a service is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ServiceState {
    /// Not started yet.
    Pending,
    /// Its leader runs.
    Running {
        /// When it started.
        since: Instant,
        /// Who has been sent the stop signal.
        told: Option<Receivers>,
    },
    /// Its leader has ended, its group may have members left.
    Draining {
        /// When those are killed, where that is no matter of the stop: they are in the way of a restart.
        kill_at: Option<Instant>,
        /// The leader is started again once they are gone, from this time on.
        restart_at: Option<Instant>,
        /// When to look whether they are: one that leaves the group alive, as a daemon does, brings no event.
        look: GroupCheck,
    },
    /// It is started again at this time.
    BackingOff(Instant),
    /// No process is left.
    Exited,
}

/// A look that is repeated, later and later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct GroupCheck {
    at: Instant,
    interval: Duration,
}

impl GroupCheck {
    const FIRST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_secs(1);

    pub(super) fn from(now: Instant) -> Self {
        Self { at: now + Self::FIRST, interval: Self::FIRST }
    }

    fn next(self, now: Instant) -> Self {
        let interval = (2 * self.interval).min(Self::LONGEST);
        Self { at: now + interval, interval }
    }
}

/// The end of a service's leader.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeaderExit {
    pub(super) id: UnitId,
    pub(super) ending: ExitStatus,
    /// How long it ran.
    pub(super) ran: Duration,
}

impl LeaderExit {
    /// What the user is told of it: also whether it begins the stop.
    pub(super) fn message(self, stops: bool) -> Message {
        Message::Exited { service: self.id, ending: self.ending, after: self.ran, stops }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Service {
    pub(super) policy: Policy,
    pub(super) role: Role,
    pub(super) stage: ServiceState,
    pub(super) killed: bool,
    /// Its turn in the stop has come: it has been told, or its stop command has been called for.
    pub(super) is_stopping: bool,
    pub(super) backoff: Backoff,
    /// How often it was started again.
    pub(super) restarts: u32,
}

impl Service {
    pub(super) fn new(role: Role, policy: Policy, seed: u64) -> Self {
        let backoff = Backoff::new(seed);
        Self { policy, role, stage: ServiceState::Pending, killed: false, is_stopping: false, backoff, restarts: 0 }
    }

    /// Whether its leader or anyone of its group may be there.
    pub(super) fn is_alive(&self) -> bool {
        matches!(self.stage, ServiceState::Running { .. } | ServiceState::Draining { .. })
    }

    /// Whether it is there to serve, and not for a moment of the run.
    pub(super) fn is_service(&self) -> bool {
        self.role == Role::Service
    }

    /// Whether it only looks for something.
    pub(super) fn is_probe(&self) -> bool {
        matches!(self.role, Role::WaitFor | Role::Ready(_))
    }

    /// Whom its signals go to; `None` when nobody is there.
    pub(super) fn signal_to(&self) -> Option<SignalTo> {
        match self.stage {
            ServiceState::Running { .. } => Some(self.policy.signal_to),
            ServiceState::Draining { .. } => Some(SignalTo::Group),
            ServiceState::Pending | ServiceState::BackingOff(_) | ServiceState::Exited => None,
        }
    }

    /// When to look whether its group is empty, where somebody waits for that.
    pub(super) fn look_at(&self, stop: Option<&StopClock>) -> Option<Instant> {
        match self.stage {
            ServiceState::Draining { look, restart_at, .. } if stop.is_some() || restart_at.is_some() => Some(look.at),
            _ => None,
        }
    }

    /// It has been looked at.
    pub(super) fn looked(&mut self, now: Instant) {
        if let ServiceState::Draining { look, .. } = &mut self.stage {
            *look = look.next(now);
        }
    }

    /// When it starts again by itself.
    pub(super) fn restart_at(&self) -> Option<Instant> {
        if let ServiceState::BackingOff(at) = self.stage { Some(at) } else { None }
    }

    /// What is decided when its leader ends: whether the run ends with it.
    pub(super) fn ends_run(&self, ending: ExitStatus) -> bool {
        match self.policy.on_exit {
            OnExit::Stop => true,
            OnExit::StopOnFailure => ending.is_failure(),
            OnExit::Ignore | OnExit::Restart | OnExit::RestartOnFailure => false,
        }
    }

    /// What is decided when its leader ends: whether it is started again.
    pub(super) fn restarts_after(&self, ending: ExitStatus) -> bool {
        match self.policy.on_exit {
            OnExit::Restart => true,
            OnExit::RestartOnFailure => ending.is_failure(),
            OnExit::Stop | OnExit::StopOnFailure | OnExit::Ignore => false,
        }
    }

    /// When it gets SIGKILL, whether or not it has been sent it.
    pub(super) fn deadline(&self, stop: Option<&StopClock>) -> Option<Instant> {
        let own = match (self.role, self.stage) {
            (Role::WaitFor | Role::Ready(_), ServiceState::Running { since, .. }) => Some(since + PROBE_LIMIT),
            // It has the timeout for itself.
            (Role::After, ServiceState::Running { since, .. }) => self.policy.timeout.0.map(|timeout| since + timeout),
            (_, ServiceState::Draining { kill_at, .. }) => kill_at,
            _ => None,
        };
        let of_stop = stop.and_then(|stop| match self.policy.timeout.0 {
            _ if stop.kills_at_once => Some(stop.since),
            // Until its own end it has the timeout for itself; who it leaves behind has that of the stop.
            Some(timeout) if self.role != Role::After || matches!(self.stage, ServiceState::Draining { .. }) => {
                Some(stop.since + timeout)
            }
            _ => None,
        });
        own.into_iter().chain(of_stop).min()
    }
}
