//! The units of a plan, which are its services and hooks.

use std::ops::{Index, IndexMut};

/// The index of a service or a hook in the plan: the services come first, then the hooks. A vector that has an element
/// for each unit is indexed by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UnitId(usize);

impl UnitId {
    /// The unit with this index.
    #[must_use]
    pub const fn new(index: usize) -> Self {
        Self(index)
    }

    /// Its index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

impl<T> Index<UnitId> for [T] {
    type Output = T;

    fn index(&self, id: UnitId) -> &T {
        &self[id.0]
    }
}

impl<T> Index<UnitId> for Vec<T> {
    type Output = T;

    fn index(&self, id: UnitId) -> &T {
        &self[id.0]
    }
}

impl<T> IndexMut<UnitId> for Vec<T> {
    fn index_mut(&mut self, id: UnitId) -> &mut T {
        &mut self[id.0]
    }
}

/// When a hook runs, and for which service.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HookRole {
    /// `--before`: runs to completion before the first service starts.
    Before,
    /// `--after`: runs to completion after all services have exited.
    After,
    /// `--stop-command`: runs instead of sending this service its stop signal.
    StopCommand(UnitId),
    /// `--wait-for`: a readiness check that must succeed before any other unit starts.
    WaitFor,
    /// `--ready`: a readiness check of this service that must succeed before the next service starts.
    Ready(UnitId),
}
