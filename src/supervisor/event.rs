//! The input of the state machine.

use crate::config::policy::SignalTo;
use crate::config::unit::UnitId;
use crate::exit_status::ExitStatus;
use crate::signal::{Sender, Signal};

/// An event that the runtime reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The service's leader runs its program.
    Started(UnitId),
    /// The service's program could not be executed; the status says why.
    StartFailed(UnitId, u8),
    /// untrap received a signal.
    Received(Signal, Sender),
    /// The stop signal was sent to the service.
    StopSignalSent(UnitId, Receivers),
    /// The service's leader is stopped, as by SIGSTOP. Reported only for the foreground service.
    LeaderStopped(UnitId, Need),
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

/// What a stopped leader needs in order to continue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// The terminal, which untrap controls.
    Terminal,
    /// SIGCONT from the shell that started untrap, which has job control: untrap is stopped as well.
    Shell,
    /// SIGCONT from untrap, because no shell with job control started it.
    Waking,
}

/// The processes that received a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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
