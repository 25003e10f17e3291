//! Compares untrap with shells: generated lines must have the same arguments, environment, directory, umask, output and
//! exit status in both. A line that untrap executes directly is compared with four shells, a line in which it inserts
//! `exec` with dash, the only shell that it does so for. Compares 5,000 lines by default, and 100,000 if
//! `UNTRAP_TEST_LONG` is set.

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::SigSet;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::string::{RegexGeneratorStrategy, string_regex};
use proptest::test_runner::{Config, TestRunner};
use support::{Scene, example, skip};

use untrap::config::environment::NamedVariables;
use untrap::runtime::launch::{ExecCommand, ExecContext};
use untrap::shell::Shell;
use untrap::sys::environment::Environment;
use untrap::sys::signalfd::Inherited;
use untrap::sys::spawn::{LaunchStatus, Program, SpawnError, Spawner};

/// The shells to compare with. untrap uses the first one.
const SHELLS: &[&[&str]] = &[&["/usr/bin/dash"], &["bash"], &["bash", "--posix"], &["busybox", "ash"]];

/// All files in the directories of a bench.
const FILES: &[&str] = &["a", "b", "bin", "d", "d d", "e", "link", "not-executable", "show"];

type Variables = BTreeMap<String, String>;

#[derive(Debug)]
struct Case {
    variables: Variables,
    line: String,
}

/// Texts that match a regular expression, which is parsed once.
fn text(pattern: &str) -> RegexGeneratorStrategy<String> {
    string_regex(pattern).unwrap()
}

/// Names of variables that are assigned and expanded, short ones more often.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => text("[A-E]"), 1 => prop_oneof![Just("Long_name1".to_owned()), Just("HOSTNAME".to_owned()), Just("_x".to_owned())]]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just(String::new()),
        3 => text("[a-z0-9/.:=,@%+_-]{1,4}"),
        4 => text("[ab \t\n]{1,5}"),
        2 => text("[a $\"'`;|&<>(){}#~!^é-]{1,5}"),
        1 => text("[a *?\\[\\\\\\]]{1,3}"),
        1 => text("\\[[ab]\\]"),
    ]
}

fn expansion() -> impl Strategy<Value = String> {
    let hazard = "[a ~'\"*$}\\\\`{]{1,2}";
    let default = prop_oneof![4 => text("[a-z0-9 _./,:@%+=-]{0,4}"), 4 => Just(String::new()), 1 => hazard];
    prop_oneof![
        2 => name().prop_map(|name| format!("${name}")),
        2 => name().prop_map(|name| format!("${{{name}}}")),
        1 => (name(), default.clone()).prop_map(|(name, default)| format!("${{{name}:-{default}}}")),
        1 => (name(), default).prop_map(|(name, default)| format!("${{{name}-{default}}}")),
    ]
}

fn piece() -> impl Strategy<Value = String> {
    let in_double_quotes = prop_oneof![text("[a-z *?;|&<>(){}~#!'é=]{0,4}"), text("\\\\[a$`\"\\\\ ']"), expansion()];
    prop_oneof![
        4 => text("[a-z0-9/.:=,@%+_é-]{1,4}"),
        4 => expansion(),
        2 => text("'[a-z *?;|&<>(){}~#!\"$`\\\\é=]{0,4}'"),
        3 => prop::collection::vec(in_double_quotes, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat())),
        1 => text("\\\\[a-z $*;|\"'\\\\é]"),
        1 => Just("\"\"".to_owned()),
        1 => hazard(),
    ]
}

/// Text that is special to sh and that untrap must not take literally.
fn hazard() -> impl Strategy<Value = String> {
    let hazards =
        ["~", "~root", "*", "?", "[ab]", "{a,b}", "#", "!", "^", "$1", "$$", "$'a'", "$", "(", ";", "&", ">x"];
    prop::sample::select(hazards.to_vec()).prop_map(str::to_owned)
}

fn word() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 1..5).prop_map(|pieces| pieces.concat())
}

/// What a `cd` takes, and what separates it from the command.
fn cd() -> impl Strategy<Value = String> {
    let operands = [
        "d", "d/e", "./d", "d//e/", "..", "../.", "/", "/tmp", "link", "link/e", "'d d'", "\"d d\"", "d\\ d", "none",
        "a", "d/..", "link/..", "-P", "-", "$A", "\"$B\"", "d$C", "//", "d d", "''", "~", "d*",
    ];
    let operand = prop_oneof![4 => prop::sample::select(operands.to_vec()).prop_map(str::to_owned), 1 => word()];
    let separator = prop::sample::select(vec![" && ", "&&", "; ", ";", " ; "]);
    (operand, separator).prop_map(|(operand, separator)| format!("cd {operand}{separator}"))
}

