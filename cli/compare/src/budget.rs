//! Costs that may not be exceeded, whatever the base has.
//!
//! A cost between runs differs, so a budget is held against the interval of the new build's mean cost: broken only if all of the interval is above, kept if all
//! of it is below, and else nobody knows. All budgets together have the comparison's chance of a false alarm once more.

use crate::functions::{Functions, pooled_with_noise};
use crate::named::{TOTAL, did_you_mean, means, near, same_unit};
use crate::scale::Scale;
use crate::special::student::upper_quantile;
use crate::table::Table;
use crate::variance::{Spread, Variance, mean, pooled_variance};
use crate::waiver::{waived, waiver};
use crate::{
    Budget, Cause, Comparison, Effect, Family, Interval, NotComparable, Notice, Options, Presence,
    Row, Unit,
};

/// A budget's function, and the interval of what it costs in the new build.
pub(crate) struct Held {
    ns_per_unit: f64,
    /// What was written.
    written: String,
    /// `None` for the total.
    function: Option<Function>,
    /// `None` where nobody can say how runs differ.
    interval: Option<Interval>,
}

struct Function {
    name: String,
    /// Among the rows.
    tested: Option<u32>,
    /// In its place, where it is too small to be tested.
    row: Row,
}

/// A budget that is kept or broken by nothing that was recorded.
pub(crate) struct Unknown(String);

impl From<Unknown> for NotComparable {
    fn from(unknown: Unknown) -> Self {
        Self {
            reasons: vec![unknown.0],
            is_usage: true,
        }
    }
}

/// Finds what budgets are of. Each of them has to name something that is there: one with a typing error would be kept for ever.
pub(crate) fn hold(
    table: &Table<'_>,
    scale: &Scale,
    functions: &Functions,
    judged: bool,
    options: &Options,
) -> Result<Vec<Held>, Unknown> {
    let mut found = Vec::new();
    for budget in &options.budgets {
        check_unit(budget, table, &scale.unit)?;
        if budget.function == TOTAL {
            found.push((budget, None));
            continue;
        }
        let names = || table.functions.iter().map(|function| function.name);
        let all = names().enumerate();
        let meant = all.filter(|(_, name)| means(name, &budget.function));
        let before = found.len();
        found.extend(meant.map(|(at, _)| (budget, Some(at))));
        if found.len() == before {
            let near = did_you_mean(&near(names(), &budget.function));
            return Err(Unknown(format!(
                "no sample of either build is of a function called {}, which has a budget{near}",
                budget.function
            )));
        }
    }
    let level = options.q / found.len() as f64;
    let held = found.into_iter().map(|(budget, function)| {
        let interval = match function {
            Some(at) => of_function(table, scale, functions, at, level),
            None => of_total(table, scale, options, level),
        };
        Held {
            ns_per_unit: budget.ns_per_unit,
            written: budget.function.clone(),
            function: function.map(|at| Function {
                name: table.functions[at].name.to_owned(),
                tested: functions.place[at],
                row: row(table, scale, at),
            }),
            interval: interval.filter(|_| judged),
        }
    });
    Ok(held.collect())
}

fn check_unit(budget: &Budget, table: &Table<'_>, unit: &Unit) -> Result<(), Unknown> {
    let Unit::PerUnit(counter) = unit else {
        // `comparable.rs` has refused it before.
        return Ok(());
    };
    if budget.unit.is_empty() || same_unit(counter, &budget.unit) {
        return Ok(());
    }
    let counters = || table.runs.iter().flat_map(|run| &run.work);
    let next = match counters().find(|work| same_unit(&work.name, &budget.unit)) {
        Some(other) => format!("; --work {} tells costs by those", other.name),
        None => format!(", and nobody counted any {}", budget.unit),
    };
    Err(Unknown(format!(
        "the budget of {} is per {}, and costs are told by the number of {counter}{next}",
        budget.function, budget.unit
    )))
}

/// The interval of a function's mean cost in the new build, whether it is large enough to be tested or not.
fn of_function(
    table: &Table<'_>,
    scale: &Scale,
    functions: &Functions,
    at: usize,
    level: f64,
) -> Option<Interval> {
    let shares = table.shares(at);
    let cells = || shares.iter().zip(&table.effective);
    // Half a sample more, so that a run that did not meet it has a logarithm too.
    let logs = cells().zip(&scale.sampled).map(|((share, samples), cost)| {
        ((share * samples + 0.5) / (samples + 1.0)).ln() + cost.ln()
    });
    let logs: Vec<f64> = logs.collect();
    let sampling = cells().skip(table.base_runs);
    let sampling =
        sampling.map(|(share, samples)| (1.0 - share).max(0.0) / (share * samples + 0.5));
    let sampling: Vec<f64> = sampling.collect();
    let sampling = mean(&sampling);
    let (base, new) = logs.split_at(table.base_runs);
    let known = &table.functions[at];
    let between = match known.samples {
        // A side without it says nothing of how it differs.
        [0, _] => pooled_variance([new, &new[..1]]),
        _ => pooled_variance([base, new]),
    };
    let spread = Spread {
        between: between.value,
        rest: between.value,
        sampling,
        dispersed: sampling * known.dispersion,
    };
    let variance = functions.prior.moderate(&spread, between.degrees);
    interval(new, variance, level)
}

