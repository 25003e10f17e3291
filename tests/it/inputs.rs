//! Procfiles and env files that are FIFOs or devices: untrap can be stopped while it reads them, and limits their size.

use std::process::{Command, Stdio};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::{Place, Running, Scene, places, state, wait_for};

/// Command lines that read this file before any service starts.
fn readers(file: &str) -> [Vec<&str>; 4] {
    [
        vec!["-f", file],
        vec!["--env-file", file, "sleep 1000"],
        vec!["check", "-f", file],
        vec!["check", "--env-file", file, "sleep 1000"],
    ]
}

#[test]
fn untrap_can_be_stopped_while_it_opens_a_fifo_without_a_writer() {
    for place in places() {
        for arguments in readers("fifo") {
            for (signal, status) in [("TERM", 143), ("INT", 130), ("HUP", 129), ("QUIT", 131)] {
                let scene = Scene::new();
                mkfifo(&scene.path("fifo"), Mode::S_IRWXU).unwrap();
                let untrap = scene.start(place, &arguments);
                wait_for("untrap waits for a writer", || {
                    let wchan = std::fs::read_to_string(format!("/proc/{}/syscall", untrap.pid())).unwrap_or_default();
                    // openat(2) has the number 257 on x86-64 and 56 on arm64.
                    wchan.starts_with(if cfg!(target_arch = "x86_64") { "257 " } else { "56 " }).then_some(())
                });
                untrap.signal(signal);
                assert_eq!(untrap.end().status, status, "{place:?} {arguments:?} SIG{signal}");
            }
        }
    }
}

#[test]
fn a_signal_that_untrap_inherited_as_ignored_stays_ignored_while_it_reads() {
    let scene = Scene::new();
    mkfifo(&scene.path("fifo"), Mode::S_IRWXU).unwrap();
    let mut command = scene.program_in(Place::Subreaper, "sh".as_ref());
    command.args(["-c", "trap '' HUP; exec \"$0\" -f fifo", env!("CARGO_BIN_EXE_untrap")]);
    let untrap = Running::new(Place::Subreaper, &mut command);
    wait_for("untrap reads the FIFO", || (state(untrap.pid()) == "S").then_some(()));
    untrap.signal("HUP");
    std::fs::write(scene.path("fifo"), "job: sh -c 'grep SigIgn /proc/self/status'\n").unwrap();
    let end = untrap.end();
    assert_eq!(end.status, 0, "{:?}", end.messages);
    assert!(end.stdout.trim_end().ends_with('1'), "the service ignores SIGHUP too: {}", end.stdout);
}

#[test]
fn an_endless_file_is_refused_and_the_message_names_the_limit() {
    for arguments in readers("/dev/zero") {
        let limit = if arguments.contains(&"-f") { "1 MiB" } else { "16 MiB" };
        let mut command = Command::new(env!("CARGO_BIN_EXE_untrap"));
        let output = command.args(&arguments).stdin(Stdio::null()).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains("/dev/zero") && message.contains(&format!("larger than {limit}")), "{message}");
    }
}
