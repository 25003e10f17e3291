//! Completions, as the shells make them from the scripts.

use std::process::Command;

use crate::support::{BOUND, Scene, skip};

/// A line, and one word that the shell must offer for it.
const OFFERED: &[(&str, &str)] = &[
    ("untrap che", "check"),
    ("untrap --stop-o", "--stop-order"),
    ("untrap --stop-order re", "reverse"),
    ("untrap check --exit-m", "--exit-map"),
    ("untrap ps --js", "--json"),
    ("untrap signal --pid", "--pid-dir"),
];

/// Writes the script of a shell. `None` if that shell is not installed.
fn script(scene: &Scene, shell: &str) -> Option<String> {
    if Command::new(shell).arg("--version").output().is_err() {
        skip(&format!("{shell} is not installed, so its completions are not tested"));
        return None;
    }
    let path = scene.write("script", scene.run(&["--generate", shell]).stdout);
    Some(path.to_str().unwrap().to_owned())
}

/// Runs the program for each line, and expects the word in its output.
fn offers(shell: &str, options: &[&str], program: impl Fn(&str) -> String) {
    for (line, word) in OFFERED {
        let output = Command::new(shell).args(options).args(["-c", &program(line)]).output().unwrap();
        let offered = String::from_utf8_lossy(&output.stdout);
        let words: Vec<&str> = offered.lines().filter_map(|line| line.split('\t').next()).collect();
        assert!(words.contains(word), "{shell}: '{line}' is completed to {words:?}; {output:?}");
    }
}

#[test]
fn bash_completes_verbs_options_and_values() {
    let scene = Scene::new();
    let Some(script) = script(&scene, "bash") else { return };
    offers("bash", &["--norc"], |line| {
        format!(
            "source {script}; complete -p untrap > /dev/null || exit; COMP_WORDS=({line}); \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _untrap untrap \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        )
    });
}

#[test]
fn fish_completes_verbs_options_and_values() {
    let scene = Scene::new();
    let Some(script) = script(&scene, "fish") else { return };
    offers("fish", &["--no-config"], |line| format!("source {script}; complete -C '{line}'"));
}

/// zsh completes only on a terminal, so a function named untrap prints the completed line.
#[test]
fn zsh_completes_verbs_options_and_values() {
    let scene = Scene::new();
    let Some(script) = script(&scene, "zsh") else { return };
    let mut command = Command::new("zsh");
    command.args(["-f", "-i"]).env("TERM", "dumb").env("HOME", scene.path("."));
    let mut shell = rexpect::session::spawn_command(command, Some(BOUND.as_millis() as u64)).unwrap();
    shell.send_line("autoload -U compinit && compinit -u -D").unwrap();
    shell.send_line(&format!("source {script}; untrap() {{ print \"<$*>\"; }}; print rea''dy")).unwrap();
    shell.exp_string("ready").unwrap();
    for (line, word) in OFFERED {
        // Tab completes the last word.
        let (done, _) = line.trim_start_matches("untrap").rsplit_once(' ').unwrap();
        shell.send(&format!("{line}\t\n")).unwrap();
        shell.flush().unwrap();
        let expected = format!("<{} {word}", done.trim()).replace("< ", "<");
        shell.exp_string(&expected).unwrap_or_else(|error| panic!("'{line}': {error}"));
    }
    shell.send_line("exit").unwrap();
    shell.exp_eof().unwrap();
}
