//! Splits a stream into lines. The lines do not depend on the chunks in which the stream arrives: none is lost, added
//! or reordered, none exceeds the limit, and no character is split.

#![no_main]

use std::io::BufRead;

use libfuzzer_sys::fuzz_target;
use untrap::output::lines::{LIMIT, OutputLine, Lines};

/// Expands run-length encoded input, so that the fuzzer finds lines near the limit with few bytes. A run is a unit of
/// up to three bytes and its number of repetitions: few, up to just below the limit, or many. Newlines are repeated few
/// times.
fn expanded(mut runs: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    while let [how, count, rest @ ..] = runs
        && stream.len() < 2 * LIMIT
    {
        let (unit, rest) = rest.split_at(rest.len().min(1 + usize::from(how % 3)));
        let count = usize::from(*count);
        let times = match how / 3 % 4 {
            0 | 1 => count % 16,
            _ if unit.contains(&b'\n') => count % 16,
            2 => LIMIT / unit.len().max(1) - count % 16,
            _ => count * 256,
        };
        stream.extend_from_slice(&unit.repeat(times));
        runs = rest;
    }
    stream
}

/// The expected lines and pieces, computed from the whole stream.
fn lines_of(mut stream: &[u8]) -> Vec<OutputLine<'_>> {
    let mut lines = Vec::new();
    while !stream.is_empty() {
        let whole = stream;
        let used = stream.skip_until(b'\n').expect("reading a slice cannot fail");
        let mut text = whole[..used].strip_suffix(b"\n").unwrap_or(&whole[..used]);
        while text.len() > LIMIT {
            let begins_character = |at: &usize| text[*at] & 0b1100_0000 != 0b1000_0000;
            // A character has at most four bytes. If none begins among the last four, the bytes are not UTF-8.
            let end = (LIMIT - 3..=LIMIT).rev().find(begins_character).unwrap_or(LIMIT);
            lines.push(OutputLine { text: &text[..end], is_partial: true });
            text = &text[end..];
        }
        lines.push(OutputLine { text, is_partial: false });
    }
    lines
}

/// Checks the lines of a stream that arrives in chunks of these sizes, and the rest in one chunk. A byte encodes a size
/// as 1 to 16 times a power of two.
fn check_chunks(mut stream: &[u8], sizes: &[u8], wanted: &[OutputLine]) {
    let (mut lines, mut wanted, mut sizes) = (Lines::default(), wanted.iter().copied(), sizes.iter());
    while !stream.is_empty() {
        let size = sizes.next().map_or(usize::MAX, |size| (usize::from(size % 16) + 1) << (size / 16));
        let mut chunk;
        (chunk, stream) = stream.split_at(stream.len().min(size));
        while let Some(line) = lines.next(&mut chunk) {
            assert!(Some(line) == wanted.next(), "a line of {} bytes differs", line.text.len());
        }
        assert!(chunk.is_empty(), "every byte of a chunk is consumed");
    }
    assert!(lines.rest() == wanted.next(), "the last line differs");
    assert!(
        lines.is_empty() && lines.rest().is_none() && wanted.next().is_none(),
        "a line is missing or remains"
    );
}

fuzz_target!(|input: &[u8]| {
    let [chunks, input @ ..] = input else { return };
    let (sizes, runs) = input.split_at(input.len().min(usize::from(chunks % 32)));
    let stream = expanded(runs);
    let wanted = lines_of(&stream);
    assert!(wanted.iter().all(|line| line.text.len() <= LIMIT), "a line exceeds the limit");
    let is_text = |bytes: &[u8]| str::from_utf8(bytes).is_ok();
    assert!(!is_text(&stream) || wanted.iter().all(|line| is_text(line.text)), "a character is split");
    check_chunks(&stream, &[], &wanted);
    check_chunks(&stream, sizes, &wanted);
});
