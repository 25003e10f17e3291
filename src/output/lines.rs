//! Splits a stream of bytes into lines. Pure: the lines do not depend on the chunks in which the bytes arrive.

use memchr::memchr;

/// The maximum length of a line. Longer lines are split into pieces, so that memory stays bounded.
pub const LIMIT: usize = 64 * 1024;

/// The line splitter of a stream. Keeps the start of a line until its end arrives.
#[derive(Debug, Default)]
pub struct Lines {
    partial: Vec<u8>,
    /// The number of bytes at the start of `partial` that have been returned already.
    given: usize,
}

/// A line or a piece of one, without its newline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutputLine<'a> {
    /// Its bytes, unchanged.
    pub text: &'a [u8],
    /// Whether this is a piece of a line that continues in the next piece.
    pub is_partial: bool,
}

impl Lines {
    /// Returns the next line and removes its bytes from `input`. Returns `None` if the input contains no further line
    /// end; then the start of a line, if any, is kept.
    pub fn next<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Option<OutputLine<'a>> {
        self.forget_given();
        let room = LIMIT - self.partial.len();
        let window = &input[..input.len().min(room + 1)];
        let (used, newline) = match memchr(b'\n', window) {
            Some(at) => (at, true),
            // Return a piece only if another byte than the newline follows it, so that a line of the limit stays whole.
            None if input.len() > room => (room, false),
            None => {
                self.partial.extend_from_slice(input);
                *input = &[];
                return None;
            }
        };
        let (text, rest) = input.split_at(used);
        *input = &rest[usize::from(newline)..];
        if self.partial.is_empty() && newline {
            return Some(OutputLine { text, is_partial: false });
        }
        self.partial.extend_from_slice(text);
        self.given = if newline { self.partial.len() } else { piece(&self.partial, rest[0]) };
        Some(OutputLine { text: &self.partial[..self.given], is_partial: !newline })
    }

    /// Returns the last line of the stream if it has no newline.
    pub fn rest(&mut self) -> Option<OutputLine<'_>> {
        self.forget_given();
        self.given = self.partial.len();
        (self.given > 0).then_some(OutputLine { text: &self.partial, is_partial: false })
    }

    /// Whether no start of a line is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.partial.len() == self.given
    }

    fn forget_given(&mut self) {
        if self.given > 0 {
            self.partial.drain(..self.given);
            self.given = 0;
        }
    }
}

/// Returns the length of a piece of a too long line: all of the text, or less so that no UTF-8 character is split.
fn piece(text: &[u8], next: u8) -> usize {
    let continues = |byte: u8| byte & 0b1100_0000 == 0b1000_0000;
    if !continues(next) {
        return text.len();
    }
    let tail = text.iter().rev().take(3).position(|byte| !continues(*byte));
    tail.map_or(text.len(), |back| text.len() - back - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All lines of an input that arrives in these chunks.
    fn lines<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<(Vec<u8>, bool)> {
        let (mut lines, mut all) = (Lines::default(), Vec::new());
        for mut chunk in chunks {
            while let Some(line) = lines.next(&mut chunk) {
                all.push((line.text.to_vec(), line.is_partial));
            }
            assert!(lines.partial.len() <= LIMIT, "a kept line exceeds the limit");
        }
        all.extend(lines.rest().map(|line| (line.text.to_vec(), line.is_partial)));
        assert!(lines.is_empty() && lines.rest().is_none(), "the last line is returned twice");
        all
    }

    fn whole(text: &[u8]) -> (Vec<u8>, bool) {
        (text.to_vec(), false)
    }

    #[test]
    fn only_newlines_end_lines() {
        assert_eq!(lines([&b"a\n\nb\r\nc\rd\0\xff\n"[..]]), [&b"a"[..], b"", b"b\r", b"c\rd\0\xff"].map(whole));
    }

    #[test]
    fn the_last_line_needs_no_newline() {
        assert_eq!(lines([&b"a\nb"[..]]), [&b"a"[..], b"b"].map(whole));
        assert_eq!(lines([&b""[..]]), []);
    }

    #[test]
    fn a_line_of_the_limit_is_whole_and_a_longer_one_is_not() {
        let text = vec![b'x'; LIMIT + 1];
        let with_newline = |length| [&text[..length], b"\n"].concat();
        assert_eq!(lines([&with_newline(LIMIT)[..]]), [whole(&text[..LIMIT])]);
        assert_eq!(lines([&with_newline(LIMIT + 1)[..]]), [(text[..LIMIT].to_vec(), true), whole(b"x")]);
        assert_eq!(lines([&text[..LIMIT]]), [whole(&text[..LIMIT])]);
    }

    #[test]
    fn a_piece_does_not_split_a_character() {
        let text = [&vec![b'x'; LIMIT - 2][..], "€".as_bytes(), b"y\n"].concat();
        assert_eq!(lines([&text[..]]), [(text[..LIMIT - 2].to_vec(), true), whole("€y".as_bytes())]);
        let text = [&vec![0x80; LIMIT + 5][..], b"\n"].concat();
        assert_eq!(lines([&text[..]])[0].0.len(), LIMIT, "bytes that are not UTF-8 are split at the limit");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Generates short and long lines, with many newlines near the limit.
        #[test]
        fn any_chunks_give_the_same_lines(
            lengths in prop::collection::vec(prop_oneof![0..4_usize, LIMIT - 4..LIMIT + 4, 0..3 * LIMIT], 0..5),
            fill in prop::collection::vec(any::<u8>().prop_map(|byte| if byte == b'\n' { b'.' } else { byte }), 1..9),
            ended in any::<bool>(),
            cuts in prop::collection::vec(1..2 * LIMIT, 0..40),
        ) {
            let mut text = Vec::new();
            for length in lengths {
                text.extend(fill.iter().cycle().take(length));
                text.push(b'\n');
            }
            if !ended {
                text.pop();
            }
            let mut chunks = Vec::new();
            let mut rest = &text[..];
            for cut in cuts.iter().chain([&1, &1, &usize::MAX]) {
                let (chunk, tail) = rest.split_at(rest.len().min(*cut));
                chunks.push(chunk);
                rest = tail;
            }
            let expected = lines([&text[..]]);
            prop_assert!(lines(chunks) == expected);
            let joined = expected.iter().flat_map(|(text, is_partial)| [&text[..], if *is_partial { b"" } else { b"\n" }].concat());
            let newline = if text.last().is_some_and(|byte| *byte != b'\n') { &b"\n"[..] } else { b"" };
            prop_assert!(joined.eq(text.iter().chain(newline).copied()), "bytes are lost, added or reordered");
        }
    }
}
