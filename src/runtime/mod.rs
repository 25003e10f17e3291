//! The loop: polls, turns signals and exits into events for the supervisor, and carries out its actions.

pub mod launch;

mod output;
mod prepare;
mod slots;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::time::{Duration, Instant};

use crate::config::policy::SignalTo;
use crate::config::unit::{HookRole, UnitId};
use crate::exit_status::{INTERNAL_ERROR, NOT_EXECUTABLE, NOT_FOUND, USAGE};
use crate::log::Logger;
use crate::log::line::Verbosity;
use crate::output::Output;
use crate::pid_dir::PidDir;
use crate::runtime::launch::Runnable;
use crate::signal::Signal;
use crate::supervisor::Supervisor;
use crate::supervisor::action::{Action, Actions};
use crate::supervisor::event::{Event, Receivers, ResumeBy};
use crate::supervisor::message::Message;
use crate::sys;
use crate::sys::child::{self, Children, Leader};
use crate::sys::poll::{Interest, PollSet};
use crate::sys::procfs::{self, Process};
use crate::sys::signalfd::{self, Received, Signals};
use crate::sys::spawn::{LaunchStatus, SpawnError, Spawner};
use crate::sys::terminal::Terminal;
use crate::sys::{descendants, shells};

pub use prepare::{RunInput, run};
use slots::{ProcessGroup, Slot};

/// The slot of the signal descriptor in the poll set, and the first of the exec pipes of units. The output's descriptors
/// follow.
const SIGNALS_SLOT: usize = 0;
const EXEC_PIPE_SLOTS: usize = 1;

/// After this many reaped children, signals and timers are handled.
const BATCH: usize = 64;

/// After this time, exits and timers are handled even if more signals are pending.
const TURN: Duration = Duration::from_millis(5);

/// If children exit faster than untrap reaps them for this long, the shutdown advances anyway.
const LONG_REAPING: Duration = Duration::from_millis(100);

#[derive(Debug)]
struct Runtime {
    supervisor: Supervisor,
    signals: Signals,
    poll_set: PollSet,
    /// `None`: services inherit untrap's standard output and standard error.
    output: Option<Output>,
    spawner: Spawner,
    log: Logger,
    pid_dir: Option<PidDir>,
    /// One for each service and hook.
    slots: Vec<Slot>,
    /// The first slot of the output's descriptors in the poll set.
    output_slots: usize,
    /// The service that can be in the foreground of the terminal.
    foreground: Option<UnitId>,
    events: VecDeque<Event>,
    actions: Actions,
    /// No descriptor is left for the next start until a launching leader has closed its pipe.
    awaits_descriptors: bool,
    /// The terminal, if untrap controls it.
    terminal: Option<Terminal>,
    /// When the first SIGCHLD arrived that is not handled completely.
    reaping_since: Option<Instant>,
    exit: Option<u8>,
}

impl Runtime {
    fn run(&mut self) -> u8 {
        let mut is_first_poll = true;
        loop {
            // An event that arrived before a deadline is handled before it, even if an action has taken longer than
            // that.
            let now = Instant::now();
            self.read_signals(now);
            self.reap_children();
            self.fire_timers(now);
            if let Some(status) = self.exit {
                self.finish_output();
                return status;
            }
            if self.start_next() || self.reaping_since.is_some() {
                continue;
            }
            if std::mem::take(&mut is_first_poll) {
                sys::release_memory();
            }
            if let Err(error) = self.poll() {
                self.log.system_error("ending at once: can't wait for signals", &error);
                self.finish_output();
                return INTERNAL_ERROR;
            }
        }
    }

    /// Signals are handled before the next service starts, so that a shutdown can begin between two starts.
    fn read_signals(&mut self, now: Instant) {
        if !self.poll_set.is_ready(SIGNALS_SLOT) && self.supervisor.next_start(now).is_none() {
            return;
        }
        let begin = Instant::now();
        // A flood of signals to hundreds of services can arrive faster than untrap forwards it.
        while begin.elapsed() < TURN {
            match self.signals.next() {
                None => return,
                Some(Received::Child) => self.expect_exits(),
                Some(Received::Signal(signal, sender)) => self.handle(Event::Received(signal, sender)),
            }
        }
    }

