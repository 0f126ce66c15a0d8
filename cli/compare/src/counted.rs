//! What is counted rather than sampled: time in polls, delays from wake to poll, waits at locks. One row a task kind or lock in each family.

pub(crate) mod moved;
mod places;
mod sites;

use crate::effect::Difference;
use crate::functions::{Tested, appeared, geometric};
use crate::scale::Scale;
use crate::table::Table;
use crate::unseen::Unseen;
use crate::variance::{Prior, Spread, Variance, mean, pooled_variance};
use crate::{Effect, Family, Interval, Options, Presence, Row};
use hotpoll_profile::Histogram;
use hotpoll_profile::histogram::lower_bound;
use sites::{Counted, Named};

/// The three families, in their order.
pub(crate) const FAMILIES: [Family; 3] = [Family::Poll, Family::WakeDelay, Family::LockWait];

/// One family.
pub(crate) struct Rows {
    pub tested: Vec<Tested>,
    /// Left out for want of counts or cost.
    pub untested: u32,
    /// Of these the ones that may have got longer by the margin's part of the whole.
    pub unseen: Vec<Unseen>,
}

/// Tests one family.
pub(crate) fn test(table: &Table<'_>, scale: &Scale, family: Family, options: &Options) -> Rows {
    let all = sites::rows(&table.runs, table.base_runs, family);
    let count = all.len();
    let whole = mean(&scale.total);
    let candidates = all.iter();
    let candidates = candidates.map(|named| Candidate::new(named, table, scale));
    let (mut candidates, seldom): (Vec<Candidate<'_>>, Vec<Candidate<'_>>) =
        candidates.partition(|candidate| candidate.counts_enough(options, whole));
    let margin = options.margin * mean(&scale.total[..table.base_runs]);
    let unseen = seldom.iter().map(|candidate| candidate.unseen(family));
    let unseen = unseen.filter(|unseen| unseen.matters(margin)).collect();
    let degrees = table.degrees();
    let both = candidates.iter();
    let both = both.filter(|candidate| candidate.presence() == Presence::Both);
    let spreads: Vec<Spread> = both.map(|candidate| candidate.spread).collect();
    let mut prior = Prior::fit(&spreads, degrees, Variance::default());
    // Locks and tasks are few, and depend on each other: together they say no more than each does by itself.
    prior.degrees = prior.degrees.min(degrees);
    let tested: Vec<Tested> = candidates
        .drain(..)
        .map(|candidate| candidate.test(family, &prior, table, whole, options))
        .collect();
    Rows {
        untested: (count - tested.len()) as u32,
        tested,
        unseen,
    }
}

struct Candidate<'a> {
    named: &'a Named,
    /// By run: ln of the cost per unit.
    logs: Vec<f64>,
    costs: [f64; 2],
    counts: [u64; 2],
    share: f64,
    /// Events a run and the time in them as a part of the CPU time, both sides alike, or of the one side that has it.
    events: f64,
    part: f64,
    spread: Spread,
}

impl<'a> Candidate<'a> {
    fn new(named: &'a Named, table: &Table<'_>, scale: &Scale) -> Self {
        let sides = table.sides();
        let counted = &named.runs;
        let events: f64 = counted.iter().map(|run| run.events as f64).sum();
        let time: f64 = counted.iter().map(|run| run.ns as f64).sum();
        // Half an event of the usual length: no run is without cost, as with counts of samples.
        let half = if events > 0.0 {
            0.5 * time / events
        } else {
            0.0
        };
        let cost = |run: usize| counted[run].ns as f64 / scale.units[run];
        let runs = 0..counted.len();
        let logs: Vec<f64> = runs
            .clone()
            .map(|run| ((counted[run].ns as f64 + half).max(1e-9) / scale.units[run]).ln())
            .collect();
        let costs: Vec<f64> = runs.map(cost).collect();
        let (base, new) = costs.split_at(sides[0]);
        let count = |runs: &[Counted]| {
            runs.iter()
                .fold(0, |sum: u64, run| sum.saturating_add(run.events))
        };
        let (base_runs, new_runs) = counted.split_at(sides[0]);
        let cpu: f64 = table.runs.iter().map(|run| run.cpu_ns as f64).sum();
        let mut all = Histogram::default();
        for run in counted {
            all.add(&run.histogram);
        }
        let counts = [count(base_runs), count(new_runs)];
        let of_sides = |sides: [f64; 2]| match counts {
            [0, _] => sides[1],
            [_, 0] => sides[0],
            _ => mean(&sides),
        };
        let events_a_run = [0, 1].map(|side| counts[side] as f64 / sides[side] as f64);
        let events_a_run = of_sides(events_a_run);
        let parts = counted.iter().zip(&table.runs);
        let parts = parts.map(|(counted, run)| counted.ns as f64 / run.cpu_ns.max(1) as f64);
        let parts: Vec<f64> = parts.collect();
        let (base_parts, new_parts) = parts.split_at(sides[0]);
        let part = of_sides([mean(base_parts), mean(new_parts)]);
        // Independent events of that spread, on average so many a run.
        let sampling = second_moment(&all) / events_a_run.max(0.5);
        let side = |side: &[f64]| pooled_variance([side, &side[..1]]).value;
        let (between, costs) = match (counts, logs.split_at(sides[0])) {
            ([0, _], (_, new_logs)) => (side(new_logs), [0.0, mean(new)]),
            ([_, 0], (base_logs, _)) => (side(base_logs), [mean(base), 0.0]),
            _ => (table.variance(&logs).value, geometric(&logs, sides[0])),
        };
        Self {
            named,
            costs,
            counts,
            share: if cpu > 0.0 { time / cpu } else { 0.0 },
            events: events_a_run,
            part,
            spread: Spread {
                between,
                rest: between,
                sampling,
                dispersed: sampling,
            },
            logs,
        }
    }

