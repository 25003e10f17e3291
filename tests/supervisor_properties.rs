//! Properties of every run, for any behaviour of the services and any time of signals: the state machine runs against
//! simulated processes.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use untrap::config::policy::{OnExit, Policy, Rules, SignalTo, StopOrder, Timeout};
use untrap::config::unit::{HookRole, UnitId};
use untrap::exit_status::ExitStatus;
use untrap::signal::{Sender, Signal};
use untrap::supervisor::Supervisor;
use untrap::supervisor::action::{Action, Actions};
use untrap::supervisor::event::{Event, Receivers};
use untrap::supervisor::message::{Consequence, Message};

/// When the user sends SIGTERM; if a timeout is `inf`, repeated SIGINT follows.
const STOP_AT: u64 = 30_000;
/// The time from one SIGINT to the next.
const INT_INTERVAL: u64 = 1_500;
/// untrap may need this much longer than the deadline: it stops waiting a second after SIGKILL.
const GRACE: u64 = 1_000;
/// The same if other processes exit after SIGKILL.
const LONGEST_GRACE: u64 = 11_000;

/// The behaviour of a process; times in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Behaviour {
    /// It exits by itself after this time.
    exits_after: Option<u64>,
    /// It exits this long after the stop signal; `None`: it ignores the signal.
    stops_after: Option<u64>,
    /// It survives SIGKILL.
    survives: bool,
    status: u8,
}

#[derive(Clone, Debug)]
struct Script {
    /// `None`: it is a service.
    role: Option<HookRole>,
    policy: Policy,
    starts: bool,
    leader: Behaviour,
    /// Another member of the group.
    companion: Option<Behaviour>,
    is_shell: bool,
}

/// A process of the simulation.
#[derive(Clone, Copy, Debug)]
struct Process {
    behaviour: Behaviour,
    exits_at: Option<u64>,
    stop_signals: u32,
}

impl Process {
    fn new(behaviour: Behaviour, now: u64) -> Self {
        Self { behaviour, exits_at: behaviour.exits_after.map(|after| now + after), stop_signals: 0 }
    }

    fn kill(&mut self, now: u64) {
        if !self.behaviour.survives {
            self.exits_at = Some(now + 1);
        }
    }

    fn stop(&mut self, now: u64) {
        self.stop_signals += 1;
        let stops_at = self.behaviour.stops_after.map(|after| now + after);
        self.exits_at = [self.exits_at, stops_at].into_iter().flatten().min();
    }
}

#[derive(Debug, Default)]
struct Slot {
    is_started: bool,
    leader: Option<Process>,
    companion: Option<Process>,
    /// The leader has exited and is not reaped.
    is_zombie: bool,
    /// `GroupEmptied` has been reported.
    is_empty: bool,
    killed_at: Option<u64>,
}

impl Slot {
    fn is_alive(&self) -> bool {
        self.leader.is_some() || self.companion.is_some()
    }
}

struct World {
    scripts: Vec<Script>,
    rules: Rules,
    slots: Vec<Slot>,
    /// A process that the first service leaves behind outside of its group.
    daemon: Option<Behaviour>,
    leftover: Option<Process>,
    supervisor: Supervisor,
    start: Instant,
    now: u64,
    shutdown_began: Option<u64>,
    exit: Option<u8>,
}

impl World {
    fn instant(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    fn report(&mut self, event: Event) {
        let mut events = std::collections::VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let mut actions = Actions::default();
            let now = self.instant();
            self.supervisor.on(event, now, &mut actions);
            for action in actions.drain() {
                assert_eq!(self.exit, None, "nothing follows the exit");
                events.extend(self.carry_out(action));
            }
        }
    }

