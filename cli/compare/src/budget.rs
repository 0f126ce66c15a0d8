//! Costs that may not be exceeded, whatever the base costs.

use crate::named::{TOTAL, means};
use crate::scale::Scale;
use crate::table::Table;
use crate::variance::mean;
use crate::waiver::{waived, waiver};
use crate::{Cause, Comparison, Effect, Family, Notice, Options, Row, Unit, Verdict};

/// What a budget is held against: every function of that name, tested or not.
pub(crate) type BudgetCosts = Vec<Row>;

/// The functions that each budget is of.
pub(crate) fn costs(table: &Table<'_>, scale: &Scale, options: &Options) -> Vec<BudgetCosts> {
    let budgets = options.budgets.iter();
    budgets
        .map(|budget| {
            let functions = table.functions.iter().enumerate();
            let functions = functions.filter(|(_, known)| means(known.name, &budget.function));
            functions
                .map(|(at, known)| {
                    let by_run = |shares: &[f64]| {
                        let runs = shares.iter().zip(&scale.sampled);
                        let costs: Vec<f64> = runs.map(|(share, cost)| share * cost).collect();
                        let (base, new) = costs.split_at(table.base_runs);
                        (mean(base), mean(new))
                    };
                    let (base, new) = by_run(table.shares(at));
                    Row {
                        family: Family::Cpu,
                        name: known.name.to_owned(),
                        file: known.file.to_owned(),
                        line: known.line,
                        total: Effect {
                            base,
                            new,
                            ratio: f64::NAN,
                            p: 1.0,
                            q: 1.0,
                            detectable: f64::NAN,
                            verdict: Verdict::Inconclusive,
                            ..Effect::default()
                        },
                        own: by_run(table.own_shares(at)),
                        base_count: known.samples[0],
                        new_count: known.samples[1],
                        share: mean(table.shares(at)),
                        ..Row::default()
                    }
                })
                .collect()
        })
        .collect()
}

/// Adds a cause for each budget that is exceeded. Says whether all of them could be looked at: one that was not has not been kept.
pub(crate) fn check(comparison: &mut Comparison, costs: &[BudgetCosts], options: &Options) -> bool {
    let mut all_looked_at = true;
    for (budget, functions) in options.budgets.iter().zip(costs) {
        let why_not = match &comparison.unit {
            Unit::PerUnit(unit) if !budget.unit.is_empty() && !same_unit(unit, &budget.unit) => {
                Some(format!(
                    "the budget of {} is per {}, and costs are per {unit}: it was not looked at",
                    budget.function, budget.unit
                ))
            }
            Unit::MedianOfRatios => Some(format!(
                "nobody counted work: the budget of {} was not looked at",
                budget.function
            )),
            _ if functions.is_empty() && budget.function != TOTAL => Some(format!(
                "no function is called {}, which has a budget: it was not looked at",
                budget.function
            )),
            _ => None,
        };
        if let Some(text) = why_not {
            comparison.notices.push(Notice { text });
            all_looked_at = false;
            continue;
        }
        if functions.is_empty() {
            if comparison.total.new > budget.ns_per_unit {
                exceeded(comparison, None, budget.ns_per_unit, TOTAL, options);
            }
            continue;
        }
        for function in functions {
            if function.total.new > budget.ns_per_unit {
                let row = row_of(comparison, function);
                exceeded(
                    comparison,
                    Some(row),
                    budget.ns_per_unit,
                    &function.name,
                    options,
                );
            }
        }
    }
    all_looked_at
}

/// The function's row; one that was too small to be tested gets one.
fn row_of(comparison: &mut Comparison, function: &Row) -> u32 {
    let rows = &mut comparison.rows;
    let known = rows
        .iter()
        .position(|row| row.family == Family::Cpu && row.name == function.name);
    known.unwrap_or_else(|| {
        rows.push(function.clone());
        rows.len() - 1
    }) as u32
}

fn exceeded(
    comparison: &mut Comparison,
    row: Option<u32>,
    ns_per_unit: f64,
    name: &str,
    options: &Options,
) {
    let place = comparison.causes.iter().position(|cause| cause.row == row);
    let place = place.unwrap_or_else(|| {
        comparison.causes.push(Cause {
            row,
            ..Cause::default()
        });
        comparison.causes.len() - 1
    });
    let waiver = waiver(name, options);
    let cause = &mut comparison.causes[place];
    cause.budget = Some(ns_per_unit);
    cause.waived = waiver.map(waived);
    cause.fails = waiver.is_none();
}

/// `request` and `requests` are the same.
fn same_unit(one: &str, other: &str) -> bool {
    one.trim_end_matches('s') == other.trim_end_matches('s')
}
