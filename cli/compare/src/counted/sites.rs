//! Which task kind or lock of one build is which of the other's: by name, else by where it stands (`places.rs`).

use super::places::{self, Place};
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
    let names = places::names(&places(base), &places(new));
    let mut rows: BTreeMap<String, Named> = BTreeMap::new();
    for (run, entries) in found.into_iter().enumerate() {
        for (name, site, counted) in entries {
            let title = match place(&name, &site) {
                None => plain_name(&name).to_owned(),
                // Each build's by its own lines: one build's line may be another place of the other's.
                Some(place) => {
                    let names = &names[usize::from(run >= base_runs)];
                    names.get(&place).cloned().unwrap_or_default()
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
