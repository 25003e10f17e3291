//! The man page, the completions and README's table of options match the tables of options and verbs.
//!
//! `UNTRAP_WRITE_PAGES=1 cargo test --test pages` rewrites them.

mod completions;
mod man;
mod readme;

use std::path::Path;

use clap_complete::Shell;

/// Compares the file in the repository with `page`, or rewrites it.
#[track_caller]
fn keep(file: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UNTRAP_WRITE_PAGES").is_some() {
        return std::fs::write(path, page).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == page, "{file} is stale: run 'UNTRAP_WRITE_PAGES=1 cargo test --test pages'");
}

#[test]
fn the_man_page_is_current() {
    keep("man/untrap.1", &man::page());
}

#[test]
fn the_completions_are_current() {
    for (shell, file) in [(Shell::Bash, "untrap.bash"), (Shell::Zsh, "untrap.zsh"), (Shell::Fish, "untrap.fish")] {
        keep(&format!("completions/{file}"), &completions::script(shell));
    }
}

#[test]
fn the_table_of_options_in_the_readme_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    keep("README.md", &readme::with_options(&std::fs::read_to_string(path).unwrap()));
}
