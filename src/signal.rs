//! Names and numbers of signals, including real-time signals.

use std::fmt;
use std::str::FromStr;

use signal_hook::consts::signal as number;
use signal_hook::low_level::signal_name;

/// Linux signals that are missing from the table of signal-hook.
const LINUX_ONLY: [(i32, &str); 2] = [(libc::SIGSTKFLT, "SIGSTKFLT"), (libc::SIGPWR, "SIGPWR")];

/// A valid signal number, from 1 to `SIGRTMAX`; see signal(7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Signal(i32);

impl Signal {
    /// Continues a stopped process.
    pub const CONT: Self = Self(number::SIGCONT);
    /// Hang-up; by convention it reloads the configuration of a daemon.
    pub const HUP: Self = Self(number::SIGHUP);
    /// Ctrl-C.
    pub const INT: Self = Self(number::SIGINT);
    /// Kills a process; it cannot be handled.
    pub const KILL: Self = Self(number::SIGKILL);
    /// Ctrl-\; the graceful stop signal of nginx and php-fpm.
    pub const QUIT: Self = Self(number::SIGQUIT);
    /// The signal that `docker stop` and Kubernetes send.
    pub const TERM: Self = Self(number::SIGTERM);
    /// Ctrl-Z.
    pub const TSTP: Self = Self(number::SIGTSTP);
    /// A background process reads from the terminal.
    pub const TTIN: Self = Self(number::SIGTTIN);
    /// A background process writes to the terminal.
    pub const TTOU: Self = Self(number::SIGTTOU);

    /// Returns the signal with this number, or `None` if the number is invalid or reserved by the C library.
    #[must_use]
    pub fn new(number: i32) -> Option<Self> {
        let standard = 1..=31;
        let realtime = libc::SIGRTMIN()..=libc::SIGRTMAX();
        (standard.contains(&number) || realtime.contains(&number)).then_some(Self(number))
    }

    /// The signal that killed a process, as the kernel reports it. It may be one that the C library reserves.
    #[must_use]
    pub(crate) fn from_kernel(number: i32) -> Self {
        Self(number)
    }

    /// Returns the number of the signal.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }

    /// Whether untrap always begins the shutdown when it receives this signal. systemd sends `SIGRTMIN+3` to PID 1 of a
    /// container to halt it. SIGQUIT begins it in some cases, because a JVM only prints its threads.
    #[must_use]
    pub fn begins_shutdown(self) -> bool {
        matches!(self, Self::TERM | Self::INT) || self.0 == libc::SIGRTMIN() + 3
    }

    /// Whether this signal asks a program to exit.
    #[must_use]
    pub fn asks_to_exit(self) -> bool {
        self.begins_shutdown() || self == Self::QUIT
    }

    /// Whether it can be caught and its default action is to suspend the process.
    #[must_use]
    pub fn suspends(self) -> bool {
        matches!(self, Self::TSTP | Self::TTIN | Self::TTOU)
    }

    /// Whether its default action is to suspend or to continue the process (job control).
    #[must_use]
    pub fn controls_jobs(self) -> bool {
        self.suspends() || self == Self::CONT
    }

    /// Whether a terminal can send it: because of a key, a hang-up, a new size, or access by a background process.
    #[must_use]
    pub fn comes_from_terminals(self) -> bool {
        let others = [number::SIGHUP, number::SIGQUIT, number::SIGWINCH, number::SIGCONT];
        self.suspends() || self == Self::INT || others.contains(&self.0)
    }

    fn standard_name(self) -> Option<&'static str> {
        let linux = LINUX_ONLY.iter().find(|(number, _)| *number == self.0);
        signal_name(self.0).or(linux.map(|(_, name)| *name))
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.standard_name() {
            return f.write_str(name);
        }
        match self.0 - libc::SIGRTMIN() {
            0 => f.write_str("SIGRTMIN"),
            _ if self.0 == libc::SIGRTMAX() => f.write_str("SIGRTMAX"),
            below if below < 0 => write!(f, "signal {}", self.0),
            above => write!(f, "SIGRTMIN+{above}"),
        }
    }
}

/// One `--rewrite FROM=TO`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Rewrite {
    /// The received signal.
    pub from: Signal,
    /// The signal that replaces it; `None`: it is dropped.
    pub to: Option<Signal>,
}

impl Rewrite {
    /// Applies the first of `rewrites` for this signal. Returns `None` if the signal is dropped.
    #[must_use]
    pub fn apply(rewrites: &[Self], signal: Signal) -> Option<Signal> {
        rewrites.iter().find(|rewrite| rewrite.from == signal).map_or(Some(signal), |rewrite| rewrite.to)
    }
}

impl fmt::Display for Rewrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to {
            Some(to) => write!(f, "{}={to}", self.from),
            None => write!(f, "{}=none", self.from),
        }
    }
}

impl FromStr for Rewrite {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = |(from, to): (&str, &str)| {
            let to = if to == "none" { None } else { Some(to.parse().ok()?) };
            Some(Self { from: from.parse().ok()?, to })
        };
        let rewrite = text.split_once('=').and_then(read);
        let rewrite = rewrite.ok_or("not FROM=TO with two signals; write for example TERM=QUIT or HUP=none")?;
        // The kernel delivers the first two to no process; untrap uses SIGCHLD itself and ignores SIGPIPE.
        match rewrite.from.number() {
            number::SIGKILL | number::SIGSTOP | number::SIGCHLD | number::SIGPIPE => {
                Err("FROM is a signal that untrap cannot forward; write another one than KILL, STOP, CHLD and PIPE")
            }
            _ => Ok(rewrite),
        }
    }
}

