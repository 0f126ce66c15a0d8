//! One row a cause: a change shows in the function and in everyone who calls it, and is told once.

use crate::overlaps::{Overlaps, sum};
use crate::{Cause, Family, Options, Presence, Row, Verdict};

/// So much of a caller's change has to lie in samples of a function for the function to explain it.
pub(crate) const EXPLAINS: f64 = 0.8;
/// A function of the standard library is told in place of what calls it if it changed so much more than that, as logarithms compare.
const OWN_CHANGE: f64 = 0.2;

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Dearer,
    Cheaper,
}

impl Direction {
    /// The change in this direction.
    fn change(self, costs: [f64; 2]) -> f64 {
        match self {
            Self::Dearer => costs[1] - costs[0],
            Self::Cheaper => costs[0] - costs[1],
        }
    }

    fn verdict(self) -> Verdict {
        match self {
            Self::Dearer => Verdict::Regressed,
            Self::Cheaper => Verdict::Improved,
        }
    }

    /// A function on one side only is no change that is held against the margin; but it may be why its callers changed.
    fn presence(self) -> Presence {
        match self {
            Self::Dearer => Presence::New,
            Self::Cheaper => Presence::Gone,
        }
    }
}

/// The causes: what got dearer first, the dearest first. The first `of_functions` rows are functions.
pub(crate) fn find(
    rows: &[Row],
    of_functions: usize,
    overlaps: &Overlaps,
    whole: f64,
    options: &Options,
) -> Vec<Cause> {
    let mut causes = Vec::new();
    for direction in [Direction::Dearer, Direction::Cheaper] {
        let mut found = of_calls(&rows[..of_functions], overlaps, direction, whole, options);
        let counted = rows.iter().enumerate().skip(of_functions);
        let counted = counted
            .filter(|(_, row)| row.total.verdict == direction.verdict() && row.moved.is_none());
        found.extend(counted.map(|(at, row)| Cause {
            row: Some(at as u32),
            under: match row.family {
                Family::Cpu => String::new(),
                _ => row.name.clone(),
            },
            ..Cause::default()
        }));
        let change = |cause: &Cause| {
            let effect = &rows[cause.row.unwrap_or(0) as usize].total;
            direction.change([effect.base, effect.new])
        };
        found.sort_by(|one, other| change(other).total_cmp(&change(one)));
        causes.extend(found);
    }
    causes
}

fn of_calls(
    rows: &[Row],
    overlaps: &Overlaps,
    direction: Direction,
    whole: f64,
    options: &Options,
) -> Vec<Cause> {
    let change = |row: u32| {
        let effect = &rows[row as usize].total;
        direction.change([effect.base, effect.new])
    };
    let changed = |row: &Row| row.total.verdict == direction.verdict() && row.moved.is_none();
    let may_explain = |row: &Row| {
        let effect = &row.total;
        row.presence == direction.presence()
            && row.moved.is_none()
            && direction.change([effect.base, effect.new]) >= options.min_change * whole
    };
    let members = (0..rows.len() as u32).filter(|&row| {
        let row = &rows[row as usize];
        changed(row) || may_explain(row)
    });
    let mut members: Vec<(u32, f64)> = members.map(|row| (row, overlaps.depth(row))).collect();
    // Nearest to the leaf first; of two that are always together the order of the rows is as good as any.
    members.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));

    // What the standard library does dearer within one function of the program's is that function's change.
    let mut explained: Vec<Vec<u32>> = vec![Vec::new(); rows.len()];
    let mut callees: Vec<bool> = vec![false; rows.len()];
    for &(row, _) in &members {
        if !is_library(&rows[row as usize].name) {
            continue;
        }
        let own = members.iter().map(|&(other, _)| other);
        let mut own = own.filter(|&other| {
            changed(&rows[other as usize]) && !is_library(&rows[other as usize].name)
        });
        let caller = own.find(|&other| {
            let logs = [other, row].map(|row| rows[row as usize].total.ratio.ln().abs());
            let alike = !logs[1].is_finite() || logs[0] >= OWN_CHANGE * logs[1];
            alike && direction.change(overlaps.both(row, other)) >= EXPLAINS * change(row)
        });
        if let Some(caller) = caller {
            callees[row as usize] = true;
            explained[caller as usize].push(row);
        }
    }

    let mut accepted: Vec<u32> = Vec::new();
    let mut covered = vec![false; overlaps.stacks.len()];
    for &(row, _) in &members {
        if callees[row as usize] {
            continue;
        }
        let stacks = &overlaps.of_row[row as usize];
        let below = stacks.iter().filter(|&&at| covered[at as usize]);
        let below = sum(below.map(|&at| &overlaps.stacks[at as usize]));
        if change(row) > 0.0 && direction.change(below) >= EXPLAINS * change(row) {
            for &cause in &accepted {
                if direction.change(overlaps.both(row, cause)) > 0.0 {
                    explained[cause as usize].push(row);
                }
            }
            continue;
        }
        accepted.push(row);
        for &at in stacks {
            covered[at as usize] = true;
        }
    }
    // What is on one side only and made nobody dearer beyond the margin is no cause.
    accepted.retain(|&row| {
        let explains = explained[row as usize].iter();
        changed(&rows[row as usize])
            || explains
                .into_iter()
                .any(|&other| changed(&rows[other as usize]))
    });
    accepted
        .into_iter()
        .map(|row| Cause {
            row: Some(row),
            explains: std::mem::take(&mut explained[row as usize]),
            chain: chain(rows, row, overlaps, direction),
            under: under(row, overlaps, direction),
            ..Cause::default()
        })
        .collect()
}

/// The callers, outermost first, where most of the change is.
fn chain(rows: &[Row], row: u32, overlaps: &Overlaps, direction: Direction) -> Vec<String> {
    let callers = overlaps.callers(row, |costs| direction.change(costs));
    let names = callers
        .iter()
        .rev()
        .map(|&caller| rows[caller as usize].name.clone());
    names.collect()
}

/// The task kind with more than half of the change.
fn under(row: u32, overlaps: &Overlaps, direction: Direction) -> String {
    let mut changes = vec![0.0; overlaps.tasks.len()];
    for stack in overlaps.with(row) {
        changes[stack.task as usize] += direction.change(stack.costs);
    }
    let all: f64 = changes.iter().sum();
    let most = (1..changes.len()).max_by(|&one, &other| changes[one].total_cmp(&changes[other]));
    match most {
        Some(task) if changes[task] > 0.5 * all => overlaps.tasks[task].clone(),
        _ => String::new(),
    }
}

/// Crates that every program is made of: what they cost is up to who calls them.
const LIBRARIES: &[&str] = &[
    "core",
    "alloc",
    "std",
    "hashbrown",
    "compiler_builtins",
    "memchr",
];

/// Whether a function belongs to the standard library, or is what it calls itself by.
pub(crate) fn is_library(name: &str) -> bool {
    let name = name.trim_start_matches(['<', '&', '*', '(', '[']);
    let name = name.strip_prefix("dyn ").unwrap_or(name);
    match name.split_once("::") {
        Some((first, _)) => LIBRARIES.contains(&first),
        // C functions: `memcpy`, `malloc`, `__libc_start_main`.
        None => true,
    }
}
