//! The clock of process start times.

use std::time::Duration;

/// The time since a process started that started so many clock ticks after boot.
#[must_use]
pub fn age(start_time: u64) -> Duration {
    time_after_boot().saturating_sub(ticks(start_time))
}

/// The time since the machine was started, on the clock of start times.
pub(super) fn time_after_boot() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the buffer outlives the call, which fails only for clocks that the kernel doesn't know.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Clock ticks as a time.
pub(super) fn ticks(count: u64) -> Duration {
    // SAFETY: sysconf touches no memory of ours.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as u64;
    Duration::from_nanos(count.saturating_mul(1_000_000_000 / per_second))
}
