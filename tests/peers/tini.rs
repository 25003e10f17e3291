//! The scenarios of the tini table.

use crate::page::{all_of, is_installed, peers, row};
use crate::scenarios::{
    only_the_leader_is_signalled, prints, program_with_orphan, the_group_is_signalled, the_start_is_logged,
};
use crate::stage::{Stage, each, stat};
use crate::support::{children, kill, state, wait_for};

#[test]
fn tini_and_catatonit_without_a_flag_signal_only_the_program_as_signal_to_leader_does() {
    only_the_leader_is_signalled(&all_of(&[
        ("tini", "untrap --signal-to leader"),
        ("catatonit", "untrap --signal-to leader"),
    ]));
    // Without that option they differ: a shell does not forward signals, so untrap signals its group.
    each(&row("tini", "untrap"), |stage| {
        let program = format!("sh -c '{}; true'", stage.witness("child", "HUP=0"));
        let run = stage.start(&program);
        stage.ready("child");
        run.signal("HUP");
        stage.exits_with(129, run);
        let expected: &[&str] = if stage.is_untrap() { &["SIGHUP"] } else { &[] };
        assert_eq!(stage.seen("child"), expected, "{stage}");
    });
}

#[test]
fn tini_g_signals_the_group_as_signal_to_group_does() {
    the_group_is_signalled(&all_of(&[
        ("tini -g", "untrap --signal-to group"),
        ("TINI_KILL_PROCESS_GROUP= tini", "UNTRAP_SIGNAL_TO=group untrap"),
    ]));
}

#[test]
fn tini_s_adopts_orphans_if_it_is_not_pid_1_and_untrap_always_does() {
    let lines = all_of(&[("tini -s", "untrap"), ("TINI_SUBREAPER= tini", "untrap"), ("catatonit", "untrap")]);
    each(&lines, |stage| {
        let run = stage.start(&program_with_orphan(stage));
        stage.ready("main");
        let orphan = stage.pid_of("orphan");
        stage.ready("orphan");
        wait_for("the orphan is adopted", || children(run.pid()).contains(&orphan).then_some(()));
        kill(orphan, "TERM");
        wait_for("the orphan is reaped", || (children(run.pid()).len() == 1).then_some(()));
        run.signal("TERM");
        stage.exits_with(0, run);
    });
}

#[test]
fn tini_without_s_and_dumb_init_adopt_no_orphans_if_they_are_not_pid_1() {
    for peer in peers().filter(|peer| *peer != "catatonit") {
        let stage = Stage::here(peer);
        let run = stage.start(&program_with_orphan(&stage));
        stage.ready("main");
        stage.ready("orphan");
        let orphan = stage.pid_of("orphan");
        wait_for("the orphan has another parent", || (!stage.processes().contains(&stat(orphan, 1))).then_some(()));
        assert_eq!(children(run.pid()), [stage.pid_of("main")], "{stage}");
        kill(orphan, "TERM");
        run.signal("TERM");
        stage.exits_with(0, run);
    }
}

#[test]
fn tini_p_sends_a_signal_when_its_parent_dies_as_setpriv_does_for_untrap() {
    let alone = "untrap";
    let lines = row("tini -p SIGTERM", "setpriv --pdeathsig TERM untrap");
    for line in lines.into_iter().chain([alone]) {
        let stage = Stage::here(line);
        let path = line.replace("untrap", env!("CARGO_BIN_EXE_untrap"));
        let parent = stage.start_whole(&format!("sh -c '{path} -- {} & wait'", stage.witness("main", "")));
        let [main, init, _] = stage.ready("main");
        kill(parent.pid(), "KILL");
        if line == alone {
            wait_for("untrap has another parent", || (stat(init, 1) != parent.pid()).then_some(()));
            kill(init, "HUP");
            stage.wait_for_line("main", "SIGHUP");
            kill(init, "TERM");
        }
        stage.wait_for_line("main", "SIGTERM");
        wait_for("both have exited", || (state(main) + &state(init)).chars().all(|state| state == 'Z').then_some(()));
        let expected: &[&str] = if line == alone { &["SIGHUP", "SIGTERM"] } else { &["SIGTERM"] };
        assert_eq!(stage.seen("main"), expected, "{stage}");
    }
}

#[test]
fn tini_v_logs_the_start_on_standard_output_and_untrap_v_on_standard_error() {
    let lines = all_of(&[
        ("tini -v", "untrap -v"),
        ("tini -vv", "untrap -v"),
        ("tini -vvv", "untrap -v"),
        ("TINI_VERBOSITY=2 tini", "UNTRAP_VERBOSE=1 untrap"),
    ]);
    the_start_is_logged(&lines, |end| end.stdout.contains("Spawned child process 'true' with pid"));
}

#[test]
fn tini_verbosity_0_silences_the_warning_and_untrap_quiet_everything_but_errors() {
    each(&row("TINI_VERBOSITY=0 tini", "UNTRAP_QUIET=1 untrap"), |stage| {
        let end = stage.run("true");
        assert_eq!((end.status, end.stdout.as_str(), end.stderr.as_str()), (0, "", ""), "{stage}");
    });
}

#[test]
fn tini_w_logs_each_reaped_orphan_as_untrap_v_does() {
    each(&row("tini -w", "untrap -v"), |stage| {
        let run = stage.start_whole(&format!("TINI_SUBREAPER= {} -- {}", stage.line, program_with_orphan(stage)));
        stage.ready("main");
        let [own_pid, ..] = stage.ready("orphan");
        let orphan = stage.pid_of("orphan");
        wait_for("the orphan is adopted", || children(run.pid()).contains(&orphan).then_some(()));
        kill(orphan, "TERM");
        let message = match stage.line {
            "tini -w" => format!("Reaped zombie process with pid={own_pid}\n"),
            _ => format!("untrap: orphan (pid {own_pid}) reaped\n"),
        };
        wait_for("the message is written", || stage.written("stderr").contains(&message).then_some(()));
        run.signal("TERM");
        stage.exits_with(0, run);
    });
}

#[test]
fn tini_e_maps_a_status_to_0_as_exit_map_does() {
    let lines = all_of(&[
        ("tini -e 143", "untrap --exit-map 143=0"),
        ("tini -e 143 -e 130", "untrap --exit-map 143=0 --exit-map 130=0"),
    ]);
    each(&lines, |stage| {
        let two = stage.line.contains("130");
        assert_eq!(stage.run("sh -c 'kill $$'").status, 0, "{stage}");
        assert_eq!(stage.run("sh -c 'exit 130'").status, if two { 0 } else { 130 }, "{stage}");
        assert_eq!(stage.run("sh -c 'exit 1'").status, 1, "{stage}");
    });
}

#[test]
fn version_help_and_licence_of_tini() {
    let [version, _] = prints("untrap --version");
    assert_eq!(version, format!("untrap {}\n", env!("CARGO_PKG_VERSION")));
    assert!(prints("untrap -h")[0].contains("--stop-signal"));
    for line in all_of(&[("tini --version", "untrap --version"), ("tini -h", "untrap -h")]) {
        let [stdout, stderr] = prints(line);
        assert!(!stdout.is_empty() && stderr.is_empty(), "{line}");
    }
    if is_installed("tini") {
        assert!(prints("tini -l")[0].contains("MIT License"));
    }
}