fn program() -> impl Strategy<Value = String> {
    prop_oneof![
        10 => prop::sample::select(vec!["show", "show", "./show"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["sh\"o\"w", "none", "./d", "./a", "./not-executable", "d/show", "../show"]).prop_map(str::to_owned),
        1 => expansion().prop_map(|expansion| format!("{expansion} show")),
    ]
}

fn assignment() -> impl Strategy<Value = String> {
    (name(), prop::option::of(word())).prop_map(|(name, value)| format!("{name}={}", value.unwrap_or_default()))
}

fn last_word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", "", " exit=3"])
}

/// A simple command.
fn simple() -> impl Strategy<Value = String> {
    let exec = prop::sample::select(vec!["", "", "", "exec ", "exec  A=1 ", "exec echo ", "exec -a b "]);
    let blank = prop_oneof![4 => Just(" "), 1 => Just("\t "), 1 => Just("   ")];
    let assignments = prop::collection::vec(assignment(), 0..3);
    let words = prop::collection::vec(word(), 0..4);
    (assignments, exec, program(), words, last_word(), blank).prop_map(
        |(assignments, exec, program, words, last, blank)| {
            let mut line = assignments;
            line.push(format!("{exec}{program}"));
            line.extend(words);
            line.join(blank) + last
        },
    )
}

/// Lines of the grammar that untrap parses, and lines of arbitrary characters.
fn simple_line() -> impl Strategy<Value = String> {
    let cd = prop_oneof![2 => Just(String::new()), 1 => cd()];
    let simple = (cd, simple()).prop_map(|(cd, simple)| cd + &simple);
    let noise = prop_oneof![
        text("show [ -~]{0,12}"),
        text("show [ \"'\\\\$A{}:=-]{1,12}"),
        text("[A ='\"\\\\$+0]{1,6} show a"),
    ];
    prop_oneof![3 => simple, 1 => noise]
}

/// A command of a list before the last one.
fn step() -> impl Strategy<Value = String> {
    let commands = [
        "true",
        "false",
        ":",
        "echo 'a;b'",
        "umask 027",
        "set -e",
        "set -u",
        "set -f",
        "set -x",
        "set -eu",
        "export A",
        "export B=\"$A c\"",
        "unset A",
        "readonly C=1",
        "A=1",
        "A= B=$A",
        "[ -e d ]",
        "test \"$A\" = a",
        "[ $A ]",
        "printf '%s\\n' *",
        "pwd",
        "cd d",
        "cd \"d d\"",
        "cd none",
        "ulimit -c 0",
        "exit 5",
        "none",
        "./d",
        "type show",
    ];
    let dangerous = [
        ". ./a",
        "eval A=1",
        "trap 'show trap' EXIT",
        "alias show=true",
        "wait",
        "exec >out",
        "set -- a",
        "read A",
        "PATH=/bin",
        "export PATH=.",
        "command cd d",
        "$A",
        "! true",
        "IFS=a",
        "shift",
        "set -n",
        "return 4",
    ];
    prop_oneof![
        8 => prop::sample::select(commands.to_vec()).prop_map(str::to_owned),
        6 => simple(),
        1 => prop::sample::select(dangerous.to_vec()).prop_map(str::to_owned),
    ]
}

fn redirection() -> impl Strategy<Value = &'static str> {
    let some = [" 2>&1", " >&2", " >out", " >>out 2>&1", " <a", " </dev/null", " <none", " 3>&1", " >|out", " 2>&-"];
    prop_oneof![3 => Just(""), 2 => prop::sample::select(some.to_vec())]
}

/// Commands with operators between them.
fn list() -> impl Strategy<Value = String> {
    let operator = prop::sample::select(vec![" && ", " || ", "; ", ";", "&&", "; ", " && "]);
    let hazard = prop::sample::select(vec![" | ", " & ", "\n", "; ! ", "; (", ";; ", "; $A "]);
    let operator = prop_oneof![30 => operator, 1 => hazard];
    let end =
        prop_oneof![6 => Just(""), 1 => Just(";"), 1 => Just(" ; # comment"), 1 => Just(" # a; b"), 1 => Just(" &")];
    let before = prop::sample::select(vec!["", "", "", "", ">out "]);
    (prop::collection::vec((step(), operator), 0..4), before, simple(), redirection(), end).prop_map(
        |(steps, before, last, redirection, end)| {
            let steps: String = steps.into_iter().map(|(step, operator)| step + operator).collect();
            format!("{steps}{before}{last}{redirection}{end}")
        },
    )
}

