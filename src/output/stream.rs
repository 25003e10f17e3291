//! One of the two output streams of a service: its unread bytes, and the processes that wrote them.

use std::collections::VecDeque;

use super::format::{LinePrefix, LineSource};
use super::lines::Lines;
use super::sink::{INPUT, Sink};
use crate::sys::pipe::Pipe;

/// A pipe that a service writes to, and its splitter of lines.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) pipe: Pipe,
    /// The index of its sink.
    pub(super) sink: usize,
    /// The prefix for the process whose lines are read.
    head: LinePrefix,
    pub(super) label: LineSource,
    lines: Lines,
    /// Whether no process is left that could complete the last line.
    has_exited: bool,
    /// The number of unread bytes that were in the pipe when the leader exited or the run ended, without later bytes.
    pub(super) left: usize,
    /// The processes that write to the pipe after the process of `head`.
    turns: VecDeque<Turn>,
}

/// The position in a stream at which the output of a process begins. A turn at the same position replaces the previous
/// one, so that there are at most as many turns as bytes in the pipe.
#[derive(Debug)]
struct Turn {
    /// The number of unread bytes of earlier processes.
    before: usize,
    pid: i32,
}

impl Stream {
    pub(super) fn new(pipe: Pipe, sink: usize, head: LinePrefix, label: LineSource) -> Self {
        Self { pipe, sink, head, label, lines: Lines::default(), has_exited: false, left: 0, turns: VecDeque::new() }
    }

    /// Attributes the lines that are written from now on to this process.
    pub(super) fn started(&mut self, pid: i32, sink: &mut Sink) {
        let before = self.left;
        self.turns.pop_back_if(|turn| turn.before == before);
        self.turns.push_back(Turn { before, pid });
        self.has_exited = false;
        self.change_turns(sink);
    }

    /// Marks the bytes that are in the pipe now, which must be written before the next message.
    pub(super) fn mark(&mut self) {
        self.left = self.pipe.waiting();
    }

    /// The process group of the service is empty: its last line is complete even without a newline.
    pub(super) fn close(&mut self) {
        self.has_exited = true;
    }

    /// Whether output from before the exit of a process is still unwritten.
    pub(super) fn has_last_words(&self) -> bool {
        self.left > 0 || self.has_exited && !self.lines.is_empty()
    }

    /// Whether all marked bytes are written.
    pub(super) fn is_done(&self) -> bool {
        self.left == 0 && self.lines.is_empty()
    }

    /// Reads up to `limit` bytes. `place` is the index of this stream, which the sink keeps.
    pub(super) fn read(&mut self, place: usize, mut limit: usize, sink: &mut Sink) {
        self.change_turns(sink);
        while limit > 0 && sink.has_room() {
            let until_turn = self.turns.front().map_or(usize::MAX, |turn| turn.before);
            let wanted = limit.min(INPUT).min(until_turn);
            let size = sink.read(place, &self.pipe, wanted);
            self.take_lines(sink);
            self.left = self.left.saturating_sub(size);
            self.turns.iter_mut().for_each(|turn| turn.before -= size);
            if size < wanted {
                return;
            }
            limit -= size;
            self.change_turns(sink);
        }
    }

    /// Continues with the bytes that its sink has read.
    pub(super) fn take_lines(&mut self, sink: &mut Sink) {
        sink.take_lines(&mut self.lines, &self.head);
    }

    /// Changes to the next process once all bytes of the previous one are read, and writes its last line.
    fn change_turns(&mut self, sink: &mut Sink) {
        while sink.has_room()
            && let Some(turn) = self.turns.pop_front_if(|turn| turn.before == 0)
        {
            self.take_rest(sink);
            self.label.pid = turn.pid;
            self.head = sink.head(&self.label);
        }
    }

    /// Writes the last line if the stream has ended.
    pub(super) fn end_line(&mut self, sink: &mut Sink) {
        self.change_turns(sink);
        if self.has_exited && self.left == 0 && sink.has_room() {
            self.take_rest(sink);
            self.has_exited = false;
        }
    }

    /// Writes a line that has no newline.
    fn take_rest(&mut self, sink: &mut Sink) {
        if let Some(line) = self.lines.rest() {
            sink.take_line(&self.head, line);
        }
    }

    /// Discards unwritten bytes and counts their lines as lost.
    pub(super) fn give_up(&mut self, sink: &mut Sink) {
        sink.lose(&self.pipe, std::mem::take(&mut self.left));
        if self.lines.rest().is_some() {
            sink.lose_line();
        }
    }
}
