//! Targets of the readiness checks `--wait-for` and `--ready`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::number::number;
use crate::shell::classify::Command;

/// The condition that a readiness check waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// A TCP connection to this host and port is accepted.
    Tcp {
        /// A name or an address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A connection to this Unix socket is accepted.
    Unix(PathBuf),
    /// This file exists.
    File(PathBuf),
    /// This command exits with status 0.
    Exec(Command),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = |path: &str| if path.is_empty() { Err(bad()) } else { Ok(PathBuf::from(path)) };
        if let Some(address) = text.strip_prefix("tcp://") {
            let (host, port) = address.trim_end_matches('/').rsplit_once(':').ok_or_else(bad)?;
            // An IPv6 address contains colons, so it must be in brackets.
            let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            let host = bare.or_else(|| (!host.contains(':')).then_some(host));
            let host = host.filter(|host| !host.is_empty() && !host.contains(['[', ']']));
            let port = number(port).filter(|port| *port != 0);
            return Ok(Self::Tcp { host: host.ok_or_else(bad)?.to_owned(), port: port.ok_or_else(bad)? });
        }
        if let Some(socket) = text.strip_prefix("unix://") {
            return path(socket).map(Self::Unix);
        }
        if let Some(file) = text.strip_prefix("file://") {
            return path(file).map(Self::File);
        }
        let line = text.strip_prefix("exec:").ok_or_else(bad)?;
        Command::read(line.trim()).map(Self::Exec).map_err(|error| error.to_string())
    }
}

fn bad() -> String {
    "not a target; write tcp://HOST:PORT, unix://PATH, file://PATH or exec:COMMAND".to_owned()
}

impl fmt::Display for Target {
    /// Writes the target as the user gave it, without the arguments of a command, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::File(path) => write!(f, "file://{}", path.display()),
            Self::Exec(command) => write!(f, "exec:{}", command.program()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_displayed_as_it_was_written() {
        for text in ["tcp://db:5432", "tcp://[::1]:80", "tcp://127.0.0.1:1", "unix:///run/x.sock", "file://ready"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        assert_eq!("exec:pg_isready -U secret".parse::<Target>().unwrap().to_string(), "exec:pg_isready");
    }

    #[test]
    fn an_invalid_target_is_refused() {
        for text in [
            "",
            "db:5432",
            "tcp://db",
            "tcp://:1",
            "tcp://db:0",
            "tcp://db:x",
            "tcp://::1:80",
            "tcp://[[::1]]:80",
            "tcp://[db:80",
            "unix://",
            "file://",
            "exec:",
            "http://x",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
