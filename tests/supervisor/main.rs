//! The rules of signals and of the shutdown: events for the state machine, without a process.

mod exit_status;
mod exits;
mod hooks;
mod leftovers;
mod restart;
mod shutdown;
mod signals;
mod start;
mod terminal;

use std::time::{Duration, Instant};

use untrap::config::policy::{OnExit, Policy, Rules, SignalTo, Timeout};
use untrap::config::unit::{HookRole, UnitId};
use untrap::exit_status::ExitStatus;
use untrap::signal::{Sender, Signal};
use untrap::supervisor::Supervisor;
use untrap::supervisor::action::{Action, Actions};
use untrap::supervisor::event::{Event, Receivers, ResumeBy};
use untrap::supervisor::message::{Consequence, Message};

const AUTO: SignalTo = SignalTo::Auto;
const GROUP: SignalTo = SignalTo::Group;
const LEADER: SignalTo = SignalTo::Leader;

/// A supervisor, its clock and its messages.
struct Run {
    supervisor: Supervisor,
    now: Instant,
    messages: Vec<Message>,
}

impl Run {
    fn new(policies: &[Policy]) -> Self {
        Self::with_rules(policies, Rules::default())
    }

    fn with_rules(policies: &[Policy], rules: Rules) -> Self {
        Self::of(Supervisor::new(policies.iter().copied(), [], rules, 1))
    }

    /// This many services, and hooks in these roles, all with this policy.
    fn with_hooks(policy: Policy, services: usize, roles: &[HookRole]) -> Self {
        let hooks = roles.iter().map(|role| (*role, policy));
        Self::of(Supervisor::new(vec![policy; services], hooks, Rules::default(), 1))
    }

    fn of(supervisor: Supervisor) -> Self {
        Self { supervisor, now: Instant::now(), messages: Vec::new() }
    }

    /// A run in which all services are started.
    fn started(policies: &[Policy]) -> Self {
        let mut run = Self::new(policies);
        while let Some(id) = run.supervisor.next_start(run.now) {
            run.start(id);
        }
        run
    }

    /// The leader is created and executes its program.
    fn start(&mut self, id: UnitId) {
        assert_eq!(self.on(Event::Launched(id)), []);
        assert_eq!(self.on(Event::Started(id)), []);
    }

    /// Starts every unit that can start now, and returns their indices.
    fn start_all(&mut self) -> Vec<usize> {
        let mut started = Vec::new();
        while let Some(id) = self.supervisor.next_start(self.now) {
            started.push(id.index());
            self.start(id);
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

    /// The leader exits, and its process group is empty then.
    fn exits(&mut self, index: usize, ending: ExitStatus) -> Vec<Action> {
        let id = unit(index);
        let mut actions = self.on(Event::LeaderExited(id, ending));
        let reap = actions.iter().position(|action| *action == Action::Reap(id)).expect("the leader is reaped");
        actions.remove(reap);
        actions.extend(self.on(Event::GroupEmptied(id)));
        actions
    }

    fn all_exit(&mut self, id: usize, ending: ExitStatus) -> Vec<Action> {
        let mut actions = self.exits(id, ending);
        actions.extend(self.no_children_left());
        actions
    }

    fn no_children_left(&mut self) -> Vec<Action> {
        self.on(Event::Reaped { children_left: false })
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// Lets the time of the next timer come. Returns how long that took, and the actions.
    fn next_timer(&mut self) -> (Duration, Vec<Action>) {
        let at = self.supervisor.wake_at().expect("a timer is set");
        let waited = at - self.now;
        self.now = at;
        (waited, self.on(Event::TimerExpired))
    }

    /// As `next_timer`, but passes over the checks of process groups.
    fn next_deadline(&mut self) -> (Duration, Vec<Action>) {
        let start = self.now;
        loop {
            let mut actions = self.next_timer().1;
            let is_check = actions.iter().any(|action| matches!(action, Action::CheckGroup(_)));
            actions.retain(|action| !matches!(action, Action::CheckGroup(_)));
            if !(is_check && actions.is_empty()) {
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
