//! untrap starts several commands, forwards signals to all of them, waits with a timeout, and reaps what they leave
//! behind.
//!
//! Data flows one way: arguments ([`cli`]) → [`plan`] → processes and events ([`runtime`]) → decisions
//! ([`supervisor`]) → actions → [`status`]. Every decision about signals and the end is made in [`supervisor`], which
//! knows no clock, no system call and no process; [`sys`] is the thin layer that does.

pub mod cli;
pub mod command;
pub mod event;
pub mod generate;
pub mod output;
pub mod plan;
pub mod procfile;
pub mod report;
pub mod runtime;
pub mod scoped;
pub mod signal;
pub mod status;
pub mod supervisor;
#[allow(unsafe_code)]
pub mod sys;