/// `PWD` is that of the scene, which is written `@`.
fn case() -> impl Strategy<Value = Case> {
    let pwd = prop::sample::select(vec!["", "", "", "@", "@", "/", "@/", "@/d/..", "d"]);
    let cdpath = prop_oneof![30 => Just(""), 1 => Just("d")];
    let variables = prop::collection::btree_map(name(), value(), 0..6);
    let line = prop_oneof![1 => simple_line(), 2 => list()];
    (variables, pwd, cdpath, line).prop_map(|(mut variables, pwd, cdpath, line)| {
        let others = [("PWD", pwd), ("CDPATH", cdpath)].into_iter().filter(|(_, value)| !value.is_empty());
        variables.extend(others.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Case { variables, line }
    })
}

/// What a line does.
#[derive(PartialEq, Eq, Debug)]
struct Outcome {
    status: i32,
    stdout: String,
    /// The files that it has made.
    files: BTreeMap<PathBuf, String>,
    stderr: String,
}

impl Outcome {
    fn new(here: &Path, status: i32, stdout: &[u8], stderr: &[u8]) -> Self {
        let directories = ["", "d", "d d"].map(|path| here.join(path));
        let entries = directories.iter().flat_map(|path| std::fs::read_dir(path).unwrap()).map(|entry| entry.unwrap());
        let made = entries.filter(|entry| FILES.iter().all(|file| entry.file_name() != *file));
        let files = made.map(|entry| {
            let content = std::fs::read(entry.path()).unwrap();
            std::fs::remove_file(entry.path()).unwrap();
            (entry.path(), normal(&content))
        });
        let files = files.collect();
        Self { status, stdout: normal(stdout), files, stderr: normal(stderr) }
    }
}

/// An output without the lines that say that a program cannot be executed, which are worded differently after `exec`,
/// and without the `exec` that `set -x` shows.
fn normal(output: &[u8]) -> String {
    let is_error = |line: &&str| ["not found", "ermission denied"].iter().any(|error| line.contains(error));
    let output = String::from_utf8_lossy(output).replace("exec ", "");
    output.split_inclusive('\n').filter(|line| !is_error(line)).collect()
}

/// A directory in which a thread compares lines.
struct Bench {
    scene: Scene,
    here: PathBuf,
}

/// How untrap executes a line.
enum Way {
    Direct(Outcome),
    /// It left a failing `cd` to the shell, or inserted `exec`.
    InShell(Outcome),
}

impl Bench {
    fn new() -> Self {
        let scene = Scene::new();
        for directory in ["here/d/e", "here/d d", "here/bin"] {
            std::fs::create_dir_all(scene.path(directory)).unwrap();
        }
        std::os::unix::fs::symlink("d", scene.path("here/link")).unwrap();
        std::fs::copy(example("show"), scene.path("show")).unwrap();
        for link in ["here/show", "here/bin/show", "here/d/show", "here/d/e/show", "here/d d/show"] {
            std::fs::hard_link(scene.path("show"), scene.path(link)).unwrap();
        }
        // Files that patterns match.
        for name in ["here/a", "here/b"] {
            scene.script(name, "");
        }
        scene.write("here/not-executable", "");
        // The threads have different working directories.
        unshare(CloneFlags::CLONE_FS).unwrap();
        let here = scene.path("here").canonicalize().unwrap();
        std::env::set_current_dir(&here).unwrap();
        Self { scene, here }
    }

    fn environment(&self, case: &Case) -> Vec<(String, String)> {
        let here = self.here.to_str().unwrap();
        let variables = case.variables.iter().map(|(name, value)| (name.clone(), value.replace('@', here)));
        variables.chain([("PATH".to_owned(), format!("{here}/bin:.:/usr/bin"))]).collect()
    }

    /// Executes a line as untrap does. `None` if it leaves the line to the shell as it is.
    fn by_untrap(&self, case: &Case) -> Option<Way> {
        // The PID differs, and shells take such a line for an option.
        let line = Some(&case.line).filter(|line| !line.contains("$$") && !line.starts_with(['+', '-']))?;
        let command = untrap::shell::classify::Command::read(line).ok()?;
        let variables = self.environment(case).into_iter().map(|(name, value)| (name.into(), value.into()));
        let environment = Environment::new([], variables, &[]);
        let shell = Shell::Path(SHELLS[0][0].into());
        let context = ExecContext {
            environment: environment.clone(),
            named: NamedVariables::default(),
            shell: shell.clone(),
            port: None,
        };
        let launch: ExecCommand = context.launch(&"x", &command, Vec::new()).unwrap();
        let is_direct = launch.shell.is_none();
        if launch.shell.as_ref().is_some_and(|shell| !shell.is_replaced) {
            return None;
        }
        let inherited = Inherited { mask: SigSet::empty(), child_ignored: false, descriptor_limit: None };
        let spawner = Spawner::new(environment, inherited, true, None, Some(Path::new(SHELLS[0][0]))).unwrap();
        let mut files = [tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap()];
        let ends = [files[0].as_fd(), files[1].as_fd()];
        let (leader, pipe) = spawner.spawn(&Program::from(launch), Some(ends)).unwrap();
        let status = match waitpid(Pid::from_raw(leader.pid()), None).unwrap() {
            WaitStatus::Exited(_, status) => status,
            other => panic!("{case:?}: {other:?}"),
        };
        let status = match pipe.status() {
            LaunchStatus::Failed(SpawnError::NotFound(_)) => 127,
            LaunchStatus::Failed(SpawnError::NotExecutable(_)) => 126,
            LaunchStatus::Failed(error) => panic!("{case:?}: {error:?}"),
            _ => status,
        };
        let [stdout, stderr] = files.each_mut().map(contents);
        let is_cd_of_shell = String::from_utf8_lossy(&stderr).contains("cd: ");
        let outcome = Outcome::new(&self.here, status, &stdout, &stderr);
        Some(if is_direct && !is_cd_of_shell { Way::Direct(outcome) } else { Way::InShell(outcome) })
    }

    fn by_shell(&self, shell: &[&str], case: &Case) -> Outcome {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).args(["-c", &case.line]).env_clear().envs(self.environment(case));
        let output = command.current_dir(&self.here).stdin(Stdio::null()).output().expect("starting the shell");
        let status = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap());
        Outcome::new(&self.here, status, &output.stdout, &output.stderr)
    }
}

