//! Micro-benchmarks of the parts that make no system call.

use std::time::Instant;

use divan::{Bencher, black_box};
use untrap::config::policy::{Policy, Rules};
use untrap::config::procfile;
use untrap::config::unit::UnitId;
use untrap::exit_status::ExitStatus;
use untrap::shell::classify::Command;
use untrap::signal::{Sender, Signal};
use untrap::supervisor::Supervisor;
use untrap::supervisor::action::Actions;
use untrap::supervisor::event::Event;

fn main() {
    divan::main();
}

#[divan::bench]
fn parse_procfile_of_ten_lines(bencher: Bencher) {
    let line = |n| format!("web_{n}: bundle exec puma -p 300{n} --log 'a file'\n");
    let text = (0..10).map(line).collect::<Vec<_>>().concat();
    bencher.bench(|| procfile::parse(black_box(text.as_bytes())).map(|lines| lines.len()));
}

#[divan::bench(args = ["puma -p 3000 --log 'a file'", "cd app && exec puma"])]
fn parse_command(line: &str) -> bool {
    Command::read(black_box(line)).is_ok()
}

/// The decision after SIGTERM: from the event to the list of actions.
#[divan::bench(args = [1, 10, 100, 500])]
fn begin_shutdown(bencher: Bencher, services: usize) {
    let now = Instant::now();
    bencher.with_inputs(|| (running_supervisor(services, now), Actions::for_units(services))).bench_refs(
        |(supervisor, actions)| supervisor.on(Event::Received(Signal::TERM, Sender::Outside), now, actions),
    );
}

/// The decision after the exit of one of N services.
#[divan::bench(args = [1, 10, 100, 500])]
fn handle_exit(bencher: Bencher, services: usize) {
    let now = Instant::now();
    bencher.with_inputs(|| (running_supervisor(services, now), Actions::for_units(services))).bench_refs(
        |(supervisor, actions)| supervisor.on(Event::LeaderExited(UnitId::new(0), ExitStatus::Exited(1)), now, actions),
    );
}

fn running_supervisor(services: usize, now: Instant) -> Supervisor {
    let mut supervisor = Supervisor::new((0..services).map(|_| Policy::default()), [], Rules::default(), 1);
    let mut actions = Actions::default();
    while let Some(id) = supervisor.next_start(now) {
        supervisor.on(Event::Launched(id), now, &mut actions);
        supervisor.on(Event::Started(id), now, &mut actions);
    }
    supervisor
}
