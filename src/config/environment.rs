//! The variables that services have in addition to untrap's own environment: secrets and env files.

use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::str::FromStr;
use std::{fmt, io};

use crate::config::bounded;
use crate::config::env_file::{self, Outside, ValueNote, ValueNoteKind};
use crate::config::name::Name;
use crate::config::scoped::Scoped;
use crate::config::secret::{Secret, SecretError};
use crate::config::variables::Variables;
use crate::sys::environment::{self, Variable};

/// A file of `--env-file`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvFile {
    /// Its path.
    pub path: PathBuf,
    /// Whether it is no error if the file does not exist.
    pub is_optional: bool,
}

impl FromStr for EnvFile {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (path, is_optional) = text.strip_prefix('?').map_or((text, false), |path| (path, true));
        if path.is_empty() {
            return Err("the path is empty; write FILE, or ?FILE for a file that may be missing");
        }
        Ok(Self { path: PathBuf::from(path), is_optional })
    }
}

/// The options that define variables of services.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EnvironmentOptions {
    /// `--env-file`.
    pub env_files: Scoped<EnvFile>,
    /// `--secret`.
    pub secrets: Vec<Secret>,
}

/// The variables that services have in addition to untrap's own environment.
#[derive(Debug, Default)]
pub struct ServiceVariables {
    /// Those of all services.
    pub shared: Vec<Variable>,
    /// Those of the services with this name or of this process type; they win over the shared variables.
    pub named: NamedVariables,
    /// The variables of untrap's own environment that services do not inherit.
    pub removed: Vec<String>,
    /// The values that a reader of the files may not expect.
    pub notes: Vec<FileNote>,
}

/// Variables of single services.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NamedVariables(Vec<(Name, Vec<Variable>)>);

impl NamedVariables {
    /// The variables of a service.
    #[must_use]
    pub fn get(&self, service: &Name) -> &[Variable] {
        let exact = self.0.iter().find(|(name, _)| name == service);
        let found = exact.or_else(|| self.0.iter().find(|(name, _)| service.is_in(name)));
        found.map_or(&[], |(_, variables)| variables)
    }
}

/// A note about a value, with its file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileNote {
    path: Rc<Path>,
    note: ValueNote,
}

impl FileNote {
    /// Whether it is a warning, not a detail.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        matches!(self.note.kind, ValueNoteKind::Unset(_))
    }
}

impl fmt::Display for FileNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path.display(), self.note)
    }
}

/// An env file or a secret cannot be used.
#[derive(Debug)]
pub enum EnvironmentError {
    /// The env file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// The env file has a syntax error.
    Syntax(PathBuf, env_file::EnvFileError),
    /// A secret cannot be used.
    Secret(SecretError),
}

impl fmt::Display for EnvironmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "can't read {}: {error}; see --env-file", path.display()),
            Self::Syntax(path, error) => write!(f, "{}:{error}", path.display()),
            Self::Secret(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for EnvironmentError {}

impl From<SecretError> for EnvironmentError {
    fn from(error: SecretError) -> Self {
        Self::Secret(error)
    }
}

impl EnvironmentOptions {
    /// Whether files are read.
    #[must_use]
    pub fn has_files(&self) -> bool {
        self.env_files.iter().next().is_some() || !self.secrets.is_empty()
    }

    /// Reads the files. `own` is untrap's environment, which wins over them. Services do not get the variables that
    /// `hidden` names.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read(
        &self,
        own: impl IntoIterator<Item = &'static CStr>,
        hidden: &[&str],
    ) -> Result<ServiceVariables, EnvironmentError> {
        if !self.has_files() {
            return Ok(ServiceVariables::default());
        }
        let own = variables_of(own);
        let (secrets, removed) = self.read_secrets(&own)?;
        let mut environment = own.clone();
        for (secret, value) in self.secrets.iter().zip(&secrets) {
            environment.set(&secret.variable, value.clone());
        }
        let mut files: Vec<(Option<&Name>, &EnvFile)> = self.env_files.iter().collect();
        // A file wins over those that are read before it.
        files.sort_by_key(|(scope, _)| scope.map(|name| name.instance.is_some()));
        let mut shared = Variables::default();
        let mut named: Vec<(Name, Variables)> = Vec::new();
        let mut notes = Vec::new();
        for (scope, file) in files {
            let Some(scope) = scope else {
                let outside = Outside { environment: &environment, below: None };
                notes.extend(file.read(outside, &mut shared)?);
                continue;
            };
            let place = named.iter().position(|(name, _)| name == scope).unwrap_or_else(|| {
                // The variables of an instance are those of its process type and its own.
                let inherited =
                    named.iter().find(|(name, _)| scope.is_in(name)).map(|(_, variables)| variables.clone());
                named.push((scope.clone(), inherited.unwrap_or_default()));
                named.len() - 1
            });
            let outside = Outside { environment: &environment, below: Some(&shared) };
            notes.extend(file.read(outside, &mut named[place].1)?);
        }
        let is_in_a_file = |secret: &&Secret| {
            let mut all = named.iter().map(|(_, variables)| variables).chain([&shared]);
            all.any(|variables| variables.get(&secret.variable).is_some())
        };
        if let Some(secret) = self.secrets.iter().find(is_in_a_file) {
            return Err(secret.set_already().into());
        }
        let passed_on = |variables: Variables| variables.into_list(own.names().chain(hidden.iter().copied()));
        let secrets = self.secrets.iter().map(|secret| OsString::from(&secret.variable)).zip(secrets);
        Ok(ServiceVariables {
            shared: secrets.chain(passed_on(shared)).collect(),
            named: NamedVariables(named.into_iter().map(|(name, variables)| (name, passed_on(variables))).collect()),
            removed,
            notes,
        })
    }

    /// The values of the secrets, and the names of the variables that named their files.
    fn read_secrets(&self, own: &Variables) -> Result<(Vec<OsString>, Vec<String>), SecretError> {
        let (mut values, mut removed) = (Vec::new(), Vec::new());
        for (index, secret) in self.secrets.iter().enumerate() {
            let is_repeated = self.secrets[..index].iter().any(|earlier| earlier.variable == secret.variable);
            if is_repeated || own.get(&secret.variable).is_some() {
                return Err(secret.set_already());
            }
            values.push(secret.read(own.get(&secret.file_variable()))?);
            if secret.file.is_none() {
                removed.push(secret.file_variable());
            }
        }
        Ok((values, removed))
    }
}

