//! Random programs: a seed gives the same one each time.

use untrap::exit_status::ExitMapping;
use untrap::signal::{Rewrite, Signal};

use crate::program::{Actor, LONG, Move, Policy, Program, Purpose, Role, Service, Shape};
use crate::support::Place;

/// Splitmix64: small, and every seed is as good as another.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

fn signal(name: &str) -> Signal {
    name.parse().unwrap()
}

const FORWARDED: [&str; 8] = ["HUP", "USR1", "USR2", "WINCH", "CONT", "RTMIN+1", "RTMIN+9", "RTMAX"];
const STOPPING: [&str; 4] = ["TERM", "INT", "QUIT", "RTMIN+3"];
/// The signals that begin the shutdown. SIGQUIT does only in some cases, which the tests of the supervisor have.
const BEGINNING: [&str; 3] = ["TERM", "INT", "RTMIN+3"];
const SHAPES: [Shape; 5] = [Shape::Direct, Shape::Direct, Shape::Exec, Shape::Shell, Shape::Trap];
/// Milliseconds.
const TIMEOUTS: [u64; 6] = [0, 100, 300, 300, 1000, 1000];

/// The services of a program in the making, and their actors.
struct Parts {
    common: Policy,
    services: Vec<Service>,
    /// By service.
    leaders: Vec<Actor>,
    children: Vec<Actor>,
}

pub(crate) fn program(random: &mut Random, places: &[Place]) -> Program {
    let common = Policy { stop_signal: random.one_in(6).then(|| signal(random.pick(&STOPPING))), ..policy(random) };
    let mut parts = Parts { common, services: Vec::new(), leaders: Vec::new(), children: Vec::new() };
    for number in 0..=random.below(5) {
        parts.service(random, number);
    }
    if random.one_in(2) {
        parts.hooks(random);
    }
    let Parts { services, leaders, children, .. } = parts;
    let mut program = Program {
        place: random.pick(places),
        common,
        services,
        actors: leaders.into_iter().chain(children).collect(),
        rewrites: rewrites(random),
        exit_map: exit_map(random),
        stop_order: random.pick(&["at-once", "at-once", "reverse", "listed"]),
        stop_delay: if random.one_in(5) { 1 + random.below(200) as u64 } else { 0 },
        wait_timeout: LONG,
        moves: moves(random),
    };
    // A service's program that does not exist is an error before the start, unless a command runs first that could make it.
    if program.with(|purpose| matches!(purpose, Purpose::Before | Purpose::WaitFor)).next().is_none() {
        for service in program.services.iter_mut().filter(|service| service.is_service()) {
            if service.shape == Shape::Missing {
                service.shape = Shape::Direct;
            }
        }
    }
    // A target that is never ready has a short timeout.
    if program.actors.iter().any(|actor| actor.steps.iter().any(|step| step == "attempt=1000")) {
        program.wait_timeout = 100 + random.below(400) as u64;
    }
    wait_for_restarts(random, &mut program);
    raise_timeouts(random, &mut program);
    program
}

fn policy(random: &mut Random) -> Policy {
    Policy {
        on_exit: random.pick(&["stop", "stop-on-failure", "ignore", "ignore", "restart", "restart-on-failure"]),
        signal_to: random.pick(&["auto", "auto", "leader", "group"]),
        stop_signal: None,
        timeout: random.pick(&TIMEOUTS),
    }
}

