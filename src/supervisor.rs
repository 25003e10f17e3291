//! The state machine: what happened, to what is to be done. Pure: no clock, no system call, no I/O.
//!
//! Every decision about signals and about the end is made here. [`Supervisor::on`] is told each event with its time and
//! answers with actions; [`Supervisor::next_start`] and [`Supervisor::wake_at`] say what waits for its turn or its time.

use std::time::{Duration, Instant};

use crate::event::{Action, Consequence, EntryId, Event, Message, Need, Receivers};
use crate::plan::{OnExit, Policy, Rules, SignalTo};
use crate::signal::{Rewrite, Sender, Signal};
use crate::status::{Ending, ExitMapping};

/// After SIGKILL the kernel needs a moment. What is still there after this (a process in uninterruptible sleep, or one
/// that we may not signal) will not go for us: untrap says so and ends.
const GIVE_UP_AFTER: Duration = Duration::from_secs(1);

/// The life of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Not started yet.
    Waiting,
    /// Its leader runs.
    Running {
        /// When it started.
        since: Instant,
        /// Who has been sent the stop signal.
        told: Option<Receivers>,
    },
    /// Its leader has ended, its group may have members left.
    Draining,
    /// Nobody is left.
    Ended,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    policy: Policy,
    stage: Stage,
    killed: bool,
}

/// The one-way phase that ends the run.
#[derive(Clone, Copy, Debug)]
struct Stop {
    since: Instant,
    /// What arrived, or TERM.
    signal: Signal,
    /// Nobody gets any more time.
    impatient: bool,
    /// When to give up on whoever survives SIGKILL; set once everybody left has been sent it.
    give_up_at: Option<Instant>,
}

/// What leftovers have heard of the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leftovers {
    Unaware,
    /// Nothing, and they keep untrap running.
    Awaited,
    Told,
    Killed,
}

/// The state of a run.
#[derive(Debug)]
pub struct Supervisor {
    entries: Vec<Entry>,
    /// How many entries have been started, or tried.
    started: usize,
    stop: Option<Stop>,
    interrupts: u8,
    /// The terminal has stopped the whole group of the one entry.
    job_stopped: bool,
    children_left: bool,
    leftovers: Leftovers,
    /// The status of the entry whose end began the stop.
    decisive: Option<u8>,
    /// The status of the first entry to end badly.
    first_bad: Option<u8>,
    rules: Rules,
    over: bool,
}

impl Supervisor {
    /// A run of these entries, before anything is started.
    pub fn new(policies: impl IntoIterator<Item = Policy>, rules: Rules) -> Self {
        let entry = |policy| Entry { policy, stage: Stage::Waiting, killed: false };
        Self {
            entries: policies.into_iter().map(entry).collect(),
            started: 0,
            stop: None,
            interrupts: 0,
            job_stopped: false,
            children_left: false,
            leftovers: Leftovers::Unaware,
            decisive: None,
            first_bad: None,
            rules,
            over: false,
        }
    }

    /// The entry to start now, if any. It is answered with [`Event::Started`] or [`Event::StartFailed`]; what arrives
    /// meanwhile comes first.
    #[must_use]
    pub fn next_start(&self) -> Option<EntryId> {
        (self.stop.is_none() && self.started < self.entries.len()).then_some(self.started)
    }

