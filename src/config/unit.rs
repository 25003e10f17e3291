//! The parts of a plan: what each is there for.

/// A service, or a command that runs beside the services, by its place in the plan.
pub type UnitId = usize;

/// What a service is there for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Role {
    /// To run until the stop: what the user calls a service.
    #[default]
    Service,
    /// To run to its end before the first service starts: `--before`.
    Before,
    /// To run to its end after all else has ended: `--after`.
    After,
    /// To run instead of the stop signal of this service: `--stop-command`.
    StopCommand(UnitId),
    /// To end with 0 once something is there, before all else starts: a probe of `--wait-for`.
    WaitFor,
    /// To end with 0 once this service is ready, before the next one starts: a probe of `--ready`.
    Ready(UnitId),
}
