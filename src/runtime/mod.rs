//! The loop: waits, turns what happened into events, and carries out what the state machine answers.

pub mod launch;

mod output;
mod prepare;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::time::{Duration, Instant};

use crate::config::policy::SignalTo;
use crate::config::unit::{Role, UnitId};
use crate::exit_status::{INTERNAL_ERROR, NOT_EXECUTABLE, NOT_FOUND};
use crate::log::Logger;
use crate::log::line::Verbosity;
use crate::output::Output;
use crate::pid_dir::PidDir;
use crate::runtime::launch::Runnable;
use crate::signal::Signal;
use crate::supervisor::Supervisor;
use crate::supervisor::action::{Action, Actions};
use crate::supervisor::event::{Event, Need, Receivers};
use crate::supervisor::message::Message;
use crate::sys;
use crate::sys::child::{self, Children, Leader, LeaderlessGroup};
use crate::sys::poll::PollSet;
use crate::sys::procfs::Process;
use crate::sys::signalfd::{self, Received, Signals};
use crate::sys::spawn::{SpawnError, Spawner};
use crate::sys::terminal::Terminal;
use crate::sys::{descendants, shells};

pub use prepare::{RunInput, run};

/// Where in the set of descriptors that of the signals is, and those of the output begin.
const SIGNALS_SLOT: usize = 0;
const OUTPUT_SLOTS: usize = 1;

/// However many dead children wait, the others get their turn after this many.
const BATCH: usize = 64;

/// However many signals wait, the others get their turn after this.
const TURN: Duration = Duration::from_millis(5);

/// Where children end faster than they are reaped, whoever lives and makes them gets its turn after this.
const LONG_REAPING: Duration = Duration::from_millis(100);

/// What there is of a service.
#[derive(Debug)]
enum ProcessGroup {
    Empty,
    Led(Leader),
    Leaderless(LeaderlessGroup),
}

#[derive(Debug)]
struct Runtime {
    supervisor: Supervisor,
    signals: Signals,
    poll_set: PollSet,
    /// `None`: services have ours.
    output: Option<Output>,
    spawner: Spawner,
    report: Logger,
    pid_dir: Option<PidDir>,
    /// By service.
    groups: Vec<ProcessGroup>,
    /// By service.
    runnables: Vec<Runnable>,
    events: VecDeque<Event>,
    actions: Actions,
    /// Where the one service, the first of all, can be in the foreground.
    terminal: Option<Terminal>,
    /// Since when children may have ended that nobody has looked at, or since when they are being reaped.
    reaping_since: Option<Instant>,
    exit: Option<u8>,
}

impl Runtime {
    fn run(&mut self) -> u8 {
        let mut has_rested = false;
        loop {
            // What arrived before a deadline comes before it, also where an action has taken longer than that.
            let now = Instant::now();
            if self.poll_set.is_ready(SIGNALS_SLOT) || self.supervisor.next_start(now).is_some() {
                self.read_signals();
            }
            if self.reaping_since.is_some() {
                self.look_for_stopped();
                self.reap();
            }
            if self.supervisor.wake_at().is_some_and(|at| at <= now) {
                self.handle(Event::TimerExpired);
            }
            if let Some(status) = self.exit {
                self.finish_output();
                return status;
            }
            if let Some(id) = self.supervisor.next_start(Instant::now()) {
                self.start(id);
            } else if self.reaping_since.is_none() {
                if !std::mem::replace(&mut has_rested, true) {
                    sys::release_memory();
                }
                if let Err(error) = self.wait() {
                    self.report.trouble("ending at once: can't wait for signals", &error);
                    self.finish_output();
                    return INTERNAL_ERROR;
                }
            }
        }
    }

    fn wait(&mut self) -> io::Result<()> {
        self.prepare_output();
        self.poll_set.wait(self.supervisor.wake_at())?;
        self.pass_on_output();
        Ok(())
    }

    fn read_signals(&mut self) {
        let begin = Instant::now();
        // To tell hundreds takes longer than a flood takes to send the next one.
        while begin.elapsed() < TURN {
            match self.signals.next() {
                None => return,
                Some(Received::Child) => self.expect_ended(),
                Some(Received::Signal(signal, sender)) => self.handle(Event::Received(signal, sender)),
            }
        }
    }

    /// Tells the state machine, and does what it answers, until there is nothing more to tell.
    fn handle(&mut self, event: Event) {
        self.events.push_back(event);
        while let Some(event) = self.events.pop_front() {
            if let Event::GroupEmptied(id) = event {
                self.remove_pid(id);
            }
            self.pass_on_last_words(event);
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
            Action::CheckGroup(id) => self.look_at_group(id),
            Action::SignalLeftovers(signal) => {
                let told = descendants::send_to_descendants(&[signal, Signal::CONT]);
                self.report_leftovers(told, "sent the stop signal", Verbosity::Normal);
            }
            Action::KillLeftovers => {
                self.report_leftovers(descendants::kill_descendants(), "killed", Verbosity::Quiet);
            }
            Action::GiveTerminal(id) => self.give_terminal(id),
            Action::Suspend => self.suspend(),
            Action::Log(message) => self.report.say(message),
            Action::Exit(status) => self.exit = Some(status),
        }
    }

