//! Units of work that the program counts: how much got done, so that its cost can be told per unit.
//!
//! In: calls of [`work()`], from any thread, at any time. Out: [`totals()`] for the agent. No lock and no system call: names are leaked once and found by their
//! address; counts lie in shards, so that threads seldom share a line of memory. Counting goes on whether sampling runs or not; who reads takes
//! differences. A forked child goes on from its parent's numbers.
#![allow(unsafe_code)] // Names and places are leaked behind pointers.

use std::cell::Cell;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering, Ordering::Relaxed};

/// Names that are told apart; units of others are counted together.
const MAX_NAMES: usize = 32;
/// Places in the look-up table: the compiler may keep one name at several addresses.
const PLACES: usize = 256;
/// How far a look-up goes from place to place.
const MAX_PROBES: usize = 8;
/// Threads that count beside each other without sharing a line of memory.
const SHARDS: usize = 16;

/// What units without a name of their own are counted as.
pub(crate) const OTHER: &str = "other work";

/// Counts `n` units of work that the program got done: requests, messages, iterations.
///
/// Reports then say what a unit costs, and comparisons of two builds (`hotpoll diff`) are made per unit, so that a run with more requests is not a
/// dearer one. Call it where a unit is done; it takes a few nanoseconds, on any thread, before [`start()`](crate::start()) and with `HOTPOLL=off` too.
/// Of more than 32 names those that came last are counted together as `other work`.
///
/// ```
/// fn serve() {
///     // … a request …
///     hotpoll::work("requests", 1);
/// }
/// # serve();
/// ```
#[inline]
pub fn work(name: &'static str, n: u64) {
    let counter = counter(name);
    let shard = SHARD.with(|shard| match shard.get() {
        UNKNOWN => new_shard(shard),
        known => known,
    });
    COUNTS[counter][shard % SHARDS].0.fetch_add(n, Relaxed);
}

/// A line of memory, and the one that processors fetch with it.
#[repr(align(128))]
struct Line(AtomicU64);

/// By name, in the order in which they came; the last is of those that found no room.
static COUNTS: [[Line; SHARDS]; MAX_NAMES + 1] =
    [const { [const { Line(AtomicU64::new(0)) }; SHARDS] }; MAX_NAMES + 1];
static NAMES: [AtomicPtr<&'static str>; MAX_NAMES] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; MAX_NAMES];
static TABLE: [AtomicPtr<Place>; PLACES] = [const { AtomicPtr::new(std::ptr::null_mut()) }; PLACES];

/// A name as it lies in memory, and its counter.
struct Place {
    name: &'static str,
    counter: usize,
}

const UNKNOWN: usize = usize::MAX;

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(UNKNOWN) };
}

#[cold]
fn new_shard(shard: &Cell<usize>) -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let fresh = NEXT.fetch_add(1, Relaxed) % SHARDS;
    shard.set(fresh);
    fresh
}

#[inline]
fn counter(name: &'static str) -> usize {
    let (address, length) = (name.as_ptr() as usize, name.len());
    // Strings lie one behind the other: the low bits alone would do, were they not of one crate.
    let start = address ^ address >> 8;
    for probe in 0..MAX_PROBES {
        let place = &TABLE[(start + probe) % PLACES];
        // Acquire: pairs with the Release in `learn`: the place is whole.
        // SAFETY: null, or leaked in `learn`.
        match unsafe { place.load(Ordering::Acquire).as_ref() } {
            Some(known)
                if known.name.as_ptr() as usize == address && known.name.len() == length =>
            {
                return known.counter;
            }
            Some(_) => {}
            None => return learn(name, place),
        }
    }
    // No room nearby: found by its text each time.
    numbered(name)
}

/// Keeps where a name lies.
#[cold]
fn learn(name: &'static str, place: &AtomicPtr<Place>) -> usize {
    let counter = numbered(name);
    let fresh = Box::into_raw(Box::new(Place { name, counter }));
    let null = std::ptr::null_mut();
    // Release: the place is whole for whoever finds it.
    if place
        .compare_exchange(null, fresh, Ordering::Release, Relaxed)
        .is_err()
    {
        // Another thread took it; this name finds the next one another time.
        // SAFETY: just made, and nobody else has seen it.
        drop(unsafe { Box::from_raw(fresh) });
    }
    counter
}

/// The number of a name, by its text: names come to the first free place, so two threads with one name meet there.
#[cold]
fn numbered(name: &'static str) -> usize {
    for (number, place) in NAMES.iter().enumerate() {
        // Acquire: pairs with the Release below.
        let mut known = place.load(Ordering::Acquire);
        if known.is_null() {
            let fresh = Box::into_raw(Box::new(name));
            match place.compare_exchange(known, fresh, Ordering::Release, Ordering::Acquire) {
                Ok(_) => return number,
                Err(first) => {
                    // SAFETY: just made, and nobody else has seen it.
                    drop(unsafe { Box::from_raw(fresh) });
                    known = first;
                }
            }
        }
        // SAFETY: leaked above, here or by another thread.
        if unsafe { *known } == name {
            return number;
        }
    }
    MAX_NAMES
}

/// Every name with its units since the process began, in the order in which they came; those without room last, as [`OTHER`].
pub(crate) fn totals() -> Vec<(&'static str, u64)> {
    let sum = |counter: usize| {
        let shards = COUNTS[counter].iter();
        shards.fold(0u64, |sum, line| sum.wrapping_add(line.0.load(Relaxed)))
    };
    let mut totals = Vec::new();
    for (number, place) in NAMES.iter().enumerate() {
        // SAFETY: null, or leaked in `numbered`. Acquire: pairs with the Release there.
        let Some(name) = (unsafe { place.load(Ordering::Acquire).as_ref() }) else {
            break;
        };
        totals.push((*name, sum(number)));
    }
    let other = sum(MAX_NAMES);
    if other > 0 {
        totals.push((OTHER, other));
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, as the counters are the process's.
    #[test]
    fn units_of_many_threads_and_names() {
        let of = |name: &str| {
            let totals = totals();
            totals
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, n)| *n)
        };
        // The same text at another address.
        let again: &'static str = Box::leak("requests".to_owned().into_boxed_str());
        std::thread::scope(|scope| {
            for _ in 0..2 * SHARDS {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        work("requests", 1);
                        work(again, 2);
                    }
                });
            }
        });
        assert_eq!(of("requests"), Some(2 * SHARDS as u64 * 3_000));
        assert_eq!(of(OTHER), None);
        // A part of a name is another name, though it begins at the same address.
        work(&again[..7], 5);
        assert_eq!(of("request"), Some(5));
        for number in 0..PLACES + 100 {
            work(Box::leak(format!("name {number}").into_boxed_str()), 1);
        }
        let (sum, names) = totals().iter().fold((0, 0), |(sum, names), (name, n)| {
            let counts = name.starts_with("name") || *name == OTHER;
            (sum + if counts { *n } else { 0 }, names + 1)
        });
        assert_eq!((sum, names), (PLACES as u64 + 100, MAX_NAMES + 1));
    }
}