impl Parts {
    fn service(&mut self, random: &mut Random, number: usize) {
        let own = policy(random);
        let common = self.common;
        let policy = Policy {
            on_exit: if random.one_in(4) { common.on_exit } else { own.on_exit },
            signal_to: if random.one_in(4) { common.signal_to } else { own.signal_to },
            stop_signal: if random.one_in(3) { Some(signal(random.pick(&STOPPING))) } else { common.stop_signal },
            timeout: if random.one_in(4) { common.timeout } else { own.timeout },
        };
        let shape = if random.one_in(50) { Shape::Missing } else { random.pick(&SHAPES) };
        let children = random.pick(&[0, 0, 0, 1, 2]);
        let mut steps = behaviour(random);
        if policy.on_exit.starts_with("restart") && random.one_in(2) {
            let exits = ["exit", "crash", "stop", "hang"];
            steps.retain(|step| !exits.iter().any(|exit| step.starts_with(exit)));
            steps.push(format!("fails={}", random.pick(&[1, 1, 2])));
            if random.one_in(3) {
                // It delays the restart until it receives the stop signal.
                let name = format!("e{number}-left");
                steps.insert(0, format!("fork={name}:write=1"));
                let steps = vec!["write=1".to_owned()];
                self.children.push(Actor { name, service: number, role: Role::Member, steps });
            }
        }
        let service = Service { name: format!("e{number}"), purpose: Purpose::Service, shape, policy };
        self.add(random, service, children, steps);
    }

    /// Adds a service with a leader that does this, and children of any kind.
    fn add(&mut self, random: &mut Random, service: Service, children: usize, steps: Vec<String>) {
        let number = self.services.len();
        let mut all = Vec::new();
        for child in 0..children {
            let (role, step) = random.pick(&[(Role::Member, "fork"), (Role::Daemon, "daemon")]);
            let name = format!("{}-{child}", service.name);
            let steps = behaviour(random);
            all.push(format!("{step}={name}:{}", steps.join(":")));
            self.children.push(Actor { name, service: number, role, steps });
        }
        all.extend(steps);
        let role = if matches!(service.shape, Shape::Shell | Shape::Trap) { Role::InShell } else { Role::Leader };
        self.leaders.push(Actor { name: service.name.clone(), service: number, role, steps: all });
        self.services.push(service);
    }

    fn hook(&mut self, random: &mut Random, name: String, purpose: Purpose, children: usize, steps: &[&str]) {
        let (timeout, shape) = match purpose {
            Purpose::WaitFor | Purpose::Ready(_) => (self.common.timeout, Shape::Direct),
            Purpose::StopCommand(of) => (self.services[of].policy.timeout, Shape::Direct),
            _ => (self.common.timeout, random.pick(&[Shape::Direct, Shape::Direct, Shape::Exec, Shape::Shell])),
        };
        let shape = if random.one_in(25) { Shape::Missing } else { shape };
        let policy = Policy { on_exit: "ignore", signal_to: "auto", stop_signal: None, timeout };
        let steps = steps.iter().map(ToString::to_string).collect();
        self.add(random, Service { name, purpose, shape, policy }, children, steps);
    }

    fn hooks(&mut self, random: &mut Random) {
        let services = self.services.len();
        for number in 1..=random.pick(&[0, 0, 0, 1, 2]) {
            let attempts = random.pick(&["attempt=1", "attempt=1", "attempt=2", "attempt=3", "attempt=1000"]);
            self.hook(random, format!("wait.{number}"), Purpose::WaitFor, 0, &[attempts]);
        }
        for number in 1..=random.pick(&[0, 0, 1, 2]) {
            let end =
                random.pick(&["exit=0", "exit=0", "exit=0", "exit=0", "exit=3", "crash=SIGABRT", "hang", "write=1"]);
            let children = usize::from(random.one_in(6));
            let sleep = format!("sleep={}", random.below(60));
            self.hook(random, format!("before.{number}"), Purpose::Before, children, &[&sleep, end]);
        }
        for service in 0..services {
            if random.one_in(6) {
                let attempts = random.pick(&["attempt=1", "attempt=2", "attempt=2", "attempt=1000"]);
                self.hook(random, format!("e{service}.ready"), Purpose::Ready(service), 0, &[attempts]);
            }
            if random.one_in(4) {
                let signals = format!("signal={}", signal(random.pick(&STOPPING)));
                let signals = signals.as_str();
                let acts = [[signals, "exit=0"], [signals, "exit=0"], [signals, "exit=4"], ["write=1", "exit=4"]];
                let acts = random.pick(&[acts[0], acts[1], acts[2], acts[3], ["write=1", "exit=0"], [signals, "hang"]]);
                let steps = [["show=UNTRAP_NAME", "show=UNTRAP_PID"], acts].concat();
                self.hook(random, format!("e{service}.stop"), Purpose::StopCommand(service), 0, &steps);
            }
        }
        for number in 1..=random.pick(&[0, 0, 1, 2]) {
            let end =
                random.pick(&["exit=0", "exit=0", "exit=0", "exit=6", "exit=143", "crash=SIGABRT", "hang", "write=1"]);
            let children = usize::from(random.one_in(4));
            let steps = ["show=UNTRAP_EXIT_CODE", "show=UNTRAP_SIGNAL", end];
            self.hook(random, format!("after.{number}"), Purpose::After, children, &steps);
        }
    }
}

