//! Makes system calls of a program fail, as a sandbox does: `deny CALL=ERRNO... -- PROGRAM [ARG]...`
//!
//! ERRNO is `EPERM` or `ENOSYS`. The seccomp(2) filter applies to the descendants of the program too.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// The calls of untrap that can be denied.
const CALLS: &[(&str, libc::c_long)] = &[
    ("clone", libc::SYS_clone),
    ("getpgid", libc::SYS_getpgid),
    ("kill", libc::SYS_kill),
    ("pidfd_open", libc::SYS_pidfd_open),
    ("pidfd_send_signal", libc::SYS_pidfd_send_signal),
    ("ppoll", libc::SYS_ppoll),
    ("prctl", libc::SYS_prctl),
    ("pwritev2", libc::SYS_pwritev2),
    ("rt_sigprocmask", libc::SYS_rt_sigprocmask),
    ("setpgid", libc::SYS_setpgid),
    ("signalfd4", libc::SYS_signalfd4),
    ("waitid", libc::SYS_waitid),
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut filter = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    for denial in arguments.by_ref().take_while(|argument| argument != "--") {
        let (name, errno) = denial.split_once('=').expect("CALL=ERRNO");
        let (_, call) = CALLS.iter().find(|(known, _)| *known == name).expect("a call in CALLS");
        let errno = if errno == "EPERM" { libc::EPERM } else { libc::ENOSYS };
        // Skip the next statement if it is another call.
        let is_other = libc::sock_filter { jt: 0, jf: 1, ..statement(libc::BPF_JMP | libc::BPF_JEQ, *call as u32) };
        filter.extend([is_other, statement(libc::BPF_RET, libc::SECCOMP_RET_ERRNO | errno as u32)]);
    }
    filter.push(statement(libc::BPF_RET, libc::SECCOMP_RET_ALLOW));
    install(&mut filter);
    let program = arguments.next().expect("a program");
    panic!("{program}: {}", Command::new(&program).args(arguments).exec());
}

/// A statement with a constant operand (`BPF_K`, which is 0).
fn statement(code: u32, constant: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: 0, k: constant }
}

#[allow(unsafe_code, reason = "no dependency has seccomp")]
fn install(filter: &mut [libc::sock_filter]) {
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the kernel copies the filter, which outlives the calls.
    let result = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}
