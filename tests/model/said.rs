//! What untrap's messages say.

use untrap::exit_status::ExitStatus;
use untrap::signal::Signal;

use crate::program::{Program, Shape};

/// Services by number, times in milliseconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Said {
    Started(usize, i32),
    StartFailed(usize),
    /// A signal, and what became of it.
    Received(Signal, Fate),
    Ended {
        service: usize,
        ending: ExitStatus,
        stops: bool,
    },
    /// It starts again after this time, for this time.
    Restarting(usize, u64, usize),
    /// It was sent SIGKILL, this long after it was told.
    Killed(usize, u64),
    /// What it left in its group was.
    GroupKilled(usize),
    CommandFailed(usize),
    ReadinessTimedOut(u64),
    /// Leftovers were told, or killed: these PIDs.
    LeftoverTold,
    KillingLeftovers(u64),
    LeftoverKilled(i32),
    Exit(i32),
    Other,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Fate {
    Stops,
    Forwarded,
    /// Ignored: no service to forward it to.
    Withheld,
    Dropped,
    KillsAll,
}

impl Said {
    /// Reads `e1 (pid 7) exited with status 3 after 20ms, stopping the others`, and all others.
    pub(crate) fn read(text: &str, program: &Program) -> Result<Self, String> {
        Reader { text, words: text.split([' ', ',']).collect(), program }
            .read()
            .ok_or_else(|| format!("an unexpected message: {text}"))
    }
}

struct Reader<'a> {
    text: &'a str,
    words: Vec<&'a str>,
    program: &'a Program,
}

impl Reader<'_> {
    fn read(&self) -> Option<Said> {
        let (text, words) = (self.text, &self.words);
        let service = || self.service(words[0]);
        Some(match text {
            _ if text.contains(" lost") || text.contains("not waiting longer") => return None,
            _ if text.contains(" can't start: there is no file ") => {
                Said::StartFailed(service().or_else(|| self.probe())?)
            }
            _ if text.contains(" can't ") => return None,
            _ if text.starts_with("every service has exited") => Said::Other,
            _ if text.starts_with("exit status ") => Said::Exit(self.number(2)?),
            _ if text.starts_with("leftover processes did not stop") => {
                Said::KillingLeftovers(self.duration("within ")?)
            }
            _ if text.starts_with("leftover ") && text.ends_with("killed") => Said::LeftoverKilled(self.number(4)?),
            _ if text.starts_with("leftover ") => Said::LeftoverTold,
            _ if text.starts_with("SIG") => Said::Received(words[0].parse().ok()?, self.fate()?),
            _ if text.starts_with("the stop command of ") => Said::CommandFailed(self.service(words[4])?),
            _ if text.contains(": killed the remaining ") => {
                Said::GroupKilled(self.service(words[0].trim_end_matches(':'))?)
            }
            _ if text.starts_with("timed out after ") => Said::ReadinessTimedOut(self.duration("after ")?),
            _ if text.starts_with("exec:") => Said::Other,
            _ if words.get(1) == Some(&"started") => Said::Started(service()?, self.number(3)?),
            _ if words.get(1) == Some(&"restarts") => Said::Restarting(
                service()?,
                self.duration("restarts in ")?,
                words.last()?.trim_end_matches(')').parse().ok()?,
            ),
            _ if text.ends_with(", killed") => Said::Killed(service()?, self.duration("within ")?),
            _ if matches!(words.get(3), Some(&("exited" | "killed"))) => {
                Said::Ended { service: service()?, ending: self.ending()?, stops: text.contains(", stopping") }
            }
            _ => Said::Other,
        })
    }

    fn service(&self, name: &str) -> Option<usize> {
        self.program.services.iter().position(|service| service.name == name)
    }

    /// The probe that can't start: it has no name of its own.
    fn probe(&self) -> Option<usize> {
        self.program.services.iter().position(|service| service.is_probe() && service.shape == Shape::Missing)
    }

    fn number(&self, word: usize) -> Option<i32> {
        self.words.get(word)?.trim_end_matches(')').parse().ok()
    }

    /// The milliseconds after these words.
    fn duration(&self, before: &str) -> Option<u64> {
        let (_, rest) = self.text.split_once(before)?;
        let rest = rest.split(" waiting for ").next()?;
        let end = rest.find([',', ';', '(']).unwrap_or(rest.len());
        let duration = humantime::parse_duration(rest[..end].trim()).ok()?;
        Some(duration.as_millis() as u64)
    }

    fn fate(&self) -> Option<Fate> {
        Some(match self.text.rsplit_once(": ")?.1 {
            "stopping" => Fate::Stops,
            "dropped" => Fate::Dropped,
            fate if fate.ends_with("killing all remaining processes") => Fate::KillsAll,
            "no service to forward it to" => Fate::Withheld,
            fate if fate.starts_with("forwarded") => Fate::Forwarded,
            _ => return None,
        })
    }

    fn ending(&self) -> Option<ExitStatus> {
        Some(match self.words[4] {
            "with" => ExitStatus::Exited(self.words.get(6)?.parse().ok()?),
            _ => ExitStatus::Signaled(self.words.get(5)?.parse().ok()?),
        })
    }
}
