//! The signal sets and descriptors that a program inherits.

use crate::page::peers;
use crate::stage::Stage;

/// The blocked, ignored and caught signals of a program, from its `/proc/self/status`.
fn signal_sets(stage: &Stage, line: &str) -> [u64; 3] {
    let end = stage.run_whole(line);
    ["SigBlk:", "SigIgn:", "SigCgt:"].map(|name| {
        let set = end.stdout.lines().find_map(|line| line.strip_prefix(name));
        u64::from_str_radix(set.unwrap_or_else(|| panic!("{line}: {end:?}")).trim(), 16).unwrap()
    })
}

fn set_of(signals: &[i32]) -> u64 {
    signals.iter().map(|signal| 1 << (signal - 1)).sum()
}

#[test]
fn untrap_and_tini_pass_on_blocked_and_ignored_signals_unchanged() {
    let stage = Stage::here("untrap");
    let terminal = set_of(&[libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU]);
    let blocking = "env --block-signal=USR1 --ignore-signal=HUP --ignore-signal=TERM --";
    for before in ["env --", blocking] {
        let bare = signal_sets(&stage, &format!("{before} cat /proc/self/status"));
        let under = |line| signal_sets(&stage, &format!("{before} {line} -- cat /proc/self/status"));
        assert_eq!(under("untrap"), bare, "{before}");
        let [blocked, ignored, _] = bare;
        for peer in peers() {
            let expected = match peer {
                "dumb-init" => [0, ignored & !set_of(&[libc::SIGHUP, libc::SIGTERM]), 0],
                "catatonit" => [blocked | terminal, ignored, 0],
                _ => bare,
            };
            assert_eq!(under(peer), expected, "{before} {peer}");
        }
    }
    let [blocked, ignored, _] = signal_sets(&stage, &format!("{blocking} cat /proc/self/status"));
    let [set, ignorable] = [set_of(&[libc::SIGUSR1]), set_of(&[libc::SIGHUP, libc::SIGTERM])];
    assert_eq!([blocked & set, ignored & ignorable], [set, ignorable], "the compared sets are not empty");
}

#[test]
fn dumb_init_and_untrap_reset_an_ignored_sigpipe_to_its_default() {
    let stage = Stage::here("untrap");
    let before = "env --ignore-signal=PIPE --";
    let ignores = |line: &str| signal_sets(&stage, &format!("{before} {line}"))[1] & set_of(&[libc::SIGPIPE]) != 0;
    assert!(ignores("cat /proc/self/status"));
    assert!(!ignores("untrap -- cat /proc/self/status"));
    for peer in peers() {
        assert_eq!(ignores(&format!("{peer} -- cat /proc/self/status")), peer != "dumb-init", "{peer}");
    }
}

#[test]
fn all_pass_on_open_descriptors_unchanged() {
    let stage = Stage::here("untrap");
    stage.write("file", "");
    for before in ["", "exec 3< file 5> other 17< file;"] {
        // Leave out the directory that ls reads, whose path contains the PID.
        let descriptors = |line: &str| {
            let whole = format!("bash -c '{before} exec {line} ls -l /proc/self/fd'");
            let whole = whole.replace("exec untrap", &format!("exec {}", env!("CARGO_BIN_EXE_untrap")));
            let end = stage.run_whole(&whole);
            assert_eq!(end.status, 0, "{whole}: {end:?}");
            let links = end.stdout.lines().filter_map(|line| line.rsplit_once(" -> "));
            let named =
                links.filter_map(|(rest, target)| Some((rest.rsplit_once(' ')?.1.to_owned(), target.to_owned())));
            named.filter(|(_, target)| !target.starts_with("/proc/")).collect::<Vec<_>>()
        };
        let bare = descriptors("");
        assert_eq!(bare.iter().any(|(descriptor, _)| descriptor == "17"), !before.is_empty(), "{bare:?}");
        assert_eq!(descriptors("untrap -q --"), bare);
        for peer in peers() {
            assert_eq!(descriptors(&format!("{peer} --")), bare, "{peer}");
        }
    }
}
