//! Guesses the program that a command will run in the end, to name its service.
//!
//! The guess needs no exact grammar: if it is wrong, only the name is.

use std::iter::Peekable;
use std::str::Chars;

use super::builtins::is_shell_word;
use super::parse::split_assignment;

/// Programs that execute the program among their arguments: the words that call them, and how many words precede that
/// program, options aside.
const WRAPPERS: &[(&str, usize)] = &[
    ("busybox", 0),
    ("bundle exec", 0),
    ("chpst", 0),
    ("chroot", 1),
    ("chrt", 1),
    ("command", 0),
    ("ddtrace-run", 0),
    ("direnv exec", 1),
    ("doas", 0),
    ("doppler run", 0),
    ("dotenv", 0),
    ("dumb-init", 0),
    ("env", 0),
    ("exec", 0),
    ("gosu", 1),
    ("hatch run", 0),
    ("ionice", 0),
    ("mise exec", 0),
    ("newrelic-admin run-program", 0),
    ("nice", 0),
    ("nohup", 0),
    ("npm exec", 0),
    ("npm run", 0),
    ("npx", 0),
    ("opentelemetry-instrument", 0),
    ("pdm run", 0),
    ("pipenv run", 0),
    ("pnpm exec", 0),
    ("pnpm run", 0),
    ("poetry run", 0),
    ("rbenv exec", 0),
    ("runuser", 0),
    ("s6-setuidgid", 1),
    ("setpriv", 0),
    ("setsid", 0),
    ("stdbuf", 0),
    ("su-exec", 1),
    ("sudo", 0),
    ("taskset", 1),
    ("time", 0),
    ("timeout", 1),
    ("tini", 0),
    ("uv run", 0),
    ("with-contenv", 0),
    ("xvfb-run", 0),
    ("yarn run", 0),
];

/// Options of [`WRAPPERS`] whose value is the next word.
const OPTIONS_WITH_VALUE: &[&str] = &[
    "-C",
    "-c",
    "-g",
    "-i",
    "-k",
    "-n",
    "-o",
    "-p",
    "-s",
    "-u",
    "--gid",
    "--groups",
    "--package",
    "--regid",
    "--reuid",
    "--user",
    "--with",
];

/// Programs that copy or filter a log, and exit when their input ends.
const LOG_FILTERS: &[&str] =
    &["awk", "cat", "grep", "jq", "logger", "multilog", "rotatelogs", "s6-log", "sed", "svlogd", "tee", "ts"];

/// Words that begin a compound command.
const COMPOUND: &[&str] = &["(", "[[", "case", "for", "if", "select", "until", "while", "{"];

/// Returns the log filters of a line: programs that read from a pipe.
#[must_use]
pub fn log_filters(line: &str) -> Vec<String> {
    let piped = commands(line).into_iter().filter(|command| command.is_piped).map(|command| of_words(&command.words));
    piped.filter(|name| LOG_FILTERS.contains(&name.as_str())).collect()
}

/// Returns the names of all programs of a line.
#[must_use]
pub fn programs(line: &str) -> Vec<String> {
    commands(line).iter().map(|command| of_words(&command.words)).collect()
}

/// Returns the name of the program of a line, without its directories; `sh` if only sh can tell it.
pub(super) fn of_line(line: &str) -> String {
    let mut commands = commands(line);
    // Of a pipeline the first program does the work.
    commands.retain(|command| !command.is_piped);
    let first =
        |words: &[String]| words.iter().find(|word| split_assignment(word).is_none()).cloned().unwrap_or_default();
    if commands.iter().any(|command| COMPOUND.contains(&first(&command.words).as_str())) {
        return "sh".to_owned();
    }
    // The last program stays; built-in utilities after it are executed by the shell.
    let names = commands.iter().rev().map(|command| of_words(&command.words));
    let is_program =
        |name: &String| !name.is_empty() && !is_shell_word(name) && !matches!(name.as_str(), "true" | "false");
    names.into_iter().find(is_program).unwrap_or_else(|| "sh".to_owned())
}

