//! What holds in every run, whatever the services do and whenever signals arrive: the state machine against a simulated
//! world of processes.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use untrap::config::policy::{OnExit, Policy, Rules, SignalTo, StopOrder, Timeout};
use untrap::config::unit::{Role, UnitId};
use untrap::exit_status::ExitStatus;
use untrap::signal::{Sender, Signal};
use untrap::supervisor::Supervisor;
use untrap::supervisor::action::{Action, Actions};
use untrap::supervisor::event::{Event, Receivers};
use untrap::supervisor::message::{Consequence, Message};

/// After this time the user wants the end; where a timeout is `inf`, with Ctrl-C, again and again.
const PATIENCE: u64 = 30_000;
/// From one Ctrl-C to the next.
const NAGGING: u64 = 1_500;
/// untrap may take this much longer than the deadline: it gives up after a second.
const GRACE: u64 = 1_000;
/// And where others go on ending, after ten.
const LONGEST_GRACE: u64 = 11_000;

/// What a process does; times in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Behaviour {
    /// Ends by itself after this time.
    ends_after: Option<u64>,
    /// Ends this long after its stop signal; `None`: ignores it.
    obeys_after: Option<u64>,
    /// SIGKILL does not end it.
    survives: bool,
    status: u8,
}

#[derive(Clone, Debug)]
struct Script {
    role: Role,
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
    ends_at: Option<u64>,
    told: u32,
}

impl Process {
    fn new(behaviour: Behaviour, now: u64) -> Self {
        Self { behaviour, ends_at: behaviour.ends_after.map(|after| now + after), told: 0 }
    }

    fn kill(&mut self, now: u64) {
        if !self.behaviour.survives {
            self.ends_at = Some(now + 1);
        }
    }

    fn tell(&mut self, now: u64) {
        self.told += 1;
        let obeys_at = self.behaviour.obeys_after.map(|after| now + after);
        self.ends_at = [self.ends_at, obeys_at].into_iter().flatten().min();
    }
}

#[derive(Debug, Default)]
struct Slot {
    started: bool,
    leader: Option<Process>,
    companion: Option<Process>,
    /// The leader has ended and is not reaped.
    zombie: bool,
    /// The machine was told that nobody is left.
    gone: bool,
    killed_at: Option<u64>,
}

impl Slot {
    fn alive(&self) -> bool {
        self.leader.is_some() || self.companion.is_some()
    }
}

struct World {
    scripts: Vec<Script>,
    rules: Rules,
    slots: Vec<Slot>,
    /// What the first service to start leaves behind outside its group.
    daemon: Option<Behaviour>,
    leftover: Option<Process>,
    supervisor: Supervisor,
    start: Instant,
    now: u64,
    stop_began: Option<u64>,
    exit: Option<u8>,
}

