//! untrap's own messages, which never delay it.

use std::io::Write;
use std::process::Stdio;

use nix::fcntl::FcntlArg;

use crate::support::{Place, Scene};

#[test]
fn each_event_of_a_run_has_one_line() {
    let scene = Scene::new();
    let untrap = scene.start(Place::Subreaper, &[&format!("web: {}", scene.witness("a", "TERM=3"))]);
    let [pid, ..] = scene.ready("a");
    untrap.signal("HUP");
    untrap.signal("TERM");
    let me = std::process::id();
    let end = untrap.end();
    let exit = end.messages[3].split(" after ").next().unwrap();
    assert_eq!(end.messages[0], format!("untrap: web started (pid {pid})"));
    assert_eq!(end.messages[1], format!("untrap: SIGHUP from pid {me}: forwarded"));
    assert_eq!(end.messages[2], format!("untrap: SIGTERM from pid {me}: stopping"));
    assert_eq!(exit, format!("untrap: web (pid {pid}) exited with status 3"));
    assert_eq!(end.messages[4], "untrap: exit status 3");
    assert_eq!(end.messages.len(), 5);
}

#[test]
fn quiet_prints_only_errors() {
    let scene = Scene::new();
    assert_eq!(scene.run(&["-q", "true"]).messages, [""; 0]);
    let end = scene.run(&["-q", "sh -c 'exit 3'"]);
    assert!(end.messages.len() == 1 && end.said("exited with status 3"), "{:?}", end.messages);
}

#[test]
fn verbose_reports_orphans() {
    let scene = Scene::new();
    let untrap = scene.start(Place::Subreaper, &["-v", &format!("(true &); exec {}", scene.witness("a", ""))]);
    untrap.wait_for_message("orphan (pid");
    scene.ready("a");
    untrap.signal("TERM");
    assert_eq!(untrap.end().status, 0);
}

#[test]
fn a_full_pipe_does_not_delay_the_shutdown() {
    // The pipe has no reader and is full before untrap starts.
    let scene = Scene::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let size = nix::fcntl::fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    writer.write_all(&vec![b'x'; usize::try_from(size).unwrap()]).unwrap();
    let output = scene.untrap().args(["true", "sleep 1000"]).stderr(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    drop(reader);
}

#[test]
fn messages_without_a_reader_do_not_affect_the_run() {
    let scene = Scene::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = scene.untrap().args(["sh -c 'exit 4'", "sleep 1000"]).stderr(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn closed_standard_streams_do_not_affect_the_run() {
    let scene = Scene::new();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "exec \"$0\" 'exit 6' <&- >&- 2>&-", env!("CARGO_BIN_EXE_untrap")]).current_dir(scene.path("."));
    let status = shell.stdin(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(6));
}
