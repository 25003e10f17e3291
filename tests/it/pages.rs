//! Help, man page and completions.

use crate::support::Scene;

#[test]
fn the_man_page_in_the_repository_is_the_one_that_untrap_prints() {
    let printed = Scene::new().run(&["--generate", "man"]).stdout;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/man/untrap.1");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == printed, "man/untrap.1 is stale: run 'cargo run -- --generate man > man/untrap.1'");
}

#[test]
fn help_fits_a_screen() {
    let help = Scene::new().run(&["--help"]).stdout;
    assert!(help.lines().count() <= 50, "{} lines", help.lines().count());
    assert!(help.lines().all(|line| line.chars().count() <= 120));
    assert!(help.ends_with('\n'));
}

#[test]
fn completions_name_every_option() {
    for (shell, option) in [("bash", "--stop-signal"), ("zsh", "--stop-signal"), ("fish", "-l stop-signal")] {
        let script = Scene::new().run(&["--generate", shell]).stdout;
        assert!(script.contains(option), "{shell}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let command = format!("{} --generate zsh | head -n 1", env!("CARGO_BIN_EXE_untrap"));
    let output = std::process::Command::new("bash").args(["-o", "pipefail", "-c", &command]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
