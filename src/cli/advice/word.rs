//! Words that need no quotes: what a user writes who means one program and its arguments.

use crate::config::procfile::split_name;

/// Whether a command is one word that is neither named nor special to a shell.
pub(super) fn is_bare(word: &str) -> bool {
    is_token(word) && !word.contains('=') && !is_named(word)
}

/// Whether a word is one that is not special to a shell.
pub(super) fn is_token(word: &str) -> bool {
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+@%,:=".contains(character);
    !word.is_empty() && word.chars().all(is_plain)
}

/// Whether a command has a name.
pub(super) fn is_named(word: &str) -> bool {
    split_name(word).0.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_word_is_one_plain_word_without_a_name() {
        for word in ["redis-server", "/usr/bin/python3.11", "./app", "0.0.0.0:80", "g++", "é"] {
            assert!(is_bare(word), "{word}");
        }
        for word in ["", "web:puma", "web: puma", "a b", "a&", "$A", "'a'", "A=1", "a;b", "a\\b", "*"] {
            assert!(!is_bare(word), "{word}");
        }
    }
}
