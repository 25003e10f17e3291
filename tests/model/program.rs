//! Random programs: what to run, with which options, and what to send it when. A seed gives the same one each time.

use std::fmt::Write as _;

use untrap::signal::{Rewrite, Signal};
use untrap::status::ExitMapping;

use crate::support::{Place, Scene, actor};

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

/// Who an actor is to untrap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// The leader itself.
    Leader,
    /// The program that a shell, which is the leader, runs in the foreground.
    InShell,
    /// A child of one of these, in the same group.
    Member,
    /// It has left the group, the session and its parent.
    Daemon,
}

#[derive(Clone, Debug)]
pub(crate) struct Actor {
    /// Also the name of its log.
    pub(crate) name: String,
    /// Its entry, by number.
    pub(crate) entry: usize,
    pub(crate) role: Role,
    pub(crate) steps: Vec<String>,
}

impl Actor {
    /// Whether it ends when it is told to, if not before.
    pub(crate) fn heeds(&self) -> bool {
        !self.steps.iter().any(|step| ["deaf", "hang", "stop"].contains(&step.as_str()))
    }

    /// Whether only a signal ends it, and it looks at all of them until then.
    pub(crate) fn stays(&self) -> bool {
        !self.steps.iter().any(|step| ["exit", "crash", "hang", "stop"].iter().any(|end| step.starts_with(end)))
    }
}

/// A timeout that is over only where something is broken, in milliseconds. It is half of what the tests wait for.
pub(crate) const PATIENT: u64 = 15_000;

/// How an actor becomes an entry's leader, or doesn't.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    Direct,
    /// Behind a shell that becomes the actor.
    Exec,
    /// Behind a shell that stays.
    Shell,
    /// Behind a shell with a trap.
    Trap,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) shape: Shape,
    pub(crate) on_exit: &'static str,
    pub(crate) signal_to: &'static str,
    pub(crate) stop_signal: Option<Signal>,
    /// Milliseconds.
    pub(crate) timeout: u64,
}

/// What is done to untrap.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    /// Milliseconds.
    Wait(u64),
    /// Until every actor is ready, or the stop has begun.
    WaitUntilReady,
    Send(Signal),
    /// SIGTSTP, and SIGCONT once it has stopped.
    Suspend,
}

#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) place: Place,
    pub(crate) entries: Vec<Entry>,
    /// The actors of the entries first, in their order.
    pub(crate) actors: Vec<Actor>,
    pub(crate) rewrites: Vec<Rewrite>,
    pub(crate) exit_map: Vec<ExitMapping>,
    pub(crate) moves: Vec<Move>,
}

fn signal(name: &str) -> Signal {
    name.parse().unwrap()
}

const FORWARDED: [&str; 8] = ["HUP", "USR1", "USR2", "WINCH", "CONT", "RTMIN+1", "RTMIN+9", "RTMAX"];
const STOPPING: [&str; 4] = ["TERM", "INT", "QUIT", "RTMIN+3"];

impl Program {
    pub(crate) fn random(random: &mut Random, places: &[Place]) -> Self {
        let count = 1 + random.below(5);
        let mut actors = Vec::new();
        let mut entries: Vec<Entry> = (0..count).map(|number| random_entry(random, number, &mut actors)).collect();
        let mut rewrites = Vec::new();
        if random.one_in(3) {
            let (from, to) = random.pick(&[("HUP", "QUIT"), ("USR1", "USR2"), ("RTMIN+9", "RTMIN+1"), ("TERM", "INT")]);
            rewrites.push(Rewrite { from: signal(from), to: (!random.one_in(4)).then(|| signal(to)) });
        }
        let exit_map = if random.one_in(4) { vec![ExitMapping { from: 143, to: 0 }] } else { Vec::new() };
        let moves = random_moves(random);
        // A shell that is told alone heeds its trap only when its program has ended. A daemon that is born into a group
        // after that was told, and leaves it, is told by nobody.
        let hidden = entries.iter().any(|entry| entry.shape == Shape::Trap && entry.signal_to == "leader");
        let ready = matches!(moves.first(), Some(Move::WaitUntilReady)) && actors.iter().all(Actor::stays);
        let untold = !ready && actors.iter().any(|actor| actor.role == Role::Daemon);
        if actors.iter().all(Actor::heeds) && !hidden && !untold && !random.one_in(4) {
            for entry in &mut entries {
                entry.timeout = PATIENT;
            }
        }
        Self { place: random.pick(places), entries, actors, rewrites, exit_map, moves }
    }