impl EnvFile {
    fn read(&self, outside: Outside, variables: &mut Variables) -> Result<Vec<FileNote>, EnvironmentError> {
        let bytes = match bounded::read(&self.path, bounded::ENV_FILE) {
            Err(error) if self.is_optional && error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            read => read.map_err(|error| EnvironmentError::Unreadable(self.path.clone(), error))?,
        };
        let notes = env_file::parse(&bytes, outside, variables);
        let notes = notes.map_err(|error| EnvironmentError::Syntax(self.path.clone(), error))?;
        let path: Rc<Path> = self.path.as_path().into();
        Ok(notes.into_iter().map(|note| FileNote { path: Rc::clone(&path), note }).collect())
    }
}

/// The variables of an environment whose names are UTF-8. If a name occurs twice, the first one counts, as for getenv(3).
fn variables_of(assignments: impl IntoIterator<Item = &'static CStr>) -> Variables {
    let mut variables = Variables::default();
    for assignment in assignments {
        if let Some(name) = environment::name(assignment).and_then(|name| str::from_utf8(name).ok())
            && variables.get(name).is_none()
        {
            variables.set(name, OsStr::from_bytes(&assignment.to_bytes()[name.len() + 1..]).to_owned());
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(pairs: &[(&str, &str)]) -> Vec<Variable> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn read(files: &[(&str, &str)], own: &[&'static CStr]) -> ServiceVariables {
        let directory = tempfile::tempdir().unwrap();
        let mut options = EnvironmentOptions::default();
        for (index, (scope, content)) in files.iter().enumerate() {
            let path = directory.path().join(index.to_string());
            std::fs::write(&path, content).unwrap();
            options.env_files.read(&format!("{scope}{}", path.display())).unwrap();
        }
        options.read(own.iter().copied(), &["HIDDEN"]).unwrap()
    }

    #[test]
    fn the_environment_wins_then_the_more_exact_name_then_the_later_file() {
        let files = [
            ("web.2=", "A=web.2\nE=$\n"),
            ("web=", "A=web\nB=web\nOWN=web\n"),
            ("", "A=1\nB=1\nC=1\nD=1\nHIDDEN=1\n"),
            ("web=", "B=later\n"),
            ("", "D=2\n"),
        ];
        let variables = read(&files, &[c"OWN=own", c"D", c"HIDDEN=own"]);
        assert_eq!(variables.shared, list(&[("A", "1"), ("B", "1"), ("C", "1"), ("D", "2")]));
        let of = |name: &str| variables.named.get(&Name::read(name).unwrap()).to_vec();
        assert_eq!(of("web.1"), list(&[("A", "web"), ("B", "later")]));
        assert_eq!(of("web.2"), list(&[("A", "web.2"), ("B", "later"), ("E", "$")]));
        assert_eq!(of("worker"), []);
    }

    #[test]
    fn expansions_see_the_environment_then_earlier_lines_then_the_files_that_this_file_wins_over() {
        let files = [("web=", "D=${A}${B}${C}\n"), ("", "A=1\nB=1\nC=1\n"), ("", "B=2\nX=${A}${B}${C}\n")];
        let variables = read(&files, &[c"C=own", c"C=second"]);
        assert_eq!(variables.shared[2..], list(&[("X", "12own")]));
        assert_eq!(variables.named.get(&Name::read("web").unwrap()), list(&[("D", "12own")]));
        assert_eq!(variables.notes.iter().filter(|note| note.is_warning()).count(), 0);
    }

    #[test]
    fn a_value_that_begins_with_a_question_mark_is_a_file_that_may_be_missing() {
        let file = |path: &str, is_optional| Ok(EnvFile { path: path.into(), is_optional });
        assert_eq!("?x".parse(), file("x", true));
        assert_eq!("./?x".parse(), file("./?x", false));
        for text in ["", "?"] {
            assert!(text.parse::<EnvFile>().is_err());
        }
    }
}
