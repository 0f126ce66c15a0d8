//! The cost of all of it: by the process's clock, so that there is no sampling in it.

use crate::effect::Difference;
use crate::functions::{geometric, pooled_with_noise};
use crate::permutation;
use crate::scale::Scale;
use crate::table::Table;
use crate::variance::mean;
use crate::{Effect, Interval, Options, Unit, Verdict};

/// The total's part of the chance of a false alarm; the families have the rest.
pub(crate) const PART: f64 = 0.25;
/// The permutation test agrees up to this, or, with so few runs that it cannot be so small, at the least that it can be.
const PERMUTATION_LEVEL: f64 = 0.05;

/// The total's effect with its verdict, and the permutation test for "dearer than the margin".
pub(crate) fn test(table: &Table<'_>, scale: &Scale, options: &Options) -> (Effect, Option<f64>) {
    let logs: Vec<f64> = scale.total.iter().map(|cost| cost.ln()).collect();
    let (base, new) = logs.split_at(table.base_runs);
    let found = table.variance(&logs);
    let variance = match &options.noise {
        Some(noise) => pooled_with_noise(found, noise, found.degrees),
        None => found,
    };
    let difference = Difference {
        costs: geometric(&logs, table.base_runs),
        delta: mean(new) - mean(base),
        variance,
        runs: table.sides(),
        margin: options.margin.ln_1p(),
        level: PART * options.q,
    };
    if variance.degrees <= 0.0 {
        return (without_interval(&difference), None);
    }
    let mut effect = difference.effect();
    effect.q = (effect.p / PART).min(1.0);
    if scale.unit == Unit::MedianOfRatios {
        // It is not judged, so there is nothing to doubt either.
        effect.more_runs = None;
        return (effect, None);
    }
    let [sides_base, sides_new] = table.sides();
    if sides_base.min(sides_new) < 2 {
        if options.noise.is_some() {
            effect.verdict = verdict(&effect, options, [0.0; 2]);
        }
        return (effect, None);
    }
    let permutation = Permutation::of(table, &logs, difference.margin);
    let level = PERMUTATION_LEVEL.max(1.01 * permutation.least);
    let disagrees = [permutation.dearer, permutation.cheaper].map(|p| p - level);
    effect.verdict = verdict(&effect, options, disagrees);
    if effect.verdict != Verdict::Inconclusive {
        effect.more_runs = None;
    }
    (effect, Some(permutation.dearer))
}

/// The exact test, which believes nothing of how runs are spread.
struct Permutation {
    dearer: f64,
    cheaper: f64,
    /// No value is smaller.
    least: f64,
}

impl Permutation {
    fn of(table: &Table<'_>, logs: &[f64], margin: f64) -> Self {
        if let Some(differences) = table.differences(logs) {
            let beyond = |sign: f64| -> Vec<f64> {
                let beyond = differences.iter().map(|by| sign * by - margin);
                beyond.collect()
            };
            return Self {
                dearer: permutation::signs(&beyond(1.0)),
                cheaper: permutation::signs(&beyond(-1.0)),
                least: permutation::least_of_signs(differences.len()),
            };
        }
        let (base, new) = logs.split_at(table.base_runs);
        let shifted = |side: &[f64]| side.iter().map(|log| log + margin).collect::<Vec<f64>>();
        Self {
            dearer: permutation::upper_tail(&shifted(base), new),
            cheaper: permutation::upper_tail(&shifted(new), base),
            least: permutation::least(base.len(), new.len()),
        }
    }
}

/// The permutation test has to agree: what it is above its level by is 0 or less, for a rise and for a fall.
fn verdict(effect: &Effect, options: &Options, disagrees: [f64; 2]) -> Verdict {
    let found = crate::gate::verdict(effect, options);
    let above = match found {
        Verdict::Regressed => disagrees[0],
        Verdict::Improved => disagrees[1],
        _ => 0.0,
    };
    if above > 0.0 {
        Verdict::Inconclusive
    } else {
        found
    }
}

/// One run a side and nothing known of the machine: the total was measured exactly, and nobody can say how it differs between runs.
fn without_interval(difference: &Difference) -> Effect {
    Effect {
        base: difference.costs[0],
        new: difference.costs[1],
        ratio: difference.delta.exp(),
        interval: Interval {
            low: 0.0,
            high: f64::INFINITY,
        },
        p: 1.0,
        q: 1.0,
        detectable: f64::NAN,
        more_runs: Some(crate::gate::USUAL_RUNS - 1),
        ..Effect::default()
    }
}
