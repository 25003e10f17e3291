//! The form of a message: the one place where a finished line is made.

use std::io::Write as _;
use std::str::FromStr;
use std::time::SystemTime;

/// The longest line, with its newline: what a pipe takes as a whole or not at all, see pipe(7).
pub const LONGEST: usize = libc::PIPE_BUF;

/// The version of the JSON schema, see docs/messages.md. A new key or event does not change it.
const SCHEMA_VERSION: u32 = 1;

/// How much untrap says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verbosity {
    /// What went wrong.
    Quiet,
    /// Starts, signals and ends as well.
    Normal,
    /// Details as well.
    Verbose,
}

/// How messages are written.
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

/// What is said, and in which form.
#[derive(Clone, Copy, Debug)]
pub struct LogSettings {
    /// `-q`, `-v`.
    pub verbosity: Verbosity,
    /// `--log-format`.
    pub format: LogFormat,
}

/// A message, and what programs want to know of it.
#[derive(Clone, Copy, Debug)]
pub struct LogLine<'a> {
    /// The lowest verbosity at which it is said.
    pub level: Verbosity,
    /// What happened, in one word that never changes.
    pub event: &'static str,
    /// The service that it is about.
    pub name: Option<&'a str>,
    /// The process that it is about.
    pub pid: Option<i32>,
    /// What people read.
    pub text: &'a str,
}

impl<'a> LogLine<'a> {
    /// Says why untrap runs nothing.
    #[must_use]
    pub fn failure(text: &'a str) -> Self {
        Self { level: Verbosity::Quiet, event: "failure", name: None, pid: None, text }
    }
}

impl LogFormat {
    /// Makes `out` the whole line with its newline. Where it would be too long, its text is cut.
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

/// A name in it can hold anything (that of a leftover is its own choice), and shall not look like another line.
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
    out.extend_from_slice(br#","message":"#);
    let _ = serde_json::to_writer(&mut *out, line.text);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finish(format: LogFormat, text: &str) -> String {
        let line = LogLine { level: Verbosity::Normal, event: "started", name: Some("web.1"), pid: Some(7), text };
        let mut out = b"what was there before".to_vec();
        format.finish(&line, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_message_is_one_line_whatever_it_holds() {
        assert_eq!(finish(LogFormat::Text, "a\nuntrap: b\x1b[1m\u{85}é"), "untrap: a?untrap: b?[1m?é\n");
        let line = finish(LogFormat::Json, "a\n\"b\"\\ é\x1b");
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(object["message"], "a\n\"b\"\\ é\x1b");
        assert_eq!((&object["name"], &object["pid"], &object["level"]), (&"web.1".into(), &7.into(), &"info".into()));
    }

    #[test]
    fn a_line_that_is_too_long_is_still_whole() {
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
