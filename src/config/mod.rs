//! The configuration that the user gave, validated.

pub mod bounded;
pub mod env_file;
pub mod environment;
pub mod hook;
pub mod idle;
pub mod name;
pub mod number;
pub mod plan;
pub mod policy;
pub mod procfile;
pub mod scoped;
pub mod secret;
pub mod service;
pub mod stdin;
pub mod target;
pub mod unit;
pub mod user;
pub mod variables;