    fn fire_timers(&mut self, now: Instant) {
        if self.supervisor.wake_at().is_some_and(|at| at <= now) {
            self.handle(Event::TimerExpired);
        }
    }

    fn start_next(&mut self) -> bool {
        let next = self.supervisor.next_start(Instant::now()).filter(|_| !self.awaits_descriptors);
        if let Some(id) = next {
            self.start(id);
        }
        next.is_some()
    }

    fn poll(&mut self) -> io::Result<()> {
        self.prepare_output();
        self.poll_set.wait(self.supervisor.wake_at())?;
        // That a service has started is logged before its first output, and before signals that follow.
        self.finish_launches();
        self.pass_on_output();
        Ok(())
    }

    /// Passes an event, and the events that its actions cause, to the supervisor, and carries out the actions.
    fn handle(&mut self, event: Event) {
        self.events.push_back(event);
        while let Some(event) = self.events.pop_front() {
            if let Event::GroupEmptied(id) = event {
                self.remove_pid(id);
            }
            self.pass_on_final_output(event);
            let mut actions = std::mem::take(&mut self.actions);
            self.supervisor.on(event, Instant::now(), &mut actions);
            actions.drain().for_each(|action| self.carry_out(action));
            self.actions = actions;
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::SendStopSignal(id, signal, to) => {
                if let Some(receivers) = self.send(id, signal, to) {
                    self.events.push_back(Event::StopSignalSent(id, receivers));
                }
            }
            Action::Send(id, signal, to) => {
                self.send(id, signal, to);
            }
            Action::Kill(id, message) => self.kill(id, message),
            Action::Reap(id) => self.reap_leader(id),
            Action::CheckGroup(id) => self.check_group(id),
            Action::SignalLeftovers(signal) => {
                let signalled = descendants::send_to_descendants(&[signal, Signal::CONT]);
                self.log_leftovers(signalled, "sent the stop signal", Verbosity::Normal);
            }
            Action::KillLeftovers => {
                self.log_leftovers(descendants::kill_descendants(), "killed", Verbosity::Quiet);
            }
            Action::GiveTerminal(id) => self.give_terminal(id),
            Action::Suspend => self.suspend(),
            Action::Log(message) => self.log.say(message),
            Action::Exit(status) => self.exit = Some(status),
        }
    }

    fn start(&mut self, id: UnitId) {
        let variables = self.late_variables(id);
        let ends = self.output.as_ref().and_then(|output| output.ends(id));
        let started = match &mut self.slots[id].runnable {
            Runnable::TargetCheck(check) => {
                check.start(self.signals.inherited()).map(ProcessGroup::Led).map_err(SpawnError::NoProcess)
            }
            Runnable::Program(program) => {
                program.set(variables);
                self.spawner.spawn(program, ends).map(|(leader, pipe)| ProcessGroup::Launching(leader, pipe))
            }
        };
        match started {
            Ok(group) => self.launched(id, group),
            Err(SpawnError::NoProcess(error)) if is_out_of_descriptors(&error) && self.is_launching() => {
                self.awaits_descriptors = true;
            }
            Err(error) => self.start_failed(id, &error),
        }
    }

    fn is_launching(&self) -> bool {
        self.slots.iter().any(|slot| slot.exec_pipe().is_some())
    }

    fn launched(&mut self, id: UnitId, group: ProcessGroup) {
        let slot = &mut self.slots[id];
        slot.group = group;
        let poll_slot = EXEC_PIPE_SLOTS + id.index();
        self.poll_set.set(poll_slot, slot.exec_pipe().map(|pipe| (pipe.descriptor(), Interest::Read)));
        let (pid, is_launching) = (slot.leader().map_or(0, Leader::pid), slot.exec_pipe().is_some());
        if let Some(output) = &mut self.output {
            output.started(id, pid);
        }
        self.log.started(id, pid);
        self.write_pid(id, pid);
        self.handle(Event::Launched(id));
        if !is_launching {
            self.handle(Event::Started(id));
        }
    }

    /// Reports the leaders that have executed their program, or could not.
    fn finish_launches(&mut self) {
        for index in 0..self.slots.len() {
            if self.poll_set.is_ready(EXEC_PIPE_SLOTS + index) {
                self.finish_launch(UnitId::new(index));
            }
        }
    }

