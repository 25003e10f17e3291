//! `--output prefix` and `--output json`: no byte is lost, and a slow or absent reader does not affect the shutdown.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::process::{Command, Output, Stdio};

use crate::support::{Place, Running, Scene, wait_for};

/// untrap without a directory of the test.
fn untrap() -> Command {
    let mut untrap = Scene::new().untrap();
    untrap.current_dir("/");
    untrap
}

/// Runs untrap with these arguments until it exits.
fn run(arguments: &[&str]) -> Output {
    untrap().args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Runs untrap with one pipe for standard output and standard error and a slow reader. Returns all that it wrote.
#[expect(clippy::disallowed_methods, reason = "a slow reader")]
fn run_slowly(arguments: &[&str]) -> Vec<u8> {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = untrap();
    command.args(arguments).stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = command.spawn().unwrap();
    drop(command);
    let (mut all, mut buffer) = (Vec::new(), [0; 16_000]);
    loop {
        match reader.read(&mut buffer).unwrap() {
            0 => break,
            size => all.extend_from_slice(&buffer[..size]),
        }
        std::thread::sleep(std::time::Duration::from_micros(200));
    }
    child.wait().unwrap();
    all
}

/// untrap with a full standard output that has no reader.
fn stuck(timeout: &str, command: &str) -> Running {
    let mut untrap = self::untrap();
    untrap.args(["-t", timeout, "--output", "prefix", command]);
    let untrap = Running::new(Place::Subreaper, &mut untrap);
    let stuck = || {
        let service = *crate::support::children(untrap.pid()).first()?;
        let waits = std::fs::read_to_string(format!("/proc/{service}/syscall")).ok()?;
        // The first word is the number of the system call that blocks, the second its first argument.
        waits.starts_with(&format!("{} 0x1 ", libc::SYS_write)).then_some(())
    };
    wait_for("the service blocks in write", stuck);
    untrap
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn prefix_puts_the_padded_name_before_each_line_and_changes_no_byte() {
    let output = run(&["--output", "prefix", "--on-exit", "ignore", r"w: printf 'one\r\n\n10%%\n\377\000\nlast'"]);
    let expected = b"w      | one\r\nw      | \nw      | 10%\nw      | \xff\0\nw      | last\n";
    assert_eq!(output.stdout, expected);
    let output = run(&["--output", "prefix", "--on-exit", "ignore", "a: echo a", "longest: echo b"]);
    let mut lines: Vec<_> = text(&output.stdout).lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["a       | a", "longest | b"]);
}

#[test]
fn standard_output_and_standard_error_stay_apart() {
    let output = run(&["-q", "--output", "prefix", "w: echo out; echo err >&2"]);
    assert_eq!(text(&output.stdout), "w      | out\n");
    assert_eq!(text(&output.stderr), "w      | err\n");
}

#[test]
fn a_service_of_another_user_can_reopen_its_streams() {
    if !nix::unistd::geteuid().is_root() {
        return crate::support::skip("only root can become another user");
    }
    let output =
        run(&["-q", "--output", "prefix", "--user", "nobody", "w: echo x > /dev/stdout; echo y > /dev/stderr"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("w      | x\n", "w      | y\n"));
}

#[test]
fn json_has_one_object_per_line() {
    let output = run(&["--output", "json", r#"w: echo "pid $$"; printf 'a"\\\t\377\nlast' >&2"#]);
    let stdout: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let time = humantime::parse_rfc3339(stdout["time"].as_str().unwrap()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the time of a line is that of the wall clock")]
    let age = time.elapsed().unwrap();
    assert!(age.as_secs() < 60, "{age:?}");
    assert_eq!((&stdout["name"], &stdout["stream"]), (&"w".into(), &"stdout".into()));
    assert_eq!(stdout["message"], format!("pid {}", stdout["pid"]));
    let stderr: Vec<serde_json::Value> =
        text(&output.stderr).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |name: &'static str| stderr.iter().filter(move |line| line["name"] == name);
    let messages: Vec<_> = of("w").map(|line| &line["message"]).collect();
    assert_eq!(messages, ["a\"\\\t\u{fffd}", "last"]);
    assert_eq!(of("w").next().unwrap()["base64"], "YSJcCf8=", "bytes that are not UTF-8 are not lost");
    assert!(of("untrap").any(|line| line["message"] == "exit status 0"));
}

#[test]
fn a_long_line_is_split_into_marked_pieces() {
    let long = r"head -c 150000 /dev/zero | tr '\0' x; echo";
    let output = run(&["-q", "--output", "prefix", &format!("w: {long}")]);
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    let x = |count| "x".repeat(count);
    assert_eq!(
        lines,
        [
            format!("w      + {}", x(65_536)),
            format!("w      + {}", x(65_536)),
            format!("w      | {}", x(150_000 - 131_072))
        ]
    );
    let output = run(&["-q", "--output", "json", &format!("w: {long}")]);
    let lines = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap());
    let partial: Vec<_> = lines.map(|line: serde_json::Value| line["partial"].clone()).collect();
    assert_eq!(partial, [serde_json::json!(true), serde_json::json!(true), serde_json::Value::Null]);
}

#[test]
fn a_single_line_is_written_at_once() {
    let scene = Scene::new();
    let mut untrap = scene.untrap();
    untrap.args(["--output", "prefix", "w: echo ready; exec sleep 1000"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = untrap.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "w      | ready\n");
    crate::support::kill(i32::try_from(child.id()).unwrap(), "TERM");
    child.wait().unwrap();
}

#[test]
fn of_200_000_lines_none_is_lost_or_reordered() {
    let output = run(&["--output", "prefix", "w: seq 200000"]);
    assert!(text(&output.stdout).lines().eq((1..=200_000).map(|number| format!("w      | {number}"))));
}

#[test]
fn no_line_of_eight_services_is_lost_with_a_slow_reader() {
    let commands: Vec<String> = (1..=8).map(|number| format!("w{number}: seq 200000 >&{}", 1 + number % 2)).collect();
    let arguments = ["-q", "--output", "prefix", "--on-exit", "ignore"].into_iter();
    let output = run_slowly(&arguments.chain(commands.iter().map(String::as_str)).collect::<Vec<_>>());
    let mut next = [1; 8];
    for line in text(&output).lines() {
        let (name, number) = line.split_once("     | ").unwrap_or_else(|| panic!("an incomplete line: {line}"));
        let producer = name[1..].parse::<usize>().unwrap() - 1;
        assert_eq!(number.parse(), Ok(next[producer]), "{line}");
        next[producer] += 1;
    }
    assert_eq!(next, [200_001; 8]);
}

#[test]
fn a_service_that_never_stops_writing_does_not_block_the_others() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = untrap();
    command.args(["--output", "prefix", "--on-exit", "ignore", "a: yes", "b: yes", "c: echo tick; echo tock >&2"]);
    let untrap = command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
    drop(command);
    let mut wanted = vec!["b      | y", "c      | tick", "c      | tock", "untrap | c (pid"];
    for line in BufReader::with_capacity(16_000, reader).lines().take(10_000_000) {
        let line = line.unwrap();
        wanted.retain(|wanted| !line.starts_with(wanted));
        if wanted.is_empty() {
            break;
        }
    }
    crate::support::kill(i32::try_from(untrap.id()).unwrap(), "KILL");
    { untrap }.wait().unwrap();
    assert_eq!(wanted, [""; 0], "these lines are missing");
}

#[test]
fn output_from_before_a_restart_keeps_its_pid() {
    let scene = Scene::new();
    let (reader, writer) = std::io::pipe().unwrap();
    // The output of the first process fills the pipe to the reader and stays in the pipe to untrap. The second process
    // starts all the same.
    let first = "yes $(printf %999s | tr ' ' x) | head -n 250; printf last";
    let service = format!("w: test -e first && {{ echo second; : > second; exec sleep 1000; }}; : > first; {first}");
    let mut command = scene.untrap();
    command.args(["-q", "--output", "json", "--on-exit", "restart", &service]);
    let mut untrap = command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::null()).spawn().unwrap();
    drop(command);
    wait_for("the second process has written", || scene.path("second").exists().then_some(()));
    crate::support::kill(i32::try_from(untrap.id()).unwrap(), "TERM");
    let lines = BufReader::new(reader).lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap());
    let lines: Vec<serde_json::Value> = lines.collect();
    untrap.wait().unwrap();
    let last: Vec<_> = lines[250..].iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(last, ["last", "second"]);
    assert!(lines[..=250].iter().all(|line| line["pid"] == lines[0]["pid"]) && lines[251]["pid"] != lines[0]["pid"]);
}

#[test]
fn a_service_that_writes_nothing_does_not_notice_that_the_reader_has_gone() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut untrap = self::untrap();
    untrap.args(["--output", "prefix", "w: exit 5"]).stdout(writer).stderr(Stdio::null());
    assert_eq!(untrap.status().unwrap().code(), Some(5));
}

#[test]
fn a_blocked_reader_blocks_the_services_but_not_the_signals() {
    let untrap = stuck("300ms", "w: yes");
    let status = std::fs::read_to_string(format!("/proc/{}/status", untrap.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix(" kB")?.trim().parse().ok());
    assert!(peak.is_some_and(|kilobytes: u64| kilobytes < 16 * 1024), "memory is not bounded: {peak:?} kB");
    untrap.signal("TERM");
    untrap.wait_for_message("killed by SIGTERM");
    let end = wait_for_end_without_reader(untrap);
    assert_eq!(end.0, Some(143));
    let last = end.1.last().unwrap();
    let lines = last.strip_prefix("untrap | ").and_then(|text| text.split_once(" lines of output lost"));
    assert!(lines.is_some_and(|(lines, _)| lines.parse::<u64>().unwrap() > 10_000), "{:?}", end.1);
}

#[test]
fn sigint_ends_the_wait_for_a_blocked_reader() {
    let untrap = stuck("inf", "w: yes");
    untrap.signal("TERM");
    untrap.wait_for_message("exit status");
    untrap.signal("INT");
    assert!(wait_for_end_without_reader(untrap).1.last().unwrap().contains("lines of output lost"));
}

/// Waits until untrap exits, without reading its standard output. Returns the status and the messages.
fn wait_for_end_without_reader(untrap: Running) -> (Option<i32>, Vec<String>) {
    wait_for("untrap exits", || (crate::support::state(untrap.pid()) == "Z").then_some(()));
    let end = untrap.end();
    (Some(end.status), end.messages)
}

#[test]
fn the_last_output_of_a_killed_service_comes_before_the_message_of_its_exit() {
    let mut untrap = self::untrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    untrap.args(["--output", "prefix", "w: seq 20000; printf 'last line'; kill -9 $$"]);
    untrap.stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = untrap.spawn().unwrap();
    drop(untrap);
    let mut output = String::new();
    reader.read_to_string(&mut output).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(137));
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines[0], format!("untrap | w started (pid {})", pid_in(lines[0])));
    assert!(lines[1..=20_000].iter().zip(1..).all(|(line, number)| *line == format!("w      | {number}")));
    assert_eq!(lines[20_001], "w      | last line");
    assert!(lines[20_002].contains("killed by SIGKILL") && lines[20_003] == "untrap | exit status 137");
    assert_eq!(lines.len(), 20_004);
}

