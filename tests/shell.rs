//! Compares untrap with sh: generated lines must give the same arguments and environment in both. Compares 3,000 lines
//! by default, and 100,000 if `UNTRAP_TEST_LONG` is set.

#[path = "support/mod.rs"]
mod support;

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use support::{Scene, example};

use untrap::shell::expand::{Expanded, expand};

/// The shells to compare with.
const SHELLS: &[&[&str]] = &[&["dash"], &["bash", "--posix"]];

/// The number of lines that one shell process runs.
const BATCH: usize = 1000;

type Variables = BTreeMap<String, String>;

#[derive(Debug)]
struct Case {
    variables: Variables,
    line: String,
}

/// Names of variables that are assigned and expanded, short ones more often.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[A-E]", 1 => prop_oneof![Just("Long_name1".to_owned()), Just("HOSTNAME".to_owned()), Just("_x".to_owned())]]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just(String::new()),
        3 => "[a-z0-9/.:=,@%+_-]{1,4}",
        4 => "[ab \t\n]{1,5}",
        2 => "[a $\"'`;|&<>(){}#~!^é-]{1,5}",
        1 => "[a *?\\[\\\\\\]]{1,3}",
        1 => "\\[[ab]\\]",
    ]
}

fn expansion() -> impl Strategy<Value = String> {
    let hazard = "[a ~'\"*$}\\\\`{]{1,2}";
    let default = prop_oneof![4 => "[a-z0-9 _./,:@%+=-]{0,4}", 4 => Just(String::new()), 1 => hazard];
    prop_oneof![
        2 => name().prop_map(|name| format!("${name}")),
        2 => name().prop_map(|name| format!("${{{name}}}")),
        1 => (name(), default.clone()).prop_map(|(name, default)| format!("${{{name}:-{default}}}")),
        1 => (name(), default).prop_map(|(name, default)| format!("${{{name}-{default}}}")),
    ]
}

fn piece() -> impl Strategy<Value = String> {
    let in_double_quotes = prop_oneof!["[a-z *?;|&<>(){}~#!'é=]{0,4}", "\\\\[a$`\"\\\\ ']", expansion()];
    prop_oneof![
        4 => "[a-z0-9/.:=,@%+_é-]{1,4}",
        4 => expansion(),
        2 => "'[a-z *?;|&<>(){}~#!\"$`\\\\é=]{0,4}'",
        3 => prop::collection::vec(in_double_quotes, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat())),
        1 => "\\\\[a-z $*;|\"'\\\\é]",
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

/// Lines of the grammar that untrap parses, and lines of arbitrary characters.
fn line() -> impl Strategy<Value = String> {
    let assignment =
        (name(), prop::option::of(word())).prop_map(|(name, value)| format!("{name}={}", value.unwrap_or_default()));
    let program = prop_oneof![
        5 => Just("show".to_owned()), 1 => Just("./show".to_owned()), 1 => Just("sh\"o\"w".to_owned()),
        1 => expansion().prop_map(|expansion| format!("{expansion} show"))
    ];
    let simple = (
        prop::collection::vec(assignment, 0..3),
        program,
        prop::collection::vec(word(), 0..5),
        prop_oneof![4 => Just(" "), 1 => Just("\t "), 1 => Just("   ")],
    );
    let simple = simple.prop_map(|(assignments, program, words, blank)| {
        let mut line: Vec<String> = assignments;
        line.push(program);
        line.extend(words);
        line.join(blank)
    });
    let noise = prop_oneof!["show [ -~]{0,12}", "show [ \"'\\\\$A{}:=-]{1,12}", "[A ='\"\\\\$+0]{1,6} show a"];
    prop_oneof![3 => simple, 1 => noise]
}

fn case() -> impl Strategy<Value = Case> {
    let variables = prop::collection::btree_map(name(), value(), 0..6);
    (variables, line()).prop_map(|(variables, line)| Case { variables, line })
}

/// Expands a case with untrap. Returns `None` if the line goes to a shell.
fn by_untrap(case: &Case) -> Option<Expanded> {
    let Ok(untrap::shell::classify::Command::Simple(simple)) = untrap::shell::classify::Command::read(&case.line)
    else {
        return None;
    };
    let lookup = |name: &str| case.variables.get(name).map(OsStr::new);
    expand(&simple, lookup).ok()
}

/// The expected output of `show`.
fn shown(case: &Case, expanded: &Expanded) -> String {
    let mut environment: BTreeMap<OsString, OsString> =
        case.variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    environment.extend(expanded.variables.iter().cloned());
    format!("{:?} {environment:?}", expanded.words)
}

/// Runs each case in a subshell and returns the outputs. An output is empty if `show` did not run.
fn by_shell(scene: &Scene, shell: &[&str], cases: &[&Case]) -> Vec<String> {
    let mut script = String::from("export PATH=.\n");
    for (number, Case { variables, line }) in cases.iter().enumerate() {
        script.push_str("(\n");
        for (name, value) in variables {
            writeln!(script, "export {name}={}", quoted(value)).unwrap();
        }
        // Use eval and no arguments, so that `$1` and its like are unset.
        writeln!(script, "eval {}\n) 2>/dev/null\necho end of {number}", quoted(line)).unwrap();
    }
    let script = scene.write("script", script);
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).arg(script).env_clear().current_dir(scene.path(".")).stdin(Stdio::null());
    let output = command.output().expect("starting the shell");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut results = HashMap::new();
    let mut printed = String::new();
    for line in text.lines() {
        match line.strip_prefix("end of ") {
            Some(number) => drop(results.insert(number.parse::<usize>().unwrap(), std::mem::take(&mut printed))),
            None => printed.push_str(line),
        }
    }
    (0..cases.len())
        .map(|number| results.remove(&number).unwrap_or_else(|| panic!("{shell:?} did not finish {:?}", cases[number])))
        .collect()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[test]
fn lines_that_untrap_executes_directly_give_the_same_in_sh() {
    let scene = Scene::new();
    std::fs::copy(example("show"), scene.path("show")).unwrap();
    // Files that patterns match.
    for name in ["a", "b"] {
        scene.write(name, "");
    }
    let wanted = if std::env::var_os("UNTRAP_TEST_LONG").is_some() { 100_000 } else { 3000 };
    let mut runner = TestRunner::new(Config::default());
    let (mut compared, mut generated) = (0, 0);
    while compared < wanted {
        let cases: Vec<Case> = (0..BATCH).map(|_| case().new_tree(&mut runner).unwrap().current()).collect();
        generated += cases.len();
        let direct: Vec<(&Case, Expanded)> = cases.iter().filter_map(|case| Some((case, by_untrap(case)?))).collect();
        let lines: Vec<&Case> = direct.iter().map(|(case, _)| *case).collect();
        for shell in SHELLS {
            for ((case, expanded), printed) in direct.iter().zip(by_shell(&scene, shell, &lines)) {
                let runs_show = expanded.words[0] == "show" || expanded.words[0] == "./show";
                let expected = if runs_show { shown(case, expanded) } else { String::new() };
                assert_eq!(printed, expected, "{shell:?} on {case:?}");
            }
        }
        compared += direct.len();
    }
    println!("{compared} lines compared, of {generated} generated");
    assert!(compared * 4 > generated, "untrap executes only {compared} of {generated} lines directly");
}
