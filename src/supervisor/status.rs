//! The exit status of untrap.

use crate::exit_status::{ExitMapping, ExitStatus};

/// The failures of a run so far.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Failures {
    /// The status of the first failure of a service.
    first: Option<u8>,
    /// The status of the first failure of an `--after` command.
    first_after: Option<u8>,
}

impl Failures {
    /// A service has exited or could not be started; the first failure counts.
    pub(super) fn add(&mut self, status: ExitStatus) {
        if status.is_failure() {
            self.first.get_or_insert(status.code());
        }
    }

    /// An `--after` command has exited or could not be started.
    pub(super) fn add_after(&mut self, status: ExitStatus) {
        if status.is_failure() {
            self.first_after.get_or_insert(status.code());
        }
    }

    /// The exit status: that of the cause of the shutdown, else of the first failure, else 0. The failure of an
    /// `--after` command counts only if this is 0.
    pub(super) fn status(self, of_cause: Option<u8>, exit_map: &[ExitMapping]) -> u8 {
        let status = ExitMapping::apply(exit_map, of_cause.or(self.first).unwrap_or(0));
        match self.first_after {
            Some(failure) if status == 0 => ExitMapping::apply(exit_map, failure),
            _ => status,
        }
    }
}
