//! The limits of this process, and the signs that one of them, or the memory of its cgroup, is used up.

use std::path::Path;

use nix::errno::Errno;

use super::check;

/// The limit of open files that untrap was started with, if untrap has raised it for itself.
#[derive(Clone, Copy, Debug)]
pub struct DescriptorLimit(libc::rlimit);

impl DescriptorLimit {
    /// Raises the soft limit of open files to the hard one: untrap needs several descriptors for each service. `None`
    /// if there is nothing to raise. An error leaves the limit as it is.
    #[must_use]
    pub fn raise() -> Option<Self> {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` outlives the call.
        check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }).ok()?;
        let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
        if limit.rlim_cur >= limit.rlim_max {
            return None;
        }
        // SAFETY: `raised` outlives the call.
        check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) }).ok()?;
        Some(Self(limit))
    }

    /// Sets the limit back for a service, because programs that use select(2) fail with descriptors over 1023, and
    /// others close every possible descriptor at their start. For a child between fork and exec.
    pub(super) fn restore(&self) -> nix::Result<()> {
        // SAFETY: the limit outlives the call.
        Errno::result(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const self.0) }).map(drop)
    }
}

/// How many processes of this process's cgroup the kernel has killed because memory was short. `None` if the cgroup
/// cannot be read, as in a container without `/sys`.
#[must_use]
pub fn oom_kills() -> Option<u64> {
    let memberships = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let read = |path: String| std::fs::read_to_string(path).ok();
    let counts = memberships.lines().filter_map(|line| {
        let (hierarchy, path) = line.split_once(':')?.1.split_once(':')?;
        let (root, file) = match hierarchy {
            "" => ("/sys/fs/cgroup", "memory.events"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.oom_control"),
            _ => return None,
        };
        // A container that has no cgroup namespace sees its own cgroup at the root.
        let own = read(format!("{root}{path}/{file}")).filter(|_| Path::new(path) != Path::new("/"));
        parse_oom_kills(&own.or_else(|| read(format!("{root}/{file}")))?)
    });
    counts.reduce(u64::max)
}

/// The figure in a line `oom_kill N`.
fn parse_oom_kills(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_both_versions_of_cgroups_is_read() {
        assert_eq!(parse_oom_kills("low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n"), Some(2));
        assert_eq!(parse_oom_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"), Some(7));
        assert_eq!(parse_oom_kills("oom_kill_disable 0\nunder_oom 0\n"), None);
    }
}
