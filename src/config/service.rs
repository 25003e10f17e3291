//! The definition of a service.

use std::path::PathBuf;
use std::rc::Rc;
use std::str::FromStr;

use super::name::Name;
use super::policy::Policy;
use super::user::User;
use crate::shell::classify::Command;

/// A directory of `--cwd`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkingDirectory(pub PathBuf);

impl FromStr for WorkingDirectory {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() { Err("the path is empty; name a directory") } else { Ok(Self(PathBuf::from(text))) }
    }
}

/// A program to supervise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// Its name in messages and options.
    pub name: Name,
    /// The index of its process type in the Procfile, or of its name among the commands.
    pub type_index: u32,
    /// Its command, which the instances of a process type share.
    pub command: Rc<Command>,
    /// Its working directory; `None`: where untrap runs.
    pub directory: Option<WorkingDirectory>,
    /// The user that it runs as; `None`: untrap's own user.
    pub user: Option<User>,
    /// How it is stopped, and what its exit causes.
    pub policy: Policy,
}
