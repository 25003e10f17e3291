//! The life of one service, and what its policy makes of it.

use std::time::{Duration, Instant};

use super::backoff::Backoff;
use crate::config::policy::{OnExit, Policy, SignalTo};
use crate::config::unit::{Role, UnitId};
use crate::exit_status::ExitStatus;
use crate::signal::Signal;
use crate::supervisor::event::Receivers;
use crate::supervisor::message::Message;

/// A probe that takes longer has failed.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// Where a service is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// Not started yet.
    Waiting,
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
        look: Look,
    },
    /// It is started again at this time.
    BackingOff(Instant),
    /// Nobody is left.
    Ended,
}

/// A look that is repeated, later and later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Look {
    at: Instant,
    interval: Duration,
}

impl Look {
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

/// The phase that ends the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shutdown {
    /// When services are told, and their timeouts begin: after the `--stop-delay`.
    pub(super) since: Instant,
    /// What arrived, or TERM.
    pub(super) signal: Signal,
    /// Nobody gets any more time.
    pub(super) kills_at_once: bool,
    /// With whoever survives SIGKILL; set once everybody left has been sent it.
    pub(super) patience: Option<Patience>,
}

/// How long to wait for those who have been sent SIGKILL.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    since: Instant,
    /// When untrap gives up on them.
    pub(super) until: Instant,
}

impl Patience {
    /// After SIGKILL the kernel needs a moment. Who is still there after this, and nobody else has gone meanwhile (a
    /// process in uninterruptible sleep, or one that we may not signal), will not go for us.
    pub(super) const WITHOUT_PROGRESS: Duration = Duration::from_secs(1);
    /// A busy machine may take long to end a thousand, but not for ever.
    const LONGEST: Duration = Duration::from_secs(10);

    pub(super) fn from(now: Instant) -> Self {
        Self { since: now, until: now + Self::WITHOUT_PROGRESS }
    }

    /// Somebody has gone.
    pub(super) fn see_progress(&mut self, now: Instant) {
        self.until = (now + Self::WITHOUT_PROGRESS).min(self.since + Self::LONGEST);
    }
}

/// The end of a service's leader.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) id: UnitId,
    pub(super) ending: ExitStatus,
    /// How long it ran.
    pub(super) ran: Duration,
}

impl Ended {
    /// What the user is told of it: also whether it begins the stop.
    pub(super) fn message(self, stops: bool) -> Message {
        Message::Exited { service: self.id, ending: self.ending, after: self.ran, stops }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Service {
    pub(super) policy: Policy,
    pub(super) role: Role,
    pub(super) stage: Stage,
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
        Self { policy, role, stage: Stage::Waiting, killed: false, is_stopping: false, backoff, restarts: 0 }
    }

    /// Whether its leader or anyone of its group may be there.
    pub(super) fn is_alive(&self) -> bool {
        matches!(self.stage, Stage::Running { .. } | Stage::Draining { .. })
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
            Stage::Running { .. } => Some(self.policy.signal_to),
            Stage::Draining { .. } => Some(SignalTo::Group),
            Stage::Waiting | Stage::BackingOff(_) | Stage::Ended => None,
        }
    }

    /// When to look whether its group is empty, where somebody waits for that.
    pub(super) fn look_at(&self, stop: Option<&Shutdown>) -> Option<Instant> {
        match self.stage {
            Stage::Draining { look, restart_at, .. } if stop.is_some() || restart_at.is_some() => Some(look.at),
            _ => None,
        }
    }

    /// It has been looked at.
    pub(super) fn looked(&mut self, now: Instant) {
        if let Stage::Draining { look, .. } = &mut self.stage {
            *look = look.next(now);
        }
    }

    /// When it starts again by itself.
    pub(super) fn restart_at(&self) -> Option<Instant> {
        if let Stage::BackingOff(at) = self.stage { Some(at) } else { None }
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
    pub(super) fn deadline(&self, stop: Option<&Shutdown>) -> Option<Instant> {
        let own = match (self.role, self.stage) {
            (Role::WaitFor | Role::Ready(_), Stage::Running { since, .. }) => Some(since + PROBE_LIMIT),
            // It has the timeout for itself.
            (Role::After, Stage::Running { since, .. }) => self.policy.timeout.0.map(|timeout| since + timeout),
            (_, Stage::Draining { kill_at, .. }) => kill_at,
            _ => None,
        };
        let of_stop = stop.and_then(|stop| match self.policy.timeout.0 {
            _ if stop.kills_at_once => Some(stop.since),
            // Until its own end it has the timeout for itself; who it leaves behind has that of the stop.
            Some(timeout) if self.role != Role::After || matches!(self.stage, Stage::Draining { .. }) => {
                Some(stop.since + timeout)
            }
            _ => None,
        });
        own.into_iter().chain(of_stop).min()
    }
}
