//! The man page and the completions. They are files of the repository, which `tests/pages` makes from the tables of
//! options and verbs.

use std::str::FromStr;

/// What `--generate` prints.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Page {
    /// The man page, as roff.
    Man,
    /// Completions for bash.
    Bash,
    /// Completions for zsh.
    Zsh,
    /// Completions for fish.
    Fish,
}

impl FromStr for Page {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "man" => Ok(Self::Man),
            "bash" => Ok(Self::Bash),
            "zsh" => Ok(Self::Zsh),
            "fish" => Ok(Self::Fish),
            _ => Err("not a page; write man, bash, zsh or fish"),
        }
    }
}

/// The text of a page.
#[must_use]
pub fn text(page: Page) -> &'static str {
    match page {
        Page::Man => include_str!("../../man/untrap.1"),
        Page::Bash => include_str!("../../completions/untrap.bash"),
        Page::Zsh => include_str!("../../completions/untrap.zsh"),
        Page::Fish => include_str!("../../completions/untrap.fish"),
    }
}
