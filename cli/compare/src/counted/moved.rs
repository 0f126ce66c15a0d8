//! Task kinds and locks with another name: a kind that was renamed or split, a file of locks that went to another folder. One side has each alone, and nothing
//! got worse.
//!
//! What a new one costs was spent in others of its family before, if the two together cost what they did: it and one that got cheaper or is gone, or all that one
//! side has alone. As with functions that is believed if the sum is known well enough beside what is new.

use crate::functions::Tested;
use crate::shift::{WHOLE_CHANGED, WHOLE_MAY_HAVE_CHANGED, renamed_and_dearer};
use crate::{Moved, Notice, Options, Presence, Row, Verdict};

/// Says of new rows where their cost came from, and of the others where it went.
pub(crate) fn find(family: &mut [Tested], options: &Options, notices: &mut Vec<Notice>) {
    let rows: Vec<&Row> = family.iter().map(|tested| &tested.row).collect();
    let dearer = (0..rows.len()).filter(|&at| {
        rows[at].presence == Presence::New && rows[at].total.verdict == Verdict::Regressed
    });
    let moves: Vec<(usize, usize)> = dearer
        .filter_map(|at| Some((at, came_from(&rows, at)?)))
        .collect();
    for (at, from) in moves {
        let (this, other) = (family[at].row.clone(), family[from].row.clone());
        if let Some(longer) = renamed_and_dearer(&this, &other, options) {
            notices.push(Notice {
                text: format!(
                    "{} looks like {} with another name, {:.0} % longer",
                    this.name,
                    other.name,
                    100.0 * longer
                ),
            });
            continue;
        }
        let moved = |name: &str| Moved {
            from: name.to_owned(),
            within: String::new(),
        };
        family[at].row.moved = Some(moved(&other.name));
        family[from].row.moved.get_or_insert(moved(&this.name));
    }
}

/// The row that a new one's cost was in before, or most of it.
fn came_from(rows: &[&Row], at: usize) -> Option<usize> {
    let rise = change(rows[at]);
    let mut cheaper: Vec<usize> = (0..rows.len()).filter(|&at| is_cheaper(rows[at])).collect();
    let apart = |other: usize| (rise + change(rows[other])).abs();
    cheaper.sort_by(|&one, &other| apart(one).total_cmp(&apart(other)));
    let nearest = *cheaper.first()?;
    if is_flat([rows[at], rows[nearest]].into_iter(), rise) {
        return Some(nearest);
    }
    let alone = rows.iter().copied();
    let alone = alone.filter(|row| row.presence != Presence::Both);
    is_flat(alone, rise).then_some(nearest)
}

fn change(row: &Row) -> f64 {
    row.total.new - row.total.base
}

fn is_cheaper(row: &Row) -> bool {
    match row.presence {
        Presence::Gone => true,
        Presence::Both => row.total.interval.high < 1.0,
        Presence::New => false,
    }
}

/// Whether what a new row costs cannot have been added to these together.
fn is_flat<'a>(rows: impl Iterator<Item = &'a Row>, rise: f64) -> bool {
    let (mut sum, mut squares) = (0.0, 0.0);
    for row in rows {
        let interval = row.total.interval;
        let scale = match row.presence {
            Presence::Both => row.total.base,
            Presence::New | Presence::Gone => 1.0,
        };
        sum += change(row);
        squares += (0.5 * scale * (interval.high - interval.low)).powi(2);
    }
    sum < WHOLE_CHANGED * rise && sum + squares.sqrt() < WHOLE_MAY_HAVE_CHANGED * rise
}
