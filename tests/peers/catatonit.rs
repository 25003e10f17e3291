//! The scenarios of the catatonit table.

use crate::page::{all_of, is_installed, row};
use crate::scenarios::{prints, the_group_is_signalled, the_start_is_logged};
use crate::stage::{Stage, each};
use crate::support::{children, wait_for};

#[test]
fn catatonit_g_signals_the_group_as_signal_to_group_does() {
    the_group_is_signalled(&row("catatonit -g", "untrap --signal-to group"));
}

#[test]
fn catatonit_p_only_reaps_as_untrap_does_with_sleep_as_its_program() {
    const UNTRAP: &str = "untrap --exit-map 143=0 --exit-map 130=0 -- sleep infinity";
    let start = |stage: &Stage| {
        let run = stage.start_whole(stage.line);
        wait_for("the program is ready", || {
            let pid = run.pid();
            let runs = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let blocks = status.lines().any(|line| line.starts_with("SigBlk:") && !line.ends_with("0000000000000000"));
            let has_started = if stage.is_untrap() { !children(pid).is_empty() } else { runs.ends_with("catatonit") };
            (blocks && has_started).then_some(())
        });
        run
    };
    each(&row("catatonit -P", UNTRAP), |stage| {
        for signal in ["TERM", "INT"] {
            let run = start(stage);
            run.signal(signal);
            assert_eq!(stage.wait(run).status, 0, "{stage}: {signal}");
        }
        let run = start(stage);
        run.signal("HUP");
        if stage.is_untrap() {
            assert_eq!(stage.wait(run).status, 129, "SIGHUP kills sleep");
        } else {
            run.signal("TERM");
            assert_eq!(stage.wait(run).status, 0, "catatonit drops SIGHUP");
        }
    });
}

#[test]
fn version_help_and_licence_of_catatonit() {
    let lines = all_of(&[
        ("catatonit -V", "untrap -V"),
        ("catatonit --version", "untrap --version"),
        ("catatonit -h", "untrap -h"),
    ]);
    for line in lines {
        let [stdout, stderr] = prints(line);
        assert_eq!(stdout.is_empty(), line == "catatonit -h", "{line}");
        assert_eq!(stderr.is_empty(), line != "catatonit -h", "{line}");
    }
    if is_installed("catatonit") {
        assert!(prints("catatonit -V")[0].starts_with("tini version "), "the engine expects this name");
        assert!(prints("catatonit -L")[0].contains("GNU General Public License"));
    }
    assert!(prints("untrap -V")[0].starts_with("untrap "));
}

#[test]
fn catatonit_debug_logs_the_start_as_untrap_v_does() {
    let lines = row("CATATONIT_DEBUG= catatonit", "UNTRAP_VERBOSE=1 untrap");
    the_start_is_logged(&lines, |end| end.stdout.is_empty() && end.stderr.contains("spawned: true"));
}

#[test]
fn catatonit_refuses_to_run_with_catatonit_log_which_untrap_ignores() {
    if is_installed("catatonit") {
        assert_eq!(Stage::here("CATATONIT_LOG= catatonit").run("true").status, 1);
    }
    assert_eq!(Stage::here("CATATONIT_LOG= untrap").run("true").status, 0);
}

#[test]
fn catatonit_sets_listen_pid_to_the_program_as_a_shell_line_does_under_untrap() {
    const UNTRAP: &str = "untrap 'export LISTEN_PID=$$; exec PROGRAM'";
    // The program prints the variable, its own PID and the data from the descriptor. The variable names the parent at
    // first.
    let mut lines = row("LISTEN_PID=1 catatonit", UNTRAP);
    lines.push("untrap -- PROGRAM");
    each(&lines, |stage| {
        stage.write("socket", "descriptor");
        stage.script("print", "#!/bin/sh\necho $LISTEN_PID $$\ncat <&3\n");
        let line = if stage.is_untrap() { stage.line } else { "catatonit -- PROGRAM" };
        let line = line.replace("untrap", env!("CARGO_BIN_EXE_untrap")).replace("PROGRAM", "./print");
        let whole = format!("exec 3< socket; export LISTEN_PID=$$; exec {line}");
        let end = stage.run_whole(&format!("sh -c {}", shell_words::quote(&whole)));
        assert_eq!(end.status, 0, "{stage}: {end:?}");
        let words: Vec<_> = end.stdout.split_ascii_whitespace().collect();
        let names_the_program = stage.line != "untrap -- PROGRAM";
        assert_eq!((words[0] == words[1], words[2]), (names_the_program, "descriptor"), "{stage}: {words:?}");
    });
}