    fn counts_enough(&self, options: &Options, whole: f64) -> bool {
        whole > 0.0 && self.part >= options.min_share && self.events >= options.min_samples
    }

    /// Of few events nobody knows how they are spread: all of it may be new.
    fn unseen(&self, family: Family) -> Unseen {
        Unseen {
            family,
            name: self.named.title.clone(),
            counts: self.counts,
            most: self.costs[1],
        }
    }

    fn presence(&self) -> Presence {
        match self.counts {
            [0, _] => Presence::New,
            [_, 0] => Presence::Gone,
            _ => Presence::Both,
        }
    }

    fn test(
        self,
        family: Family,
        prior: &Prior,
        table: &Table<'_>,
        whole: f64,
        options: &Options,
    ) -> Tested {
        let presence = self.presence();
        let sides = table.sides();
        // What one side has alone is known from that side's runs.
        let degrees = match presence {
            Presence::Both => table.degrees(),
            Presence::New => sides[1] as f64 - 1.0,
            Presence::Gone => sides[0] as f64 - 1.0,
        };
        let (base, new) = self.logs.split_at(sides[0]);
        let difference = Difference {
            costs: self.costs,
            delta: mean(new) - mean(base),
            variance: prior.moderate(&self.spread, degrees),
            runs: sides,
            margin: options.margin.ln_1p(),
            level: options.q,
        };
        let testable = presence == Presence::Both && difference.variance.degrees > 0.0;
        let (total, tails) = match presence {
            // The effect is made once it is known how many tests there are.
            Presence::Both if testable => (Effect::default(), difference.tails()),
            Presence::Both => (untested(&difference), [1.0; 2]),
            // The first wait at a lock is one too many for a ratio: it is held against the margin's part of the whole CPU time.
            one_sided => appeared(&difference, one_sided, whole * options.margin),
        };
        Tested {
            row: Row {
                family,
                name: self.named.title.clone(),
                file: self.named.file.clone(),
                line: self.named.line,
                presence,
                total,
                own: (self.costs[0], self.costs[1]),
                base_count: self.counts[0],
                new_count: self.counts[1],
                share: self.share,
                moved: None,
            },
            tails,
            difference: testable.then_some(difference),
        }
    }
}

/// One run a side: the costs, and no opinion.
fn untested(difference: &Difference) -> Effect {
    let [base, new] = difference.costs;
    Effect {
        base,
        new,
        ratio: difference.delta.exp(),
        interval: Interval {
            low: 0.0,
            high: f64::INFINITY,
        },
        p: 1.0,
        q: 1.0,
        detectable: f64::NAN,
        ..Effect::default()
    }
}

/// The mean of the squares over the square of the mean: what the variance of a sum of so spread events is relative to its square, times their number.
fn second_moment(histogram: &Histogram) -> f64 {
    let (mut events, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for (bucket, &count) in histogram.counts.iter().enumerate() {
        let middle = 0.5 * (lower_bound(bucket) as f64 + lower_bound(bucket + 1) as f64);
        let count = count as f64;
        events += count;
        sum += count * middle;
        squares += count * middle * middle;
    }
    if sum > 0.0 {
        events * squares / (sum * sum)
    } else {
        1.0
    }
}
