//! What one thread has counted of one kind of task: every number has one writer, so that polls on many cores share no line of memory.

use hotpoll_profile::histogram::{BUCKETS, bucket};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Adds to a number that only this thread writes.
#[inline(always)]
pub(super) fn add(number: &AtomicU64, n: u64) {
    // No read-modify-write: one writer, and readers want a recent value only.
    number.store(number.load(Relaxed).wrapping_add(n), Relaxed);
}

/// Numbers of one kind, of one thread. Time is in clock ticks.
pub(super) struct Stats {
    pub poll_time: Buckets,
    pub wake_delay: Buckets,
    pub spawned: AtomicU64,
    pub completed: AtomicU64,
    pub aborted: AtomicU64,
    pub panicked: AtomicU64,
    pub captures: AtomicU64,
    pub captures_failed: AtomicU64,
    /// Nanoseconds that polls waited for a processor, and how many of them the agent has told: see `run_delay`.
    pub runnable: AtomicU64,
    pub runnable_told: AtomicU64,
    /// What the tasks that have ended did.
    pub ended: Totals,
}

/// Numbers that a live task has for itself, and a kind for those that have ended.
#[derive(Default)]
pub(super) struct Totals {
    pub polls: AtomicU64,
    pub wakes: AtomicU64,
    pub self_wakes: AtomicU64,
    pub coop_yields: AtomicU64,
    pub busy: AtomicU64,
    pub scheduled: AtomicU64,
    pub idle: AtomicU64,
}

/// A histogram of nanoseconds, with the profile's buckets.
pub(super) struct Buckets([AtomicU64; BUCKETS]);

impl Buckets {
    #[inline(always)]
    pub fn count(&self, ns: u64) {
        if let Some(counter) = self.0.get(bucket(ns)) {
            add(counter, 1);
        }
    }

    /// Adds the counts to a histogram.
    pub fn add_to(&self, histogram: &mut hotpoll_profile::Histogram) {
        let Some(last) = self.0.iter().rposition(|count| count.load(Relaxed) != 0) else {
            return;
        };
        if histogram.counts.len() <= last {
            histogram.counts.resize(last + 1, 0);
        }
        for (sum, count) in histogram.counts.iter_mut().zip(&self.0) {
            *sum += count.load(Relaxed);
        }
    }
}

impl Default for Stats {
    fn default() -> Self {
        let buckets = || Buckets([const { AtomicU64::new(0) }; BUCKETS]);
        Self {
            poll_time: buckets(),
            wake_delay: buckets(),
            spawned: AtomicU64::new(0),
            completed: AtomicU64::new(0),
            aborted: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
            captures: AtomicU64::new(0),
            captures_failed: AtomicU64::new(0),
            runnable: AtomicU64::new(0),
            runnable_told: AtomicU64::new(0),
            ended: Totals::default(),
        }
    }
}

impl Totals {
    /// Adds another's numbers; only this thread writes these.
    pub fn add(&self, other: &Self) {
        for (mine, theirs) in self.numbers().into_iter().zip(other.numbers()) {
            add(mine, theirs.load(Relaxed));
        }
    }

    fn numbers(&self) -> [&AtomicU64; 7] {
        [
            &self.polls,
            &self.wakes,
            &self.self_wakes,
            &self.coop_yields,
            &self.busy,
            &self.scheduled,
            &self.idle,
        ]
    }
}
