//! The rules of every run: signals, exits, and the exit status.

use untrap::exit_status::ExitStatus;
use untrap::signal::Signal;

use crate::log::{Effect, Logged};
use crate::program::{LONG, Purpose, Role};
use crate::run::{Life, Observed, Run, rule};

/// How late untrap may be on a busy machine, in milliseconds. Less than the time from any other timeout to `LONG`.
const LATE: u64 = 12_000;

/// # Errors
/// The rule that is broken, and how.
pub(crate) fn check(observed: &Observed) -> Result<(), String> {
    let run = Run::new(observed)?;
    run.no_process_is_left()?;
    run.signals_have_the_right_consequence()?;
    run.each_exit_is_the_one_that_the_leader_wrote()?;
    run.each_exit_has_the_right_consequence()?;
    run.the_status_is_as_specified()?;
    run.no_process_is_killed_early_or_late()?;
    run.a_process_that_stops_in_time_is_not_killed()?;
    run.the_order_is_as_specified()?;
    run.each_process_receives_what_was_sent()
}

impl Run<'_> {
    fn no_process_is_left(&self) -> Result<(), String> {
        rule(self.observed.left.is_empty(), || format!("these are alive after the run: {:?}", self.observed.left))
    }

    fn signals_have_the_right_consequence(&self) -> Result<(), String> {
        let mut interrupts = 0;
        for (at, message) in self.log.iter().enumerate() {
            let Logged::Received(received, effect) = *message else { continue };
            let signal = self.taken_for(received);
            interrupts += u32::from(received == Signal::INT && signal.is_some());
            let fits = match signal {
                None => effect == Effect::Dropped,
                Some(_) if received == Signal::INT && interrupts > 1 => {
                    matches!(effect, Effect::KillAll | Effect::Repeated)
                }
                Some(_) if !self.begins_shutdown(received) || self.stopped_before(at) => {
                    matches!(effect, Effect::Forwarded | Effect::Ignored)
                }
                // The `--after` commands may have begun without a shutdown, which is not logged.
                Some(_) => {
                    (effect == Effect::Shutdown && !self.is_finishing(at))
                        || (effect != Effect::Dropped && self.may_finish(at))
                }
            };
            rule(fits, || format!("{received} in message {at}: {effect:?}"))?;
            let sent = self.observed.sent.iter().filter(|sent| sent.signal == received).count();
            let times = self.received(received).count();
            rule(times <= sent, || format!("{received} was received {times} times, sent {sent} times"))?;
        }
        Ok(())
    }

    /// Whether an `--after` command has been started.
    fn is_finishing(&self, at: usize) -> bool {
        let after = |service: usize| self.service(service).purpose == Purpose::After;
        self.log[..at].iter().any(
            |message| matches!(message, Logged::Started(service, _) | Logged::StartFailed(service) if after(*service)),
        )
    }

    /// Whether one may have been started, because all services have exited.
    fn may_finish(&self, at: usize) -> bool {
        let over = |life: &Life| life.exited.is_some_and(|(exited, _)| exited < at) && life.restarting.is_none();
        let comes_after = self.program.with(|purpose| purpose == Purpose::After).next().is_some();
        comes_after && self.program.services().all(|service| self.lives_of(service).next_back().is_some_and(over))
    }

    /// The places in the log where this signal was received.
    pub(crate) fn received(&self, signal: Signal) -> impl Iterator<Item = usize> {
        self.places(move |message| matches!(message, Logged::Received(received, _) if *received == signal))
    }

    fn each_exit_is_the_one_that_the_leader_wrote(&self) -> Result<(), String> {
        for life in &self.lives {
            if self.program.actors[life.service].role == Role::InShell {
                continue;
            }
            let Some((_, status)) = life.exited else { continue };
            let leader = self.leader_of(life);
            let last = leader.and_then(|leader| leader.last().text.split_once(' '));
            let plausible = match (last, status) {
                // Before an actor is ready, a signal kills it, or the shell that executes it.
                (None, ExitStatus::Signaled(_)) if leader.is_none() => true,
                (Some(("exit", status)), ExitStatus::Exited(code)) => *status == code.to_string(),
                (Some(("crash", name)), ExitStatus::Signaled(signal)) => *name == signal.to_string(),
                _ => false,
            };
            let plausible = plausible || (life.killed && status == ExitStatus::Signaled(Signal::KILL));
            rule(plausible, || format!("{} {status}, which is not what it wrote: {last:?}", self.name(life.service)))?;
        }
        Ok(())
    }

    /// Each exit begins the shutdown, or leads to a restart, or neither, as `--on-exit` says.
    fn each_exit_has_the_right_consequence(&self) -> Result<(), String> {
        for (at, message) in self.log.iter().enumerate() {
            let Logged::Exited { service, status, begins_shutdown, .. } = *message else { continue };
            let serving = self.stop.is_none_or(|stop| stop.at >= at);
            let action = match self.service(service).purpose {
                Purpose::Service => self.service(service).policy.on_exit,
                Purpose::Before => "stop-on-failure",
                _ => "ignore",
            };
            let (stop, restart) = match action {
                "stop" => (true, false),
                "stop-on-failure" => (status.is_failure(), false),
                "restart" => (false, true),
                "restart-on-failure" => (false, status.is_failure()),
                _ => (false, false),
            };
            let name = self.name(service);
            rule(begins_shutdown == (stop && serving), || {
                format!("the exit of {name} in message {at} begins the shutdown: {begins_shutdown}")
            })?;
            let restarts = matches!(self.log.get(at + 1), Some(Logged::Restarting(again, ..)) if *again == service);
            rule(restarts == (restart && serving), || {
                format!("the exit of {name} in message {at} leads to a restart: {restarts}")
            })?;
        }
        Ok(())
    }

    fn the_status_is_as_specified(&self) -> Result<(), String> {
        let expected = i32::from(self.status_at(self.log.len()));
        let status = self.observed.status;
        rule(status == expected, || format!("the status is {status} instead of {expected}"))?;
        rule(self.log.last() == Some(&Logged::Exit(status)), || "the last message gives the status".to_owned())?;
        let short = self.program.wait_timeout != LONG;
        rule(short || !self.has(|message| matches!(message, Logged::ReadinessTimedOut(_))), || {
            "a readiness check timed out early".to_owned()
        })
    }

    fn no_process_is_killed_early_or_late(&self) -> Result<(), String> {
        let longest = self.program.services().map(|service| self.service(service).policy.timeout).max().unwrap_or(0);
        for (at, message) in self.log.iter().enumerate() {
            let (subject, timeout, after) = match *message {
                Logged::Killed(service, after) => (self.name(service), self.service(service).policy.timeout, after),
                Logged::KillingLeftovers(after) if self.is_finishing(at) => {
                    ("leftover processes", self.program.common.timeout, after)
                }
                Logged::KillingLeftovers(after) => ("leftover processes", longest, after),
                Logged::ReadinessTimedOut(after) => ("the wait", self.program.wait_timeout, after),
                _ => continue,
            };
            // Its timeout began before the shutdown.
            let leaves = |service| self.lives_of(service).next_back().is_some_and(|life| life.restarting.is_some());
            let began_before = matches!(message, Logged::Killed(service, _) if leaves(*service));
            let is_early = began_before || self.kill_all_at().is_some_and(|kill_all_at| kill_all_at < at);
            rule(after >= timeout || is_early, || {
                format!("the timeout of {subject} was {after} ms instead of {timeout} ms")
            })?;
            rule(after <= timeout + LATE, || {
                format!("the timeout of {subject} was {after} ms instead of {timeout} ms")
            })?;
        }
        Ok(())
    }

    fn a_process_that_stops_in_time_is_not_killed(&self) -> Result<(), String> {
        let has_long_timeout = |service: usize| self.service(service).policy.timeout == LONG;
        let has_long = self.program.services().any(has_long_timeout);
        for (at, message) in self.log.iter().enumerate() {
            let wrong = match *message {
                Logged::Killed(service, _) | Logged::GroupKilled(service) => has_long_timeout(service),
                Logged::LeftoverKilled(_) | Logged::KillingLeftovers(_) => has_long && !self.is_finishing(at),
                _ => false,
            };
            let by_second_int = self.kill_all_at().is_some_and(|kill_all_at| kill_all_at < at);
            rule(!wrong || by_second_int, || format!("a process that stops in time was killed: {message:?}"))?;
        }
        Ok(())
    }
}