    fn carry_out(&mut self, action: Action) -> Option<Event> {
        let now = self.now;
        match action {
            Action::SendStopSignal(id, signal, to) => {
                let receivers = self.receivers(id, to);
                let slot = &mut self.slots[id];
                assert_ne!(signal, Signal::KILL, "no service here has SIGKILL as its stop signal");
                match receivers {
                    Receivers::Leader => slot.leader.iter_mut().for_each(|process| process.stop(now)),
                    Receivers::Group => {
                        slot.leader.iter_mut().chain(&mut slot.companion).for_each(|process| process.stop(now));
                    }
                }
                for process in slot.leader.iter().chain(&slot.companion) {
                    assert!(process.stop_signals <= 1, "each receiver gets the stop signal once");
                }
                Some(Event::StopSignalSent(id, receivers))
            }
            Action::Send(id, _, to) => {
                // SIGCONT may follow a stop signal that ended the group.
                if !self.slots[id].is_empty {
                    self.receivers(id, to);
                }
                None
            }
            // The leader was reaped by the same event, and the group is empty without it.
            Action::Kill(id, _) if self.slots[id].is_empty => None,
            Action::Kill(id, _) => {
                self.receivers(id, SignalTo::Group);
                let slot = &mut self.slots[id];
                assert_eq!(slot.killed_at, None, "killed once");
                slot.killed_at = Some(now);
                slot.leader.iter_mut().chain(&mut slot.companion).for_each(|process| process.kill(now));
                None
            }
            Action::Reap(id) => {
                assert!(self.slots[id].is_zombie, "only a leader that has exited is reaped, once");
                self.slots[id].is_zombie = false;
                self.emptied(id)
            }
            Action::CheckGroup(id) => self.emptied(id),
            Action::SignalLeftovers(_) => {
                let members = self.slots.iter().flat_map(|slot| slot.leader.iter().chain(&slot.companion));
                let mut killable = members.filter(|process| !process.behaviour.survives);
                assert!(killable.next().is_none(), "leftover processes are stopped after the groups");
                self.leftover.iter_mut().for_each(|process| process.stop(now));
                None
            }
            Action::KillLeftovers => {
                self.leftover.iter_mut().for_each(|process| process.kill(now));
                None
            }
            Action::Exit(status) => {
                self.exit = Some(status);
                None
            }
            Action::Log(
                Message::Exited { stops: true, .. }
                | Message::ReadinessTimedOut(..)
                | Message::Received(_, _, Consequence::Shutdown | Consequence::KillAll),
            ) => {
                self.shutdown_began.get_or_insert(now);
                None
            }
            Action::GiveTerminal(_) | Action::Suspend | Action::Log(_) => None,
        }
    }

    /// The receivers of a signal. The group must have a member or a leader that is not reaped.
    fn receivers(&self, id: UnitId, to: SignalTo) -> Receivers {
        let slot = &self.slots[id];
        assert!(slot.is_alive() || slot.is_zombie, "no signal is sent to an empty group");
        match to {
            SignalTo::Group => Receivers::Group,
            SignalTo::Auto if self.scripts[id].is_shell => Receivers::Group,
            SignalTo::Auto | SignalTo::Leader => Receivers::Leader,
        }
    }

    fn emptied(&mut self, id: UnitId) -> Option<Event> {
        let slot = &mut self.slots[id];
        let is_empty = !slot.is_empty && !slot.is_alive() && !slot.is_zombie;
        slot.is_empty |= is_empty;
        is_empty.then_some(Event::GroupEmptied(id))
    }

    fn start_next(&mut self) -> bool {
        let Some(id) = self.supervisor.next_start(self.instant()) else { return false };
        let script = self.scripts[id].clone();
        match script.role {
            Some(HookRole::After) => assert!(!self.has_killable_process(), "an --after command runs alone"),
            Some(HookRole::StopCommand(service)) => {
                assert!(self.slots[service].leader.is_some(), "a stop command runs while its service does");
            }
            _ => assert_eq!(self.shutdown_began, None, "no service starts during the shutdown"),
        }
        if script.starts {
            let slot = &mut self.slots[id];
            assert!(!slot.is_alive() && !slot.is_zombie, "the old group is empty before the new leader starts");
            *slot = Slot { is_started: true, ..Slot::default() };
            slot.leader = Some(Process::new(script.leader, self.now));
            slot.companion = script.companion.map(|behaviour| Process::new(behaviour, self.now));
            if let Some(daemon) = self.daemon.take() {
                self.leftover = Some(Process::new(daemon, self.now));
            }
            self.report(Event::Launched(id));
            self.report(Event::Started(id));
        } else {
            self.slots[id].is_empty = true;
            if !matches!(script.role, Some(HookRole::StopCommand(_) | HookRole::After)) {
                self.shutdown_began.get_or_insert(self.now);
            }
            self.report(Event::StartFailed(id, 127));
        }
        true
    }

