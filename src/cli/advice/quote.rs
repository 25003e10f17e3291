//! Writes a command line so that it can be pasted: into a shell, or into a Dockerfile.

use std::ffi::OsString;

use crate::cli::verbs::Verb;

/// A line that is longer would be cut at the end of the message.
const LONGEST: usize = 1500;

/// The call of a verb, quoted for a shell. `None`: one message cannot show the line as it is.
pub(super) fn shell_line(verb: &Verb, arguments: &[OsString]) -> Option<String> {
    whole(join(&words(verb, arguments)?))
}

/// Quotes words for a shell, and only those that need quotes.
pub(super) fn join(words: &[impl AsRef<str>]) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._-+@%,:=".contains(character);
    let quoted = words.iter().map(AsRef::as_ref).map(|word| {
        // zsh replaces a word that begins with `=`.
        let needs_quotes = word.is_empty() || word.starts_with('=') || !word.chars().all(is_plain);
        if needs_quotes { format!("'{}'", word.replace('\'', r"'\''")) } else { word.to_owned() }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// The call of a verb as `ENTRYPOINT` of a Dockerfile in its exec form. `None`: one message cannot show it as it is.
pub(super) fn entrypoint(verb: &Verb, arguments: &[OsString]) -> Option<String> {
    json_list(&words(verb, arguments)?).map(|list| format!("ENTRYPOINT {list}"))
}

/// A JSON list of words.
pub(super) fn json_list(words: &[impl AsRef<str>]) -> Option<String> {
    let words: Vec<String> = words.iter().filter_map(|word| serde_json::to_string(word.as_ref()).ok()).collect();
    whole(format!("[{}]", words.join(", ")))
}

fn words<'a>(verb: &'a Verb, arguments: &'a [OsString]) -> Option<Vec<&'a str>> {
    let call = ["untrap"].into_iter().chain(Some(verb.name).filter(|_| !verb.is_run()));
    call.map(Some).chain(arguments.iter().map(|word| word.to_str())).collect()
}

fn whole(line: String) -> Option<String> {
    (line.len() <= LONGEST && !line.contains(char::is_control)).then_some(line)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;
    use crate::cli::verbs::{RUN, VERBS};

    #[test]
    fn a_line_is_quoted_for_a_shell() {
        let line = |words: &[&str]| shell_line(&RUN, &words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(line(&["web: puma", "it's", "", "$A", "A=1"]).unwrap(), r"untrap 'web: puma' 'it'\''s' '' '$A' A=1");
        assert_eq!(line(&["a\nb"]), None);
        assert_eq!(line(&[&"a".repeat(2000)]), None);
        assert_eq!(shell_line(&RUN, &[OsStr::from_bytes(b"\xff").to_owned()]), None);
        assert_eq!(shell_line(&VERBS[0], &[]).unwrap(), "untrap check");
    }

    #[test]
    fn an_entrypoint_is_json() {
        let line = entrypoint(&RUN, &["web: \"puma\"", "--"].map(OsString::from));
        assert_eq!(line.unwrap(), r#"ENTRYPOINT ["untrap", "web: \"puma\"", "--"]"#);
    }
}