#[test]
fn the_output_of_a_leader_comes_before_the_message_of_its_exit_even_if_its_group_is_not_empty() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut untrap = self::untrap();
    untrap.args(["--output", "prefix", "w: sleep 1000 & exec seq 20000"]);
    untrap.stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = untrap.spawn().unwrap();
    drop(untrap);
    let mut output = String::new();
    reader.read_to_string(&mut output).unwrap();
    child.wait().unwrap();
    let (before, after) = output.split_once(" exited with status 0").unwrap();
    assert!(before.contains("w      | 20000\n") && !after.contains("w      |"), "{after}");
}

fn pid_in(line: &str) -> &str {
    line.split(['(', ')']).nth(1).and_then(|pid| pid.strip_prefix("pid ")).unwrap()
}

#[test]
fn a_foreign_process_that_writes_to_the_pipe_does_not_delay_the_exit() {
    let scene = Scene::new();
    let mut untrap = scene.untrap();
    untrap.args(["--output", "prefix", &scene.witness("w", "")]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = untrap.spawn().unwrap();
    let [pid, ..] = scene.ready("w");
    let mut pipe = std::fs::OpenOptions::new().write(true).open(format!("/proc/{pid}/fd/1")).unwrap();
    nix::fcntl::fcntl(pipe.as_fd(), nix::fcntl::FcntlArg::F_GETPIPE_SZ).expect("standard output is a pipe");
    // The write fails with EPIPE once untrap has exited.
    let flood = std::thread::spawn(move || while pipe.write_all(&[b'\n'; 4096]).is_ok() {});
    crate::support::kill(i32::try_from(child.id()).unwrap(), "TERM");
    assert_eq!(wait_for("untrap exits", || child.try_wait().unwrap()).code(), Some(0));
    flood.join().unwrap();
}

#[test]
fn names_are_coloured_on_a_terminal_or_if_a_variable_forces_it() {
    let stdout = |variables: &[(&str, &str)]| {
        let mut untrap = self::untrap();
        untrap.args(["-q", "--output", "prefix", "w: echo text"]).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        untrap.envs(variables.iter().copied()).stdin(Stdio::null());
        String::from_utf8(untrap.output().unwrap().stdout).unwrap()
    };
    assert_eq!(stdout(&[]), "w      | text\n");
    assert_eq!(stdout(&[("CLICOLOR_FORCE", "1")]), "\x1b[36mw      |\x1b[0m text\n");
    assert_eq!(stdout(&[("NO_COLOR", "1")]), "w      | text\n");
    let mut untrap = Command::new(env!("CARGO_BIN_EXE_untrap"));
    untrap.args(["-q", "--output", "prefix", "w: echo text"]).env_remove("NO_COLOR").env("TERM", "xterm");
    let mut session = rexpect::session::spawn_command(untrap, Some(30_000)).unwrap();
    session.exp_string("\x1b[36mw      |\x1b[0m text\r\n").unwrap();
}

#[test]
fn timestamps_are_rfc_3339_with_milliseconds() {
    let output = run(&["--output", "prefix", "--timestamps", "w: echo text"]);
    let (time, rest) = text(&output.stdout).split_once(' ').unwrap();
    assert!(humantime::parse_rfc3339(time).is_ok() && time.len() == "2026-01-01T00:00:00.000Z".len(), "{time}");
    assert_eq!(rest, "w      | text\n");
    assert!(text(&output.stderr).lines().all(|line| line.contains("Z untrap | ")));
}

#[test]
fn invalid_combinations_are_refused_before_anything_starts() {
    for (arguments, message) in [
        (["--output", "xml", "touch started"], "'xml'"),
        (["--timestamps", "-v", "touch started"], "--timestamps needs lines of untrap's own"),
    ] {
        let scene = Scene::new();
        let end = scene.run(&arguments);
        assert_eq!(end.status, 2);
        assert!(end.said(message) && !scene.path("started").exists(), "{:?}", end.messages);
    }
}

#[test]
fn raw_gives_services_the_descriptors_of_untrap() {
    let scene = Scene::new();
    let untrap = scene.start(Place::Subreaper, &[&scene.witness("w", "")]);
    let [pid, ..] = scene.ready("w");
    for descriptor in 1..=2 {
        let target = |pid| std::fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).unwrap();
        assert_eq!(target(pid), target(untrap.pid()));
    }
    untrap.signal("TERM");
    untrap.end();
}

