//! The `cd DIR &&` or `cd DIR;` before a command: which ones mean the same in every shell.

/// Splits a line that begins with `cd` into the operand and the command after `&&` or `;`.
pub(super) fn split_cd(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start_matches([' ', '\t']).strip_prefix("cd")?;
    if !line.starts_with([' ', '\t']) {
        return None;
    }
    let mut quote = None;
    let mut characters = line.char_indices();
    while let Some((index, character)) = characters.next() {
        match (quote, character) {
            (None | Some('"'), '\\') => drop(characters.next()),
            (Some(open), _) if open == character => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, ';') => return Some((&line[..index], &line[index + 1..])),
            (None, '&') => return Some((&line[..index], line[index + 1..].strip_prefix('&')?)),
            _ => {}
        }
    }
    None
}

/// Whether every shell takes this value of `PWD` as it is: an absolute path without `.`, `..` and empty parts.
pub(super) fn is_clean(pwd: &[u8]) -> bool {
    let Some(path) = pwd.strip_prefix(b"/") else { return false };
    path.is_empty() || path.split(|byte| *byte == b'/').all(|part| !matches!(part, b"" | b"." | b".."))
}

/// Whether every shell changes to the same directory for this operand of `cd`. Shells disagree about `//`, and about a
/// `..` after a directory that does not exist.
pub(super) fn is_plain_operand(operand: &[u8]) -> bool {
    let mut parts = operand.split(|byte| *byte == b'/').skip_while(|part| matches!(*part, b"" | b"." | b".."));
    !operand.is_empty() && !operand.starts_with(b"-") && !operand.starts_with(b"//") && parts.all(|part| part != b"..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_after_a_cd_begins_after_the_first_separator() {
        assert_eq!(split_cd("cd a && b && c"), Some((" a ", " b && c")));
        assert_eq!(split_cd(" \tcd 'a;b';c"), Some((" 'a;b'", "c")));
        assert_eq!(split_cd("cd \"a\\\";b\" a\\;b; c"), Some((" \"a\\\";b\" a\\;b", " c")));
        for line in ["cd a", "cd a & b", "cda; b", "cd; b", "'cd' a; b", "cd 'a; b", "A=1 cd a; b"] {
            assert_eq!(split_cd(line), None, "{line}");
        }
    }

    #[test]
    fn a_clean_path_is_absolute_and_has_no_dots_and_no_empty_parts() {
        assert!(["/", "/a", "/a/b.c/..d/..."].iter().all(|pwd| is_clean(pwd.as_bytes())));
        assert!(!["", "a", "/a/", "//a", "/a//b", "/.", "/a/../b", "/a/."].iter().any(|pwd| is_clean(pwd.as_bytes())));
    }

    #[test]
    fn an_operand_is_plain_if_parents_come_only_first() {
        for operand in ["a", "/", "/a//b/", "../../a", "./a/.", "a b", "...", "a-"] {
            assert!(is_plain_operand(operand.as_bytes()), "{operand}");
        }
        for operand in ["", "-", "-P", "//a", "a/..", "../a/../b", "/a/../b"] {
            assert!(!is_plain_operand(operand.as_bytes()), "{operand}");
        }
    }
}
