//! Costs that changed their place: a function that was split, renamed, inlined or moved is not a regression.
//!
//! A function got dearer, and what it is called within did not: then something else within it got cheaper by as much. That is looked for from the
//! nearest caller outwards, and believed only if the caller's own interval is narrow beside the change.

use crate::functions::Tested;
use crate::overlaps::Overlaps;
use crate::{Moved, Notice, Options, Presence, Row, Verdict};

/// The whole in which a cost moved changed by less than this part of it,
const WHOLE_CHANGED: f64 = 0.25;
/// and surely by less than this.
const WHOLE_MAY_HAVE_CHANGED: f64 = 0.6;
/// So much of a function's cost lies within a caller for the caller to be a whole that it can move in.
const WITHIN: f64 = 0.9;
/// What got cheaper, by at least so much of what got dearer, is where it came from.
const COUNTERPART: f64 = 0.5;
/// A caller with more than this part of all costs is too large for a function of both sides: something always got cheaper somewhere.
const TOO_LARGE: f64 = 0.9;

/// Says of rows that got dearer where their cost came from, and of those that got cheaper where it went.
pub(crate) fn find(
    tested: &mut [Tested],
    overlaps: &Overlaps,
    whole: f64,
    options: &Options,
    notices: &mut Vec<Notice>,
) {
    let rows: Vec<&Row> = tested.iter().map(|tested| &tested.row).collect();
    let dearer = (0..rows.len() as u32).filter(|&row| {
        let row = &rows[row as usize];
        let appeared = row.presence == Presence::New && change(row) >= options.min_change * whole;
        row.total.verdict == Verdict::Regressed || appeared
    });
    let dearer: Vec<u32> = dearer.collect();
    let moves: Vec<(u32, u32, Moved)> = dearer
        .into_iter()
        .filter_map(|row| came_from(&rows, row, overlaps, whole))
        .collect();
    for (row, from, moved) in moves {
        let name = tested[row as usize].row.name.clone();
        if let Some(dearer) = renamed_and_dearer(
            &tested[row as usize].row,
            &tested[from as usize].row,
            options,
        ) {
            notices.push(Notice {
                text: format!(
                    "{name} looks like {} with another name, {:.0} % dearer: --rename '{}={name}' compares the two",
                    moved.from,
                    100.0 * dearer,
                    moved.from
                ),
            });
            tested[row as usize].row.total.verdict = Verdict::Regressed;
            continue;
        }
        if from != row && change(&tested[from as usize].row) < 0.0 {
            tested[from as usize].row.moved.get_or_insert(Moved {
                from: name,
                within: moved.within.clone(),
            });
        }
        tested[row as usize].row.moved = Some(moved);
    }
}

/// Halves of 95 % intervals by which a function has to be dearer than what it seems to have been called before.
const SURELY: f64 = 2.0;

/// By how much a new function is dearer than the one that is gone, if that is surely more than the margin: another name hides nothing.
fn renamed_and_dearer(this: &Row, gone: &Row, options: &Options) -> Option<f64> {
    if (this.presence, gone.presence) != (Presence::New, Presence::Gone) {
        return None;
    }
    let half = |row: &Row| {
        let interval = row.total.interval;
        0.5 * (interval.high / interval.low).ln().abs()
    };
    let ratio = this.total.new / gone.total.base;
    let beyond = ratio.ln() - options.margin.ln_1p();
    (beyond > SURELY * half(this).hypot(half(gone))).then_some(ratio - 1.0)
}

fn change(row: &Row) -> f64 {
    row.total.new - row.total.base
}

fn came_from(
    rows: &[&Row],
    row: u32,
    overlaps: &Overlaps,
    whole: f64,
) -> Option<(u32, u32, Moved)> {
    let this = rows[row as usize];
    let rise = change(this);
    let cost = this.total.base + this.total.new;
    for within in overlaps.callers(row, |costs| costs[0] + costs[1]) {
        let caller = rows[within as usize];
        let [base, new] = overlaps.both(row, within);
        if base + new < WITHIN * cost {
            continue;
        }
        if this.presence == Presence::Both && caller.total.base > TOO_LARGE * whole {
            break;
        }
        let most = caller.total.base * (caller.total.interval.high - 1.0);
        let unchanged = caller.presence == Presence::Both
            && change(caller).abs() < WHOLE_CHANGED * rise
            && most < WHOLE_MAY_HAVE_CHANGED * rise;
        if !unchanged {
            continue;
        }
        if let Some(from) = counterpart(rows, row, within, overlaps) {
            let moved = Moved {
                from: rows[from as usize].name.clone(),
                within: caller.name.clone(),
            };
            return Some((row, from, moved));
        }
    }
    renamed(rows, row)
}

/// What got cheaper within a caller: a function beside this one, or the caller's own code.
fn counterpart(rows: &[&Row], row: u32, within: u32, overlaps: &Overlaps) -> Option<u32> {
    let rise = change(rows[row as usize]);
    let beside = (0..rows.len() as u32).filter(|&other| other != row && other != within);
    let fall = |other: u32| {
        // Its samples without this one: a caller of this one that stayed the same is no counterpart.
        let [base, new] = overlaps.both(other, within);
        let [shared_base, shared_new] = overlaps.both(other, row);
        (base - shared_base) - (new - shared_new)
    };
    let beside = beside.filter(|&other| change(rows[other as usize]) < 0.0);
    let best = beside.max_by(|&one, &other| fall(one).total_cmp(&fall(other)));
    if let Some(best) = best.filter(|&best| fall(best) >= COUNTERPART * rise) {
        return Some(best);
    }
    let (own_base, own_new) = rows[within as usize].own;
    (own_base - own_new >= COUNTERPART * rise).then_some(within)
}

/// A new function that looks like one that is gone: as dear, and of the same name in another place, or in the same file.
fn renamed(rows: &[&Row], row: u32) -> Option<(u32, u32, Moved)> {
    let this = rows[row as usize];
    if this.presence != Presence::New {
        return None;
    }
    let last = |name: &str| name.rsplit("::").next().unwrap_or(name).to_owned();
    let gone = rows.iter().enumerate().filter(|(_, other)| {
        let as_dear = (other.total.base - this.total.new).abs() < WHOLE_CHANGED * this.total.new;
        let alike = last(&other.name) == last(&this.name)
            || !other.file.is_empty() && other.file == this.file;
        other.presence == Presence::Gone && as_dear && alike
    });
    let nearest = gone.min_by(|(_, one), (_, other)| {
        let apart = |other: &Row| (other.total.base - this.total.new).abs();
        apart(one).total_cmp(&apart(other))
    });
    let (from, gone) = nearest?;
    let moved = Moved {
        from: gone.name.clone(),
        within: String::new(),
    };
    Some((row, from as u32, moved))
}
