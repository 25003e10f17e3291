//! What untrap says, and that saying it never holds it up.

use std::io::Write;
use std::process::Stdio;

use nix::fcntl::FcntlArg;

use crate::support::{Place, Scene};

#[test]
fn a_run_is_told_in_one_line_each() {
    let scene = Scene::new();
    let untrap = scene.start(Place::Subreaper, &[&format!("web: {}", scene.witness("a", "TERM=3"))]);
    let [pid, ..] = scene.ready("a");
    untrap.signal("HUP");
    untrap.signal("TERM");
    let me = std::process::id();
    let end = untrap.end();
    let ended = end.messages[3].split(" after ").next().unwrap();
    assert_eq!(end.messages[0], format!("untrap: web started (pid {pid})"));
    assert_eq!(end.messages[1], format!("untrap: SIGHUP from pid {me}: forwarded"));
    assert_eq!(end.messages[2], format!("untrap: SIGTERM from pid {me}: stopping"));
    assert_eq!(ended, format!("untrap: web (pid {pid}) exited with status 3"));
    assert_eq!(end.messages[4], "untrap: exit status 3");
    assert_eq!(end.messages.len(), 5);
}

#[test]
fn quiet_says_only_what_went_wrong() {
    let scene = Scene::new();
    assert_eq!(scene.run(&["-q", "true"]).messages, [""; 0]);
    let end = scene.run(&["-q", "sh -c 'exit 3'"]);
    assert!(end.messages.len() == 1 && end.said("exited with status 3"), "{:?}", end.messages);
}

#[test]
fn verbose_tells_of_orphans() {
    let scene = Scene::new();
    let end = scene.run(&["-v", "(true &); sleep 0.1"]);
    assert!(end.said("orphan (pid"), "{:?}", end.messages);
}

#[test]
fn a_full_pipe_holds_nothing_up() {
    // Nobody reads standard error, and it is full before untrap starts.
    let scene = Scene::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let size = nix::fcntl::fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    writer.write_all(&vec![b'x'; usize::try_from(size).unwrap()]).unwrap();
    let output = scene.untrap().args(["true", "sleep 1000"]).stderr(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    drop(reader);
}

#[test]
fn a_reader_that_goes_away_ends_nothing() {
    let scene = Scene::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = scene.untrap().args(["sh -c 'exit 4'", "sleep 1000"]).stderr(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn closed_standard_streams_are_no_reason_to_fail() {
    let scene = Scene::new();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "exec \"$0\" 'exit 6' <&- >&- 2>&-", env!("CARGO_BIN_EXE_untrap")]).current_dir(scene.path("."));
    let status = shell.stdin(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(6));
}
