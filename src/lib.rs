//! untrap starts several commands, forwards signals to all of them, waits with a timeout, and reaps what they leave
//! behind.
//!
//! Data flows one way: arguments ([`cli`]) → [`plan`] → [`launch`] → processes and events ([`runtime`]) → decisions
//! ([`supervisor`]) → actions → [`status`]. Every decision about signals and the end is made in [`supervisor`], which
//! knows no clock, no system call and no process; [`sys`] is the thin layer that does.

pub mod cli;
pub mod config;
pub mod exit_status;
pub mod log;
pub mod output;
pub mod pid_dir;
pub mod runtime;
pub mod shell;
pub mod signal;
pub mod supervisor;
#[allow(unsafe_code)]
pub mod sys;
