//! Costs that changed their place: a function that was split, renamed, inlined or moved is not a regression.
//!
//! A function got dearer, and what it is called within did not: then something else within it got cheaper by as much. That is looked for from the
//! nearest caller outwards, then in its module, its crate and the kind of task that runs it, and believed only if the whole's own interval is narrow beside the
//! change. A domain is no function that would be tested for itself, so its interval has to have "unchanged" in it, too.

use crate::domain::{self, Domain};
use crate::functions::{Functions, Tested};
use crate::overlaps::Overlaps;
use crate::scale::Scale;
use crate::table::Table;
use crate::{Effect, Moved, Notice, Options, Presence, Row, Verdict};
use std::collections::{BTreeMap, HashMap};

/// The whole in which a cost moved, caller or domain, changed by less than this part of it,
pub(crate) const WHOLE_CHANGED: f64 = 0.25;
/// and surely by less than this.
pub(crate) const WHOLE_MAY_HAVE_CHANGED: f64 = 0.6;
/// So much of a function's cost lies within a caller for the caller to be a whole that it can move in.
const WITHIN: f64 = 0.9;
/// What got cheaper, by at least so much of what got dearer, is where it came from.
const COUNTERPART: f64 = 0.5;
/// So many neighbours are looked at together with what got dearer.
const MAX_OTHERS: usize = 4;
/// A caller with more than this part of all costs is too large for a function of both sides: something always got cheaper somewhere.
const TOO_LARGE: f64 = 0.9;

