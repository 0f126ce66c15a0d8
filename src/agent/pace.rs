//! How often the drain looks for threads and closes slices, so that it takes at most 1 % of a core.

use std::time::Duration;

/// The share of a core that the drain may take for long: the agent's other threads and the time until this is noticed come on top, and all
/// together stay under 1 %.
const MOST_SHARE: f64 = 0.007;
/// Below this it goes back to shorter periods; under half of the most, so that it does not swing.
const LITTLE_SHARE: f64 = 0.003;
/// Stretched at most to this: slices of 16 s.
const MOST_STRETCH: u32 = 16;
/// How much of the estimate is the newest slice's.
const NEWEST: f64 = 0.3;

/// How often threads are looked for, where there are few of them.
const SCAN_PERIOD: Duration = Duration::from_millis(100);
/// How long a slice is, where there are few threads.
const SLICE_PERIOD: Duration = Duration::from_secs(1);

/// The periods of scan and slice. (Rings are emptied as often as they need it: that cannot wait.)
#[derive(Debug)]
pub(crate) struct Pace {
    stretch: u32,
    share: Option<f64>,
}

impl Pace {
    pub fn new() -> Self {
        Self {
            stretch: 1,
            share: None,
        }
    }

    /// How long from one scan to the next.
    pub fn scan_period(&self) -> Duration {
        SCAN_PERIOD * self.stretch
    }

    /// How long a slice lasts.
    pub fn slice_period(&self) -> Duration {
        SLICE_PERIOD * self.stretch
    }

    /// By how much both are stretched.
    pub fn stretch(&self) -> u32 {
        self.stretch
    }

    /// A slice took the drain so much CPU time over so much time.
    pub fn slice_closed(&mut self, cpu_ns: u64, duration_ns: u64) {
        if duration_ns == 0 {
            return;
        }
        let newest = cpu_ns as f64 / duration_ns as f64;
        // A short slice that somebody asked for says little.
        let weight = NEWEST * (duration_ns as f64 / 1e9).min(1.0);
        let share = self
            .share
            .map_or(newest * weight, |share| share + (newest - share) * weight);
        self.share = Some(share);
        if share > MOST_SHARE && self.stretch < MOST_STRETCH {
            self.stretch *= 2;
            // What comes now costs about half of it.
            self.share = Some(share / 2.0);
        } else if share < LITTLE_SHARE && self.stretch > 1 {
            self.stretch /= 2;
            self.share = Some(share * 2.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the pace against work that costs so much for each scan and slice together at stretch 1, as a share.
    fn settle(pace: &mut Pace, share_unstretched: f64, slices: u32) -> u32 {
        for _ in 0..slices {
            let duration_ns = pace.slice_period().as_nanos() as u64;
            let cpu_ns = share_unstretched / f64::from(pace.stretch()) * duration_ns as f64;
            pace.slice_closed(cpu_ns as u64, duration_ns);
        }
        pace.stretch()
    }

    #[test]
    fn little_work_is_not_stretched() {
        assert_eq!(settle(&mut Pace::new(), 0.005, 100), 1);
    }

    #[test]
    fn much_work_is_stretched_until_it_fits_and_back() {
        let mut pace = Pace::new();
        assert_eq!(settle(&mut pace, 0.03, 100), 8);
        assert_eq!(pace.scan_period(), Duration::from_millis(800));
        assert_eq!(pace.slice_period(), Duration::from_secs(8));
        assert_eq!(settle(&mut pace, 0.002, 100), 1);
    }

    #[test]
    fn it_settles_and_does_not_swing() {
        for share in [0.011, 0.015, 0.02, 0.05, 0.09] {
            let mut pace = Pace::new();
            let settled = settle(&mut pace, share, 200);
            for _ in 0..50 {
                assert_eq!(settle(&mut pace, share, 1), settled, "at {share}");
            }
        }
    }

    #[test]
    fn there_is_an_end_to_stretching() {
        assert_eq!(settle(&mut Pace::new(), 5.0, 1_000), MOST_STRETCH);
    }
}
