//! An option after a command: it is almost surely meant for the program, so untrap neither takes it nor drops it.

use std::ffi::{OsStr, OsString};

use super::Surroundings;
use super::one_program::ProgramForm;
use super::parts::{OptionArgument, Parts};
use super::quote::{join as join_words, shell_line};
use super::word::is_token;
use crate::cli::options::Kind;
use crate::cli::verbs::Verb;
use crate::config::procfile::split_name;

/// Returns the answer if an argument after the first command begins with `-`.
pub(super) fn answer(verb: &Verb, arguments: &[OsString], surroundings: &Surroundings) -> Option<String> {
    let parts = Parts::split(verb, arguments);
    if surroundings.has_procfile_variable || parts.has_procfile(verb) {
        return None;
    }
    let late = parts.words.iter().skip(1).position(|word| word.as_encoded_bytes().starts_with(b"-"))? + 1;
    let line = |arguments: &[OsString]| shell_line(verb, arguments);
    let checked = |arguments: Vec<OsString>| (surroundings.is_valid)(&arguments).then(|| line(&arguments)).flatten();

    let form = ProgramForm::of_parts(verb, &parts, surroundings.is_first_process);
    let form = form.filter(|form| (surroundings.is_valid)(&form.arguments));
    let moved = move_to_front(verb, &parts).and_then(|moved| {
        let is_command = |word: &OsString| {
            let token = word.to_str().filter(|word| is_token(word));
            token.is_none_or(|token| (surroundings.is_program)(OsStr::new(split_name(token).1)))
        };
        // The words of -f are process types, which are checked.
        let are_commands = |words: &[OsString]| moved.has_procfile || words.iter().all(is_command);
        match (moved.is_information, form.is_some()) {
            (true, true) => None,
            (true, false) => line(&moved.options),
            // `gunicorn --timeout 30 app:app`: the words after the option are its program's arguments.
            (false, true) if !are_commands(&moved.words[1..]) => None,
            (false, _) => checked(moved.arguments(&parts)),
        }
    });
    let mut clauses = Vec::new();
    if let Some(form) = &form {
        clauses.push(format!("to pass it to {}, write: {form}", form.program));
    }
    if let Some(moved) = moved {
        clauses.push(format!("to pass it to untrap, write: {moved}"));
    }
    if clauses.is_empty()
        && let Some(joined) = join(&parts, late).and_then(checked)
    {
        clauses.push(format!("to pass it to the program, write: {joined}"));
    }
    if clauses.is_empty() {
        clauses.push("quote each command with its arguments".to_owned());
    }
    let option = parts.words[late].to_string_lossy();
    let option = option.split('=').next().unwrap_or_default();
    Some(format!("'{option}' after a command: untrap's options come before the first command; {}", clauses.join("; ")))
}

/// The words of a command line, and the options among them.
struct Moved {
    options: Vec<OsString>,
    words: Vec<OsString>,
    /// Whether one of the options prints something instead of running anything.
    is_information: bool,
    /// Whether one of the options names a Procfile.
    has_procfile: bool,
}

impl Moved {
    fn arguments(self, parts: &Parts) -> Vec<OsString> {
        let program = parts.program.map(|program| [&[OsString::from("--")], program].concat());
        [parts.options, &self.options, &self.words, &program.unwrap_or_default()].concat()
    }
}

/// Takes the options out of the words. Returns `None` unless all of them are untrap's.
fn move_to_front(verb: &Verb, parts: &Parts) -> Option<Moved> {
    let mut moved = Moved { options: Vec::new(), words: Vec::new(), is_information: false, has_procfile: false };
    let mut words = parts.words.iter();
    while let Some(word) = words.next() {
        if !word.as_encoded_bytes().starts_with(b"-") {
            moved.words.push(word.clone());
            continue;
        }
        let option = OptionArgument::read(verb, word)?;
        moved.options.push(word.clone());
        if option.takes_next {
            moved.options.push(words.next()?.clone());
        }
        for entry in option.entries {
            moved.is_information |= matches!(entry.kind, Kind::Help | Kind::Version) || entry.name == "generate";
            moved.has_procfile |= entry.name == "procfile";
        }
    }
    Some(moved)
}

