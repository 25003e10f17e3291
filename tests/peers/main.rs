//! Checks the tables of `docs/switching.md` row by row: runs a scenario under tini, dumb-init or catatonit and under
//! untrap.

#[path = "../support/mod.rs"]
mod support;

mod catatonit;
mod dumb_init;
mod flagless;
mod inherited;
mod page;
mod scenarios;
mod stage;
mod tini;

const PEERS: [&str; 3] = ["tini", "dumb-init", "catatonit"];