    /// untrap's arguments.
    pub(crate) fn arguments(&self, scene: &Scene) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        for (number, entry) in self.entries.iter().enumerate() {
            option("--timeout", format!("e{number}={}ms", entry.timeout));
            option("--on-exit", format!("e{number}={}", entry.on_exit));
            option("--signal-to", format!("e{number}={}", entry.signal_to));
            if let Some(signal) = entry.stop_signal {
                option("--stop-signal", format!("e{number}={signal}"));
            }
        }
        for Rewrite { from, to } in &self.rewrites {
            option("--rewrite", format!("{from}={}", to.map_or("none".to_owned(), |to| to.to_string())));
        }
        for ExitMapping { from, to } in &self.exit_map {
            option("--exit-map", format!("{from}={to}"));
        }
        let entries = self.entries.iter().enumerate();
        arguments
            .extend(entries.map(|(number, entry)| format!("e{number}: {}", self.line(scene, number, entry.shape))));
        arguments
    }

    fn line(&self, scene: &Scene, number: usize, shape: Shape) -> String {
        let own = &self.actors[number];
        let mut line = format!("{} {}", actor().display(), scene.path(&own.name).display());
        for step in &own.steps {
            write!(line, " {step}").unwrap();
        }
        for child in self.actors.iter().filter(|child| child.entry == number && child.name != own.name) {
            // It is made by its place in the steps: a child's name stands there instead of its path.
            let path = scene.path(&child.name).display().to_string();
            line = line.replace(&format!("={}:", child.name), &format!("={path}:"));
        }
        match shape {
            Shape::Direct => line,
            Shape::Exec => format!(": ; exec {line}"),
            Shape::Shell => format!("{line}; exit $?"),
            Shape::Trap => format!("trap 'exit 7' TERM INT QUIT; {line}; exit 9"),
        }
    }
}

fn random_entry(random: &mut Random, number: usize, actors: &mut Vec<Actor>) -> Entry {
    let shape = random.pick(&[Shape::Direct, Shape::Direct, Shape::Exec, Shape::Shell, Shape::Trap]);
    let role = if matches!(shape, Shape::Direct | Shape::Exec) { Role::Leader } else { Role::InShell };
    let mut children = Vec::new();
    let mut steps = Vec::new();
    for child in 0..random.pick(&[0, 0, 0, 1, 2]) {
        let (role, step) = random.pick(&[(Role::Member, "fork"), (Role::Daemon, "daemon")]);
        let name = format!("e{number}.{child}");
        let own = random_behaviour(random);
        steps.push(format!("{step}={name}:{}", own.join(":")));
        children.push(Actor { name, entry: number, role, steps: own });
    }
    steps.extend(random_behaviour(random));
    // The leaders come first, so that an entry's number is its actor's too.
    actors.insert(number, Actor { name: format!("e{number}"), entry: number, role, steps });
    actors.extend(children);
    Entry {
        shape,
        on_exit: random.pick(&["stop", "stop-on-failure", "ignore", "ignore"]),
        signal_to: random.pick(&["auto", "auto", "leader", "group"]),
        stop_signal: random.one_in(3).then(|| signal(random.pick(&STOPPING))),
        timeout: random.pick(&[0, 100, 300, 300, 1000, 1000]),
    }
}

/// At least one step, and where it can't stay, an end.
fn random_behaviour(random: &mut Random) -> Vec<String> {
    let mut steps = vec![format!("write={}", random.below(2000))];
    if random.one_in(6) {
        steps.push("deaf".to_owned());
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

fn random_moves(random: &mut Random) -> Vec<Move> {
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
            moves.push(Move::Send(signal(random.pick(&STOPPING))));
        }
        if random.one_in(20) {
            moves.push(Move::Suspend);
        }
    }
    if random.one_in(6) {
        // Ctrl-C, twice.
        moves.extend([Move::Send(Signal::INT), Move::Wait(random.below(30) as u64), Move::Send(Signal::INT)]);
    }
    moves
}
