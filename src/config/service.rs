//! What one service is.

use std::rc::Rc;

use super::name::Name;
use super::policy::Policy;
use super::user::User;
use crate::shell::classify::Command;

/// One thing to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// Its name in messages and options.
    pub name: Name,
    /// The place of its process type in the Procfile, or among the commands, from 0.
    pub type_index: u32,
    /// What is executed. The instances of a process type share it.
    pub command: Rc<Command>,
    /// Whom it runs as; `None`: as untrap itself.
    pub user: Option<User>,
    /// What the stop and its end mean for it.
    pub policy: Policy,
}
