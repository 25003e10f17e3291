//! The tables of `docs/switching.md`, row by row: one scenario under tini, dumb-init or catatonit, and under untrap.

#[path = "support/mod.rs"]
mod support;

use std::fs::File;
use std::process::{Child, Command, Stdio};

use support::{Place, Scene, children, kill, places, processes_with, skip, state, wait_for};

const PAGE: &str = include_str!("../docs/switching.md");
const PEERS: [&str; 3] = ["tini", "dumb-init", "catatonit"];

/// The rows of all tables: what stands in backticks in the first cell, and in the second.
fn rows() -> Vec<[Vec<&'static str>; 2]> {
    let code = |cell: &'static str| cell.split('`').skip(1).step_by(2).collect::<Vec<_>>();
    let cells = |line: &'static str| line.strip_prefix("| ").map(|line| line.split(" | ").collect::<Vec<_>>());
    let rows = PAGE.lines().filter_map(cells).filter(|cells| cells.len() == 3);
    rows.map(|cells| [code(cells[0]), code(cells[1])]).filter(|[wrote, _]| !wrote.is_empty()).collect()
}

/// A row of the page: the command lines to run, without their program. Only that of untrap where the peer is missing.
#[track_caller]
fn row(peer: &'static str, untrap: &'static str) -> Vec<&'static str> {
    let is_there = rows().iter().any(|row| row[0].contains(&peer) && row[1].contains(&untrap));
    assert!(is_there, "docs/switching.md has no row with `{peer}` and `{untrap}`");
    if is_installed(peer_of(peer)) { vec![peer, untrap] } else { vec![untrap] }
}

/// The same for several rows of one scenario.
#[track_caller]
fn all_of(several: &[(&'static str, &'static str)]) -> Vec<&'static str> {
    let mut lines: Vec<_> = several.iter().flat_map(|(peer, untrap)| row(peer, untrap)).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// The peers, and this line of untrap, for what is no matter of flags.
#[track_caller]
fn peers_and(untrap: &'static str) -> Vec<&'static str> {
    assert!(PAGE.contains(&format!("`{untrap}`")), "docs/switching.md does not have `{untrap}`");
    PEERS.into_iter().filter(|peer| is_installed(peer)).chain([untrap]).collect()
}

fn peer_of(line: &str) -> &'static str {
    PEERS.into_iter().find(|peer| line.split(' ').any(|word| word == *peer)).expect("a peer")
}

fn is_untrap(line: &str) -> bool {
    line.split(' ').any(|word| word == "untrap")
}

/// Whether this peer can be compared with; loudly not, where it is missing.
fn is_installed(peer: &str) -> bool {
    let directories = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&directories).any(|directory| directory.join(peer).exists());
    if !is_there {
        skip(&format!("{peer} is not installed, so what it does is not compared with untrap"));
    }
    is_there
}

/// A scene whose processes all end with it: peers leave some behind.
struct Stage(Scene);

impl std::ops::Deref for Stage {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.0
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for pid in self.processes() {
            #[allow(unsafe_code, reason = "one that has ended meanwhile is no failure")]
            // SAFETY: kill touches no memory.
            unsafe {
                libc::kill(pid, libc::SIGKILL);
            }
        }
    }
}

impl Stage {
    fn new() -> Self {
        Self(Scene::new())
    }

    /// Living processes of this scene.
    fn processes(&self) -> Vec<i32> {
        processes_with(self.path("").to_str().unwrap())
    }

    /// The PID, as it is seen here, of the witness that writes to `name`.
    #[track_caller]
    fn pid_of(&self, name: &str) -> i32 {
        let (path, witness) = (self.path(name), support::witness());
        let runs_witness = |pid: &i32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == witness);
        let argument = format!("{}\0", path.display());
        wait_for(&format!("{name} runs"), || processes_with(&argument).into_iter().find(runs_witness))
    }

    /// A leader that is no shell, and a child in its group: the witnesses `main` and `child`.
    fn leader_with_child(&self, rules: &str) -> String {
        format!("sh -c '{} & exec {}'", self.witness("child", ""), self.witness("main", rules))
    }

    /// Starts a line of the page and `--` and a program.
    #[track_caller]
    fn start(&self, place: Place, line: &str, program: &str) -> Run {
        self.start_whole(place, &format!("{line} -- {program}"))
    }

    #[track_caller]
    fn start_whole(&self, place: Place, line: &str) -> Run {
        let words = shell_words::split(line).unwrap();
        let start = words.iter().position(|word| !word.contains('=')).unwrap();
        let path = |word: &String| if word == "untrap" { env!("CARGO_BIN_EXE_untrap").into() } else { word.clone() };
        let mut command = Command::new("env");
        if place == Place::Pid1 {
            command = Command::new("unshare");
            command.args(["--pid", "--fork", "--mount-proc", "--kill-child", "--"]);
        }
        for (name, _) in std::env::vars_os() {
            if ["UNTRAP_", "TINI_", "DUMB_INIT_", "CATATONIT_"].iter().any(|it| name.to_string_lossy().starts_with(it))
            {
                command.env_remove(name);
            }
        }
        command.envs(words[..start].iter().map(|word| word.split_once('=').unwrap()));
        command.args(words[start..].iter().map(path)).current_dir(self.path("")).stdin(Stdio::null());
        let [out, err] = ["stdout", "stderr"].map(|name| File::create(self.path(name)).unwrap());
        Run { child: command.stdout(out).stderr(err).spawn().unwrap(), place, line: line.to_owned() }
    }

    #[track_caller]
    fn run(&self, place: Place, line: &str, program: &str) -> End {
        self.end(self.start(place, line, program))
    }

    /// What it wrote so far.
    fn written(&self, stream: &str) -> String {
        std::fs::read_to_string(self.path(stream)).unwrap()
    }

    #[track_caller]
    fn end(&self, mut run: Run) -> End {
        let status = wait_for(&format!("{} ends", run.line), || run.child.try_wait().unwrap());
        let status = status.code().unwrap_or_else(|| panic!("{} ended by itself: {status}", run.line));
        End { status, stdout: self.written("stdout"), stderr: self.written("stderr") }
    }
}

/// One of the four programs, and what it runs.
struct Run {
    child: Child,
    place: Place,
    line: String,
}

#[derive(Debug)]
struct End {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Run {
    /// The PID of untrap or of the peer, as it is seen here.
    #[track_caller]
    fn pid(&self) -> i32 {
        let own = i32::try_from(self.child.id()).unwrap();
        match self.place {
            Place::Subreaper => own,
            Place::Pid1 => wait_for("it runs in its namespace", || children(own).first().copied()),
        }
    }

    #[track_caller]
    fn signal(&self, name: &str) {
        kill(self.pid(), name);
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A number of `/proc/PID/stat`, by its place after the name: 1 the parent, 2 the group, 3 the session.
fn stat(pid: i32, index: usize) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(index).unwrap().parse().unwrap()
}

/// Runs a scenario for each line, in each place, on a stage of its own.
fn each(lines: &[&'static str], mut scenario: impl FnMut(&Stage, Place, &'static str)) {
    for place in places() {
        for line in lines {
            scenario(&Stage::new(), place, line);
        }
    }
}

// The page.

#[test]
fn every_flag_and_variable_that_the_peers_help_names_has_a_row() {
    for peer in PEERS.into_iter().filter(|peer| is_installed(peer)) {
        let output = Command::new(peer).arg("-h").output().unwrap();
        let help = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let is_name = |word: &&str| word.starts_with('-') || word.starts_with("TINI_");
        let words = help.lines().filter_map(|line| line.strip_prefix("  ")).flat_map(|line| {
            let names = line.trim_start().split([' ', ',', ':']).filter(|word| !word.is_empty());
            names.take_while(is_name).collect::<Vec<_>>()
        });
        let mut names: Vec<_> = words.collect();
        names.extend(match peer {
            "dumb-init" => vec!["DUMB_INIT_SETSID", "DUMB_INIT_DEBUG"],
            "catatonit" => vec!["CATATONIT_DEBUG", "CATATONIT_LOG", "LISTEN_PID"],
            _ => vec![],
        });
        assert!(names.len() >= 8, "{peer}: {names:?}");
        for name in names {
            let names_it = |wrote: &&str| {
                let mut words = wrote.split([' ', '=']);
                wrote.split(' ').any(|word| word == peer) && words.any(|word| word == name)
            };
            assert!(rows().iter().any(|[wrote, _]| wrote.iter().any(names_it)), "no row for {name} of {peer}");
        }
    }
}

#[test]
fn every_row_is_tested() {
    let tests = include_str!("peers.rs");
    for line in rows().into_iter().flatten().flatten() {
        assert!(tests.contains(&format!("\"{line}\"")), "no test runs `{line}`");
    }
}

#[test]
fn a_flag_of_a_peer_that_untrap_does_not_know_is_refused_and_nothing_is_started() {
    let flags = "-s,-p SIGTERM,-w,-g,-e 143,-l,-c,--single-child,-r 15:3,--rewrite 15:0,-P,-L,-vv";
    for flag in flags.split(',') {
        let stage = Stage::new();
        let end = stage.run(Place::Subreaper, &format!("untrap {flag}"), "touch started");
        assert_eq!(end.status, 2, "{flag}");
        assert!(end.stderr.starts_with("untrap: ") && end.stdout.is_empty(), "{flag}: {end:?}");
        assert!(!stage.path("started").exists(), "{flag}");
    }
}

// What all three do without any flag.

#[test]
fn without_dashes_untrap_takes_each_word_for_a_command_of_its_own() {
    for peer in PEERS.into_iter().filter(|peer| is_installed(peer)) {
        let stage = Stage::new();
        let end = stage.end(stage.start_whole(Place::Subreaper, &format!("{peer} echo hello")));
        assert_eq!((end.status, end.stdout.as_str()), (0, "hello\n"), "{peer}");
    }
    let stage = Stage::new();
    let end = stage.end(stage.start_whole(Place::Subreaper, "untrap echo hello"));
    assert!(!end.stdout.contains("hello"), "{end:?}");
    let end = stage.run(Place::Subreaper, "untrap", "echo hello");
    assert_eq!((end.status, end.stdout.as_str()), (0, "hello\n"));
}

#[test]
fn the_exit_status_is_that_of_the_program_and_128_plus_n_for_signal_n() {
    each(&peers_and("untrap"), |stage, place, line| {
        for (program, status) in [("true", 0), ("sh -c 'exit 7'", 7), ("sh -c 'kill -USR2 $$'", 140)] {
            assert_eq!(stage.run(place, line, program).status, status, "{line}, {place:?}: {program}");
        }
    });
}

#[test]
fn a_program_that_can_not_be_started_ends_tini_and_untrap_as_it_ends_sh_and_the_others_differently() {
    let lines = peers_and("untrap");
    each(&lines, |stage, place, line| {
        let file = stage.write("file", "");
        let expected = match line {
            "dumb-init" => [2, 2],
            "catatonit" => [1, 1],
            _ => [127, 126],
        };
        let statuses =
            ["no-such-program", file.to_str().unwrap()].map(|program| stage.run(place, line, program).status);
        assert_eq!(statuses, expected, "{line}, {place:?}");
    });
}

#[test]
fn wrong_use_ends_the_others_with_1_and_untrap_with_2() {
    for line in peers_and("untrap") {
        let stage = Stage::new();
        assert_eq!(stage.run(Place::Subreaper, &format!("{line} -X"), "true").status, 1 + i32::from(is_untrap(line)));
    }
}

#[test]
fn what_the_program_leaves_in_its_group_is_told_and_waited_for_by_untrap_alone() {
    let lines = peers_and("untrap");
    for line in lines {
        let stage = Stage::new();
        let child = stage.witness("child", "TERM=ignore USR1=0");
        let program = format!("sh -c '{child} & until grep -qs \"^ready .*$\" child; do :; done; exit 5'");
        let line_without_end = if is_untrap(line) { "untrap -t inf" } else { line };
        let mut run = stage.start(Place::Subreaper, line_without_end, &program);
        let [child, ..] = stage.ready("child");
        if is_untrap(line) {
            stage.wait_for_line("child", "SIGTERM");
            assert!(!run.has_ended(), "it waits for the child");
            kill(child, "USR1");
        }
        assert_eq!(stage.end(run).status, 5, "{line}");
        if is_untrap(line) {
            assert_eq!(state(child), "", "{line}: nobody is left");
            continue;
        }
        assert_ne!(state(child), "", "{line}: the child is left");
        if line == "dumb-init" {
            stage.wait_for_line("child", "SIGTERM");
        }
        kill(child, "USR1");
        stage.wait_for_line("child", "SIGUSR1");
        let told = stage.seen("child").contains(&"SIGTERM".to_owned());
        assert_eq!(told, line == "dumb-init", "{line}");
    }
}

#[test]
fn a_program_that_does_not_end_is_killed_after_the_timeout_by_untrap_alone() {
    let lines = peers_and("untrap -t inf");
    each(&lines, |stage, place, line| {
        let mut run = stage.start(place, line, &stage.witness("main", "TERM=ignore USR1=3"));
        stage.ready("main");
        run.signal("TERM");
        stage.wait_for_line("main", "SIGTERM");
        assert!(!run.has_ended(), "{line}");
        run.signal("USR1");
        assert_eq!(stage.end(run).status, 3, "{line}, {place:?}");
    });
    each(&["untrap -t 1ms"], |stage, place, line| {
        let run = stage.start(place, line, &stage.witness("main", "TERM=ignore"));
        stage.ready("main");
        run.signal("TERM");
        assert_eq!(stage.end(run).status, 137, "{place:?}");
    });
}

#[test]
fn a_second_int_kills_at_once_under_untrap_alone() {
    each(&peers_and("untrap -t inf"), |stage, place, line| {
        let run = stage.start(place, line, &stage.witness("main", "INT=ignore USR1=3"));
        stage.ready("main");
        run.signal("INT");
        stage.wait_for_line("main", "SIGINT");
        run.signal("INT");
        if is_untrap(line) {
            assert_eq!(stage.end(run).status, 137, "{place:?}");
            return;
        }
        let ints = || stage.seen("main").iter().filter(|seen| *seen == "SIGINT").count();
        wait_for("the second one is forwarded", || (ints() == 2).then_some(()));
        run.signal("USR1");
        assert_eq!(stage.end(run).status, 3, "{line}, {place:?}");
    });
}

#[test]
fn the_same_other_signals_are_forwarded() {
    let signals = "SIGHUP SIGUSR1 SIGUSR2 SIGALRM SIGSTKFLT SIGCONT SIGURG SIGXCPU SIGXFSZ SIGVTALRM \
                   SIGPROF SIGWINCH SIGIO SIGPWR";
    let signals: Vec<_> = signals.split(' ').collect();
    each(&peers_and("untrap"), |stage, place, line| {
        let run = stage.start(place, line, &stage.witness("main", ""));
        stage.ready("main");
        for signal in &signals {
            run.signal(signal);
            stage.wait_for_line("main", signal);
        }
        assert_eq!(stage.seen("main"), signals, "{line}, {place:?}");
        run.signal("TERM");
        assert_eq!(stage.end(run).status, 0);
    });
}

#[test]
fn sigpipe_is_not_forwarded_by_untrap_alone() {
    each(&peers_and("untrap"), |stage, place, line| {
        // It writes nothing, and dies of either.
        let file = stage.write("file", "");
        let run = stage.start(place, line, &format!("tail -f {}", file.display()));
        wait_for("tail runs", || {
            let runs_tail = |pid: i32| std::fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name == b"tail\n");
            stage.processes().into_iter().any(runs_tail).then_some(())
        });
        run.signal("PIPE");
        if is_untrap(line) {
            run.signal("TERM");
        }
        assert_eq!(stage.end(run).status, if is_untrap(line) { 143 } else { 141 }, "{line}, {place:?}");
    });
}

#[test]
fn tstp_suspends_the_program_and_dumb_init_or_untrap_itself_but_not_tini_and_nothing_under_catatonit() {
    if is_installed("catatonit") {
        let stage = Stage::new();
        let run = stage.start(Place::Subreaper, "catatonit", &stage.witness("main", ""));
        stage.ready("main");
        // The kernel hands out the lower number first.
        run.signal("TSTP");
        run.signal("PWR");
        stage.wait_for_line("main", "SIGPWR");
        assert_eq!(stage.seen("main"), ["SIGPWR"]);
        run.signal("TERM");
        stage.end(run);
    }
    for line in peers_and("untrap").into_iter().filter(|line| *line != "catatonit") {
        let stage = Stage::new();
        let file = stage.write("file", "");
        let run = stage.start(Place::Subreaper, line, &format!("tail -f {}", file.display()));
        let tail = wait_for("tail runs", || {
            let child = children(run.pid()).first().copied();
            child.filter(|pid| std::fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name == b"tail\n"))
        });
        run.signal("TSTP");
        wait_for("the program is stopped", || (state(tail) == "T").then_some(()));
        if line == "dumb-init" || is_untrap(line) {
            wait_for("it is stopped itself", || (state(run.pid()) == "T").then_some(()));
            run.signal("CONT");
            wait_for("both are woken", || (state(tail) != "T" && state(run.pid()) != "T").then_some(()));
        } else {
            assert_ne!(state(run.pid()), "T", "{line}");
            kill(tail, "CONT");
        }
        run.signal("TERM");
        assert_eq!(stage.end(run).status, 143, "{line}");
    }
}

#[test]
fn untrap_says_what_it_does_and_with_q_as_little_as_the_others() {
    let lines = peers_and("untrap -q");
    each(&lines, |stage, place, line| {
        let end = stage.run(place, line, "true");
        let warning = line == "tini" && place == Place::Subreaper;
        assert!(end.stdout.is_empty() && end.stderr.is_empty() != warning, "{line}, {place:?}: {end:?}");
    });
    let stage = Stage::new();
    assert!(stage.run(Place::Subreaper, "untrap", "true").stderr.contains("true started (pid "));
}

#[test]
fn untraps_own_variables_are_not_passed_on_and_those_of_the_others_are() {
    let stage = Stage::new();
    assert!(!stage.run(Place::Subreaper, "UNTRAP_QUIET=1 untrap", "env").stdout.contains("UNTRAP_QUIET"));
    if is_installed("tini") {
        assert!(stage.run(Place::Subreaper, "TINI_VERBOSITY=0 tini", "env").stdout.contains("TINI_VERBOSITY"));
    }
}

// What a program finds when it starts.

/// `/proc/self/status` of a program, as numbers.
fn signal_sets(stage: &Stage, line: &str) -> [u64; 3] {
    let end = stage.end(stage.start_whole(Place::Subreaper, line));
    ["SigBlk:", "SigIgn:", "SigCgt:"].map(|name| {
        let set = end.stdout.lines().find_map(|line| line.strip_prefix(name));
        u64::from_str_radix(set.unwrap_or_else(|| panic!("{line}: {end:?}")).trim(), 16).unwrap()
    })
}

fn set_of(signals: &[i32]) -> u64 {
    signals.iter().map(|signal| 1 << (signal - 1)).sum()
}

#[test]
fn blocked_and_ignored_signals_are_inherited_as_without_untrap_and_dumb_init_and_catatonit_change_them() {
    let stage = Stage::new();
    let terminal = set_of(&[libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU]);
    let blocking = "env --block-signal=USR1 --ignore-signal=HUP --ignore-signal=TERM --";
    for before in ["env --", blocking] {
        let bare = signal_sets(&stage, &format!("{before} cat /proc/self/status"));
        let under = |line| signal_sets(&stage, &format!("{before} {line} -- cat /proc/self/status"));
        assert_eq!(under("untrap"), bare, "{before}");
        let [blocked, ignored, _] = bare;
        for peer in PEERS.into_iter().filter(|peer| is_installed(peer)) {
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
    assert_eq!([blocked & set, ignored & ignorable], [set, ignorable], "there was something to compare");
}

#[test]
fn an_ignored_sigpipe_has_its_default_again_under_dumb_init_and_untrap() {
    let stage = Stage::new();
    let before = "env --ignore-signal=PIPE --";
    let ignores = |line: &str| signal_sets(&stage, &format!("{before} {line}"))[1] & set_of(&[libc::SIGPIPE]) != 0;
    assert!(ignores("cat /proc/self/status"));
    assert!(!ignores("untrap -- cat /proc/self/status"));
    for peer in PEERS.into_iter().filter(|peer| is_installed(peer)) {
        assert_eq!(ignores(&format!("{peer} -- cat /proc/self/status")), peer != "dumb-init", "{peer}");
    }
}

#[test]
fn the_open_descriptors_are_those_without_untrap_and_so_they_are_under_the_others() {
    let stage = Stage::new();
    stage.write("file", "");
    for before in ["", "exec 3< file 5> other 17< file;"] {
        // The last descriptor is the directory that ls reads, of another process each time.
        let descriptors = |line: &str| {
            let whole = format!("bash -c '{before} exec {line} ls -l /proc/self/fd'");
            let whole = whole.replace("exec untrap", &format!("exec {}", env!("CARGO_BIN_EXE_untrap")));
            let end = stage.end(stage.start_whole(Place::Subreaper, &whole));
            assert_eq!(end.status, 0, "{whole}: {end:?}");
            let names =
                end.stdout.lines().filter_map(|line| Some(line.split_once(" -> ")?.0.rsplit_once(' ')?.1.to_owned()));
            let targets = end.stdout.lines().filter_map(|line| Some(line.split_once(" -> ")?.1.to_owned()));
            let both: Vec<_> = names.zip(targets).filter(|(_, target)| !target.starts_with("/proc/")).collect();
            both
        };
        let bare = descriptors("");
        assert_eq!(bare.iter().any(|(descriptor, _)| descriptor == "17"), !before.is_empty(), "{bare:?}");
        assert_eq!(descriptors("untrap -q --"), bare);
        for peer in PEERS.into_iter().filter(|peer| is_installed(peer)) {
            assert_eq!(descriptors(&format!("{peer} --")), bare, "{peer}");
        }
    }
}

// tini.

/// Both are told, and end.
#[track_caller]
fn the_group_is_told(lines: &[&'static str]) {
    each(lines, |stage, place, line| {
        let run = stage.start(place, line, &stage.leader_with_child(""));
        stage.ready("main");
        stage.ready("child");
        run.signal("HUP");
        stage.wait_for_line("main", "SIGHUP");
        stage.wait_for_line("child", "SIGHUP");
        run.signal("TERM");
        assert_eq!(stage.end(run).status, 0, "{line}, {place:?}");
        assert_eq!(stage.seen("main"), ["SIGHUP", "SIGTERM"], "{line}, {place:?}");
        if is_untrap(line) {
            assert_eq!(stage.seen("child"), ["SIGHUP", "SIGTERM"], "{place:?}: the others do not wait for it");
        }
    });
}

/// The leader alone is told.
#[track_caller]
fn the_leader_is_told(lines: &[&'static str]) {
    each(lines, |stage, place, line| {
        let run = stage.start(place, line, &stage.leader_with_child(""));
        stage.ready("main");
        stage.ready("child");
        run.signal("HUP");
        stage.wait_for_line("main", "SIGHUP");
        run.signal("TERM");
        assert_eq!(stage.end(run).status, 0, "{line}, {place:?}");
        assert_eq!(stage.seen("main"), ["SIGHUP", "SIGTERM"], "{line}, {place:?}");
        let told: &[&str] = if is_untrap(line) { &["SIGTERM"] } else { &[] };
        assert_eq!(stage.seen("child"), told, "{line}, {place:?}: untrap tells it once its leader has ended");
    });
}

#[test]
fn tini_and_catatonit_without_a_flag_tell_the_program_alone_and_so_does_signal_to_leader() {
    the_leader_is_told(&all_of(&[("tini", "untrap --signal-to leader"), ("catatonit", "untrap --signal-to leader")]));
    // The difference without that option: a shell passes nothing on, so its group is told.
    each(&all_of(&[("tini", "untrap")]), |stage, place, line| {
        let program = format!("sh -c '{}; true'", stage.witness("child", "HUP=0"));
        let run = stage.start(place, line, &program);
        stage.ready("child");
        run.signal("HUP");
        assert_eq!(stage.end(run).status, 129, "{line}, {place:?}");
        let told: &[&str] = if is_untrap(line) { &["SIGHUP"] } else { &[] };
        assert_eq!(stage.seen("child"), told, "{line}, {place:?}");
    });
}

#[test]
fn tini_g_tells_the_group_and_so_does_signal_to_group() {
    the_group_is_told(&all_of(&[
        ("tini -g", "untrap --signal-to group"),
        ("TINI_KILL_PROCESS_GROUP= tini", "UNTRAP_SIGNAL_TO=group untrap"),
    ]));
}

/// A program whose child loses its parent: the witnesses `main` and `orphan`.
fn program_with_orphan(stage: &Stage) -> String {
    format!("sh -c '(setsid {} &); exec {}'", stage.witness("orphan", ""), stage.witness("main", ""))
}

#[test]
fn tini_s_adopts_orphans_where_it_is_not_pid_1_and_untrap_always_does() {
    let lines = all_of(&[("tini -s", "untrap"), ("TINI_SUBREAPER= tini", "untrap"), ("catatonit", "untrap")]);
    each(&lines, |stage, place, line| {
        let run = stage.start(place, line, &program_with_orphan(stage));
        stage.ready("main");
        let orphan = stage.pid_of("orphan");
        stage.ready("orphan");
        wait_for(&format!("{line} adopts it"), || children(run.pid()).contains(&orphan).then_some(()));
        kill(orphan, "TERM");
        wait_for(&format!("{line} reaps it"), || (children(run.pid()).len() == 1).then_some(()));
        run.signal("TERM");
        assert_eq!(stage.end(run).status, 0, "{line}, {place:?}");
    });
}

#[test]
fn tini_without_s_and_dumb_init_adopt_no_orphans_where_they_are_not_pid_1() {
    for peer in ["tini", "dumb-init"].into_iter().filter(|peer| is_installed(peer)) {
        let stage = Stage::new();
        let run = stage.start(Place::Subreaper, peer, &program_with_orphan(&stage));
        stage.ready("main");
        stage.ready("orphan");
        let orphan = stage.pid_of("orphan");
        wait_for("it has another parent", || (!stage.processes().contains(&stat(orphan, 1))).then_some(()));
        assert_eq!(children(run.pid()), [stage.pid_of("main")], "{peer}");
        kill(orphan, "TERM");
        run.signal("TERM");
        assert_eq!(stage.end(run).status, 0, "{peer}");
    }
}

#[test]
fn tini_p_sends_a_signal_when_its_parent_dies_and_setpriv_does_that_for_untrap() {
    let untrap_alone = "untrap";
    let lines = all_of(&[("tini -p SIGTERM", "setpriv --pdeathsig TERM untrap")]);
    for line in lines.into_iter().chain([untrap_alone]) {
        let stage = Stage::new();
        let path = line.replace("untrap", env!("CARGO_BIN_EXE_untrap"));
        let parent = format!("sh -c '{path} -- {} & wait'", stage.witness("main", ""));
        let parent = stage.start_whole(Place::Subreaper, &parent);
        let [main, init, _] = stage.ready("main");
        kill(parent.pid(), "KILL");
        if line == untrap_alone {
            wait_for("it has another parent", || (stat(init, 1) != parent.pid()).then_some(()));
            kill(init, "HUP");
            stage.wait_for_line("main", "SIGHUP");
            kill(init, "TERM");
        }
        stage.wait_for_line("main", "SIGTERM");
        wait_for("both have ended", || (state(main) + &state(init)).chars().all(|state| state == 'Z').then_some(()));
        let expected: &[&str] = if line == untrap_alone { &["SIGHUP", "SIGTERM"] } else { &["SIGTERM"] };
        assert_eq!(stage.seen("main"), expected, "{line}");
    }
}

#[test]
fn tini_v_says_more_on_standard_output_and_untrap_v_on_standard_error() {
    let lines = all_of(&[
        ("tini -v", "untrap -v"),
        ("tini -vv", "untrap -v"),
        ("tini -vvv", "untrap -v"),
        ("TINI_VERBOSITY=2 tini", "UNTRAP_VERBOSE=1 untrap"),
    ]);
    each(&lines, |stage, place, line| {
        let End { stdout, stderr, status } = stage.run(place, line, "true");
        assert_eq!(status, 0, "{line}, {place:?}");
        if is_untrap(line) {
            assert!(stdout.is_empty() && stderr.contains("true started (pid "), "{line}, {place:?}: {stderr}");
        } else {
            assert!(stdout.contains("Spawned child process 'true' with pid"), "{line}, {place:?}: {stdout}");
        }
    });
}

#[test]
fn tini_verbosity_0_silences_the_warning_and_untrap_quiet_everything_but_errors() {
    each(&all_of(&[("TINI_VERBOSITY=0 tini", "UNTRAP_QUIET=1 untrap")]), |stage, place, line| {
        let end = stage.run(place, line, "true");
        assert_eq!((end.status, end.stdout.as_str(), end.stderr.as_str()), (0, "", ""), "{line}, {place:?}");
    });
}

#[test]
fn tini_w_names_each_orphan_that_it_reaps_and_so_does_untrap_v() {
    each(&all_of(&[("tini -w", "untrap -v")]), |stage, place, line| {
        let run = stage.start(place, &format!("TINI_SUBREAPER= {line}"), &program_with_orphan(stage));
        stage.ready("main");
        let [own_pid, ..] = stage.ready("orphan");
        let orphan = stage.pid_of("orphan");
        wait_for("it is adopted", || children(run.pid()).contains(&orphan).then_some(()));
        kill(orphan, "TERM");
        let message = match line {
            "tini -w" => format!("Reaped zombie process with pid={own_pid}\n"),
            _ => format!("untrap: orphan (pid {own_pid}) reaped\n"),
        };
        wait_for(&format!("{line} says it"), || stage.written("stderr").contains(&message).then_some(()));
        run.signal("TERM");
        assert_eq!(stage.end(run).status, 0, "{line}, {place:?}");
    });
}

#[test]
fn tini_e_ends_with_0_instead_and_so_does_exit_map() {
    let lines = all_of(&[
        ("tini -e 143", "untrap --exit-map 143=0"),
        ("tini -e 143 -e 130", "untrap --exit-map 143=0 --exit-map 130=0"),
    ]);
    each(&lines, |stage, place, line| {
        let two = line.contains("130");
        assert_eq!(stage.run(place, line, "sh -c 'kill $$'").status, 0, "{line}, {place:?}");
        assert_eq!(stage.run(place, line, "sh -c 'exit 130'").status, if two { 0 } else { 130 }, "{line}, {place:?}");
        assert_eq!(stage.run(place, line, "sh -c 'exit 1'").status, 1, "{line}, {place:?}");
    });
}

/// Runs a line without a program to its end, and gives its two outputs.
fn prints(line: &str) -> [String; 2] {
    let stage = Stage::new();
    let end = stage.end(stage.start_whole(Place::Subreaper, line));
    assert_eq!(end.status, 0, "{line}: {end:?}");
    [end.stdout, end.stderr]
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

// dumb-init.

#[test]
fn dumb_init_without_a_flag_tells_the_group_and_so_does_signal_to_group() {
    the_group_is_told(&row("dumb-init", "untrap --signal-to group"));
}

#[test]
fn dumb_init_c_tells_the_program_alone_and_so_does_signal_to_leader() {
    the_leader_is_told(&all_of(&[
        ("dumb-init -c", "untrap --signal-to leader"),
        ("dumb-init --single-child", "untrap --signal-to leader"),
        ("DUMB_INIT_SETSID=0 dumb-init", "UNTRAP_SIGNAL_TO=leader untrap"),
    ]));
}

#[test]
fn dumb_init_gives_the_program_a_session_of_its_own_dumb_init_c_not_even_a_group_and_untrap_a_group() {
    let lines = all_of(&[
        ("dumb-init", "untrap --signal-to group"),
        ("dumb-init -c", "untrap --signal-to leader"),
        ("DUMB_INIT_SETSID=0 dumb-init", "UNTRAP_SIGNAL_TO=leader untrap"),
    ]);
    each(&lines, |stage, place, line| {
        let run = stage.start(place, line, &stage.witness("main", ""));
        stage.ready("main");
        let main = stage.pid_of("main");
        let own = [stat(main, 2) == main, stat(main, 3) == main];
        let expected = match line {
            "dumb-init" => [true, true],
            line if is_untrap(line) => [true, false],
            _ => [false, false],
        };
        assert_eq!(own, expected, "group, session: {line}, {place:?}");
        run.signal("TERM");
        stage.end(run);
    });
}

#[test]
fn dumb_init_r_sends_another_signal_instead_and_so_does_untrap_r() {
    let lines =
        all_of(&[("dumb-init -r 15:3", "untrap -r 15=3"), ("dumb-init --rewrite 15:3", "untrap --rewrite TERM=QUIT")]);
    each(&lines, |stage, place, line| {
        let run = stage.start(place, line, &stage.witness("main", "QUIT=9"));
        stage.ready("main");
        run.signal("TERM");
        assert_eq!(stage.end(run).status, 9, "{line}, {place:?}");
        assert_eq!(stage.seen("main"), ["SIGQUIT"], "{line}, {place:?}");
    });
}

#[test]
fn dumb_init_r_to_0_drops_the_signal_and_so_does_untrap_r_to_none() {
    each(&all_of(&[("dumb-init -r 15:0", "untrap -r 15=none")]), |stage, place, line| {
        let run = stage.start(place, line, &stage.witness("main", ""));
        stage.ready("main");
        run.signal("TERM");
        run.signal("HUP");
        stage.wait_for_line("main", "SIGHUP");
        run.signal("QUIT");
        assert_eq!(stage.end(run).status, 0, "{line}, {place:?}");
        assert_eq!(stage.seen("main"), ["SIGHUP", "SIGQUIT"], "{line}, {place:?}");
    });
    let stage = Stage::new();
    assert_eq!(stage.run(Place::Subreaper, "untrap -r 15=0", "true").status, 2, "it is spelt none");
}

#[test]
fn of_two_rewrites_of_one_signal_the_last_counts_for_dumb_init_and_the_first_for_untrap() {
    each(&all_of(&[("dumb-init -r 1:10 -r 1:12", "untrap -r 1=12")]), |stage, place, line| {
        let run = stage.start(place, line, &stage.witness("main", "USR2=4"));
        stage.ready("main");
        run.signal("HUP");
        assert_eq!(stage.end(run).status, 4, "{line}, {place:?}");
    });
    each(&["untrap -r 1=10 -r 1=12"], |stage, place, line| {
        let run = stage.start(place, line, &stage.witness("main", "USR1=3 USR2=4"));
        stage.ready("main");
        run.signal("HUP");
        assert_eq!(stage.end(run).status, 3, "{place:?}");
    });
}

#[test]
fn a_rewritten_term_still_begins_untraps_stop_and_its_timeout_unless_that_is_inf() {
    each(&all_of(&[("dumb-init -r 15:10", "untrap -r 15=10 -t inf")]), |stage, place, line| {
        let mut run = stage.start(place, line, &stage.witness("main", "USR2=4"));
        stage.ready("main");
        run.signal("TERM");
        stage.wait_for_line("main", "SIGUSR1");
        assert!(!run.has_ended(), "{line}");
        run.signal("USR2");
        assert_eq!(stage.end(run).status, 4, "{line}, {place:?}");
    });
    each(&["untrap -r 15=10 -t 1ms"], |stage, place, line| {
        let run = stage.start(place, line, &stage.witness("main", ""));
        stage.ready("main");
        run.signal("TERM");
        assert_eq!(stage.end(run).status, 137, "{place:?}");
    });
}

#[test]
fn a_second_int_kills_under_untrap_also_when_it_is_rewritten() {
    each(&["dumb-init -r 2:10", "untrap -r 2=10 -t inf"], |stage, place, line| {
        if !is_untrap(line) && !is_installed("dumb-init") {
            return;
        }
        let run = stage.start(place, line, &stage.witness("main", "USR2=4"));
        stage.ready("main");
        run.signal("INT");
        stage.wait_for_line("main", "SIGUSR1");
        run.signal("INT");
        if !is_untrap(line) {
            let seen = || stage.seen("main").len();
            wait_for("it is forwarded", || (seen() == 2).then_some(()));
            run.signal("USR2");
        }
        assert_eq!(stage.end(run).status, if is_untrap(line) { 137 } else { 4 }, "{line}, {place:?}");
    });
}

#[test]
fn dumb_init_in_the_first_line_of_a_script_and_untrap_there_by_way_of_env() {
    let lines = ["#!/usr/bin/dumb-init /bin/sh", "#!/usr/bin/env -S untrap --signal-to group -- /bin/sh"];
    assert!(rows().contains(&[vec![lines[0]], vec![lines[1]]]));
    for line in lines {
        if !line.contains("untrap") && !is_installed("dumb-init") {
            continue;
        }
        let stage = Stage::new();
        let first = line.replace("untrap", env!("CARGO_BIN_EXE_untrap"));
        stage.script(
            "script",
            &format!("{first}\n{} &\nexec {}\n", stage.witness("child", ""), stage.witness("main", "")),
        );
        let run = stage.start_whole(Place::Subreaper, "./script argument");
        stage.ready("main");
        stage.ready("child");
        run.signal("HUP");
        stage.wait_for_line("main", "SIGHUP");
        stage.wait_for_line("child", "SIGHUP");
        run.signal("TERM");
        assert_eq!(stage.end(run).status, 0, "{line}");
    }
}

#[test]
fn dumb_init_rewrites_no_real_time_signals_and_untrap_does() {
    if is_installed("dumb-init") {
        let stage = Stage::new();
        assert_eq!(stage.run(Place::Subreaper, "dumb-init -r 37:15", "true").status, 1);
    }
    each(&["untrap -r 37=15", "untrap -r RTMIN+3=TERM"], |stage, place, line| {
        let run = stage.start(place, line, &stage.witness("main", ""));
        stage.ready("main");
        run.signal("RTMIN+3");
        assert_eq!(stage.end(run).status, 0, "{line}, {place:?}");
        assert_eq!(stage.seen("main"), ["SIGTERM"], "{line}, {place:?}");
    });
}

#[test]
fn after_the_programs_end_dumb_init_rewrites_its_own_term_too_and_untrap_does_not() {
    for line in all_of(&[("dumb-init -r 15:3", "untrap -r 15=3")]) {
        let stage = Stage::new();
        let child = stage.witness("child", "");
        let program = format!("sh -c '{child} & until grep -qs \"^ready .*$\" child; do :; done; exit 5'");
        assert_eq!(stage.run(Place::Subreaper, line, &program).status, 5, "{line}");
        stage.wait_for_line("child", if is_untrap(line) { "SIGTERM" } else { "SIGQUIT" });
    }
}

#[test]
fn dumb_init_v_says_more_and_so_does_untrap_v() {
    let lines = all_of(&[
        ("dumb-init -v", "untrap -v"),
        ("dumb-init --verbose", "untrap -v"),
        ("DUMB_INIT_DEBUG=1 dumb-init", "UNTRAP_VERBOSE=1 untrap"),
    ]);
    each(&lines, |stage, place, line| {
        let End { stdout, stderr, status } = stage.run(place, line, "true");
        let message = if is_untrap(line) { "true started (pid " } else { "Child spawned with PID " };
        assert_eq!((status, stdout.as_str()), (0, ""), "{line}, {place:?}");
        assert!(stderr.contains(message), "{line}, {place:?}: {stderr}");
    });
}

#[test]
fn version_and_help_of_dumb_init_are_on_standard_error_and_of_untrap_on_standard_output() {
    let lines = all_of(&[
        ("dumb-init -V", "untrap -V"),
        ("dumb-init --version", "untrap --version"),
        ("dumb-init -h", "untrap -h"),
        ("dumb-init --help", "untrap --help"),
    ]);
    for line in lines {
        let [stdout, stderr] = prints(line);
        assert_eq!((stdout.is_empty(), stderr.is_empty()), (!is_untrap(line), is_untrap(line)), "{line}");
    }
}

// catatonit.

#[test]
fn catatonit_g_tells_the_group_and_so_does_signal_to_group() {
    the_group_is_told(&row("catatonit -g", "untrap --signal-to group"));
}

#[test]
fn catatonit_p_only_reaps_and_for_untrap_sleep_is_the_program() {
    const UNTRAP: &str = "untrap --exit-map 143=0 --exit-map 130=0 -- sleep infinity";
    let start = |stage: &Stage, place, line: &str| {
        let run = stage.start_whole(place, line);
        wait_for("it is ready", || {
            let pid = run.pid();
            let runs = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let blocks = status.lines().any(|line| line.starts_with("SigBlk:") && !line.ends_with("0000000000000000"));
            let has_started = if is_untrap(line) { !children(pid).is_empty() } else { runs.ends_with("catatonit") };
            (blocks && has_started).then_some(())
        });
        run
    };
    each(&all_of(&[("catatonit -P", UNTRAP)]), |stage, place, line| {
        for signal in ["TERM", "INT"] {
            let run = start(stage, place, line);
            run.signal(signal);
            assert_eq!(stage.end(run).status, 0, "{line}, {place:?}: {signal}");
        }
        let run = start(stage, place, line);
        run.signal("HUP");
        if is_untrap(line) {
            assert_eq!(stage.end(run).status, 129, "sleep ends on every signal");
        } else {
            run.signal("TERM");
            assert_eq!(stage.end(run).status, 0, "catatonit drops HUP");
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
        assert!(prints("catatonit -V")[0].starts_with("tini version "), "the name that the engine looks for");
        assert!(prints("catatonit -L")[0].contains("GNU General Public License"));
    }
    assert!(prints("untrap -V")[0].starts_with("untrap "));
}

#[test]
fn catatonit_debug_says_more_and_so_does_untrap_v() {
    let lines = row("CATATONIT_DEBUG= catatonit", "UNTRAP_VERBOSE=1 untrap");
    each(&lines, |stage, place, line| {
        let End { stdout, stderr, status } = stage.run(place, line, "true");
        let message = if is_untrap(line) { "true started (pid " } else { "spawned: true" };
        assert_eq!((status, stdout.as_str()), (0, ""), "{line}, {place:?}");
        assert!(stderr.contains(message), "{line}, {place:?}: {stderr}");
    });
}

#[test]
fn catatonit_refuses_to_run_with_catatonit_log_and_for_untrap_it_means_nothing() {
    let stage = Stage::new();
    if is_installed("catatonit") {
        assert_eq!(stage.run(Place::Subreaper, "CATATONIT_LOG= catatonit", "true").status, 1);
    }
    assert_eq!(stage.run(Place::Subreaper, "CATATONIT_LOG= untrap", "true").status, 0);
}

#[test]
fn catatonit_makes_listen_pid_that_of_the_program_and_for_untrap_a_shell_line_does() {
    let lines = row("LISTEN_PID=1 catatonit", "untrap 'export LISTEN_PID=$$; exec PROGRAM'");
    // What it prints: the variable, its PID, and what it reads from the descriptor. The variable names whoever runs it.
    let words = |stage: &Stage, place, line: &str| {
        let path = line.replace("untrap", env!("CARGO_BIN_EXE_untrap"));
        let whole = format!("exec 3< socket; export LISTEN_PID=$$; exec {path}");
        let end = stage.end(stage.start_whole(place, &format!("sh -c {}", shell_words::quote(&whole))));
        assert_eq!(end.status, 0, "{line}: {end:?}");
        end.stdout.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    for place in places() {
        let stage = Stage::new();
        stage.write("socket", "descriptor");
        stage.script("print", "#!/bin/sh\necho $LISTEN_PID $$\ncat <&3\n");
        for line in &lines {
            let line =
                if is_untrap(line) { line.replace("PROGRAM", "./print") } else { "catatonit -- ./print".to_owned() };
            let words = words(&stage, place, &line);
            assert!(words[0] == words[1] && words[2] == "descriptor", "{line}, {place:?}: {words:?}");
        }
        let words = words(&stage, place, "untrap -- ./print");
        assert!(words[0] != words[1] && words[2] == "descriptor", "{place:?}: {words:?}");
    }
}
