//! The table of dumb-init.

use crate::page::{all_of, is_installed, row, rows};
use crate::scenarios::{prints, program_with_leftover, the_group_is_told, the_leader_is_told, the_start_is_said};
use crate::stage::{Stage, each, stat};
use crate::support::wait_for;

#[test]
fn dumb_init_without_a_flag_tells_the_group_and_so_does_signal_to_group() {
    the_group_is_told(&row("dumb-init", "untrap --signal-to group"));
}

#[test]
fn dumb_init_c_tells_the_program_alone_and_so_does_signal_to_leader() {
    the_leader_is_told(&all_of(&[
        ("dumb-init -c", "untrap --signal-to leader"),
        ("dumb-init --single-child", "untrap --signal-to leader"),
        ("DUMB_INIT_SETSID=0 dumb-init", "UNTRAP_SIGNAL_TO=leader untrap"),
    ]));
}

#[test]
fn dumb_init_gives_the_program_a_session_of_its_own_dumb_init_c_not_even_a_group_and_untrap_a_group() {
    let lines = all_of(&[
        ("dumb-init", "untrap --signal-to group"),
        ("dumb-init -c", "untrap --signal-to leader"),
        ("DUMB_INIT_SETSID=0 dumb-init", "UNTRAP_SIGNAL_TO=leader untrap"),
    ]);
    each(&lines, |stage| {
        let run = stage.start_main("");
        let main = stage.pid_of("main");
        let own = [stat(main, 2) == main, stat(main, 3) == main];
        let expected = match stage.line {
            "dumb-init" => [true, true],
            _ if stage.is_untrap() => [true, false],
            _ => [false, false],
        };
        assert_eq!(own, expected, "group, session: {stage}");
        run.signal("TERM");
        stage.end(run);
    });
}

#[test]
fn dumb_init_r_sends_another_signal_instead_and_so_does_untrap_r() {
    let lines =
        all_of(&[("dumb-init -r 15:3", "untrap -r 15=3"), ("dumb-init --rewrite 15:3", "untrap --rewrite TERM=QUIT")]);
    each(&lines, |stage| {
        let run = stage.start_main("QUIT=9");
        run.signal("TERM");
        stage.ends_with(9, run);
        assert_eq!(stage.seen("main"), ["SIGQUIT"], "{stage}");
    });
}

#[test]
fn dumb_init_r_to_0_drops_the_signal_and_so_does_untrap_r_to_none() {
    each(&row("dumb-init -r 15:0", "untrap -r 15=none"), |stage| {
        let run = stage.start_main("");
        run.signal("TERM");
        run.signal("HUP");
        stage.wait_for_line("main", "SIGHUP");
        run.signal("QUIT");
        stage.ends_with(0, run);
        assert_eq!(stage.seen("main"), ["SIGHUP", "SIGQUIT"], "{stage}");
    });
    assert_eq!(Stage::here("untrap -r 15=0").run("true").status, 2, "it is spelt none");
}

#[test]
fn of_two_rewrites_of_one_signal_the_last_counts_for_dumb_init_and_the_first_for_untrap() {
    each(&row("dumb-init -r 1:10 -r 1:12", "untrap -r 1=12"), |stage| {
        let run = stage.start_main("USR2=4");
        run.signal("HUP");
        stage.ends_with(4, run);
    });
    each(&["untrap -r 1=10 -r 1=12"], |stage| {
        let run = stage.start_main("USR1=3 USR2=4");
        run.signal("HUP");
        stage.ends_with(3, run);
    });
}

#[test]
fn a_rewritten_term_still_begins_untraps_stop_and_its_timeout_unless_that_is_inf() {
    each(&row("dumb-init -r 15:10", "untrap -r 15=10 -t inf"), |stage| {
        let mut run = stage.start_main("USR2=4");
        run.signal("TERM");
        stage.wait_for_line("main", "SIGUSR1");
        assert!(!run.has_ended(), "{stage}");
        run.signal("USR2");
        stage.ends_with(4, run);
    });
    each(&["untrap -r 15=10 -t 1ms"], |stage| {
        let run = stage.start_main("");
        run.signal("TERM");
        stage.ends_with(137, run);
    });
}

