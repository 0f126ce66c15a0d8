//! From a difference and its variance to an effect: interval, test against the margin, what could have been found.

use crate::special::student::{upper_quantile, upper_tail};
use crate::variance::Variance;
use crate::{Effect, Interval};

/// Each end of an interval is missed with this probability.
pub(crate) const TAIL: f64 = 0.025;
/// The part of real changes that [`Effect::detectable`] speaks of is one less this.
const MISSED: f64 = 0.2;
/// More runs than this nobody makes.
const MAX_MORE_RUNS: f64 = 200.0;

/// A difference of logarithms of cost, base to new, and what it is judged by.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Difference {
    /// Mean cost, base and new.
    pub costs: [f64; 2],
    /// ln(new / base).
    pub delta: f64,
    /// Between runs.
    pub variance: Variance,
    /// How many runs the sides have.
    pub runs: [usize; 2],
    /// What is no change: ln(1 + margin).
    pub margin: f64,
    /// The level of a single test among those of its family.
    pub level: f64,
}

impl Difference {
    /// The standard error.
    pub fn error(&self) -> f64 {
        let [base, new] = self.runs.map(|runs| 1.0 / runs as f64);
        (self.variance.value * (base + new)).sqrt()
    }

    /// The chance of so large a rise if it were the margin, and of so large a fall: a threshold test as in limma's TREAT.
    pub fn tails(&self) -> [f64; 2] {
        let (error, degrees) = (self.error(), self.variance.degrees);
        [self.delta, -self.delta].map(|delta| upper_tail((delta - self.margin) / error, degrees))
    }

    /// The effect, without what takes other tests to say: `q` and the verdict.
    pub fn effect(&self) -> Effect {
        let (error, degrees) = (self.error(), self.variance.degrees);
        let half = upper_quantile(TAIL, degrees) * error;
        let [up, down] = self.tails();
        let level = upper_quantile(self.level, degrees);
        let power = upper_quantile(MISSED, degrees);
        Effect {
            base: self.costs[0],
            new: self.costs[1],
            ratio: self.delta.exp(),
            interval: Interval {
                low: (self.delta - half).exp(),
                high: (self.delta + half).exp(),
            },
            p: if self.delta >= 0.0 { up } else { down },
            q: 1.0,
            detectable: (self.margin + (level + power) * error).exp_m1(),
            more_runs: self.more_runs(level, half / error),
            ..Effect::default()
        }
    }

    /// How many more runs a side would tell, were the difference what it seems: dearer than the margin, or within.
    fn more_runs(&self, level: f64, half: f64) -> Option<u32> {
        let (gap, wanted) = match self.delta.abs() - self.margin {
            beyond if beyond > 0.0 => (beyond, level),
            within => (-within, half),
        };
        let [base, new] = self.runs.map(|runs| 1.0 / runs as f64);
        let now = 2.0 / (base + new);
        let needed = now * (wanted * self.error() / gap).powi(2);
        let more = (needed - now).ceil();
        (more.is_finite() && more <= MAX_MORE_RUNS).then_some(more.max(1.0) as u32)
    }
}
