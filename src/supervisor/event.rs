//! The input of the state machine.

use crate::config::policy::SignalTo;
use crate::config::unit::UnitId;
use crate::exit_status::ExitStatus;
use crate::signal::{Sender, Signal};

/// An event that the runtime reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The service's leader has been created. It has not executed the program yet.
    Launched(UnitId),
    /// The service's leader runs its program.
    Started(UnitId),
    /// The service's leader could not be created, or could not execute the program; the status says why. If it has been
    /// created, its exit follows.
    StartFailed(UnitId, u8),
    /// untrap received a signal.
    Received(Signal, Sender),
    /// The stop signal was sent to the service.
    StopSignalSent(UnitId, Receivers),
    /// The service's leader is stopped, as by SIGSTOP. Reported only for the foreground service.
    LeaderStopped(UnitId, ResumeBy),
    /// The service's leader has exited. It is not reaped yet, so that the id of its process group cannot be reused.
    LeaderExited(UnitId, ExitStatus),
    /// The leader is reaped, and its process group has no other member.
    GroupEmptied(UnitId),
    /// All children that had exited are reaped.
    Reaped {
        /// Whether a child, started or adopted, is alive.
        children_left: bool,
    },
    /// For some time, children have exited faster than untrap reaps them.
    StillReaping,
    /// The time that [`Supervisor::wake_at`](crate::supervisor::Supervisor::wake_at) returned has passed.
    TimerExpired,
}

/// How a stopped leader is resumed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResumeBy {
    /// It is given the terminal, which untrap controls.
    Terminal,
    /// The shell that started untrap has job control and sends SIGCONT: untrap is stopped as well.
    Shell,
    /// untrap sends SIGCONT, because no shell with job control started it.
    Untrap,
}

/// The processes that received a signal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Receivers {
    /// The leader alone.
    Leader,
    /// All members of the process group.
    Group,
}

impl From<Receivers> for SignalTo {
    fn from(receivers: Receivers) -> Self {
        match receivers {
            Receivers::Leader => Self::Leader,
            Receivers::Group => Self::Group,
        }
    }
}
