//! The output's part of the loop: where it is not raw, what is said and written passes through here.

use std::time::Instant;

use super::{OUTPUT_SLOTS, Runtime};
use crate::signal::Signal;
use crate::supervisor::event::Event;
use crate::sys::signalfd::Received;

impl Runtime {
    /// Before a wait.
    pub(super) fn prepare_output(&mut self) {
        self.hand_over_messages();
        if let Some(output) = &mut self.output {
            output.prepare(&mut self.poll_set, OUTPUT_SLOTS);
        }
    }

    /// After a wait.
    pub(super) fn pass_on_output(&mut self) {
        if let Some(output) = &mut self.output {
            output.pass_on(&self.poll_set, OUTPUT_SLOTS);
        }
    }

    /// Messages take their place among the services' lines.
    fn hand_over_messages(&mut self) {
        if let Some(output) = self.output.as_mut().filter(|output| output.takes_messages()) {
            self.report.hand_over(|line| output.say(line));
        }
    }

    /// Waits for the readers of what is not written yet, but not for ever.
    pub(super) fn finish_output(&mut self) {
        self.hand_over_messages();
        let Some(output) = &mut self.output else { return };
        let over = Instant::now();
        let (mut progress, mut asked) = (over, false);
        output.seal();
        'waiting: loop {
            // From the first request to stop on, progress buys no more time.
            if output.finish() && !asked {
                progress = Instant::now();
            }
            if output.takes_messages() {
                self.report.hand_over(|line| output.say(line));
                output.finish();
            }
            let deadline = self.supervisor.output_deadline(over, progress);
            if output.is_done() || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                break;
            }
            output.prepare_finish(&mut self.poll_set, OUTPUT_SLOTS);
            if self.poll_set.wait(deadline).is_err() {
                break;
            }
            // Nothing is left that signals could be forwarded to: one that stops is for untrap alone.
            while let Some(received) = self.signals.next() {
                match received {
                    Received::Signal(Signal::INT, _) => break 'waiting,
                    Received::Signal(signal, _) if signal.begins_stop() => asked = true,
                    _ => {}
                }
            }
        }
        output.give_up();
        if output.lost() > 0 {
            self.report.lines_lost(output.lost());
        }
        self.report.hand_over(|line| output.say(line));
        output.finish();
    }

    /// What a service wrote comes before the message that it has ended.
    pub(super) fn pass_on_last_words(&mut self, event: Event) {
        if let Event::LeaderExited(..) = event {
            self.hand_over_messages();
        }
        match (event, &mut self.output) {
            (Event::LeaderExited(id, _), Some(output)) => output.drain(id),
            (Event::GroupEmptied(id), Some(output)) => output.ended(id),
            _ => {}
        }
    }
}
