//! What a gate makes of it: verdicts, budgets, waivers, the outcome.

use crate::cause::EXPLAINS;
use crate::overlaps::{Overlaps, sum};
use crate::{
    Cause, Comparison, Effect, FailOn, Family, Notice, OnInconclusive, Options, Outcome, Row, Unit,
    Verdict, Waiver,
};

/// What can be said of an effect whose `q` is known.
pub(crate) fn verdict(effect: &Effect, options: &Options) -> Verdict {
    if effect.q <= options.q && effect.ratio > 1.0 {
        return Verdict::Regressed;
    }
    if effect.q <= options.q && effect.ratio < 1.0 {
        return Verdict::Improved;
    }
    let margin = 1.0 + options.margin;
    if effect.interval.low > 1.0 / margin && effect.interval.high < margin {
        return Verdict::Equivalent;
    }
    Verdict::Inconclusive
}

/// What the total is called in waivers and budgets.
const TOTAL: &str = "total";

/// Says which causes fail, adds those that budgets make, and says what comes of all that.
pub(crate) fn close(
    comparison: &mut Comparison,
    overlaps: &Overlaps,
    of_functions: usize,
    judged: bool,
    options: &Options,
) {
    expired(comparison, options);
    let whole = comparison.total.base;
    for at in 0..comparison.causes.len() {
        let cause = &comparison.causes[at];
        let failing = |row: u32| fails(&comparison.rows[row as usize], whole, options);
        let fails =
            cause.row.is_some_and(failing) || cause.explains.iter().any(|&row| failing(row));
        let waiver = cause
            .row
            .and_then(|row| waiver(&comparison.rows[row as usize].name, options));
        let waived = waiver.filter(|_| fails).map(waived);
        let cause = &mut comparison.causes[at];
        cause.fails = fails && waived.is_none();
        cause.waived = waived;
    }
    budgets(comparison, options);
    total(comparison, overlaps, of_functions, options);

    let fails = comparison.causes.iter().any(|cause| cause.fails);
    let blind = is_blind(comparison, judged, options);
    comparison.outcome = if fails {
        Outcome::Regression
    } else if blind && options.on_inconclusive != OnInconclusive::Pass {
        Outcome::UnderPowered
    } else {
        Outcome::Pass
    };
    comparison.verdict = if fails {
        Verdict::Regressed
    } else if blind {
        Verdict::Inconclusive
    } else if comparison.total.verdict == Verdict::Regressed {
        // Accepted by a waiver, or not asked to fail.
        Verdict::Regressed
    } else if comparison.total.verdict == Verdict::Improved || only_improved(comparison) {
        Verdict::Improved
    } else {
        Verdict::Equivalent
    };
}

fn only_improved(comparison: &Comparison) -> bool {
    let mut rows = comparison.causes.iter().filter_map(|cause| cause.row);
    let is = |row: u32, verdict| comparison.rows[row as usize].total.verdict == verdict;
    !comparison.causes.is_empty() && rows.all(|row| is(row, Verdict::Improved))
}

/// Whether a row's change is one that fails.
fn fails(row: &Row, whole: f64, options: &Options) -> bool {
    let asked = match row.family {
        Family::Cpu => FailOn::Function,
        Family::Poll | Family::WakeDelay => FailOn::Poll,
        Family::LockWait => FailOn::Lock,
    };
    let effect = &row.total;
    let change = effect.new - effect.base;
    effect.verdict == Verdict::Regressed
        && row.moved.is_none()
        && change >= options.min_change * whole
        && options.fail_on.contains(&asked)
}

/// Whether a change that would have to fail could have been missed: the total's interval reaches beyond the margin, or that of a function whose change
/// could be as much as the margin of all of it.
fn is_blind(comparison: &Comparison, judged: bool, options: &Options) -> bool {
    if !judged {
        return true;
    }
    let margin = 1.0 + options.margin;
    let total = &comparison.total;
    let counted = comparison.unit != Unit::MedianOfRatios;
    let of_total = counted
        && options.fail_on.contains(&FailOn::Total)
        && total.verdict == Verdict::Inconclusive
        && (total.interval.high >= margin || total.interval.high.is_nan());
    let mut functions = comparison
        .rows
        .iter()
        .filter(|row| row.family == Family::Cpu);
    of_total
        || options.fail_on.contains(&FailOn::Function)
            && functions.any(|row| {
                let effect = &row.total;
                effect.verdict == Verdict::Inconclusive
                    && row.moved.is_none()
                    && (effect.interval.high - 1.0) * effect.base > options.margin * total.base
            })
}

