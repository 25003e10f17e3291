//! Checks the table of `docs/from-foreman.md` row by row: foreman or honcho and untrap must start the same processes
//! with the same environment.

#[path = "support/mod.rs"]
mod support;

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use support::{Scene, skip, spawn, wait_for, witness};

const PAGE: &str = include_str!("../docs/from-foreman.md");

/// The directory in which the gate installs honcho.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/python/bin");

/// The command lines of the peers, each with the replacement that the page names.
fn rows() -> Vec<(&'static str, &'static str)> {
    let code = |cell: &'static str| cell.split('`').skip(1).step_by(2);
    let cells = |line: &'static str| line.strip_prefix("| ").map(|line| line.split(" | ").collect::<Vec<_>>());
    let rows = PAGE.lines().filter_map(cells).filter(|cells| cells.len() > 1 && cells[1].starts_with("`untrap"));
    rows.flat_map(|cells| code(cells[0]).map(move |peer| (peer, code(cells[1]).next().unwrap()))).collect()
}

/// An app whose processes record their start, arguments and environment.
fn app() -> Scene {
    let scene = Scene::new();
    let note = |then: &str| format!("#!/bin/sh\necho \"$* PORT=$PORT A=$A B=$B\" >> seen\n{then}\n");
    let until_stopped = format!("exec {} {}", witness().display(), scene.path("signals").display());
    scene.script("note", &note(&until_stopped));
    std::fs::create_dir(scene.path("bin")).unwrap();
    scene.script("bin/rake", &note("exit 0"));
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_untrap"), scene.path("bin/untrap")).unwrap();
    scene.write("Procfile", "web: ./note web\nworker: ./note worker\n");
    scene.write("Procfile.dev", "dev: ./note dev\n");
    scene.write(".env", "A=1\nB=1\n");
    scene.write(".env.local", "A=2\n");
    scene
}

/// A running command line. Its processes are killed when it is dropped.
struct Run<'a> {
    scene: &'a Scene,
    child: Child,
}

impl<'a> Run<'a> {
    fn new(scene: &'a Scene, line: &str) -> Self {
        let mut shell = scene.program_in(support::Place::Subreaper, Path::new("/bin/sh"));
        let path = format!("{}:{PYTHON}:{}", scene.path("bin").display(), std::env::var("PATH").unwrap());
        shell.args(["-c", &format!("exec {line}")]).env("PATH", path).stdin(Stdio::null());
        let out = File::create(scene.path("out")).unwrap();
        let child = spawn(shell.stdout(out.try_clone().unwrap()).stderr(out));
        Self { scene, child }
    }

    /// Waits until `count` processes have started and returns their records, sorted.
    fn started(mut self, line: &str, count: usize) -> Vec<String> {
        let mut has_exited = false;
        wait_for(&format!("'{line}' starts {count} processes"), || {
            has_exited = self.child.try_wait().unwrap().is_some();
            (has_exited || count > 0 && self.scene.lines("seen").len() >= count).then_some(())
        });
        // SIGKILL, because the page does not compare shutdowns and honcho hangs if it is sent SIGTERM while it starts.
        let _ = self.child.kill();
        self.child.wait().unwrap();
        let mut seen = self.scene.lines("seen");
        seen.sort_unstable();
        assert!(seen.len() >= count, "'{line}': {}", std::fs::read_to_string(self.scene.path("out")).unwrap());
        seen
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.scene.kill_all();
    }
}

/// Keeps the parts that the page promises to be equal: ports and env files only if the line names them.
fn comparable(seen: &[String], line: &str) -> Vec<String> {
    let (ports, variables) = (line.contains(" -p "), line.contains(" -e ") || line.contains(" run "));
    let kept = |word: &&str| match word.split_once('=') {
        Some(("PORT", _)) => ports,
        Some(_) => variables,
        None => true,
    };
    seen.iter().map(|seen| seen.split(' ').filter(kept).collect::<Vec<_>>().join(" ")).collect()
}

/// Returns the number of processes that this untrap command line starts.
fn count(untrap: &str) -> usize {
    let scene = app();
    let check = untrap.replacen("untrap", "untrap check --no-resolve", 1).replace("--no-resolve check", "--no-resolve");
    let mut run = Run::new(&scene, &check);
    let status = wait_for(&format!("'{check}' exits"), || run.child.try_wait().unwrap());
    assert!(status.success(), "'{check}': {status}");
    let is_check = untrap.starts_with("untrap check");
    if is_check {
        0
    } else {
        scene.lines("out").iter().filter(|line| !line.is_empty() && !line.starts_with(' ')).count()
    }
}

fn is_installed(peer: &str) -> bool {
    let is_installed = Command::new(peer).arg("--version").stdin(Stdio::null()).output().is_ok()
        || Path::new(PYTHON).join(peer).exists();
    if !is_installed {
        skip(&format!("{peer} is not installed, so its rows are not compared"));
    }
    is_installed
}

#[test]
fn both_command_lines_of_each_row_start_the_same_processes() {
    let rows = rows();
    assert!(rows.len() > 12, "only {} rows were found", rows.len());
    let installed: Vec<_> = ["foreman", "honcho"].into_iter().filter(|peer| is_installed(peer)).collect();
    // Run the rows in parallel, because each mostly waits for its peer.
    std::thread::scope(|scope| {
        for (peer, untrap) in rows.into_iter().filter(|(line, _)| installed.iter().any(|peer| line.starts_with(peer))) {
            scope.spawn(move || {
                let count = count(untrap);
                let [theirs, ours] = [peer, untrap].map(|line| {
                    let scene = app();
                    comparable(&Run::new(&scene, line).started(line, count), peer)
                });
                assert_eq!(theirs, ours, "`{peer}` and `{untrap}`");
            });
        }
    });
}