    fn finish_launch(&mut self, id: UnitId) {
        let slot = &mut self.slots[id];
        let (Some(pipe), Some(leader)) = (slot.exec_pipe(), slot.leader()) else { return };
        let (status, pid) = (pipe.status(), leader.pid());
        if matches!(status, LaunchStatus::Pending) {
            return;
        }
        slot.close_exec_pipe();
        self.awaits_descriptors = false;
        self.poll_set.set(EXEC_PIPE_SLOTS + id.index(), None);
        match status {
            LaunchStatus::Failed(error) => self.start_failed(id, &error),
            // If it was killed before the exec, its exit follows.
            _ if procfs::has_executed(pid) == Some(false) => {}
            _ => {
                if self.slots.len() > 1 {
                    shells::warm_up(pid);
                }
                self.handle(Event::Started(id));
            }
        }
    }

    fn start_failed(&mut self, id: UnitId, error: &SpawnError) {
        let cause = match (error, &self.slots[id].runnable) {
            (SpawnError::NotFound(errno) | SpawnError::NotExecutable(errno), Runnable::Program(program)) => {
                Some(self.spawner.diagnose(program, *errno))
            }
            _ => None,
        };
        self.log.start_failed(id, error, cause.as_ref());
        let status = match error {
            SpawnError::NotFound(_) => NOT_FOUND,
            SpawnError::NotExecutable(_) => NOT_EXECUTABLE,
            SpawnError::NoDirectory(_) | SpawnError::NoWorkingDirectory(_) => USAGE,
            SpawnError::NotPermitted(_) | SpawnError::NoProcess(_) => INTERNAL_ERROR,
        };
        self.handle(Event::StartFailed(id, status));
    }

    fn write_pid(&mut self, id: UnitId, pid: i32) {
        if let Some(Err(error)) = self.pid_dir.as_mut().map(|pid_dir| pid_dir.started(id, pid)) {
            self.log.pid_file(id, "written", &error);
        }
    }

    fn remove_pid(&mut self, id: UnitId) {
        if let Some(Err(error)) = self.pid_dir.as_mut().map(|pid_dir| pid_dir.emptied(id)) {
            self.log.pid_file(id, "removed", &error);
        }
    }

    fn close_pid_dir(&mut self) {
        if let Some(Err(error)) = self.pid_dir.as_mut().map(PidDir::close) {
            self.log.system_error("can't remove pid files", &error);
        }
    }

    /// The variables of a hook that are known only when it starts.
    fn late_variables(&self, id: UnitId) -> Vec<(OsString, OsString)> {
        let variable = |name: &str, value: String| (name.into(), value.into());
        match self.supervisor.role(id) {
            Some(HookRole::After) => {
                // Without the prefix SIG, as shells and systemd write it.
                let signal = self.supervisor.stop_cause().map(|signal| signal.to_string().replacen("SIG", "", 1));
                let status = variable("UNTRAP_EXIT_CODE", self.supervisor.status().to_string());
                std::iter::once(status).chain(signal.map(|signal| variable("UNTRAP_SIGNAL", signal))).collect()
            }
            Some(HookRole::StopCommand(service)) => {
                let Some(leader) = self.slots[service].leader() else { return Vec::new() };
                let name = self.log.name(service).to_owned();
                vec![variable("UNTRAP_PID", leader.pid().to_string()), variable("UNTRAP_NAME", name)]
            }
            None | Some(HookRole::Before | HookRole::WaitFor | HookRole::Ready(_)) => Vec::new(),
        }
    }

    /// Sends a signal, and returns which processes received it.
    fn send(&mut self, id: UnitId, signal: Signal, to: SignalTo) -> Option<Receivers> {
        let (receivers, result) = self.slots[id].send(signal, to)?;
        self.note_failure(id, result);
        Some(receivers)
    }

    fn kill(&mut self, id: UnitId, message: Option<Message>) {
        let Some((_, result)) = self.slots[id].send(Signal::KILL, SignalTo::Group) else { return };
        match (&result, message) {
            (Ok(()), Some(message)) => self.log.say(message),
            _ => self.note_failure(id, result),
        }
    }

    fn note_failure(&mut self, id: UnitId, result: io::Result<()>) {
        let Err(error) = result else { return };
        if error.raw_os_error() != Some(libc::ESRCH) {
            return self.log.not_signalled(id, &error);
        }
        // The last members have been reaped by another parent.
        if matches!(self.slots[id].group, ProcessGroup::Leaderless(_)) {
            self.group_emptied(id);
        }
    }

