//! The clock of process start times.

use std::time::Duration;

/// The age of a process that started this many clock ticks after boot.
#[must_use]
pub fn age(start_time: u64) -> Duration {
    time_after_boot().saturating_sub(ticks(start_time))
}

/// The time since boot, on the clock of start times.
pub(super) fn time_after_boot() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` outlives the call, which fails only for an unknown clock.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// A number of clock ticks as a duration.
pub(super) fn ticks(count: u64) -> Duration {
    // SAFETY: sysconf accesses no memory of the caller.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as u64;
    Duration::from_nanos(count.saturating_mul(1_000_000_000 / per_second))
}
