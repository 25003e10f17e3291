//! The services' output with names before its lines (`prefix`), or as JSON.
//!
//! Each service writes into two pipes. Whole lines are taken out of them and written at once, a lone line as well as a
//! hundred thousand; nothing is timed. Of each stream the order is kept. When a reader takes no more, nobody reads the
//! pipes for it, so that the services wait: that bounds memory.

pub mod format;
pub mod lines;
pub mod sink;
mod stream;

use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::str::FromStr;

use anstream::{AutoStream, ColorChoice};
use anstyle::Style;

use crate::config::unit::UnitId;
use crate::sys::pipe::Pipe;
use crate::sys::poll::{Interest, PollSet};
use crate::sys::writer::Writer;
use format::{LineFormat, LinePrefix, LineSource, OWN_NAME, StreamKind};
use lines::OutputLine;
use sink::Sink;
use stream::Stream;

/// While so much waits to be written, untrap's own messages are dropped. They are short: services' lines don't fill it.
const MESSAGES_LIMIT: usize = 512 * 1024;

/// So much of a stream is passed on before the others, and signals, get their turn.
const BATCH: usize = 512 * 1024;

/// What `--output` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OutputFormat {
    /// Services inherit standard output and standard error.
    #[default]
    Raw,
    /// Each line begins with the service's name.
    Prefix,
    /// Each line is an object of JSON.
    Json,
}

impl FromStr for OutputFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "raw" => Ok(Self::Raw),
            "prefix" => Ok(Self::Prefix),
            "json" => Ok(Self::Json),
            _ => Err("not a format; write raw, prefix or json"),
        }
    }
}

/// What the options say of the output.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OutputSettings {
    /// `--output`.
    pub format: OutputFormat,
    /// `--timestamps`.
    pub timestamps: bool,
}

/// All output of a run, on its way.
#[derive(Debug)]
pub struct Output {
    /// Of each service and hook that writes, the first of its two streams.
    sources: Vec<Option<usize>>,
    /// Standard output and standard error, or one where they are the same.
    sinks: Vec<Sink>,
    /// Standard output, then standard error of each that writes.
    streams: Vec<Stream>,
    /// Before untrap's own messages, which go to the last sink.
    own: LinePrefix,
}

impl Output {
    /// The output of services with these names, and of these users if not of our own. `None` for what writes nothing, and
    /// instead of all where it is not untrap's business.
    ///
    /// # Errors
    /// Those of pipe2(2).
    pub fn new(settings: OutputSettings, services: Vec<Option<(String, Option<u32>)>>) -> io::Result<Option<Self>> {
        let Some(form) = LineFormat::new(settings) else { return Ok(None) };
        let (stdout, stderr) = (Writer::stdout(), Writer::stderr());
        let mut writers = vec![stdout];
        // Two writers to one pipe would mix their lines.
        if !stderr.is_same(&writers[0]) {
            writers.push(stderr);
        }
        let stderr_sink = writers.len() - 1;
        let width = services.iter().flatten().map(|(name, _)| name.len()).chain([OWN_NAME.len()]).max().unwrap_or(0);
        let label = |name, style, pid, side| LineSource { name, width, style: shown(style, side), pid, side };
        let own = label(OWN_NAME.to_owned(), Style::new().bold(), std::process::id() as i32, StreamKind::Stderr);
        let (mut sources, mut streams) = (Vec::with_capacity(services.len()), Vec::new());
        for (id, service) in services.into_iter().enumerate() {
            sources.push(service.is_some().then_some(streams.len()));
            let Some((name, user)) = service else { continue };
            for (side, sink) in [(StreamKind::Stdout, 0), (StreamKind::Stderr, stderr_sink)] {
                let label = label(name.clone(), format::colour(id), 0, side);
                streams.push(Stream::new(Pipe::new(user)?, sink, form.head(&label), label));
            }
        }
        let sinks = writers.into_iter().map(|writer| Sink::new(writer, form)).collect();
        Ok(Some(Self { sources, sinks, streams, own: form.head(&own) }))
    }

    /// Where its streams are.
    fn streams(&self, id: UnitId) -> Range<usize> {
        self.sources[id].map_or(0..0, |first| first..first + 2)
    }

    /// What the service gets as standard output and standard error, if it writes.
    #[must_use]
    pub fn ends(&self, id: UnitId) -> Option<[BorrowedFd<'_>; 2]> {
        let first = self.sources[id]?;
        Some([first, first + 1].map(|index| self.streams[index].pipe.writer()))
    }

    /// What is written from now on is this process's.
    pub fn started(&mut self, id: UnitId, pid: i32) {
        for index in self.streams(id) {
            let stream = &mut self.streams[index];
            stream.started(pid, &mut self.sinks[stream.sink]);
        }
    }

    /// Whether what belongs before a message has been passed on: what was read, and what ended services have written.
    #[must_use]
    pub fn takes_messages(&self) -> bool {
        let last = self.sinks.len() - 1;
        let is_behind = |stream: &Stream| stream.sink == last && stream.has_last_words();
        self.sinks[last].is_used_up() && !self.streams.iter().any(is_behind)
    }

    /// Takes a message of untrap's own. False when there was no room for it.
    pub fn say(&mut self, message: &str) -> bool {
        let Some(sink) = self.sinks.last_mut().filter(|sink| sink.waiting() < MESSAGES_LIMIT) else { return false };
        sink.take_line(&self.own, OutputLine { text: message.as_bytes(), is_partial: false });
        true
    }

