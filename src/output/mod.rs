//! The output of services, with a name before each line (`prefix`) or as JSON.
//!
//! Each service writes into two pipes. untrap reads whole lines from them and writes them immediately, without timers.
//! The order within a stream is kept. If a write would block, untrap stops reading the pipes, so that the services
//! block and memory stays bounded.

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

/// If more than this is queued, untrap's own messages are dropped. The lines of services are never queued to this
/// limit.
const MESSAGES_LIMIT: usize = 512 * 1024;

/// The number of bytes to read from a stream before the other streams and signals are served.
const BATCH: usize = 512 * 1024;

/// `--output`.
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

/// The options for output.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OutputSettings {
    /// `--output`.
    pub format: OutputFormat,
    /// `--timestamps`.
    pub timestamps: bool,
}

/// The output of all services, and untrap's own messages.
#[derive(Debug)]
pub struct Output {
    /// The index of the first of the two streams of each service and hook that has output.
    sources: Vec<Option<usize>>,
    /// Standard output and standard error, or one sink if both are the same file.
    sinks: Vec<Sink>,
    /// Standard output, then standard error, of each service and hook that has output.
    streams: Vec<Stream>,
    /// The prefix of untrap's own messages, which go to the last sink.
    own: LinePrefix,
}

impl Output {
    /// Creates the pipes of services with these names and users; a user of `None` is untrap's own, a service of `None`
    /// has no output. Returns `None` for `--output raw`.
    ///
    /// # Errors
    /// Fails if pipe2(2) fails.
    pub fn new(settings: OutputSettings, services: Vec<Option<(String, Option<u32>)>>) -> io::Result<Option<Self>> {
        let Some(form) = LineFormat::new(settings) else { return Ok(None) };
        let (stdout, stderr) = (Writer::stdout(), Writer::stderr());
        let mut writers = vec![stdout];
        // Two sinks for one file would mix parts of lines.
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

    /// The indices of the streams of a service.
    fn streams(&self, id: UnitId) -> Range<usize> {
        self.sources[id].map_or(0..0, |first| first..first + 2)
    }

    /// The write ends of the pipes for standard output and standard error of a service, if it has output.
    #[must_use]
    pub fn ends(&self, id: UnitId) -> Option<[BorrowedFd<'_>; 2]> {
        let first = self.sources[id]?;
        Some([first, first + 1].map(|index| self.streams[index].pipe.writer()))
    }

    /// Attributes the lines that are written from now on to this process.
    pub fn started(&mut self, id: UnitId, pid: i32) {
        for index in self.streams(id) {
            let stream = &mut self.streams[index];
            stream.started(pid, &mut self.sinks[stream.sink]);
        }
    }

    /// Whether a message may be written now: the lines read so far and the output of exited services must precede it.
    #[must_use]
    pub fn takes_messages(&self) -> bool {
        let last = self.sinks.len() - 1;
        let is_behind = |stream: &Stream| stream.sink == last && stream.has_last_words();
        self.sinks[last].is_used_up() && !self.streams.iter().any(is_behind)
    }

    /// Queues one of untrap's own messages. Returns false if the queue is full.
    pub fn say(&mut self, message: &str) -> bool {
        let Some(sink) = self.sinks.last_mut().filter(|sink| sink.waiting() < MESSAGES_LIMIT) else { return false };
        sink.take_line(&self.own, OutputLine { text: message.as_bytes(), is_partial: false });
        true
    }

    /// The number of slots of a [`PollSet`] that the output needs.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.sinks.len() + self.streams.len()
    }

    /// Writes queued output and registers the descriptors to poll in the slots from `first` on.
    pub fn prepare(&mut self, set: &mut PollSet, first: usize) {
        self.flush();
        for (index, sink) in self.sinks.iter().enumerate() {
            set.set(first + index, sink.interest());
        }
        let first = first + self.sinks.len();
        for (index, stream) in self.streams.iter().enumerate() {
            let reader = stream.pipe.reader().filter(|_| self.sinks[stream.sink].has_room());
            set.set(first + index, reader.map(|reader| (reader, Interest::Read)));
        }
    }

    /// Reads and writes the descriptors that poll has reported as ready.
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

