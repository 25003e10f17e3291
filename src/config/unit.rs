//! The units of a plan, which are its services and hooks, and their roles.

/// The index of a service or a hook in the plan.
pub type UnitId = usize;

/// The role of a unit in the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Role {
    /// A service, which runs until the shutdown.
    #[default]
    Service,
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
