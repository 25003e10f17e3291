//! The growing delay before a restart.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);
/// A service that ran this long is healthy: the delay begins again with the shortest.
const HEALTHY: Duration = Duration::from_mins(1);

/// A delay that doubles from 100 ms to 30 s. Up to a quarter of it is added at random, so that services that exited
/// together do not restart together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Backoff {
    failures: u32,
    random: u64,
}

impl Backoff {
    /// The seed determines the random part.
    pub(super) fn new(seed: u64) -> Self {
        // Xorshift maps zero to zero.
        Self { failures: 0, random: seed.max(1) }
    }

    /// The delay before the restart of a service that ran for this time.
    pub(super) fn next(&mut self, ran: Duration) -> Duration {
        if ran >= HEALTHY {
            self.failures = 0;
        }
        // 100 ms × 2⁹ is more than the longest delay.
        let delay = (FIRST * 2_u32.pow(self.failures.min(9))).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        delay + delay / 4 * self.random_byte() / 256
    }

    /// 0 to 255, by Marsaglia's xorshift.
    fn random_byte(&mut self) -> u32 {
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
    fn the_delay_doubles_from_100_ms_to_30_s_and_up_to_a_quarter_is_added() {
        let mut backoff = Backoff::new(7);
        for base in [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000] {
            let delay = backoff.next(Duration::ZERO).as_millis();
            assert!((base..=base + base / 4).contains(&delay), "{delay} instead of {base}");
        }
    }

    #[test]
    fn the_delay_begins_again_after_a_minute_of_running() {
        let mut backoff = Backoff::new(7);
        let delays: Vec<_> = (0..5).map(|_| backoff.next(Duration::from_secs(59))).collect();
        assert!(delays.is_sorted());
        assert!(backoff.next(Duration::from_secs(59)) >= Duration::from_secs(3));
        assert!(backoff.next(HEALTHY) <= Duration::from_millis(125));
    }

    #[test]
    fn the_random_part_differs_between_seeds_and_between_delays() {
        let bytes = |seed| {
            let mut backoff = Backoff::new(seed);
            [(); 16].map(|()| backoff.random_byte())
        };
        assert_ne!(bytes(1), bytes(2));
        assert!(bytes(0).iter().any(|byte| *byte != bytes(0)[0]));
    }
}