#[test]
fn a_second_int_kills_under_untrap_also_when_it_is_rewritten() {
    each(&["dumb-init -r 2:10", "untrap -r 2=10 -t inf"], |stage| {
        if !stage.is_untrap() && !is_installed("dumb-init") {
            return;
        }
        let run = stage.start_main("USR2=4");
        run.signal("INT");
        stage.wait_for_line("main", "SIGUSR1");
        run.signal("INT");
        if !stage.is_untrap() {
            let seen = || stage.seen("main").len();
            wait_for("it is forwarded", || (seen() == 2).then_some(()));
            run.signal("USR2");
        }
        assert_eq!(stage.end(run).status, if stage.is_untrap() { 137 } else { 4 }, "{stage}");
    });
}

#[test]
fn dumb_init_in_the_first_line_of_a_script_and_untrap_there_by_way_of_env() {
    let lines = ["#!/usr/bin/dumb-init /bin/sh", "#!/usr/bin/env -S untrap --signal-to group -- /bin/sh"];
    assert!(rows().contains(&[vec![lines[0]], vec![lines[1]]]));
    for line in lines {
        let stage = Stage::here(line);
        if !stage.is_untrap() && !is_installed("dumb-init") {
            continue;
        }
        let first = line.replace("untrap", env!("CARGO_BIN_EXE_untrap"));
        stage.script(
            "script",
            &format!("{first}\n{} &\nexec {}\n", stage.witness("child", ""), stage.witness("main", "")),
        );
        let run = stage.start_whole("./script argument");
        stage.ready("main");
        stage.ready("child");
        run.signal("HUP");
        stage.wait_for_line("main", "SIGHUP");
        stage.wait_for_line("child", "SIGHUP");
        run.signal("TERM");
        stage.ends_with(0, run);
    }
}

#[test]
fn dumb_init_rewrites_no_real_time_signals_and_untrap_does() {
    if is_installed("dumb-init") {
        assert_eq!(Stage::here("dumb-init -r 37:15").run("true").status, 1);
    }
    each(&["untrap -r 37=15", "untrap -r RTMIN+3=TERM"], |stage| {
        let run = stage.start_main("");
        run.signal("RTMIN+3");
        stage.ends_with(0, run);
        assert_eq!(stage.seen("main"), ["SIGTERM"], "{stage}");
    });
}

#[test]
fn after_the_programs_end_dumb_init_rewrites_its_own_term_too_and_untrap_does_not() {
    for line in row("dumb-init -r 15:3", "untrap -r 15=3") {
        let stage = Stage::here(line);
        stage.ends_with(5, stage.start(&program_with_leftover(&stage, "")));
        stage.wait_for_line("child", if stage.is_untrap() { "SIGTERM" } else { "SIGQUIT" });
    }
}

#[test]
fn dumb_init_v_says_more_and_so_does_untrap_v() {
    let lines = all_of(&[
        ("dumb-init -v", "untrap -v"),
        ("dumb-init --verbose", "untrap -v"),
        ("DUMB_INIT_DEBUG=1 dumb-init", "UNTRAP_VERBOSE=1 untrap"),
    ]);
    the_start_is_said(&lines, |end| end.stdout.is_empty() && end.stderr.contains("Child spawned with PID "));
}

#[test]
fn version_and_help_of_dumb_init_are_on_standard_error_and_of_untrap_on_standard_output() {
    let lines = all_of(&[
        ("dumb-init -V", "untrap -V"),
        ("dumb-init --version", "untrap --version"),
        ("dumb-init -h", "untrap -h"),
        ("dumb-init --help", "untrap --help"),
    ]);
    for line in lines {
        let [stdout, stderr] = prints(line);
        let is_untrap = line.starts_with("untrap");
        assert_eq!((stdout.is_empty(), stderr.is_empty()), (!is_untrap, is_untrap), "{line}");
    }
}