    fn start(&mut self, id: UnitId) {
        let variables = self.variables_of_the_moment(id);
        let ends = self.output.as_ref().and_then(|output| output.ends(id));
        let started = match &mut self.runnables[id] {
            Runnable::Probe(probe) => probe.start(self.signals.inherited()).map_err(SpawnError::NoProcess),
            Runnable::Program(program) => {
                program.set(variables);
                self.spawner.spawn(program, ends)
            }
        };
        match started {
            Ok(leader) => {
                if let Some(output) = &mut self.output {
                    output.started(id, leader.pid());
                }
                self.report.started(id, leader.pid());
                self.write_pid(id, leader.pid());
                if self.groups.len() > 1 {
                    // What /proc shows of a process is made at the first look. The next one, on the way of a signal to
                    // many, costs less than half.
                    let _ = shells::runs_shell(leader.pid());
                }
                self.groups[id] = ProcessGroup::Led(leader);
                self.handle(Event::Started(id));
            }
            Err(error) => {
                self.report.start_failed(id, &error);
                let status = match error {
                    SpawnError::NotFound => NOT_FOUND,
                    SpawnError::NotExecutable(_) => NOT_EXECUTABLE,
                    SpawnError::NotPermitted(_) | SpawnError::NoProcess(_) => INTERNAL_ERROR,
                };
                self.handle(Event::StartFailed(id, status));
            }
        }
    }

    fn write_pid(&mut self, id: UnitId, pid: i32) {
        if let Some(Err(error)) = self.pid_dir.as_mut().map(|pid_dir| pid_dir.started(id, pid)) {
            self.report.pid_file(id, "written", &error);
        }
    }

    fn remove_pid(&mut self, id: UnitId) {
        if let Some(Err(error)) = self.pid_dir.as_mut().map(|pid_dir| pid_dir.ended(id)) {
            self.report.pid_file(id, "removed", &error);
        }
    }

    fn close_pid_dir(&mut self) {
        if let Some(Err(error)) = self.pid_dir.as_mut().map(PidDir::close) {
            self.report.trouble("can't remove pid files", &error);
        }
    }

    /// What only a hook is told, and only now.
    fn variables_of_the_moment(&self, id: UnitId) -> Vec<(OsString, OsString)> {
        let variable = |name: &str, value: String| (name.into(), value.into());
        match self.supervisor.role(id) {
            Role::After => {
                // Without its SIG, as shells and systemd write it.
                let signal = self.supervisor.stop_cause().map(|signal| signal.to_string().replacen("SIG", "", 1));
                let status = variable("UNTRAP_EXIT_CODE", self.supervisor.status().to_string());
                std::iter::once(status).chain(signal.map(|signal| variable("UNTRAP_SIGNAL", signal))).collect()
            }
            Role::StopCommand(of) => {
                let ProcessGroup::Led(leader) = &self.groups[of] else { return Vec::new() };
                let name = self.report.name(of).to_owned();
                vec![variable("UNTRAP_PID", leader.pid().to_string()), variable("UNTRAP_NAME", name)]
            }
            Role::Service | Role::Before | Role::WaitFor | Role::Ready(_) => Vec::new(),
        }
    }

    /// Sends a signal, and says who got it.
    fn send(&mut self, id: UnitId, signal: Signal, to: SignalTo) -> Option<Receivers> {
        let (receivers, result) = match &self.groups[id] {
            ProcessGroup::Empty => return None,
            ProcessGroup::Leaderless(group) => (Receivers::Group, group.send(signal)),
            ProcessGroup::Led(leader) => {
                let receivers = match to {
                    SignalTo::Leader => Receivers::Leader,
                    SignalTo::Auto if shells::runs_shell(leader.pid()) == Some(false) => Receivers::Leader,
                    SignalTo::Auto | SignalTo::Group => Receivers::Group,
                };
                let result = match receivers {
                    Receivers::Leader => leader.send(signal),
                    Receivers::Group => leader.send_to_group(signal),
                };
                (receivers, result)
            }
        };
        self.note_failure(id, result);
        Some(receivers)
    }

