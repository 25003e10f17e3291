//! The exit status of untrap.

use crate::exit_status::{ExitMapping, ExitStatus};

/// The failures of a run so far, as `--exit-map` changes them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Failures {
    /// The first failure of a service or a `--before` command.
    first: Option<u8>,
    /// The first failure of a service that waited for its restart when the shutdown began.
    first_in_backoff: Option<u8>,
    /// The first failure of an `--after` command.
    first_after: Option<u8>,
}

impl Failures {
    pub(super) fn add(&mut self, status: ExitStatus, exit_map: &[ExitMapping]) {
        add_first(&mut self.first, status, exit_map);
    }

    pub(super) fn add_in_backoff(&mut self, status: ExitStatus, exit_map: &[ExitMapping]) {
        add_first(&mut self.first_in_backoff, status, exit_map);
    }

    pub(super) fn add_after(&mut self, status: ExitStatus, exit_map: &[ExitMapping]) {
        if status.is_failure() {
            add_first(&mut self.first_after, status, exit_map);
        }
    }

    pub(super) fn first(self) -> Option<u8> {
        self.first
    }

    /// The exit status: that of the cause of the shutdown, else of the first failure, else 0. The failure of an
    /// `--after` command counts only if this is 0.
    pub(super) fn status(self, of_cause: Option<u8>) -> u8 {
        match of_cause.or(self.first).or(self.first_in_backoff).unwrap_or(0) {
            0 => self.first_after.unwrap_or(0),
            status => status,
        }
    }
}

/// `--exit-map` can change a failure to 0, and 0 to a failure.
fn add_first(first: &mut Option<u8>, status: ExitStatus, exit_map: &[ExitMapping]) {
    let status = ExitMapping::apply(exit_map, status.code());
    if status != 0 {
        first.get_or_insert(status);
    }
}
