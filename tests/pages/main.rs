//! The man page and the completions are what the definition of the command line says.
//!
//! `UNTRAP_WRITE_PAGES=1 cargo test --test pages` writes them anew.

mod completions;
mod man;

use std::path::Path;

use clap_complete::Shell;

/// Fails where the file in the repository is another, or makes it this one.
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