/// Joins an option and what follows it with the word before it.
fn join(parts: &Parts, late: usize) -> Option<Vec<OsString>> {
    let arguments: Option<Vec<&str>> = parts.words[late..].iter().map(|word| word.to_str()).collect();
    let arguments = arguments?;
    let mut command = parts.words[late - 1].clone();
    command.push(" ");
    command.push(join_words(&arguments));
    let joined = Moved {
        options: Vec::new(),
        words: [&parts.words[..late - 1], &[command]].concat(),
        is_information: false,
        has_procfile: false,
    };
    Some(joined.arguments(parts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::verbs::{RUN, VERBS};

    /// The answer, if every line is valid and only these programs exist.
    fn answered(verb: &Verb, line: &str, programs: &[&str]) -> String {
        let arguments: Vec<OsString> = shell_words::split(line).unwrap().into_iter().map(OsString::from).collect();
        let surroundings = Surroundings {
            has_procfile_variable: false,
            is_program: &|word: &OsStr| programs.iter().any(|program| word == *program),
            is_valid: &|arguments| !arguments.iter().any(|argument| argument.to_string_lossy().contains("invalid")),
            is_first_process: false,
        };
        let answer = answer(verb, &arguments, &surroundings).unwrap_or_default();
        answer.split_once("first command; ").map(|(_, clauses)| clauses.to_owned()).unwrap_or(answer)
    }

    #[test]
    fn an_option_that_only_the_program_can_have_gives_the_form_with_dashes() {
        for (line, form) in [
            ("tail -n 5 log", "tail -n 5 log"),
            ("java -jar a.jar", "java -jar a.jar"),
            ("gunicorn --timeout 30 app:app", "gunicorn --timeout 30 app:app"),
            ("cat -", "cat -"),
            ("puma -V", "puma -V"),
            ("x --port invalid", ""),
        ] {
            let answer = answered(&RUN, line, &[]);
            if form.is_empty() {
                assert_eq!(answer, "quote each command with its arguments");
            } else {
                let program = form.split(' ').next().unwrap();
                assert_eq!(answer, format!("to pass it to {program}, write: untrap -- {form}"));
            }
        }
        assert_eq!(
            answered(&RUN, "-q -t 5s sh -c 'a b'", &[]),
            "to pass it to sh, write: untrap -q -t 5s -- sh -c 'a b'"
        );
    }

    #[test]
    fn an_option_that_both_can_have_gives_both_forms() {
        assert_eq!(
            answered(&RUN, "-q redis --port 6380", &[]),
            "to pass it to redis, write: untrap -q -- redis --port 6380; to pass it to untrap, write: \
             untrap -q --port 6380 redis"
        );
        let both = answered(&RUN, "nginx php-fpm -t 20s", &["php-fpm"]);
        assert!(both.ends_with("to pass it to untrap, write: untrap -t 20s nginx php-fpm"), "{both}");
        assert!(!answered(&RUN, "nginx php-fpm -t 20s", &[]).contains("to untrap"));
        let check = VERBS.iter().find(|verb| verb.name == "check").unwrap();
        assert!(answered(check, "mysqld --user=x", &[]).contains("write: untrap check --user=x mysqld"));
    }

    #[test]
    fn an_option_after_commands_that_are_no_single_program_moves_to_the_front() {
        assert_eq!(
            answered(&RUN, "'web: puma' sidekiq -t 20s", &[]),
            "to pass it to untrap, write: untrap -t 20s 'web: puma' sidekiq"
        );
        assert_eq!(
            answered(&RUN, "'cron -f' -q -- apache2 -k", &[]),
            "to pass it to untrap, write: untrap -q 'cron -f' -- apache2 -k"
        );
        assert_eq!(answered(&RUN, "'web: puma' --help", &[]), "to pass it to untrap, write: untrap --help");
    }

    #[test]
    fn another_option_after_such_commands_becomes_a_part_of_its_command() {
        assert_eq!(
            answered(&RUN, "'web: puma' sidekiq -C 'a b'", &[]),
            "to pass it to the program, write: untrap 'web: puma' 'sidekiq -C '\\''a b'\\'''"
        );
        assert_eq!(
            answered(&RUN, "-q 'web: puma' -p 3000", &[]),
            "to pass it to the program, write: untrap -q 'web: puma -p 3000'"
        );
    }

    #[test]
    fn with_a_procfile_options_may_stand_anywhere() {
        for line in ["-f P web -q", "-qf P web -q", "-q --procfile=P web -q", "web", "-q web", "web -- -q", "-- web -q"]
        {
            assert_eq!(answered(&RUN, line, &[]), "", "{line}");
        }
        assert!(answered(&RUN, "web -f P", &[]).contains("untrap -f P web"));
    }
}
