//! The messages about decisions.

use std::time::Duration;

use crate::config::unit::UnitId;
use crate::exit_status::ExitStatus;
use crate::signal::{Sender, Signal};

/// A message about a decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message {
    /// The leader of a service has been created.
    Launched(UnitId),
    /// The leader of a service runs its program.
    Started(UnitId),
    /// A signal arrived.
    Received(Signal, Sender, Consequence),
    /// A service's leader has exited.
    Exited {
        /// The service, its status and its time.
        exit: LeaderExit,
        /// Whether this begins the shutdown.
        stops: bool,
    },
    /// A service did not stop within this time, and was sent SIGKILL. Without a time, its remaining processes delayed
    /// its restart.
    Killed(UnitId, Option<Duration>),
    /// A service will be restarted.
    Restarting {
        /// The service.
        service: UnitId,
        /// The backoff. The restart also waits until the process group is empty.
        wait: Duration,
        /// The number of restarts since untrap started, this one included.
        restarts: u32,
    },
    /// A readiness check has not succeeded for this time.
    Waiting(UnitId, Duration),
    /// A readiness check has succeeded after this time.
    Ready(UnitId, Duration),
    /// A readiness check has timed out after this time.
    ReadinessTimedOut(UnitId, Duration),
    /// Stop signals are sent after this delay.
    Delaying(Duration),
    /// The service's stop command has failed, so the service is sent the stop signal.
    StopCommandFailed(UnitId),
    /// Leftover processes are sent SIGTERM.
    StoppingLeftovers,
    /// Leftover processes did not stop within this time, and are sent SIGKILL.
    KillingLeftovers(Duration),
    /// Every service has exited, no shutdown has begun, and leftover processes keep untrap running.
    WaitingForLeftovers,
    /// A service is alive after SIGKILL, and is not waited for any longer.
    GaveUpOn(UnitId),
    /// Leftover processes are alive after SIGKILL, and are not waited for any longer.
    GaveUpOnLeftovers,
    /// untrap exits with this status.
    Exit(u8),
}

/// The exit of a leader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaderExit {
    /// Its service or hook.
    pub unit: UnitId,
    /// Its exit status, or the signal that killed it.
    pub status: ExitStatus,
    /// How long it ran.
    pub ran: Duration,
}

/// The effect of a received signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consequence {
    /// It begins the shutdown.
    Shutdown,
    /// It is forwarded.
    Forward,
    /// It is rewritten to another signal, which is forwarded.
    ForwardAs(Signal),
    /// No unit receives it: none runs, or those that run are stopped later in the stop order.
    Ignore,
    /// It is dropped.
    Drop,
    /// It is a SIGINT that repeats the first one: it has no effect.
    Repeat,
    /// It is the second SIGINT: everything is killed at once.
    KillAll,
}
