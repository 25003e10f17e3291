//! untrap starts several commands, forwards signals to all of them, waits with a timeout, and reaps what they leave
//! behind.
//!
//! Data flows one way: arguments ([`cli`]) → [`plan`] → [`launch`] → processes and events ([`runtime`]) → decisions
//! ([`supervisor`]) → actions → [`status`]. Every decision about signals and the end is made in [`supervisor`], which
//! knows no clock, no system call and no process; [`sys`] is the thin layer that does.

pub mod check;
pub mod cli;
pub mod command;
pub mod envfile;
pub mod environment;
pub mod event;
pub mod expand;
pub mod generate;
pub mod hook;
pub mod launch;
pub mod line;
pub mod output;
pub mod pid_dir;
pub mod pidfile;
pub mod plan;
pub mod policy;
pub mod procfile;
pub mod report;
pub mod runtime;
pub mod scoped;
pub mod shell;
pub mod signal;
pub mod simple;
pub mod status;
pub mod supervisor;
#[allow(unsafe_code)]
pub mod sys;
pub mod target;
pub mod user;
pub mod verbs;
