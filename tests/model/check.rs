//! What must hold of every run: its signals, its ends, its status.

use untrap::exit_status::ExitStatus;
use untrap::signal::Signal;

use crate::program::{PATIENT, Purpose, Role};
use crate::run::{Life, Observed, Run, rule};
use crate::said::{Fate, Said};

/// untrap may be late by so much, in milliseconds, where the machine is busy. It is less than from any timeout to `PATIENT`.
const LATE: u64 = 12_000;

/// # Errors
/// The rule that is broken, and how.
pub(crate) fn check(observed: &Observed) -> Result<(), String> {
    let run = Run::new(observed)?;
    run.nothing_is_left()?;
    run.signals_have_the_right_consequence()?;
    run.each_life_ends_as_it_says_itself()?;
    run.an_end_has_the_right_consequence()?;
    run.the_status_is_as_specified()?;
    run.nobody_is_killed_early_or_late()?;
    run.who_heeds_is_not_killed()?;
    run.the_order_is_as_specified()?;
    run.everyone_gets_what_was_sent()
}

impl Run<'_> {
    fn nothing_is_left(&self) -> Result<(), String> {
        rule(self.observed.left.is_empty(), || format!("these live after the end: {:?}", self.observed.left))
    }

    fn signals_have_the_right_consequence(&self) -> Result<(), String> {
        let mut interrupts = 0;
        for (at, said) in self.said.iter().enumerate() {
            let Said::Received(received, fate) = *said else { continue };
            let signal = self.taken_for(received);
            interrupts += u32::from(received == Signal::INT && signal.is_some());
            let fits = match signal {
                None => fate == Fate::Dropped,
                Some(_) if received == Signal::INT && interrupts > 1 => fate == Fate::KillsAll,
                Some(_) if !self.begins_shutdown(received) || self.stopped_before(at) => {
                    matches!(fate, Fate::Forwarded | Fate::Withheld)
                }
                // What comes after may have begun without a stop, and that is not said.
                Some(_) => {
                    (fate == Fate::Stops && !self.is_finishing(at)) || (fate != Fate::Dropped && self.may_finish(at))
                }
            };
            rule(fits, || format!("{received} in message {at}: {fate:?}"))?;
            let sent = self.observed.sent.iter().filter(|sent| sent.signal == received).count();
            let times = self.received(received).count();
            rule(times <= sent, || format!("{received} was received {times} times, sent {sent} times"))?;
        }
        Ok(())
    }

    /// Whether what comes after all else has begun.
    fn is_finishing(&self, at: usize) -> bool {
        let after = |service: usize| self.service(service).purpose == Purpose::After;
        self.said[..at]
            .iter()
            .any(|said| matches!(said, Said::Started(service, _) | Said::StartFailed(service) if after(*service)))
    }

    /// Whether it may have, because all else has ended.
    fn may_finish(&self, at: usize) -> bool {
        let over = |life: &Life| life.ended.is_some_and(|(ended, _)| ended < at) && life.restarting.is_none();
        let comes_after = self.program.with(|purpose| purpose == Purpose::After).next().is_some();
        comes_after && self.program.services().all(|service| self.lives_of(service).next_back().is_some_and(over))
    }

    /// Where in the messages this signal was received.
    pub(crate) fn received(&self, signal: Signal) -> impl Iterator<Item = usize> {
        self.places(move |said| matches!(said, Said::Received(received, _) if *received == signal))
    }

    fn each_life_ends_as_it_says_itself(&self) -> Result<(), String> {
        for life in &self.lives {
            if self.program.actors[life.service].role == Role::InShell {
                continue;
            }
            let Some((_, ending)) = life.ended else { continue };
            let leader = self.leader_of(life);
            let last = leader.and_then(|leader| leader.last().text.split_once(' '));
            let plausible = match (last, ending) {
                // The shell of an exec, or the start of an actor, knows nothing of signals yet.
                (None, ExitStatus::Signaled(_)) if leader.is_none() => true,
                (Some(("exit", status)), ExitStatus::Exited(code)) => *status == code.to_string(),
                (Some(("crash", name)), ExitStatus::Signaled(signal)) => *name == signal.to_string(),
                _ => false,
            };
            let plausible = plausible || (life.killed && ending == ExitStatus::Signaled(Signal::KILL));
            rule(plausible, || {
                format!("{} {ending}, and that is not what it says itself: {last:?}", self.name(life.service))
            })?;
        }
        Ok(())
    }

    /// Each end begins the stop, or leads to a restart, or neither, as the service's action says.
    fn an_end_has_the_right_consequence(&self) -> Result<(), String> {
        for (at, said) in self.said.iter().enumerate() {
            let Said::Ended { service, ending, stops } = *said else { continue };
            let serving = self.stop.is_none_or(|stop| stop.at >= at);
            let action = match self.service(service).purpose {
                Purpose::Service => self.service(service).policy.on_exit,
                Purpose::Before => "stop-on-failure",
                _ => "ignore",
            };
            let (stop, restart) = match action {
                "stop" => (true, false),
                "stop-on-failure" => (ending.is_failure(), false),
                "restart" => (false, true),
                "restart-on-failure" => (false, ending.is_failure()),
                _ => (false, false),
            };
            let name = self.name(service);
            rule(stops == (stop && serving), || format!("the end of {name} in message {at} begins the stop: {stops}"))?;
            let restarts = matches!(self.said.get(at + 1), Some(Said::Restarting(again, ..)) if *again == service);
            rule(restarts == (restart && serving), || {
                format!("the end of {name} in message {at} leads to a restart: {restarts}")
            })?;
        }
        Ok(())
    }

    fn the_status_is_as_specified(&self) -> Result<(), String> {
        let expected = i32::from(self.status_at(self.said.len()));
        let status = self.observed.status;
        rule(status == expected, || format!("the status is {status} instead of {expected}"))?;
        rule(self.said.last() == Some(&Said::Exit(status)), || "the last message gives the status".to_owned())?;
        let short = self.program.wait_timeout != PATIENT;
        rule(short || !self.has(|said| matches!(said, Said::ReadinessTimedOut(_))), || "it did not wait".to_owned())
    }

    fn nobody_is_killed_early_or_late(&self) -> Result<(), String> {
        let longest = self.program.services().map(|service| self.service(service).policy.timeout).max().unwrap_or(0);
        for (at, said) in self.said.iter().enumerate() {
            let (who, timeout, after) = match *said {
                Said::Killed(service, after) => (self.name(service), self.service(service).policy.timeout, after),
                Said::KillingLeftovers(after) if self.is_finishing(at) => {
                    ("leftovers", self.program.common.timeout, after)
                }
                Said::KillingLeftovers(after) => ("leftovers", longest, after),
                Said::ReadinessTimedOut(after) => ("the waiting", self.program.wait_timeout, after),
                _ => continue,
            };
            // Its time began before the stop.
            let leaves = |service| self.lives_of(service).next_back().is_some_and(|life| life.restarting.is_some());
            let began_before = matches!(said, Said::Killed(service, _) if leaves(*service));
            let hurried = began_before || self.impatient().is_some_and(|impatient| impatient < at);
            rule(after >= timeout || hurried, || format!("{who} ended after {after} ms, before its {timeout} ms"))?;
            rule(after <= timeout + LATE, || format!("{who} ended after {after} ms, long after its {timeout} ms"))?;
        }
        Ok(())
    }

    fn who_heeds_is_not_killed(&self) -> Result<(), String> {
        let is_patient = |service: usize| self.service(service).policy.timeout == PATIENT;
        let anyone = self.program.services().any(is_patient);
        for (at, said) in self.said.iter().enumerate() {
            let wrong = match *said {
                Said::Killed(service, _) | Said::GroupKilled(service) => is_patient(service),
                Said::LeftoverKilled(_) | Said::KillingLeftovers(_) => anyone && !self.is_finishing(at),
                _ => false,
            };
            let hurried = self.impatient().is_some_and(|impatient| impatient < at);
            rule(!wrong || hurried, || format!("it heeds, and still: {said:?}"))?;
        }
        Ok(())
    }
}
