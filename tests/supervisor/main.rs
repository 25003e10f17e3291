//! The rules of signals and of the end, told to the state machine as events, without a process.

mod end;
mod hooks;
mod leftovers;
mod restart;
mod signals;
mod start;
mod stop;
mod terminal;

use std::time::{Duration, Instant};

use untrap::config::policy::{OnExit, Policy, Rules, SignalTo, Timeout};
use untrap::config::unit::{Role, UnitId};
use untrap::exit_status::ExitStatus;
use untrap::signal::{Sender, Signal};
use untrap::supervisor::Supervisor;
use untrap::supervisor::action::{Action, Actions};
use untrap::supervisor::event::{Event, Need, Receivers};
use untrap::supervisor::message::{Consequence, Message};

const SERVICE: Role = Role::Service;
const AUTO: SignalTo = SignalTo::Auto;
const GROUP: SignalTo = SignalTo::Group;
const LEADER: SignalTo = SignalTo::Leader;

/// A supervisor and its clock; actions without the messages among them.
struct Run {
    supervisor: Supervisor,
    now: Instant,
    messages: Vec<Message>,
}

impl Run {
    fn new(policies: &[Policy]) -> Self {
        Self::with(policies.iter().map(|policy| (SERVICE, *policy)), Rules::default())
    }

    /// With hooks among the services, and rules.
    fn with(services: impl IntoIterator<Item = (Role, Policy)>, rules: Rules) -> Self {
        Self { supervisor: Supervisor::new(services, rules, 1), now: Instant::now(), messages: Vec::new() }
    }

    /// All of these, started.
    fn started(policies: &[Policy]) -> Self {
        let mut run = Self::new(policies);
        while let Some(id) = run.supervisor.next_start(run.now) {
            assert_eq!(run.on(Event::Started(id)), []);
        }
        run
    }

    /// What starts now, until nothing does.
    fn start_all(&mut self) -> Vec<usize> {
        let mut started = Vec::new();
        while let Some(id) = self.supervisor.next_start(self.now) {
            started.push(id.index());
            self.on(Event::Started(id));
        }
        started
    }

    fn on(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Actions::default();
        self.supervisor.on(event, self.now, &mut actions);
        let mut actions: Vec<Action> = actions.drain().collect();
        for action in &mut actions {
            match action {
                Action::Log(message) => self.messages.push(*message),
                Action::Kill(_, message) => self.messages.extend(message.take()),
                _ => {}
            }
        }
        actions.retain(|action| !matches!(action, Action::Log(_)));
        actions
    }

    fn receive(&mut self, signal: Signal) -> Vec<Action> {
        self.on(Event::Received(signal, Sender::Outside))
    }

    /// The leader ends, and with it its group.
    fn ends(&mut self, index: usize, ending: ExitStatus) -> Vec<Action> {
        let id = unit(index);
        let mut actions = self.on(Event::LeaderExited(id, ending));
        assert_eq!(actions.pop(), Some(Action::Reap(id)), "the leader is reaped after all else is done");
        actions.extend(self.on(Event::GroupEmptied(id)));
        actions
    }

    fn all_ends(&mut self, id: usize, ending: ExitStatus) -> Vec<Action> {
        let mut actions = self.ends(id, ending);
        actions.extend(self.nothing_left());
        actions
    }

    fn nothing_left(&mut self) -> Vec<Action> {
        self.on(Event::Reaped { children_left: false })
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// Goes to the next deadline.
    fn time_comes(&mut self) -> (Duration, Vec<Action>) {
        let at = self.supervisor.wake_at().expect("there is a deadline");
        let waited = at - self.now;
        self.now = at;
        (waited, self.on(Event::TimerExpired))
    }

    /// Goes to the next deadline, past the looks at groups.
    fn deadline_comes(&mut self) -> (Duration, Vec<Action>) {
        let start = self.now;
        loop {
            let mut actions = self.time_comes().1;
            let looked = actions.iter().any(|action| matches!(action, Action::CheckGroup(_)));
            actions.retain(|action| !matches!(action, Action::CheckGroup(_)));
            if !(looked && actions.is_empty()) {
                return (self.now - start, actions);
            }
        }
    }
}

/// The service or hook with this index.
fn unit(index: usize) -> UnitId {
    UnitId::new(index)
}

fn policy() -> Policy {
    Policy::default()
}

fn on_exit(on_exit: OnExit) -> Policy {
    Policy { on_exit, ..policy() }
}

fn timeout(seconds: u64) -> Policy {
    Policy { timeout: Timeout(Some(Duration::from_secs(seconds))), ..policy() }
}

fn exited(status: u8) -> ExitStatus {
    ExitStatus::Exited(status)
}

fn signal(name: &str) -> Signal {
    name.parse().unwrap()
}
