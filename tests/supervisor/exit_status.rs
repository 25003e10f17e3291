//! The exit status of untrap: one row for each scenario.

use super::*;
use untrap::exit_status::ExitMapping;

const KILLED: ExitStatus = ExitStatus::Signaled(Signal::KILL);
const BY_TERM: ExitStatus = ExitStatus::Signaled(Signal::TERM);

/// A step of a scenario.
#[derive(Clone, Copy)]
enum Step {
    Receive(Signal),
    /// The leader of this unit exits, and no process is left.
    Exit(usize, ExitStatus),
    /// A minute passes, and what can start starts.
    Restart,
}

use Step::{Exit, Receive, Restart};

/// A scenario: its name, the policies of its services, `--exit-map`, the hooks, the steps, and the status.
type Row<'a> = (&'a str, &'a [OnExit], &'a [&'a str], &'a [HookRole], &'a [Step], u8);

/// Runs services with these policies and these `--exit-map`s, and returns the status.
fn status(policies: &[OnExit], exit_map: &[&str], hooks: &[HookRole], steps: &[Step]) -> u8 {
    let exit_map: Vec<ExitMapping> = exit_map.iter().map(|map| map.parse().unwrap()).collect();
    let rules = Rules { exit_map, ..Rules::default() };
    let services = policies.iter().map(|on_exit| super::on_exit(*on_exit));
    let hooks = hooks.iter().map(|role| (*role, policy()));
    let mut run = Run::of(Supervisor::new(services, hooks, rules, 1));
    run.start_all();
    for step in steps {
        match *step {
            Receive(signal) => drop(run.receive(signal)),
            Exit(index, status) => drop(run.exits(index, status)),
            Restart => {
                run.pass(Duration::from_mins(1));
                run.start_all();
            }
        }
        run.no_children_left();
        run.start_all();
    }
    let message = run.messages.last();
    let Some(Message::Exit(status)) = message else { panic!("the run is not over: {message:?}") };
    *status
}

#[test]
fn the_status_is_that_of_the_table() {
    use OnExit::{Ignore, RestartOnFailure, Stop, StopOnFailure};
    let term = Receive(Signal::TERM);
    let restart = OnExit::Restart;
    let before = &[HookRole::Before][..];
    let after = &[HookRole::After][..];
    let rows: &[Row] = &[
        (
            "the exit that began the shutdown decides",
            &[Stop, Stop],
            &[],
            &[],
            &[Exit(0, exited(3)), Exit(1, BY_TERM)],
            3,
        ),
        ("so does status 0", &[Stop, Stop], &[], &[], &[Exit(0, exited(0)), Exit(1, BY_TERM)], 0),
        ("else the first failure", &[Stop, Stop], &[], &[], &[term, Exit(0, exited(0)), Exit(1, exited(9))], 9),
        ("of two failures the first", &[Stop, Stop], &[], &[], &[term, Exit(1, BY_TERM), Exit(0, exited(9))], 143),
        ("all exit with 0", &[Stop, Stop], &[], &[], &[term, Exit(1, exited(0)), Exit(0, exited(0))], 0),
        ("stop-on-failure, no failure", &[StopOnFailure], &[], &[], &[Exit(0, exited(0))], 0),
        ("stop-on-failure, a failure", &[StopOnFailure], &[], &[], &[Exit(0, exited(4))], 4),
        ("only ignored services count", &[Ignore, Ignore], &[], &[], &[Exit(0, exited(5)), Exit(1, exited(0))], 5),
        (
            "an ignored helper does not count",
            &[Stop, Ignore],
            &[],
            &[],
            &[Exit(1, exited(5)), term, Exit(0, exited(0))],
            0,
        ),
        ("nor does its death by TERM", &[Stop, Ignore], &[], &[], &[term, Exit(1, BY_TERM), Exit(0, exited(0))], 0),
        ("a service that restarts may die of TERM", &[restart], &[], &[], &[term, Exit(0, BY_TERM)], 0),
        ("also with restart-on-failure", &[RestartOnFailure], &[], &[], &[term, Exit(0, BY_TERM)], 0),
        ("but not of SIGKILL", &[restart], &[], &[], &[term, Exit(0, KILLED)], 137),
        ("nor exit with a failure", &[restart], &[], &[], &[term, Exit(0, exited(3))], 3),
        ("a restart forgives", &[restart], &[], &[], &[Exit(0, exited(1)), Restart, term, Exit(0, exited(0))], 0),
        ("a backoff does not", &[restart, Stop], &[], &[], &[Exit(0, exited(1)), term, Exit(1, exited(0))], 1),
        (
            "unless another service failed",
            &[restart, Stop],
            &[],
            &[],
            &[Exit(0, exited(1)), term, Exit(1, exited(7))],
            7,
        ),
        ("exit-map is applied", &[Stop], &["143=0"], &[], &[term, Exit(0, BY_TERM)], 0),
        ("to each exit", &[Stop, Stop], &["143=0"], &[], &[term, Exit(0, BY_TERM), Exit(1, exited(3))], 3),
        ("also to that which decides", &[Stop, Stop], &["3=5"], &[], &[Exit(0, exited(3)), Exit(1, exited(0))], 5),
        ("TERM before a service has started", &[Stop], &[], before, &[term, Exit(1, exited(0))], 143),
        ("INT before a service has started", &[Stop], &[], before, &[Receive(Signal::INT), Exit(1, exited(0))], 130),
        ("a failed --before", &[Stop], &[], before, &[Exit(1, exited(6))], 6),
        ("also after TERM", &[Stop], &[], before, &[term, Exit(1, exited(6))], 6),
        ("a failed --after", &[Stop], &[], after, &[term, Exit(0, exited(0)), Exit(1, exited(8))], 8),
        ("beside a failure", &[Stop], &[], after, &[Exit(0, exited(2)), Exit(1, exited(8))], 2),
    ];
    for (scenario, policies, exit_map, hooks, steps, expected) in rows {
        assert_eq!(status(policies, exit_map, hooks, steps), *expected, "{scenario}");
    }
}
