//! The signals that each process received: never more than were sent, and none is lost.

use untrap::signal::Signal;

use crate::journal::Process;
use crate::log::{Effect, Logged};
use crate::program::{Purpose, Role, Shape};
use crate::run::{Life, Run, rule};

impl Run<'_> {
    pub(crate) fn each_process_receives_what_was_sent(&self) -> Result<(), String> {
        for process in &self.processes {
            self.no_process_receives_more_than_was_sent(process)?;
            self.no_process_misses_what_was_sent(process)?;
            self.each_process_is_sent_its_stop_signal(process)?;
        }
        Ok(())
    }

    /// The stop signal of a service.
    fn stop_signal(&self, service: usize) -> Signal {
        let begun_with = self.stop.map_or(Signal::TERM, |stop| stop.signal);
        self.service(service).policy.stop_signal.unwrap_or(begun_with)
    }

    /// The stop signal that a process receives once. `None`: it receives none.
    fn stop_signal_for(&self, process: &Process) -> Option<Signal> {
        if process.role == Role::Daemon {
            return Some(Signal::TERM);
        }
        let life = self.life_of(process)?;
        let is_leader = process.pid == life.pid;
        match self.service(life.service).purpose {
            Purpose::Service if life.restarting.is_some() => {
                // It has exited before.
                let own = self.service(life.service).policy.stop_signal.unwrap_or(Signal::TERM);
                (!is_leader).then_some(own)
            }
            Purpose::Service if self.stop.is_none() || (is_leader && self.is_asked_instead(life.service)) => None,
            Purpose::Before if self.stop.is_none() => None,
            Purpose::Service | Purpose::Before => Some(self.stop_signal(life.service)),
            // Only the processes that they leave behind.
            Purpose::After | Purpose::StopCommand(_) => (!is_leader).then(|| self.stop_signal(life.service)),
            Purpose::WaitFor | Purpose::Ready(_) => None,
        }
    }

    /// The places in the log between which a process can receive forwarded signals.
    fn receives_between(&self, process: &Process) -> Option<(usize, usize)> {
        let life = self.life_of(process)?;
        let from = match (process.role, self.service(life.service).policy.signal_to) {
            (Role::Daemon, _) => return None,
            // With `auto`, members receive it while the leader is a shell (as it is before an `exec`) or has exited (as it
            // has before that is logged).
            (Role::Leader, _) | (_, "group" | "auto") => life.started,
            _ => life.exited?.0,
        };
        Some((from, life.next.unwrap_or(usize::MAX)))
    }

    /// The number of times that this signal, or one that is rewritten to it, was forwarded to a process.
    fn forwarded(&self, process: &Process, signal: Signal) -> usize {
        let purpose = self.service(process.service).purpose;
        let concerned = signal.asks_to_exit() || signal.controls_jobs();
        let Some((from, to)) = self.receives_between(process) else { return 0 };
        let is_it = |message: &Logged| matches!(message, Logged::Received(received, Effect::Forwarded) if self.taken_for(*received) == Some(signal));
        match purpose {
            Purpose::StopCommand(_) if !concerned => 0,
            _ => self.places(is_it).filter(|at| (from..to).contains(at)).count(),
        }
    }

    /// The number of times that a stop command sent this signal to a process.
    fn asked(&self, process: &Process, signal: Signal) -> usize {
        let command = self.program.stop_command_of(process.service).filter(|_| process.role != Role::Daemon);
        let processes = command.into_iter().flat_map(|command| self.processes_of(command));
        processes.map(|process| process.count(&format!("signal {signal}"))).sum()
    }

    fn no_process_receives_more_than_was_sent(&self, process: &Process) -> Result<(), String> {
        let name = &self.actor(process).name;
        for line in process.lines.iter().filter(|line| line.text.starts_with("SIG")) {
            let signal: Signal = line.text.parse().map_err(|_| format!("{name} wrote {line:?}"))?;
            if self.service(process.service).is_check() {
                continue;
            }
            let stop_signal = self.stop_signal_for(process);
            let once =
                usize::from(stop_signal == Some(signal)) + usize::from(stop_signal.is_some() && signal == Signal::CONT);
            // After the exit of the leader, the rest of its group is sent TERM, not the leader's signal.
            let life = self.life_of(process);
            let is_rest = signal == Signal::TERM && stop_signal.is_some_and(|stop_signal| stop_signal != signal);
            let has_own = self.service(process.service).policy.stop_signal.is_some();
            let once = once + usize::from(is_rest && !has_own && life.is_some_and(|life| life.pid != process.pid));
            let once = once + self.asked(process, signal);
            // While a leader that is not a shell is alive, it alone receives signals.
            let service = self.service(process.service);
            let alone =
                process.role == Role::Member && service.policy.signal_to == "auto" && service.shape == Shape::Direct;
            let leader = self.life_of(process).and_then(|life| self.leader_of(life)).filter(|_| alone);
            let by_leader = leader.map_or(0, |leader| leader.count(&line.text));
            let at_most = (self.forwarded(process, signal) + once).saturating_sub(by_leader.saturating_sub(once));
            let times = process.count(&line.text);
            rule(times <= at_most, || {
                format!("{name} (pid {}) received {signal} {times} times, but it was sent {at_most} times", process.pid)
            })?;
        }
        Ok(())
    }

    /// Whether a process was killed before it could record every signal.
    fn is_killed(&self, process: &Process) -> bool {
        let killed = self.life_of(process).is_some_and(|life| life.killed);
        killed || self.kill_all_at().is_some() || self.log.contains(&Logged::LeftoverKilled(process.pid))
    }

    /// The place in the log until which a process records every signal.
    fn listens_until(&self, life: &Life) -> usize {
        let is_stop_signal = |at: &usize| {
            let message = &self.log[*at];
            matches!(message, Logged::Received(received, _) if *at > life.started && self.begins_shutdown(*received))
        };
        let restart = life.restarting.map(|(at, _)| at);
        let stop = self.stop.map(|stop| stop.at).filter(|at| *at > life.started);
        (0..self.log.len()).find(is_stop_signal).into_iter().chain(restart).chain(stop).min().unwrap_or(usize::MAX)
    }

    /// The signals that a ready process must have received before its stop signal, and their numbers.
    fn due(&self, process: &Process, life: &Life) -> Vec<(Signal, usize)> {
        let until = self.listens_until(life);
        let mut due: Vec<(Signal, usize)> = Vec::new();
        let suspended = self.observed.sent.iter().any(|sent| sent.signal.suspends());
        for (number, sent) in self.observed.sent.iter().enumerate() {
            // SIGCONT discards pending signals that stop a process, and they discard SIGCONT.
            let stays = |signal: &Signal| !signal.controls_jobs() || (*signal == Signal::CONT && !suspended);
            let Some(signal) = self.taken_for(sent.signal).filter(stays) else { continue };
            let same = |number: usize| self.observed.sent[..number].iter().filter(|other| other.signal == sent.signal);
            // If one of several did not arrive, it is unknown which.
            let all_came = self.received(sent.signal).count() == same(self.observed.sent.len()).count();
            let came = self.received(sent.signal).nth(same(number).count());
            let in_time = came.is_some_and(|at| life.started < at && at < until);
            if all_came && in_time && process.first().at < sent.lines {
                match due.iter_mut().find(|(of, _)| *of == signal) {
                    Some((_, count)) => *count += 1,
                    None => due.push((signal, 1)),
                }
            }
        }
        due
    }

    fn no_process_misses_what_was_sent(&self, process: &Process) -> Result<(), String> {
        let actor = self.actor(process);
        let Some(life) = self.life_of(process) else { return Ok(()) };
        let receives = match process.role {
            Role::Leader => !matches!(self.service(process.service).purpose, Purpose::StopCommand(_)),
            Role::InShell => self.service(process.service).policy.signal_to != "leader",
            Role::Member | Role::Daemon => false,
        };
        if !self.stays(process) || !receives || self.is_killed(process) {
            return Ok(());
        }
        for (signal, count) in self.due(process, life) {
            // Of pending standard signals the kernel keeps one of each.
            let least = if signal.to_string().contains("RT") { count } else { 1 };
            let times = process.count(&signal.to_string());
            rule(times >= least, || {
                format!("{} (pid {}) received {signal} {times} times instead of {least}", actor.name, process.pid)
            })?;
        }
        Ok(())
    }

    /// Whether a process was ready before the event that makes untrap stop it.
    fn was_ready(&self, process: &Process, life: &Life) -> bool {
        let before_end = |life: &Life| self.leader_of(life).is_some_and(|leader| process.first().at < leader.last().at);
        if life.restarting.is_some() || self.service(life.service).purpose == Purpose::After {
            return before_end(life);
        }
        let Some(stop) = self.stop else { return false };
        match (stop.received, self.log[stop.at]) {
            (Some(_), _) => {
                let begins = self.observed.sent.iter().find(|sent| self.begins_shutdown(sent.signal));
                begins.is_some_and(|sent| process.first().at < sent.lines)
            }
            (None, Logged::Exited { service, .. }) => {
                let deciding = self.lives_of(service).find(|life| life.exited.is_some_and(|(at, _)| at == stop.at));
                deciding.is_some_and(before_end)
            }
            _ => false,
        }
    }

    /// A member of the process group receives the stop signal at the shutdown, with its leader or after it, and before a
    /// restart.
    fn each_process_is_sent_its_stop_signal(&self, process: &Process) -> Result<(), String> {
        let Some(life) = self.life_of(process).filter(|_| self.stays(process)) else { return Ok(()) };
        if self.is_killed(process) || !self.was_ready(process, life) {
            return Ok(());
        }
        let Some(signal) = self.stop_signal_for(process) else { return Ok(()) };
        // Another stop signal may come first.
        let is_stop_signal = |text: &str| text.parse::<Signal>().is_ok_and(Signal::asks_to_exit);
        let received = process.lines.iter().any(|line| line.text == signal.to_string() || is_stop_signal(&line.text));
        rule(received, || format!("{} (pid {}) was never sent {signal}", self.actor(process).name, process.pid))
    }
}
