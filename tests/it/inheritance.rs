//! The signal mask, descriptors and parent-death signal of services.

use std::collections::BTreeSet;

use crate::support::{Place, Scene, places};

/// Runs a program after this shell preparation, without and under untrap, and returns both outputs.
fn bare_and_under_untrap(scene: &Scene, preparation: &str, line: &str) -> [String; 2] {
    let untrap = format!("{} -q --", env!("CARGO_BIN_EXE_untrap"));
    ["", &untrap].map(|prefix| {
        let command = format!("{preparation}\nexec {prefix} {line}");
        let mut bash = std::process::Command::new("bash");
        let output = bash.args(["-c", &command]).current_dir(scene.path(".")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    })
}

/// A signal set in the text of `/proc/PID/status`.
fn signal_set(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    u64::from_str_radix(line.trim_start_matches(':').trim(), 16).unwrap()
}

#[test]
fn services_inherit_the_signal_mask_and_the_ignored_signals_of_untrap() {
    let scene = Scene::new();
    for preparation in ["", "trap '' HUP USR1 CHLD RTMIN+5", "trap '' INT QUIT TERM"] {
        let [bare, under] = bare_and_under_untrap(&scene, preparation, "cat /proc/self/status");
        for set in ["SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd"] {
            assert_eq!(signal_set(&bare, set), signal_set(&under, set), "{set} after '{preparation}'");
        }
    }
}

#[test]
fn blocked_signals_stay_blocked() {
    // A shell cannot block signals, but env can.
    let scene = Scene::new();
    let untrap = env!("CARGO_BIN_EXE_untrap");
    let [bare, under] = [vec![], vec![untrap, "-q", "--"]].map(|prefix| {
        let mut env = std::process::Command::new("env");
        env.args(["--block-signal=USR1", "--block-signal=RTMIN+2", "--"]).args(prefix);
        let output = env.args(["cat", "/proc/self/status"]).current_dir(scene.path(".")).output().unwrap();
        signal_set(&String::from_utf8(output.stdout).unwrap(), "SigBlk")
    });
    assert_eq!(bare, under);
    assert_ne!(bare, 0);
}

#[test]
fn sigpipe_is_reset_to_its_default() {
    let scene = Scene::new();
    let [_, under] = bare_and_under_untrap(&scene, "trap '' PIPE", "cat /proc/self/status");
    assert_eq!(signal_set(&under, "SigIgn") & (1 << (libc::SIGPIPE - 1)), 0);
}

#[test]
fn services_inherit_the_open_descriptors_but_none_of_untraps_own() {
    let scene = Scene::new();
    scene.write("x", "");
    for preparation in ["", "exec 3< x 5> y 17< x"] {
        let [bare, under] = bare_and_under_untrap(&scene, preparation, "ls /proc/self/fd");
        let set = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(set(&bare), set(&under), "after '{preparation}'");
    }
    let bare = std::process::Command::new("ls").arg("/proc/self/fd").output().unwrap();
    for place in places() {
        let scene = Scene::new();
        let end = scene.start(place, &["-q", "--on-exit", "ignore", "a: ls /proc/self/fd", "true", "true"]).end();
        assert_eq!(end.stdout, String::from_utf8_lossy(&bare.stdout));
    }
}

#[test]
fn services_have_sigkill_as_parent_death_signal_unless_untrap_is_pid_1() {
    // prctl(PR_GET_PDEATHSIG)
    let script = "import ctypes; s = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(s)); print(s.value)";
    for place in places() {
        let scene = Scene::new();
        let end = scene.start(place, &["-q", "--", "python3", "-c", script]).end();
        if end.status == 127 {
            return crate::support::skip("python3 is not installed, so the parent-death signal cannot be read");
        }
        assert_eq!(end.stdout, if place == Place::Pid1 { "0\n" } else { "9\n" });
    }
}

#[test]
fn an_ignored_sigchld_does_not_prevent_reaping() {
    let scene = Scene::new();
    let command = format!("trap '' CHLD; exec {} -q 'exit 3' 'sleep 1000'", env!("CARGO_BIN_EXE_untrap"));
    let status = std::process::Command::new("bash").args(["-c", &command]).current_dir(scene.path(".")).status();
    assert_eq!(status.unwrap().code(), Some(3));
}
