//! How often the drain looks for newcomers, scans all threads and closes slices, so that it takes at most 1 % of a core.
//!
//! Each of the three has a share of its own and is stretched alone: beside 5,000 threads a scan or a slice takes milliseconds, and a look for
//! newcomers microseconds as ever.

use std::time::Duration;

/// Stretched at most to this: slices of 32 s.
const MOST_STRETCH: u32 = 32;
/// How much of the estimate is what was done in the last second.
const NEWEST: f64 = 0.3;
/// One time alone counts as no larger share: a crowd of new threads takes milliseconds to attach, once, and is no reason to look less often
/// for the next ones.
const MOST_AT_ONCE: f64 = 0.05;
/// Below this part of its share it goes back to shorter periods; under a half, so that it does not swing.
const LITTLE: f64 = 0.43;

/// The periods of look, scan and slice. (Rings are emptied as often as they need it: that cannot wait.) What they may take together, with the
/// agent's other threads and the time until too much is noticed, is under 1 % of a core.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Looking for newcomers. What a thread does before it is found is unsampled: 12 ms of its life on the average.
    pub look: Rhythm,
    /// Looking at all threads: which have ended, which were overlooked. Nothing waits for it, so it has the smallest share.
    pub scan: Rhythm,
    /// Closing a slice.
    pub slice: Rhythm,
}

impl Pace {
    pub fn new() -> Self {
        Self {
            look: Rhythm::new(Duration::from_millis(25), 0.0025),
            scan: Rhythm::new(Duration::from_millis(100), 0.001),
            slice: Rhythm::new(Duration::from_secs(1), 0.0025),
        }
    }
}

/// How often one thing is done.
#[derive(Debug)]
pub(crate) struct Rhythm {
    /// Where there are few threads.
    shortest: Duration,
    /// The share of a core that it may take for long.
    most_share: f64,
    stretch: u32,
    share: f64,
}

impl Rhythm {
    fn new(shortest: Duration, most_share: f64) -> Self {
        Self {
            shortest,
            most_share,
            stretch: 1,
            share: 0.0,
        }
    }

    /// How long from one time to the next.
    pub fn period(&self) -> Duration {
        self.shortest * self.stretch
    }

    /// By how much it is stretched.
    pub fn stretch(&self) -> u32 {
        self.stretch
    }

    /// It was done, and took so much CPU time; the time before was so long ago.
    pub fn done(&mut self, cpu_ns: u64, since_ns: u64) {
        if since_ns == 0 {
            return;
        }
        let newest = (cpu_ns as f64 / since_ns as f64).min(MOST_AT_ONCE);
        // One of many a second says little.
        let weight = NEWEST * (since_ns as f64 / 1e9).min(1.0);
        self.share += (newest - self.share) * weight;
        if self.share > self.most_share && self.stretch < MOST_STRETCH {
            self.stretch *= 2;
            // What comes now costs about half of it.
            self.share /= 2.0;
        } else if self.share < self.most_share * LITTLE && self.stretch > 1 {
            self.stretch /= 2;
            self.share *= 2.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a rhythm against work that, done as often as it may be, takes so many times its share.
    fn settle(rhythm: &mut Rhythm, shares: f64, times: u32) -> u32 {
        for _ in 0..times {
            let cpu_ns = shares * rhythm.most_share * rhythm.shortest.as_nanos() as f64;
            let since_ns = rhythm.period().as_nanos() as u64;
            rhythm.done(cpu_ns as u64, since_ns);
        }
        rhythm.stretch()
    }

    fn all() -> [Rhythm; 3] {
        let Pace { look, scan, slice } = Pace::new();
        [look, scan, slice]
    }

    #[test]
    fn little_work_is_not_stretched() {
        for mut rhythm in all() {
            assert_eq!(settle(&mut rhythm, 0.6, 1_000), 1);
        }
    }

    #[test]
    fn much_work_is_stretched_until_it_fits_and_back() {
        for mut rhythm in all() {
            let shortest = rhythm.period();
            assert_eq!(settle(&mut rhythm, 4.8, 2_000), 8);
            assert_eq!(rhythm.period(), shortest * 8);
            assert_eq!(settle(&mut rhythm, 0.28, 2_000), 1);
        }
    }

    #[test]
    fn it_settles_and_does_not_swing() {
        for share in [1.8, 2.8, 8.0, 12.0, 20.0] {
            for mut rhythm in all() {
                let settled = settle(&mut rhythm, share, 4_000);
                for _ in 0..50 {
                    assert_eq!(settle(&mut rhythm, share, 1), settled, "at {share}");
                }
            }
        }
    }

    #[test]
    fn there_is_an_end_to_stretching() {
        for mut rhythm in all() {
            assert_eq!(settle(&mut rhythm, 2_000.0, 1_000), MOST_STRETCH);
        }
    }

    #[test]
    fn a_crowd_is_attached_once_and_others_are_found_as_soon_as_before() {
        let mut look = Pace::new().look;
        settle(&mut look, 0.2, 100);
        look.done(30_000_000, 20_000_000);
        assert_eq!(look.stretch(), 1);
        // Crowds that come all the time are another matter.
        for _ in 0..10 {
            look.done(30_000_000, 20_000_000);
        }
        assert!(look.stretch() > 1);
    }

    #[test]
    fn dear_slices_leave_the_look_for_newcomers_alone() {
        let mut pace = Pace::new();
        settle(&mut pace.slice, 8.0, 100);
        settle(&mut pace.scan, 16.0, 100);
        assert!(pace.slice.stretch() > 1 && pace.scan.stretch() > 1);
        assert_eq!(pace.look.period(), Duration::from_millis(25));
    }
}
