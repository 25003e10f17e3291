//! A list of variables that is searched by name.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};

use crate::sys::environment::Variable;

/// Variables, each with its last value, in the order in which they were first set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Variables {
    /// The place of the value of each name. A map, because an env file can define many thousands of variables.
    places: HashMap<String, usize>,
    values: Vec<OsString>,
}

impl Variables {
    /// The value of a variable; `None` if it is not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.places.get(name).map(|place| self.values[*place].as_os_str())
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: OsString) {
        let place = *self.places.entry(name.to_owned()).or_insert(self.values.len());
        match self.values.get_mut(place) {
            Some(old) => *old = value,
            None => self.values.push(value),
        }
    }

    /// The variables without those of these names.
    #[must_use]
    pub fn into_list<'a>(mut self, without: impl IntoIterator<Item = &'a str>) -> Vec<Variable> {
        for name in without {
            self.places.remove(name);
        }
        let mut names: Vec<Option<OsString>> = vec![None; self.values.len()];
        for (name, place) in self.places {
            names[place] = Some(name.into());
        }
        names.into_iter().zip(self.values).filter_map(|(name, value)| Some((name?, value))).collect()
    }

    /// The names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }
}