/// At least one step.
fn behaviour(random: &mut Random) -> Vec<String> {
    let mut steps = vec![format!("write={}", random.below(2000))];
    if random.one_in(6) {
        steps.push("ignore-stop".to_owned());
    }
    if random.one_in(2) {
        steps.push(format!("sleep={}", random.below(300)));
    }
    match random.below(10) {
        0 => steps.push(format!("exit={}", random.pick(&[0, 0, 1, 3, 143, 255]))),
        1 => steps.push(format!("crash={}", random.pick(&["SIGTERM", "SIGKILL", "SIGABRT", "SIGUSR1", "SIGHUP"]))),
        2 => steps.push("stop".to_owned()),
        3 => steps.push("hang".to_owned()),
        _ => {}
    }
    steps
}

fn rewrites(random: &mut Random) -> Vec<Rewrite> {
    if !random.one_in(3) {
        return Vec::new();
    }
    let pairs = [("HUP", "RTMIN+3"), ("USR1", "USR2"), ("RTMIN+9", "RTMIN+1"), ("TERM", "INT"), ("WINCH", "RTMIN+2")];
    let (from, to) = random.pick(&pairs);
    vec![Rewrite { from: signal(from), to: (!random.one_in(4)).then(|| signal(to)) }]
}

fn exit_map(random: &mut Random) -> Vec<ExitMapping> {
    if !random.one_in(3) {
        return Vec::new();
    }
    let pairs = [(143, 0), (0, 5), (3, 0), (6, 0), (124, 0), (137, 1), (127, 3), (5, 6)];
    (0..=random.below(4)).map(|_| random.pick(&pairs)).map(|(from, to)| ExitMapping { from, to }).collect()
}

fn moves(random: &mut Random) -> Vec<Move> {
    let mut moves = Vec::new();
    if !random.one_in(5) {
        moves.push(Move::WaitUntilReady);
    }
    for _ in 0..random.below(12) {
        if random.one_in(2) {
            moves.push(Move::Wait(random.below(40) as u64));
        }
        for _ in 0..random.pick(&[1, 1, 1, 5]) {
            moves.push(Move::Send(signal(random.pick(&FORWARDED))));
        }
        if random.one_in(12) {
            moves.push(Move::Send(signal(random.pick(&BEGINNING))));
        }
        if random.one_in(20) {
            moves.push(Move::Suspend);
        }
    }
    if random.one_in(6) {
        // Ctrl-C, twice.
        moves.extend([Move::Send(Signal::INT), Move::Wait(random.pick(&[0, 30, 600, 600])), Move::Send(Signal::INT)]);
    }
    moves
}

