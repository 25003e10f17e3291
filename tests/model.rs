//! Random programs and random signals against the real binary. Each run is checked from the outside.
//!
//! `UNTRAP_MODEL_RUNS=10000 cargo test --test model` runs long; `UNTRAP_MODEL_SEED=…`, which a failure prints, runs one
//! program again, `UNTRAP_MODEL_RUNS` times, because a run also depends on timing.

#[path = "model/check.rs"]
mod check;
#[path = "model/journal.rs"]
mod journal;
#[path = "model/log.rs"]
mod log;
#[path = "model/order.rs"]
mod order;
#[path = "model/program.rs"]
mod program;
#[path = "model/random.rs"]
mod random;
#[path = "model/receipts.rs"]
mod receipts;
#[path = "model/run.rs"]
mod run;
#[path = "support/mod.rs"]
mod support;

use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use program::{Actor, Move, Program, Purpose};
use random::Random;
use run::{Observed, Sent};
use support::{Place, Running, Scene, places, processes_with, try_kill, wait_for};
use untrap::signal::Signal;

/// About five seconds.
const RUNS: u64 = 40;
/// The journal of all actors.
const JOURNAL: &str = "journal";
/// The number of runs at the same time; most of a run is waiting.
const AT_ONCE: usize = 4;

#[test]
#[expect(clippy::disallowed_methods, reason = "the time is a seed")]
fn every_run_is_as_the_contract_says() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let replayed = number("UNTRAP_MODEL_SEED");
    let runs = number("UNTRAP_MODEL_RUNS").unwrap_or(if replayed.is_some() { 1 } else { RUNS });
    let places = places();
    let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let mut seeds = Random::new(start);
    let seeds = Mutex::new((0..runs).map(move |_| replayed.unwrap_or_else(|| seeds.next())));
    let broken = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(seed) = { seeds.lock().unwrap().next() } {
                    let Err(what) = std::panic::catch_unwind(|| run(seed, &places)).unwrap_or_else(panicked) else {
                        continue;
                    };
                    // Print it now, because a long test takes hours.
                    let rule = what.lines().next().unwrap_or_default();
                    let _ = writeln!(std::io::stderr(), "UNTRAP_MODEL_SEED={seed}: {rule}");
                    broken.lock().unwrap().push(format!("UNTRAP_MODEL_SEED={seed}\n{what}"));
                }
            });
        }
    });
    let broken = broken.into_inner().unwrap();
    assert!(broken.is_empty(), "{} of {runs} runs broke a rule\n{}", broken.len(), broken.join("\n\n"));
}

fn panicked(payload: Box<dyn std::any::Any + Send>) -> Result<(), String> {
    Err(payload.downcast::<String>().map_or_else(|_| "a panic".to_owned(), |text| *text))
}

#[expect(clippy::disallowed_methods, reason = "the program of a run has pauses")]
fn run(seed: u64, places: &[Place]) -> Result<(), String> {
    let program = random::program(&mut Random::new(seed), places);
    let scene = Scene::new();
    let mut command = scene.untrap_in(program.place);
    command.env("ACTOR_JOURNAL", scene.path(JOURNAL));
    let untrap = Running::new(program.place, command.args(program.arguments(&scene)));
    wait_for("untrap has blocked signals", || blocks_signals(untrap.pid()).then_some(()));
    let mut sent = Vec::new();
    for step in &program.moves {
        match step {
            Move::Wait(millis) => std::thread::sleep(Duration::from_millis(*millis)),
            Move::WaitUntilReady => wait_until_ready(&program, &scene, &untrap),
            Move::WaitUntilRestarted(service, times) => {
                wait_until_restarted(&program.actors[*service].name, *times, &scene, &untrap);
            }
            Move::Send(signal) => sent.push(send(&scene, &untrap, *signal)),
            Move::Suspend => {
                sent.push(send(&scene, &untrap, Signal::TSTP));
                // PID 1 cannot be stopped, and an untrap that exits may not be.
                let stopped = || program.place == Place::Pid1 || matches!(untrap.state().as_str(), "T" | "Z" | "");
                wait_for("untrap is stopped", || stopped().then_some(()));
                sent.push(send(&scene, &untrap, Signal::CONT));
            }
        }
    }
    // Stop the run if it is not over.
    let dropped = program.rewrites.iter().any(|rewrite| rewrite.from == Signal::TERM && rewrite.to.is_none());
    sent.push(send(&scene, &untrap, if dropped { Signal::INT } else { Signal::TERM }));
    let end = untrap.end();
    let left = processes_with(scene.path("").to_str().unwrap());
    let journal = scene.lines(JOURNAL);
    let observed = Observed { program: &program, sent, journal, left, status: end.status, messages: &end.messages };
    check::check(&observed)
        .map_err(|rule| format!("{rule}\n{program:#?}\n{:#?}\n{:#?}", observed.messages, observed.journal))
}

fn send(scene: &Scene, untrap: &Running, signal: Signal) -> Sent {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).expect("the clock can be read");
    let sent = Sent { signal, millis: Duration::from(time).as_millis() as u64, lines: scene.lines(JOURNAL).len() };
    try_kill(untrap.pid(), signal);
    sent
}

/// Before untrap has blocked signals, a signal kills it as any program.
fn blocks_signals(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    support::state(pid) == "Z" || mask.is_none_or(|mask| mask.trim() != "0000000000000000")
}

/// Whether the run is over before all services have started.
fn is_over(line: &str) -> bool {
    ["\"failure\"", "\"shutdown\"", "\"start-failed\"", "\"wait-timeout\"", "\"exit\""]
        .iter()
        .any(|over| line.contains(over))
}

fn wait_until_ready(program: &Program, scene: &Scene, untrap: &Running) {
    let before = program.with(|purpose| purpose == Purpose::Before).find(|before| !program.actors[*before].exits());
    // A `--before` command that does not exit keeps the services from starting.
    let is_awaited = |actor: &Actor| match before {
        Some(before) => actor.name == program.actors[before].name,
        None => program.services[actor.service].is_service(),
    };
    let awaited: Vec<&str> =
        program.actors.iter().filter(|actor| is_awaited(actor)).map(|actor| actor.name.as_str()).collect();
    wait_for("the actors are ready, or untrap exits", || {
        let ready = awaited.iter().all(|name| !scene.lines(name).is_empty());
        (ready || untrap.messages().iter().any(|line| is_over(line))).then_some(())
    });
}

fn wait_until_restarted(name: &str, times: usize, scene: &Scene, untrap: &Running) {
    wait_for("the service restarts, or untrap exits", || {
        let starts = scene.lines(name).iter().filter(|line| line.starts_with("ready")).count();
        (starts > times || untrap.messages().iter().any(|line| is_over(line))).then_some(())
    });
}
