//! What a gate makes of it: verdicts, what fails, the outcome. Budgets and waivers have files of their own.

use crate::cause::EXPLAINS;
use crate::named::TOTAL;
use crate::overlaps::{Overlaps, sum};
use crate::waiver::{self, waived, waiver};
use crate::{
    Cause, Comparison, Effect, FailOn, Family, OnInconclusive, Options, Outcome, Row, Unit,
    Verdict, budget,
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

/// Says which causes fail, adds those that budgets make, and says what comes of all that.
pub(crate) fn close(
    comparison: &mut Comparison,
    overlaps: &Overlaps,
    of_functions: usize,
    judged: bool,
    options: &Options,
) {
    waiver::expired(comparison, options);
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
    budget::check(comparison, options);
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
