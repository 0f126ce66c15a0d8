//! The CPU time of functions: one row each, tested.

use crate::effect::{Difference, TAIL};
use crate::scale::Scale;
use crate::special::binomial;
use crate::special::student::{upper_quantile, upper_tail};
use crate::table::Table;
use crate::unseen::Unseen;
use crate::variance::{Prior, Spread, Variance, mean, pooled_variance};
use crate::{Effect, Family, Interval, NoiseModel, Options, Presence, Row};

/// A row, and the chances that its verdict is made from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tested {
    pub row: Row,
    /// The chance of so large a rise, and of so large a fall, were the change the margin.
    pub tails: [f64; 2],
    /// What the effect is made from, once it is known how many tests there are; `None` where there is no ratio to test.
    pub difference: Option<Difference>,
}

/// All of them that are worth testing, and how many are not.
pub(crate) struct Functions {
    pub tested: Vec<Tested>,
    /// By function: its place in `tested`.
    pub place: Vec<Option<u32>>,
    pub untested: u32,
    /// Of these the ones that may have got dearer by the margin's part of the whole.
    pub unseen: Vec<Unseen>,
    pub prior: Prior,
}

/// A function with more than this of the whole, `main`, has next to nothing of its own beside what all of the run has, and would
/// mislead about how much others have.
const MAX_SHARE_OF_PRIOR: f64 = 0.9;

/// What the test of one function starts from.
struct Candidate {
    function: usize,
    logs: Vec<f64>,
    spread: Spread,
    presence: Presence,
    share: f64,
}

impl Functions {
    pub fn test(table: &Table<'_>, scale: &Scale, options: &Options) -> Self {
        let candidates = candidates(table, scale, options);
        let sides = table.sides();
        let degrees = table.degrees();
        let both = candidates.iter();
        let both = both.filter(|candidate| {
            candidate.presence == Presence::Both && candidate.share <= MAX_SHARE_OF_PRIOR
        });
        let spreads: Vec<Spread> = both.map(|candidate| candidate.spread).collect();
        let prior = Prior::fit(&spreads, degrees, common(table, scale));
        let prior = with_noise(prior, options.noise.as_ref(), degrees);
        // A whole whose parts these are, for what has no ratio.
        let whole = mean(&scale.sampled);
        let mut functions = Self {
            tested: Vec::with_capacity(candidates.len()),
            place: vec![None; table.functions.len()],
            untested: (table.functions.len() - candidates.len()) as u32,
            unseen: unseen(table, scale, &candidates, options),
            prior,
        };
        for candidate in &candidates {
            // What one side has alone is known from that side's runs.
            let degrees = match candidate.presence {
                Presence::Both => degrees,
                Presence::New => sides[1] as f64 - 1.0,
                Presence::Gone => sides[0] as f64 - 1.0,
            };
            let variance = prior.moderate(&candidate.spread, degrees);
            let difference = Difference {
                costs: match candidate.presence {
                    Presence::Both => geometric(&candidate.logs, sides[0]),
                    _ => costs(table, scale, table.shares(candidate.function)),
                },
                delta: delta(&candidate.logs, sides[0]),
                variance,
                runs: sides,
                margin: options.margin.ln_1p(),
                level: options.q,
            };
            functions.place[candidate.function] = Some(functions.tested.len() as u32);
            let testable = candidate.presence == Presence::Both && variance.degrees > 0.0;
            let (total, tails) = match candidate.presence {
                // The effect is made once it is known how many tests there are.
                Presence::Both if testable => (Effect::default(), difference.tails()),
                Presence::Both => (
                    by_sampling(table, scale, candidate.function, difference),
                    [1.0; 2],
                ),
                one_sided => appeared(&difference, one_sided, whole * options.margin),
            };
            let function = &table.functions[candidate.function];
            let own = costs(table, scale, table.own_shares(candidate.function));
            functions.tested.push(Tested {
                row: Row {
                    family: Family::Cpu,
                    name: function.name.to_owned(),
                    file: function.file.to_owned(),
                    line: function.line,
                    presence: candidate.presence,
                    total,
                    own: (own[0], own[1]),
                    base_count: function.samples[0],
                    new_count: function.samples[1],
                    share: candidate.share,
                    moved: None,
                },
                tails,
                difference: testable.then_some(difference),
            });
        }
        functions
    }
}