    /// Lets every process exit whose time has come.
    fn exit_processes(&mut self) {
        let now = self.now;
        let over = |process: &Option<Process>| process.is_some_and(|p| p.exits_at.is_some_and(|at| at <= now));
        let mut reaped = false;
        for id in (0..self.slots.len()).map(UnitId::new) {
            if over(&self.slots[id].companion) {
                self.slots[id].companion = None;
                reaped = true;
            }
            if over(&self.slots[id].leader) {
                let status = self.slots[id].leader.take().unwrap().behaviour.status;
                self.slots[id].is_zombie = true;
                reaped = true;
                self.report(Event::LeaderExited(id, ExitStatus::Exited(status)));
            } else if self.slots[id].leader.is_none()
                && self.slots[id].is_started
                && let Some(event) = self.emptied(id)
            {
                self.report(event);
            }
        }
        if over(&self.leftover) {
            self.leftover = None;
            reaped = true;
        }
        if reaped {
            let children_left = self.leftover.is_some() || self.slots.iter().any(Slot::is_alive);
            self.report(Event::Reaped { children_left });
        }
    }

    /// When the next process exits by itself.
    fn next_exit(&self) -> Option<u64> {
        let slots = self.slots.iter().flat_map(|slot| slot.leader.iter().chain(&slot.companion));
        slots.chain(&self.leftover).filter_map(|process| process.exits_at).min()
    }

    /// Whether a process is alive that SIGKILL would end.
    fn has_killable_process(&self) -> bool {
        let members = self.slots.iter().flat_map(|slot| slot.leader.iter().chain(&slot.companion));
        members.chain(&self.leftover).any(|process| !process.behaviour.survives)
    }

    fn deadline(&self, id: UnitId) -> Option<u64> {
        let delay = self.rules.stop_delay.as_millis() as u64;
        Some(self.shutdown_began? + delay + self.scripts[id].policy.timeout.0?.as_millis() as u64)
    }

    /// Every process whose deadline has passed has been sent SIGKILL.
    fn check_deadlines(&self) {
        for (index, slot) in self.slots.iter().enumerate().filter(|(_, slot)| slot.is_alive()) {
            let id = UnitId::new(index);
            let has_own_deadline = self.scripts[id].role == Some(HookRole::After);
            if !has_own_deadline && self.deadline(id).is_some_and(|deadline| deadline <= self.now) {
                assert!(slot.killed_at.is_some(), "service {index} is killed by its deadline");
            }
        }
    }
}

fn supervisor(scripts: &[Script], rules: &Rules) -> Supervisor {
    let services = scripts.iter().filter(|script| script.role.is_none()).map(|script| script.policy);
    let hooks = scripts.iter().filter_map(|script| Some((script.role?, script.policy)));
    Supervisor::new(services, hooks, rules.clone(), 1)
}

