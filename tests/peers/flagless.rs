//! What they do without any flag.

use crate::page::{is_installed, peers, peers_and};
use crate::scenarios::program_with_leftover;
use crate::stage::{Run, Stage, each};
use crate::support::{kill, state, wait_for};

#[test]
fn without_dashes_untrap_takes_each_word_for_a_command_of_its_own() {
    for peer in peers() {
        let stage = Stage::here(peer);
        let end = stage.run_whole(&format!("{peer} echo hello"));
        assert_eq!((end.status, end.stdout.as_str()), (0, "hello\n"), "{peer}");
    }
    let stage = Stage::here("untrap");
    let end = stage.run_whole("untrap echo hello");
    assert!(!end.stdout.contains("hello"), "{end:?}");
    let end = stage.run("echo hello");
    assert_eq!((end.status, end.stdout.as_str()), (0, "hello\n"));
}

#[test]
fn the_exit_status_is_that_of_the_program_and_128_plus_n_for_signal_n() {
    each(&peers_and("untrap"), |stage| {
        for (program, status) in [("true", 0), ("sh -c 'exit 7'", 7), ("sh -c 'kill -USR2 $$'", 140)] {
            assert_eq!(stage.run(program).status, status, "{stage}: {program}");
        }
    });
}

#[test]
fn a_program_that_can_not_be_started_ends_tini_and_untrap_as_it_ends_sh_and_the_others_differently() {
    each(&peers_and("untrap"), |stage| {
        let file = stage.write("file", "");
        let expected = match stage.line {
            "dumb-init" => [2, 2],
            "catatonit" => [1, 1],
            _ => [127, 126],
        };
        let statuses = ["no-such-program", file.to_str().unwrap()].map(|program| stage.run(program).status);
        assert_eq!(statuses, expected, "{stage}");
    });
}

#[test]
fn wrong_use_ends_the_others_with_1_and_untrap_with_2() {
    for line in peers_and("untrap") {
        let stage = Stage::here(line);
        let end = stage.run_whole(&format!("{line} -X -- true"));
        assert_eq!(end.status, if stage.is_untrap() { 2 } else { 1 }, "{stage}");
    }
}

#[test]
fn what_the_program_leaves_in_its_group_is_told_and_waited_for_by_untrap_alone() {
    for line in peers_and("untrap") {
        let stage = Stage::here(line);
        let program = program_with_leftover(&stage, "TERM=ignore USR1=0");
        let patient = if stage.is_untrap() { "untrap -t inf" } else { line };
        let mut run = stage.start_whole(&format!("{patient} -- {program}"));
        let [child, ..] = stage.ready("child");
        if stage.is_untrap() {
            stage.wait_for_line("child", "SIGTERM");
            assert!(!run.has_ended(), "it waits for the child");
            kill(child, "USR1");
        }
        stage.ends_with(5, run);
        if stage.is_untrap() {
            assert_eq!(state(child), "", "{stage}: nobody is left");
            continue;
        }
        assert_ne!(state(child), "", "{stage}: the child is left");
        if line == "dumb-init" {
            stage.wait_for_line("child", "SIGTERM");
        }
        kill(child, "USR1");
        stage.wait_for_line("child", "SIGUSR1");
        let told = stage.seen("child").contains(&"SIGTERM".to_owned());
        assert_eq!(told, line == "dumb-init", "{stage}");
    }
}

#[test]
fn a_program_that_does_not_end_is_killed_after_the_timeout_by_untrap_alone() {
    each(&peers_and("untrap -t inf"), |stage| {
        let mut run = stage.start_main("TERM=ignore USR1=3");
        run.signal("TERM");
        stage.wait_for_line("main", "SIGTERM");
        assert!(!run.has_ended(), "{stage}");
        run.signal("USR1");
        stage.ends_with(3, run);
    });
    each(&["untrap -t 1ms"], |stage| {
        let run = stage.start_main("TERM=ignore");
        run.signal("TERM");
        stage.ends_with(137, run);
    });
}