/// Whether a name is meant by what somebody wrote: all of it, or its last parts.
fn means(name: &str, written: &str) -> bool {
    let before = name.strip_suffix(written);
    !written.is_empty() && before.is_some_and(|before| before.is_empty() || before.ends_with("::"))
}

fn waiver<'a>(name: &str, options: &'a Options) -> Option<&'a Waiver> {
    let valid = options
        .waivers
        .iter()
        .filter(|waiver| waiver.until >= options.today);
    valid.into_iter().find(|waiver| means(name, &waiver.what))
}

fn waived(waiver: &Waiver) -> String {
    format!("{} (until {})", waiver.reason, date(waiver.until))
}

fn expired(comparison: &mut Comparison, options: &Options) {
    let expired = options
        .waivers
        .iter()
        .filter(|waiver| waiver.until < options.today);
    comparison.notices.extend(expired.map(|waiver| Notice {
        text: format!(
            "the waiver of {} ran out on {}: {}",
            waiver.what,
            date(waiver.until),
            waiver.reason
        ),
    }));
}

/// A day since 1970 as `2026-11-22`, by the Gregorian calendar.
fn date(day: u32) -> String {
    // Years from March on, so that the leap day is the last; 146,097 days are 400 years.
    let day = u64::from(day) + 719_468;
    let era = day / 146_097;
    let of_era = day % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

fn budgets(comparison: &mut Comparison, options: &Options) {
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

/// The total is a cause of its own where functions do not explain it.
fn total(comparison: &mut Comparison, overlaps: &Overlaps, of_functions: usize, options: &Options) {
    let effect = comparison.total;
    let sign = match effect.verdict {
        Verdict::Regressed => 1.0,
        Verdict::Improved => -1.0,
        _ => return,
    };
    let functions = comparison.causes.iter().filter(|cause| {
        let row = cause.row.map(|row| row as usize);
        row.is_some_and(|row| {
            row < of_functions && comparison.rows[row].total.verdict != Verdict::Improved
                || sign < 0.0
        })
    });
    let mut covered = vec![false; overlaps.stacks.len()];
    let (mut fail, mut are_waived) = (false, false);
    for cause in functions {
        fail |= cause.fails;
        are_waived |= cause.waived.is_some();
        for &at in cause
            .row
            .and_then(|row| overlaps.of_row.get(row as usize))
            .into_iter()
            .flatten()
        {
            covered[at as usize] = true;
        }
    }
    let below = overlaps
        .stacks
        .iter()
        .zip(&covered)
        .filter(|(_, covered)| **covered);
    let [base, new] = sum(below.map(|(stack, _)| stack));
    let explained = sign * (new - base) >= EXPLAINS * sign * (effect.new - effect.base);
    let fails = sign > 0.0 && options.fail_on.contains(&FailOn::Total);
    // A change that was accepted is not held against the total either; one that fails is told once.
    if explained && (!fails || fail || are_waived) {
        return;
    }
    let waiver = waiver(TOTAL, options).filter(|_| fails);
    let cause = Cause {
        row: None,
        fails: fails && waiver.is_none(),
        waived: waiver.map(waived),
        ..Cause::default()
    };
    match comparison
        .causes
        .iter_mut()
        .find(|cause| cause.row.is_none())
    {
        Some(there) => {
            there.fails |= cause.fails;
            there.waived = there.waived.take().or(cause.waived);
        }
        None => comparison.causes.insert(0, cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(20_779), "2026-11-22");
    }

    #[test]
    fn names_by_their_end() {
        assert!(means("shop::json::parse", "parse"));
        assert!(means("shop::json::parse", "json::parse"));
        assert!(means("parse", "parse"));
        assert!(!means("shop::json::reparse", "parse"));
        assert!(!means("shop::json::parse", ""));
    }
}
