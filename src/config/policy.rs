//! The values of options that the supervisor needs, for one service and for the whole run.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::exit_status::ExitMapping;
use crate::signal::{Rewrite, Signal};

/// The options that apply to the whole run.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Rules {
    /// `--rewrite`, in the order given.
    pub rewrites: Vec<Rewrite>,
    /// `--exit-map`, in the order given.
    pub exit_map: Vec<ExitMapping>,
    /// `--stop-order`.
    pub stop_order: StopOrder,
    /// `--stop-delay`: the time from the cause of the shutdown to the first stop signal.
    pub stop_delay: Duration,
    /// `--wait-timeout`: how long a readiness check may take.
    pub wait_timeout: Timeout,
}

impl Default for Rules {
    fn default() -> Self {
        let wait_timeout = Timeout(Some(Duration::from_mins(1)));
        Self {
            rewrites: Vec::new(),
            exit_map: Vec::new(),
            stop_order: StopOrder::default(),
            stop_delay: Duration::ZERO,
            wait_timeout,
        }
    }
}

/// The order in which services are stopped.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum StopOrder {
    /// All at once.
    #[default]
    AtOnce,
    /// One by one, the last service first. Each must exit before the next is stopped.
    Reverse,
    /// One by one, the first service first.
    Listed,
}

impl FromStr for StopOrder {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "at-once" => Ok(Self::AtOnce),
            "reverse" => Ok(Self::Reverse),
            "listed" => Ok(Self::Listed),
            _ => Err("not a stop order; write at-once, reverse or listed"),
        }
    }
}

/// How a service is stopped, and what its exit causes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Policy {
    /// The stop signal; `None`: the signal that began the shutdown, or SIGTERM.
    pub stop_signal: Option<Signal>,
    /// The stop timeout: the time from the stop signal to SIGKILL.
    pub timeout: Timeout,
    /// What untrap does when the service exits.
    pub on_exit: OnExit,
    /// Which processes receive signals while the leader runs.
    pub signal_to: SignalTo,
}

/// The stop timeout: the time from the stop signal to SIGKILL; `None`: SIGKILL is never sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Timeout(pub Option<Duration>);

impl Default for Timeout {
    /// 2 s less than the timeout of `docker stop`, so that untrap exits before Docker kills it.
    fn default() -> Self {
        Self(Some(Duration::from_secs(8)))
    }
}

/// Reads a number without a unit: seconds, as `docker stop -t` and timeout(1) take it.
fn seconds(text: &str) -> Option<Duration> {
    let is_number = text.starts_with(|first: char| first.is_ascii_digit())
        && text.ends_with(|last: char| last.is_ascii_digit())
        && text.chars().all(|character| character.is_ascii_digit() || character == '.');
    let seconds = text.parse().ok().filter(|_| is_number)?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The upper bound of durations.
const CENTURY: Duration = Duration::from_hours(100 * 365 * 24);

impl FromStr for Timeout {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "inf" {
            return Ok(Self(None));
        }
        let duration = seconds(text).or_else(|| humantime::parse_duration(text).ok());
        // Deadlines must fit the clock, so that adding a timeout to the current time cannot overflow.
        let duration = duration.filter(|duration| *duration < CENTURY);
        duration.map(|duration| Self(Some(duration))).ok_or("not a duration; write for example 8s, 500ms, 1m30s or inf")
    }
}

/// `--stop-delay`: a finite duration.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Delay(pub Duration);

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl FromStr for Delay {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(Timeout(Some(duration))) => Ok(Self(duration)),
            _ => Err("not a duration; write for example 5s or 500ms"),
        }
    }
}

/// What untrap does when a service exits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum OnExit {
    /// Begin the shutdown.
    #[default]
    Stop,
    /// Begin the shutdown if the exit is a failure.
    StopOnFailure,
    /// Let the other services run.
    Ignore,
    /// Restart the service.
    Restart,
    /// Restart the service if the exit is a failure.
    RestartOnFailure,
}

impl FromStr for OnExit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "stop" => Ok(Self::Stop),
            "stop-on-failure" => Ok(Self::StopOnFailure),
            "ignore" => Ok(Self::Ignore),
            "restart" => Ok(Self::Restart),
            "restart-on-failure" => Ok(Self::RestartOnFailure),
            _ => Err("not an action; write stop, stop-on-failure, ignore, restart or restart-on-failure"),
        }
    }
}

/// Which processes of a service receive a signal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum SignalTo {
    /// The process group if the leader is a shell at that moment, because shells do not forward signals; else the
    /// leader alone, because it may manage workers of its own.
    #[default]
    Auto,
    /// The leader alone.
    Leader,
    /// All processes of the process group.
    Group,
}

impl FromStr for SignalTo {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "leader" => Ok(Self::Leader),
            "group" => Ok(Self::Group),
            _ => Err("not a set of processes; write auto, leader or group"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_seconds() {
        for (text, millis) in [("5", 5000), ("1.5", 1500), ("0", 0), ("0.25", 250), ("5s", 5000), ("1m30s", 90_000)] {
            assert_eq!(text.parse(), Ok(Timeout(Some(Duration::from_millis(millis)))), "{text}");
        }
        for text in ["", "-1", "+5", ".", "1.", ".5", "1e3", "1.5.0", "99999999999999999999", "inf5", "5 x"] {
            assert!(text.parse::<Timeout>().is_err(), "{text}");
        }
    }
}