/// The sender of a signal, as far as the kernel reports it (`si_code` and `si_pid` of sigaction(2)).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Sender {
    /// A process with a PID in this PID namespace.
    Process(i32),
    /// A process outside of this PID namespace, for example the container engine.
    Outside,
    /// The terminal: a key, a hang-up, a new size.
    Terminal,
    /// The kernel for another reason, for example a timer.
    Kernel,
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(pid) => write!(f, "pid {pid}"),
            Self::Outside => f.write_str("pid 0 (outside this container)"),
            Self::Terminal => f.write_str("the terminal"),
            Self::Kernel => f.write_str("the kernel"),
        }
    }
}

/// The text is not the name or number of a signal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct UnknownSignal;

impl fmt::Display for UnknownSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a signal; write a name or a number, for example TERM, SIGQUIT, RTMIN+3 or 15")
    }
}

impl std::error::Error for UnknownSignal {}

impl FromStr for Signal {
    type Err = UnknownSignal;

    /// Reads `TERM`, `SIGTERM`, `term`, `15`, `RTMIN`, `RTMIN+3` or `RTMAX-1`.
    fn from_str(text: &str) -> Result<Self, UnknownSignal> {
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return text.parse().ok().and_then(Self::new).ok_or(UnknownSignal);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let number = if let Some(offset) = name.strip_prefix("RTMIN") {
            libc::SIGRTMIN() + realtime_offset(offset, '+')?
        } else if let Some(offset) = name.strip_prefix("RTMAX") {
            libc::SIGRTMAX() - realtime_offset(offset, '-')?
        } else {
            let has_name = |number: &i32| Self(*number).standard_name().is_some_and(|known| &known[3..] == name);
            return (1..=31).find(has_name).map(Self).ok_or(UnknownSignal);
        };
        let realtime = libc::SIGRTMIN()..=libc::SIGRTMAX();
        realtime.contains(&number).then_some(Self(number)).ok_or(UnknownSignal)
    }
}

/// Parses the offset of a real-time signal: 3 for the `+3` of `RTMIN+3`, 0 for an empty text.
fn realtime_offset(text: &str, sign: char) -> Result<i32, UnknownSignal> {
    if text.is_empty() {
        return Ok(0);
    }
    let digits = text.strip_prefix(sign).filter(|text| text.starts_with(|first: char| first.is_ascii_digit()));
    digits.and_then(|digits| digits.parse::<u8>().ok()).map(i32::from).ok_or(UnknownSignal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_is_parsed_from_its_own_name_and_number() {
        for signal in (0..=65).filter_map(Signal::new) {
            assert_eq!(signal.to_string().parse(), Ok(signal));
            assert_eq!(signal.number().to_string().parse(), Ok(signal));
        }
        assert_eq!((0..=65).filter_map(Signal::new).count(), 31 + 31);
    }

    #[test]
    fn names_are_parsed_with_or_without_sig_and_in_any_case() {
        for text in ["TERM", "SIGTERM", "term", "SigTerm", "15"] {
            assert_eq!(text.parse(), Ok(Signal::TERM), "{text}");
        }
        assert_eq!("RTMIN+3".parse(), Ok(Signal(libc::SIGRTMIN() + 3)));
        assert_eq!("SIGRTMAX-1".parse(), Ok(Signal(libc::SIGRTMAX() - 1)));
        assert_eq!("PWR".parse(), Ok(Signal(libc::SIGPWR)));
    }

    #[test]
    fn an_invalid_signal_is_refused() {
        for text in [
            "", "SIG", "BOO", "0", "32", "33", "65", "-1", "RTMIN-1", "RTMIN+", "RTMIN+31", "RTMAX+1", "RTMIN++1",
            "15x",
        ] {
            assert_eq!(text.parse::<Signal>(), Err(UnknownSignal), "{text}");
        }
    }

    #[test]
    fn a_rewrite_is_two_signals_or_a_signal_and_none() {
        let rewrites: Vec<Rewrite> = ["TERM=QUIT", "hup=none", "15=INT"].map(|text| text.parse().unwrap()).to_vec();
        assert_eq!(Rewrite::apply(&rewrites, Signal::TERM), Some(Signal::QUIT));
        assert_eq!(Rewrite::apply(&rewrites, Signal::HUP), None);
        assert_eq!(Rewrite::apply(&rewrites, Signal::INT), Some(Signal::INT));
        for text in ["", "TERM", "TERM=", "=TERM", "none=TERM", "TERM=BOO", "TERM:QUIT", "KILL=TERM", "17=TERM"] {
            assert!(text.parse::<Rewrite>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_term_int_and_rtmin_3_always_begin_the_shutdown() {
        let begin: Vec<_> =
            (1..=64).filter_map(Signal::new).filter(|s| s.begins_shutdown()).map(|s| s.to_string()).collect();
        assert_eq!(begin, ["SIGINT", "SIGTERM", "SIGRTMIN+3"]);
    }
}