    fn group_emptied(&mut self, id: UnitId) {
        self.slots[id].group = ProcessGroup::Empty;
        self.events.push_back(Event::GroupEmptied(id));
        self.expect_exits();
    }

    fn check_group(&mut self, id: UnitId) {
        if matches!(&self.slots[id].group, ProcessGroup::Leaderless(group) if group.is_gone()) {
            self.group_emptied(id);
        }
    }

    /// Ctrl-Z stops the foreground process group, which is not untrap's, so untrap checks whether its leader is
    /// stopped.
    fn check_stopped(&mut self) {
        let (Some(terminal), Some(id)) = (&mut self.terminal, self.foreground) else {
            return;
        };
        let Some(leader) = self.slots[id].leader() else { return };
        let Some(signal) = child::stop_cause(leader) else { return };
        let resume_by = if matches!(signal, Signal::TTIN | Signal::TTOU) && terminal.is_ours() {
            terminal.want();
            ResumeBy::Terminal
        } else if terminal.has_shell_above() {
            ResumeBy::Shell
        } else {
            ResumeBy::Untrap
        };
        self.handle(Event::LeaderStopped(id, resume_by));
    }

    fn give_terminal(&self, id: UnitId) {
        if self.foreground == Some(id)
            && let (Some(terminal), Some(leader)) = (self.terminal, self.slots[id].leader())
        {
            terminal.give_to(leader.pid());
        }
    }

    fn take_terminal_back(&self) {
        let leader = self.foreground.and_then(|id| self.slots[id].leader());
        if let (Some(terminal), Some(leader)) = (self.terminal, leader) {
            terminal.take_back_from(leader.pid());
        }
    }

    fn suspend(&self) {
        if std::process::id() == 1 {
            // The kernel never stops PID 1, and no shell above it could wake the services.
            return;
        }
        self.take_terminal_back();
        if let Some(terminal) = self.terminal {
            terminal.stop_group();
        }
        signalfd::suspend();
    }

    fn reap_leader(&mut self, id: UnitId) {
        if self.foreground == Some(id) {
            self.take_terminal_back();
        }
        let Some(leader) = self.slots[id].take_leader() else { return };
        match leader.reap() {
            Some(group) => self.slots[id].group = ProcessGroup::Leaderless(group),
            None => self.group_emptied(id),
        }
    }

    fn reap_children(&mut self) {
        if self.reaping_since.is_none() {
            return;
        }
        self.check_stopped();
        for _ in 0..BATCH {
            match child::peek() {
                Ok(Children::Exited(pid, ending)) => match self.slots.iter().position(|slot| slot.is_led_by(pid)) {
                    Some(index) => {
                        let id = UnitId::new(index);
                        self.finish_launch(id);
                        self.handle(Event::LeaderExited(id, ending));
                    }
                    None => self.reap_orphan(pid),
                },
                Ok(children) => {
                    self.reaping_since = None;
                    return self.handle(Event::Reaped { children_left: children == Children::Running });
                }
                Err(error) => {
                    self.reaping_since = None;
                    return self.log.system_error("can't look for children that have exited", &error);
                }
            }
        }
        if self.reaping_since.is_some_and(|since| since.elapsed() >= LONG_REAPING) {
            self.reaping_since = Some(Instant::now());
            self.handle(Event::StillReaping);
        }
    }

    fn expect_exits(&mut self) {
        self.reaping_since.get_or_insert_with(Instant::now);
    }

    /// An orphan may have been the last member of a service's process group.
    fn reap_orphan(&mut self, pid: i32) {
        child::reap(pid);
        self.log.orphan(pid);
        for id in (0..self.slots.len()).map(UnitId::new) {
            if matches!(&self.slots[id].group, ProcessGroup::Leaderless(group) if group.is_empty()) {
                self.slots[id].group = ProcessGroup::Empty;
                self.handle(Event::GroupEmptied(id));
            }
        }
    }

    fn log_leftovers(&mut self, processes: io::Result<Vec<Process>>, done: &str, level: Verbosity) {
        match processes {
            Ok(processes) => processes.iter().for_each(|process| self.log.leftover(process, done, level)),
            Err(error) => self.log.system_error("can't find leftovers in /proc", &error),
        }
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}
