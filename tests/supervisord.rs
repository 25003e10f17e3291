//! Checks rows of the table of `docs/from-supervisord.md`: a setting of supervisord and its replacement must have the
//! same effect on a program.

#[path = "support/mod.rs"]
mod support;

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use support::{Scene, kill, skip, spawn, wait_for, witness};

const PAGE: &str = include_str!("../docs/from-supervisord.md");

/// A scene that other users can write to. Its processes are killed when it is dropped.
struct Stage(Scene);

impl Drop for Stage {
    fn drop(&mut self) {
        self.0.kill_all();
    }
}

/// The environment of a program, and the signals that it and its child received at shutdown.
#[derive(PartialEq, Eq, Debug)]
struct Observed {
    started: Vec<String>,
    signals: Vec<String>,
    signals_of_child: Vec<String>,
}

impl Stage {
    fn new() -> Self {
        let scene = Scene::new();
        std::fs::set_permissions(scene.path(""), Permissions::from_mode(0o777)).unwrap();
        let at = |name: &str| scene.path(name).display().to_string();
        let (witness, child, signals, seen) = (witness(), at("child"), at("signals"), at("seen"));
        let program = format!(
            "#!/bin/sh\necho \"uid=$(id -u) umask=$(umask) in=$PWD RAILS_ENV=$RAILS_ENV\" >> {seen}\n{} {child} &\n\
             exec {} {signals}\n",
            witness.display(),
            witness.display()
        );
        for name in ["child", "signals", "seen"] {
            std::fs::set_permissions(scene.write(name, ""), Permissions::from_mode(0o666)).unwrap();
        }
        scene.script("puma", &program);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_untrap"), scene.path("untrap")).unwrap();
        scene.write("Procfile", "web: puma\n");
        Self(scene)
    }

    /// Runs a command line until `count` programs and their children are ready, then sends it SIGTERM.
    fn observe(&self, line: &str, count: usize) -> Observed {
        let mut shell = self.0.program_in(support::Place::Subreaper, Path::new("/bin/sh"));
        let path = format!("{}:{}", self.0.path("").display(), std::env::var("PATH").unwrap());
        shell.args(["-c", &format!("exec {line}")]).env("PATH", path).stdin(Stdio::null());
        let out = File::create(self.0.path("out")).unwrap();
        let mut child = spawn(shell.stdout(out.try_clone().unwrap()).stderr(out));
        let output = || std::fs::read_to_string(self.0.path("out")).unwrap();
        let is_ready = |name: &str| self.0.lines(name).iter().filter(|line| line.starts_with("ready")).count() >= count;
        wait_for(&format!("'{line}' starts {count}"), || {
            assert!(child.try_wait().unwrap().is_none(), "'{line}': {}", output());
            (is_ready("signals") && is_ready("child")).then_some(())
        });
        kill(child.id() as i32, "TERM");
        wait_for(&format!("'{line}' exits"), || child.try_wait().unwrap());
        // untrap sends SIGCONT after the stop signal, which has no effect on a running process.
        let signals = |name: &str| -> Vec<String> {
            self.0.lines(name).into_iter().filter(|line| !line.starts_with("ready") && line != "SIGCONT").collect()
        };
        Observed { started: self.0.lines("seen"), signals: signals("signals"), signals_of_child: signals("child") }
    }
}

/// Returns the replacement that the page names for a setting.
#[track_caller]
fn instead_of(setting: &str) -> &'static str {
    let row = PAGE.lines().find(|line| line.starts_with(&format!("| `{setting}` | `")));
    row.and_then(|row| row.split(" | `").nth(1)?.split('`').next()).unwrap_or_else(|| panic!("no row for {setting}"))
}

#[test]
fn a_setting_and_its_replacement_have_the_same_effect() {
    let is_installed = Command::new("supervisord").arg("--version").output().is_ok();
    if !is_installed {
        return skip("supervisord is not installed, so its settings are not compared");
    }
    // Only root can become another user.
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        skip("only root can change the user, so user= is not compared with --user");
    }
    let settings = [
        "stopsignal=QUIT",
        "stopasgroup=true",
        "user=www-data",
        "environment=RAILS_ENV=\"production\"",
        "directory=/srv",
        "umask=027",
        "numprocs=2",
    ];
    std::thread::scope(|scope| {
        for setting in settings.into_iter().filter(|setting| is_root || !setting.starts_with("user=")) {
            scope.spawn(move || {
                let count = if setting == "numprocs=2" { 2 } else { 1 };
                let theirs = Stage::new();
                let own = "[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=%(here)s/pid";
                let names = "process_name=%(program_name)s_%(process_num)02d\nstdout_logfile=NONE\nstderr_logfile=NONE";
                let program = format!("[program:web]\ncommand={}\n{names}", theirs.0.path("puma").display());
                theirs.0.write("conf", format!("{own}\n{program}\n{setting}\n"));
                let mut theirs = theirs.observe("supervisord -c conf", count);
                let line = instead_of(setting);
                let mut ours = Stage::new().observe(line, count);
                for observed in [&mut theirs, &mut ours] {
                    // Each scene has its own directory, so compare only /srv. Without stopasgroup, supervisord signals
                    // only the leader.
                    observed.started.iter_mut().filter(|it| !it.contains("in=/srv ")).for_each(|it| {
                        let words = it.split(' ').filter(|word| !word.starts_with("in="));
                        *it = words.collect::<Vec<_>>().join(" ");
                    });
                    if setting != "stopasgroup=true" {
                        observed.signals_of_child.clear();
                    }
                }
                assert_eq!(theirs, ours, "`{setting}` and `{line}`");
            });
        }
    });
}
