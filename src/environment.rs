//! The environment that all entries share.

use std::ffi::{OsStr, OsString};

/// A variable: its name and its value.
pub type Variable = (OsString, OsString);

/// Variables, each name once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Environment(Vec<Variable>);

impl Environment {
    /// untrap's own environment, and what env files add to it: of several files the last one wins, and untrap's own
    /// environment over all of them. Variables named in `hidden` are left out.
    pub fn new(
        own: impl IntoIterator<Item = Variable>,
        files: impl IntoIterator<Item = Variable>,
        hidden: &[OsString],
    ) -> Self {
        let mut variables: Vec<Variable> = own.into_iter().collect();
        let added = variables.len();
        for (name, value) in files {
            match variables.iter().position(|(earlier, _)| *earlier == name) {
                None => variables.push((name, value)),
                Some(index) if index >= added => variables[index].1 = value,
                Some(_) => {}
            }
        }
        variables.retain(|(name, _)| !hidden.contains(name));
        Self(variables)
    }

    /// The value of a variable; `None` where it is not set.
    #[must_use]
    pub fn get(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        get(&self.0, name.as_ref())
    }
}

impl IntoIterator for Environment {
    type Item = Variable;
    type IntoIter = std::vec::IntoIter<Variable>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The value of the first variable of this name.
pub(crate) fn get<'a>(variables: &'a [Variable], name: &OsStr) -> Option<&'a OsStr> {
    variables.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_os_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<Variable> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn the_last_file_wins_and_the_real_environment_over_all() {
        let own = variables(&[("A", "own"), ("SECRET", "")]);
        let files = variables(&[("A", "1"), ("B", "1"), ("SECRET", "1"), ("C", "1"), ("B", "2")]);
        let environment = Environment::new(own, files, &["C".into()]);
        assert_eq!(environment.get("A"), Some(OsStr::new("own")));
        assert_eq!(environment.get("B"), Some(OsStr::new("2")));
        assert_eq!(environment.get("SECRET"), Some(OsStr::new("")), "an empty value is a value");
        assert_eq!(environment.get("C"), None);
        assert_eq!(environment.into_iter().count(), 3);
    }
}
