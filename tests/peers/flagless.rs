//! The scenarios without flags.

use crate::page::{is_installed, peers, peers_and};
use crate::scenarios::program_with_leftover;
use crate::stage::{Run, Stage, each};
use crate::support::{kill, state, wait_for};

#[test]
fn without_dashes_untrap_takes_each_word_as_a_command() {
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
fn a_program_that_cannot_be_started_gives_the_status_of_sh_under_tini_and_untrap() {
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
fn a_usage_error_gives_status_1_for_the_peers_and_2_for_untrap() {
    for line in peers_and("untrap") {
        let stage = Stage::here(line);
        let end = stage.run_whole(&format!("{line} -X -- true"));
        assert_eq!(end.status, if stage.is_untrap() { 2 } else { 1 }, "{stage}");
    }
}

#[test]
fn only_untrap_stops_and_waits_for_the_rest_of_the_group() {
    for line in peers_and("untrap") {
        let stage = Stage::here(line);
        let program = program_with_leftover(&stage, "TERM=ignore USR1=0");
        let without_timeout = if stage.is_untrap() { "untrap -t inf" } else { line };
        let mut run = stage.start_whole(&format!("{without_timeout} -- {program}"));
        let [child, ..] = stage.ready("child");
        if stage.is_untrap() {
            stage.wait_for_line("child", "SIGTERM");
            assert!(!run.has_exited(), "untrap waits for the child");
            kill(child, "USR1");
        }
        stage.exits_with(5, run);
        if stage.is_untrap() {
            assert_eq!(state(child), "", "{stage}: no process remains");
            continue;
        }
        assert_ne!(state(child), "", "{stage}: the child is still alive");
        if line == "dumb-init" {
            stage.wait_for_line("child", "SIGTERM");
        }
        kill(child, "USR1");
        stage.wait_for_line("child", "SIGUSR1");
        let was_stopped = stage.seen("child").contains(&"SIGTERM".to_owned());
        assert_eq!(was_stopped, line == "dumb-init", "{stage}");
    }
}

#[test]
fn only_untrap_kills_a_program_that_does_not_exit_within_a_timeout() {
    each(&peers_and("untrap -t inf"), |stage| {
        let mut run = stage.start_main("TERM=ignore USR1=3");
        run.signal("TERM");
        stage.wait_for_line("main", "SIGTERM");
        assert!(!run.has_exited(), "{stage}");
        run.signal("USR1");
        stage.exits_with(3, run);
    });
    each(&["untrap -t 1ms"], |stage| {
        let run = stage.start_main("TERM=ignore");
        run.signal("TERM");
        stage.exits_with(137, run);
    });
}

#[test]
fn only_untrap_kills_at_once_on_a_second_int() {
    each(&peers_and("untrap -t inf"), |stage| {
        let run = stage.start_main("INT=ignore USR1=3");
        run.signal("INT");
        stage.wait_for_line("main", "SIGINT");
        if stage.is_untrap() {
            run.interrupt();
            stage.exits_with(137, run);
            return;
        }
        run.signal("INT");
        let ints = || stage.seen("main").iter().filter(|seen| *seen == "SIGINT").count();
        wait_for("the second SIGINT is forwarded", || (ints() == 2).then_some(()));
        run.signal("USR1");
        stage.exits_with(3, run);
    });
}

#[test]
fn all_forward_the_same_other_signals() {
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
        stage.exits_with(0, run);
    });
}

/// Starts a program that writes nothing and handles no signal, and returns its PID.
fn start_tail(stage: &Stage) -> (Run, i32) {
    let run = stage.start(&format!("tail -f {}", stage.write("file", "").display()));
    let is_tail = |pid: &i32| std::fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name == b"tail\n");
    let tail = wait_for("tail runs", || stage.processes().into_iter().find(is_tail));
    (run, tail)
}

#[test]
fn only_untrap_does_not_forward_sigpipe() {
    each(&peers_and("untrap"), |stage| {
        // Either signal kills the program.
        let (run, _) = start_tail(stage);
        run.signal("PIPE");
        if stage.is_untrap() {
            run.signal("TERM");
        }
        assert_eq!(stage.wait(run).status, if stage.is_untrap() { 143 } else { 141 }, "{stage}");
    });
}

#[test]
fn tstp_suspends_the_program_and_itself_under_dumb_init_and_untrap_only() {
    if is_installed("catatonit") {
        let stage = Stage::here("catatonit");
        let run = stage.start_main("");
        // The kernel delivers the signal with the lower number first, so SIGTSTP would be seen before SIGPWR.
        run.signal("TSTP");
        run.signal("PWR");
        stage.wait_for_line("main", "SIGPWR");
        assert_eq!(stage.seen("main"), ["SIGPWR"]);
        run.signal("TERM");
        stage.wait(run);
    }
    for line in peers_and("untrap").into_iter().filter(|line| *line != "catatonit") {
        let stage = Stage::here(line);
        let (run, tail) = start_tail(&stage);
        run.signal("TSTP");
        wait_for("the program is stopped", || (state(tail) == "T").then_some(()));
        if line == "dumb-init" || stage.is_untrap() {
            wait_for("the init is stopped", || (state(run.pid()) == "T").then_some(()));
            run.signal("CONT");
            wait_for("both are continued", || (state(tail) != "T" && state(run.pid()) != "T").then_some(()));
        } else {
            assert_ne!(state(run.pid()), "T", "{stage}");
            kill(tail, "CONT");
        }
        run.signal("TERM");
        stage.exits_with(143, run);
    }
}

#[test]
fn untrap_logs_the_start_and_with_q_nothing() {
    each(&peers_and("untrap -q"), |stage| {
        let end = stage.run("true");
        let warning = stage.line == "tini" && !stage.is_pid_1();
        assert!(end.stdout.is_empty() && end.stderr.is_empty() != warning, "{stage}: {end:?}");
    });
    assert!(Stage::here("untrap").run("true").stderr.contains("true started (pid "));
}

#[test]
fn untrap_does_not_pass_on_its_variables_and_tini_does() {
    assert!(!Stage::here("UNTRAP_QUIET=1 untrap").run("env").stdout.contains("UNTRAP_QUIET"));
    if is_installed("tini") {
        assert!(Stage::here("TINI_VERBOSITY=0 tini").run("env").stdout.contains("TINI_VERBOSITY"));
    }
}