/// Returns the name of the program of a line that needs no shell, also if the shell has a command of this name.
pub(super) fn of_simple(line: &str) -> String {
    commands(line).last().map(|command| of_words(&command.words)).unwrap_or_default()
}

/// Returns the name of the program of a command's words.
pub(super) fn of_words(words: &[String]) -> String {
    let mut words = words;
    while let Some(word) = words.first().filter(|word| split_assignment(word).is_some()) {
        words = &words[1..];
        if words.is_empty() {
            return base_name(word).to_owned();
        }
    }
    let Some(program) = words.first() else { return String::new() };
    match wrapped(words) {
        Some(rest) if !rest.is_empty() => of_words(rest),
        _ => base_name(program).to_owned(),
    }
}

/// The words that a wrapper executes.
fn wrapped(words: &[String]) -> Option<&[String]> {
    let (program, rest) = words.split_first()?;
    let program = base_name(program);
    let is_version = |rest: &str| rest.chars().all(|character| character.is_ascii_digit() || character == '.');
    if program.strip_prefix("python").is_some_and(is_version) {
        let module = rest.iter().take_while(|word| word.starts_with('-')).position(|word| word == "-m")?;
        return rest.get(module + 1..);
    }
    let calls = |wrapper: &str| {
        let mut parts = wrapper.split(' ');
        parts.next() == Some(program) && parts.next().is_none_or(|verb| rest.first().is_some_and(|word| word == verb))
    };
    let (wrapper, operands) = WRAPPERS.iter().find(|(wrapper, _)| calls(wrapper))?;
    let mut rest = &rest[wrapper.split(' ').count() - 1..];
    let mut operands = *operands;
    while let Some((word, after)) = rest.split_first() {
        let is_option = word.starts_with('-');
        if !is_option && split_assignment(word).is_none() {
            if operands == 0 {
                break;
            }
            operands -= 1;
        }
        rest = after;
        if is_option && OPTIONS_WITH_VALUE.contains(&word.as_str()) {
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    Some(rest)
}

/// The last part of a path; the name of the variable if it is an expansion.
fn base_name(word: &str) -> &str {
    let name = word.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
    let name = name.strip_prefix('$').map_or(name, |name| name.trim_start_matches('{'));
    name.split(['$', '}', ':']).next().unwrap_or_default()
}

/// A command, as it is written.
#[derive(Default)]
struct Written {
    words: Vec<String>,
    /// Whether it reads from a pipe.
    is_piped: bool,
}

/// Splits a line into its commands.
fn commands(line: &str) -> Vec<Written> {
    let mut commands = vec![Written::default()];
    let mut is_target = false;
    let mut characters = line.chars().peekable();
    while let Some(&character) = characters.peek() {
        match character {
            ' ' | '\t' => drop(characters.next()),
            '#' => while characters.next_if(|character| *character != '\n').is_some() {},
            '|' | '&' | ';' | '\n' => {
                let operator: String =
                    std::iter::from_fn(|| characters.next_if(|next| "|&;\n".contains(*next))).collect();
                commands.push(Written { words: Vec::new(), is_piped: operator == "|" || operator == "|&" });
            }
            '<' | '>' => {
                while characters.next_if(|next| "<>&|".contains(*next)).is_some() {}
                is_target = true;
            }
            '(' | ')' => {
                characters.next();
                commands.last_mut().expect("there is one").words.push(character.to_string());
            }
            _ => {
                let word = word(&mut characters);
                let is_descriptor = word.chars().all(|digit| digit.is_ascii_digit())
                    && characters.peek().is_some_and(|next| "<>".contains(*next));
                if !std::mem::take(&mut is_target) && !is_descriptor {
                    commands.last_mut().expect("there is one").words.push(word);
                }
            }
        }
    }
    commands
}

/// Reads a word and removes its quotes.
fn word(characters: &mut Peekable<Chars<'_>>) -> String {
    let mut word = String::new();
    let mut quote = None;
    while let Some(&character) = characters.peek() {
        if quote.is_none() && " \t\n;&|<>()".contains(character) && !word.ends_with('$') {
            break;
        }
        characters.next();
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None | Some('"'), '\\') => word.extend(characters.next()),
            _ => word.push(character),
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_called_after_the_program_that_will_run() {
        for (line, name) in [
            ("sidekiq -C x", "sidekiq"),
            ("/usr/bin/python3.11 a", "python3.11"),
            ("redis-server $OPTS", "redis-server"),
            ("A=1 B=2 ./web && x", "x"),
            ("A='1 2' ./web", "web"),
            ("'./my web' x", "my web"),
            ("$HOME/bin/web", "web"),
            ("\"$HOME\"/bin/web", "web"),
            ("$CMD", "CMD"),
            ("${CMD:-puma} x", "CMD"),
            ("(a)", "sh"),
            ("{ a; }", "sh"),
            ("if a; then b; fi", "sh"),
            ("while true; do a; sleep 60; done", "sh"),
            ("for i in 1 2; do a; done", "sh"),
            ("cd x && y", "y"),
            ("cd /srv && exec puma -p 80", "puma"),
            ("cd backend; celery -A app worker", "celery"),
            ("export A=1; umask 027; python3 pool.py", "python3"),
            ("bin/rails db:migrate && bin/rails server", "rails"),
            ("migrate || true", "migrate"),
            ("puma & wait", "puma"),
            ("trap 'kill 0' TERM; puma & wait $!", "puma"),
            ("puma | tee log", "puma"),
            ("a && puma 2>&1 | sed s/a/b/ | tee log", "puma"),
            ("puma > log 2>&1", "puma"),
            (">log puma", "puma"),
            ("2>log puma", "puma"),
            ("puma # exec x", "puma"),
            ("echo a", "sh"),
            ("exec puma", "puma"),
            ("A=1 exec puma", "puma"),
            ("env A=1 -u B puma", "puma"),
            ("env", "env"),
            ("nice -n 5 worker", "worker"),
            ("nohup nice worker &", "worker"),
            ("timeout -k 5 -s INT 30s worker", "worker"),
            ("stdbuf -oL app", "app"),
            ("gosu postgres postgres -D x", "postgres"),
            ("su-exec app:app ./server", "server"),
            ("sudo -u app env B=1 ./server", "server"),
            ("setpriv --reuid=1 --regid 1 --init-groups app", "app"),
            ("bundle exec puma -C x", "puma"),
            ("bundle exec rake jobs:work", "rake"),
            ("/usr/local/bin/bundle exec sidekiq", "sidekiq"),
            ("bundle install", "bundle"),
            ("npm run web", "web"),
            ("npm start", "npm"),
            ("npx next start", "next"),
            ("yarn run dev", "dev"),
            ("uv run --with x gunicorn app", "gunicorn"),
            ("uv run python -m celery worker", "celery"),
            ("poetry run uvicorn app:app", "uvicorn"),
            ("python -m http.server 80", "http.server"),
            ("python3.12 -u -m gunicorn app", "gunicorn"),
            ("python manage.py -m x", "python"),
            ("php artisan queue:work", "php"),
            ("java -jar app.jar", "java"),
            ("opentelemetry-instrument ddtrace-run flask run", "flask"),
            ("newrelic-admin run-program gunicorn app", "gunicorn"),
            ("busybox httpd -f", "httpd"),
            ("sh -c 'exec puma'", "sh"),
            ("test -f x && ./run.sh", "run.sh"),
        ] {
            assert_eq!(of_line(line), name, "{line}");
        }
    }

    #[test]
    fn a_program_is_the_name_also_if_the_shell_has_a_command_of_its_name() {
        assert_eq!(of_simple("true"), "true");
        assert_eq!(of_simple("cd a && exec echo b"), "echo");
    }

    #[test]
    fn a_program_after_two_dashes_is_taken_as_it_is() {
        let name = |words: &[&str]| of_words(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(name(&["/bin/a b", "c"]), "a b");
        assert_eq!(name(&["env", "A=1", "puma"]), "puma");
        assert_eq!(name(&["if"]), "if");
    }
}
