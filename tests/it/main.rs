//! The real binary with real processes: one file per feature.

#[path = "../support/mod.rs"]
mod support;

mod attacks;
mod beside;
mod check;
mod comparison;
mod completions;
mod cwd;
mod descriptors;
mod env_files;
mod environment;
mod executable;
mod faults;
mod first_moves;
mod formation;
mod hooks;
mod hostile;
mod inheritance;
mod inputs;
mod launching;
mod leftovers;
mod limits;
mod messages;
mod output;
mod pages;
mod pid_dir;
mod privileges;
mod secrets;
mod shutdown;
mod signals;
mod sources;
mod start;
mod terminal;
mod traced;
mod trust;
mod usage;
mod verbs;
mod whole_run;
mod words;
mod zombies;
