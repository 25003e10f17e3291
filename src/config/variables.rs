//! A list of variables that is searched by name.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};

use crate::sys::environment::Variable;

/// Variables, each with its last value, in the order in which they were first set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Variables {
    list: Vec<Variable>,
    /// The place of each name in the list. A map, because an env file can define many thousands of variables.
    places: HashMap<String, usize>,
}

impl Variables {
    /// The value of a variable; `None` if it is not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.places.get(name).map(|place| self.list[*place].1.as_os_str())
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: OsString) {
        if let Some(place) = self.places.get(name) {
            self.list[*place].1 = value;
        } else {
            self.places.insert(name.to_owned(), self.list.len());
            self.list.push((name.into(), value));
        }
    }

    /// The variables, without the index.
    #[must_use]
    pub fn into_list(self) -> Vec<Variable> {
        self.list
    }
}
