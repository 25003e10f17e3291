//! The form of a message: text or JSON.

use std::io::Write as _;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use crate::signal::Signal;

/// The longest line, with its newline: a pipe takes as much as a whole or not at all, see pipe(7).
pub const LONGEST: usize = libc::PIPE_BUF;

/// The version of the JSON schema, see docs/messages.md. A new key or event does not change it.
const SCHEMA_VERSION: u32 = 1;

/// The amount of messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verbosity {
    /// Failures.
    Quiet,
    /// Also starts, signals and exits.
    Normal,
    /// Also details.
    Verbose,
}

/// The form of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// `untrap: web.1 started (pid 7)`
    #[default]
    Text,
    /// A JSON object.
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("not a form of messages; write text or json"),
        }
    }
}

/// Which messages are written, and in which form.
#[derive(Clone, Copy, Debug)]
pub struct LogSettings {
    /// `-q`, `-v`.
    pub verbosity: Verbosity,
    /// `--log-format`.
    pub format: LogFormat,
}

/// A message, and its values for programs.
#[derive(Clone, Copy, Debug)]
pub struct LogLine<'a> {
    /// The lowest verbosity at which it is written.
    pub level: Verbosity,
    /// The name of the event, which never changes.
    pub event: &'static str,
    /// Its service.
    pub name: Option<&'a str>,
    /// Its process.
    pub pid: Option<i32>,
    /// More values, for JSON.
    pub details: Details,
    /// The text, for people.
    pub text: &'a str,
}

/// The values of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Details {
    /// An exit status.
    pub status: Option<u8>,
    /// A signal: the one that was received, or that killed a service.
    pub signal: Option<Signal>,
    /// A time, as the text has it.
    pub duration: Option<Duration>,
    /// A number of restarts.
    pub restarts: Option<u32>,
    /// The consequence, in a word that never changes.
    pub effect: Option<&'static str>,
}

impl<'a> LogLine<'a> {
    /// The message of an error before the first start.
    #[must_use]
    pub fn failure(text: &'a str) -> Self {
        Self { level: Verbosity::Quiet, event: "failure", name: None, pid: None, details: Details::default(), text }
    }
}

impl LogFormat {
    /// Replaces `out` by the line and its newline. A text that would make the line too long is cut.
    #[expect(clippy::disallowed_methods, reason = "the time is for people")]
    pub fn finish(self, line: &LogLine, out: &mut Vec<u8>) {
        let mut line = *line;
        loop {
            out.clear();
            match self {
                Self::Text => finish_text(&line, out),
                Self::Json => finish_json(&line, SystemTime::now(), out),
            }
            out.push(b'\n');
            if out.len() <= LONGEST || line.text.is_empty() {
                return;
            }
            let excess = out.len() - LONGEST;
            line.text = &line.text[..line.text.floor_char_boundary(line.text.len().saturating_sub(excess))];
        }
    }
}

/// A name can contain any character (a leftover process chooses its own), and must not look like another line.
fn finish_text(line: &LogLine, out: &mut Vec<u8>) {
    out.extend_from_slice(b"untrap: ");
    for character in line.text.chars() {
        let character = if character.is_control() { '?' } else { character };
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

fn finish_json(line: &LogLine, now: SystemTime, out: &mut Vec<u8>) {
    let level = match line.level {
        Verbosity::Quiet => "error",
        Verbosity::Normal => "info",
        Verbosity::Verbose => "debug",
    };
    // Writing to a Vec cannot fail.
    let time = humantime::format_rfc3339_millis(now);
    let _ = write!(out, r#"{{"version":{SCHEMA_VERSION},"time":"{time}","level":"{level}","event":"{}""#, line.event);
    if let Some(name) = line.name {
        out.extend_from_slice(br#","name":"#);
        let _ = serde_json::to_writer(&mut *out, name);
    }
    if let Some(pid) = line.pid {
        let _ = write!(out, r#","pid":{pid}"#);
    }
    let Details { status, signal, duration, restarts, effect } = line.details;
    if let Some(status) = status {
        let _ = write!(out, r#","status":{status}"#);
    }
    if let Some(signal) = signal {
        let _ = write!(out, r#","signal":"{signal}""#);
    }
    if let Some(duration) = duration {
        let _ = write!(out, r#","duration_ms":{}"#, duration.as_millis());
    }
    if let Some(restarts) = restarts {
        let _ = write!(out, r#","restarts":{restarts}"#);
    }
    if let Some(effect) = effect {
        let _ = write!(out, r#","effect":"{effect}""#);
    }
    out.extend_from_slice(br#","message":"#);
    let _ = serde_json::to_writer(&mut *out, line.text);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finish(format: LogFormat, text: &str) -> String {
        let line = LogLine {
            level: Verbosity::Normal,
            event: "started",
            name: Some("web.1"),
            pid: Some(7),
            details: Details::default(),
            text,
        };
        let mut out = b"the previous line".to_vec();
        format.finish(&line, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_message_is_one_line_for_any_text() {
        assert_eq!(finish(LogFormat::Text, "a\nuntrap: b\x1b[1m\u{85}é"), "untrap: a?untrap: b?[1m?é\n");
        let line = finish(LogFormat::Json, "a\n\"b\"\\ é\x1b");
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(object["message"], "a\n\"b\"\\ é\x1b");
        assert_eq!((&object["name"], &object["pid"], &object["level"]), (&"web.1".into(), &7.into(), &"info".into()));
    }

    #[test]
    fn json_has_the_values_of_the_event() {
        let details = Details {
            status: Some(3),
            signal: Some(Signal::TERM),
            duration: Some(Duration::from_millis(1500)),
            restarts: Some(2),
            effect: Some("restart"),
        };
        let line = LogLine { details, ..LogLine::failure("text") };
        let mut out = Vec::new();
        LogFormat::Json.finish(&line, &mut out);
        let object: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let values = ["status", "signal", "duration_ms", "restarts", "effect"].map(|key| object[key].to_string());
        assert_eq!(values, ["3", "\"SIGTERM\"", "1500", "2", "\"restart\""]);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_stays_valid() {
        for text in ["x".repeat(9000), "é".repeat(3000), "\x01".repeat(4000)] {
            for format in [LogFormat::Text, LogFormat::Json] {
                let line = finish(format, &text);
                assert!(line.len() <= LONGEST && line.ends_with('\n'), "{}", line.len());
                let whole = serde_json::from_str::<serde_json::Value>(&line).is_ok();
                assert!(whole || format == LogFormat::Text, "{line}");
            }
        }
    }
}
