//! untrap runs one or several programs as the entrypoint of a container: it starts them, forwards signals to them,
//! shuts them down within a timeout, and reaps orphaned processes.
//!
//! # The pipeline
//! Data flows from the command line to the exit status. Imports between folders run downwards in this list only:
//!
//! - [`cli`] parses the command line into settings, or carries out a verb such as `check`, `ps` or `signal`.
//! - [`runtime`] starts processes and runs the loop: wait for events, let the supervisor decide, carry out its actions.
//! - [`log`] writes untrap's own messages. It never blocks.
//! - [`pid_dir`] writes and reads the files of `--pid-dir`.
//! - [`output`] splits the output of services into lines and formats them.
//! - [`supervisor`] makes every decision about starts, signals, restarts and shutdown. It is pure: events and the time
//!   are its input, actions are its output.
//! - [`config`] reads Procfiles, env files and option values and makes the validated plan of services and hooks.
//! - [`shell`] parses command lines and decides whether a command needs a shell.
//! - [`sys`] makes the system calls and contains all unsafe code.
//! - [`exit_status`] and [`signal`] are the values that every folder uses.
//!
//! # Glossary
//! - **command**: the text that the user wrote: one argument, or the right side of a Procfile line.
//! - **process type**: the left side of a Procfile line, such as `web`.
//! - **service**: a program to supervise, with a name, a command and options. `web=2` makes the services `web.1` and
//!   `web.2`.
//! - **hook**: a command or a readiness check that runs in addition to the services (`--before`, `--after`,
//!   `--stop-command`, `--wait-for`, `--ready`).
//! - **leader**: the process that untrap started for a service, which leads the process group.
//! - **process group**: the process group of a service.
//! - **orphan**: a process that untrap did not start and has become the parent of.
//! - **leftover process**: a descendant of untrap that is still alive when every service has exited.
//! - **forward**: send on a signal that untrap received.
//! - **shutdown**, **stop**: the final phase of the run; to **stop** a service is to send it its stop signal.
//! - **stop signal**, **stop timeout**: the signal that a service is sent at shutdown, and the time it then has until
//!   SIGKILL.
//! - **exit**: a service exits with status N, or is killed by a signal.
//! - **failure**: a status other than 0, or death by a signal.
//! - **readiness check**, **ready**, **timed out**: a check that `--ready` or `--wait-for` names, its success, and the
//!   end of its time.
//! - **backoff**: the growing delay before a restart.
//! - **drain**: the time in which a process group whose leader has exited may exit by itself.

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
#[allow(unsafe_code, reason = "system calls that no crate wraps; nothing else contains unsafe code")]
pub mod sys;
