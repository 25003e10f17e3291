//! One of the two streams of a service: what is still to be read of it, and which process's lines those are.

use std::collections::VecDeque;

use super::format::{LinePrefix, LineSource};
use super::lines::Lines;
use super::sink::{INPUT, Sink};
use crate::sys::pipe::Pipe;

/// A pipe that a service writes into, and the lines that come out of it.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) pipe: Pipe,
    /// Where its lines go, by the place among the sinks.
    pub(super) sink: usize,
    /// Of the process whose lines are read.
    head: LinePrefix,
    pub(super) label: LineSource,
    lines: Lines,
    /// Nobody is left who would end its last line.
    has_ended: bool,
    /// How much it held when its leader ended, or the run, and is still to be read. What others write later doesn't count.
    pub(super) left: usize,
    /// Processes that write into it after the one that its head names.
    turns: VecDeque<Turn>,
}

/// Where in a stream what a process wrote begins. One that nothing was written before takes the place of the one before
/// it, so that there are no more of them than bytes in the pipe.
#[derive(Debug)]
struct Turn {
    /// How much of what others wrote is still to be read.
    before: usize,
    pid: i32,
}

impl Stream {
    pub(super) fn new(pipe: Pipe, sink: usize, head: LinePrefix, label: LineSource) -> Self {
        Self { pipe, sink, head, label, lines: Lines::default(), has_ended: false, left: 0, turns: VecDeque::new() }
    }

    /// What is written from now on is this process's.
    pub(super) fn started(&mut self, pid: i32, sink: &mut Sink) {
        let before = self.left;
        self.turns.pop_back_if(|turn| turn.before == before);
        self.turns.push_back(Turn { before, pid });
        self.has_ended = false;
        self.change_turns(sink);
    }

    /// What it holds now is to be read before a message.
    pub(super) fn mark(&mut self) {
        self.left = self.pipe.waiting();
    }

    /// Nobody is left in the service: what was written last is a line, even if no newline ends it.
    pub(super) fn ended(&mut self) {
        self.has_ended = true;
    }

    /// Whether what was written before the end of a process is still to be passed on.
    pub(super) fn has_last_words(&self) -> bool {
        self.left > 0 || self.has_ended && !self.lines.is_empty()
    }

    /// Whether all that it held is passed on.
    pub(super) fn is_done(&self) -> bool {
        self.left == 0 && self.lines.is_empty()
    }

    /// Passes on up to this much. The sink remembers by this place which stream it was.
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

    /// Takes the lines out of what its sink has read of it.
    pub(super) fn take_lines(&mut self, sink: &mut Sink) {
        sink.take_lines(&mut self.lines, &self.head);
    }

    /// Where all that a process wrote has been read, its last line is taken, and the next process's lines begin.
    fn change_turns(&mut self, sink: &mut Sink) {
        while sink.has_room()
            && let Some(turn) = self.turns.pop_front_if(|turn| turn.before == 0)
        {
            self.take_rest(sink);
            self.label.pid = turn.pid;
            self.head = sink.head(&self.label);
        }
    }

    /// Takes the last line, if the stream has ended.
    pub(super) fn end_line(&mut self, sink: &mut Sink) {
        self.change_turns(sink);
        if self.has_ended && self.left == 0 && sink.has_room() {
            self.take_rest(sink);
            self.has_ended = false;
        }
    }

    /// Takes a line without its newline.
    fn take_rest(&mut self, sink: &mut Sink) {
        if let Some(line) = self.lines.rest() {
            sink.take_line(&self.head, line);
        }
    }

    /// Gives up on what is not passed on.
    pub(super) fn give_up(&mut self, sink: &mut Sink) {
        sink.lose(&self.pipe, std::mem::take(&mut self.left));
        if self.lines.rest().is_some() {
            sink.lose_line();
        }
    }
}
