//! What must hold, worked out from what was sent, from untrap's messages, and from what each actor wrote down.

use untrap::signal::{Rewrite, Signal};
use untrap::status::{Ending, ExitMapping};

use crate::Sent;
use crate::program::{Actor, PATIENT, Program, Role, Shape};

/// A run, seen from outside.
pub(crate) struct Observed<'a> {
    pub(crate) program: &'a Program,
    pub(crate) sent: Vec<Sent>,
    /// By actor: its lines.
    pub(crate) logs: Vec<Vec<String>>,
    /// Processes that live after the end.
    pub(crate) left: Vec<i32>,
    pub(crate) status: i32,
    pub(crate) messages: &'a [String],
}

/// What a message says.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Said {
    Started(usize),
    /// A signal, and what became of it.
    Received(Signal, Fate),
    Ended {
        entry: usize,
        ending: Ending,
        stops: bool,
    },
    /// An entry was sent SIGKILL.
    Killed(usize),
    /// Leftovers were told, or killed: these PIDs.
    LeftoverTold,
    LeftoverKilled(i32),
    Exit(i32),
    Other,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Fate {
    Stops,
    Forwarded,
    Dropped,
    KillsAll,
}

/// # Errors
/// The rule that is broken, and how.
pub(crate) fn check(observed: &Observed) -> Result<(), String> {
    // Shells write there too.
    let own = observed.messages.iter().filter_map(|line| line.strip_prefix("untrap: "));
    let said = own.map(read).collect::<Result<Vec<_>, _>>()?;
    let run = Run { observed, said: &said, stop: stop_of(&said, observed.program) };
    run.nothing_is_left()?;
    run.signals_have_the_right_consequence()?;
    run.each_entry_ends_once_as_it_says_itself()?;
    run.the_status_is_as_specified()?;
    run.who_heeds_is_not_killed()?;
    for (number, actor) in observed.program.actors.iter().enumerate() {
        run.nobody_sees_more_than_was_sent(number, actor)?;
        run.nobody_misses_what_was_sent(number, actor)?;
    }
    Ok(())
}

/// Reads `e1 (pid 7) ended with status 3 after 20ms, stopping`.
fn read(text: &str) -> Result<Said, String> {
    let unread = || format!("a message that nobody expects: {text}");
    let words: Vec<&str> = text.split([' ', ',']).collect();
    let entry = || words[0].strip_prefix('e').and_then(|number| number.parse().ok()).ok_or_else(unread);
    let number = |word: &str| word.trim_end_matches(')').parse().map_err(|_| unread());
    let signal = |word: &str| word.parse::<Signal>().map_err(|_| unread());
    Ok(match text {
        _ if text.contains(" lost") || text.contains("not waiting longer") || text.contains(" can't ") => {
            return Err(unread());
        }
        _ if text.starts_with("every entry has ended") => Said::Other,
        _ if text.starts_with("exit status ") => Said::Exit(number(words[2])?),
        _ if text.starts_with("leftover ") && text.ends_with("killed") => Said::LeftoverKilled(number(words[3])?),
        _ if text.starts_with("leftover ") => Said::LeftoverTold,
        _ if text.starts_with("SIG") => Said::Received(
            signal(words[0])?,
            match text.rsplit_once(": ").ok_or_else(unread)?.1 {
                "stopping" => Fate::Stops,
                "dropped" => Fate::Dropped,
                "the second one, killing all that is left" => Fate::KillsAll,
                fate if fate.starts_with("forwarded") => Fate::Forwarded,
                _ => return Err(unread()),
            },
        ),
        _ if words.get(1) == Some(&"started") => Said::Started(entry()?),
        _ if words.get(3) == Some(&"killed") => Said::Killed(entry()?),
        _ if words.get(3) == Some(&"ended") => {
            let ending = match words[4] {
                "with" => Ending::Exited(words[6].parse().map_err(|_| unread())?),
                _ => Ending::Signaled(signal(words[5])?),
            };
            Said::Ended { entry: entry()?, ending, stops: text.ends_with(", stopping") }
        }
        _ => Said::Other,
    })
}

/// Where in the messages the stop begins, and with which signal.
#[derive(Clone, Copy, Debug)]
struct Stop {
    at: usize,
    signal: Signal,
    /// The status of the entry whose end began it.
    decisive: Option<u8>,
}

fn stop_of(said: &[Said], program: &Program) -> Option<Stop> {
    said.iter().enumerate().find_map(|(at, said)| match *said {
        Said::Received(signal, Fate::Stops) => {
            Some(Stop { at, signal: Rewrite::apply(&program.rewrites, signal)?, decisive: None })
        }
        Said::Ended { ending, stops: true, .. } => {
            Some(Stop { at, signal: Signal::TERM, decisive: Some(ending.code()) })
        }
        _ => None,
    })
}

struct Run<'a> {
    observed: &'a Observed<'a>,
    said: &'a [Said],
    stop: Option<Stop>,
}

