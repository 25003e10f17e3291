//! The scenarios of the dumb-init table.

use crate::page::{all_of, is_installed, row, rows};
use crate::scenarios::{
    only_the_leader_is_signalled, prints, program_with_leftover, the_group_is_signalled, the_start_is_logged,
};
use crate::stage::{Stage, each, stat};
use crate::support::wait_for;

#[test]
fn dumb_init_without_a_flag_signals_the_group_as_signal_to_group_does() {
    the_group_is_signalled(&row("dumb-init", "untrap --signal-to group"));
}

#[test]
fn dumb_init_c_signals_only_the_program_as_signal_to_leader_does() {
    only_the_leader_is_signalled(&all_of(&[
        ("dumb-init -c", "untrap --signal-to leader"),
        ("dumb-init --single-child", "untrap --signal-to leader"),
        ("DUMB_INIT_SETSID=0 dumb-init", "UNTRAP_SIGNAL_TO=leader untrap"),
    ]));
}

#[test]
fn dumb_init_makes_a_session_dumb_init_c_no_group_and_untrap_a_group() {
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
        stage.wait(run);
    });
}

#[test]
fn dumb_init_r_rewrites_a_signal_as_untrap_r_does() {
    let lines =
        all_of(&[("dumb-init -r 15:3", "untrap -r 15=3"), ("dumb-init --rewrite 15:3", "untrap --rewrite TERM=QUIT")]);
    each(&lines, |stage| {
        let run = stage.start_main("QUIT=9");
        run.signal("TERM");
        stage.exits_with(9, run);
        assert_eq!(stage.seen("main"), ["SIGQUIT"], "{stage}");
    });
}

#[test]
fn dumb_init_r_to_0_drops_the_signal_as_untrap_r_to_none_does() {
    each(&row("dumb-init -r 15:0", "untrap -r 15=none"), |stage| {
        let run = stage.start_main("");
        run.signal("TERM");
        run.signal("HUP");
        stage.wait_for_line("main", "SIGHUP");
        run.signal("QUIT");
        stage.exits_with(0, run);
        assert_eq!(stage.seen("main"), ["SIGHUP", "SIGQUIT"], "{stage}");
    });
    assert_eq!(Stage::here("untrap -r 15=0").run("true").status, 2, "untrap spells it none");
}

#[test]
fn of_two_rewrites_of_one_signal_dumb_init_applies_the_last_and_untrap_the_first() {
    each(&row("dumb-init -r 1:10 -r 1:12", "untrap -r 1=12"), |stage| {
        let run = stage.start_main("USR2=4");
        run.signal("HUP");
        stage.exits_with(4, run);
    });
    each(&["untrap -r 1=10 -r 1=12"], |stage| {
        let run = stage.start_main("USR1=3 USR2=4");
        run.signal("HUP");
        stage.exits_with(3, run);
    });
}

#[test]
fn a_rewritten_term_still_begins_the_shutdown_of_untrap_and_its_timeout() {
    each(&row("dumb-init -r 15:10", "untrap -r 15=10 -t inf"), |stage| {
        let mut run = stage.start_main("USR2=4");
        run.signal("TERM");
        stage.wait_for_line("main", "SIGUSR1");
        assert!(!run.has_exited(), "{stage}");
        run.signal("USR2");
        stage.exits_with(4, run);
    });
    each(&["untrap -r 15=10 -t 1ms"], |stage| {
        let run = stage.start_main("");
        run.signal("TERM");
        stage.exits_with(137, run);
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
        if stage.is_untrap() {
            run.interrupt();
        } else {
            run.signal("INT");
            let seen = || stage.seen("main").len();
            wait_for("the second SIGINT is forwarded", || (seen() == 2).then_some(()));
            run.signal("USR2");
        }
        assert_eq!(stage.wait(run).status, if stage.is_untrap() { 137 } else { 4 }, "{stage}");
    });
}

#[test]
fn dumb_init_as_the_interpreter_of_a_script_and_untrap_through_env() {
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
        stage.exits_with(0, run);
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
        stage.exits_with(0, run);
        assert_eq!(stage.seen("main"), ["SIGTERM"], "{stage}");
    });
}

#[test]
fn after_the_program_exits_dumb_init_rewrites_its_own_term_and_untrap_does_not() {
    for line in row("dumb-init -r 15:3", "untrap -r 15=3") {
        let stage = Stage::here(line);
        stage.exits_with(5, stage.start(&program_with_leftover(&stage, "")));
        stage.wait_for_line("child", if stage.is_untrap() { "SIGTERM" } else { "SIGQUIT" });
    }
}

#[test]
fn dumb_init_v_logs_the_start_as_untrap_v_does() {
    let lines = all_of(&[
        ("dumb-init -v", "untrap -v"),
        ("dumb-init --verbose", "untrap -v"),
        ("DUMB_INIT_DEBUG=1 dumb-init", "UNTRAP_VERBOSE=1 untrap"),
    ]);
    the_start_is_logged(&lines, |end| end.stdout.is_empty() && end.stderr.contains("Child spawned with PID "));
}

#[test]
fn dumb_init_prints_version_and_help_on_standard_error_and_untrap_on_standard_output() {
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
