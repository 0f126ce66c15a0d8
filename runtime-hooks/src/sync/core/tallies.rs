//! What a thread counted of locks that it had to wait for, and of what came and went: in memory that nobody else writes.
//!
//! A lock that threads fight for is slower the more memory goes from one processor to the other with it. So who waited, and who held while others
//! waited, counts beside the thread; a snapshot adds all threads' numbers to the row's. They are brought to the row when the thread ends, needs the place for
//! another lock, or when the lock is dropped. Nothing is lost or counted twice: whoever brings claims the place by its word, and a snapshot that
//! was overtaken by that reads again.

use super::row::{Row, Side, TaggedRow};
use super::threads::{self, Local, ns_of};
use super::uses::{Buckets, Clock};
use hotpoll_profile::{Histogram, Uses};
use std::collections::HashMap;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering, Ordering::Relaxed};

/// Locks that a thread has a tally of.
const PLACES: usize = 4;
/// Of so many waits for locks that have none, one is a reason to give it the place of another.
const PATIENCE: u64 = 32;
/// Somebody brings what the place had.
const BUSY: TaggedRow = 1;
/// How often a place is looked at until who brings it is done: a moment, unless its thread was put off the processor.
const LOOKS: usize = 100_000;

/// A thread's tallies. Made with the first wait.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Tallies {
    /// Whose each is; 0: nobody's.
    rows: [AtomicU64; PLACES],
    /// Waits for locks that have none.
    misses: AtomicU64,
    each: [Tally; PLACES],
}

/// Numbers of one lock in exclusive use, in ticks. Written by the thread alone.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Tally {
    contended: AtomicU64,
    wait: AtomicU64,
    holds_timed: AtomicU64,
    hold: AtomicU64,
    wait_times: Buckets,
    hold_times: Buckets,
}

/// How many places were begun to be brought, and how many were.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);

/// While this is there, a snapshot that has read a part of it knows that it has to read again.
pub(super) struct Bringing(());

impl Bringing {
    pub fn begin() -> Self {
        BEGUN.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Bringing {
    fn drop(&mut self) {
        ENDED.fetch_add(1, Ordering::SeqCst);
    }
}

/// How many were brought, if nobody brings anything now.
pub(super) fn brought() -> Option<u64> {
    let ended = ENDED.load(Ordering::SeqCst);
    (BEGUN.load(Ordering::SeqCst) == ended).then_some(ended)
}

#[inline(always)]
fn add(number: &AtomicU64, n: u64) {
    number.store(number.load(Relaxed).wrapping_add(n), Relaxed);
}

impl Tally {
    /// A wait has ended with the acquisition.
    #[inline]
    pub fn waited(&self, ticks: u64) {
        add(&self.contended, 1);
        add(&self.wait, ticks);
        self.wait_times.count_alone(ns_of(ticks));
    }

    /// An acquisition that was timed has ended.
    #[inline]
    pub fn held(&self, ticks: u64) {
        add(&self.holds_timed, 1);
        add(&self.hold, ticks);
        self.hold_times.count_alone(ns_of(ticks));
    }

    /// Brings all of it to the row. For who claimed the place.
    fn bring(&self, row: &Row) {
        let [contended, wait, holds_timed, hold] = self.take();
        let counts = row.counts(Side::Exclusive);
        counts.add(contended, wait, holds_timed, hold);
        counts.add_times(&self.wait_times, &self.hold_times);
    }

    fn take(&self) -> [u64; 4] {
        [&self.contended, &self.wait, &self.holds_timed, &self.hold]
            .map(|number| number.swap(0, Relaxed))
    }
}

impl Tallies {
    /// The tally of this lock, if there is one.
    #[inline(always)]
    fn of(&self, row: TaggedRow) -> Option<&Tally> {
        let place = self.rows.iter().position(|of| of.load(Relaxed) == row)?;
        self.each.get(place)
    }

    /// The same; one is made where it is worth it. For the thread itself.
    #[inline]
    fn of_or_new(&self, row: TaggedRow) -> Option<&Tally> {
        self.of(row).or_else(|| self.find_place(row))
    }

    #[cold]
    fn find_place(&self, row: TaggedRow) -> Option<&Tally> {
        let free = self.rows.iter().position(|of| of.load(Relaxed) == 0);
        let place = match free {
            Some(place) => place,
            None => {
                let misses = self.misses.load(Relaxed).wrapping_add(1);
                self.misses.store(misses, Relaxed);
                if !misses.is_multiple_of(PATIENCE) {
                    return None;
                }
                (misses / PATIENCE) as usize % PLACES
            }
        };
        let before = self.rows[place].load(Relaxed);
        // A place that is free stays so: only its thread fills one.
        if before != 0 && !self.bring_place(place, before) {
            return None;
        }
        if let Some(row) = Row::of(row) {
            row.is_tallied.store(true, Relaxed);
        }
        // Release: the numbers are none by now.
        self.rows[place].store(row, Ordering::Release);
        self.each.get(place)
    }

    /// Brings what a place has of this lock, and leaves it free. False: somebody else does.
    fn bring_place(&self, place: usize, of: TaggedRow) -> bool {
        let _bringing = Bringing::begin();
        let word = &self.rows[place];
        // Acquire: all that was counted is seen by a lock's last user, who need not be its thread.
        if (word.compare_exchange(of, BUSY, Ordering::AcqRel, Relaxed)).is_err() {
            return false;
        }
        let tally = &self.each[place];
        match Row::serving(of) {
            Some(row) => tally.bring(row),
            None => {
                // The parent's lock, in a forked child.
                tally.take();
                tally.wait_times.clear();
                tally.hold_times.clear();
            }
        }
        word.store(0, Ordering::Release);
        true
    }

    /// The thread ends.
    fn bring_all(&self) {
        for (place, word) in self.rows.iter().enumerate() {
            let of = word.load(Relaxed);
            if of > BUSY {
                self.bring_place(place, of);
            }
        }
    }

    /// A lock ends that this row serves: nobody uses it any more.
    fn bring_of(&self, row: TaggedRow) {
        for (place, word) in self.rows.iter().enumerate() {
            // Its thread may be giving the place to another lock just now: what it brings is to be there before the row goes.
            for _ in 0..LOOKS {
                if word.load(Ordering::Acquire) != BUSY {
                    break;
                }
                std::hint::spin_loop();
            }
            if word.load(Relaxed) == row {
                self.bring_place(place, row);
            }
        }
    }
}

/// Where a thread's tallies are.
#[derive(Default)]
pub(super) struct Place(AtomicPtr<Tallies>);

impl Place {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn get(&self) -> Option<&'static Tallies> {
        // SAFETY: null, or leaked by `make`.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    /// The thread that has this ends: see [`Tallies`].
    pub fn thread_ends(&self) {
        if let Some(tallies) = self.get() {
            tallies.bring_all();
        }
    }

    #[cold]
    fn make(&self) -> &'static Tallies {
        // Never freed: it goes to another thread with the rest.
        let fresh: &'static Tallies = Box::leak(Box::default());
        let pointer = std::ptr::from_ref(fresh).cast_mut();
        self.0.store(pointer, Ordering::Release);
        fresh
    }
}

impl Local {
    /// The thread's tally of a lock, if it has one. For the thread itself.
    #[inline]
    pub fn tally(&self, row: TaggedRow) -> Option<&'static Tally> {
        self.tallies.get()?.of(row)
    }

