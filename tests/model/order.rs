//! The order of starts, restarts, stop signals, the stop delay and hooks.

use untrap::signal::Signal;

use crate::journal::Process;
use crate::log::{Effect, Logged};
use crate::program::{Purpose, Role};
use crate::run::{Life, Run, rule};

impl Run<'_> {
    pub(crate) fn the_order_is_as_specified(&self) -> Result<(), String> {
        self.each_start_has_its_reason()?;
        self.checks_and_before_commands_come_first()?;
        self.readiness_is_waited_for()?;
        self.restarts_wait()?;
        self.services_stop_in_order()?;
        self.stop_signals_come_after_the_delay()?;
        self.stop_commands_know_their_service()?;
        self.stop_commands_are_run()?;
        self.after_commands_come_last()
    }

    fn each_start_has_its_reason(&self) -> Result<(), String> {
        for (number, life) in self.lives.iter().enumerate() {
            let earlier = self.lives[..number].iter().rev().find(|earlier| earlier.service == life.service);
            let stopped = self.stopped_before(life.started);
            let fits = match (self.service(life.service).purpose, earlier) {
                (Purpose::Service, Some(earlier)) => !stopped && earlier.restarting.is_some(),
                (Purpose::Service, None) => !stopped && self.all_before_have_started(life),
                (Purpose::Before, None) => !stopped,
                (Purpose::StopCommand(of), None) => {
                    let life_of = self.lives_of(of).next_back();
                    stopped && life_of.is_some_and(|of| of.exited.is_none_or(|(exited, _)| exited > life.started))
                }
                (Purpose::After, None) => true,
                _ => false,
            };
            rule(fits, || format!("{} started in message {}", self.name(life.service), life.started))?;
        }
        let never = self.program.services().find(|service| self.lives_of(*service).next().is_none());
        rule(never.is_none() || self.stop.is_some(), || format!("e{} was not started", never.unwrap_or(0)))
    }

    fn all_before_have_started(&self, life: &Life) -> bool {
        let is_launched = |other| {
            self.log[..life.started].iter().any(|message| matches!(message, Logged::Started(of, _) if *of == other))
        };
        (0..life.service).all(is_launched)
    }

    /// The place in the journal where a readiness check or a command succeeded.
    fn success_of(&self, service: usize) -> Option<usize> {
        let own = self.processes_of(service).filter(|process| process.role != Role::Member);
        own.filter(|process| process.last().text == "exit 0").map(|process| process.last().at).min()
    }

    /// Each readiness check succeeds once before the next one starts, then each command, then the services start.
    fn checks_and_before_commands_come_first(&self) -> Result<(), String> {
        let waits = self.program.with(|purpose| purpose == Purpose::WaitFor);
        let steps: Vec<usize> = waits.chain(self.program.with(|purpose| purpose == Purpose::Before)).collect();
        for (place, service) in steps.iter().enumerate() {
            let (name, success) = (self.name(*service), self.success_of(*service));
            let is_later = |other: usize| self.service(other).is_service() || steps[place + 1..].contains(&other);
            let mut later = self.processes.iter().filter(|process| is_later(process.service));
            let early = later.find(|process| success.is_none_or(|at| process.first().at < at));
            rule(early.is_none(), || format!("{name} is not awaited: {early:?}"))?;
            let again = self.processes_of(*service).filter(|_| self.service(*service).is_check()).map(Process::first);
            let again = again.filter(|first| success.is_some_and(|at| at < first.at)).count();
            rule(again == 0, || format!("{name} was ready, and checked {again} times more"))?;
        }
        Ok(())
    }

    /// The services after one start when it is ready, or has exited.
    fn readiness_is_waited_for(&self) -> Result<(), String> {
        for service in self.program.services() {
            let Some(probe) = self.program.with(|purpose| purpose == Purpose::Ready(service)).next() else { continue };
            let success = self.success_of(probe);
            for life in
                self.lives.iter().filter(|life| self.service(life.service).is_service() && life.service > service)
            {
                let exited =
                    |life: &Life, at| life.restarting.is_none() && life.exited.is_some_and(|(exited, _)| exited < at);
                let over = self.lives_of(service).any(|own| exited(own, life.started));
                let early = self.processes_in(life).find(|process| success.is_none_or(|at| process.first().at < at));
                rule(over || early.is_none(), || format!("e{service} was not ready, but: {early:?}"))?;
                rule(over || success.is_some(), || format!("e{service} was never ready, but: {life:?}"))?;
            }
        }
        Ok(())
    }

    /// The backoff doubles from 100 ms to 30 s, and up to a quarter is added at random.
    fn restarts_wait(&self) -> Result<(), String> {
        for service in self.program.services() {
            let lives: Vec<&Life> = self.lives_of(service).collect();
            for (number, life) in lives.iter().enumerate() {
                let Some((at, wait)) = life.restarting else { continue };
                let base = (100 << number.min(9)).min(30_000);
                rule((base..=base + base / 4).contains(&wait), || {
                    format!("restart {number} of e{service} waits {wait} ms")
                })?;
                let counted = matches!(self.log[at], Logged::Restarting(_, _, count) if count == number + 1);
                rule(counted, || format!("restart {number} of e{service} is counted as another"))?;
                let Some(next) = lives.get(number + 1) else { continue };
                self.a_restart_follows(life, next, wait)?;
            }
        }
        Ok(())
    }

    /// A service restarts when no process of its process group is left, and not before the backoff is over.
    fn a_restart_follows(&self, life: &Life, next: &Life, wait: u64) -> Result<(), String> {
        let Some(first) = self.processes_in(next).map(Process::first).min_by_key(|line| line.at) else { return Ok(()) };
        let left = self.processes_in(life).find(|process| process.last().at > first.at);
        rule(left.is_none(), || format!("{} restarted beside {left:?}", self.name(life.service)))?;
        let exited = self.leader_of(life).map(|leader| leader.last().millis);
        let early = exited.is_some_and(|exited| first.millis < exited + wait);
        rule(!early, || format!("{} restarted before the {wait} ms were over: {first:?}", self.name(life.service)))
    }

    /// Whether this is the last life of a service.
    fn is_last(&self, life: &Life) -> bool {
        self.service(life.service).is_service() && life.restarting.is_none()
    }

    /// The places and the times at which processes of this life received a stop signal, or the stop command began.
    fn stop_signals_of(&self, life: &Life) -> Vec<(usize, u64)> {
        let stops = |text: &str| text.parse::<Signal>().is_ok_and(Signal::asks_to_exit);
        let own = self.processes_in(life).flat_map(|process| process.lines.iter()).filter(|line| stops(&line.text));
        let command = self.program.stop_command_of(life.service);
        let by_command = command.into_iter().flat_map(|command| self.processes_of(command)).map(Process::first);
        own.chain(by_command).map(|line| (line.at, line.millis)).collect()
    }

    fn services_stop_in_order(&self) -> Result<(), String> {
        let later = |life: &Life, other: usize| match self.program.stop_order {
            "reverse" => life.service < other,
            "listed" => life.service > other,
            _ => false,
        };
        for life in self.lives.iter().filter(|life| self.is_last(life)) {
            for other in self.program.services().filter(|other| later(life, *other)) {
                let last = self.processes_of(other).map(|process| process.last().at).max().unwrap_or(0);
                let early = self.stop_signals_of(life).into_iter().find(|(at, _)| *at < last);
                rule(early.is_none(), || format!("e{} was stopped before the exit of e{other}", life.service))?;
            }
        }
        Ok(())
    }

    /// The earliest time at which the shutdown can have begun.
    fn stop_time(&self) -> Option<u64> {
        let stop = self.stop?;
        match (stop.received, self.log[stop.at]) {
            (Some(received), _) => {
                self.observed.sent.iter().find(|sent| sent.signal == received).map(|sent| sent.millis)
            }
            (None, Logged::Exited { service, .. }) => {
                let life = self.lives_of(service).find(|life| life.exited.is_some_and(|(at, _)| at == stop.at))?;
                self.leader_of(life).map(|leader| leader.last().millis)
            }
            _ => None,
        }
    }

    fn stop_signals_come_after_the_delay(&self) -> Result<(), String> {
        let Some(from) = self.stop_time().map(|begin| begin + self.program.stop_delay) else { return Ok(()) };
        for life in self.lives.iter().filter(|life| self.is_last(life)) {
            let early = self.stop_signals_of(life).into_iter().find(|(_, millis)| *millis < from);
            rule(early.is_none(), || format!("{} was stopped before the delay was over", self.name(life.service)))?;
        }
        Ok(())
    }

    fn stop_commands_know_their_service(&self) -> Result<(), String> {
        for life in &self.lives {
            let Purpose::StopCommand(of) = self.service(life.service).purpose else { continue };
            let (name, of_pid) = (self.name(of), self.lives_of(of).next_back().map_or(0, |of| of.pid));
            for process in self.processes_in(life) {
                let shown = |line: &str| process.lines.len() < 3 || process.wrote(line);
                let right = shown(&format!("UNTRAP_NAME {name}")) && shown(&format!("UNTRAP_PID {of_pid}"));
                rule(right, || format!("the stop command of {name} (pid {of_pid}) has wrong variables: {process:?}"))?;
            }
        }
        Ok(())
    }

    /// A stop command that fails while its service runs is followed by the stop signal, and no other is. It has run if
    /// nothing else can have stopped its service.
    fn stop_commands_are_run(&self) -> Result<(), String> {
        for command in 0..self.program.services.len() {
            let Purpose::StopCommand(of) = self.service(command).purpose else { continue };
            let Some(life) = self.lives_of(of).next_back() else { continue };
            let Some((end, _)) = life.exited else { continue };
            let is_failure = |message: &Logged| match *message {
                Logged::Exited { service, status, .. } => service == command && status.is_failure(),
                message => message == Logged::StartFailed(command),
            };
            let failed = self.places(is_failure).any(|at| at < end);
            let signalled = self.log.contains(&Logged::StopCommandFailed(of));
            rule(failed == signalled, || format!("the stop command of e{of} failed: {failed}; logged: {signalled}"))?;
            let leader = self.leader_of(life).filter(|leader| self.stays(leader) && leader.role == Role::Leader);
            let again = |message: &Logged| matches!(message, Logged::Received(signal, Effect::Forwarded) if self.begins_shutdown(*signal));
            let by_itself = life.killed || self.has(again) || self.kill_all_at().is_some();
            let was_run = failed || self.lives_of(command).next().is_some();
            rule(was_run || leader.is_none() || by_itself, || format!("the stop command of e{of} was not run"))?;
        }
        Ok(())
    }

    /// If anything was started, each `--after` command runs when no process from before it is left.
    fn after_commands_come_last(&self) -> Result<(), String> {
        let begun = self.has(
            |message| matches!(message, Logged::Executed(service) if self.service(*service).purpose != Purpose::After),
        );
        for (number, service) in self.program.with(|purpose| purpose == Purpose::After).enumerate() {
            let tried = |message: &Logged| matches!(message, Logged::Started(of, _) | Logged::StartFailed(of) if *of == service);
            let Some(at) = self.places(tried).next() else {
                rule(!begun, || format!("after.{} never ran", number + 1))?;
                continue;
            };
            rule(begun, || format!("after.{} ran, although nothing ran before it", number + 1))?;
            let comes_later = |other: usize| self.service(other).purpose == Purpose::After && other >= service;
            let mut earlier = self.processes.iter().filter(|process| !comes_later(process.service));
            let own = self.processes.iter().filter(|process| process.service == service);
            if let Some(first) = own.map(|process| process.first().at).min() {
                let left = earlier.find(|process| process.last().at > first);
                rule(left.is_none(), || format!("after.{} ran beside {left:?}", number + 1))?;
            }
            self.after_commands_know_the_status(service, at)?;
        }
        Ok(())
    }

    /// An `--after` command has the status so far, and the signal that began the shutdown.
    fn after_commands_know_the_status(&self, service: usize, at: usize) -> Result<(), String> {
        let signal = self.stop.and_then(|stop| stop.received).map(|signal| signal.to_string().replacen("SIG", " ", 1));
        let shown = [
            format!("UNTRAP_EXIT_CODE {}", self.status_at(at)),
            format!("UNTRAP_SIGNAL{}", signal.unwrap_or_default()),
        ];
        for process in self.processes_of(service).filter(|process| process.role != Role::Member) {
            let lines = process.lines.iter().map(|line| line.text.as_str());
            let own: Vec<&str> = lines.filter(|line| line.starts_with("UNTRAP_")).collect();
            let right = shown.iter().zip(&own).all(|(expected, own)| expected == own);
            rule(right, || format!("{} sees {own:?} instead of {shown:?}", self.name(service)))?;
        }
        Ok(())
    }
}
