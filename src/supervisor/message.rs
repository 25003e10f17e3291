//! What the user is told of decisions.

use std::time::Duration;

use crate::config::unit::UnitId;
use crate::exit_status::ExitStatus;
use crate::signal::{Sender, Signal};

/// What the user is told of a decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message {
    /// A service runs.
    Started(UnitId),
    /// A signal arrived.
    Received(Signal, Sender, Consequence),
    /// A service's leader has ended.
    Exited {
        /// Which.
        service: UnitId,
        /// How.
        ending: ExitStatus,
        /// How long it ran.
        after: Duration,
        /// Whether this begins the stop.
        stops: bool,
    },
    /// A service still ran at its deadline, this long after the stop began; without a time, its group was in the way of
    /// its restart.
    Killed(UnitId, Option<Duration>),
    /// A service is started again.
    Restarting {
        /// Which.
        service: UnitId,
        /// After this time, and not before its group is empty.
        wait: Duration,
        /// How often this makes it since untrap started.
        restarts: u32,
    },
    /// What a probe looks for is not there after this time.
    Waiting(UnitId, Duration),
    /// What a probe looks for is there after this time.
    Ready(UnitId, Duration),
    /// What a probe looks for is not there after this time, which is all there was.
    ReadinessTimedOut(UnitId, Duration),
    /// The stop begins after this time.
    Delaying(Duration),
    /// The service's stop command has failed, so the service is sent the stop signal.
    StopCommandFailed(UnitId),
    /// Leftovers are told to end.
    StoppingLeftovers,
    /// Leftovers still ran at the deadline, this long after the stop began.
    KillingLeftovers(Duration),
    /// Every service has ended, the stop has not begun, and leftovers keep untrap running.
    WaitingForLeftovers,
    /// A service is still there long after SIGKILL.
    GaveUpOn(UnitId),
    /// Leftovers are still there long after SIGKILL.
    GaveUpOnLeftovers,
    /// untrap ends with this status.
    Exit(u8),
}

/// What a received signal brings about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consequence {
    /// It begins the stop.
    Shutdown,
    /// It is forwarded.
    Forward,
    /// It is taken for another signal, which is forwarded.
    ForwardAs(Signal),
    /// It is for nobody: those that it is for have not been told to stop yet, or nobody runs.
    Ignore,
    /// It is dropped.
    Drop,
    /// It is the second SIGINT: everything is killed at once.
    KillAll,
}