/// The filter looks at both sides together, so that it knows nothing of the difference and takes nothing from the tests' error rate. What is on one side only
/// is not tested for a difference, and counts by that side: what a function of the other side has got dearer by often comes from there.
fn candidates(table: &Table<'_>, scale: &Scale, options: &Options) -> Vec<Candidate> {
    let samples = mean(&table.effective);
    let mut candidates = Vec::new();
    for function in 0..table.functions.len() {
        let shares = table.shares(function);
        let known = &table.functions[function];
        let presence = match known.samples {
            [0, _] => Presence::New,
            [_, 0] => Presence::Gone,
            _ => Presence::Both,
        };
        let share = mean(shares);
        let (base, new) = shares.split_at(table.base_runs);
        let there = match presence {
            // Both sides alike: twenty baselines do not outvote five runs of a build in which it is a hundred times as large.
            Presence::Both => 0.5 * (mean(base) + mean(new)),
            Presence::New => mean(new),
            Presence::Gone => mean(base),
        };
        if !(there >= options.min_share && there * samples >= options.min_samples) {
            continue;
        }
        let (logs, spread) = match presence {
            Presence::Both => spread(table, scale, shares, known.dispersion),
            Presence::New => spread_of_side(table, scale, shares, known.dispersion, 1),
            Presence::Gone => spread_of_side(table, scale, shares, known.dispersion, 0),
        };
        candidates.push(Candidate {
            function,
            spread,
            logs,
            presence,
            share,
        });
    }
    candidates
}

/// What is large enough to matter and has too few samples for a test: by how much it may have got dearer as far as sampling goes.
fn unseen(
    table: &Table<'_>,
    scale: &Scale,
    candidates: &[Candidate],
    options: &Options,
) -> Vec<Unseen> {
    let margin = options.margin * mean(&scale.total[..table.base_runs]);
    let mut is_candidate = vec![false; table.functions.len()];
    for candidate in candidates {
        is_candidate[candidate.function] = true;
    }
    let left_out = (0..table.functions.len()).filter(|&function| !is_candidate[function]);
    let unseen = left_out.map(|function| {
        let known = &table.functions[function];
        let [base, new] = costs(table, scale, table.shares(function));
        let [base_count, new_count] = known.samples.map(|samples| samples as f64 + 0.5);
        let squares = base * base / base_count + new * new / new_count;
        let error = (known.dispersion * squares).sqrt();
        Unseen {
            family: Family::Cpu,
            name: known.name.to_owned(),
            counts: known.samples,
            most: new - base + USUAL_QUANTILE * error,
        }
    });
    unseen.filter(|unseen| unseen.matters(margin)).collect()
}

/// The normal distribution's, of [`TAIL`].
const USUAL_QUANTILE: f64 = 1.959_963_984_540_054;

/// The logarithms of a part's cost by run, and how they are spread.
pub(crate) fn spread(
    table: &Table<'_>,
    scale: &Scale,
    shares: &[f64],
    dispersion: f64,
) -> (Vec<f64>, Spread) {
    let logs = logs(table, scale, shares);
    let rest = rest(table, scale, &logs);
    let sampling = mean(&sampling(table, shares));
    let spread = Spread {
        between: table.variance(&logs).value,
        rest: table.variance(&rest).value,
        sampling,
        dispersed: sampling * dispersion,
    };
    (logs, spread)
}

/// The same of what one side has alone: the other has no spread that would say anything of it.
fn spread_of_side(
    table: &Table<'_>,
    scale: &Scale,
    shares: &[f64],
    dispersion: f64,
    side: usize,
) -> (Vec<f64>, Spread) {
    let logs = logs(table, scale, shares);
    let rest = rest(table, scale, &logs);
    let of_side = |values: &[f64]| {
        let (base, new) = values.split_at(table.base_runs);
        if side == 0 {
            base.to_vec()
        } else {
            new.to_vec()
        }
    };
    let alone = |values: &[f64]| {
        let values = of_side(values);
        pooled_variance([&values, &values[..1]]).value
    };
    let sampling = mean(&of_side(&sampling(table, shares)));
    let spread = Spread {
        between: alone(&logs),
        rest: alone(&rest),
        sampling,
        dispersed: sampling * dispersion,
    };
    (logs, spread)
}

fn logs(table: &Table<'_>, scale: &Scale, shares: &[f64]) -> Vec<f64> {
    let runs = shares.iter().zip(&table.effective).zip(&scale.sampled);
    let logs = runs.map(|((share, samples), cost)| {
        ((share * samples + 0.5) / (samples + 1.0)).ln() + cost.ln()
    });
    logs.collect()
}

/// What is left of them without each run's own deviation.
fn rest(table: &Table<'_>, scale: &Scale, logs: &[f64]) -> Vec<f64> {
    let totals: Vec<f64> = scale.sampled.iter().map(|cost| cost.ln()).collect();
    let totals = deviations(&totals, table.base_runs);
    logs.iter()
        .zip(&totals)
        .map(|(log, total)| log - total)
        .collect()
}

/// By run: the variance that sampling alone gives the logarithm.
fn sampling(table: &Table<'_>, shares: &[f64]) -> Vec<f64> {
    let runs = shares.iter().zip(&table.effective);
    runs.map(|(share, samples)| (1.0 - share).max(0.0) / (share * samples + 0.5))
        .collect()
}

