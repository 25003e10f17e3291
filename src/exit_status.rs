//! The exit status of processes and of untrap itself.

use std::fmt;
use std::str::FromStr;

use crate::signal::Signal;

/// Usage error: nothing has been started.
pub const USAGE: u8 = 2;
/// A readiness check timed out; the status of timeout(1).
pub const TIMED_OUT: u8 = 124;
/// Internal error: untrap itself failed.
pub const INTERNAL_ERROR: u8 = 125;
/// A program was found but can't be executed; POSIX's 126.
pub const NOT_EXECUTABLE: u8 = 126;
/// A program was not found; POSIX's 127.
pub const NOT_FOUND: u8 = 127;

/// The status of a process that has exited or was killed by a signal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ExitStatus {
    /// It exited with this status.
    Exited(u8),
    /// It was killed by this signal.
    Signaled(Signal),
}

impl ExitStatus {
    /// Returns the status as a shell reports it: the exit status, or 128 + N for signal N.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Signaled(signal) => 128 + signal.number() as u8,
        }
    }

    /// Whether it is a failure: a status other than 0, or death by a signal.
    #[must_use]
    pub fn is_failure(self) -> bool {
        self != Self::Exited(0)
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with status {code}"),
            Self::Signaled(signal) => write!(f, "killed by {signal}"),
        }
    }
}

/// One `--exit-map FROM=TO`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExitMapping {
    /// The status to replace.
    pub from: u8,
    /// The status that untrap exits with instead.
    pub to: u8,
}

impl ExitMapping {
    /// Applies the first of `mappings` for this status. Mappings are not applied to the results of other mappings.
    #[must_use]
    pub fn apply(mappings: &[Self], status: u8) -> u8 {
        mappings.iter().find(|mapping| mapping.from == status).map_or(status, |mapping| mapping.to)
    }
}

impl fmt::Display for ExitMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.from, self.to)
    }
}

impl FromStr for ExitMapping {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| text.parse().ok().filter(|_| !text.starts_with('+'));
        let read = |(from, to)| Some(Self { from: number(from)?, to: number(to)? });
        text.split_once('=').and_then(read).ok_or("not FROM=TO with two numbers from 0 to 255, for example 143=0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_counts_as_128_and_its_number() {
        assert_eq!(ExitStatus::Signaled(Signal::TERM).code(), 143);
        assert_eq!(ExitStatus::Signaled(Signal::KILL).code(), 137);
        assert_eq!(ExitStatus::Exited(7).code(), 7);
    }

    #[test]
    fn only_status_0_is_no_failure() {
        assert!(!ExitStatus::Exited(0).is_failure());
        assert!(ExitStatus::Exited(1).is_failure());
        assert!(ExitStatus::Signaled(Signal::TERM).is_failure());
    }

    #[test]
    fn a_mapping_is_applied_once() {
        let map: Vec<ExitMapping> = ["143=0", "0=5"].map(|text| text.parse().unwrap()).to_vec();
        assert_eq!(ExitMapping::apply(&map, 143), 0);
        assert_eq!(ExitMapping::apply(&map, 0), 5);
        assert_eq!(ExitMapping::apply(&map, 1), 1);
    }

    #[test]
    fn a_bad_mapping_is_refused() {
        for text in ["", "143", "143=", "=0", "143=256", "-1=0", "143=0=1", "143=x", "+1=0"] {
            assert!(text.parse::<ExitMapping>().is_err(), "{text}");
        }
    }
}
