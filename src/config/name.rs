//! Names of services.

use std::fmt;

use super::number::number;

/// The maximum length of a process type: that of a DNS label, so that a process type can be a host or pod name.
pub(super) const LONGEST_NAME: usize = 63;

/// The name of a service: its process type, and its instance if the type can have several.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name {
    /// The process type, or the name of a command.
    pub process_type: String,
    /// The number after the dot, from 1. `None` for a command whose name no other command has.
    pub instance: Option<u32>,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.process_type)?;
        self.instance.map_or(Ok(()), |instance| write!(f, ".{instance}"))
    }
}

impl Name {
    /// Reads `web` or `web.1`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (process_type, instance) = match text.split_once('.') {
            Some((process_type, instance)) => (process_type, Some(number(instance)?)),
            None => (text, None),
        };
        is_name(process_type).then(|| Self { process_type: process_type.to_owned(), instance })
    }

    /// Whether `scope` is this service's own name, or its process type.
    #[must_use]
    pub fn is_in(&self, scope: &Self) -> bool {
        self == scope || (scope.instance.is_none() && self.process_type == scope.process_type)
    }
}

/// Makes a name from that of a program: characters that a name cannot contain become `_`.
#[must_use]
pub fn name_after_program(program: &str) -> String {
    let to_name_character = |character: char| if is_name_character(character) { character } else { '_' };
    program.chars().take(LONGEST_NAME).map(to_name_character).collect()
}

/// Whether `text` can be a process type: `[A-Za-z0-9_-]{1,63}`.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len()) && text.chars().all(is_name_character)
}

pub(super) fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}
