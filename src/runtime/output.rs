//! The output's part of the loop: unless the output is raw, the lines of services and untrap's messages pass through.

use std::time::Instant;

use super::Runtime;
use crate::supervisor::event::Event;
use crate::supervisor::flush::Flush;
use crate::sys::signalfd::Received;

impl Runtime {
    /// Called before a poll.
    pub(super) fn prepare_output(&mut self) {
        self.hand_over_messages();
        if let Some(output) = &mut self.output {
            output.prepare(&mut self.poll_set, self.output_slots);
        }
    }

    /// Called after a poll.
    pub(super) fn pass_on_output(&mut self) {
        if let Some(output) = &mut self.output {
            output.pass_on(&self.poll_set, self.output_slots);
        }
    }

    /// Writes messages in order with the services' lines.
    fn hand_over_messages(&mut self) {
        if let Some(output) = self.output.as_mut().filter(|output| output.takes_messages()) {
            self.log.hand_over(|line| output.say(line));
        }
    }

    /// Writes the rest of the output; breaks off at the deadline of the flush.
    pub(super) fn finish_output(&mut self) {
        self.hand_over_messages();
        let Some(output) = &mut self.output else { return };
        let mut flush = Flush::new(Instant::now());
        output.seal();
        'flush: loop {
            if output.finish() {
                flush.on_progress(Instant::now());
            }
            if output.takes_messages() {
                self.log.hand_over(|line| output.say(line));
                output.finish();
            }
            let deadline = flush.deadline(&self.supervisor);
            if output.is_done() || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                break;
            }
            output.prepare_finish(&mut self.poll_set, self.output_slots);
            if self.poll_set.wait(deadline).is_err() {
                break;
            }
            while let Some(received) = self.signals.next() {
                if let Received::Signal(signal, _) = received
                    && flush.on_signal(signal).is_break()
                {
                    break 'flush;
                }
            }
        }
        output.give_up();
        if output.lost() > 0 {
            self.log.lines_lost(output.lost());
        }
        self.log.hand_over(|line| output.say(line));
        output.finish();
    }

    /// A service's last lines come before the message that the service has exited.
    pub(super) fn pass_on_final_output(&mut self, event: Event) {
        if let Event::LeaderExited(..) = event {
            self.hand_over_messages();
        }
        match (event, &mut self.output) {
            (Event::LeaderExited(id, _), Some(output)) => output.drain(id),
            (Event::GroupEmptied(id), Some(output)) => output.emptied(id),
            _ => {}
        }
    }
}