impl World {
    fn instant(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    fn tell(&mut self, event: Event) {
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
                assert_ne!(signal, Signal::KILL, "no service here asks for that");
                match receivers {
                    Receivers::Leader => slot.leader.iter_mut().for_each(|process| process.tell(now)),
                    Receivers::Group => {
                        slot.leader.iter_mut().chain(&mut slot.companion).for_each(|process| process.tell(now));
                    }
                }
                for process in slot.leader.iter().chain(&slot.companion) {
                    assert!(process.told <= 1, "each receiver gets the stop signal once");
                }
                Some(Event::StopSignalSent(id, receivers))
            }
            Action::Send(id, _, to) => {
                // SIGCONT may come behind the last breath of the one that was told.
                if !self.slots[id].gone {
                    self.receivers(id, to);
                }
                None
            }
            Action::Kill(id, _) => {
                self.receivers(id, SignalTo::Group);
                let slot = &mut self.slots[id];
                assert_eq!(slot.killed_at, None, "killed once");
                slot.killed_at = Some(now);
                slot.leader.iter_mut().chain(&mut slot.companion).for_each(|process| process.kill(now));
                None
            }
            Action::Reap(id) => {
                assert!(self.slots[id].zombie, "only an ended leader is reaped, once");
                self.slots[id].zombie = false;
                self.emptied(id)
            }
            Action::CheckGroup(id) => self.emptied(id),
            Action::SignalLeftovers(_) => {
                let members = self.slots.iter().flat_map(|slot| slot.leader.iter().chain(&slot.companion));
                let mut mortal = members.filter(|process| !process.behaviour.survives);
                assert!(mortal.next().is_none(), "leftovers come after the groups");
                self.leftover.iter_mut().for_each(|process| process.tell(now));
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
                self.stop_began.get_or_insert(now);
                None
            }
            Action::GiveTerminal(_) | Action::Suspend | Action::Log(_) => None,
        }
    }

    /// Who gets a signal; it may only go where somebody, or a zombie of his, is.
    fn receivers(&self, id: UnitId, to: SignalTo) -> Receivers {
        let slot = &self.slots[id];
        assert!(slot.alive() || slot.zombie, "no signal to a group that is gone");
        match to {
            SignalTo::Group => Receivers::Group,
            SignalTo::Auto if self.scripts[id].is_shell => Receivers::Group,
            SignalTo::Auto | SignalTo::Leader => Receivers::Leader,
        }
    }

    fn emptied(&mut self, id: UnitId) -> Option<Event> {
        let slot = &mut self.slots[id];
        let gone = !slot.gone && !slot.alive() && !slot.zombie;
        slot.gone |= gone;
        gone.then_some(Event::GroupEmptied(id))
    }

    fn start_next(&mut self) -> bool {
        let Some(id) = self.supervisor.next_start(self.instant()) else { return false };
        let script = self.scripts[id].clone();
        match script.role {
            Role::After => {
                assert!(!self.anyone_lives(), "what comes after has nobody beside it");
            }
            Role::StopCommand(of) => assert!(self.slots[of].leader.is_some(), "whom it is to stop is there"),
            _ => assert_eq!(self.stop_began, None, "nothing starts once the stop has begun"),
        }
        if script.starts {
            let slot = &mut self.slots[id];
            assert!(!slot.alive() && !slot.zombie, "the old group is empty before the new leader starts");
            *slot = Slot { started: true, ..Slot::default() };
            slot.leader = Some(Process::new(script.leader, self.now));
            slot.companion = script.companion.map(|behaviour| Process::new(behaviour, self.now));
            if let Some(daemon) = self.daemon.take() {
                self.leftover = Some(Process::new(daemon, self.now));
            }
            self.tell(Event::Started(id));
        } else {
            self.slots[id].gone = true;
            if !matches!(script.role, Role::StopCommand(_) | Role::After) {
                self.stop_began.get_or_insert(self.now);
            }
            self.tell(Event::StartFailed(id, 127));
        }
        true
    }

    /// Ends everything whose time has come.
    fn end_processes(&mut self) {
        let now = self.now;
        let over = |process: &Option<Process>| process.is_some_and(|p| p.ends_at.is_some_and(|at| at <= now));
        let mut reaped = false;
        for id in (0..self.slots.len()).map(UnitId::new) {
            if over(&self.slots[id].companion) {
                self.slots[id].companion = None;
                reaped = true;
            }
            if over(&self.slots[id].leader) {
                let status = self.slots[id].leader.take().unwrap().behaviour.status;
                self.slots[id].zombie = true;
                reaped = true;
                self.tell(Event::LeaderExited(id, ExitStatus::Exited(status)));
            } else if self.slots[id].leader.is_none()
                && self.slots[id].started
                && let Some(event) = self.emptied(id)
            {
                self.tell(event);
            }
        }
        if over(&self.leftover) {
            self.leftover = None;
            reaped = true;
        }
        if reaped {
            let children_left = self.leftover.is_some() || self.slots.iter().any(Slot::alive);
            self.tell(Event::Reaped { children_left });
        }
    }

    /// When something happens by itself.
    fn next_time(&self) -> Option<u64> {
        let slots = self.slots.iter().flat_map(|slot| slot.leader.iter().chain(&slot.companion));
        slots.chain(&self.leftover).filter_map(|process| process.ends_at).min()
    }

    /// Whether anyone lives whom SIGKILL would end.
    fn anyone_lives(&self) -> bool {
        let members = self.slots.iter().flat_map(|slot| slot.leader.iter().chain(&slot.companion));
        members.chain(&self.leftover).any(|process| !process.behaviour.survives)
    }

    fn deadline(&self, id: UnitId) -> Option<u64> {
        let delay = self.rules.stop_delay.as_millis() as u64;
        Some(self.stop_began? + delay + self.scripts[id].policy.timeout.0?.as_millis() as u64)
    }

    /// Everything that should have ended by now has.
    fn check_deadlines(&self) {
        for (index, slot) in self.slots.iter().enumerate().filter(|(_, slot)| slot.alive()) {
            let id = UnitId::new(index);
            let has_its_own_time = self.scripts[id].role == Role::After;
            if !has_its_own_time && self.deadline(id).is_some_and(|deadline| deadline <= self.now) {
                assert!(slot.killed_at.is_some(), "service {index} is killed by its deadline");
            }
        }
    }
}

