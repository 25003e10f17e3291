//! The definition of a service.

use std::rc::Rc;

use super::name::Name;
use super::policy::Policy;
use super::user::User;
use crate::shell::classify::Command;

/// A program to supervise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// Its name in messages and options.
    pub name: Name,
    /// The index of its process type in the Procfile, or of its name among the commands.
    pub type_index: u32,
    /// Its command, which the instances of a process type share.
    pub command: Rc<Command>,
    /// The user that it runs as; `None`: untrap's own user.
    pub user: Option<User>,
    /// How it is stopped, and what its exit causes.
    pub policy: Policy,
}
