//! The phases of a run.

use std::time::{Duration, Instant};

use crate::config::policy::Timeout;
use crate::signal::Signal;

/// The phase of a run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Phase {
    /// `--wait-for`, `--before` and the services are started, in this order.
    Starting(StartProgress),
    /// All services have been started.
    Serving,
    /// All services have exited, no shutdown has begun, and leftover processes keep untrap running.
    AwaitingLeftovers,
    /// Services are stopped.
    ShuttingDown(Cause, StopClock),
    /// All services have exited, and leftover processes are stopped.
    StoppingLeftovers(Cause, StopClock, LeftoverStop),
    /// The `--after` commands run, one by one. `None`: no shutdown has begun, and a stop signal still begins it.
    RunningAfter(Option<Cause>, StopClock, LeftoverStop),
    /// The exit status is decided, and the rest of the output is flushed.
    Done(Option<Cause>, Option<StopClock>),
}

/// The progress of the start.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct StartProgress {
    /// The number of units in the start order that have been started, or have succeeded if the start waits for that.
    pub(super) done: usize,
    /// Set while the current readiness check has not succeeded.
    pub(super) waiting: Option<ReadinessWait>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct ReadinessWait {
    pub(super) since: Instant,
    /// When a message says that untrap still waits.
    pub(super) notice_at: Instant,
}

impl StartProgress {
    /// The time of the next message about the current readiness check, or of its timeout.
    pub(super) fn wake_at(&self, wait_timeout: Timeout) -> Option<Instant> {
        let waiting = self.waiting?;
        Some(wait_timeout.0.map_or(waiting.notice_at, |timeout| waiting.notice_at.min(waiting.since + timeout)))
    }
}

/// The cause of the shutdown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Cause {
    /// This signal was received.
    Signal(Signal),
    /// A service or hook has exited, could not be started, or timed out. untrap exits with this status.
    Status(u8),
}

impl Cause {
    pub(super) fn signal(self) -> Option<Signal> {
        if let Self::Signal(signal) = self { Some(signal) } else { None }
    }
}

/// How leftover processes have been signalled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum LeftoverStop {
    NotSignalled,
    Signalled,
    Killed,
}

/// The time from which stop timeouts count, and the signal that is sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct StopClock {
    /// When stop signals are sent and timeouts begin: after the `--stop-delay`.
    pub(super) since: Instant,
    /// The default stop signal: the one that untrap received, or SIGTERM.
    pub(super) signal: Signal,
    /// When the first SIGINT arrived.
    pub(super) interrupted_at: Option<Instant>,
    /// Whether the timeouts are replaced by `since`, because a second SIGINT has arrived.
    pub(super) is_expired: bool,
    /// The wait for processes that have been sent SIGKILL; set once all that are alive have been sent it.
    pub(super) kill_wait: Option<KillWait>,
}

impl StopClock {
    pub(super) fn new(since: Instant, signal: Signal, interrupted_at: Option<Instant>) -> Self {
        Self { since, signal, interrupted_at, is_expired: false, kill_wait: None }
    }

    /// The deadline of a process that has this timeout; `None`: never.
    pub(super) fn deadline(&self, timeout: Option<Duration>) -> Option<Instant> {
        if self.is_expired { Some(self.since) } else { timeout.map(|timeout| self.since + timeout) }
    }
}

impl Phase {
    pub(super) fn clock(&self) -> Option<&StopClock> {
        match self {
            Self::Starting(_) | Self::Serving | Self::AwaitingLeftovers | Self::Done(_, None) => None,
            Self::ShuttingDown(_, clock)
            | Self::StoppingLeftovers(_, clock, _)
            | Self::RunningAfter(_, clock, _)
            | Self::Done(_, Some(clock)) => Some(clock),
        }
    }

    pub(super) fn clock_mut(&mut self) -> Option<&mut StopClock> {
        match self {
            Self::Starting(_) | Self::Serving | Self::AwaitingLeftovers | Self::Done(..) => None,
            Self::ShuttingDown(_, clock) | Self::StoppingLeftovers(_, clock, _) | Self::RunningAfter(_, clock, _) => {
                Some(clock)
            }
        }
    }

    pub(super) fn cause(&self) -> Option<Cause> {
        match *self {
            Self::Starting(_) | Self::Serving | Self::AwaitingLeftovers => None,
            Self::ShuttingDown(cause, _) | Self::StoppingLeftovers(cause, ..) => Some(cause),
            Self::RunningAfter(cause, ..) | Self::Done(cause, _) => cause,
        }
    }

    /// Whether services are started or restarted in this phase.
    pub(super) fn is_serving(&self) -> bool {
        matches!(self, Self::Starting(_) | Self::Serving | Self::AwaitingLeftovers)
    }

    /// Whether a stop signal begins the shutdown in this phase.
    pub(super) fn is_before_shutdown(&self) -> bool {
        self.is_serving() || matches!(self, Self::RunningAfter(None, ..))
    }

    pub(super) fn is_running_after(&self) -> bool {
        matches!(self, Self::RunningAfter(..))
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done(..))
    }
}

/// How long untrap waits for processes that have been sent SIGKILL.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct KillWait {
    since: Instant,
    /// When untrap gives up.
    pub(super) until: Instant,
}

impl KillWait {
    /// If no process exits for this long after SIGKILL, the rest are in uninterruptible sleep or not ours to kill; stop
    /// waiting.
    pub(super) const WITHOUT_PROGRESS: Duration = Duration::from_secs(1);
    /// A busy machine may need long to end a thousand processes, but the wait is bounded.
    const LONGEST: Duration = Duration::from_secs(10);

    pub(super) fn from(now: Instant) -> Self {
        Self { since: now, until: now + Self::WITHOUT_PROGRESS }
    }

    /// A process has exited.
    pub(super) fn see_progress(&mut self, now: Instant) {
        self.until = (now + Self::WITHOUT_PROGRESS).min(self.since + Self::LONGEST);
    }
}