fn run(scripts: Vec<Script>, rules: Rules, daemon: Option<Behaviour>, mut signals: Vec<(u64, Signal)>) {
    signals.sort_by_key(|(at, _)| *at);
    let waits_for_ever = scripts.iter().any(|script| script.policy.timeout.0.is_none());
    signals.push((PATIENCE, Signal::TERM));
    if waits_for_ever {
        signals.extend((1..100).map(|time| (PATIENCE + time * NAGGING, Signal::INT)));
    }
    let mut world = World {
        supervisor: Supervisor::new(scripts.iter().map(|script| (script.role, script.policy)), rules.clone(), 1),
        rules,
        slots: scripts.iter().map(|_| Slot::default()).collect(),
        scripts,
        daemon,
        leftover: None,
        start: Instant::now(),
        now: 0,
        stop_began: None,
        exit: None,
    };
    let mut signals = signals.into_iter().peekable();
    while world.exit.is_none() {
        while signals.peek().is_some_and(|(at, _)| *at <= world.now) {
            let (_, signal) = signals.next().unwrap();
            world.tell(Event::Received(signal, Sender::Kernel));
        }
        world.end_processes();
        let time_has_come = |world: &World| world.supervisor.wake_at().is_some_and(|at| at <= world.instant());
        // What begins with one time may be due at once, but not again and again.
        for _ in 0..3 {
            if time_has_come(&world) {
                world.tell(Event::TimerExpired);
            }
        }
        let starts = world.supervisor.next_start(world.instant()).is_some();
        assert!(starts || !time_has_come(&world), "no time comes again and again");
        if world.exit.is_some() {
            break;
        }
        let wake_at = world.supervisor.wake_at().map(|at| (at - world.start).as_micros().div_ceil(1000) as u64);
        world.check_deadlines();
        if world.start_next() {
            // Starting takes time, in which signals arrive and processes end.
            world.now += 1;
            continue;
        }
        let times = [world.next_time(), wake_at, signals.peek().map(|(at, _)| *at)];
        world.now = times.into_iter().flatten().min().expect("every run ends").max(world.now + 1);
        assert!(world.now <= PATIENCE + 200_000, "every run ends");
    }
    assert!(!world.anyone_lives(), "nothing lives after the end");
    let millis = |script: &Script| script.policy.timeout.0.map(|timeout| timeout.as_millis() as u64);
    if let Some(began) = world.stop_began.filter(|_| !waits_for_ever) {
        let began = began + world.rules.stop_delay.as_millis() as u64;
        let behaviours =
            world.scripts.iter().flat_map(|script| [Some(script.leader), script.companion]).chain([daemon]);
        let grace = if behaviours.flatten().any(|it| it.survives) { 2 * LONGEST_GRACE } else { GRACE + 2 };
        let longest = world.scripts.iter().filter_map(millis).max().unwrap_or(0);
        // Each has the timeout for itself, then for whom it leaves in its group, then for who has left that.
        let after = world.scripts.iter().filter(|script| script.role == Role::After).filter_map(millis);
        let after: u64 = after.map(|timeout| 3 * (timeout + grace)).sum();
        assert!(world.now <= began + longest + grace + after, "the run ends by its deadline");
    }
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    let time = || prop_oneof![Just(None), (0..3000_u64).prop_map(Some)];
    let parts = (time(), time(), prop::bool::weighted(0.03), 0..4_u8);
    parts.prop_map(|(ends_after, obeys_after, survives, status)| Behaviour {
        ends_after,
        obeys_after,
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
        role: Role::Service,
        policy,
        starts,
        leader,
        companion,
        is_shell,
    })
}

/// Scripts of what runs beside `services` services.
fn hook(services: usize) -> impl Strategy<Value = Script> {
    let role = prop_oneof![
        Just(Role::Before),
        Just(Role::After),
        Just(Role::WaitFor),
        (0..services).prop_map(|index| Role::Ready(UnitId::new(index))),
        (0..services).prop_map(|index| Role::StopCommand(UnitId::new(index))),
    ];
    (role, script()).prop_map(|(role, script)| Script { role, ..script })
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
