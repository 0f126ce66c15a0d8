//! The periods of perf events: near the interval asked for, and another one now and then.
//!
//! A fixed period falls into step with work that takes turns of nearly the same length: some dozen samples said 13 to 87 of what was one half each. A period
//! that is a little off goes through such work's phases within some hundred samples, and one that changes is never in step for long.
//!
//! The kernel forgets the running period when a new one is set: half an interval on the average is unsampled then. So that is done seldom.

use super::{Entry, Sampler};
use crate::sys;
use crate::timer::Timer;

/// Periods lie within a fiftieth of the interval.
const FARTHEST: u64 = 50;
/// And at least a two-hundredth away: work is in step with a round rate more often than with any other.
const NEAREST: u64 = 200;
/// So many intervals lie between two changes at least: a thousandth of the thread's time is lost to them.
const INTERVALS_BETWEEN: u64 = 500;

/// A period near this interval.
pub(super) fn near(interval_ns: u64) -> u64 {
    chosen(interval_ns, sys::random_u64())
}

fn chosen(interval_ns: u64, random: u64) -> u64 {
    let (nearest, farthest) = (interval_ns / NEAREST, interval_ns / FARTHEST);
    let away = nearest + (random >> 1) % (farthest - nearest + 1);
    if random & 1 == 0 {
        interval_ns - away
    } else {
        interval_ns + away
    }
}

impl Sampler {
    /// Changes the period of the thread's perf event, if it has had one for long enough. Its records must have been drained: what comes out of the ring
    /// from now on weighs the new period.
    pub(super) fn vary_period(&self, entry: &mut Entry) {
        let asked_ns = self.settings.interval_ns;
        let had_for_ns = entry.cpu_ns.saturating_sub(entry.period_since_cpu_ns);
        let Some(Timer::Perf(event, companion)) = &entry.timer else {
            return;
        };
        if had_for_ns < INTERVALS_BETWEEN * asked_ns || entry.info.exited || !event.is_open() {
            return;
        }
        let period_ns = near(asked_ns);
        if event.set_period(period_ns).is_err() {
            return;
        }
        // Each counts what the other leaves out, so one is as long as the other.
        if let Some(companion) = companion {
            let _ = companion.set_period(period_ns);
        }
        entry.period_ns = period_ns;
        entry.period_since_cpu_ns = entry.cpu_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_near_the_interval_and_never_it() {
        for interval_ns in [100_000, 10_101_010] {
            for _ in 0..1_000 {
                let away = near(interval_ns).abs_diff(interval_ns);
                assert!((interval_ns / 200..=interval_ns / 50).contains(&away));
            }
        }
        let (shorter, longer) = (chosen(1_000_000, 24_680), chosen(1_000_000, 24_681));
        assert_eq!(
            shorter + longer,
            2_000_000,
            "as often shorter as longer, by as much"
        );
        assert_eq!(chosen(7, 12_345), 7, "nothing is near it");
    }
}
