//! How much a function's cost differs between runs of one build: what few runs say, moderated by what all functions say together.
//!
//! A function's logarithms of cost differ between runs of a side by what all of the run has in common (a warmer machine), by something of the
//! function's own, and by sampling. Each run's total is known from the process's clock, so the first is measured on its own and is not mistaken for many
//! functions' agreement. The second has a prior common to all functions, fitted as in limma (Smyth 2004) around `own + dispersion / count`.

use crate::special::gamma::{digamma, inverse_trigamma, trigamma};

/// A variance, and how many degrees of freedom it is worth.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Variance {
    pub value: f64,
    pub degrees: f64,
}

/// What one function's runs say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Spread {
    /// The variance between runs of a side, pooled over the sides.
    pub between: f64,
    /// The same of what is left when each run's own deviation is taken off.
    pub rest: f64,
    /// What sampling alone would give, if samples were independent.
    pub sampling: f64,
    /// What it gives, as slices of the runs show.
    pub dispersed: f64,
}

/// The prior of a function's own variance between runs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Prior {
    /// Beyond sampling.
    pub variance: f64,
    /// What it is worth.
    pub degrees: f64,
    /// What runs have in common.
    pub common: Variance,
}

/// A prior is never worth more: functions that call each other are not as many as they seem.
pub(crate) const MAX_DEGREES: f64 = 50.0;
/// With fewer functions there is no prior.
const MIN_FUNCTIONS: usize = 3;
/// No clock repeats better than this.
const MIN_VARIANCE: f64 = 1e-10;

impl Prior {
    /// Fits the prior to functions whose variance has `degrees` degrees of freedom.
    pub fn fit(spreads: &[Spread], degrees: f64, common: Variance) -> Self {
        let usable = |spread: &&Spread| spread.rest.is_finite() && spread.rest > MIN_VARIANCE;
        let usable: Vec<&Spread> = spreads.iter().filter(usable).collect();
        if usable.len() < MIN_FUNCTIONS || degrees < 1.0 {
            return Self {
                variance: 0.0,
                degrees: 0.0,
                common,
            };
        }
        let bias = digamma(0.5 * degrees) - (0.5 * degrees).ln();
        // The mean and the variance of ln(variance found / variance expected), were sampling noise alone beside `variance`.
        let moments = |variance: f64| {
            let logs = usable.iter().map(|spread| {
                (spread.rest / (variance + spread.dispersed).max(MIN_VARIANCE)).ln() - bias
            });
            let logs: Vec<f64> = logs.collect();
            let count = logs.len() as f64;
            let mean = logs.iter().sum::<f64>() / count;
            let squares = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>();
            (mean, squares / (count - 1.0))
        };
        let worth = |spread_of_logs: f64| {
            let beyond = spread_of_logs - trigamma(0.5 * degrees);
            if beyond > 0.0 {
                (2.0 * inverse_trigamma(beyond)).min(MAX_DEGREES)
            } else {
                MAX_DEGREES
            }
        };
        // The scale at which what was found is what was expected: it falls as the variance grows.
        let excess = |variance: f64| {
            let (mean, spread_of_logs) = moments(variance);
            let prior = worth(spread_of_logs);
            mean + digamma(0.5 * prior) - (0.5 * prior).ln()
        };
        let (mut low, mut high) = (0.0, 10.0);
        if excess(0.0) > 0.0 {
            for _ in 0..100 {
                // Geometric, as variances range over powers of ten.
                let middle = if low > 0.0 {
                    f64::sqrt(low * high)
                } else {
                    high * 1e-3
                };
                if middle < MIN_VARIANCE {
                    break;
                }
                if excess(middle) > 0.0 {
                    low = middle;
                } else {
                    high = middle;
                }
                if low > 0.0 && high / low < 1.0 + 1e-11 {
                    break;
                }
            }
        } else {
            high = 0.0;
        }
        Self {
            variance: high,
            degrees: worth(moments(high).1),
            common,
        }
    }

    /// A function's variance between runs: its own, drawn towards the prior, and never below what sampling gives.
    pub fn moderate(&self, spread: &Spread, degrees: f64) -> Variance {
        let rest = self.variance + spread.dispersed;
        let expected = self.common.value + rest;
        if self.degrees <= 0.0 || expected <= 0.0 {
            return Variance {
                value: spread.between.max(spread.sampling).max(MIN_VARIANCE),
                degrees,
            };
        }
        // Satterthwaite's degrees of freedom of the sum of both.
        let part = |value: f64, degrees: f64| match value {
            0.0 => 0.0,
            _ => value * value / degrees.max(1e-3),
        };
        let prior_degrees = expected * expected
            / (part(self.common.value, self.common.degrees) + part(rest, self.degrees));
        let value =
            (prior_degrees * expected + degrees * spread.between) / (prior_degrees + degrees);
        // What runs have in common is measured with the same runs: as far as that is all there is, the function's own variance is no further evidence.
        let shared = (self.common.value / expected).powi(2);
        Variance {
            value: value.max(spread.sampling).max(MIN_VARIANCE),
            degrees: prior_degrees + degrees * (1.0 - shared),
        }
    }
}

/// The mean of a side's values.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The variance around each side's mean, pooled; the degrees of freedom are those of all runs less one a side.
pub(crate) fn pooled_variance(sides: [&[f64]; 2]) -> Variance {
    let squares = sides.iter().map(|values| {
        let mean = mean(values);
        values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
    });
    let squares: f64 = squares.sum();
    let degrees = sides.iter().map(|values| values.len() as f64 - 1.0);
    let degrees: f64 = degrees.sum();
    Variance {
        value: if degrees > 0.0 {
            squares / degrees
        } else {
            0.0
        },
        degrees,
    }
}

/// Half the variance of what the runs of pairs differ by: of each side's, as [`pooled_variance`] has it.
pub(crate) fn paired_variance(differences: &[f64]) -> Variance {
    let all = pooled_variance([differences, &differences[..1]]);
    Variance {
        value: 0.5 * all.value,
        ..all
    }
}