fn rule(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

impl Run<'_> {
    fn nothing_is_left(&self) -> Result<(), String> {
        rule(self.observed.left.is_empty(), || format!("these live after the end: {:?}", self.observed.left))
    }

    fn signals_have_the_right_consequence(&self) -> Result<(), String> {
        let mut interrupts = 0;
        for (at, said) in self.said.iter().enumerate() {
            let Said::Received(received, fate) = *said else { continue };
            let signal = Rewrite::apply(&self.observed.program.rewrites, received);
            interrupts += u32::from(received == Signal::INT && signal.is_some());
            let stopped = self.stop.is_some_and(|stop| stop.at < at);
            let expected = match signal {
                None => Fate::Dropped,
                Some(_) if received == Signal::INT && interrupts > 1 => Fate::KillsAll,
                Some(signal) if !stopped && (received.begins_stop() || signal.begins_stop()) => Fate::Stops,
                Some(_) => Fate::Forwarded,
            };
            rule(fate == expected, || format!("{received} in message {at}: {fate:?} instead of {expected:?}"))?;
            let sent = self.observed.sent.iter().filter(|sent| sent.signal == received).count();
            let times = self.received(received).count();
            rule(times <= sent, || format!("{received} was received {times} times, sent {sent} times"))?;
        }
        Ok(())
    }

    fn each_entry_ends_once_as_it_says_itself(&self) -> Result<(), String> {
        for entry in 0..self.observed.program.entries.len() {
            let count = |wanted: &dyn Fn(&Said) -> bool| self.said.iter().filter(|said| wanted(said)).count();
            let started = count(&|said| *said == Said::Started(entry));
            let ended = count(&|said| matches!(said, Said::Ended { entry: of, .. } if *of == entry));
            rule(started <= 1 && ended == started, || {
                format!("e{entry} started {started} times, ended {ended} times")
            })?;
            rule(started == 1 || self.stop.is_some(), || format!("e{entry} was not started"))?;
        }
        for said in self.said {
            let Said::Ended { entry, ending, .. } = *said else { continue };
            if self.observed.program.actors[entry].role == Role::InShell {
                continue;
            }
            let lines = &self.observed.logs[entry];
            let killed = self.is_killed(entry);
            let plausible = match (lines.last().and_then(|line| line.split_once(' ')), ending) {
                // The shell of an exec, or the start of an actor, knows nothing of signals yet.
                (None, Ending::Signaled(_)) if lines.is_empty() => true,
                (Some(("exit", status)), Ending::Exited(code)) => *status == code.to_string(),
                (Some(("crash", name)), Ending::Signaled(signal)) => *name == signal.to_string(),
                _ => false,
            };
            let plausible = plausible || (killed && ending == Ending::Signaled(Signal::KILL));
            rule(plausible, || format!("e{entry} {ending}, and that is not what it says itself: {:?}", lines.last()))?;
        }
        Ok(())
    }

    fn the_status_is_as_specified(&self) -> Result<(), String> {
        let mut first_bad = None;
        for (at, said) in self.said.iter().enumerate() {
            let Said::Ended { entry, ending, stops } = *said else { continue };
            if ending.is_bad() {
                first_bad.get_or_insert(ending.code());
            }
            let ends_run = match self.observed.program.entries[entry].on_exit {
                "stop" => true,
                "stop-on-failure" => ending.is_bad(),
                _ => false,
            };
            let expected = ends_run && self.stop.is_none_or(|stop| stop.at >= at);
            rule(stops == expected, || format!("the end of e{entry} begins the stop: {stops}"))?;
        }
        let status = self.stop.and_then(|stop| stop.decisive).or(first_bad).unwrap_or(0);
        let expected = i32::from(ExitMapping::apply(&self.observed.program.exit_map, status));
        let status = self.observed.status;
        rule(status == expected, || format!("the status is {status} instead of {expected}"))?;
        rule(self.said.last() == Some(&Said::Exit(status)), || "the last message gives the status".to_owned())
    }

    fn who_heeds_is_not_killed(&self) -> Result<(), String> {
        let patient = self.observed.program.entries.iter().all(|entry| entry.timeout == PATIENT);
        let impatient = self.said.iter().any(|said| matches!(said, Said::Received(_, Fate::KillsAll)));
        let kill = |said: &&Said| matches!(said, Said::Killed(_) | Said::LeftoverKilled(_));
        let killed = self.said.iter().find(kill).filter(|_| patient && !impatient);
        rule(killed.is_none(), || format!("everybody heeds, and still: {killed:?}"))
    }

    /// Where in the messages this signal was received.
    fn received(&self, signal: Signal) -> impl Iterator<Item = usize> {
        let received = move |said: &Said| matches!(said, Said::Received(received, _) if *received == signal);
        self.said.iter().enumerate().filter(move |(_, said)| received(said)).map(|(at, _)| at)
    }

    fn is_killed(&self, entry: usize) -> bool {
        self.said.contains(&Said::Killed(entry))
    }

    fn stop_signal(&self, actor: &Actor) -> Option<Signal> {
        let stop = self.stop?;
        let own = self.observed.program.entries[actor.entry].stop_signal.unwrap_or(stop.signal);
        Some(if actor.role == Role::Daemon { Signal::TERM } else { own })
    }

    /// From which message on the actor may get what is forwarded.
    fn hears_from(&self, actor: &Actor) -> Option<usize> {
        let entry = &self.observed.program.entries[actor.entry];
        let started = self.said.iter().position(|said| *said == Said::Started(actor.entry));
        let ended =
            self.said.iter().position(|said| matches!(said, Said::Ended { entry, .. } if *entry == actor.entry));
        match (actor.role, entry.signal_to) {
            (Role::Daemon, _) => None,
            // `auto` means it while the leader is a shell, which what execs is at first, or has ended, which it has before
            // untrap says so.
            (Role::Leader, _) | (_, "group" | "auto") => started,
            _ => ended,
        }
    }

    fn nobody_sees_more_than_was_sent(&self, number: usize, actor: &Actor) -> Result<(), String> {
        let lines = &self.observed.logs[number];
        let entry = &self.observed.program.entries[actor.entry];
        let stop = self.stop_signal(actor);
        for line in lines.iter().filter(|line| line.starts_with("SIG")) {
            let signal: Signal = line.parse().map_err(|_| format!("{} wrote {line}", actor.name))?;
            let times = lines.iter().filter(|seen| *seen == line).count();
            let from = self.hears_from(actor).unwrap_or(usize::MAX);
            let forwarded = self.said.iter().enumerate().filter(|(at, said)| {
                let Said::Received(received, Fate::Forwarded) = said else { return false };
                *at >= from && Rewrite::apply(&self.observed.program.rewrites, *received) == Some(signal)
            });
            let told = usize::from(stop == Some(signal)) + usize::from(stop.is_some() && signal == Signal::CONT);
            // A leader that is no shell hears alone what is sent while it lives.
            let alone = actor.role == Role::Member && entry.signal_to == "auto" && entry.shape == Shape::Direct;
            let leader = &self.observed.logs[actor.entry];
            let heard_by_leader = leader.iter().filter(|seen| alone && *seen == line).count();
            let at_most = (forwarded.count() + told).saturating_sub(heard_by_leader.saturating_sub(told));
            rule(times <= at_most, || {
                format!("{} saw {signal} {times} times, sent it was {at_most} times", actor.name)
            })?;
        }
        Ok(())
    }

    fn nobody_misses_what_was_sent(&self, number: usize, actor: &Actor) -> Result<(), String> {
        let entry = &self.observed.program.entries[actor.entry];
        let lines = &self.observed.logs[number];
        let impatient = self.said.iter().any(|said| matches!(said, Said::Received(_, Fate::KillsAll)));
        let pid = lines.first().and_then(|line| line.split(' ').nth(1)).and_then(|pid| pid.parse().ok());
        let killed =
            self.is_killed(actor.entry) || pid.is_some_and(|pid| self.said.contains(&Said::LeftoverKilled(pid)));
        if !actor.stays() || impatient || killed {
            return Ok(());
        }
        let hears = match actor.role {
            Role::Leader => true,
            Role::InShell => entry.signal_to != "leader",
            Role::Member | Role::Daemon => false,
        };
        for sent in self.observed.sent.iter().filter(|sent| hears && sent.ready[number]) {
            let Some(signal) = Rewrite::apply(&self.observed.program.rewrites, sent.signal) else { continue };
            let before_stop = |at| self.stop.is_some_and(|stop| at < stop.at);
            let times = self.observed.sent.iter().filter(|other| other.signal == sent.signal).count();
            // Where one came in after the stop began, the actor may have ended before it.
            let counts = self.received(sent.signal).count() == times && self.received(sent.signal).all(before_stop);
            // SIGCONT takes back what was to stop.
            let counts = counts && !signal.suspends();
            let seen = lines.iter().any(|line| *line == signal.to_string());
            rule(!counts || seen, || format!("{} never saw {signal}, sent when it was ready", actor.name))?;
        }
        // Who is in the group when the stop begins is told, now or after its leader.
        let was_ready =
            self.observed.sent.iter().find(|sent| sent.signal.begins_stop()).is_some_and(|sent| sent.ready[number]);
        let by_signal = self.stop.is_some_and(|stop| stop.decisive.is_none());
        let Some(stop) = self.stop_signal(actor).filter(|_| was_ready && by_signal) else { return Ok(()) };
        // Another one that ends it may come first.
        let ends = |line: &String| line.parse::<Signal>().is_ok_and(Signal::begins_stop);
        let told = lines.iter().any(|line| *line == stop.to_string() || ends(line));
        rule(told, || format!("{} was never told to stop with {stop}", actor.name))
    }
}
