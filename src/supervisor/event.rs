//! What goes into the state machine.

use crate::config::policy::SignalTo;
use crate::config::unit::UnitId;
use crate::exit_status::ExitStatus;
use crate::signal::{Sender, Signal};

/// What has happened.
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
    /// The service's leader has stopped, in the sense of SIGSTOP. Told only of the one service that has the terminal.
    LeaderStopped(UnitId, Need),
    /// The service's leader has ended. It is not reaped yet, so that its group can still be dealt with.
    LeaderExited(UnitId, ExitStatus),
    /// The leader is reaped and nobody is left in its group.
    GroupEmptied(UnitId),
    /// Everything that had ended is reaped.
    Reaped {
        /// Whether any child, started or adopted, is still there.
        children_left: bool,
    },
    /// For a while already children have ended faster than they could be reaped.
    StillReaping,
    /// The time of [`Supervisor::wake_at`](crate::supervisor::Supervisor::wake_at) has come.
    TimerExpired,
}

/// What a stopped leader needs to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// The terminal, which is ours to give.
    Terminal,
    /// Somebody above us, a shell with job control, who stops us too and wakes us all later.
    Shell,
    /// Somebody who wakes it, and nobody is there.
    Waking,
}

/// Who got a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Receivers {
    /// The leader alone.
    Leader,
    /// Everyone in the group.
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
