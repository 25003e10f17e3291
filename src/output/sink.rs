//! Where lines go to: what was read, what is to be written, and no more of either than there is room for.

use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::time::SystemTime;

use super::format::{LineFormat, LinePrefix, LineSource, Timestamp};
use super::lines::{Lines, OutputLine};
use crate::sys::pipe::Pipe;
use crate::sys::poll::Interest;
use crate::sys::writer::Writer;

/// Read at once: what a pipe holds by default, and what stays in the cache of a core.
pub const INPUT: usize = 64 * 1024;

/// Written at once: room for what is read at once, with the prefixes of lines that are not very short.
const OUTPUT: usize = 2 * INPUT;

/// Standard output, standard error, or both where they are the same.
#[derive(Debug)]
pub struct Sink {
    writer: Writer,
    form: LineFormat,
    stamp: Timestamp,
    input: Box<[u8]>,
    /// What of `input` is not in `output` yet: that had no room.
    unread: Range<usize>,
    /// The stream that was read last, and that `unread` is of.
    source: usize,
    /// Whole lines. Copying them into one piece costs less than the kernel's work for two more vectors a line (measured:
    /// 0.52 s of CPU for a GB of lines of 100 bytes, against 0.64 s).
    output: Vec<u8>,
    /// How much of `output` is written.
    written: usize,
    /// The last write could not take everything.
    is_full: bool,
    /// Nobody reads any more: what comes is thrown away, and those who write it go on.
    is_closed: bool,
    /// Lines that could not be written.
    lost: u64,
}

impl Sink {
    /// A sink that lines of this form are written to.
    #[must_use]
    pub fn new(writer: Writer, form: LineFormat) -> Self {
        Self {
            writer,
            form,
            stamp: Timestamp::default(),
            input: vec![0; INPUT].into(),
            unread: 0..0,
            source: 0,
            // The last line before the room is used up may be as long as a line can be.
            output: Vec::with_capacity(OUTPUT + INPUT),
            written: 0,
            is_full: false,
            is_closed: false,
            lost: 0,
        }
    }

    /// What stands here before the lines of this label.
    #[must_use]
    pub fn head(&self, label: &LineSource) -> LinePrefix {
        self.form.head(label)
    }

    /// What to wait for, if it holds something that it could not write.
    #[must_use]
    pub fn interest(&self) -> Option<(BorrowedFd<'_>, Interest)> {
        self.is_full.then(|| (self.writer.descriptor(), Interest::Write))
    }

    /// Whether it takes more. Until it does, nobody reads for it, so that the writers wait.
    #[must_use]
    pub fn has_room(&self) -> bool {
        !self.is_full && self.unread.is_empty()
    }

    /// Whether all that was read has become lines.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.unread.is_empty()
    }

    /// Whether all that it was given is written.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.output.is_empty() && self.unread.is_empty()
    }

    /// The stream that was read last.
    #[must_use]
    pub fn source(&self) -> usize {
        self.source
    }

    /// The stream that it has bytes of for which there was no room before, if there is now.
    #[must_use]
    pub fn resumes(&self) -> Option<usize> {
        (!self.is_full && !self.unread.is_empty()).then_some(self.source)
    }

    /// Reads up to this much from a stream's pipe, and gives how much it was. Only for a sink that [has
    /// room](Self::has_room).
    pub fn read(&mut self, source: usize, pipe: &Pipe, limit: usize) -> usize {
        let size = pipe.read(&mut self.input[..limit.min(INPUT)]);
        (self.unread, self.source) = (0..size, source);
        if size > 0 && self.form.has_time() {
            self.stamp.set(SystemTime::now());
        }
        size
    }

    /// Takes the lines out of what was read, as far as there is room for them.
    pub fn take_lines(&mut self, lines: &mut Lines, head: &LinePrefix) {
        while !self.is_full && !self.unread.is_empty() {
            let mut input = &self.input[self.unread.clone()];
            while self.output.len() < OUTPUT
                && let Some(line) = lines.next(&mut input)
            {
                self.form.write(&mut self.output, &self.stamp, head, line);
            }
            self.unread.start = self.unread.end - input.len();
            if self.output.len() >= OUTPUT {
                self.flush();
            }
        }
    }

    /// Takes one line of now, whatever waits already.
    pub fn take_line(&mut self, head: &LinePrefix, line: OutputLine) {
        if self.form.has_time() {
            self.stamp.set(SystemTime::now());
        }
        self.form.write(&mut self.output, &self.stamp, head, line);
    }

    /// How many bytes wait to be written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.output.len() - self.written
    }

    /// There may be room again.
    pub fn retry(&mut self) {
        self.is_full = false;
        self.flush();
    }

    /// Writes as much as can be written without waiting.
    pub fn flush(&mut self) {
        while !self.is_full && !self.is_closed && self.written < self.output.len() {
            match self.writer.write(&self.output[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => self.is_full = true,
                    // There may be room again for what comes later.
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                        self.lose_output();
                    }
                    _ => self.is_closed = true,
                },
            }
        }
        if !self.is_full {
            self.output.clear();
            self.written = 0;
        }
    }

    /// Counts the lines that are not written yet, and leaves only what ends the line that half is.
    fn lose_output(&mut self) {
        self.lost += newlines(&self.output[self.written..]);
        let is_cut = self.written > 0 && self.output[self.written - 1] != b'\n';
        self.output.clear();
        self.written = 0;
        if is_cut {
            self.output.push(b'\n');
        }
    }

    /// Gives up on what is not written yet.
    pub fn give_up(&mut self) {
        self.lose_output();
        self.lost += newlines(&self.input[std::mem::take(&mut self.unread)]);
        self.retry();
    }

    /// How many lines could not be written. Those that nobody would have read don't count.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Counts a line that was never written.
    pub fn lose_line(&mut self) {
        self.lost += 1;
    }

    /// Counts the lines in what a pipe holds, and throws them away.
    pub fn lose(&mut self, pipe: &Pipe, mut amount: usize) {
        while amount > 0 && !self.is_closed {
            let size = pipe.read(&mut self.input[..amount.min(INPUT)]);
            if size == 0 {
                return;
            }
            self.lost += newlines(&self.input[..size]);
            amount -= size;
        }
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
