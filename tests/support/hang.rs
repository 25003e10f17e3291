//! Makes execve(2) of some paths hang, as on a file system that does not answer: `hang NAME PROGRAM [ARG]...`. In the
//! program and its descendants, execve(2) of a path that ends in NAME does not return.
//!
//! The kernel reports each execve(2) to another process (`seccomp_unotify(2)`), which continues all other calls.

#![allow(unsafe_code, reason = "no dependency has these calls")]

use std::io;
use std::os::fd::RawFd;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().expect("NAME");
    let program = arguments.next().expect("PROGRAM");
    let listener = install_filter();
    // The process that answers must not be a child of the program, so it becomes an orphan.
    // SAFETY: this process has one thread, and the status of the child is not needed.
    unsafe {
        let own = libc::getpid();
        let child = libc::fork();
        if child == 0 {
            if libc::fork() == 0 {
                answer(listener, &name, own);
            }
            libc::_exit(0);
        }
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
    // SAFETY: no value owns the descriptor.
    unsafe { libc::close(listener) };
    panic!("{program}: {}", Command::new(&program).args(arguments).exec());
}

/// Makes the kernel report each execve(2) to the returned descriptor.
fn install_filter() -> RawFd {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let is_execve = libc::sock_filter { jf: 1, ..statement(libc::BPF_JMP | libc::BPF_JEQ, libc::SYS_execve as u32) };
    let mut filter = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        is_execve,
        statement(libc::BPF_RET, libc::SECCOMP_RET_USER_NOTIF),
        statement(libc::BPF_RET, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the kernel copies the filter, which outlives the calls.
    let listener = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    };
    assert!(listener >= 0, "{}", io::Error::last_os_error());
    listener as RawFd
}

fn answer(listener: RawFd, name: &str, program: libc::pid_t) {
    // Close the pipes of the test, which waits for their end of file.
    for descriptor in 0..3 {
        // SAFETY: no value of this process owns it.
        unsafe { libc::close(descriptor) };
    }
    // SAFETY: kill accesses no memory.
    while unsafe { libc::kill(program, 0) } == 0 {
        let mut ready = libc::pollfd { fd: listener, events: libc::POLLIN, revents: 0 };
        // The timeout is for the check that the program is alive.
        // SAFETY: `ready` is one `pollfd` and outlives the call.
        if unsafe { libc::poll(&raw mut ready, 1, 100) } <= 0 {
            continue;
        }
        // SAFETY: the struct contains only integers; the kernel requires zeroes.
        let mut request: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: `request` outlives the call, which writes it.
        let received = unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut request) } == 0;
        if !received || path(request.pid, request.data.args[0]).ends_with(name.as_bytes()) {
            continue;
        }
        let response = libc::seccomp_notif_resp {
            id: request.id,
            val: 0,
            error: 0,
            flags: libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
        };
        // SAFETY: `response` outlives the call, which reads it.
        unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_SEND, &raw const response) };
    }
}

/// The C string at an address of a process.
fn path(pid: u32, address: u64) -> Vec<u8> {
    let mut bytes = [0; 4096];
    let memory = std::fs::File::open(format!("/proc/{pid}/mem"));
    let length = memory.and_then(|memory| memory.read_at(&mut bytes, address)).unwrap_or(0);
    bytes[..length].split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}
