//! Values of options that are nearly right: the value that works.

use super::spelling::nearest;
use crate::signal::Signal;

/// Words of other tools, and untrap's.
const WORDS: &[(&str, &str)] = &[
    ("always", "restart"),
    ("unless-stopped", "restart"),
    ("on-failure", "restart-on-failure"),
    ("never", "stop"),
    ("no", "stop"),
    ("-1", "inf"),
    ("never", "inf"),
    ("none", "inf"),
    ("infinity", "inf"),
    ("infinite", "inf"),
    ("unlimited", "inf"),
    ("forever", "inf"),
    ("text", "raw"),
    ("plain", "raw"),
    ("off", "none"),
    ("drop", "none"),
    ("ignore", "none"),
    ("all", "group"),
];

/// Returns the first value near `text` that is valid. `words` are those that the option knows.
pub(super) fn correction(text: &str, words: &[String], is_valid: impl Fn(&str) -> bool) -> Option<String> {
    candidates(text, words).into_iter().find(|candidate| candidate != text && is_valid(candidate))
}

/// The names of all signals, with and without SIG.
pub(super) fn signal_names() -> Vec<String> {
    let names: Vec<String> = (1..=31).filter_map(Signal::new).map(|signal| signal.to_string()).collect();
    let short: Vec<String> = names.iter().map(|name| name.replacen("SIG", "", 1)).collect();
    [names, short].concat()
}

fn candidates(text: &str, words: &[String]) -> Vec<String> {
    let (scope, value) = text.rfind('=').map_or(("", text), |end| text.split_at(end + 1));
    let mut candidates = vec![text.replacen(':', "=", 1), text.replace(':', "=")];
    let word = value.split(':').next().unwrap_or_default();
    let replaced = WORDS.iter().filter(|(other, _)| [word, value].contains(other)).map(|(_, own)| (*own).to_owned());
    let values = replaced.chain(value.strip_prefix('+').map(str::to_owned)).chain([value.to_lowercase()]);
    candidates.extend(values.chain(targets(value)).map(|value| format!("{scope}{value}")));
    let parts: Vec<&str> = text.split('=').collect();
    for (index, part) in parts.iter().enumerate() {
        if let Some(word) = nearest(part, words.iter().map(String::as_str)) {
            candidates.push([&parts[..index], &[word], &parts[index + 1..]].concat().join("="));
        }
    }
    candidates
}

/// Targets of readiness checks without a scheme, or with that of an application.
fn targets(value: &str) -> Vec<String> {
    if value.starts_with('/') {
        let scheme = if value.contains(".sock") { "unix" } else { "file" };
        return vec![format!("{scheme}://{value}")];
    }
    let address = value.split_once("://").map_or(value, |(_, address)| address);
    let address = address.split('/').next().unwrap_or_default();
    match address.strip_prefix(':').unwrap_or(address) {
        port if !port.is_empty() && port.chars().all(|digit| digit.is_ascii_digit()) => {
            vec![format!("tcp://localhost:{port}")]
        }
        // A password before '@' is not repeated.
        _ if address.contains('@') => Vec::new(),
        _ => vec![format!("tcp://{address}")],
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;
    use crate::config::policy::{OnExit, Timeout};
    use crate::config::scoped::Scoped;
    use crate::config::target::Target;
    use crate::exit_status::ExitMapping;
    use crate::signal::Rewrite;

    #[track_caller]
    fn corrected<T: FromStr>(rows: &[(&str, &str)], words: &[String]) {
        for (text, expected) in rows {
            let found = correction(text, words, |candidate| Scoped::<T>::default().read(candidate).is_ok());
            assert_eq!(found.unwrap_or_default(), *expected, "{text}");
        }
    }

    #[test]
    fn docker_words_colons_and_misspelt_words_are_corrected() {
        let words = ["stop", "ignore", "restart", "restart-on-failure"].map(str::to_owned);
        corrected::<OnExit>(
            &[
                ("always", "restart"),
                ("web=unless-stopped", "web=restart"),
                ("on-failure:3", "restart-on-failure"),
                ("no", "stop"),
                ("web:ignore", "web=ignore"),
                ("restrat", "restart"),
                ("Restart", "restart"),
                ("explode", ""),
            ],
            &words,
        );
        corrected::<Signal>(
            &[("SIGQIUT", "SIGQUIT"), ("web=TREM", "web=TERM"), ("web:QUIT", "web=QUIT"), ("BOO", "")],
            &signal_names(),
        );
        corrected::<Timeout>(
            &[("-1", "inf"), ("web=never", "web=inf"), ("5S", "5s"), ("web:5s", "web=5s"), ("x", "")],
            &[],
        );
    }

    #[test]
    fn a_target_gets_its_scheme() {
        corrected::<Target>(
            &[
                ("localhost:80", "tcp://localhost:80"),
                ("web=db:5432", "web=tcp://db:5432"),
                (":80", "tcp://localhost:80"),
                ("80", "tcp://localhost:80"),
                ("redis://cache:6379/0", "tcp://cache:6379"),
                ("redis://x:secret@cache:6379/0", ""),
                ("/run/x.sock", "unix:///run/x.sock"),
                ("/tmp/ready", "file:///tmp/ready"),
                ("db", ""),
            ],
            &[],
        );
    }

    #[test]
    fn pairs_are_corrected() {
        let is_pair = |text: &str| text.parse::<ExitMapping>().is_ok();
        assert_eq!(correction("143:0", &[], is_pair).unwrap(), "143=0");
        let is_rewrite = |text: &str| text.parse::<Rewrite>().is_ok();
        let rows =
            [("15:3", "15=3"), ("TERM:QUIT", "TERM=QUIT"), ("TREM=QUIT", "TERM=QUIT"), ("HUP=ignore", "HUP=none")];
        for (text, expected) in rows {
            assert_eq!(correction(text, &signal_names(), is_rewrite).unwrap(), expected);
        }
    }
}