/// Sets `O_NONBLOCK` on its standard output, as node does, and waits.
const NONBLOCKING: &str =
    "n: perl -MFcntl -e \"fcntl(STDOUT, F_SETFL, O_NONBLOCK | O_WRONLY); open(F, '>set'); close(F); sleep 1000\"";

/// The output of untrap through a pipe that a shell line reads. Another program starts both.
fn piped(scene: &Scene, before: &[&str], arguments: &[&str], reader: &str) -> std::process::Output {
    let mut command = Command::new("env");
    command.args(before).args(["bash", "-c", &format!("set -o pipefail; \"$@\" | {reader}"), "bash"]);
    command.arg(env!("CARGO_BIN_EXE_untrap")).args(arguments).current_dir(scene.path(".")).output().unwrap()
}

#[test]
fn a_service_that_makes_its_output_nonblocking_breaks_no_other() {
    let user: &[&str] = &["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];
    for before in [&[], user] {
        for mode in ["raw", "prefix", "json"] {
            let scene = Scene::new();
            std::fs::set_permissions(scene.open_to_all(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
            let writer = "p: until [ -e set ]; do sleep 0.01; done; seq 1 300000";
            let arguments = ["-q", "--output", mode, NONBLOCKING, writer];
            // The pipe is full when the reader begins.
            let output = piped(&scene, before, &arguments, "(sleep 0.5; grep -c '[0-9]')");
            assert_eq!(String::from_utf8_lossy(&output.stdout), "300000\n", "{mode} {before:?}: {output:?}");
        }
    }
}

#[test]
fn a_restarted_service_has_a_blocking_output_again() {
    let scene = Scene::new();
    scene.script(
        "once",
        "#!/bin/sh\nif [ -e set ]; then seq 1 300000; exit 0; fi\n\
         perl -MFcntl -e \"fcntl(STDOUT, F_SETFL, O_NONBLOCK | O_WRONLY)\"; touch set; exit 1\n",
    );
    let arguments = ["-q", "--output", "prefix", "--on-exit", "restart-on-failure", "./once"];
    let output = piped(&scene, &[], &arguments, "(sleep 1; wc -l)");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "300000\n", "{output:?}");
}

#[test]
fn when_the_reader_has_gone_writers_are_killed_by_sigpipe() {
    for mode in ["raw", "prefix", "json"] {
        let scene = Scene::new();
        let output = piped(&scene, &[], &["-q", "--output", mode, "yes"], "head -c 1000");
        assert_eq!(output.stdout.len(), 1000, "{mode}");
        assert_eq!(output.status.code(), Some(141), "{mode}: {output:?}");
    }
}

#[test]
fn with_raw_output_another_user_can_open_the_pipe_again() {
    if !nix::unistd::geteuid().is_root() {
        return crate::support::skip("only root can run a service as another user");
    }
    let scene = Scene::new();
    let arguments = ["-q", "--user", "nobody", "--", "sh", "-c", "echo x > /dev/stdout"];
    let output = piped(&scene, &[], &arguments, "cat");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "x\n", "{output:?}");
}
