//! Tests on a pseudo-terminal: keys, job control, window sizes and the foreground process group.

use std::fs::File;
use std::process::Command;

use rexpect::session::{PtySession, spawn_command};

use crate::support::{BOUND, Scene, children, state, wait_for};

/// A pseudo-terminal and the leader of its session.
struct Terminal {
    session: PtySession,
    pid: i32,
}

impl Terminal {
    /// Starts this program as the leader of a session with a new terminal.
    fn new(program: &str, arguments: &[&str], scene: &Scene) -> Self {
        let mut command = Command::new("sh");
        command
            // Without noflsh, a key that sends a signal flushes the output, which may contain the expected text.
            .args(["-c", "stty noflsh; echo $$ > leader; exec \"$@\"", "sh", program])
            .args(arguments)
            .current_dir(scene.path("."))
            .env("PS1", "prompt> ")
            .env("TERM", "dumb");
        command.env("untrap", env!("CARGO_BIN_EXE_untrap"));
        let bound = u64::try_from(BOUND.as_millis()).unwrap();
        let session = spawn_command(command, Some(bound)).expect("opening a terminal");
        let pid = wait_for("the leader runs", || scene.lines("leader").first().map(|pid| pid.parse().unwrap()));
        Self { session, pid }
    }

    /// A terminal with an interactive bash.
    fn with_shell(scene: &Scene) -> Self {
        let mut terminal = Self::new("bash", &["--norc", "--noprofile", "-i"], scene);
        terminal.expect("prompt> ");
        terminal
    }

    #[track_caller]
    fn line(&mut self, line: &str) {
        self.session.send_line(line).unwrap();
    }

    #[track_caller]
    fn key(&mut self, key: char) {
        self.session.send_control(key).unwrap();
    }

    #[track_caller]
    fn expect(&mut self, text: &str) {
        if let Err(error) = self.session.exp_string(text) {
            panic!("'{text}' did not appear: {error}");
        }
    }

    /// Waits for the prompt, prints the status of the last command and checks it.
    #[track_caller]
    fn expect_status(&mut self, status: i32) {
        self.expect("prompt> ");
        // The terminal echoes the typed line, which must not look like the output.
        self.line("echo sta''tus $?");
        self.expect(&format!("status {status}\r"));
    }

    /// Waits until a descendant runs this program. Before that, a shell may lose a signal or not be suspended.
    #[track_caller]
    fn wait_for_program(&self, program: &str) {
        let runs_program = |pid: &i32| {
            std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == program)
        };
        wait_for(&format!("{program} runs"), || {
            let mut descendants = children(self.pid);
            let mut next = 0;
            while next < descendants.len() {
                descendants.extend(children(descendants[next]));
                next += 1;
            }
            descendants.iter().any(runs_program).then_some(())
        });
    }

    /// Changes the size of the window.
    fn resize(&self, rows: &str) {
        let terminal = File::open(format!("/proc/{}/fd/0", self.pid)).unwrap();
        assert!(Command::new("stty").args(["rows", rows]).stdin(terminal).status().unwrap().success());
    }
}

impl Drop for Terminal {
    /// Kills the leader with SIGKILL, because an interactive shell ignores SIGTERM.
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-KILL", &self.pid.to_string()]).output();
    }
}

#[test]
fn a_shell_under_untrap_has_working_job_control() {
    let scene = Scene::new();
    let mut terminal = Terminal::with_shell(&scene);
    terminal.line("$untrap -- bash --norc --noprofile -i");
    terminal.expect("prompt> ");
    terminal.line("sh -c 'echo rea\"\"dy; sleep 1000; echo not here'");
    terminal.expect("ready\r");
    terminal.wait_for_program("sleep");
    terminal.key('z');
    terminal.expect("Stopped");
    terminal.expect("prompt> ");
    terminal.line("fg");
    terminal.expect("sleep 1000");
    terminal.key('c');
    terminal.expect("prompt> ");
    terminal.line("exit 7");
    terminal.expect("untrap: exit status 7");
    terminal.expect_status(7);
}

#[test]
fn as_leader_of_the_session_untrap_gives_its_shell_job_control() {
    // `docker run -it IMAGE untrap -- bash`
    let scene = Scene::new();
    let arguments = ["--", "bash", "--norc", "--noprofile", "-i"];
    let mut terminal = Terminal::new(env!("CARGO_BIN_EXE_untrap"), &arguments, &scene);
    let before = terminal.session.exp_string("prompt> ").unwrap();
    assert!(!before.contains("no job control"), "{before}");
    terminal.line("sh -c 'echo rea\"\"dy; sleep 1000'");
    terminal.expect("ready\r");
    terminal.wait_for_program("sleep");
    terminal.key('z');
    terminal.expect("Stopped");
    // The suspended job is a leftover process and must be continued to exit.
    terminal.line("exec true");
    terminal.expect("untrap: exit status 0");
}

