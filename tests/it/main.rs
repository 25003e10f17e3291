//! The real binary with real processes: one file per feature.

#[path = "../support/mod.rs"]
mod support;

mod end;
mod hostile;
mod inheritance;
mod leftovers;
mod messages;
mod output;
mod pages;
mod signals;
mod start;
mod terminal;
mod usage;
