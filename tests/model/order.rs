//! What must come before what: the start, restarts, the stop one by one and its delay, and the commands around them.

use untrap::signal::Signal;

use crate::journal::Process;
use crate::program::{Purpose, Role};
use crate::run::{Life, Run, rule};
use crate::said::{Fate, Said};

impl Run<'_> {
    pub(crate) fn the_order_is_as_specified(&self) -> Result<(), String> {
        self.each_start_has_its_reason()?;
        self.probes_and_befores_come_first()?;
        self.readiness_is_waited_for()?;
        self.restarts_wait()?;
        self.the_stop_goes_one_by_one()?;
        self.the_delay_passes_first()?;
        self.stop_commands_know_whom_they_stop()?;
        self.stop_commands_are_run()?;
        self.what_comes_after_comes_last()
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
                    stopped && life_of.is_some_and(|of| of.ended.is_none_or(|(ended, _)| ended > life.started))
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
        (0..life.service).all(|other| self.lives_of(other).next().is_some_and(|other| other.started < life.started))
    }

    /// Where a probe or a command succeeded in the journal.
    fn success_of(&self, service: usize) -> Option<usize> {
        let own = self.processes_of(service).filter(|process| process.role != Role::Member);
        own.filter(|process| process.last().text == "exit 0").map(|process| process.last().at).min()
    }

    /// Each probe succeeds once before the next one starts, then each command, and then the services start.
    fn probes_and_befores_come_first(&self) -> Result<(), String> {
        let waits = self.program.with(|purpose| purpose == Purpose::WaitFor);
        let steps: Vec<usize> = waits.chain(self.program.with(|purpose| purpose == Purpose::Before)).collect();
        for (place, service) in steps.iter().enumerate() {
            let (name, success) = (self.name(*service), self.success_of(*service));
            let is_later = |other: usize| self.service(other).is_service() || steps[place + 1..].contains(&other);
            let mut later = self.processes.iter().filter(|process| is_later(process.service));
            let early = later.find(|process| success.is_none_or(|at| process.first().at < at));
            rule(early.is_none(), || format!("{name} is not waited for: {early:?}"))?;
            let again = self.processes_of(*service).filter(|_| self.service(*service).is_probe()).map(Process::first);
            let again = again.filter(|first| success.is_some_and(|at| at < first.at)).count();
            rule(again == 0, || format!("{name} was there, and looked for {again} times more"))?;
        }
        Ok(())
    }

    /// The services behind one start when it is ready, or has ended.
    fn readiness_is_waited_for(&self) -> Result<(), String> {
        for service in self.program.services() {
            let Some(probe) = self.program.with(|purpose| purpose == Purpose::Ready(service)).next() else { continue };
            let success = self.success_of(probe);
            for life in
                self.lives.iter().filter(|life| self.service(life.service).is_service() && life.service > service)
            {
                let ended =
                    |life: &Life, at| life.restarting.is_none() && life.ended.is_some_and(|(ended, _)| ended < at);
                let over = self.lives_of(service).any(|own| ended(own, life.started));
                let early = self.processes_in(life).find(|process| success.is_none_or(|at| process.first().at < at));
                rule(over || early.is_none(), || format!("e{service} was not ready, and still: {early:?}"))?;
                rule(over || success.is_some(), || format!("e{service} was never ready, and still: {life:?}"))?;
            }
        }
        Ok(())
    }

    /// Backoff doubles from 100 ms to 30 s, and up to a quarter comes by chance.
    fn restarts_wait(&self) -> Result<(), String> {
        for service in self.program.services() {
            let lives: Vec<&Life> = self.lives_of(service).collect();
            for (number, life) in lives.iter().enumerate() {
                let Some((at, wait)) = life.restarting else { continue };
                let base = (100 << number.min(9)).min(30_000);
                rule((base..=base + base / 4).contains(&wait), || {
                    format!("restart {number} of e{service} waits {wait} ms")
                })?;
                let counted = matches!(self.said[at], Said::Restarting(_, _, count) if count == number + 1);
                rule(counted, || format!("restart {number} of e{service} is counted as another"))?;
                let Some(next) = lives.get(number + 1) else { continue };
                self.a_restart_follows(life, next, wait)?;
            }
        }
        Ok(())
    }

    /// A life begins when nobody of the one before is left, and not before its time.
    fn a_restart_follows(&self, life: &Life, next: &Life, wait: u64) -> Result<(), String> {
        let Some(first) = self.processes_in(next).map(Process::first).min_by_key(|line| line.at) else { return Ok(()) };
        let left = self.processes_in(life).find(|process| process.last().at > first.at);
        rule(left.is_none(), || format!("{} started again beside {left:?}", self.name(life.service)))?;
        let ended = self.leader_of(life).map(|leader| leader.last().millis);
        let early = ended.is_some_and(|ended| first.millis < ended + wait);
        rule(!early, || format!("{} started again before the {wait} ms were over: {first:?}", self.name(life.service)))
    }

    /// Whether this life of a service is the one that the stop finds.
    fn is_last(&self, life: &Life) -> bool {
        self.service(life.service).is_service() && life.restarting.is_none()
    }

    /// Where, and when, those of this life heard of the stop, or whoever asks them to.
    fn told_to_stop(&self, life: &Life) -> Vec<(usize, u64)> {
        let stops = |text: &str| text.parse::<Signal>().is_ok_and(Signal::begins_shutdown);
        let own = self.processes_in(life).flat_map(|process| process.lines.iter()).filter(|line| stops(&line.text));
        let command = self.program.stop_command_of(life.service);
        let asked = command.into_iter().flat_map(|command| self.processes_of(command)).map(Process::first);
        own.chain(asked).map(|line| (line.at, line.millis)).collect()
    }

    fn the_stop_goes_one_by_one(&self) -> Result<(), String> {
        let later = |life: &Life, other: usize| match self.program.stop_order {
            "reverse" => life.service < other,
            "listed" => life.service > other,
            _ => false,
        };
        for life in self.lives.iter().filter(|life| self.is_last(life)) {
            for other in self.program.services().filter(|other| later(life, *other)) {
                let last = self.processes_of(other).map(|process| process.last().at).max().unwrap_or(0);
                let early = self.told_to_stop(life).into_iter().find(|(at, _)| *at < last);
                rule(early.is_none(), || format!("e{} was told before the end of e{other}", life.service))?;
            }
        }
        Ok(())
    }

    /// The earliest time at which the stop can have begun.
    fn stop_time(&self) -> Option<u64> {
        let stop = self.stop?;
        match (stop.received, self.said[stop.at]) {
            (Some(received), _) => {
                self.observed.sent.iter().find(|sent| sent.signal == received).map(|sent| sent.millis)
            }
            (None, Said::Ended { service, .. }) => {
                let life = self.lives_of(service).find(|life| life.ended.is_some_and(|(at, _)| at == stop.at))?;
                self.leader_of(life).map(|leader| leader.last().millis)
            }
            _ => None,
        }
    }

    fn the_delay_passes_first(&self) -> Result<(), String> {
        let Some(from) = self.stop_time().map(|begin| begin + self.program.stop_delay) else { return Ok(()) };
        for life in self.lives.iter().filter(|life| self.is_last(life)) {
            let early = self.told_to_stop(life).into_iter().find(|(_, millis)| *millis < from);
            rule(early.is_none(), || format!("{} was told before the delay was over", self.name(life.service)))?;
        }
        Ok(())
    }

    fn stop_commands_know_whom_they_stop(&self) -> Result<(), String> {
        for life in &self.lives {
            let Purpose::StopCommand(of) = self.service(life.service).purpose else { continue };
            let (name, of_pid) = (self.name(of), self.lives_of(of).next_back().map_or(0, |of| of.pid));
            for process in self.processes_in(life) {
                let shown = |line: &str| process.lines.len() < 3 || process.wrote(line);
                let right = shown(&format!("UNTRAP_NAME {name}")) && shown(&format!("UNTRAP_PID {of_pid}"));
                rule(right, || format!("the stop command of {name} (pid {of_pid}) was told wrongly: {process:?}"))?;
            }
        }
        Ok(())
    }

    /// A stop command that fails while its service runs is followed by the stop signal, no other is; and it is run where
    /// only that could have ended its service.
    fn stop_commands_are_run(&self) -> Result<(), String> {
        for command in 0..self.program.services.len() {
            let Purpose::StopCommand(of) = self.service(command).purpose else { continue };
            let Some(life) = self.lives_of(of).next_back() else { continue };
            let Some((end, _)) = life.ended else { continue };
            let bad = |said: &Said| match *said {
                Said::Ended { service, ending, .. } => service == command && ending.is_failure(),
                said => said == Said::StartFailed(command),
            };
            let failed = self.places(bad).any(|at| at < end);
            let signalled = self.said.contains(&Said::CommandFailed(of));
            rule(failed == signalled, || {
                format!("the stop command of e{of} failed: {failed}; so it is said: {signalled}")
            })?;
            let leader = self.leader_of(life).filter(|leader| self.stays(leader) && leader.role == Role::Leader);
            let again =
                |said: &Said| matches!(said, Said::Received(signal, Fate::Forwarded) if self.begins_shutdown(*signal));
            let by_itself = life.killed || self.has(again) || self.impatient().is_some();
            let was_run = failed || self.lives_of(command).next().is_some();
            rule(was_run || leader.is_none() || by_itself, || format!("the stop command of e{of} was not run"))?;
        }
        Ok(())
    }

    /// If anything was started, each command that comes after runs, when nobody who came before it is left.
    fn what_comes_after_comes_last(&self) -> Result<(), String> {
        let begun = self.lives.iter().any(|life| self.service(life.service).purpose != Purpose::After);
        for (number, service) in self.program.with(|purpose| purpose == Purpose::After).enumerate() {
            let tried = |said: &Said| matches!(said, Said::Started(of, _) | Said::StartFailed(of) if *of == service);
            let Some(at) = self.places(tried).next() else {
                rule(!begun, || format!("after.{} never ran", number + 1))?;
                continue;
            };
            rule(begun, || format!("after.{} ran, and nothing before it", number + 1))?;
            let comes_later = |other: usize| self.service(other).purpose == Purpose::After && other >= service;
            let mut earlier = self.processes.iter().filter(|process| !comes_later(process.service));
            let own = self.processes.iter().filter(|process| process.service == service);
            if let Some(first) = own.map(|process| process.first().at).min() {
                let left = earlier.find(|process| process.last().at > first);
                rule(left.is_none(), || format!("after.{} ran beside {left:?}", number + 1))?;
            }
            self.it_knows_the_end(service, at)?;
        }
        Ok(())
    }

    /// What comes after sees the status so far, and the signal that began the stop.
    fn it_knows_the_end(&self, service: usize, at: usize) -> Result<(), String> {
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
