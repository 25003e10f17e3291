//! The change to another user, see credentials(7).

use nix::errno::Errno;

use super::environment::Variable;

/// A user with its groups, and the variables that programs expect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The user's id.
    pub uid: u32,
    /// The id of the user's group.
    pub gid: u32,
    /// The ids of all groups that the user is a member of.
    pub groups: Vec<u32>,
    /// For `USER` and `LOGNAME`.
    pub name: String,
    /// For `HOME`.
    pub home: String,
}

impl Identity {
    /// The variables from which programs learn their user.
    #[must_use]
    pub fn variables(&self) -> [Variable; 3] {
        let variables = [("HOME", &self.home), ("USER", &self.name), ("LOGNAME", &self.name)];
        variables.map(|(name, value)| (name.into(), value.into()))
    }
}

/// Changes the user and the groups of this process, and gives up the way back.
///
/// For a child between fork and exec. The system calls are made directly, because the functions of the C library
/// synchronize all threads.
pub(super) fn become_user(identity: &Identity) -> nix::Result<()> {
    let (uid, gid) = (identity.uid, identity.gid);
    // SAFETY: `groups` outlives the call and has this length; the other calls take numbers.
    unsafe {
        Errno::result(libc::syscall(libc::SYS_setgroups, identity.groups.len(), identity.groups.as_ptr()))?;
        Errno::result(libc::syscall(libc::SYS_setresgid, gid, gid, gid))?;
        Errno::result(libc::syscall(libc::SYS_setresuid, uid, uid, uid))?;
    }
    if uid == ROOT { Ok(()) } else { drop_capabilities() }
}

/// The user that execve(2) grants all capabilities to.
const ROOT: u32 = 0;

/// The header of capset(2).
#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: libc::c_int,
}

/// Sets of capabilities, as capset(2) takes them: version 3 has two of these, each for 32 capabilities.
#[repr(C)]
#[derive(Clone, Copy)]
struct CapabilitySets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Gives up all capabilities of the process, and with the permitted ones the ambient ones, see capabilities(7).
///
/// The kernel does so itself if the process was root. It does not if untrap has its capabilities as an ordinary user,
/// or if it has inherited a keep-capabilities flag or securebits.
fn drop_capabilities() -> nix::Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    let header = CapabilityHeader { version: VERSION_3, pid: 0 };
    let none = [CapabilitySets { effective: 0, permitted: 0, inheritable: 0 }; 2];
    // SAFETY: `header` and `none` outlive the call and have the layout of version 3.
    Errno::result(unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) }).map(drop)
}
