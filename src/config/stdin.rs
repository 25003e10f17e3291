//! `--stdin`: the service that has standard input.

use std::str::FromStr;

use super::name::Name;

/// The service that has standard input and the terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stdin {
    /// This one.
    Service(Name),
    /// None: all have `/dev/null`.
    Nothing,
}

impl FromStr for Stdin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::Nothing),
            _ => Name::read(text).map(Self::Service).ok_or("not a service; write its name, or none"),
        }
    }
}