    /// Reads the output that a service has written until now, as far as there is room. Messages wait for the rest.
    pub fn drain(&mut self, id: UnitId) {
        for index in self.streams(id) {
            self.streams[index].mark();
            self.read(index, self.streams[index].left);
        }
        self.flush();
    }

    /// The process group of the service is empty: its last line is complete even without a newline.
    pub fn emptied(&mut self, id: UnitId) {
        for index in self.streams(id) {
            self.streams[index].close();
        }
        self.drain(id);
        self.end_lines();
    }

    /// Ends the run: only the bytes that are in the pipes now are still written.
    pub fn seal(&mut self) {
        for stream in &mut self.streams {
            stream.mark();
            stream.close();
        }
    }

    /// After [`Self::seal`]: writes as much as possible without blocking. Returns whether there was progress.
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

    /// After [`Self::seal`]: registers the descriptors to poll in the slots from `first` on.
    pub fn prepare_finish(&mut self, set: &mut PollSet, first: usize) {
        self.prepare(set, first);
        let first = first + self.sinks.len();
        (0..self.streams.len()).for_each(|index| set.set(first + index, None));
    }

    /// After [`Self::seal`]: whether everything is written.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.sinks.iter().all(Sink::is_done) && self.streams.iter().all(Stream::is_done)
    }

    /// Discards unwritten output and counts its lines as lost.
    pub fn give_up(&mut self) {
        self.sinks.iter_mut().for_each(Sink::give_up);
        for stream in &mut self.streams {
            stream.give_up(&mut self.sinks[stream.sink]);
        }
    }

    /// The number of lines that could not be written since the start.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.sinks.iter().map(Sink::lost).sum()
    }

    /// The numbers of unwritten bytes in the sinks and in the pipes.
    fn waiting(&self) -> (usize, usize) {
        (self.sinks.iter().map(Sink::waiting).sum(), self.streams.iter().map(|stream| stream.left).sum())
    }

    fn flush(&mut self) {
        self.sinks.iter_mut().for_each(Sink::flush);
        // A service that writes to a closed file receives SIGPIPE or EPIPE, as with raw output.
        for stream in self.streams.iter_mut().filter(|stream| self.sinks[stream.sink].is_closed()) {
            stream.pipe.close_reader();
        }
    }

    /// Reads up to a limit from each stream of a sink, round-robin: begins after the stream that was read last, so that
    /// a busy stream cannot starve the others.
    fn take_turns(&mut self, sink: usize, limit: impl Fn(usize, &Stream) -> usize) {
        let (streams, last) = (self.streams.len(), self.sinks[sink].source());
        for index in (1..=streams).map(|turn| (last + turn) % streams) {
            let stream = &self.streams[index];
            if stream.sink == sink {
                self.read(index, limit(index, stream));
            }
        }
    }

    /// Continues with the lines for which a sink had no room.
    fn resume(&mut self, index: usize) {
        let sink = &mut self.sinks[index];
        sink.retry();
        if let Some(source) = sink.resumes() {
            self.streams[source].take_lines(sink);
        }
    }

    /// Reads up to this many bytes from a stream.
    fn read(&mut self, index: usize, limit: usize) {
        let stream = &mut self.streams[index];
        stream.read(index, limit, &mut self.sinks[stream.sink]);
    }

    /// Writes the last lines of streams that have ended.
    fn end_lines(&mut self) {
        for stream in &mut self.streams {
            stream.end_line(&mut self.sinks[stream.sink]);
        }
    }
}

/// Returns this style if the stream shows colours, considering terminals, `NO_COLOR` and `CLICOLOR_FORCE`.
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
    fn a_hook_without_output_has_no_pipes_and_does_not_widen_the_prefix() {
        let settings = OutputSettings { format: OutputFormat::Prefix, timestamps: false };
        let output = Output::new(settings, vec![None, Some(("web.1".to_owned(), None))]).unwrap().unwrap();
        let widths: Vec<_> = output.streams.iter().map(|stream| stream.label.width).collect();
        assert_eq!(widths, [OWN_NAME.len(); 2]);
        assert!(output.ends(UnitId::new(0)).is_none() && output.ends(UnitId::new(1)).is_some());
    }
}
