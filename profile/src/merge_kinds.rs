//! The task kinds of several processes as one table.
//!
//! Each process counts its kinds from 1. Kinds of one title are one kind (the workers of one program); others get numbers of their own. A snapshot of
//! several processes has kinds and resources only: single tasks and threads are of one process and one moment.

use crate::merge_resources::{add_resources, without_moment};
use crate::{Profile, Snapshot, TaskKind};
use std::collections::HashMap;

/// The kinds of a profile, before another process's are added.
pub(crate) fn kinds_of(profile: &mut Profile) -> Snapshot {
    let mut snapshot = profile.snapshot.take().unwrap_or_default();
    snapshot.threads.clear();
    snapshot.tasks.tasks.clear();
    snapshot.tasks.runtimes.clear();
    without_moment(&mut snapshot.resources);
    snapshot
}

/// The highest numbers of task kinds and of resources that a profile's samples have: ones that no snapshot tells of may be taken.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Highest {
    kind: u64,
    resource: u64,
}

impl Highest {
    pub(crate) fn of(profile: &Profile) -> Self {
        let mut highest = Self::default();
        for sample in &profile.samples {
            highest.kind = highest.kind.max(sample.kind);
            highest.resource = highest.resource.max(sample.lock).max(sample.holds);
        }
        highest
    }

    /// Whether no sample names any.
    pub(crate) fn is_none(self) -> bool {
        self.kind == 0 && self.resource == 0
    }
}

/// Adds another process's kinds and resources to `merged`, and gives its samples the merged numbers. `taken` are those that the merged
/// samples have.
pub(crate) fn add_kinds(merged: &mut Snapshot, newer: &mut Profile, taken: Highest) {
    let theirs = kinds_of(newer);
    add_resources(
        &mut merged.resources,
        theirs.resources,
        newer,
        taken.resource,
    );
    let theirs = theirs.tasks;
    let tasks = &mut merged.tasks;
    tasks.tracked = tasks.tracked.saturating_add(theirs.tracked);
    tasks.tracked_beside = (tasks.tracked_beside).saturating_add(theirs.tracked_beside);
    tasks.alive = match (tasks.alive, theirs.alive) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    };
    tasks.long_poll_ns = tasks.long_poll_ns.max(theirs.long_poll_ns);
    tasks.folded_kinds = tasks.folded_kinds.saturating_add(theirs.folded_kinds);
    let mut places: HashMap<String, usize> = (tasks.kinds.iter().enumerate())
        .map(|(place, kind)| (kind.title(), place))
        .collect();
    let highest = tasks.kinds.iter().map(|kind| kind.id).max().unwrap_or(0);
    let mut next = highest.max(taken.kind);
    let mut numbers: HashMap<u64, u64> = HashMap::new();
    for mut kind in theirs.kinds {
        // Their stacks stay behind: the caller has not joined the tables yet.
        kind.longest_poll = None;
        kind.long_polls.clear();
        let before = kind.id;
        let place = *places.entry(kind.title()).or_insert(tasks.kinds.len());
        match tasks.kinds.get_mut(place) {
            Some(known) => add(known, &kind),
            None => {
                next = next.saturating_add(1);
                kind.id = next;
                tasks.kinds.push(kind);
            }
        }
        numbers.insert(before, tasks.kinds[place].id);
    }
    for sample in newer.samples.iter_mut().filter(|sample| sample.kind != 0) {
        sample.kind = *numbers.entry(sample.kind).or_insert_with(|| {
            next = next.saturating_add(1);
            next
        });
    }
}

/// Adds what another process's tasks of the same kind did.
fn add(kind: &mut TaskKind, other: &TaskKind) {
    for (mine, theirs) in [
        (&mut kind.alive, other.alive),
        (&mut kind.spawned, other.spawned),
        (&mut kind.completed, other.completed),
        (&mut kind.aborted, other.aborted),
        (&mut kind.panicked, other.panicked),
        (&mut kind.polls, other.polls),
        (&mut kind.wakes, other.wakes),
        (&mut kind.self_wakes, other.self_wakes),
        (&mut kind.coop_yields, other.coop_yields),
        (&mut kind.busy_ns, other.busy_ns),
        (&mut kind.scheduled_ns, other.scheduled_ns),
        (&mut kind.idle_ns, other.idle_ns),
        (&mut kind.captures, other.captures),
        (&mut kind.captures_failed, other.captures_failed),
    ] {
        *mine = mine.saturating_add(theirs);
    }
    kind.poll_time.add(&other.poll_time);
    kind.wake_delay.add(&other.wake_delay);
}
