//! From a difference and its variance to an effect: interval, test against the margin, what could have been found.

use crate::special::student::{upper_quantile, upper_tail};
use crate::variance::Variance;
use crate::{Effect, Interval};

/// Each end of an interval is missed with this probability.
pub(crate) const TAIL: f64 = 0.025;
/// Real changes that [`Effect::detectable`] speaks of are found four times of five: the quantile of the normal distribution.
const FOUND: f64 = 0.841_621_233_572_914_2;
/// More runs than this nobody makes.
const MAX_MORE_RUNS: u32 = 100;

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
            detectable: (self.margin + noncentrality(level, degrees) * error).exp_m1(),
            more_runs: self.more_runs(),
            ..Effect::default()
        }
    }

    /// How many more runs a side would tell in four of five cases, were the difference what it seems: dearer than the margin, or within.
    fn more_runs(&self) -> Option<u32> {
        let beyond = self.delta.abs() - self.margin;
        let [base, new] = self.runs.map(|runs| 1.0 / runs as f64);
        let now = 2.0 / (base + new);
        let tells = |more: u32| {
            let growth = (now + f64::from(more)) / now;
            // More runs are more degrees of freedom as well.
            let degrees = self.variance.degrees * growth;
            let tail = if beyond > 0.0 { self.level } else { TAIL };
            let wanted = noncentrality(upper_quantile(tail, degrees), degrees);
            wanted * self.error() / growth.sqrt() <= beyond.abs()
        };
        // The more, the better: the first that does is between two powers of two.
        let enough = (0..8).map(|power| 1 << power).find(|&more| tells(more))?;
        let first = (enough / 2 + 1..=enough).find(|&more| tells(more))?;
        (first <= MAX_MORE_RUNS).then_some(first)
    }
}

/// By how many standard errors a change is above the margin that a test at this quantile finds four times of five. Both the change and the error are
/// estimated: the noncentral t distribution, in its normal approximation (Abramowitz and Stegun 26.7.10).
fn noncentrality(quantile: f64, degrees: f64) -> f64 {
    quantile * (1.0 - 0.25 / degrees) + FOUND * (1.0 + quantile * quantile / (2.0 * degrees)).sqrt()
}
