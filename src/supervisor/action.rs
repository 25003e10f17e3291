//! What comes out of the state machine.

use super::message::Message;
use crate::config::policy::SignalTo;
use crate::config::unit::UnitId;
use crate::signal::Signal;

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Send the service its stop signal, and report [`Event::StopSignalSent`].
    SendStopSignal(UnitId, Signal, SignalTo),
    /// Send the service this signal.
    Send(UnitId, Signal, SignalTo),
    /// Send SIGKILL to the leader and the whole group, and say this if that could be done.
    Kill(UnitId, Option<Message>),
    /// Reap the leader, and report [`Event::GroupEmptied`] now or as soon as it is true.
    Reap(UnitId),
    /// Look whether anyone is left in the service's group, and report [`Event::GroupEmptied`] if not.
    CheckGroup(UnitId),
    /// Send every descendant this signal, then SIGCONT.
    SignalLeftovers(Signal),
    /// Send every descendant SIGKILL.
    KillLeftovers,
    /// Make the service's group the foreground group, if the terminal is ours to give.
    GiveTerminal(UnitId),
    /// Take the terminal back, and stop untrap itself until SIGCONT arrives.
    Suspend,
    /// Tell the user.
    Log(Message),
    /// End untrap with this status.
    Exit(u8),
}
