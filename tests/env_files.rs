//! Reads the files of `tests/env_files` with untrap, python-dotenv, Docker, docker-compose and node, and compares the
//! results with the table of differences in `docs/env-files.md`.
//!
//! Each file contains cases. A case begins with a line `%% ` and the variables that untrap sets, as JSON, or "error".

#[path = "support/container.rs"]
mod container;
#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use support::{Scene, skip};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PAGE: &str = include_str!("../docs/env-files.md");

/// The directory in which the gate installs python-dotenv.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/python/bin/python");

/// The columns of the table, from the fourth on.
const READERS: [&str; 4] = ["python-dotenv", "Docker", "Compose", "node"];

/// An image without files: its containers are created and never started.
const IMAGE: &str = "untrap-test:empty";

/// One env file.
struct Case {
    /// The file that contains it, relative to `tests/env_files`.
    group: String,
    text: String,
    /// What untrap makes of it.
    expected: Value,
    /// Where it is written for the readers.
    path: PathBuf,
}

fn cases(scene: &Scene) -> Vec<Case> {
    let mut cases = Vec::new();
    for folder in ["same", "differences"] {
        let entries = std::fs::read_dir(Path::new(ROOT).join("tests/env_files").join(folder)).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let group = format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap());
            let content = std::fs::read_to_string(&path).unwrap();
            let content = content.strip_prefix("%% ").unwrap_or_else(|| panic!("{group}: no case"));
            for case in content.strip_suffix('\n').unwrap().split("\n%% ") {
                let (expected, text) = case.split_once('\n').unwrap();
                let expected = serde_json::from_str(expected).unwrap_or_else(|error| panic!("{group}: {error}"));
                let path = scene.write(&format!("case-{}", cases.len()), text);
                cases.push(Case { group: group.clone(), text: text.to_owned(), expected, path });
            }
        }
    }
    cases
}

/// A command that has only HOST and what it needs to run.
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    let kept = std::env::vars_os().filter(|(name, _)| ["PATH", "HOME"].iter().any(|kept| name == kept));
    command.env_clear().envs(kept).env("HOST", "localhost").stdin(Stdio::null());
    command
}

#[track_caller]
fn success(output: &Output) -> &[u8] {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    &output.stdout
}

/// The variables of assignments, without HOST, which is set for all.
fn variables<'a>(assignments: impl IntoIterator<Item = &'a str>) -> Value {
    let pairs = assignments.into_iter().filter_map(|assignment| assignment.split_once('='));
    without_host(json!(pairs.collect::<BTreeMap<_, _>>()))
}

fn without_host(mut variables: Value) -> Value {
    if let Some(variables) = variables.as_object_mut() {
        variables.remove("HOST");
    }
    variables
}

fn read_with_untrap(case: &Case) -> Value {
    let mut untrap = command(env!("CARGO_BIN_EXE_untrap"));
    let output = untrap.arg("-qe").arg(&case.path).args(["--", "env", "-0"]).output().unwrap();
    if output.status.code() == Some(2) {
        return json!("error");
    }
    let printed = str::from_utf8(success(&output)).unwrap();
    let own = ["PATH=", "HOME=", "UNTRAP_NAME=", "PS=", "DYNO="];
    variables(printed.split('\0').filter(|assignment| !own.iter().any(|own| assignment.starts_with(own))))
}

/// Runs a script that prints a list with the variables of each file.
fn list(interpreter: &str, option: &str, script: &str, cases: &[Case]) -> Vec<Value> {
    let output =
        command(interpreter).args([option, script]).args(cases.iter().map(|case| &case.path)).output().unwrap();
    let read: Vec<Value> = serde_json::from_slice(success(&output)).unwrap();
    read.into_iter().map(without_host).collect()
}

fn read_with_python_dotenv(cases: &[Case]) -> Option<Vec<Value>> {
    if !Path::new(PYTHON).exists() {
        skip("python-dotenv is not installed in target/python");
        return None;
    }
    let script = "\
import json, logging, sys
from dotenv.main import DotEnv
logging.disable(logging.CRITICAL)
read = lambda path: DotEnv(path, encoding='utf-8', override=False).dict().items()
print(json.dumps([{name: value for name, value in read(path) if value is not None} for path in sys.argv[1:]]))";
    Some(list(PYTHON, "-c", script, cases))
}

fn read_with_node(cases: &[Case]) -> Option<Vec<Value>> {
    let version = command("node").arg("--version").output();
    if !version.is_ok_and(|version| version.stdout.starts_with(b"v20.")) {
        say("node 20 is not installed: its column is not compared");
        return None;
    }
    let script = "\
const {readFileSync} = require('fs'), {parseEnv} = require('util');
console.log(JSON.stringify(process.argv.slice(1).map(path => parseEnv(readFileSync(path, 'utf8')))))";
    Some(list("node", "-e", script, cases))
}