    fn kill(&mut self, id: UnitId, message: Option<Message>) {
        let result = match &self.groups[id] {
            ProcessGroup::Empty => return,
            ProcessGroup::Led(leader) => leader.send_to_group(Signal::KILL),
            ProcessGroup::Leaderless(group) => group.send(Signal::KILL),
        };
        match (&result, message) {
            (Ok(()), Some(message)) => self.report.say(message),
            _ => self.note_failure(id, result),
        }
    }

    fn note_failure(&mut self, id: UnitId, result: io::Result<()>) {
        let Err(error) = result else { return };
        if error.raw_os_error() != Some(libc::ESRCH) {
            return self.report.not_signalled(id, &error);
        }
        // Whoever was left has been reaped by a parent other than us.
        if matches!(self.groups[id], ProcessGroup::Leaderless(_)) {
            self.group_emptied(id);
        }
    }

    fn group_emptied(&mut self, id: UnitId) {
        self.groups[id] = ProcessGroup::Empty;
        self.events.push_back(Event::GroupEmptied(id));
        self.expect_ended();
    }

    fn look_at_group(&mut self, id: UnitId) {
        if matches!(&self.groups[id], ProcessGroup::Leaderless(group) if group.is_gone()) {
            self.group_emptied(id);
        }
    }

    /// The service in the foreground hears the keys that stop and untrap does not, so it looks.
    fn look_for_stopped(&mut self) {
        let (Some(terminal), Some(ProcessGroup::Led(leader))) = (&mut self.terminal, self.groups.first()) else {
            return;
        };
        let Some(signal) = child::stop_cause(leader) else { return };
        let need = if matches!(signal, Signal::TTIN | Signal::TTOU) && terminal.is_ours() {
            terminal.want();
            Need::Terminal
        } else if terminal.has_shell_above() {
            Need::Shell
        } else {
            Need::Waking
        };
        self.handle(Event::LeaderStopped(UnitId::new(0), need));
    }

    fn give_terminal(&self, id: UnitId) {
        if let (Some(terminal), ProcessGroup::Led(leader)) = (self.terminal, &self.groups[id]) {
            terminal.give_to(leader.pid());
        }
    }

    fn take_terminal_back(&self) {
        if let (Some(terminal), Some(ProcessGroup::Led(leader))) = (self.terminal, self.groups.first()) {
            terminal.take_back_from(leader.pid());
        }
    }

    fn suspend(&self) {
        if std::process::id() == 1 {
            // Nobody can stop PID 1, and nobody could wake what it stops.
            return;
        }
        self.take_terminal_back();
        if let Some(terminal) = self.terminal {
            terminal.stop_group();
        }
        signalfd::suspend();
    }

    fn reap_leader(&mut self, id: UnitId) {
        if id.index() == 0 {
            self.take_terminal_back();
        }
        let ProcessGroup::Led(leader) = std::mem::replace(&mut self.groups[id], ProcessGroup::Empty) else { return };
        match leader.reap() {
            Some(group) => self.groups[id] = ProcessGroup::Leaderless(group),
            None => self.group_emptied(id),
        }
    }

    fn reap(&mut self) {
        for _ in 0..BATCH {
            match child::look() {
                Ok(Children::Ended(pid, ending)) => {
                    let is_leader =
                        |process: &ProcessGroup| matches!(process, ProcessGroup::Led(leader) if leader.pid() == pid);
                    match self.groups.iter().position(is_leader) {
                        Some(index) => self.handle(Event::LeaderExited(UnitId::new(index), ending)),
                        None => self.reap_orphan(pid),
                    }
                }
                Ok(children) => {
                    self.reaping_since = None;
                    return self.handle(Event::Reaped { children_left: children == Children::Running });
                }
                Err(error) => {
                    self.reaping_since = None;
                    return self.report.trouble("can't look for ended children", &error);
                }
            }
        }
        if self.reaping_since.is_some_and(|since| since.elapsed() >= LONG_REAPING) {
            self.reaping_since = Some(Instant::now());
            self.handle(Event::StillReaping);
        }
    }

    fn expect_ended(&mut self) {
        self.reaping_since.get_or_insert_with(Instant::now);
    }

    /// An orphan may have been the last of a service's group.
    fn reap_orphan(&mut self, pid: i32) {
        child::reap(pid);
        self.report.orphan(pid);
        for id in (0..self.groups.len()).map(UnitId::new) {
            if matches!(&self.groups[id], ProcessGroup::Leaderless(group) if group.is_empty()) {
                self.groups[id] = ProcessGroup::Empty;
                self.handle(Event::GroupEmptied(id));
            }
        }
    }

    fn report_leftovers(&mut self, processes: io::Result<Vec<Process>>, done: &str, level: Verbosity) {
        match processes {
            Ok(processes) => processes.iter().for_each(|process| self.report.leftover(process, done, level)),
            Err(error) => self.report.trouble("can't find leftovers in /proc", &error),
        }
    }
}
