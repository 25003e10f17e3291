//! The real binary with real processes: one file per feature.

#[path = "../support/mod.rs"]
mod support;

mod check;
mod end;
mod environment;
mod formation;
mod hostile;
mod inheritance;
mod leftovers;
mod messages;
mod pages;
mod signals;
mod start;
mod terminal;
mod usage;
mod words;
