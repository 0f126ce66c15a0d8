//! How often the drain looks for newcomers, scans all threads and closes slices: as often as their shares in the [`Account`] pay for.
//!
//! Each of the three is stretched alone: beside 5,000 threads a scan or a slice takes milliseconds, and a look for newcomers microseconds as ever.
//!
//! [`Account`]: super::account::Account

use std::time::{Duration, Instant};

/// What it cost is averaged over so long; what is done less often is known by its last time.
const MEMORY_NS: f64 = 3e9;
/// One time alone counts as no larger share: a crowd of new threads takes milliseconds to attach, once, and is no reason to look less often
/// for the next ones.
const MOST_AT_ONCE: f64 = 0.05;

/// Looks come so soon after one another while threads come.
const SOON: Duration = Duration::from_millis(4);
/// A thread that came makes others likely for so long.
const LIKELY: Duration = Duration::from_secs(1);

/// The periods of look, scan and slice. (Rings are emptied as often as they need it: that cannot wait.)
#[derive(Debug)]
pub(crate) struct Pace {
    /// Looking for newcomers: of a thread's life 12 ms are unsampled on the average, and 2 where threads come one after another.
    pub look: Rhythm,
    /// Looking at all threads. Nothing waits for it.
    pub scan: Rhythm,
    /// Closing a slice.
    pub slice: Rhythm,
    /// Newcomers so far, and when the last one was met.
    newcomers: u32,
    newest: Option<Instant>,
}

impl Pace {
    pub fn new() -> Self {
        Self {
            look: Rhythm::new(Duration::from_millis(25), 32),
            scan: Rhythm::new(Duration::from_millis(100), 128),
            slice: Rhythm::new(Duration::from_secs(1), 32),
            newcomers: 0,
            newest: None,
        }
    }

    /// So many threads were ever met by now.
    pub fn met(&mut self, newcomers: u32, now: Instant) {
        if std::mem::replace(&mut self.newcomers, newcomers) != newcomers {
            self.newest = Some(now);
        }
    }

    /// How long from one look for newcomers to the next. Where threads come and go, what each does before it is found is most of what is unsampled of it:
    /// so while they come there are more looks, as many as their share pays for.
    pub fn look_period(&self, now: Instant) -> Duration {
        match self.newest {
            Some(newest) if now.saturating_duration_since(newest) < LIKELY => {
                self.look.soonest(SOON)
            }
            _ => self.look.period(),
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
    /// What its share pays for.
    paid_ns: f64,
}

impl Rhythm {
    fn new(shortest: Duration, most_stretch: u32) -> Self {
        Self {
            shortest,
            most_stretch,
            cost_ns: 0.0,
            stretch: 1.0,
            paid_ns: 0.0,
        }
    }

    /// How long from one time to the next.
    pub fn period(&self) -> Duration {
        self.shortest.mul_f64(self.stretch)
    }

    /// The shortest period that its share pays for, but none shorter than this.
    fn soonest(&self, least: Duration) -> Duration {
        least
            .max(Duration::from_nanos(self.paid_ns as u64))
            .min(self.period())
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
        self.paid_ns = self.cost_ns / share;
        let stretch = self.paid_ns / self.shortest.as_nanos() as f64;
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
        let Pace {
            look, scan, slice, ..
        } = Pace::new();
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
    fn looks_come_sooner_while_threads_come_as_far_as_they_are_paid_for() {
        let mut pace = Pace::new();
        let now = Instant::now();
        pace.met(0, now);
        assert_eq!(pace.look_period(now), pace.look.shortest, "nobody came");
        pace.met(1, now);
        assert_eq!(pace.look_period(now), SOON);
        assert_eq!(pace.look_period(now + LIKELY), pace.look.shortest);
        // A look of 20 µs, 2 in a thousand of a core: every 10 ms.
        run(&mut pace.look, 20_000, Duration::from_secs(30));
        let period = pace.look_period(now).as_secs_f64();
        assert!((period - 0.010).abs() < 0.001, "{period}");
        // What is too dear at its ordinary pace is no dearer now.
        run(&mut pace.look, 500_000, Duration::from_secs(60));
        let (soonest, period) = (pace.look_period(now), pace.look.period());
        assert!(soonest.abs_diff(period) < Duration::from_micros(1));
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
