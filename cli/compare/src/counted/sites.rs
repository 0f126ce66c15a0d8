//! Which task kind or lock of one build is which of the other's: by name, else by the file and the order in it, as lines move.

use crate::{Family, Run};
use hotpoll_profile::{Exact, Histogram, Site, canonical_path};
use std::collections::{BTreeMap, BTreeSet};

/// What one run counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Counted {
    pub events: u64,
    pub ns: u64,
    pub histogram: Histogram,
}

/// A task kind or lock, in all runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Named {
    pub title: String,
    pub file: String,
    pub line: u32,
    pub runs: Vec<Counted>,
}

/// A place without a name of its own: what it is, and where.
type Place = (String, String, u32, u32);

pub(super) fn rows(runs: &[&Run], base_runs: usize, family: Family) -> Vec<Named> {
    let found: Vec<Vec<(String, Site, Counted)>> = runs
        .iter()
        .map(|run| {
            run.exact
                .as_ref()
                .map_or_else(Vec::new, |exact| entries(exact, family))
        })
        .collect();
    let places = |runs: &[Vec<(String, Site, Counted)>]| -> BTreeSet<Place> {
        let all = runs.iter().flatten();
        all.filter_map(|(name, site, _)| place(name, site))
            .collect()
    };
    let (base, new) = found.split_at(base_runs);
    let same = pair(&places(base), &places(new));
    let mut rows: BTreeMap<String, Named> = BTreeMap::new();
    for (run, entries) in found.into_iter().enumerate() {
        for (name, site, counted) in entries {
            let title = match place(&name, &site) {
                None => plain_name(&name).to_owned(),
                Some(place) => {
                    let place = same.get(&place).unwrap_or(&place);
                    format!("{}{}:{}", place.0, place.1, place.2)
                }
            };
            let row = rows.entry(title).or_insert_with_key(|title| Named {
                title: title.clone(),
                runs: vec![Counted::default(); runs.len()],
                ..Named::default()
            });
            if row.file.is_empty() || run >= base_runs {
                row.file = canonical_path(&site.file);
                row.line = site.line;
            }
            let sum = &mut row.runs[run];
            sum.events = sum.events.saturating_add(counted.events);
            sum.ns = sum.ns.saturating_add(counted.ns);
            sum.histogram.add(&counted.histogram);
        }
    }
    rows.into_values().collect()
}

/// Separates a name from what kind of thing has it.
const BETWEEN: char = '\0';

fn plain_name(name: &str) -> &str {
    name.rsplit(BETWEEN).next().unwrap_or(name)
}

fn place(name: &str, site: &Site) -> Option<Place> {
    let (kind, name) = name.split_once(BETWEEN).unwrap_or(("", name));
    name.is_empty().then(|| {
        let kind = if kind.is_empty() {
            String::new()
        } else {
            format!("{kind} ")
        };
        (kind, canonical_path(&site.file), site.line, site.column)
    })
}

fn entries(exact: &Exact, family: Family) -> Vec<(String, Site, Counted)> {
    if family == Family::LockWait {
        let waits = exact.waits.iter().map(|wait| {
            let counted = Counted {
                events: wait.contended,
                ns: wait.wait_ns,
                histogram: wait.wait.clone(),
            };
            let name = format!("{}{BETWEEN}{}", wait.kind.label(), wait.name);
            (name, wait.site.clone(), counted)
        });
        return waits.collect();
    }
    let polls = exact.polls.iter().map(|kind| {
        let counted = match family {
            Family::WakeDelay => Counted {
                events: kind.wake_delay.total(),
                ns: kind.delay_ns,
                histogram: kind.wake_delay.clone(),
            },
            _ => Counted {
                events: kind.polls,
                ns: kind.poll_ns,
                histogram: kind.poll_time.clone(),
            },
        };
        (kind.name.clone(), kind.site.clone(), counted)
    });
    polls.collect()
}

/// From a place of the base to the new build's. In a file with as many places on both sides, they are the same in their order; else those on the same
/// line are, and what is left is of one side only.
fn pair(base: &BTreeSet<Place>, new: &BTreeSet<Place>) -> BTreeMap<Place, Place> {
    let by_file = |places: &BTreeSet<Place>| {
        let mut files: BTreeMap<(String, String), Vec<Place>> = BTreeMap::new();
        for place in places {
            let file = (place.0.clone(), place.1.clone());
            files.entry(file).or_default().push(place.clone());
        }
        files
    };
    let new = by_file(new);
    let mut same = BTreeMap::new();
    for (file, places) in by_file(base) {
        if let Some(others) = new.get(&file)
            && others.len() == places.len()
        {
            same.extend(places.into_iter().zip(others.iter().cloned()));
        }
    }
    same
}
