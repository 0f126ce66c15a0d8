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
    length: usize,
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
    list.length += 1;
    record.links.next.set(first);
    if let Some(first) = first {
        // SAFETY: it is in the list, so it is held by its owner; its links are touched under this lock only.
        unsafe { first.as_ref() }.links.previous.set(Some(pointer));
    }
}

/// Takes a record out of its list: one that was added in this process.
pub(super) fn remove(record: &Handle) {
    let mut list = list(record.list);
    let (previous, next) = (record.links.previous.take(), record.links.next.take());
    list.length -= 1;
    match previous {
        // SAFETY: neighbours are in the list, so they are held; their links are touched under this lock only.
        Some(previous) => unsafe { previous.as_ref() }.links.next.set(next),
        None => list.first = next,
    }
    if let Some(next) = next {
        // SAFETY: as above.
        unsafe { next.as_ref() }.links.previous.set(previous);
    }
}

/// Holds on every record of one list.
pub(super) fn hold_all(number: usize) -> Vec<Handle> {
    // Room is made before the lock is taken; what comes in between makes the list's lock wait for an allocation.
    let length = list(number as u8).length;
    let mut holds = Vec::with_capacity(length + length / 8 + 16);
    let list = list(number as u8);
    let mut next = list.first;
    while let Some(record) = next {
        // SAFETY: it is in the list, so its owner holds it, and cannot give it up without this lock.
        holds.push(unsafe { Handle::to(record) });
        // SAFETY: as above.
        next = unsafe { record.as_ref() }.links.next.get();
    }
    holds
}