#[test]
fn a_program_beside_commands_has_the_terminal() {
    // `docker run -it IMAGE -- bash` with an ENTRYPOINT that names commands.
    let scene = Scene::new();
    let helper = scene.witness("helper", "");
    let arguments = [&helper, "--", "bash", "--norc", "--noprofile", "-i"];
    let mut terminal = Terminal::new(env!("CARGO_BIN_EXE_untrap"), &arguments, &scene);
    let before = terminal.session.exp_string("prompt> ").unwrap();
    assert!(!before.contains("no job control"), "{before}");
    scene.ready("helper");
    terminal.line("sh -c 'echo rea\"\"dy; sleep 1000'");
    terminal.expect("ready\r");
    terminal.wait_for_program("sleep");
    terminal.key('c');
    terminal.expect("prompt> ");
    terminal.line("echo wo\"\"rks; exit 7");
    terminal.expect("works\r");
    terminal.expect("untrap: exit status 7");
    assert_eq!(scene.seen("helper")[0], "SIGTERM", "keys are the program's own");
}

#[test]
fn ctrl_z_and_fg_work_with_a_program_beside_commands() {
    let scene = Scene::new();
    let mut terminal = Terminal::with_shell(&scene);
    let program = "sh -c 'echo rea\"\"dy; read x; echo got $x; read y'";
    terminal.line(&format!("$untrap '{}' -- {program}", scene.witness("helper", "")));
    terminal.expect("ready\r");
    for _ in 0..2 {
        terminal.key('z');
        terminal.expect("Stopped");
        terminal.expect("prompt> ");
        terminal.line("fg");
        terminal.expect("SIGCONT");
    }
    terminal.line("hello");
    terminal.expect("got hello");
    terminal.line("");
    terminal.expect_status(0);
}

#[test]
fn ctrl_z_and_fg_work_with_one_service() {
    let scene = Scene::new();
    let mut terminal = Terminal::with_shell(&scene);
    terminal.line(&format!("$untrap -- {}", "sh -c 'echo rea\"\"dy; read x; echo got $x; sleep 1000'"));
    terminal.expect("ready\r");
    terminal.key('z');
    terminal.expect("Stopped");
    terminal.expect("prompt> ");
    terminal.line("fg");
    terminal.expect("SIGCONT");
    terminal.line("hello");
    terminal.expect("got hello");
    terminal.wait_for_program("sleep");
    terminal.key('c');
    terminal.expect("killed by SIGINT");
    terminal.expect_status(130);
}

#[test]
fn fg_continues_the_whole_group_that_ctrl_z_has_suspended() {
    let scene = Scene::new();
    let mut terminal = Terminal::with_shell(&scene);
    // Like make and a compiler: the leader is not a shell and has a child in the foreground group.
    terminal.line(&format!("$untrap 'sleep 1000 & exec {}'", scene.witness("master", "")));
    let [leader, ..] = scene.ready("master");
    let child = wait_for("the child runs", || children(leader).first().copied());
    terminal.key('z');
    wait_for("the child is suspended", || (state(child) == "T").then_some(()));
    crate::support::kill(leader, "STOP");
    terminal.expect("Stopped");
    terminal.line("fg");
    terminal.expect("SIGCONT");
    wait_for("the child is continued", || (state(child) == "S").then_some(()));
    terminal.key('c');
    terminal.expect("exit status 0");
}

#[test]
fn ctrl_z_and_fg_work_with_several_services() {
    let scene = Scene::new();
    let mut terminal = Terminal::with_shell(&scene);
    terminal.line("$untrap 'sleep 1000' 'sleep 1001'");
    terminal.expect("sleep.2 started");
    terminal.key('z');
    terminal.expect("Stopped");
    let untrap = children(terminal.pid)[0];
    assert_eq!(state(untrap), "T");
    for service in children(untrap) {
        wait_for("the service is suspended", || (state(service) == "T").then_some(()));
    }
    terminal.line("fg");
    terminal.expect("SIGCONT");
    for service in children(untrap) {
        wait_for("the service is continued", || (state(service) == "S").then_some(()));
    }
    terminal.key('c');
    terminal.expect_status(130);
}

#[test]
fn ctrl_c_reaches_each_of_several_services_once_and_stdin_is_empty() {
    let scene = Scene::new();
    let mut terminal = Terminal::with_shell(&scene);
    let (a, b) = (scene.witness("a", "INT=ignore HUP=3"), scene.witness("b", "INT=ignore HUP=3"));
    terminal.line(&format!("$untrap '{a}' '{b}' 'reader: cat; echo end of in\"\"put; sleep 1000'"));
    scene.ready("a");
    scene.ready("b");
    terminal.expect("end of input");
    terminal.wait_for_program("sleep");
    terminal.key('c');
    terminal.expect("SIGINT from the terminal: stopping");
    for name in ["a", "b"] {
        scene.wait_for_line(name, "SIGCONT");
        assert_eq!(scene.seen(name), ["SIGINT", "SIGCONT"]);
    }
    terminal.expect("killed by SIGINT");
    // A key that comes soon after the first has no effect.
    let runs_untrap =
        |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "untrap\n");
    wait_for("untrap exits", || {
        terminal.key('c');
        (!children(terminal.pid).into_iter().any(runs_untrap)).then_some(())
    });
    terminal.expect("SIGINT from the terminal: press Ctrl-C again to kill");
    terminal.expect("SIGINT from the terminal: second SIGINT, killing all remaining processes");
    terminal.expect("exit status 130");
}

