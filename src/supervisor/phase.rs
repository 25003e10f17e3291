//! The phases of a run, and the clock of its shutdown.

use std::time::{Duration, Instant};

use crate::signal::Signal;

/// The phase of a run. A later phase never returns to an earlier one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Phase {
    /// Services start and run.
    Serving,
    /// The shutdown has begun, services or leftover processes are alive.
    ShuttingDown(StopClock),
    /// All services and leftover processes have exited, and the `--after` commands run.
    RunningAfter {
        /// The time of the current command.
        clock: StopClock,
        /// Whether a shutdown has begun. If not, a stop signal can still begin it.
        in_shutdown: bool,
    },
    /// The exit status is decided. The flush of the output still uses the clock.
    Done(Option<StopClock>),
}

/// The time from which stop timeouts count, and the signal that is sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct StopClock {
    /// When stop signals are sent and timeouts begin: after the `--stop-delay`.
    pub(super) since: Instant,
    /// The default stop signal: the one that untrap received, or SIGTERM.
    pub(super) signal: Signal,
    /// The signal that began the shutdown. `None`: the exit of a service or a failed start did.
    pub(super) cause: Option<Signal>,
    /// All timeouts are over, because a second SIGINT has arrived.
    pub(super) kills_at_once: bool,
    /// The wait for processes that have been sent SIGKILL; set once all that are alive have been sent it.
    pub(super) kill_wait: Option<KillWait>,
}

impl StopClock {
    pub(super) fn new(since: Instant, signal: Signal, cause: Option<Signal>) -> Self {
        Self { since, signal, cause, kills_at_once: false, kill_wait: None }
    }
}

impl Phase {
    pub(super) fn clock(&self) -> Option<StopClock> {
        match *self {
            Self::Serving => None,
            Self::ShuttingDown(clock) | Self::RunningAfter { clock, .. } => Some(clock),
            Self::Done(clock) => clock,
        }
    }

    pub(super) fn clock_mut(&mut self) -> Option<&mut StopClock> {
        match self {
            Self::Serving => None,
            Self::ShuttingDown(clock) | Self::RunningAfter { clock, .. } => Some(clock),
            Self::Done(clock) => clock.as_mut(),
        }
    }

    pub(super) fn is_in_shutdown(&self) -> bool {
        matches!(self, Self::ShuttingDown(_) | Self::RunningAfter { in_shutdown: true, .. })
    }

    /// Whether a stop signal begins the shutdown in this phase.
    pub(super) fn is_before_shutdown(&self) -> bool {
        matches!(self, Self::Serving | Self::RunningAfter { in_shutdown: false, .. })
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
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