/// `docker create` reads env files as `docker run` does, and starts nothing.
fn read_with_docker(cases: &[Case]) -> Option<Vec<Value>> {
    if !Command::new("docker").arg("version").output().is_ok_and(|output| output.status.success()) {
        skip("no container engine");
        return None;
    }
    let mut import = Command::new("docker")
        .args(["import", "-", IMAGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // Two blocks of zeros are an empty archive.
    import.stdin.take().unwrap().write_all(&[0; 1024]).unwrap();
    assert!(import.wait().unwrap().success());
    let create = |case: &Case| {
        let output = command("docker").args(["create", "--env-file"]).arg(&case.path).args([IMAGE, "x"]).output();
        let output = output.unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    };
    let containers: Vec<Option<String>> = cases.iter().map(create).collect();
    let created: Vec<&str> = containers.iter().flatten().map(String::as_str).collect();
    let inspect = [&["inspect", "--format", "{{json .Config.Env}}"], &created[..]].concat();
    let printed = container::docker_ok(&inspect);
    container::docker_ok(&[&["rm"], &created[..]].concat());
    let mut environments = printed.lines();
    let read = |container: Option<String>| {
        if container.is_none() {
            return json!("error");
        }
        let environment: Option<Vec<String>> = serde_json::from_str(environments.next().unwrap()).unwrap();
        variables(environment.unwrap_or_default().iter().map(String::as_str))
    };
    Some(containers.into_iter().map(read).collect())
}

fn read_with_compose(scene: &Scene, cases: &[Case]) -> Option<Vec<Value>> {
    let version = command("docker-compose").args(["version", "--short"]).output();
    let is_described = version.is_ok_and(|version| version.stdout.starts_with(b"1.29."));
    if !is_described || !Path::new(PYTHON).exists() {
        say("docker-compose 1.29 is not installed: its column is not compared");
        return None;
    }
    let service = |(index, case): (usize, &Case)| (format!("c{index}"), json!({"image": "x", "env_file": case.path}));
    let services: BTreeMap<String, Value> = cases.iter().enumerate().map(service).collect();
    let file = scene.write("compose.json", json!({"version": "3", "services": services}).to_string());
    let output = command("docker-compose").arg("-f").arg(file).arg("config").output().unwrap();
    let config = scene.write("config.yaml", success(&output));
    let script = "import json, sys, yaml\nprint(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let output = command(PYTHON).args(["-c", script]).arg(config).output().unwrap();
    let config: Value = serde_json::from_slice(success(&output)).unwrap();
    let read = |index: usize| {
        let mut environment = config["services"][format!("c{index}")]["environment"].clone();
        let variables = environment.as_object_mut().map(std::mem::take).unwrap_or_default();
        // A dollar sign is doubled, and a name without a value is null.
        let set = variables.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.replace("$$", "$"))));
        without_host(json!(set.collect::<BTreeMap<_, _>>()))
    };
    Some((0..cases.len()).map(read).collect())
}

/// Says it on standard error. Other than [`skip`], CI accepts it.
fn say(text: &str) {
    std::io::stderr().write_all(format!("SKIPPED: {text}\n").as_bytes()).unwrap();
}

/// The cells of each row of the table.
fn rows() -> Vec<Vec<&'static str>> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| [`"));
    rows.map(|line| line.trim_matches(['|', ' ']).split(" | ").collect()).collect()
}

fn name(row: &[&str]) -> String {
    format!("differences/{}", row[0].split('`').nth(1).unwrap())
}

#[test]
fn each_program_reads_the_corpus_as_the_table_of_differences_says() {
    let scene = Scene::new();
    let cases = cases(&scene);
    assert!(cases.len() >= 120, "only {} cases were found", cases.len());
    assert!(PAGE.contains(&format!("contains {} files", cases.len())), "the page counts {} files", cases.len());
    for case in &cases {
        assert_eq!(read_with_untrap(case), case.expected, "{}: {:?}", case.group, case.text);
    }
    let columns = [
        read_with_python_dotenv(&cases),
        read_with_docker(&cases),
        read_with_compose(&scene, &cases),
        read_with_node(&cases),
    ];
    let rows = rows();
    for (index, case) in cases.iter().enumerate() {
        let row = rows.iter().find(|row| name(row) == case.group);
        assert_eq!(row.is_some(), case.group.starts_with("differences/"), "{} has a row", case.group);
        for (column, reader) in READERS.iter().enumerate() {
            let Some(read) = &columns[column] else { continue };
            let is_same = row.is_none_or(|row| row[3 + column] == "same");
            let (read, place) = (&read[index], format!("{reader}, {}: {:?}", case.group, case.text));
            assert_eq!(read == &case.expected, is_same, "{place}: {read} there, {} here", case.expected);
        }
    }
}

#[test]
fn each_row_of_the_table_has_cases_and_its_example_is_one() {
    let scene = Scene::new();
    let cases = cases(&scene);
    let rows = rows();
    for row in &rows {
        assert_eq!(row.len(), 8, "{row:?}");
        let of_row: Vec<&Case> = cases.iter().filter(|case| case.group == name(row)).collect();
        assert!(!of_row.is_empty(), "{row:?}");
        let code = |cell: &'static str| cell.strip_prefix('`')?.strip_suffix('`');
        let Some(line) = code(row[1]) else { continue };
        let case = of_row.iter().find(|case| case.text == line);
        let expected = &case.unwrap_or_else(|| panic!("{line} is no case of {}", name(row))).expected;
        match code(row[2]) {
            Some(value) => assert_eq!(expected["V"], value, "{line}"),
            None if row[2] == "empty" => assert_eq!(expected["V"], "", "{line}"),
            None => assert_eq!(row[2] == "error", expected == "error", "{line}"),
        }
    }
    assert!(rows.len() >= 25, "only {} rows were found", rows.len());
}
