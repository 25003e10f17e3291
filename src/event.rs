//! What goes into the state machine, and what comes out of it.

use std::time::Duration;

use crate::policy::SignalTo;
use crate::signal::{Sender, Signal};
use crate::status::Ending;

/// An entry, or a command that runs beside the entries, by its place in the plan.
pub type EntryId = usize;

/// What has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The entry's leader runs its program.
    Started(EntryId),
    /// The entry's program could not be executed; the status says why.
    StartFailed(EntryId, u8),
    /// untrap received a signal.
    Received(Signal, Sender),
    /// The stop signal was sent to the entry.
    Told(EntryId, Receivers),
    /// The entry's leader has stopped, in the sense of SIGSTOP. Told only of the one entry that has the terminal.
    LeaderStopped(EntryId, Need),
    /// The entry's leader has ended. It is not reaped yet, so that its group can still be dealt with.
    LeaderEnded(EntryId, Ending),
    /// The leader is reaped and nobody is left in its group.
    GroupEmptied(EntryId),
    /// Everything that had ended is reaped.
    Reaped {
        /// Whether any child, started or adopted, is still there.
        children_left: bool,
    },
    /// For a while already children have ended faster than they could be reaped.
    ReapingGoesOn,
    /// The time of [`Supervisor::wake_at`](crate::supervisor::Supervisor::wake_at) has come.
    TimeCame,
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

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Send the entry its stop signal, and report [`Event::Told`].
    Tell(EntryId, Signal, SignalTo),
    /// Send the entry this signal.
    Send(EntryId, Signal, SignalTo),
    /// Send SIGKILL to the leader and the whole group, and say this if that could be done.
    Kill(EntryId, Option<Message>),
    /// Reap the leader, and report [`Event::GroupEmptied`] now or as soon as it is true.
    Reap(EntryId),
    /// Look whether anyone is left in the entry's group, and report [`Event::GroupEmptied`] if not.
    Look(EntryId),
    /// Send every descendant this signal, then SIGCONT.
    TellLeftovers(Signal),
    /// Send every descendant SIGKILL.
    KillLeftovers,
    /// Make the entry's group the foreground group, if the terminal is ours to give.
    GiveTerminal(EntryId),
    /// Take the terminal back, and stop untrap itself until SIGCONT arrives.
    Suspend,
    /// Tell the user.
    Say(Message),
    /// End untrap with this status.
    Exit(u8),
}

/// What the user is told of a decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message {
    /// An entry runs.
    Started(EntryId),
    /// A signal arrived.
    Received(Signal, Sender, Consequence),
    /// An entry's leader has ended.
    Ended {
        /// Which.
        entry: EntryId,
        /// How.
        ending: Ending,
        /// How long it ran.
        after: Duration,
        /// Whether this begins the stop.
        stops: bool,
    },
    /// An entry still ran at its deadline, this long after the stop began; without a time, its group was in the way of
    /// its restart.
    Killed(EntryId, Option<Duration>),
    /// An entry is started again.
    Restarting {
        /// Which.
        entry: EntryId,
        /// After this time, and not before its group is empty.
        wait: Duration,
        /// How often this makes it since untrap started.
        restarts: u32,
    },
    /// What a probe looks for is not there after this time.
    Waiting(EntryId, Duration),
    /// What a probe looks for is there after this time.
    IsThere(EntryId, Duration),
    /// What a probe looks for is not there after this time, which is all there was.
    WaitedInVain(EntryId, Duration),
    /// The stop begins after this time.
    Delaying(Duration),
    /// The entry's stop command has failed, so the entry is sent the stop signal.
    SignallingInstead(EntryId),
    /// Leftovers are told to end.
    TellingLeftovers,
    /// Leftovers still ran at the deadline, this long after the stop began.
    KillingLeftovers(Duration),
    /// Every entry has ended, the stop has not begun, and leftovers keep untrap running.
    WaitingForLeftovers,
    /// An entry is still there long after SIGKILL.
    GaveUpOn(EntryId),
    /// Leftovers are still there long after SIGKILL.
    GaveUpOnLeftovers,
    /// untrap ends with this status.
    Exit(u8),
}

/// What a received signal brings about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consequence {
    /// It begins the stop.
    Stop,
    /// It is forwarded.
    Forward,
    /// It is taken for another signal, which is forwarded.
    ForwardAs(Signal),
    /// It is for nobody: those that it is for have not been told to stop yet, or nobody runs.
    Withhold,
    /// It is dropped.
    Drop,
    /// It is the second SIGINT: everything is killed at once.
    KillAll,
}
