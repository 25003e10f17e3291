//! Help, man page and completions.

use untrap::cli::verbs::{RUN, VERBS, Verb};

use crate::support::{Scene, skip};

#[test]
fn help_fits_a_screen() {
    let help = Scene::new().run(&["--help"]).stdout;
    assert!(help.lines().count() <= 56, "{} lines", help.lines().count());
    assert!(help.lines().all(|line| line.chars().count() <= 120));
    assert!(help.ends_with('\n'));
}

#[test]
fn short_help_is_half_of_it_and_points_to_the_rest() {
    let scene = Scene::new();
    let (short, full) = (scene.run(&["-h"]).stdout, scene.run(&["--help"]).stdout);
    assert!(short.lines().count() <= 30, "{} lines", short.lines().count());
    assert!(short.lines().all(|line| line.chars().count() <= 120));
    assert!(short.contains("--timeout") && !short.contains("--exit-map"));
    assert!(short.contains("untrap --help") && full.contains("man untrap"));
    for option in RUN.arguments().filter(|argument| argument.is_option()) {
        assert!(full.contains(&format!("{option} ")), "{option}");
    }
    // An invalid variable does not prevent the help.
    let help = scene.untrap().env("UNTRAP_OUTPUT", "bad").arg("-qh").output().unwrap();
    assert_eq!(String::from_utf8(help.stdout).unwrap(), full);
}

/// The source of the page, with a plain '-' for each `\-`.
fn man_page() -> String {
    Scene::new().run(&["--generate", "man"]).stdout.replace("\\-", "-")
}

#[test]
fn the_man_page_has_every_option_and_every_variable() {
    let page = man_page();
    for argument in VERBS.iter().chain([&RUN]).flat_map(Verb::arguments) {
        if argument.is_option() {
            assert!(page.contains(&format!("\\fB{argument}\\fR")), "{argument}");
        }
        if let Some(variable) = argument.variable {
            assert!(page.contains(&format!("\\fB{variable}\\fR")), "{variable}");
        }
    }
}

#[test]
fn the_man_page_has_its_sections_in_their_order() {
    let page = man_page();
    let titles: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
    let titles: Vec<&str> = titles.iter().map(|title| title.trim_matches('"')).collect();
    let first = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "SIGNALS", "OUTPUT", "START AND SHUTDOWN"];
    let last = ["PID DIRECTORY", "PS AND SIGNAL", "MESSAGES", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES"];
    assert_eq!(titles, [&first[..], &last, &["SEE ALSO"]].concat());
}

#[test]
fn the_man_page_has_the_name_of_every_event() {
    let sources = [include_str!("../../src/log/mod.rs"), include_str!("../../src/log/line.rs")];
    let sources = sources.map(|source| source.split("#[cfg(test)]").next().unwrap()).concat();
    let is_name =
        |word: &&str| word.len() > 3 && word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-');
    // The name of an event is the quoted word before its subject, or a whole value.
    let is_event = |line: &&str| ["self.write(", "Subject::", "event: "].iter().any(|mark| line.contains(mark));
    let quoted = |line: &'_ str| line.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let names: Vec<String> =
        sources.lines().filter(is_event).flat_map(quoted).filter(|name| is_name(&name.as_str())).collect();
    assert!(names.len() > 15, "{names:?}");
    let page = man_page().replace('\n', " ");
    let events = page.split("Events are ").nth(1).unwrap().split(".SH").next().unwrap();
    let listed: Vec<&str> = events.split(|letter: char| !letter.is_ascii_lowercase() && letter != '-').collect();
    for name in &names {
        assert!(listed.contains(&name.as_str()), "{name} is not in the man page");
    }
}

#[test]
fn the_man_page_is_clean() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/man/untrap.1");
    let Ok(output) = std::process::Command::new("mandoc").args(["-T", "lint", page]).output() else {
        return skip("mandoc is not installed, so the man page is not checked");
    };
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
}

#[test]
fn a_reader_that_exits_early_is_not_an_error() {
    let command = format!("{} --generate zsh | head -n 1", env!("CARGO_BIN_EXE_untrap"));
    let output = std::process::Command::new("bash").args(["-o", "pipefail", "-c", &command]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
