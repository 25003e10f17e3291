//! The output of the supervisor: the actions that the runtime carries out.

use super::message::Message;
use crate::config::policy::SignalTo;
use crate::config::unit::UnitId;
use crate::signal::Signal;

/// An order of the supervisor to the runtime.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Send the service its stop signal, and report [`Event::StopSignalSent`](super::event::Event::StopSignalSent).
    SendStopSignal(UnitId, Signal, SignalTo),
    /// Send the service this signal.
    Send(UnitId, Signal, SignalTo),
    /// Send SIGKILL to the process group, and log the message if SIGKILL could be sent.
    Kill(UnitId, Option<Message>),
    /// Reap the leader, and report [`Event::GroupEmptied`](super::event::Event::GroupEmptied) now or as soon as the
    /// process group is empty.
    Reap(UnitId),
    /// Check whether the process group is empty, and report
    /// [`Event::GroupEmptied`](super::event::Event::GroupEmptied) if it is.
    CheckGroup(UnitId),
    /// Send every descendant this signal, then SIGCONT.
    SignalLeftovers(Signal),
    /// Send every descendant SIGKILL.
    KillLeftovers,
    /// Make the service's process group the foreground group, if the service is in the foreground and untrap controls the
    /// terminal.
    GiveTerminal(UnitId),
    /// Take the terminal back, and suspend untrap itself until SIGCONT arrives.
    Suspend,
    /// Log a message.
    Log(Message),
    /// Exit with this status.
    Exit(u8),
}

impl Action {
    fn is_signal(self) -> bool {
        matches!(self, Self::SendStopSignal(..) | Self::Send(..) | Self::GiveTerminal(_))
    }
}

/// The actions that follow from one event: signals first, so that log I/O and SIGKILL to other services never delay a
/// signal. The order within the signals and within the rest is the order in which they were decided.
#[derive(Debug, Default)]
pub struct Actions {
    signals: Vec<Action>,
    others: Vec<Action>,
}

impl Actions {
    /// No action yet, with memory for all that one event causes in a run of this many units.
    #[must_use]
    pub fn for_units(count: usize) -> Self {
        Self { signals: Vec::with_capacity(2 * count + 8), others: Vec::with_capacity(2 * count + 8) }
    }

    /// Removes all actions and returns them in the order in which they must be carried out.
    pub fn drain(&mut self) -> impl Iterator<Item = Action> {
        self.signals.drain(..).chain(self.others.drain(..))
    }

    pub(super) fn push(&mut self, action: Action) {
        if action.is_signal() { self.signals.push(action) } else { self.others.push(action) }
    }

    pub(super) fn count_signals(&self) -> usize {
        self.signals.len()
    }
}
