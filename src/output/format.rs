//! Formats lines with a prefix or as JSON objects. Pure.

use std::fmt::{self, Write as _};
use std::io::Write;
use std::time::SystemTime;

use anstyle::{AnsiColor, Style};
use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;

use super::OutputSettings;
use super::lines::OutputLine;

/// The name before untrap's own messages.
pub const OWN_NAME: &str = "untrap";

/// The colours of service names, used in turn; readable on black and on white.
const COLOURS: [AnsiColor; 6] =
    [AnsiColor::Cyan, AnsiColor::Yellow, AnsiColor::Green, AnsiColor::Magenta, AnsiColor::Blue, AnsiColor::BrightRed];

/// The format of lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineFormat {
    /// `web.1    | line`.
    Prefix {
        /// Whether each line begins with the time.
        timestamps: bool,
    },
    /// One JSON object for each line.
    Json,
}

/// One of the two output streams of a service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamKind {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The text before the lines of a stream, without the time.
#[derive(Debug)]
pub struct LinePrefix {
    line: Vec<u8>,
    /// The text before a piece of a line that continues in the next piece.
    piece: Vec<u8>,
}

/// The source of lines.
#[derive(Clone, Debug)]
pub struct LineSource {
    /// The service's name.
    pub name: String,
    /// The width to which names are padded, in characters.
    pub width: usize,
    /// The style of the name on a terminal.
    pub style: Style,
    /// The leader's PID.
    pub pid: i32,
    /// The stream.
    pub side: StreamKind,
}

/// A formatted time: RFC 3339 with milliseconds.
#[derive(Debug, Default)]
pub struct Timestamp(Vec<u8>);

impl Timestamp {
    /// Replaces the time by the current one.
    #[expect(clippy::disallowed_methods, reason = "the time is for people")]
    pub fn set_now(&mut self) {
        self.set(SystemTime::now());
    }

    fn set(&mut self, time: SystemTime) {
        self.0.clear();
        // Writing to a Vec cannot fail, and formatting fails only beyond the year 9999.
        let _ = write!(self.0, "{}", humantime::format_rfc3339_millis(time));
    }
}

impl LineFormat {
    /// The format for these settings. Returns `None` if services write to the inherited descriptors themselves.
    #[must_use]
    pub fn new(settings: OutputSettings) -> Option<Self> {
        match settings.format {
            super::OutputFormat::Raw => None,
            super::OutputFormat::Prefix => Some(Self::Prefix { timestamps: settings.timestamps }),
            super::OutputFormat::Json => Some(Self::Json),
        }
    }

    /// Whether lines contain the time.
    #[must_use]
    pub fn has_time(self) -> bool {
        self != Self::Prefix { timestamps: false }
    }

