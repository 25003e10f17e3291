//! How long a service that ended waits before it is started again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);
/// Who ran this long was well, and begins anew.
const HEALTHY: Duration = Duration::from_mins(1);

/// Waits that double from 100 ms to 30 s. Up to a quarter is added by chance, so that services that ended together
/// don't come back together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    failures: u32,
    random: u64,
}

impl Backoff {
    /// The seed decides the chances.
    pub(super) fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self { failures: 0, random: seed.max(1) }
    }

    /// The wait after an end that came after this time.
    pub(super) fn next(&mut self, ran: Duration) -> Duration {
        if ran >= HEALTHY {
            self.failures = 0;
        }
        // 100 ms × 2⁹ is past the longest.
        let wait = (FIRST * 2_u32.pow(self.failures.min(9))).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        wait + wait / 4 * self.chance() / 256
    }

    /// 0 to 255, by Marsaglia's xorshift.
    fn chance(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        u32::from(self.random.to_le_bytes()[4])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_100_ms_to_30_s_with_up_to_a_quarter_more() {
        let mut backoff = Backoff::new(7);
        for base in [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000] {
            let wait = backoff.next(Duration::ZERO).as_millis();
            assert!((base..=base + base / 4).contains(&wait), "{wait} after {base}");
        }
    }

    #[test]
    fn a_minute_of_good_health_begins_anew() {
        let mut backoff = Backoff::new(7);
        let waits: Vec<_> = (0..5).map(|_| backoff.next(Duration::from_secs(59))).collect();
        assert!(waits.is_sorted());
        assert!(backoff.next(Duration::from_secs(59)) >= Duration::from_secs(3));
        assert!(backoff.next(HEALTHY) <= Duration::from_millis(125));
    }

    #[test]
    fn chance_differs_between_seeds_and_between_waits() {
        let chances = |seed| {
            let mut backoff = Backoff::new(seed);
            [(); 16].map(|()| backoff.chance())
        };
        assert_ne!(chances(1), chances(2));
        assert!(chances(0).iter().any(|chance| *chance != chances(0)[0]));
    }
}
