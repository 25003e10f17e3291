//! The flush: all processes have exited, and the rest of their output is written. Its rules of signals and time.

use std::ops::ControlFlow;
use std::time::Instant;

use super::Supervisor;
use crate::signal::Signal;

/// The state of the flush.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Flush {
    since: Instant,
    progress: Instant,
    is_stop_requested: bool,
}

impl Flush {
    /// A flush that begins now.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { since: now, progress: now, is_stop_requested: false }
    }

    /// The reader has read. After a stop signal this no longer extends the deadline.
    pub fn on_progress(&mut self, now: Instant) {
        if !self.is_stop_requested {
            self.progress = now;
        }
    }

    /// No process is left that a signal could be forwarded to: SIGINT breaks the flush off, another stop signal ends
    /// its extension.
    pub fn on_signal(&mut self, signal: Signal) -> ControlFlow<()> {
        if signal == Signal::INT {
            return ControlFlow::Break(());
        }
        self.is_stop_requested |= signal.asks_to_exit();
        ControlFlow::Continue(())
    }

    /// When the flush is broken off; `None`: never.
    #[must_use]
    pub fn deadline(&self, supervisor: &Supervisor) -> Option<Instant> {
        supervisor.output_deadline(self.since, self.progress)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_stop_signal_ends_the_extension_and_sigint_ends_the_flush() {
        let begin = Instant::now();
        let mut flush = Flush::new(begin);
        let later = begin + Duration::from_secs(1);
        assert_eq!(flush.on_signal(Signal::HUP), ControlFlow::Continue(()));
        flush.on_progress(later);
        assert_eq!(flush.progress, later);
        assert_eq!(flush.on_signal(Signal::TERM), ControlFlow::Continue(()));
        flush.on_progress(later + Duration::from_secs(1));
        assert_eq!(flush.progress, later);
        assert_eq!(flush.on_signal(Signal::INT), ControlFlow::Break(()));
    }
}
