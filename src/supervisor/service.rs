//! The state of one unit, and the rules of its policy.

use std::time::{Duration, Instant};

use super::backoff::Backoff;
use crate::config::policy::{OnExit, Policy, SignalTo};
use crate::config::unit::{Role, UnitId};
use crate::exit_status::ExitStatus;
use crate::supervisor::event::Receivers;
use crate::supervisor::message::Message;
use crate::supervisor::phase::StopClock;

/// A readiness check that takes longer has failed.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// The state of a service or hook.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ServiceState {
    /// Not started yet.
    Pending,
    /// Its leader runs.
    Running {
        /// When it started.
        since: Instant,
        /// The processes that have been sent the stop signal.
        told: Option<Receivers>,
    },
    /// Its leader has exited, its process group may have members.
    Draining {
        /// When the members are sent SIGKILL because they delay a restart. `None`: the shutdown decides.
        kill_at: Option<Instant>,
        /// The earliest time of the restart, if there is one. It also waits until the members have exited.
        restart_at: Option<Instant>,
        /// The next check whether the group is empty: a member that leaves it alive, as a daemon does, causes no event.
        look: GroupCheck,
    },
    /// It is restarted at this time.
    BackingOff(Instant),
    /// No process is left.
    Exited,
}

/// A check that is repeated at growing intervals.
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

/// The exit of a unit's leader.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeaderExit {
    pub(super) id: UnitId,
    pub(super) ending: ExitStatus,
    /// How long it ran.
    pub(super) ran: Duration,
}

impl LeaderExit {
    /// The message about the exit; `stops`: it begins the shutdown.
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
    /// It has been sent its stop signal, or its stop command is to run. For a hook that has not started: it is to
    /// start.
    pub(super) is_stopping: bool,
    pub(super) backoff: Backoff,
    /// The number of its restarts.
    pub(super) restarts: u32,
}

impl Service {
    pub(super) fn new(role: Role, policy: Policy, seed: u64) -> Self {
        let backoff = Backoff::new(seed);
        Self { policy, role, stage: ServiceState::Pending, killed: false, is_stopping: false, backoff, restarts: 0 }
    }

    /// Whether its leader or a member of its process group may be alive.
    pub(super) fn is_alive(&self) -> bool {
        matches!(self.stage, ServiceState::Running { .. } | ServiceState::Draining { .. })
    }

    /// Whether it is a service, not a hook.
    pub(super) fn is_service(&self) -> bool {
        self.role == Role::Service
    }

    /// Whether it is a readiness check.
    pub(super) fn is_probe(&self) -> bool {
        matches!(self.role, Role::WaitFor | Role::Ready(_))
    }

    /// The processes that receive its signals; `None` if none is alive.
    pub(super) fn signal_to(&self) -> Option<SignalTo> {
        match self.stage {
            ServiceState::Running { .. } => Some(self.policy.signal_to),
            ServiceState::Draining { .. } => Some(SignalTo::Group),
            ServiceState::Pending | ServiceState::BackingOff(_) | ServiceState::Exited => None,
        }
    }

    /// The time of the next check whether its process group is empty, if a shutdown or restart waits for that.
    pub(super) fn look_at(&self, stop: Option<&StopClock>) -> Option<Instant> {
        match self.stage {
            ServiceState::Draining { look, restart_at, .. } if stop.is_some() || restart_at.is_some() => Some(look.at),
            _ => None,
        }
    }

    /// Its process group has been checked.
    pub(super) fn looked(&mut self, now: Instant) {
        if let ServiceState::Draining { look, .. } = &mut self.stage {
            *look = look.next(now);
        }
    }

    /// The end of its backoff.
    pub(super) fn restart_at(&self) -> Option<Instant> {
        if let ServiceState::BackingOff(at) = self.stage { Some(at) } else { None }
    }

    /// Whether the exit of its leader begins the shutdown.
    pub(super) fn ends_run(&self, ending: ExitStatus) -> bool {
        match self.policy.on_exit {
            OnExit::Stop => true,
            OnExit::StopOnFailure => ending.is_failure(),
            OnExit::Ignore | OnExit::Restart | OnExit::RestartOnFailure => false,
        }
    }

    /// Whether it is restarted after the exit of its leader.
    pub(super) fn restarts_after(&self, ending: ExitStatus) -> bool {
        match self.policy.on_exit {
            OnExit::Restart => true,
            OnExit::RestartOnFailure => ending.is_failure(),
            OnExit::Stop | OnExit::StopOnFailure | OnExit::Ignore => false,
        }
    }

    /// When it is sent SIGKILL, or was.
    pub(super) fn deadline(&self, stop: Option<&StopClock>) -> Option<Instant> {
        let own = match (self.role, self.stage) {
            (Role::WaitFor | Role::Ready(_), ServiceState::Running { since, .. }) => Some(since + PROBE_LIMIT),
            // Its timeout begins with its own start.
            (Role::After, ServiceState::Running { since, .. }) => self.policy.timeout.0.map(|timeout| since + timeout),
            (_, ServiceState::Draining { kill_at, .. }) => kill_at,
            _ => None,
        };
        let of_stop = stop.and_then(|stop| match self.policy.timeout.0 {
            _ if stop.kills_at_once => Some(stop.since),
            // The timeout of an `--after` command begins with its start; that of its remaining members with its exit.
            Some(timeout) if self.role != Role::After || matches!(self.stage, ServiceState::Draining { .. }) => {
                Some(stop.since + timeout)
            }
            _ => None,
        });
        own.into_iter().chain(of_stop).min()
    }
}
