//! The words for the reason why a program cannot be executed, and what to do.

use std::fmt;

use crate::sys::executable::{CannotExecute, Obstacle};

/// Displays why a program cannot be executed.
#[derive(Debug)]
pub struct Cause<'a>(pub &'a CannotExecute);

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CannotExecute { program, obstacle } = self.0;
        let program = program.display();
        match obstacle {
            Obstacle::NotInPath(path) => write!(f, "program {program} not found in PATH ({})", path.display()),
            Obstacle::Missing => write!(f, "there is no file {program}"),
            Obstacle::NotADirectory(file) => {
                write!(f, "there is no file {program}, because {} is not a directory", file.display())
            }
            Obstacle::IsDirectory => write!(f, "{program} is a directory; name the program in it"),
            Obstacle::NoExecuteBit => write!(f, "{program} is not executable; make it so with chmod +x {program}"),
            Obstacle::NoExecMount => write!(
                f,
                "{program} is on a file system that is mounted with noexec; move it, or mount the file system with exec"
            ),
            Obstacle::CarriageReturn => write!(
                f,
                "the first line of {program} has a Windows line end (CRLF); convert the file, for example with dos2unix"
            ),
            Obstacle::ByteOrderMark => {
                write!(f, "{program} has a byte order mark before '#!'; save it as UTF-8 without one (BOM)")
            }
            Obstacle::InterpreterMissing(interpreter) => write!(
                f,
                "the interpreter of {program} does not exist: {}; install it, or correct the first line",
                interpreter.display()
            ),
            Obstacle::LoaderMissing(loader) => write!(
                f,
                "the loader of {program} does not exist: {}; the program is built for another C library than that of \
                 this image",
                loader.display()
            ),
            Obstacle::OtherArchitecture(architecture) => {
                write!(f, "{program} is built for {architecture}, and this machine is {}", std::env::consts::ARCH)
            }
            Obstacle::Busy => write!(f, "{program} is open for writing (text file busy); close it before the start"),
            Obstacle::NoFormat => write!(
                f,
                "{program} is no program, and no script that can be executed without a shell; add a first line such as \
                 #!/bin/sh"
            ),
            Obstacle::Other(errno) => write!(f, "can't execute {program}: {}", errno.desc()),
        }
    }
}