/// What all functions of a run have in common: the spread of the runs' totals.
fn common(table: &Table<'_>, scale: &Scale) -> Variance {
    let logs: Vec<f64> = scale.sampled.iter().map(|cost| cost.ln()).collect();
    table.variance(&logs)
}

/// The prior, and what is known of the machine: its noise counts as measured, and these runs' own where they are noisier.
fn with_noise(prior: Prior, noise: Option<&NoiseModel>, degrees: f64) -> Prior {
    let Some(noise) = noise else {
        return prior;
    };
    let known = noise.degrees.max(1.0);
    Prior {
        variance: prior.variance.max(noise.variance),
        degrees: if prior.degrees > 0.0 {
            prior.degrees
        } else {
            known
        },
        common: pooled_with_noise(prior.common, noise, degrees),
    }
}

/// A variance of totals together with the machine's. Where these runs are noisier than what is known of it, a quieter day says nothing of this one.
pub(crate) fn pooled_with_noise(found: Variance, noise: &NoiseModel, degrees: f64) -> Variance {
    if degrees > 0.0 && found.value > noise.total_variance {
        return found;
    }
    let known = noise.degrees.max(1.0);
    let sum = noise.total_variance * known + found.value * degrees;
    Variance {
        value: sum / (known + degrees),
        degrees: known + degrees,
    }
}

fn deviations(values: &[f64], base_runs: usize) -> Vec<f64> {
    let (base, new) = values.split_at(base_runs);
    let off = |side: &[f64]| {
        let mean = mean(side);
        side.iter().map(|value| value - mean).collect::<Vec<f64>>()
    };
    let mut all = off(base);
    all.extend(off(new));
    all
}

fn delta(logs: &[f64], base_runs: usize) -> f64 {
    let (base, new) = logs.split_at(base_runs);
    mean(new) - mean(base)
}

/// The geometric means of both sides' costs, which are as far apart as the ratio that is told.
pub(crate) fn geometric(logs: &[f64], base_runs: usize) -> [f64; 2] {
    let (base, new) = logs.split_at(base_runs);
    [mean(base).exp(), mean(new).exp()]
}

/// The mean cost of a part of each run, base and new.
fn costs(table: &Table<'_>, scale: &Scale, shares: &[f64]) -> [f64; 2] {
    let costs: Vec<f64> = shares
        .iter()
        .zip(&scale.sampled)
        .map(|(share, cost)| share * cost)
        .collect();
    let (base, new) = costs.split_at(table.base_runs);
    [mean(base), mean(new)]
}

/// What is on one side only, a function, a task kind or a lock, has no ratio: its cost is held against the margin's part of the whole.
pub(crate) fn appeared(
    difference: &Difference,
    presence: Presence,
    margin: f64,
) -> (Effect, [f64; 2]) {
    let side = usize::from(presence == Presence::New);
    let cost = difference.costs[side];
    let variance = difference.variance;
    // A single run says nothing of its spread unless the machine is known.
    let degrees = match difference.runs[side] {
        0 | 1 if variance.degrees <= 0.0 => f64::NAN,
        _ => variance.degrees,
    };
    let error = (variance.value / difference.runs[side] as f64).sqrt();
    let half = (upper_quantile(TAIL, degrees) * error).exp();
    let p = upper_tail((cost / margin).ln() / error, degrees);
    let (low, high) = (cost / half, cost * half);
    let rises = side == 1;
    let effect = Effect {
        base: difference.costs[0],
        new: difference.costs[1],
        ratio: f64::NAN,
        interval: match rises {
            true => Interval { low, high },
            false => Interval {
                low: -high,
                high: -low,
            },
        },
        p,
        q: 1.0,
        detectable: f64::NAN,
        ..Effect::default()
    };
    (effect, if rises { [p, 1.0] } else { [1.0, p] })
}

/// With one run a side, the exact interval that sampling gives: how many of both sides' samples are the new build's, given how many there are.
fn by_sampling(
    table: &Table<'_>,
    scale: &Scale,
    function: usize,
    difference: Difference,
) -> Effect {
    let shares = table.shares(function);
    let mut events = [0.0; 2];
    let mut exposure = [0.0; 2];
    for (run, share) in shares.iter().enumerate() {
        events[table.side(run)] += (share * table.effective[run]).round();
        exposure[table.side(run)] += table.effective[run] / scale.sampled[run];
    }
    let (low, high) = binomial::interval(events[1], events[0] + events[1], TAIL);
    let ratio = |part: f64| part / (1.0 - part) * exposure[0] / exposure[1];
    Effect {
        base: difference.costs[0],
        new: difference.costs[1],
        ratio: difference.delta.exp(),
        interval: Interval {
            low: ratio(low),
            high: ratio(high),
        },
        p: 1.0,
        q: 1.0,
        detectable: f64::NAN,
        ..Effect::default()
    }
}
