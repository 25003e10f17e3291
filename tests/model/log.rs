//! untrap's messages, read from its JSON log.

use serde_json::Value;
use untrap::exit_status::ExitStatus;
use untrap::signal::Signal;

use crate::program::{Program, Shape};

/// A message. Services are numbers, times are in milliseconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Logged {
    /// The leader of a service was created, with this PID.
    Started(usize, i32),
    /// It has executed its program.
    Executed(usize),
    StartFailed(usize),
    Received(Signal, Effect),
    Exited {
        service: usize,
        status: ExitStatus,
        begins_shutdown: bool,
    },
    /// A service, its backoff, and the number of the restart.
    Restarting(usize, u64, usize),
    /// The process group of a service was sent SIGKILL, this long after the stop signal.
    Killed(usize, u64),
    /// The remaining processes of a service were sent SIGKILL before its restart.
    GroupKilled(usize),
    StopCommandFailed(usize),
    ReadinessTimedOut(u64),
    KillingLeftovers(u64),
    /// A leftover process was sent SIGKILL.
    LeftoverKilled(i32),
    Exit(i32),
    Other,
}

/// The effect of a received signal.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Effect {
    Shutdown,
    Forwarded,
    Ignored,
    Dropped,
    /// It repeats the first SIGINT.
    Repeated,
    KillAll,
}

impl Logged {
    /// Reads a line of the log.
    pub(crate) fn read(line: &str, program: &Program) -> Result<Self, String> {
        let message: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
        Reader { message: &message, program }.read().ok_or_else(|| format!("an unexpected message: {line}"))
    }
}

struct Reader<'a> {
    message: &'a Value,
    program: &'a Program,
}

impl Reader<'_> {
    fn read(&self) -> Option<Logged> {
        let effect = self.text("effect");
        Some(match self.text("event")? {
            "launched" => Logged::Started(self.service()?, self.number("pid")?),
            "started" => Logged::Executed(self.service()?),
            "start-failed" => Logged::StartFailed(self.service().or_else(|| self.missing_readiness_check())?),
            "signal-received" => Logged::Received(self.signal()?, self.effect()?),
            "exited" => Logged::Exited {
                service: self.service()?,
                status: match self.number("status") {
                    Some(status) => ExitStatus::Exited(status),
                    None => ExitStatus::Signaled(self.signal()?),
                },
                begins_shutdown: effect == Some("shutdown"),
            },
            "restarting" => Logged::Restarting(self.service()?, self.duration()?, self.number("restarts")?),
            "killed" if effect == Some("restart") => Logged::GroupKilled(self.service()?),
            "killed" => Logged::Killed(self.service()?, self.duration()?),
            "stop-command-failed" => Logged::StopCommandFailed(self.service()?),
            "wait-timeout" => Logged::ReadinessTimedOut(self.duration()?),
            "leftovers" if effect == Some("killing") => Logged::KillingLeftovers(self.duration()?),
            "leftover" if effect == Some("killed") => Logged::LeftoverKilled(self.number("pid")?),
            "exit" => Logged::Exit(self.number("status")?),
            "orphan" | "leftovers" | "leftover" | "waiting" | "ready" | "delaying" => Logged::Other,
            // Nothing here fails, is lost, or survives SIGKILL.
            _ => return None,
        })
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.message[key].as_str()
    }

    fn number<T: TryFrom<i64>>(&self, key: &str) -> Option<T> {
        self.message[key].as_i64()?.try_into().ok()
    }

    fn duration(&self) -> Option<u64> {
        self.number("duration_ms")
    }

    fn signal(&self) -> Option<Signal> {
        self.text("signal")?.parse().ok()
    }

    fn service(&self) -> Option<usize> {
        let name = self.text("name")?;
        self.program.services.iter().position(|service| service.name == name)
    }

    /// The readiness check that cannot start: it has no name of its own.
    fn missing_readiness_check(&self) -> Option<usize> {
        let is_missing = |service: &crate::program::Service| service.is_check() && service.shape == Shape::Missing;
        self.program.services.iter().position(is_missing)
    }

    fn effect(&self) -> Option<Effect> {
        Some(match self.text("effect")? {
            "shutdown" => Effect::Shutdown,
            "forwarded" => Effect::Forwarded,
            "ignored" => Effect::Ignored,
            "dropped" => Effect::Dropped,
            "repeated" => Effect::Repeated,
            "kill-all" => Effect::KillAll,
            _ => return None,
        })
    }
}
