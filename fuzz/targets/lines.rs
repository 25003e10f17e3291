//! A stream becomes the same lines however it is cut up on its way: none is lost, added or moved, none is longer than the limit,
//! and no character is cut.

#![no_main]

use std::io::BufRead;

use libfuzzer_sys::fuzz_target;
use untrap::output::lines::{LIMIT, OutputLine, Lines};

/// Few bytes stand for many, so that lines as long as the limit are easy to come by: a unit of up to three bytes and how often it
/// is repeated, which is some times, until just before the limit, or many times. Newlines are never many.
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

/// The lines and pieces of a stream, worked out from the whole of it.
fn lines_of(mut stream: &[u8]) -> Vec<OutputLine<'_>> {
    let mut lines = Vec::new();
    while !stream.is_empty() {
        let whole = stream;
        let used = stream.skip_until(b'\n').expect("reading a slice can't fail");
        let mut text = whole[..used].strip_suffix(b"\n").unwrap_or(&whole[..used]);
        while text.len() > LIMIT {
            let begins_character = |at: &usize| text[*at] & 0b1100_0000 != 0b1000_0000;
            // A character has four bytes at most: where none begins among them, there are none.
            let end = (LIMIT - 3..=LIMIT).rev().find(begins_character).unwrap_or(LIMIT);
            lines.push(OutputLine { text: &text[..end], goes_on: true });
            text = &text[end..];
        }
        lines.push(OutputLine { text, goes_on: false });
    }
    lines
}

/// The stream arrives in chunks of these sizes, and what is left then at once. A size is a byte: 1 to 16, times a power of two.
fn arrives(mut stream: &[u8], sizes: &[u8], wanted: &[OutputLine]) {
    let (mut lines, mut wanted, mut sizes) = (Lines::default(), wanted.iter().copied(), sizes.iter());
    while !stream.is_empty() {
        let size = sizes.next().map_or(usize::MAX, |size| (usize::from(size % 16) + 1) << (size / 16));
        let mut chunk;
        (chunk, stream) = stream.split_at(stream.len().min(size));
        while let Some(line) = lines.next(&mut chunk) {
            assert!(Some(line) == wanted.next(), "one of {} bytes", line.text.len());
        }
        assert!(chunk.is_empty(), "all that was read is used or kept");
    }
    assert!(lines.rest() == wanted.next(), "the last line");
    assert!(
        lines.is_empty() && lines.rest().is_none() && wanted.next().is_none(),
        "nothing is missing, nothing is left"
    );
}

fuzz_target!(|input: &[u8]| {
    let [chunks, input @ ..] = input else { return };
    let (sizes, runs) = input.split_at(input.len().min(usize::from(chunks % 32)));
    let stream = expanded(runs);
    let wanted = lines_of(&stream);
    assert!(wanted.iter().all(|line| line.text.len() <= LIMIT), "memory is bounded");
    let is_text = |bytes: &[u8]| str::from_utf8(bytes).is_ok();
    assert!(!is_text(&stream) || wanted.iter().all(|line| is_text(line.text)), "no character is cut");
    arrives(&stream, &[], &wanted);
    arrives(&stream, sizes, &wanted);
});