#[test]
fn a_new_window_size_reaches_each_service_once() {
    for count in [1, 2] {
        let scene = Scene::new();
        let mut terminal = Terminal::with_shell(&scene);
        let names = &["a", "b"][..count];
        let commands: Vec<_> = names.iter().map(|name| format!("'{}'", scene.witness(name, ""))).collect();
        terminal.line(&format!("$untrap {}", commands.join(" ")));
        for name in names {
            scene.ready(name);
        }
        terminal.resize("33");
        for name in names {
            scene.wait_for_line(name, "SIGWINCH");
        }
        // Each service gets SIGINT afterwards, so a second SIGWINCH would have arrived by then.
        terminal.key('c');
        terminal.expect("exit status 0");
        for name in names {
            assert_eq!(scene.seen(name)[..2], ["SIGWINCH", "SIGINT"], "with {count} services");
        }
    }
}

#[test]
fn the_foreground_is_given_back_at_exit() {
    let scene = Scene::new();
    scene.write("script", "\"$untrap\" -- true\nread x\necho got $x\n");
    let mut terminal = Terminal::with_shell(&scene);
    terminal.line("bash script");
    terminal.expect("exit status 0");
    terminal.line("hello");
    terminal.expect("got hello");
}

#[test]
fn the_rest_of_a_pipeline_keeps_the_terminal_until_the_service_reads_from_it() {
    let scene = Scene::new();
    let mut terminal = Terminal::with_shell(&scene);
    terminal.line("$untrap -q -- echo x | sh -c 'read line; read key < /dev/tty; echo $line got $key'");
    terminal.line("hello");
    terminal.expect("x got hello");
    terminal.line("$untrap -q -- sh -c 'read x; echo got $x' | cat");
    terminal.line("hello");
    terminal.expect("got hello");
    terminal.expect_status(0);
}

#[test]
fn ctrl_z_is_undone_if_no_process_could_continue_the_service() {
    let scene = Scene::new();
    let mut terminal = Terminal::new(env!("CARGO_BIN_EXE_untrap"), &["-q", "--", "cat"], &scene);
    let cat = wait_for("cat runs", || children(terminal.pid).first().copied());
    let is_cat = || std::fs::read_to_string(format!("/proc/{cat}/comm")).is_ok_and(|name| name == "cat\n");
    wait_for("cat is executed", || is_cat().then_some(()));
    terminal.key('z');
    terminal.line("hello");
    terminal.expect("hello");
}

#[test]
fn untrap_is_never_suspended_by_writing_from_the_background() {
    let scene = Scene::new();
    let mut terminal = Terminal::with_shell(&scene);
    terminal.line("stty tostop");
    terminal.line(&format!("$untrap '{}' 'sleep 1000' &", scene.witness("a", "")));
    scene.ready("a");
    terminal.expect("sleep started");
    let untrap = wait_for("untrap runs", || children(terminal.pid).first().copied());
    crate::support::kill(untrap, "TTOU");
    scene.wait_for_line("a", "SIGTTOU");
    wait_for("untrap is suspended by SIGTTOU from a process", || (state(untrap) == "T").then_some(()));
    crate::support::kill(untrap, "CONT");
    terminal.expect("SIGCONT");
    crate::support::kill(untrap, "TERM");
    terminal.expect("exit status 143");
}

#[test]
fn pid_1_forwards_sigtstp_and_is_not_suspended_itself() {
    if !crate::support::can_unshare() {
        return;
    }
    let scene = Scene::new();
    let mut terminal = Terminal::with_shell(&scene);
    let witness = scene.witness("a", "");
    terminal.line(&format!("unshare --pid --fork --mount-proc --kill-child $untrap -- {witness} 2> messages"));
    scene.ready("a");
    let untrap = wait_for("untrap runs", || children(*children(terminal.pid).first()?).first().copied());
    crate::support::kill(untrap, "TSTP");
    scene.wait_for_line("a", "SIGTSTP");
    crate::support::kill(untrap, "TERM");
    terminal.expect_status(0);
    let suspensions = scene.lines("messages").iter().filter(|line| line.contains("SIGTSTP from")).count();
    assert_eq!(suspensions, 1);
    assert_eq!(scene.seen("a")[..2], ["SIGTSTP", "SIGTERM"]);
}
