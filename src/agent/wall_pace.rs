//! How often threads are looked at by the wall clock: what is spent beyond the share in the account is waited for.

use std::time::Duration;

/// CPU time that may be saved up: one round of some hundred threads that all have just moved.
const MOST_SAVED_NS: f64 = 6_000_000.0;
/// What the first rounds may spend beyond: every thread's stack is taken once, and thousands of them would take minutes at the share.
const FIRST_NS: f64 = 60_000_000.0;
/// What a round costs beyond the share is waited for, but not for longer than this: a burst (a machine under load, captures in a debug build) once ran up a
/// debt of minutes, and the looks starved while they were needed most.
const LONGEST_DEBT: Duration = Duration::from_secs(2);
/// However little may be spent, there is a round as often as this, which may cost so much.
const LEAST_EVERY: Duration = Duration::from_secs(1);
const LEAST_NS: u64 = 200_000;
/// How much of the estimate of the stretch is the newest round's.
const NEWEST: f64 = 0.05;

/// The pace of the looks.
#[derive(Debug)]
pub(super) struct WallPace {
    period_ns: f64,
    saved_ns: f64,
    /// Looks done for each that was due.
    done: f64,
    /// How long there has been no look for.
    without: Duration,
    random: u64,
}

impl WallPace {
    /// So many looks a second at each thread.
    pub fn new(hz: u32, seed: u64) -> Self {
        Self {
            period_ns: 1e9 / f64::from(hz.max(1)),
            saved_ns: FIRST_NS,
            done: 1.0,
            without: Duration::ZERO,
            random: seed | 1,
        }
    }

    /// How long to wait for the next round. Half a period to one and a half, so that nothing in the program stays in step with it.
    pub fn wait(&mut self) -> Duration {
        // xorshift64: any spread will do.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let spread = 0.5 + (self.random >> 11) as f64 / (1u64 << 53) as f64;
        Duration::from_nanos((self.period_ns * spread) as u64)
    }

    /// What the next round's looks may cost; `None` when there must be none now.
    pub fn budget_ns(&self) -> Option<u64> {
        if self.saved_ns > 0.0 {
            return Some(self.saved_ns as u64);
        }
        (self.without >= LEAST_EVERY).then_some(LEAST_NS)
    }

    /// So much time has passed since the last round, in which the looks have cost so much, and so many of so many threads were looked at. They may
    /// have this share of a core.
    pub fn passed(
        &mut self,
        time: Duration,
        cost: Duration,
        looked: usize,
        threads: usize,
        share: f64,
    ) {
        let time_ns = time.as_nanos() as f64;
        let least_ns = -(LONGEST_DEBT.as_nanos() as f64) * share;
        self.saved_ns = (self.saved_ns + time_ns * share - cost.as_nanos() as f64)
            .clamp(least_ns, MOST_SAVED_NS);
        self.without = match looked {
            0 => self.without + time,
            _ => Duration::ZERO,
        };
        if threads > 0 {
            // By time: a round that came late was due for more.
            let due = threads as f64 * time_ns / self.period_ns;
            let weight = (NEWEST * time_ns / self.period_ns).min(1.0);
            self.done += (looked as f64 / due - self.done) * weight;
        }
    }

    /// By how much the looks are stretched.
    pub fn stretch(&self) -> u32 {
        (1.0 / self.done.max(1e-6)).round().max(1.0) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs rounds for ten seconds beside so many threads, each look at this cost. Returns the share taken and the stretch.
    fn run(threads: usize, cost_ns: u64) -> (f64, u32) {
        let mut pace = WallPace::new(20, 7);
        let (mut time_ns, mut total_ns) = (0, 0);
        while time_ns < 60_000_000_000 {
            let wait = pace.wait();
            let most = pace.budget_ns().map_or(0, |budget| budget / cost_ns + 1);
            let looked = threads.min(most as usize);
            let cost = looked as u64 * cost_ns;
            pace.passed(wait, Duration::from_nanos(cost), looked, threads, 0.006);
            // The first ten seconds spend what was saved.
            if time_ns > 10_000_000_000 {
                total_ns += cost;
            }
            time_ns += wait.as_nanos() as u64;
        }
        (total_ns as f64 / 50e9, pace.stretch())
    }

    #[test]
    fn few_threads_are_looked_at_as_asked() {
        let (share, stretch) = run(100, 500);
        assert_eq!(stretch, 1);
        assert!(share < 0.002, "{share}");
    }

    #[test]
    fn many_threads_are_looked_at_less_often_and_the_share_holds() {
        let (share, stretch) = run(5_000, 500);
        assert!(share < 0.0062, "{share}");
        // 50 ms a second of looks at 20 Hz, and 6 ms a second to spend.
        assert!((7..=10).contains(&stretch), "{stretch}");
    }

    /// So many dear seconds, then cheap ones: how many of the rounds of the second that ends then had looks.
    #[track_caller]
    fn check_recovery(dear_cost_ns: u64, cheap_cost_ns: u64) {
        const PERIOD: Duration = Duration::from_millis(50);
        let mut pace = WallPace::new(20, 7);
        let mut rounds = |rounds: u32, cost_ns: u64| {
            let mut looked = 0;
            for _ in 0..rounds {
                let looks = pace.budget_ns().map_or(0, |_| 10);
                looked += u32::from(looks > 0);
                pace.passed(PERIOD, Duration::from_nanos(cost_ns), looks, 10, 0.001);
            }
            (looked, pace.stretch())
        };
        // A minute in which even a round without a look costs more than the share.
        rounds(1_200, dear_cost_ns);
        let (looked, stretch) = rounds(1_200, dear_cost_ns);
        assert!((50..=70).contains(&looked), "{looked} in a minute");
        assert!((15..=40).contains(&stretch), "{stretch}");
        rounds(60, cheap_cost_ns);
        let (looked, _) = rounds(20, cheap_cost_ns);
        assert_eq!(looked, 20, "three seconds later");
    }

    #[test]
    fn a_debt_is_bounded_and_there_is_always_some_look() {
        check_recovery(100_000, 10_000);
        check_recovery(20_000_000, 10_000);
    }

    #[test]
    fn waits_are_spread_around_the_period() {
        let mut pace = WallPace::new(20, 3);
        let waits: Vec<_> = (0..1_000).map(|_| pace.wait().as_millis()).collect();
        assert!(waits.iter().all(|wait| (25..=75).contains(wait)));
        let mean = waits.iter().sum::<u128>() / 1_000;
        assert!((48..=51).contains(&mean), "{mean}");
        assert!(waits.iter().any(|wait| *wait < 35) && waits.iter().any(|wait| *wait > 65));
    }
}
