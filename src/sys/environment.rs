//! The environment that all services share.

use std::borrow::Cow;
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
    /// untrap's own environment without the variables named in `hidden`, and `added`, whose names it does not have.
    pub fn new(
        own: impl IntoIterator<Item = &'static CStr>,
        added: impl IntoIterator<Item = Variable>,
        hidden: &[&str],
    ) -> Self {
        let is_hidden = |variable: &&CStr| hidden.iter().any(|hidden| Some(hidden.as_bytes()) == name(variable));
        let own = own.into_iter().filter(|variable| !is_hidden(variable)).map(Cow::Borrowed);
        Self(own.chain(added.into_iter().map(|variable| assignment(variable).into())).collect())
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
pub(crate) fn assignment((name, value): Variable) -> CString {
    // With room for the final NUL.
    let mut assignment = OsString::with_capacity(name.len() + value.len() + 2);
    assignment.push(name);
    assignment.push("=");
    assignment.push(value);
    c_string(assignment)
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
    fn variables_are_passed_on_as_they_are_except_the_hidden_ones() {
        let added = [("B", "2=\0"), ("E", "")].map(|(name, value)| (name.into(), value.into()));
        let environment = Environment::new([c"A=own", c"SECRET=", c"HIDDEN=1", c"D"], added, &["HIDDEN"]);
        assert_eq!(environment.get("A"), Some(OsStr::new("own")));
        assert_eq!(environment.get("B"), Some(OsStr::new("2=")), "what can't be passed on is cut");
        assert_eq!(environment.get("SECRET"), Some(OsStr::new("")), "an empty value is a value");
        assert_eq!(environment.get("D"), None, "a string without a value sets nothing");
        let expected = [c"A=own", c"SECRET=", c"D", c"B=2=", c"E="];
        assert!(environment.into_iter().eq(expected.map(Cow::Borrowed)));
    }
}
