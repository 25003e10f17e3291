//! The slots: all that the runtime holds of each service and hook.

use std::io;

use crate::config::policy::SignalTo;
use crate::runtime::launch::Runnable;
use crate::signal::Signal;
use crate::supervisor::event::Receivers;
use crate::sys::child::{Leader, LeaderlessGroup};
use crate::sys::shells;
use crate::sys::spawn::ExecPipe;

/// All that the runtime holds of a service or a hook.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) runnable: Runnable,
    pub(super) group: ProcessGroup,
}

/// The process group of a service or a hook.
#[derive(Debug)]
pub(super) enum ProcessGroup {
    /// No process of it exists.
    Empty,
    /// The leader has been created. The pipe closes when it executes its program.
    Launching(Leader, ExecPipe),
    /// The leader runs its program, or is a zombie that is not reaped yet.
    Led(Leader),
    /// The leader is reaped, other members may exist.
    Leaderless(LeaderlessGroup),
}

impl Slot {
    pub(super) fn new(runnable: Runnable) -> Self {
        Self { runnable, group: ProcessGroup::Empty }
    }

    pub(super) fn leader(&self) -> Option<&Leader> {
        match &self.group {
            ProcessGroup::Launching(leader, _) | ProcessGroup::Led(leader) => Some(leader),
            ProcessGroup::Empty | ProcessGroup::Leaderless(_) => None,
        }
    }

    pub(super) fn exec_pipe(&self) -> Option<&ExecPipe> {
        if let ProcessGroup::Launching(_, pipe) = &self.group { Some(pipe) } else { None }
    }

    /// The leader is not launching any longer.
    pub(super) fn close_exec_pipe(&mut self) {
        self.group = match std::mem::replace(&mut self.group, ProcessGroup::Empty) {
            ProcessGroup::Launching(leader, _) => ProcessGroup::Led(leader),
            group => group,
        };
    }

    /// Removes the leader from the slot.
    pub(super) fn take_leader(&mut self) -> Option<Leader> {
        self.close_exec_pipe();
        match std::mem::replace(&mut self.group, ProcessGroup::Empty) {
            ProcessGroup::Led(leader) => Some(leader),
            group => {
                self.group = group;
                None
            }
        }
    }

    /// Whether this is the PID of the leader.
    pub(super) fn is_led_by(&self, pid: i32) -> bool {
        self.leader().is_some_and(|leader| leader.pid() == pid)
    }

    /// Sends a signal, and returns which processes received it; `None` if the group is empty.
    pub(super) fn send(&self, signal: Signal, to: SignalTo) -> Option<(Receivers, io::Result<()>)> {
        let leader = match &self.group {
            ProcessGroup::Empty => return None,
            ProcessGroup::Leaderless(group) => return Some((Receivers::Group, group.send(signal))),
            ProcessGroup::Launching(leader, _) | ProcessGroup::Led(leader) => leader,
        };
        let is_for_leader = match to {
            SignalTo::Leader => true,
            SignalTo::Auto => shells::runs_shell(leader.pid()) == Some(false),
            SignalTo::Group => false,
        };
        Some(if is_for_leader {
            (Receivers::Leader, leader.send(signal))
        } else {
            (Receivers::Group, leader.send_to_group(signal))
        })
    }
}
