//! Signals: all that can be caught are blocked and read from a descriptor.
//!
//! Blocked signals need no handler. PID 1 does not lose them (the kernel drops only signals that are neither blocked nor
//! handled), the kernel keeps the queue, so that a flood cannot overflow a pipe, and a child has no handler that could run
//! between fork and exec.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal as Standard, sigaction, sigprocmask,
};

use super::check;
use super::limits::DescriptorLimit;
use crate::signal::{Sender, Signal};

/// Signals of faults: the kernel kills a process by them even if they are blocked.
const SYNCHRONOUS: [Standard; 6] =
    [Standard::SIGSEGV, Standard::SIGBUS, Standard::SIGFPE, Standard::SIGILL, Standard::SIGTRAP, Standard::SIGSYS];

/// The signals that end untrap while it reads files, before anything is started.
const INTERRUPTING: [Standard; 4] = [Standard::SIGHUP, Standard::SIGINT, Standard::SIGQUIT, Standard::SIGTERM];

/// The handler of [`Signals::interruptible`].
extern "C" fn exit_by_signal(signal: libc::c_int) {
    // SAFETY: _exit does not return, and runs no code of this process.
    unsafe { libc::_exit(128 + signal) }
}

/// The state of signals and limits that untrap was started with. Services start with the same.
#[derive(Clone, Copy, Debug)]
pub struct Inherited {
    /// The signals that were blocked.
    pub mask: SigSet,
    /// Whether SIGCHLD was ignored.
    pub child_ignored: bool,
    /// The limit of open files, if untrap has raised its own.
    pub descriptor_limit: Option<DescriptorLimit>,
}

/// A source of signals.
#[derive(Debug)]
pub struct Signals {
    descriptor: OwnedFd,
    inherited: Inherited,
}

/// A received signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// One or several children have exited, stopped or continued.
    Child,
    /// A signal for untrap to act on.
    Signal(Signal, Sender),
}

impl Signals {
    /// Blocks every signal that can be caught, from now on, and opens the descriptor that they are read from.
    ///
    /// # Errors
    /// Those of sigprocmask(2), sigaction(2) and signalfd(2).
    pub fn block() -> io::Result<Self> {
        let mut caught = SigSet::all();
        for signal in SYNCHRONOUS {
            caught.remove(signal);
        }
        let mut mask = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&caught), Some(&mut mask))?;
        block_reserved_signals();
        // untrap handles EPIPE of write(2) instead of SIGPIPE: the signal stays blocked and is not read.
        caught.remove(Standard::SIGPIPE);
        // If SIGCHLD is ignored, the kernel reaps children itself and discards their exit status.
        // SAFETY: no handler is set.
        let before = unsafe { nix::sys::signal::signal(Standard::SIGCHLD, SigHandler::SigDfl) }?;
        let inherited = Inherited { mask, child_ignored: matches!(before, SigHandler::SigIgn), descriptor_limit: None };
        // SAFETY: the set outlives the call.
        let descriptor = check(unsafe { libc::signalfd(-1, caught.as_ref(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) })?;
        // SAFETY: the descriptor is new, and no other value owns it.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
        Ok(Self { descriptor, inherited })
    }

    /// The state before.
    #[must_use]
    pub fn inherited(&self) -> Inherited {
        self.inherited
    }

    /// Does work that can block before anything is started, such as reading a FIFO that has no writer. Until it is
    /// done, a signal that asks for the end exits untrap with the status 128 + N: nothing has to be shut down yet.
    pub fn interruptible<T>(&self, work: impl FnOnce() -> T) -> T {
        let exits = SigAction::new(SigHandler::Handler(exit_by_signal), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler makes only one call, of _exit(2), which is async-signal-safe.
        let before = INTERRUPTING.map(|signal| (signal, unsafe { sigaction(signal, &exits) }));
        let restore = |signal, action: &nix::Result<SigAction>| {
            if let Ok(action) = action {
                // SAFETY: this action was set when untrap was started, and no handler survives execve(2).
                let _ = unsafe { sigaction(signal, action) };
            }
        };
        // A signal that nohup(1) or a shell has set to be ignored stays ignored.
        let is_ignored = |action: &SigAction| matches!(action.handler(), SigHandler::SigIgn);
        for (signal, action) in before.iter().filter(|(_, action)| action.as_ref().is_ok_and(is_ignored)) {
            restore(*signal, action);
        }
        let interrupting: SigSet = INTERRUPTING.into_iter().collect();
        // These calls fail only for arguments that the kernel does not know.
        let _ = sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&interrupting), None);
        let result = work();
        let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&interrupting), None);
        for (signal, action) in &before {
            restore(*signal, action);
        }
        result
    }

    /// The next pending signal. The kernel returns them in the order of their numbers.
    #[must_use]
    pub fn next(&self) -> Option<Received> {
        let mut info = std::mem::MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: `info` outlives the call and has this size.
        let read = unsafe { libc::read(self.descriptor.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        if usize::try_from(read) != Ok(size) {
            return None;
        }
        // SAFETY: the kernel has filled in the whole structure.
        let info = unsafe { info.assume_init() };
        if info.ssi_signo == libc::SIGCHLD as u32 {
            return Some(Received::Child);
        }
        let signal = Signal::new(info.ssi_signo as i32)?;
        Some(Received::Signal(signal, sender(signal, &info)))
    }

    /// The descriptor that becomes readable when a signal arrives.
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Blocks the signals that the C library reserves for itself, from 32 to SIGRTMIN: their default is to kill the process.
/// The functions of the C library leave them unblocked, and untrap has no threads, for which the library needs them.
/// They are not read: a program that uses them could not know them by these numbers.
fn block_reserved_signals() {
    let reserved: u64 = (32..libc::SIGRTMIN()).map(|signal| 1 << (signal - 1)).sum();
    // SAFETY: the kernel reads a set of this size. An error leaves the signals unblocked, as before.
    unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, &raw const reserved, 0_usize, size_of::<u64>());
    }
}

fn sender(signal: Signal, info: &libc::signalfd_siginfo) -> Sender {
    match info.ssi_code {
        libc::SI_USER | libc::SI_QUEUE | libc::SI_TKILL if info.ssi_pid == 0 => Sender::Outside,
        libc::SI_USER | libc::SI_QUEUE | libc::SI_TKILL => Sender::Process(info.ssi_pid as i32),
        _ if signal.comes_from_terminals() => Sender::Terminal,
        _ => Sender::Kernel,
    }
}

/// Stops this process as an unhandled SIGTSTP would, until SIGCONT arrives. It has no effect on PID 1, which the kernel
/// never stops.
pub fn suspend() {
    // It fails only for an unknown signal.
    let _ = signal_hook::low_level::emulate_default_handler(libc::SIGTSTP);
}