fn contents(file: &mut File) -> Vec<u8> {
    let mut contents = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut contents).unwrap();
    contents
}

#[test]
fn a_line_gives_the_same_with_untrap_and_in_a_shell() {
    let wanted = if std::env::var_os("UNTRAP_TEST_LONG").is_some() { 100_000 } else { 5000 };
    let exists = |shell: &&&[&str]| Command::new(shell[0]).args(&shell[1..]).args(["-c", ":"]).output().is_ok();
    let shells: Vec<&&[&str]> = SHELLS.iter().filter(exists).collect();
    assert!(shells.len() > 1 && *shells[0] == SHELLS[0], "dash and another shell are installed");
    if shells.len() < SHELLS.len() {
        skip("not all of dash, bash and busybox are installed");
    }
    let [generated, direct, with_exec] = [const { AtomicUsize::new(0) }; 3];
    let compared = || direct.load(Ordering::Relaxed) + with_exec.load(Ordering::Relaxed);
    let compare = || {
        let bench = Bench::new();
        let mut runner = TestRunner::new(Config::default());
        let cases = case();
        while compared() < wanted {
            let case = cases.new_tree(&mut runner).unwrap().current();
            generated.fetch_add(1, Ordering::Relaxed);
            match bench.by_untrap(&case) {
                None => {}
                Some(Way::InShell(outcome)) => {
                    assert_eq!(outcome, bench.by_shell(SHELLS[0], &case), "{case:?}");
                    with_exec.fetch_add(1, Ordering::Relaxed);
                }
                Some(Way::Direct(outcome)) => {
                    // Each line is compared with dash and with one of the others in turn.
                    let turn = 1 + direct.fetch_add(1, Ordering::Relaxed) % (shells.len() - 1);
                    for shell in [shells[0], shells[turn]] {
                        let in_shell = bench.by_shell(shell, &case);
                        assert_eq!(outcome.stdout, in_shell.stdout, "{shell:?} on {case:?}");
                        // Other shells disagree with dash about which program is not found or not executable.
                        let cannot_execute = |status| matches!(status, 126 | 127);
                        let is_either = *shell != SHELLS[0] && cannot_execute(outcome.status);
                        let is_same = outcome.status == in_shell.status;
                        assert!(
                            is_same || (is_either && cannot_execute(in_shell.status)),
                            "{outcome:?} {shell:?} {in_shell:?} on {case:?}"
                        );
                    }
                }
            }
        }
        drop(bench.scene);
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(compare);
        }
    });
    let [generated, direct, with_exec] = [generated, direct, with_exec].map(AtomicUsize::into_inner);
    println!("{direct} lines executed directly, {with_exec} with an exec, of {generated} generated");
    assert!(with_exec * 5 > wanted && direct * 5 > wanted, "{direct} direct lines, {with_exec} with an exec");
}
