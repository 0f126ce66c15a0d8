//! What a gate makes of it: verdicts, what fails, the outcome. Budgets and waivers have files of their own.

use crate::cause::EXPLAINS;
use crate::named::TOTAL;
use crate::overlaps::{Overlaps, sum};
use crate::unseen::Unseen;
use crate::waiver::{self, waived, waiver};
use crate::{
    Cause, Comparison, Effect, FailOn, Family, OnInconclusive, Options, Outcome, Presence, Row,
    Unit, Verdict, budget,
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
    held: Vec<budget::Held>,
    unseen: &[Unseen],
    options: &Options,
) {
    let whole = comparison.total.base;
    for at in 0..comparison.causes.len() {
        let cause = &comparison.causes[at];
        let rows = cause.row.iter().chain(&cause.explains);
        let mut rows = rows.map(|&row| &comparison.rows[row as usize]);
        let worse = rows.clone().any(|row| is_worse(row, whole, options));
        let fails =
            rows.any(|row| is_worse(row, whole, options) && is_asked(row.family, &options.fail_on));
        let waiver = cause
            .row
            .and_then(|row| waiver(&comparison.rows[row as usize].name, options));
        // Accepted is a function where the whole alone is asked to fail, too.
        let waived = waiver.filter(|_| worse).map(waived);
        let cause = &mut comparison.causes[at];
        cause.fails = fails && waived.is_none();
        cause.waived = waived;
    }
    let unsettled = budget::check(comparison, held, options);
    total(comparison, overlaps, of_functions, options);
    waiver::unneeded(comparison, options);

    let fails = comparison.causes.iter().any(|cause| cause.fails);
    // Where nothing was to fail, not seeing it is no failure either.
    comparison.gated = !options.fail_on.is_empty() || !options.budgets.is_empty();
    let blind = blind(comparison, unseen, options);
    comparison.blind = !blind.is_empty() || unsettled;
    comparison.more_runs = more_runs(comparison, &blind);
    comparison.outcome = if fails {
        Outcome::Regression
    } else if comparison.blind && options.on_inconclusive != OnInconclusive::Pass {
        Outcome::UnderPowered
    } else {
        Outcome::Pass
    };
    comparison.verdict = if fails {
        Verdict::Regressed
    } else if comparison.blind {
        Verdict::Inconclusive
    } else if comparison.total.verdict == Verdict::Regressed {
        // Accepted by a waiver, or not asked to fail.
        Verdict::Regressed
    } else if comparison.total.verdict == Verdict::Improved
        || only_improved(comparison) && !may_be_dearer(comparison)
    {
        Verdict::Improved
    } else {
        // "Equivalent" is said of all of it, or not at all: one that may be cheaper by more than the margin, or that nobody asked to be gated, is not known
        // to be the same.
        comparison.total.verdict
    };
}

fn only_improved(comparison: &Comparison) -> bool {
    let mut rows = comparison.causes.iter().filter_map(|cause| cause.row);
    let is = |row: u32, verdict| comparison.rows[row as usize].total.verdict == verdict;
    !comparison.causes.is_empty() && rows.all(|row| is(row, Verdict::Improved))
}

/// Whether the whole may be dearer by the margin and more, where there is a whole.
fn may_be_dearer(comparison: &Comparison) -> bool {
    let high = comparison.total.interval.high;
    let is_beyond = high >= 1.0 + comparison.margin || high.is_nan();
    comparison.unit != Unit::MedianOfRatios && is_beyond
}

/// Whether a row's change is one that fails where its family is asked to.
fn is_worse(row: &Row, whole: f64, options: &Options) -> bool {
    let effect = &row.total;
    let change = effect.new - effect.base;
    effect.verdict == Verdict::Regressed
        && row.moved.is_none()
        && change >= options.min_change * whole
}

/// Whether rows of this family are among these.
fn is_asked(family: Family, of: &[FailOn]) -> bool {
    of.contains(&match family {
        Family::Cpu => FailOn::Function,
        Family::Poll | Family::WakeDelay => FailOn::Poll,
        Family::LockWait => FailOn::Lock,
    })
}

/// What a change that would have to fail could have been missed of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blind {
    /// Any of it: nobody knows how runs differ.
    All,
    /// The total's interval reaches beyond the margin, or nobody counted the work that it would be divided by.
    Total,
    /// The change of a function, a task kind's polls or a lock could be as much as the margin of all of it. Its row.
    Row(u32),
    /// The same of something that was met too seldom to be tested.
    Unseen,
}

fn blind(comparison: &Comparison, unseen: &[Unseen], options: &Options) -> Vec<Blind> {
    if !comparison.gated {
        return Vec::new();
    }
    if !comparison.judged {
        return vec![Blind::All];
    }
    let mut blind = Vec::new();
    let total = &comparison.total;
    let is_counted = comparison.unit != Unit::MedianOfRatios;
    if options.fail_on.contains(&FailOn::Total)
        && total.verdict == Verdict::Inconclusive
        && (may_be_dearer(comparison) || !is_counted)
    {
        blind.push(Blind::Total);
    }
    // Delays from wake to poll are the scheduler's doing, and wide on any busy machine: how little of them could be seen is told, and settles nothing.
    let asked = |family: Family| {
        family != Family::WakeDelay
            && is_asked(family, &options.fail_on)
            && is_asked(family, &options.must_tell)
    };
    let rows = comparison.rows.iter().enumerate().filter(|(_, row)| {
        let most = dearer_by(row);
        asked(row.family)
            && row.total.verdict == Verdict::Inconclusive
            && row.moved.is_none()
            && (most.is_nan() || most > options.margin * total.base)
    });
    blind.extend(rows.map(|(at, _)| Blind::Row(at as u32)));
    let unseen = unseen.iter().filter(|unseen| asked(unseen.family));
    blind.extend(unseen.map(|_| Blind::Unseen));
    blind
}

/// So much the row may have become dearer by, at most.
fn dearer_by(row: &Row) -> f64 {
    let effect = &row.total;
    match row.presence {
        Presence::Both => (effect.interval.high - 1.0) * effect.base,
        // Of one side only the interval is of the cost.
        Presence::New | Presence::Gone => effect.interval.high,
    }
}

/// So many runs a side are what the method was made for.
pub(crate) const USUAL_RUNS: u32 = 5;

/// So many more than these a side.
pub(crate) fn missing_runs(runs: usize) -> u32 {
    USUAL_RUNS.saturating_sub(runs as u32).max(1)
}

/// About how many more runs a side would open all eyes; `None` where none would, or none have to be.
fn more_runs(comparison: &Comparison, blind: &[Blind]) -> Option<u32> {
    if !comparison.judged {
        return comparison.total.more_runs;
    }
    let needed = blind.iter().map(|blind| match blind {
        // Met too seldom in each run, however many there are.
        Blind::All | Blind::Unseen => None,
        Blind::Total => comparison.total.more_runs,
        Blind::Row(row) => comparison.rows[*row as usize].total.more_runs,
    });
    // A function that no number of runs would settle does not make the others' pointless.
    needed.flatten().max()
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
    // A change that was accepted is not held against the total either, as far as it goes; one that fails is told once.
    let rest = (effect.interval.low - 1.0) * effect.base - (new - base);
    let is_accepted = are_waived && rest <= options.margin * effect.base;
    if explained && (!fails || fail || is_accepted) {
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
