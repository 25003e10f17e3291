//! Becoming another user, see credentials(7).

use nix::errno::Errno;

use crate::user::Identity;

/// Gives up this process's user and groups for those of `identity`, with no way back.
///
/// For a child between its birth and its exec: it goes to the kernel directly, because the C library would have all
/// threads of the process follow, and our memory is the parent's.
pub(super) fn become_user(identity: &Identity) -> nix::Result<()> {
    let (uid, gid) = (identity.uid, identity.gid);
    // SAFETY: the array outlives the calls; the ids are plain numbers.
    unsafe {
        Errno::result(libc::syscall(libc::SYS_setgroups, identity.groups.len(), identity.groups.as_ptr()))?;
        Errno::result(libc::syscall(libc::SYS_setresgid, gid, gid, gid))?;
        Errno::result(libc::syscall(libc::SYS_setresuid, uid, uid, uid))?;
    }
    Ok(())
}