#[test]
fn a_second_int_kills_at_once_under_untrap_alone() {
    each(&peers_and("untrap -t inf"), |stage| {
        let run = stage.start_main("INT=ignore USR1=3");
        run.signal("INT");
        stage.wait_for_line("main", "SIGINT");
        run.signal("INT");
        if stage.is_untrap() {
            stage.ends_with(137, run);
            return;
        }
        let ints = || stage.seen("main").iter().filter(|seen| *seen == "SIGINT").count();
        wait_for("the second one is forwarded", || (ints() == 2).then_some(()));
        run.signal("USR1");
        stage.ends_with(3, run);
    });
}

#[test]
fn the_same_other_signals_are_forwarded() {
    let signals = "SIGHUP SIGUSR1 SIGUSR2 SIGALRM SIGSTKFLT SIGCONT SIGURG SIGXCPU SIGXFSZ SIGVTALRM \
                   SIGPROF SIGWINCH SIGIO SIGPWR";
    let signals: Vec<_> = signals.split(' ').collect();
    each(&peers_and("untrap"), |stage| {
        let run = stage.start_main("");
        for signal in &signals {
            run.signal(signal);
            stage.wait_for_line("main", signal);
        }
        assert_eq!(stage.seen("main"), signals, "{stage}");
        run.signal("TERM");
        stage.ends_with(0, run);
    });
}

/// Starts a program that writes nothing and handles no signal, and gives its PID.
fn start_tail(stage: &Stage) -> (Run, i32) {
    let run = stage.start(&format!("tail -f {}", stage.write("file", "").display()));
    let is_tail = |pid: &i32| std::fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name == b"tail\n");
    let tail = wait_for("tail runs", || stage.processes().into_iter().find(is_tail));
    (run, tail)
}

#[test]
fn sigpipe_is_not_forwarded_by_untrap_alone() {
    each(&peers_and("untrap"), |stage| {
        // It dies of either signal.
        let (run, _) = start_tail(stage);
        run.signal("PIPE");
        if stage.is_untrap() {
            run.signal("TERM");
        }
        assert_eq!(stage.end(run).status, if stage.is_untrap() { 143 } else { 141 }, "{stage}");
    });
}

#[test]
fn tstp_suspends_the_program_and_dumb_init_or_untrap_itself_but_not_tini_and_nothing_under_catatonit() {
    if is_installed("catatonit") {
        let stage = Stage::here("catatonit");
        let run = stage.start_main("");
        // The kernel hands out the lower number first.
        run.signal("TSTP");
        run.signal("PWR");
        stage.wait_for_line("main", "SIGPWR");
        assert_eq!(stage.seen("main"), ["SIGPWR"]);
        run.signal("TERM");
        stage.end(run);
    }
    for line in peers_and("untrap").into_iter().filter(|line| *line != "catatonit") {
        let stage = Stage::here(line);
        let (run, tail) = start_tail(&stage);
        run.signal("TSTP");
        wait_for("the program is stopped", || (state(tail) == "T").then_some(()));
        if line == "dumb-init" || stage.is_untrap() {
            wait_for("it is stopped itself", || (state(run.pid()) == "T").then_some(()));
            run.signal("CONT");
            wait_for("both are woken", || (state(tail) != "T" && state(run.pid()) != "T").then_some(()));
        } else {
            assert_ne!(state(run.pid()), "T", "{stage}");
            kill(tail, "CONT");
        }
        run.signal("TERM");
        stage.ends_with(143, run);
    }
}

#[test]
fn untrap_says_what_it_does_and_with_q_as_little_as_the_others() {
    each(&peers_and("untrap -q"), |stage| {
        let end = stage.run("true");
        let warning = stage.line == "tini" && !stage.is_pid_1();
        assert!(end.stdout.is_empty() && end.stderr.is_empty() != warning, "{stage}: {end:?}");
    });
    assert!(Stage::here("untrap").run("true").stderr.contains("true started (pid "));
}

#[test]
fn untraps_own_variables_are_not_passed_on_and_those_of_the_others_are() {
    assert!(!Stage::here("UNTRAP_QUIET=1 untrap").run("env").stdout.contains("UNTRAP_QUIET"));
    if is_installed("tini") {
        assert!(Stage::here("TINI_VERBOSITY=0 tini").run("env").stdout.contains("TINI_VERBOSITY"));
    }
}
