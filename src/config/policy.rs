//! What the user decides about services and about the run: the values of options, as the state machine needs them.

use std::str::FromStr;
use std::time::Duration;

use crate::exit_status::ExitMapping;
use crate::signal::{Rewrite, Signal};

/// What holds for the whole run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// `--rewrite`, in the order given.
    pub rewrites: Vec<Rewrite>,
    /// `--exit-map`, in the order given.
    pub exit_map: Vec<ExitMapping>,
    /// `--stop-order`.
    pub stop_order: StopOrder,
    /// `--stop-delay`: from what begins the stop to its begin.
    pub stop_delay: Duration,
    /// `--wait-timeout`: how long something may be waited for.
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

/// In which order services are told to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum StopOrder {
    /// All at once.
    #[default]
    AtOnce,
    /// One by one, the last one first: each is waited for before the next is told.
    Reverse,
    /// One by one, the first one first.
    Listed,
}

impl FromStr for StopOrder {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "at-once" => Ok(Self::AtOnce),
            "reverse" => Ok(Self::Reverse),
            "listed" => Ok(Self::Listed),
            _ => Err("not an order; write at-once, reverse or listed"),
        }
    }
}

/// How a service is stopped, and what its end means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// What it is sent when the stop begins; `None`: what arrived, or TERM.
    pub stop_signal: Option<Signal>,
    /// From the start of the stop to SIGKILL.
    pub timeout: Timeout,
    /// What happens when it ends.
    pub on_exit: OnExit,
    /// To whom signals go while its leader runs.
    pub signal_to: SignalTo,
}

/// From the start of the stop to SIGKILL; `None`: never.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeout(pub Option<Duration>);

impl Default for Timeout {
    /// 2 s less than `docker stop` gives a container, so that untrap ends first.
    fn default() -> Self {
        Self(Some(Duration::from_secs(8)))
    }
}

/// Longer than any timeout.
const CENTURY: Duration = Duration::from_hours(100 * 365 * 24);

impl FromStr for Timeout {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "inf" {
            return Ok(Self(None));
        }
        let duration = humantime::parse_duration(text).ok();
        // A deadline must fit the clock, and nobody waits longer than a century.
        let duration = duration.filter(|duration| *duration < CENTURY);
        duration.map(|duration| Self(Some(duration))).ok_or("not a duration; write for example 8s, 500ms, 1m30s or inf")
    }
}

/// `--stop-delay`: a time that comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Delay(pub Duration);

impl FromStr for Delay {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(Timeout(Some(duration))) => Ok(Self(duration)),
            _ => Err("not a duration; write for example 5s or 500ms"),
        }
    }
}

/// What happens when a service ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnExit {
    /// The stop begins.
    #[default]
    Stop,
    /// The stop begins if it ended with anything but 0.
    StopOnFailure,
    /// The others go on.
    Ignore,
    /// It is started again.
    Restart,
    /// It is started again if it ended with anything but 0.
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

/// To whom a signal goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SignalTo {
    /// To the group if the leader is a shell at that moment, which passes nothing on; else to the leader, which may have
    /// workers of its own to manage.
    #[default]
    Auto,
    /// To the leader alone.
    Leader,
    /// To everyone in the group.
    Group,
}

impl FromStr for SignalTo {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "leader" => Ok(Self::Leader),
            "group" => Ok(Self::Group),
            _ => Err("not a receiver; write auto, leader or group"),
        }
    }
}