    /// Returns the text before the lines of this source.
    #[must_use]
    pub fn head(self, label: &LineSource) -> LinePrefix {
        let text = |separator| match self {
            Self::Prefix { .. } => {
                let LineSource { name, width, style, .. } = label;
                format!("{style}{name:width$} {separator}{style:#} ").into_bytes()
            }
            Self::Json => {
                let (name, stream) =
                    (label.name.as_str(), if label.side == StreamKind::Stdout { "stdout" } else { "stderr" });
                let name = serde_json::Value::from(name);
                format!(r#"","name":{name},"pid":{},"stream":"{stream}","message":"#, label.pid).into_bytes()
            }
        };
        LinePrefix { line: text('|'), piece: text('+') }
    }

    /// Appends a line.
    pub fn write(self, out: &mut Vec<u8>, stamp: &Timestamp, head: &LinePrefix, line: OutputLine) {
        match self {
            Self::Prefix { timestamps } => {
                // A carriage return moves the cursor to the start of the line, so the prefix is written again after it.
                // The one before the newline has no text after it.
                let text = line.text.strip_suffix(b"\r").unwrap_or(line.text);
                let mut start = 0;
                loop {
                    if timestamps {
                        out.extend_from_slice(&stamp.0);
                        out.push(b' ');
                    }
                    out.extend_from_slice(if line.is_partial { &head.piece } else { &head.line });
                    let Some(length) = memchr::memchr(b'\r', &text[start..]) else { break };
                    let next = start + length + 1;
                    out.extend_from_slice(&text[start..next]);
                    start = next;
                }
                out.extend_from_slice(&line.text[start..]);
                out.push(b'\n');
            }
            Self::Json => {
                out.extend_from_slice(br#"{"time":""#);
                out.extend_from_slice(&stamp.0);
                out.extend_from_slice(&head.line);
                write_message(out, line.text);
                out.extend_from_slice(if line.is_partial { b",\"partial\":true}\n" } else { b"}\n" });
            }
        }
    }
}

/// The style of a service's name.
#[must_use]
pub fn colour(service: usize) -> Style {
    COLOURS[service % COLOURS.len()].on_default()
}

/// Appends a JSON string. Invalid UTF-8 is replaced in it, and the original bytes follow in base64.
fn write_message(out: &mut Vec<u8>, text: &[u8]) {
    let is_text = std::str::from_utf8(text).is_ok();
    if is_text && is_plain(text) {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
        return;
    }
    serde_json::to_writer(&mut *out, &format_args!("{}", Replaced(text))).expect("writing to a Vec cannot fail");
    if !is_text {
        out.extend_from_slice(br#","base64":""#);
        // Dropping the encoder flushes it. Writing to a Vec cannot fail.
        let _ = EncoderWriter::new(&mut *out, &STANDARD).write_all(text);
        out.push(b'"');
    }
}

/// Whether a JSON string can contain this text without escapes, as most lines. Checks eight bytes at a time, which
/// makes JSON output twice as fast.
fn is_plain(text: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    /// Returns a non-zero word if any byte is less than `limit`; see "Bit Twiddling Hacks", haszero and hasless.
    const fn has_less(word: u64, limit: u64) -> u64 {
        word.wrapping_sub(ONES * limit) & !word & HIGHS
    }
    const fn has(word: u64, byte: u8) -> u64 {
        has_less(word ^ (ONES * byte as u64), 1)
    }
    let (words, rest) = text.as_chunks::<8>();
    let special = |word: &[u8; 8]| {
        let word = u64::from_ne_bytes(*word);
        has_less(word, 0x20) | has(word, b'"') | has(word, b'\\')
    };
    words.iter().fold(0, |all, word| all | special(word)) == 0
        && rest.iter().all(|byte| *byte >= 0x20 && !matches!(byte, b'"' | b'\\'))
}

/// Displays text with invalid UTF-8 replaced.
struct Replaced<'a>(&'a [u8]);

impl fmt::Display for Replaced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.utf8_chunks().try_for_each(|chunk| {
            f.write_str(chunk.valid())?;
            if chunk.invalid().is_empty() { Ok(()) } else { f.write_char(char::REPLACEMENT_CHARACTER) }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn json_holds_every_byte(text in prop::collection::vec(prop_oneof![any::<u8>(), 0x1e..0x24_u8, Just(b'\\')], 0..40)) {
            let line = written(LineFormat::Json, Style::new(), &text, false);
            let object: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(object["message"].as_str().unwrap(), String::from_utf8_lossy(&text));
            let bytes = object["base64"].as_str().map(|bytes| base64::Engine::decode(&STANDARD, bytes).unwrap());
            let is_text = std::str::from_utf8(&text).is_ok();
            prop_assert_eq!(bytes, (!is_text).then_some(text));
        }
    }

    fn written(form: LineFormat, style: Style, text: &[u8], is_partial: bool) -> String {
        let mut stamp = Timestamp::default();
        stamp.set(SystemTime::UNIX_EPOCH);
        let head =
            form.head(&LineSource { name: "web.1".to_owned(), width: 8, style, pid: 7, side: StreamKind::Stderr });
        let mut out = b"before\n".to_vec();
        form.write(&mut out, &stamp, &head, OutputLine { text, is_partial });
        String::from_utf8(out).unwrap().strip_prefix("before\n").unwrap().to_owned()
    }

    #[test]
    fn prefixes_are_padded_and_pieces_marked() {
        let form = LineFormat::Prefix { timestamps: false };
        assert_eq!(written(form, Style::new(), b"text", false), "web.1    | text\n");
        assert_eq!(written(form, Style::new(), b"text", true), "web.1    + text\n");
        assert_eq!(written(form, colour(6), b"text", false), "\x1b[36mweb.1    |\x1b[0m text\n");
    }

    #[test]
    fn a_progress_bar_keeps_its_prefix() {
        let form = LineFormat::Prefix { timestamps: false };
        assert_eq!(written(form, Style::new(), b"1%\r2%\r3%", false), "web.1    | 1%\rweb.1    | 2%\rweb.1    | 3%\n");
        assert_eq!(written(form, Style::new(), b"line of DOS\r", false), "web.1    | line of DOS\r\n");
        assert_eq!(written(form, Style::new(), b"\r\r", false), "web.1    | \rweb.1    | \r\n");
    }

    #[test]
    fn timestamps_are_rfc_3339_with_milliseconds() {
        let form = LineFormat::Prefix { timestamps: true };
        assert_eq!(written(form, Style::new(), b"text", false), "1970-01-01T00:00:00.000Z web.1    | text\n");
    }

    #[test]
    fn json_is_one_object_a_line() {
        let written = |text, is_partial| written(LineFormat::Json, Style::new(), text, is_partial);
        let start = r#"{"time":"1970-01-01T00:00:00.000Z","name":"web.1","pid":7,"stream":"stderr","message":"#;
        assert_eq!(written(b"a\"\\\0\r\x1b", false), format!("{start}{}\n", r#""a\"\\\u0000\r\u001b"}"#));
        assert_eq!(written(b"a", true), format!("{start}{}\n", r#""a","partial":true}"#));
        assert_eq!(written(b"caf\xe9", false), format!("{start}{}\n", "\"caf\u{fffd}\",\"base64\":\"Y2Fm6Q==\"}"));
    }
}