    /// How many slots of a [`PollSet`] it needs.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.sinks.len() + self.streams.len()
    }

    /// Writes what waits, and says what is to be waited for, in the slots from this one on.
    pub fn prepare(&mut self, set: &mut PollSet, first: usize) {
        self.flush();
        for (index, sink) in self.sinks.iter().enumerate() {
            set.set(first + index, sink.interest());
        }
        let first = first + self.sinks.len();
        for (index, stream) in self.streams.iter().enumerate() {
            let has_room = self.sinks[stream.sink].has_room();
            set.set(first + index, has_room.then(|| (stream.pipe.reader(), Interest::Read)));
        }
    }

    /// Passes on what can be passed on after a wait.
    pub fn pass_on(&mut self, set: &PollSet, first: usize) {
        for index in 0..self.sinks.len() {
            if set.is_ready(first + index) {
                self.resume(index);
            }
        }
        let first = first + self.sinks.len();
        for sink in 0..self.sinks.len() {
            self.take_turns(sink, |index, _| if set.is_ready(first + index) { BATCH } else { 0 });
        }
        self.end_lines();
        self.flush();
    }

    /// Passes on what the service has written until now, as far as there is room. Messages wait for the rest.
    pub fn drain(&mut self, id: UnitId) {
        for index in self.streams(id) {
            self.streams[index].mark();
            self.read(index, self.streams[index].left);
        }
        self.flush();
    }

    /// Nobody is left in the service: what it wrote last is a line, even if no newline ends it.
    pub fn ended(&mut self, id: UnitId) {
        for index in self.streams(id) {
            self.streams[index].ended();
        }
        self.drain(id);
        self.end_lines();
    }

    /// The run is over: what is in the pipes now is all that is still passed on.
    pub fn seal(&mut self) {
        for stream in &mut self.streams {
            stream.mark();
            stream.ended();
        }
    }

    /// After [`Self::seal`]: passes on what there is room for. True if there was any.
    pub fn finish(&mut self) -> bool {
        let before = self.waiting();
        for index in 0..self.sinks.len() {
            self.resume(index);
            self.take_turns(index, |_, stream| stream.left);
        }
        self.end_lines();
        self.flush();
        self.waiting() != before
    }

    /// After [`Self::seal`]: what is to be waited for, in the slots from this one on.
    pub fn prepare_finish(&mut self, set: &mut PollSet, first: usize) {
        self.prepare(set, first);
        let first = first + self.sinks.len();
        (0..self.streams.len()).for_each(|index| set.set(first + index, None));
    }

    /// After [`Self::seal`]: whether all is written.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.sinks.iter().all(Sink::is_done) && self.streams.iter().all(Stream::is_done)
    }

    /// Gives up on what is not written.
    pub fn give_up(&mut self) {
        self.sinks.iter_mut().for_each(Sink::give_up);
        for stream in &mut self.streams {
            stream.give_up(&mut self.sinks[stream.sink]);
        }
    }

    /// How many lines could not be written since the start.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.sinks.iter().map(Sink::lost).sum()
    }

    /// What is still to be written: bytes in the sinks and in the pipes.
    fn waiting(&self) -> (usize, usize) {
        (self.sinks.iter().map(Sink::waiting).sum(), self.streams.iter().map(|stream| stream.left).sum())
    }

    fn flush(&mut self) {
        self.sinks.iter_mut().for_each(Sink::flush);
    }

    /// Passes on up to so much of each of a sink's streams, beginning after the one that was read last: a busy one, which
    /// leaves no room for others, has to wait for them.
    fn take_turns(&mut self, sink: usize, limit: impl Fn(usize, &Stream) -> usize) {
        let (streams, last) = (self.streams.len(), self.sinks[sink].source());
        for index in (1..=streams).map(|turn| (last + turn) % streams) {
            let stream = &self.streams[index];
            if stream.sink == sink {
                self.read(index, limit(index, stream));
            }
        }
    }

    /// Goes on where there was no room before.
    fn resume(&mut self, index: usize) {
        let sink = &mut self.sinks[index];
        sink.retry();
        if let Some(source) = sink.resumes() {
            self.streams[source].take_lines(sink);
        }
    }

    /// Passes on up to this much of a stream.
    fn read(&mut self, index: usize, limit: usize) {
        let stream = &mut self.streams[index];
        stream.read(index, limit, &mut self.sinks[stream.sink]);
    }

    /// Takes the last lines of streams that have ended.
    fn end_lines(&mut self) {
        for stream in &mut self.streams {
            stream.end_line(&mut self.sinks[stream.sink]);
        }
    }
}

/// This style, or none where no terminal shows it, `NO_COLOR` and `CLICOLOR_FORCE` considered.
fn shown(style: Style, side: StreamKind) -> Style {
    let choice = match side {
        StreamKind::Stdout => AutoStream::choice(&io::stdout()),
        StreamKind::Stderr => AutoStream::choice(&io::stderr()),
    };
    if choice == ColorChoice::Never { Style::new() } else { style }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_writes_nothing_costs_no_pipes_and_no_width() {
        let settings = OutputSettings { format: OutputFormat::Prefix, timestamps: false };
        let output = Output::new(settings, vec![None, Some(("web.1".to_owned(), None))]).unwrap().unwrap();
        let widths: Vec<_> = output.streams.iter().map(|stream| stream.label.width).collect();
        assert_eq!(widths, [OWN_NAME.len(); 2]);
        assert!(output.ends(UnitId::new(0)).is_none() && output.ends(UnitId::new(1)).is_some());
    }
}