    /// The same, for who had to wait: makes one where that is worth it.
    #[inline]
    pub fn tally_to_wait(&self, row: TaggedRow) -> Option<&'static Tally> {
        let tallies = self.tallies.get();
        tallies
            .unwrap_or_else(|| self.tallies.make())
            .of_or_new(row)
    }
}

/// A lock ends: what threads have of it comes to its row. For who has the lock to itself.
pub(super) fn ends(row: TaggedRow) {
    for tallies in threads::all().filter_map(|local| local.tallies.get()) {
        tallies.bring_of(row);
    }
}

/// All threads' numbers of one lock, as they are read.
#[derive(Debug, Default)]
pub(super) struct Sum {
    numbers: [u64; 4],
    wait: Histogram,
    hold: Histogram,
}

impl Sum {
    /// Adds them to what the row says.
    pub fn add_to(&self, uses: &mut Uses, clock: &Clock) {
        let [contended, wait, holds_timed, hold] = self.numbers;
        uses.contended += contended;
        uses.wait_ns += clock.ns(wait);
        uses.holds_timed += holds_timed;
        uses.hold_ns += clock.ns(hold);
        uses.wait.add(&self.wait);
        uses.hold.add(&self.hold);
    }
}

/// The numbers that are with threads, by the rows of their locks.
pub(super) fn sums() -> HashMap<TaggedRow, Sum> {
    let mut all: HashMap<TaggedRow, Sum> = HashMap::new();
    for tallies in threads::all().filter_map(|local| local.tallies.get()) {
        for (word, tally) in tallies.rows.iter().zip(&tallies.each) {
            let row = word.load(Ordering::Acquire);
            if row <= BUSY {
                continue;
            }
            let sum = all.entry(row).or_default();
            let numbers = [
                &tally.contended,
                &tally.wait,
                &tally.holds_timed,
                &tally.hold,
            ];
            for (sum, number) in sum.numbers.iter_mut().zip(numbers) {
                *sum += number.load(Relaxed);
            }
            sum.wait.add(&tally.wait_times.read());
            sum.hold.add(&tally.hold_times.read());
        }
    }
    all
}
