//! The resources of several processes as one table.
//!
//! Each process numbers its resources for itself. Those of one kind and title are one row; holders and waiters are of one process and
//! one moment, so they stay behind.

use crate::{Profile, Resource, ResourceKind, Resources};
use std::collections::HashMap;

/// The resources of a snapshot as other processes' may be added to them.
pub(crate) fn without_moment(resources: &mut Resources) {
    for one in &mut resources.resources {
        one.holders.clear();
        one.waiters.clear();
        (one.more_holders, one.more_waiters) = (0, 0);
        one.channel = None;
        one.permits = None;
        // By the numbers that kinds have in this process.
        one.by_kind.clear();
    }
}

/// Adds another process's resources to `merged`, and gives its samples the merged numbers. `highest_in_samples` is the highest number that
/// the merged samples have: one that no snapshot tells of may be taken.
pub(crate) fn add_resources(
    merged: &mut Resources,
    theirs: Resources,
    newer: &mut Profile,
    highest_in_samples: u64,
) {
    for (mine, theirs) in [
        (&mut merged.created, theirs.created),
        (&mut merged.alive, theirs.alive),
        (&mut merged.folded, theirs.folded),
        (&mut merged.unregistered, theirs.unregistered),
    ] {
        *mine = mine.saturating_add(theirs);
    }
    let rows = &mut merged.resources;
    let mut places: HashMap<(ResourceKind, String), usize> = (rows.iter().enumerate())
        .map(|(place, one)| ((one.kind, one.title()), place))
        .collect();
    let highest = rows.iter().map(|one| one.id).max().unwrap_or(0);
    let mut next = highest.max(highest_in_samples);
    let mut numbers: HashMap<u64, u64> = HashMap::new();
    for mut one in theirs.resources {
        // Their stacks stay behind: the caller has not joined the tables yet.
        for uses in [&mut one.exclusive, &mut one.shared] {
            uses.longest_wait = None;
            uses.longest_hold = None;
        }
        let before = one.id;
        let title = (one.kind, one.title());
        let place = *places.entry(title).or_insert(rows.len());
        match rows.get_mut(place) {
            Some(known) => add(known, &one),
            None => {
                next = next.saturating_add(1);
                one.id = next;
                rows.push(one);
            }
        }
        numbers.insert(before, rows[place].id);
    }
    let named = newer.samples.iter_mut();
    for number in named.flat_map(|sample| [&mut sample.lock, &mut sample.holds]) {
        if *number != 0 {
            *number = *numbers.entry(*number).or_insert_with(|| {
                next = next.saturating_add(1);
                next
            });
        }
    }
}

fn add(resource: &mut Resource, other: &Resource) {
    resource.instances = resource.instances.saturating_add(other.instances);
    resource.age_ns = resource.age_ns.max(other.age_ns);
    resource.poisoned |= other.poisoned;
    resource.exclusive.add(&other.exclusive);
    resource.shared.add(&other.shared);
}
