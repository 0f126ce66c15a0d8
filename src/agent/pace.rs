//! How often the drain looks for newcomers, scans all threads and closes slices: as often as their shares in the [`Account`] pay for.
//!
//! Each of the three is stretched alone: beside 5,000 threads a scan or a slice takes milliseconds, and a look for newcomers microseconds as ever.
//!
//! [`Account`]: super::account::Account

use std::time::Duration;

/// What it cost is averaged over so long; what is done less often is known by its last time.
const MEMORY_NS: f64 = 3e9;
/// One time alone counts as no larger share: a crowd of new threads takes milliseconds to attach, once, and is no reason to look less often
/// for the next ones.
const MOST_AT_ONCE: f64 = 0.05;

/// The periods of look, scan and slice. (Rings are emptied as often as they need it: that cannot wait.)
#[derive(Debug)]
pub(crate) struct Pace {
    /// Looking for newcomers: of a thread's life 12 ms are unsampled on the average.
    pub look: Rhythm,
    /// Looking at all threads. Nothing waits for it.
    pub scan: Rhythm,
    /// Closing a slice.
    pub slice: Rhythm,
}

impl Pace {
    pub fn new() -> Self {
        Self {
            look: Rhythm::new(Duration::from_millis(25), 32),
            scan: Rhythm::new(Duration::from_millis(100), 128),
            slice: Rhythm::new(Duration::from_secs(1), 32),
        }
    }
}

/// How often one thing is done.
#[derive(Debug)]
pub(crate) struct Rhythm {
    /// Where there are few threads.
    shortest: Duration,
    most_stretch: u32,
    cost_ns: f64,
    stretch: f64,
}

impl Rhythm {
    fn new(shortest: Duration, most_stretch: u32) -> Self {
        Self {
            shortest,
            most_stretch,
            cost_ns: 0.0,
            stretch: 1.0,
        }
    }

    /// How long from one time to the next.
    pub fn period(&self) -> Duration {
        self.shortest.mul_f64(self.stretch)
    }

    /// By how much it is stretched.
    pub fn stretch(&self) -> u32 {
        self.stretch.round() as u32
    }

    /// It was done, and took so much CPU time; the time before was so long ago. It may have this share of a core.
    pub fn done(&mut self, cpu_ns: u64, since_ns: u64, share: f64) {
        let newest_ns = (cpu_ns as f64).min(since_ns as f64 * MOST_AT_ONCE);
        let weight = (since_ns as f64 / MEMORY_NS).min(1.0);
        self.cost_ns += (newest_ns - self.cost_ns) * weight;
        // By the cost at once and not step by step: doubling until it fitted took a quarter of a minute beside 5,000 threads.
        let stretch = self.cost_ns / (share * self.shortest.as_nanos() as f64);
        self.stretch = stretch.clamp(1.0, f64::from(self.most_stretch));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARE: f64 = 0.002;

    /// Does a thing of this cost as often as it may be for so long. Returns the share of a core that it took.
    fn run(rhythm: &mut Rhythm, cost_ns: u64, time: Duration) -> f64 {
        let (mut now, mut spent_ns) = (Duration::ZERO, 0);
        while now < time {
            let since = rhythm.period();
            now += since;
            spent_ns += cost_ns;
            rhythm.done(cost_ns, since.as_nanos() as u64, SHARE);
        }
        spent_ns as f64 / now.as_nanos() as f64
    }

    fn all() -> [Rhythm; 3] {
        let Pace { look, scan, slice } = Pace::new();
        [look, scan, slice]
    }

    /// What costs so many times its share when it is done most often.
    fn cost_ns(rhythm: &Rhythm, times: f64) -> u64 {
        (rhythm.shortest.as_nanos() as f64 * SHARE * times) as u64
    }

    #[test]
    fn little_work_is_not_stretched() {
        for mut rhythm in all() {
            let cost_ns = cost_ns(&rhythm, 0.9);
            run(&mut rhythm, cost_ns, Duration::from_secs(60));
            assert_eq!(rhythm.period(), rhythm.shortest);
        }
    }

    #[test]
    fn much_work_is_stretched_until_it_fits_and_back() {
        for mut rhythm in all() {
            let much_ns = cost_ns(&rhythm, 20.0);
            run(&mut rhythm, much_ns, Duration::from_secs(60));
            assert_eq!(rhythm.stretch(), 20);
            let share = run(&mut rhythm, much_ns, Duration::from_secs(200));
            assert!((share / SHARE - 1.0).abs() < 0.01, "{share}");
            let little_ns = cost_ns(&rhythm, 0.5);
            run(&mut rhythm, little_ns, Duration::from_secs(100));
            assert_eq!(rhythm.stretch(), 1);
        }
    }

    #[test]
    fn a_scan_of_five_thousand_threads_fits_after_seconds() {
        let mut scan = Pace::new().scan;
        run(&mut scan, 8_000_000, Duration::from_secs(8));
        let share = run(&mut scan, 8_000_000, Duration::from_secs(60));
        assert!(share < SHARE * 1.1, "{share}");
    }

    #[test]
    fn there_is_an_end_to_stretching() {
        for mut rhythm in all() {
            run(&mut rhythm, 10_000_000_000, Duration::from_secs(900));
            assert_eq!(rhythm.stretch(), rhythm.most_stretch);
        }
    }

    #[test]
    fn a_crowd_is_attached_once_and_others_are_found_as_soon_as_before() {
        let mut look = Pace::new().look;
        run(&mut look, 5_000, Duration::from_secs(10));
        look.done(30_000_000, 20_000_000, SHARE);
        assert_eq!(look.stretch(), 1);
        // Crowds that come all the time are another matter.
        run(&mut look, 30_000_000, Duration::from_secs(10));
        assert!(look.stretch() > 1);
    }
}