/// Says of rows that got dearer where their cost came from, and of those that got cheaper where it went.
pub(crate) fn find(
    tested: &mut [Tested],
    overlaps: &Overlaps,
    wholes: &Wholes,
    whole: f64,
    judged: bool,
    options: &Options,
    notices: &mut Vec<Notice>,
) {
    let rows: Vec<&Row> = tested.iter().map(|tested| &tested.row).collect();
    let moves: Vec<(u32, u32, Moved)> = wholes
        .dearer
        .iter()
        .filter_map(|&row| {
            came_from(&rows, row, overlaps, whole)
                .or_else(|| wholes.came_from(&rows, row, overlaps, whole))
                .or_else(|| renamed(&rows, row))
        })
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
            if judged {
                tested[row as usize].row.total.verdict = Verdict::Regressed;
            }
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
pub(crate) fn renamed_and_dearer(this: &Row, gone: &Row, options: &Options) -> Option<f64> {
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
        if caller.presence != Presence::Both || !is_flat(&caller.total, rise, this.presence) {
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
    None
}

/// Modules, crates and task kinds that something got dearer in.
pub(crate) struct Wholes {
    /// The rows that did, or that are new.
    dearer: Vec<u32>,
    /// By row, the narrowest first.
    of_row: HashMap<u32, Vec<usize>>,
    domains: Vec<Domain>,
    places: HashMap<Domain, usize>,
    effects: Vec<Effect>,
    /// By domain: the rows that belong to it; of a task kind all that it runs.
    members: Vec<Vec<u32>>,
}

impl Wholes {
    pub fn of(
        functions: &Functions,
        overlaps: &Overlaps,
        table: &Table<'_>,
        scale: &Scale,
        options: &Options,
    ) -> Self {
        let rows: Vec<&Row> = functions.tested.iter().map(|tested| &tested.row).collect();
        let whole = crate::variance::mean(&scale.total[..table.base_runs]);
        let dearer = (0..rows.len() as u32).filter(|&row| {
            let row = &rows[row as usize];
            let appeared =
                row.presence == Presence::New && change(row) >= options.min_change * whole;
            row.total.verdict == Verdict::Regressed || appeared
        });
        let mut wholes = Self {
            dearer: dearer.collect(),
            of_row: HashMap::new(),
            domains: Vec::new(),
            places: HashMap::new(),
            effects: Vec::new(),
            members: Vec::new(),
        };
        let neighbours = Neighbours::of(&rows, &wholes.dearer, overlaps);
        for at in 0..wholes.dearer.len() {
            let row = wholes.dearer[at];
            let mut domains = neighbours.with_another(row, &rows);
            domains.extend(domain::of_row(rows[row as usize]));
            domains.extend(neighbours.task[row as usize].clone().map(Domain::Task));
            let places = domains.into_iter().map(|domain| wholes.place(domain));
            let places: Vec<usize> = places.collect();
            wholes.of_row.insert(row, places);
        }
        if wholes.domains.is_empty() || table.degrees() <= 0.0 {
            wholes.of_row.clear();
            return wholes;
        }
        wholes.effects = domain::effects(&wholes.domains, table, scale, functions, options);
        wholes.fill_members(&rows, overlaps);
        wholes
    }

    fn place(&mut self, domain: Domain) -> usize {
        let next = self.domains.len();
        let place = *self.places.entry(domain.clone()).or_insert(next);
        if place == next {
            self.domains.push(domain);
        }
        place
    }

    fn fill_members(&mut self, rows: &[&Row], overlaps: &Overlaps) {
        let of_rows: Vec<Vec<Domain>> = rows.iter().map(|row| domain::of_row(row)).collect();
        for domain in &self.domains {
            let belongs = |row: u32| match domain {
                Domain::Task(title) => overlaps
                    .with(row)
                    .any(|stack| overlaps.tasks[stack.task as usize] == *title),
                Domain::Two(one, other) => {
                    let name = &rows[row as usize].name;
                    name == one || name == other
                }
                domain => of_rows[row as usize].contains(domain),
            };
            let members = (0..rows.len() as u32).filter(|&row| belongs(row));
            self.members.push(members.collect());
        }
    }

    /// Where the row's cost came from within one of its domains.
    fn came_from(
        &self,
        rows: &[&Row],
        row: u32,
        overlaps: &Overlaps,
        whole: f64,
    ) -> Option<(u32, u32, Moved)> {
        let rise = change(rows[row as usize]);
        let domains = self.of_row.get(&row)?.iter();
        let mut domains = domains.filter(|&&at| {
            let effect = &self.effects[at];
            let presence = rows[row as usize].presence;
            let is_unchanged = effect.interval.low <= 1.0
                && (1.0 <= effect.interval.high || presence == Presence::New);
            let too_large = presence == Presence::Both && effect.base > TOO_LARGE * whole;
            is_unchanged && !too_large && is_flat(effect, rise, presence)
        });
        domains.find_map(|&at| {
            let from = self.counterpart(rows, row, at, overlaps)?;
            let moved = Moved {
                from: rows[from as usize].name.clone(),
                within: self.domains[at].label(),
            };
            Some((row, from, moved))
        })
    }

    /// What got cheaper in the domain, without samples of the row.
    fn counterpart(
        &self,
        rows: &[&Row],
        row: u32,
        domain: usize,
        overlaps: &Overlaps,
    ) -> Option<u32> {
        let rise = change(rows[row as usize]);
        let is_within = |task: u32| match &self.domains[domain] {
            Domain::Task(title) => overlaps.tasks[task as usize] == *title,
            _ => true,
        };
        let fall = |other: u32| -> f64 {
            let stacks = overlaps.with(other);
            let stacks = stacks.filter(|stack| is_within(stack.task) && !stack.rows.contains(&row));
            stacks.map(|stack| stack.costs[0] - stack.costs[1]).sum()
        };
        let others = self.members[domain].iter().copied();
        let others = others.filter(|&other| other != row && may_have_left(rows, other, row));
        let falls = others.map(|other| (other, fall(other)));
        // Of those that explain it the one nearest to the leaf: its callers fell with it.
        let enough = falls.filter(|(_, fall)| *fall >= COUNTERPART * rise);
        let nearest = enough
            .max_by(|(one, _), (other, _)| overlaps.depth(*one).total_cmp(&overlaps.depth(*other)));
        nearest.map(|(other, _)| other)
    }
}

/// What rows that got dearer, or surely cheaper, have in common with others. By row; nothing of the rest, which nobody asks for.
struct Neighbours {
    cheaper: Vec<u32>,
    caller: Vec<Option<u32>>,
    of_crate: Vec<Option<Domain>>,
    task: Vec<Option<String>>,
}

impl Neighbours {
    fn of(rows: &[&Row], dearer: &[u32], overlaps: &Overlaps) -> Self {
        let is_cheaper = |row: &Row| match row.presence {
            Presence::Gone => true,
            Presence::Both => row.total.interval.high < 1.0,
            Presence::New => false,
        };
        let cheaper = (0..rows.len() as u32).filter(|&row| is_cheaper(rows[row as usize]));
        let mut neighbours = Self {
            cheaper: cheaper.collect(),
            caller: vec![None; rows.len()],
            of_crate: vec![None; rows.len()],
            task: vec![None; rows.len()],
        };
        if dearer.is_empty() {
            return neighbours;
        }
        for &row in dearer.iter().chain(&neighbours.cheaper) {
            let callers = overlaps.callers(row, |[base, new]| base + new);
            neighbours.caller[row as usize] = callers.first().copied();
            neighbours.of_crate[row as usize] = domain::of_row(rows[row as usize]).pop();
            neighbours.task[row as usize] = task_of(row, overlaps);
        }
        neighbours
    }

    /// A row together with each that surely got cheaper and has the same caller, crate or kind of task.
    fn with_another(&self, row: u32, rows: &[&Row]) -> Vec<Domain> {
        fn are_same<T: PartialEq>(of: &[Option<T>], one: u32, other: u32) -> bool {
            of[one as usize].is_some() && of[one as usize] == of[other as usize]
        }
        let this = rows[row as usize];
        let rise = change(this);
        let others = self.cheaper.iter().copied().filter(|&other| {
            -change(rows[other as usize]) >= COUNTERPART * rise
                && (are_same(&self.caller, row, other)
                    || are_same(&self.of_crate, row, other)
                    || are_same(&self.task, row, other))
        });
        let mut others: Vec<u32> = others.collect();
        let apart = |other: u32| (rise + change(rows[other as usize])).abs();
        others.sort_by(|&one, &other| apart(one).total_cmp(&apart(other)));
        let others = others.into_iter().take(MAX_OTHERS);
        others
            .map(|other| Domain::Two(this.name.clone(), rows[other as usize].name.clone()))
            .collect()
    }
}

/// Whether what a cost rose by cannot have been added to all of it. What is new may also have replaced something dearer: then all of it got cheaper. Of what
/// was there before that would be two changes, one of which is to the worse.
fn is_flat(all: &Effect, rise: f64, presence: Presence) -> bool {
    let change = all.new - all.base;
    let changed = if presence == Presence::New {
        change
    } else {
        change.abs()
    };
    changed < WHOLE_CHANGED * rise
        && all.base * (all.interval.high - 1.0) < WHOLE_MAY_HAVE_CHANGED * rise
}

/// The task kind that nearly all of a row's cost is in.
fn task_of(row: u32, overlaps: &Overlaps) -> Option<String> {
    let mut costs: BTreeMap<u32, f64> = BTreeMap::new();
    for stack in overlaps.with(row) {
        *costs.entry(stack.task).or_default() += stack.costs[0] + stack.costs[1];
    }
    let all: f64 = costs.values().sum();
    let (&task, _) = costs
        .iter()
        .find(|(task, cost)| **task != 0 && **cost >= WITHIN * all)?;
    Some(overlaps.tasks[task as usize].clone())
}

/// Whether a row can be where another one's cost came from. What a new function was put around costs what it did, and more or less of that by chance: it is
/// called by the new one now, and no longer beside it.
fn may_have_left(rows: &[&Row], other: u32, row: u32) -> bool {
    let (other, row) = (rows[other as usize], rows[row as usize]);
    let is_as_dear = row.presence == Presence::New
        && other.presence == Presence::Both
        && other.total.verdict != Verdict::Regressed;
    change(other) < 0.0 || is_as_dear
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
    let beside = beside.filter(|&other| may_have_left(rows, other, row));
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