/// If a service certainly restarts, some programs wait for that.
fn wait_for_restarts(random: &mut Random, program: &mut Program) {
    let is_failure = |step: &String| {
        (step.starts_with("exit=") && step != "exit=0") || step.starts_with("crash=") || step.starts_with("fails=")
    };
    let fails = |actor: &Actor| actor.steps.iter().any(is_failure);
    let comes_back = |number: &usize| {
        let actor = &program.actors[*number];
        let shape = program.services[*number].shape;
        match program.services[*number].policy.on_exit {
            _ if shape == Shape::Missing => false,
            "restart" => actor.exits(),
            "restart-on-failure" => actor.exits() && (fails(actor) || shape == Shape::Trap),
            _ => false,
        }
    };
    // A service that is never started is never restarted.
    let blocked = program.with(|purpose| purpose == Purpose::Before).any(|before| !program.actors[before].exits());
    let Some(service) = program.services().find(comes_back).filter(|_| !blocked && !random.one_in(4)) else { return };
    let place = random.below(program.moves.len() + 1);
    let times = match program.actors[service].failures() {
        0 => random.pick(&[1, 1, 2]),
        failures => failures,
    };
    program.moves.insert(place, Move::WaitUntilRestarted(service, times));
}

/// Gives a long timeout to services that stop in time, so that a kill of one of them is an error.
fn raise_timeouts(random: &mut Random, program: &mut Program) {
    if random.one_in(4) {
        return;
    }
    if !daemons_stop_when_signalled(program) {
        return;
    }
    let services = program.services().count();
    let stops_in_time: Vec<bool> = (0..services).map(|number| stops_when_signalled(program, number)).collect();
    for (number, stops_in_time) in stops_in_time.into_iter().enumerate() {
        if stops_in_time && !random.one_in(5) {
            program.services[number].policy.timeout = LONG;
        }
    }
    let hooks = |number: &usize| matches!(program.services[*number].purpose, Purpose::Before | Purpose::After);
    let mut hooks = (services..program.services.len()).filter(hooks);
    if hooks.all(|number| stops_when_signalled(program, number)) && random.one_in(2) {
        program.common.timeout = LONG;
    }
    for number in services..program.services.len() {
        program.services[number].policy.timeout = match program.services[number].purpose {
            Purpose::StopCommand(of) => program.services[of].policy.timeout,
            _ => program.common.timeout,
        };
    }
}

/// Whether all daemons receive the stop signal and exit then.
fn daemons_stop_when_signalled(program: &Program) -> bool {
    let is_daemon = |actor: &Actor| actor.role == Role::Daemon;
    if program.actors.iter().any(|actor| is_daemon(actor) && !actor.stops_when_signalled()) {
        return false;
    }
    // A daemon that starts in a process group after that was signalled, and leaves it, receives no signal.
    let services = program.services().count();
    let of_service = |actor: &&Actor| actor.service < services;
    let all_stay = program.actors.iter().filter(of_service).all(|actor| actor.stays(1));
    let ready =
        matches!(program.moves.first(), Some(Move::WaitUntilReady)) && all_stay && services == program.services.len();
    let comes_back = |actor: &Actor| program.services[actor.service].may_restart();
    !program.actors.iter().any(|actor| is_daemon(actor) && (!ready || comes_back(actor)))
}

/// Whether all processes of a service exit soon after the stop signal.
fn stops_when_signalled(program: &Program, number: usize) -> bool {
    let service = &program.services[number];
    let children = program.actors_of(number).count() > 1;
    // A shell that alone receives a signal runs its trap only when its program has exited.
    let hidden = match service.shape {
        Shape::Trap => service.policy.signal_to == "leader" || service.may_restart(),
        Shape::Shell => service.policy.signal_to == "leader",
        _ => false,
    };
    let alone = match service.purpose {
        // A process that a shell starts after its process group was signalled receives no signal.
        Purpose::Service => !(service.may_restart() && children && service.shape == Shape::Shell),
        // It receives no stop signal.
        Purpose::After => !children && program.actors[number].exits(),
        _ => !children,
    };
    let asked = program.stop_command_of(number).is_none_or(|command| {
        let has = |wanted: &str| program.actors[command].steps.iter().any(|step| step.starts_with(wanted));
        program.services[command].shape == Shape::Missing || (has("exit") && (has("signal") || has("exit=4")))
    });
    program.actors_of(number).all(Actor::stops_when_signalled) && !hidden && alone && asked
}