fn run(scripts: Vec<Script>, rules: Rules, daemon: Option<Behaviour>, mut signals: Vec<(u64, Signal)>) {
    signals.sort_by_key(|(at, _)| *at);
    let has_infinite_timeout = scripts.iter().any(|script| script.policy.timeout.0.is_none());
    signals.push((STOP_AT, Signal::TERM));
    if has_infinite_timeout {
        signals.extend((1..100).map(|time| (STOP_AT + time * INT_INTERVAL, Signal::INT)));
    }
    let mut world = World {
        supervisor: supervisor(&scripts, &rules),
        rules,
        slots: scripts.iter().map(|_| Slot::default()).collect(),
        scripts,
        daemon,
        leftover: None,
        start: Instant::now(),
        now: 0,
        shutdown_began: None,
        exit: None,
    };
    let mut signals = signals.into_iter().peekable();
    while world.exit.is_none() {
        while signals.peek().is_some_and(|(at, _)| *at <= world.now) {
            let (_, signal) = signals.next().unwrap();
            world.report(Event::Received(signal, Sender::Kernel));
        }
        world.exit_processes();
        let is_timer_due = |world: &World| world.supervisor.wake_at().is_some_and(|at| at <= world.instant());
        // A timer may set another one that is due at once, but not without end.
        for _ in 0..3 {
            if is_timer_due(&world) {
                world.report(Event::TimerExpired);
            }
        }
        let starts = world.supervisor.next_start(world.instant()).is_some();
        assert!(starts || !is_timer_due(&world), "a timer that has fired is not due again");
        if world.exit.is_some() {
            break;
        }
        let wake_at = world.supervisor.wake_at().map(|at| (at - world.start).as_micros().div_ceil(1000) as u64);
        world.check_deadlines();
        if world.start_next() {
            // A start takes time, in which signals arrive and processes exit.
            world.now += 1;
            continue;
        }
        let times = [world.next_exit(), wake_at, signals.peek().map(|(at, _)| *at)];
        world.now = times.into_iter().flatten().min().expect("every run ends").max(world.now + 1);
        assert!(world.now <= STOP_AT + 200_000, "every run ends");
    }
    assert!(!world.has_killable_process(), "no process is alive after the run");
    let millis = |script: &Script| script.policy.timeout.0.map(|timeout| timeout.as_millis() as u64);
    if let Some(began) = world.shutdown_began.filter(|_| !has_infinite_timeout) {
        let began = began + world.rules.stop_delay.as_millis() as u64;
        let behaviours =
            world.scripts.iter().flat_map(|script| [Some(script.leader), script.companion]).chain([daemon]);
        let grace = if behaviours.flatten().any(|it| it.survives) { 2 * LONGEST_GRACE } else { GRACE + 2 };
        let longest = world.scripts.iter().filter_map(millis).max().unwrap_or(0);
        // Each command has the timeout for itself, then for its remaining group, then for leftover processes.
        let after = world.scripts.iter().filter(|script| script.role == Some(HookRole::After)).filter_map(millis);
        let after: u64 = after.map(|timeout| 3 * (timeout + grace)).sum();
        assert!(world.now <= began + longest + grace + after, "the run ends by its deadline");
    }
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    let time = || prop_oneof![Just(None), (0..3000_u64).prop_map(Some)];
    let parts = (time(), time(), prop::bool::weighted(0.03), 0..4_u8);
    parts.prop_map(|(exits_after, stops_after, survives, status)| Behaviour {
        exits_after,
        stops_after,
        survives,
        status,
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let on_exit = prop_oneof![
        Just(OnExit::Stop),
        Just(OnExit::StopOnFailure),
        Just(OnExit::Ignore),
        Just(OnExit::Restart),
        Just(OnExit::RestartOnFailure)
    ];
    let timeout = prop_oneof![
        1 => Just(Timeout(None)),
        1 => Just(Timeout(Some(Duration::ZERO))),
        4 => (0..5000_u64).prop_map(|millis| Timeout(Some(Duration::from_millis(millis)))),
    ];
    let signal = prop_oneof![Just(None), Just(Some(Signal::QUIT))];
    let signal_to = prop_oneof![Just(SignalTo::Auto), Just(SignalTo::Leader), Just(SignalTo::Group)];
    let parts = (on_exit, timeout, signal, signal_to);
    parts.prop_map(|(on_exit, timeout, stop_signal, signal_to)| Policy { stop_signal, timeout, on_exit, signal_to })
}

fn script() -> impl Strategy<Value = Script> {
    let parts = (policy(), prop::bool::weighted(0.95), behaviour(), prop::option::of(behaviour()), any::<bool>());
    parts.prop_map(|(policy, starts, leader, companion, is_shell)| Script {
        role: None,
        policy,
        starts,
        leader,
        companion,
        is_shell,
    })
}

/// Scripts of hooks for `services` services.
fn hook(services: usize) -> impl Strategy<Value = Script> {
    let role = prop_oneof![
        Just(HookRole::Before),
        Just(HookRole::After),
        Just(HookRole::WaitFor),
        (0..services).prop_map(|index| HookRole::Ready(UnitId::new(index))),
        (0..services).prop_map(|index| HookRole::StopCommand(UnitId::new(index))),
    ];
    (role, script()).prop_map(|(role, script)| Script { role: Some(role), ..script })
}

fn cast() -> impl Strategy<Value = Vec<Script>> {
    let services = prop::collection::vec(script(), 1..6);
    services.prop_flat_map(|services| {
        let hooks = prop::collection::vec(hook(services.len()), 0..4);
        hooks.prop_map(move |hooks| services.iter().cloned().chain(hooks).collect())
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    let order = prop_oneof![Just(StopOrder::AtOnce), Just(StopOrder::Reverse), Just(StopOrder::Listed)];
    let delay = prop_oneof![2 => Just(0), 1 => 0..2000_u64];
    (order, delay, 0..8000_u64).prop_map(|(stop_order, delay, wait)| Rules {
        stop_order,
        stop_delay: Duration::from_millis(delay),
        wait_timeout: Timeout(Some(Duration::from_millis(wait))),
        ..Rules::default()
    })
}

fn signals() -> impl Strategy<Value = Vec<(u64, Signal)>> {
    let signal = prop_oneof![
        Just(Signal::TERM),
        Just(Signal::INT),
        Just(Signal::QUIT),
        Just(Signal::HUP),
        Just(Signal::CONT),
        Just(Signal::TSTP)
    ];
    prop::collection::vec((0..6000_u64, signal), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_run_ends_once_by_its_deadline_with_nothing_left(
        scripts in cast(),
        rules in rules(),
        daemon in prop::option::of(behaviour()),
        signals in signals(),
    ) {
        run(scripts, rules, daemon, signals);
    }
}
