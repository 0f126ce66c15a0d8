//! Which tracked tasks are alive: a few lists, each with a lock, so that spawning threads rarely meet.
//!
//! In: records, when their wrapper is made and when it goes. Out: holds on all of them, taken list by list. No code of a user's or a runtime's runs under
//! a lock. A forked child's lists begin empty: the parent's tasks are not its own.
#![allow(unsafe_code)] // The lists run through the records themselves.

use super::record::{Handle, Record};
use hotpoll_sampler::ForkLock;
use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::MutexGuard;

/// Lists; a thread adds to the one of its number.
pub(super) const LISTS: usize = 16;

/// A record's neighbours in its list. Touched under the list's lock only.
#[derive(Default)]
pub(super) struct Links {
    next: Cell<Option<NonNull<Record>>>,
    previous: Cell<Option<NonNull<Record>>>,
}

#[derive(Default)]
struct List {
    first: Option<NonNull<Record>>,
}

// SAFETY: the pointers are followed under the list's lock only; a record leaves its list, under the lock, before its owner gives it up.
unsafe impl Send for List {}

static LIVE: [ForkLock<List>; LISTS] = [const { ForkLock::new() }; LISTS];

fn list(number: u8) -> MutexGuard<'static, List> {
    LIVE[usize::from(number) % LISTS].lock()
}

/// Adds a record to its list. Its owner calls `remove` before it gives its hold up.
pub(super) fn add(record: &Handle) {
    let pointer = record.pointer();
    let mut list = list(record.list);
    let first = list.first.replace(pointer);
    record.links.next.set(first);
    if let Some(first) = first {
        // SAFETY: it is in the list, so it is held by its owner; its links are touched under this lock only.
        unsafe { first.as_ref() }.links.previous.set(Some(pointer));
    }
}

/// Takes a record out of its list: one that was added in this process.
pub(super) fn remove(record: &Handle) {
    list(record.list).unlink(record);
}

/// Records that are gone through under a list's lock at a time: some microseconds, for which a spawn may have to wait.
const BATCH: usize = 256;

/// Holds on every record of one list that was there when this began and is there still. The list's lock is let go now and then: a marker in the list
/// keeps the place.
pub(super) fn hold_all(number: usize) -> Vec<Handle> {
    let number = number as u8;
    // A list is empty as long as there is no kind.
    let Some(kind) = super::kind::any() else {
        return Vec::new();
    };
    let marker = Handle::new(Record::marker(kind, number));
    let mut holds = Vec::new();
    add(&marker);
    loop {
        // Room is made before the lock is taken.
        holds.reserve(BATCH);
        if !hold_next(&marker, &mut holds) {
            break;
        }
    }
    remove(&marker);
    holds
}

/// Holds on the records behind the marker, which moves on behind them. False at the list's end.
fn hold_next(marker: &Handle, holds: &mut Vec<Handle>) -> bool {
    let mut list = list(marker.list);
    let mut last = None;
    let mut next = marker.links.next.get();
    for _ in 0..BATCH {
        let Some(record) = next else {
            return false;
        };
        // SAFETY: it is in the list, so its owner holds it, and cannot give it up without this lock.
        let known = unsafe { record.as_ref() };
        // Others may go through the list at the same time.
        if !known.is_marker() {
            // SAFETY: as above.
            holds.push(unsafe { Handle::to(record) });
        }
        next = known.links.next.get();
        last = Some(record);
    }
    let Some(last) = last else { return false };
    list.unlink(marker);
    list.link_behind(last, marker);
    true
}

impl List {
    fn unlink(&mut self, record: &Handle) {
        let (previous, next) = (record.links.previous.take(), record.links.next.take());
        match previous {
            // SAFETY: neighbours are in the list, so they are held; their links are touched under this lock only.
            Some(previous) => unsafe { previous.as_ref() }.links.next.set(next),
            None => self.first = next,
        }
        if let Some(next) = next {
            // SAFETY: as above.
            unsafe { next.as_ref() }.links.previous.set(previous);
        }
    }

    /// Puts a record that is in no list behind one that is in this.
    fn link_behind(&mut self, previous: NonNull<Record>, record: &Handle) {
        let pointer = record.pointer();
        // SAFETY: it is in the list, so it is held; its links are touched under this lock only.
        let next = unsafe { previous.as_ref() }
            .links
            .next
            .replace(Some(pointer));
        record.links.previous.set(Some(previous));
        record.links.next.set(next);
        if let Some(next) = next {
            // SAFETY: as above.
            unsafe { next.as_ref() }.links.previous.set(Some(pointer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::kind::Kind;

    /// One that no thread adds to here.
    const LIST: usize = LISTS - 1;

    #[test]
    fn all_are_held_however_many_batches_they_are_and_whoever_else_looks() {
        let kind = Kind::named("live-test");
        let batches = if cfg!(miri) { 1 } else { 3 };
        let records: Vec<Handle> = (0..batches * BATCH + 7)
            .map(|_| Handle::new(Record::new(kind, 0, 1, LIST as u8, false)))
            .collect();
        let is_ours = |held: &Handle| std::ptr::eq(held.kind, kind);
        records.iter().for_each(add);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..if cfg!(miri) { 1 } else { 50 } {
                        let held = hold_all(LIST);
                        assert_eq!(
                            held.iter().filter(|one| is_ours(one)).count(),
                            records.len()
                        );
                    }
                });
            }
        });
        // While half of them leave.
        let (leave, stay) = records.split_at(records.len() / 2);
        std::thread::scope(|scope| {
            scope.spawn(|| leave.iter().for_each(remove));
            let held = hold_all(LIST);
            assert!(held.iter().filter(|one| is_ours(one)).count() >= stay.len());
        });
        stay.iter().for_each(remove);
        assert!(!hold_all(LIST).iter().any(is_ours));
    }
}
