//! The man page and the completions, made from the definition of the command line.

mod completions;
mod man;

use clap_complete::Shell;

use crate::cli::Page;

/// The text of a page.
#[must_use]
pub fn text(page: Page) -> Vec<u8> {
    match page {
        Page::Man => man::page(),
        Page::Bash => completions::script(Shell::Bash),
        Page::Zsh => completions::script(Shell::Zsh),
        Page::Fish => completions::script(Shell::Fish),
    }
}
