//! The environment that all services share.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// A variable: its name and its value.
pub type Variable = (OsString, OsString);

/// `NAME=value`, as execve(2) takes it. untrap's own variables are borrowed from the memory where the kernel has put them.
pub type Assignment = Cow<'static, CStr>;

/// The variables of all services.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Environment(Vec<Assignment>);

impl Environment {
    /// untrap's own environment and the variables of env files. A later file has precedence over an earlier one, and
    /// untrap's own environment over all files. Variables named in `hidden` are left out.
    pub fn new(
        own: impl IntoIterator<Item = &'static CStr>,
        files: impl IntoIterator<Item = Variable>,
        hidden: &[&str],
    ) -> Self {
        let mut variables: Vec<Assignment> = own.into_iter().map(Cow::Borrowed).collect();
        variables.extend(defined_by_files(&variables, files));
        variables.retain(|variable| {
            let name = name(variable);
            !hidden.iter().any(|hidden| Some(hidden.as_bytes()) == name)
        });
        Self(variables)
    }

    /// The names of the variables.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter_map(|variable| name(variable))
    }

    /// The value of a variable; `None` if it is not set.
    #[must_use]
    pub fn get(&self, wanted: &str) -> Option<&OsStr> {
        let variable = self.0.iter().find(|variable| name(variable) == Some(wanted.as_bytes()))?;
        variable.to_bytes().get(wanted.len() + 1..).map(OsStr::from_bytes)
    }
}

/// The variables of env files that `own` does not have, each once, with its last value.
fn defined_by_files(own: &[Assignment], files: impl IntoIterator<Item = Variable>) -> Vec<Assignment> {
    let mut files = files.into_iter().peekable();
    if files.peek().is_none() {
        return Vec::new();
    }
    // A map, because an env file can define many thousands of variables.
    let mut places: HashMap<Vec<u8>, Option<usize>> =
        own.iter().filter_map(|variable| Some((name(variable)?.to_vec(), None))).collect();
    let mut added: Vec<Assignment> = Vec::new();
    for variable in files {
        let place = places.entry(variable.0.as_bytes().to_vec()).or_insert(Some(added.len()));
        match *place {
            None => {}
            Some(place) if place < added.len() => added[place] = assignment(variable).into(),
            Some(_) => added.push(assignment(variable).into()),
        }
    }
    added
}

impl IntoIterator for Environment {
    type Item = Assignment;
    type IntoIter = std::vec::IntoIter<Assignment>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The value of the first variable of this name.
pub(crate) fn get<'a>(variables: &'a [Variable], name: &OsStr) -> Option<&'a OsStr> {
    variables.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_os_str())
}

/// The name in `NAME=value`. `None` for a string without `=`, which an environment can contain.
pub(crate) fn name(assignment: &CStr) -> Option<&[u8]> {
    let bytes = assignment.to_bytes();
    memchr::memchr(b'=', bytes).map(|end| &bytes[..end])
}

/// `NAME=value` of a name and a value.
pub(crate) fn assignment((mut name, value): Variable) -> CString {
    name.push("=");
    name.push(value);
    c_string(name)
}

/// A C string; what follows a NUL, which neither arguments nor environment can hold, is dropped.
pub(crate) fn c_string(text: OsString) -> CString {
    CString::new(text.into_vec()).unwrap_or_else(|error| {
        let end = error.nul_position();
        let mut bytes = error.into_vec();
        bytes.truncate(end);
        CString::new(bytes).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_file_wins_and_the_real_environment_over_all() {
        let own = [c"A=own", c"SECRET=", c"HIDDEN=1", c"D"];
        let files = [("A", "1"), ("B", "1"), ("SECRET", "1"), ("C", "1"), ("B", "2=\0"), ("D", "1")];
        let files = files.map(|(name, value)| (name.into(), value.into()));
        let environment = Environment::new(own, files, &["C", "HIDDEN"]);
        assert_eq!(environment.get("A"), Some(OsStr::new("own")));
        assert_eq!(environment.get("B"), Some(OsStr::new("2=")), "what can't be passed on is cut");
        assert_eq!(environment.get("SECRET"), Some(OsStr::new("")), "an empty value is a value");
        assert_eq!(environment.get("D"), Some(OsStr::new("1")), "a string without a value sets nothing");
        let expected = [c"A=own", c"SECRET=", c"D", c"B=2=", c"D=1"];
        assert!(environment.into_iter().eq(expected.map(Cow::Borrowed)), "and is passed on as it is");
    }

    #[test]
    fn many_variables_of_files_are_read_in_linear_time() {
        let files = (0..200_000).map(|number| (format!("V{number}").into(), "x".into()));
        let environment = Environment::new([c"V7=own"], files, &[]);
        assert_eq!(environment.get("V7"), Some(OsStr::new("own")));
        assert_eq!(environment.into_iter().count(), 200_000);
    }
}