    /// When [`Event::TimeCame`] is due, if nothing else happens before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        let stop = self.stop.as_ref().filter(|_| !self.over)?;
        let alive = self.entries.iter().filter(|entry| entry.is_alive() && !entry.killed);
        let leftovers = self.leftovers_deadline(stop).filter(|_| self.leftovers == Leftovers::Told);
        alive.filter_map(|entry| entry.deadline(stop)).chain(leftovers).chain(stop.give_up_at).min()
    }

    /// After the run: until when its output waits for a reader that took something last at `progress`. `None`: for ever.
    ///
    /// Whoever sent a stop signal wants the end at the timeout. Where an entry's end began the stop nobody is in a hurry,
    /// and a reader that goes on reading gets everything.
    #[must_use]
    pub fn output_deadline(&self, over: Instant, progress: Instant) -> Option<Instant> {
        let since = self.stop.filter(|_| self.decisive.is_none()).map_or(progress, |stop| stop.since);
        let stop = Stop { since, signal: Signal::TERM, impatient: false, give_up_at: None };
        self.leftovers_deadline(&stop).map(|deadline| deadline.max(over + GIVE_UP_AFTER))
    }

    /// Takes one event, and appends what is to be done about it to `actions`.
    pub fn on(&mut self, event: Event, now: Instant, actions: &mut Vec<Action>) {
        if self.over {
            return;
        }
        match event {
            Event::Started(id) => self.on_started(id, now, actions),
            Event::StartFailed(id, status) => self.on_start_failed(id, status, now, actions),
            Event::Received(signal, sender) => self.on_signal(signal, sender, now, actions),
            Event::Told(id, receivers) => self.on_told(id, receivers, actions),
            Event::LeaderStopped(id, need) => self.on_leader_stopped(id, need, actions),
            Event::LeaderEnded(id, ending) => self.on_leader_ended(id, ending, now, actions),
            Event::GroupEmptied(id) => self.entries[id].stage = Stage::Ended,
            Event::Reaped { children_left } => {
                self.children_left = children_left;
                self.settle(now, actions);
            }
            Event::TimeCame => self.on_time(now, actions),
        }
    }

    fn on_started(&mut self, id: EntryId, now: Instant, actions: &mut Vec<Action>) {
        self.started = id + 1;
        self.children_left = true;
        self.entries[id].stage = Stage::Running { since: now, told: None };
        actions.push(Action::Say(Message::Started(id)));
    }

    /// A program that can't be executed ends the run, whatever its `--on-exit` says: it is a mistake, not an end.
    fn on_start_failed(&mut self, id: EntryId, status: u8, now: Instant, actions: &mut Vec<Action>) {
        self.started = id + 1;
        self.entries[id].stage = Stage::Ended;
        self.decisive = Some(status);
        self.begin_stop(Signal::TERM, now, actions);
        self.settle(now, actions);
    }

    fn on_signal(&mut self, received: Signal, sender: Sender, now: Instant, actions: &mut Vec<Action>) {
        let said = |consequence| Action::Say(Message::Received(received, sender, consequence));
        let Some(signal) = Rewrite::apply(&self.rules.rewrites, received) else {
            return actions.push(said(Consequence::Drop));
        };
        if received == Signal::INT {
            self.interrupts = self.interrupts.saturating_add(1);
        }
        if received == Signal::INT && self.interrupts > 1 {
            actions.push(said(Consequence::KillAll));
            return self.kill_all(now, actions);
        }
        if self.stop.is_none() && (received.begins_stop() || signal.begins_stop()) {
            actions.push(said(Consequence::Stop));
            self.begin_stop(signal, now, actions);
            return self.settle(now, actions);
        }
        let forwarded = if signal == received { Consequence::Forward } else { Consequence::ForwardAs(signal) };
        actions.push(said(forwarded));
        self.forward(signal, actions);
        if received.suspends() {
            actions.push(Action::Suspend);
        }
    }

    fn forward(&mut self, signal: Signal, actions: &mut Vec<Action>) {
        if signal == Signal::CONT && self.entries.len() == 1 {
            // Whoever woke us may have made us the foreground group again.
            actions.push(Action::GiveTerminal(0));
        }
        let whole_job = signal == Signal::CONT && std::mem::take(&mut self.job_stopped);
        for (id, entry) in self.entries.iter().enumerate().filter(|(_, entry)| !entry.killed) {
            if let Some(to) = entry.signal_to() {
                actions.push(Action::Send(id, signal, if whole_job { SignalTo::Group } else { to }));
            }
        }
    }

    /// A stopped process can act on its stop signal only once it is woken.
    fn on_told(&mut self, id: EntryId, receivers: Receivers, actions: &mut Vec<Action>) {
        if let Stage::Running { told, .. } = &mut self.entries[id].stage {
            *told = Some(receivers);
        }
        actions.push(Action::Send(id, Signal::CONT, receivers.into()));
    }

    fn on_leader_stopped(&mut self, id: EntryId, need: Need, actions: &mut Vec<Action>) {
        match need {
            Need::Shell if self.stop.is_none() => {
                self.job_stopped = true;
                return actions.push(Action::Suspend);
            }
            Need::Terminal => actions.push(Action::GiveTerminal(id)),
            Need::Shell | Need::Waking => {}
        }
        actions.push(Action::Send(id, Signal::CONT, SignalTo::Group));
    }

    fn on_leader_ended(&mut self, id: EntryId, ending: Ending, now: Instant, actions: &mut Vec<Action>) {
        let Stage::Running { since, told } = self.entries[id].stage else { return };
        self.entries[id].stage = Stage::Draining;
        if ending.is_bad() {
            self.first_bad.get_or_insert(ending.code());
        }
        let stops = self.stop.is_none() && self.entries[id].ends_run(ending);
        let after = now.saturating_duration_since(since);
        actions.push(Action::Say(Message::Ended { entry: id, ending, after, stops }));
        if stops {
            self.decisive = Some(ending.code());
            self.begin_stop(Signal::TERM, now, actions);
        } else if let Some(stop) = self.stop
            && told != Some(Receivers::Group)
        {
            // Whoever the leader leaves behind in its group has not heard of the stop yet.
            self.tell(id, stop, now, actions);
        }
        actions.push(Action::Reap(id));
    }

    fn on_time(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let Some(stop) = self.stop else { return };
        if stop.give_up_at.is_some_and(|at| at <= now) {
            return self.give_up(actions);
        }
        for id in 0..self.entries.len() {
            if self.entries[id].deadline(&stop).is_some_and(|deadline| deadline <= now) {
                self.kill(id, now, actions);
            }
        }
        self.settle(now, actions);
    }

    fn begin_stop(&mut self, signal: Signal, now: Instant, actions: &mut Vec<Action>) {
        if self.stop.is_some() {
            return;
        }
        let stop = Stop { since: now, signal, impatient: false, give_up_at: None };
        self.stop = Some(stop);
        for id in 0..self.entries.len() {
            self.tell(id, stop, now, actions);
        }
    }

    /// Sends an entry its stop signal, or SIGKILL where it gets no time.
    fn tell(&mut self, id: EntryId, stop: Stop, now: Instant, actions: &mut Vec<Action>) {
        let entry = &self.entries[id];
        let Some(to) = entry.signal_to() else { return };
        if entry.deadline(&stop).is_some_and(|deadline| deadline <= now) {
            self.kill(id, now, actions);
        } else {
            actions.push(Action::Tell(id, entry.policy.stop_signal.unwrap_or(stop.signal), to));
        }
    }

    fn kill(&mut self, id: EntryId, now: Instant, actions: &mut Vec<Action>) {
        let entry = &mut self.entries[id];
        let Some(stop) = self.stop.as_mut().filter(|_| entry.is_alive() && !entry.killed) else { return };
        entry.killed = true;
        actions.push(Action::Say(Message::Killed(id, now.saturating_duration_since(stop.since))));
        actions.push(Action::Kill(id));
        self.plan_to_give_up(now);
    }

    fn kill_all(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if let Some(stop) = &mut self.stop {
            stop.impatient = true;
        }
        self.on_time(now, actions);
    }

    /// Once the last of them has been sent SIGKILL, whoever is left has until [`GIVE_UP_AFTER`].
    fn plan_to_give_up(&mut self, now: Instant) {
        let alive = self.entries.iter().any(|entry| entry.is_alive() && !entry.killed);
        if let Some(stop) = self.stop.as_mut().filter(|_| !alive) {
            stop.give_up_at = Some(now + GIVE_UP_AFTER);
        }
    }

    fn give_up(&mut self, actions: &mut Vec<Action>) {
        let alive = self.entries.iter().enumerate().filter(|(_, entry)| entry.is_alive());
        let before = actions.len();
        actions.extend(alive.map(|(id, _)| Action::Say(Message::GaveUpOn(id))));
        if actions.len() == before {
            actions.push(Action::Say(Message::GaveUpOnLeftovers));
        } else {
            // It was sent SIGKILL: that it has not ended of it yet is no good end.
            self.first_bad.get_or_insert(Ending::Signaled(Signal::KILL).code());
        }
        self.exit(actions);
    }

    /// Looks whether the run is over, or only leftovers remain.
    fn settle(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.next_start().is_some() || self.entries.iter().any(Entry::is_alive) {
            return;
        }
        if !self.children_left {
            return self.exit(actions);
        }
        let Some(stop) = self.stop else {
            if self.leftovers == Leftovers::Unaware {
                self.leftovers = Leftovers::Awaited;
                actions.push(Action::Say(Message::WaitingForLeftovers));
            }
            return;
        };
        let late = self.leftovers_deadline(&stop).is_some_and(|deadline| deadline <= now);
        if late {
            self.kill_leftovers(stop, now, actions);
        } else if matches!(self.leftovers, Leftovers::Unaware | Leftovers::Awaited) {
            self.leftovers = Leftovers::Told;
            self.give_up_at(None);
            actions.push(Action::Say(Message::TellingLeftovers));
            actions.push(Action::TellLeftovers(Signal::TERM));
        }
    }

    /// Called again after each reaping: what a fork bomb started in the meantime is killed too.
    fn kill_leftovers(&mut self, stop: Stop, now: Instant, actions: &mut Vec<Action>) {
        if self.leftovers != Leftovers::Killed {
            self.leftovers = Leftovers::Killed;
            self.give_up_at(Some(now + GIVE_UP_AFTER));
            let after = now.saturating_duration_since(stop.since);
            actions.push(Action::Say(Message::KillingLeftovers(after)));
        }
        actions.push(Action::KillLeftovers);
    }

    fn give_up_at(&mut self, at: Option<Instant>) {
        if let Some(stop) = &mut self.stop {
            stop.give_up_at = at;
        }
    }

    /// Nobody knows which entry a leftover came from, so it gets the time of the most patient one.
    fn leftovers_deadline(&self, stop: &Stop) -> Option<Instant> {
        let deadlines = self.entries.iter().map(|entry| entry.deadline(stop));
        deadlines.reduce(|a, b| Some(a?.max(b?))).flatten()
    }

    fn exit(&mut self, actions: &mut Vec<Action>) {
        self.over = true;
        let status = ExitMapping::apply(&self.rules.exit_map, self.decisive.or(self.first_bad).unwrap_or(0));
        actions.push(Action::Say(Message::Exit(status)));
        actions.push(Action::Exit(status));
    }
}

impl Entry {
    /// Whether its leader or anyone of its group may be there.
    fn is_alive(&self) -> bool {
        matches!(self.stage, Stage::Running { .. } | Stage::Draining)
    }

    /// Whom its signals go to; `None` when nobody is there.
    fn signal_to(&self) -> Option<SignalTo> {
        match self.stage {
            Stage::Running { .. } => Some(self.policy.signal_to),
            Stage::Draining => Some(SignalTo::Group),
            Stage::Waiting | Stage::Ended => None,
        }
    }

    fn ends_run(&self, ending: Ending) -> bool {
        match self.policy.on_exit {
            OnExit::Stop => true,
            OnExit::StopOnFailure => ending.is_bad(),
            OnExit::Ignore => false,
        }
    }

    fn deadline(&self, stop: &Stop) -> Option<Instant> {
        if stop.impatient {
            return Some(stop.since);
        }
        self.policy.timeout.0.map(|timeout| stop.since + timeout)
    }
}
