//! Costs that may not be exceeded, whatever the base has.

use crate::named::{TOTAL, means};
use crate::waiver::{waived, waiver};
use crate::{Cause, Comparison, Family, Notice, Options, Row, Unit};

/// Adds a cause for each budget that is exceeded, or marks the one that is there.
pub(crate) fn check(comparison: &mut Comparison, options: &Options) {
    for budget in &options.budgets {
        if let (false, Unit::PerUnit(unit)) = (budget.unit.is_empty(), &comparison.unit)
            && !same_unit(unit, &budget.unit)
        {
            comparison.notices.push(Notice {
                text: format!(
                    "the budget of {} is per {}, and costs are per {unit}: it was not looked at",
                    budget.function, budget.unit
                ),
            });
            continue;
        }
        if comparison.unit == Unit::MedianOfRatios {
            comparison.notices.push(Notice {
                text: format!(
                    "nobody counted work: the budget of {} was not looked at",
                    budget.function
                ),
            });
            continue;
        }
        let of_row = |row: &Row| row.family == Family::Cpu && means(&row.name, &budget.function);
        let row = comparison.rows.iter().position(of_row);
        let cost = match row {
            Some(row) => comparison.rows[row].total.new,
            None if budget.function == TOTAL => comparison.total.new,
            None => {
                comparison.notices.push(Notice {
                    text: format!(
                        "no tested function is called {}, which has a budget",
                        budget.function
                    ),
                });
                continue;
            }
        };
        if cost <= budget.ns_per_unit {
            continue;
        }
        let row = row.map(|row| row as u32);
        let place = comparison.causes.iter().position(|cause| cause.row == row);
        let place = place.unwrap_or_else(|| {
            comparison.causes.push(Cause {
                row,
                ..Cause::default()
            });
            comparison.causes.len() - 1
        });
        let waiver = waiver(&budget.function, options);
        let cause = &mut comparison.causes[place];
        cause.budget = Some(budget.ns_per_unit);
        cause.waived = waiver.map(waived);
        cause.fails = waiver.is_none();
    }
}

/// `request` and `requests` are the same.
fn same_unit(one: &str, other: &str) -> bool {
    one.trim_end_matches('s') == other.trim_end_matches('s')
}