fn of_total(table: &Table<'_>, scale: &Scale, options: &Options, level: f64) -> Option<Interval> {
    let logs: Vec<f64> = scale.total.iter().map(|cost| cost.ln()).collect();
    let (base, new) = logs.split_at(table.base_runs);
    let found = pooled_variance([base, new]);
    let variance = match &options.noise {
        Some(noise) => pooled_with_noise(found, noise, found.degrees),
        None => found,
    };
    interval(new, variance, level)
}

/// Of the mean of these logarithms, as a cost; each end is missed with the probability `level`.
fn interval(logs: &[f64], variance: Variance, level: f64) -> Option<Interval> {
    if variance.degrees <= 0.0 {
        return None;
    }
    let error = (variance.value / logs.len() as f64).sqrt();
    let half = upper_quantile(level, variance.degrees) * error;
    let interval = Interval {
        low: (mean(logs) - half).exp(),
        high: (mean(logs) + half).exp(),
    };
    interval.high.is_finite().then_some(interval)
}

/// A row for what is too small to have one.
fn row(table: &Table<'_>, scale: &Scale, at: usize) -> Row {
    let function = &table.functions[at];
    let costs = |shares: &[f64]| {
        let costs = shares.iter().zip(&scale.sampled);
        let costs: Vec<f64> = costs.map(|(share, cost)| share * cost).collect();
        let (base, new) = costs.split_at(table.base_runs);
        (mean(base), mean(new))
    };
    let (base, new) = costs(table.shares(at));
    Row {
        family: Family::Cpu,
        name: function.name.to_owned(),
        file: function.file.to_owned(),
        line: function.line,
        presence: match function.samples {
            [0, _] => Presence::New,
            [_, 0] => Presence::Gone,
            _ => Presence::Both,
        },
        total: Effect {
            base,
            new,
            ratio: if base > 0.0 && new > 0.0 {
                new / base
            } else {
                f64::NAN
            },
            interval: Interval {
                low: f64::NAN,
                high: f64::NAN,
            },
            p: 1.0,
            q: 1.0,
            detectable: f64::NAN,
            ..Effect::default()
        },
        own: costs(table.own_shares(at)),
        base_count: function.samples[0],
        new_count: function.samples[1],
        share: mean(table.shares(at)),
        moved: None,
    }
}

/// Adds a cause for each budget that is broken or cannot be judged, or marks the one that is there. Returns whether one could not be judged.
pub(crate) fn check(comparison: &mut Comparison, held: Vec<Held>, options: &Options) -> bool {
    let mut unsettled = false;
    for held in held {
        let broken = held
            .interval
            .is_some_and(|cost| cost.low > held.ns_per_unit);
        if held
            .interval
            .is_some_and(|cost| cost.high <= held.ns_per_unit)
        {
            continue;
        }
        unsettled |= !broken;
        if held.interval.is_none() {
            let text = format!(
                "how runs differ is hardly known: the budget of {} was not judged",
                held.written
            );
            // Once, however many functions it is of.
            if comparison.notices.iter().all(|notice| notice.text != text) {
                comparison.notices.push(Notice { text });
            }
            continue;
        }
        let name = held.function.as_ref().map(|function| &*function.name);
        let waiver = waiver(name.unwrap_or(TOTAL), options).filter(|_| broken);
        let row = held.function.map(|function| {
            function.tested.unwrap_or_else(|| {
                let mut known = comparison.rows.iter();
                let known =
                    known.position(|row| row.family == Family::Cpu && row.name == function.name);
                let at = known.unwrap_or_else(|| {
                    comparison.rows.push(function.row);
                    comparison.rows.len() - 1
                });
                at as u32
            })
        });
        let place = comparison.causes.iter().position(|cause| cause.row == row);
        let place = place.unwrap_or_else(|| {
            comparison.causes.push(Cause {
                row,
                ..Cause::default()
            });
            comparison.causes.len() - 1
        });
        let cause = &mut comparison.causes[place];
        // Of several budgets of one function the broken one is told.
        if cause.breaks_budget() && !broken {
            continue;
        }
        cause.budget = Some(held.ns_per_unit);
        cause.cost = held.interval;
        if broken {
            cause.waived = waiver.map(waived);
            cause.fails = waiver.is_none();
        }
    }
    unsettled
}
