//! How long polls waited for a processor, by kind: the scheduler's own count, read where one stretch of a thread's time ends and another begins.
//!
//! A thread's time is stretches: in a poll of one kind (not in one inside of it, which is a stretch of its own), or between polls. The count is read at
//! the end of each stretch that was long enough to hold a wait worth knowing, and what it grew by is that stretch's. Short ones are not read
//! (a read costs microseconds): who is put off the processor in one makes it long. So nothing is divided in proportion, and nothing is a
//! remainder: what cannot be put to one stretch is counted as that.
//!
//! A poll that does not end is read by the agent, from outside, and only while it is still the same poll: [`charge_open_polls`].

use super::kind::Kind;
use super::stats::add;
use super::thread::{self, Local};
use hotpoll_sampler::Words;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, Ordering::Relaxed};

/// A stretch in a poll is read when it was as long as this: one that was put off the processor is, and a read is half a percent of it at the most.
const LONG_NS: u64 = 1_000_000;
/// A stretch between polls, on a thread that has long polls: there a wait for a processor is nobody's, and the next poll's if it is not read.
const GAP_NS: u64 = 100_000;
/// So many stretches between polls are read after each long poll. On threads whose polls are all short none is: parking would cost a fifth more.
const GAPS_READ: u32 = 64;
/// No count was read yet.
const NONE: u64 = u64::MAX;

/// A thread's count, as far as it was put to stretches.
pub(super) struct RunDelay {
    // The thread's own.
    long_ticks: Cell<u64>,
    gap_ticks: Cell<u64>,
    /// When the running stretch began.
    boundary: Cell<u64>,
    gaps_left: Cell<u32>,
    // Both write.
    /// Up to here the count was put to stretches.
    base: AtomicU64,
    /// Since the count was read there was a stretch between polls that was not: when it ended. 0 is none.
    doubtful: AtomicU64,
    // The thread writes, the agent reads.
    between: AtomicU64,
    tid: AtomicU32,
    news: AtomicBool,
    /// The agent's: how much of `between` it has told.
    between_told: AtomicU64,
}

impl RunDelay {
    pub const fn new() -> Self {
        Self {
            long_ticks: Cell::new(u64::MAX),
            gap_ticks: Cell::new(u64::MAX),
            boundary: Cell::new(0),
            gaps_left: Cell::new(0),
            base: AtomicU64::new(NONE),
            doubtful: AtomicU64::new(0),
            between: AtomicU64::new(0),
            tid: AtomicU32::new(0),
            news: AtomicBool::new(false),
            between_told: AtomicU64::new(0),
        }
    }

    /// A thread begins to use this; `rate` is its clock's.
    pub fn enter(&self, tid: u32, now: u64, rate: u64) {
        let ticks = |ns: u64| {
            let ticks = (u128::from(ns) << 32) / u128::from(rate.max(1));
            u64::try_from(ticks).unwrap_or(u64::MAX)
        };
        let is_readable = !cfg!(miri);
        self.long_ticks.set(if is_readable {
            ticks(LONG_NS)
        } else {
            u64::MAX
        });
        self.gap_ticks
            .set(if is_readable { ticks(GAP_NS) } else { u64::MAX });
        self.boundary.set(now);
        self.gaps_left.set(0);
        let count = is_readable
            .then(hotpoll_sampler::own_run_delay_ns)
            .flatten();
        self.base.store(count.unwrap_or(NONE), Relaxed);
        self.doubtful.store(0, Relaxed);
        self.tid.store(tid, Relaxed);
    }

    /// A stretch in a poll of this kind ends.
    #[inline(always)]
    pub fn poll_ran(&self, local: &Local, kind: &Kind, now: u64) {
        let length = now.saturating_sub(self.boundary.replace(now));
        if length >= self.long_ticks.get() {
            self.read(local, Some((kind, length)));
        }
    }

    /// A stretch between polls ends. Whether the count was read, which takes its time.
    #[inline(always)]
    pub fn gap_ends(&self, local: &Local, now: u64) -> bool {
        let length = now.saturating_sub(self.boundary.replace(now));
        length >= self.gap_ticks.get() && self.read_gap(local, now)
    }

    #[cold]
    #[inline(never)]
    fn read_gap(&self, local: &Local, now: u64) -> bool {
        let left = self.gaps_left.get();
        if left == 0 {
            self.doubtful.store(now.max(1), Relaxed);
            return false;
        }
        self.gaps_left.set(left - 1);
        self.read(local, None);
        true
    }

    #[cold]
    #[inline(never)]
    fn read(&self, local: &Local, stretch: Option<(&Kind, u64)>) {
        let Some(total) = hotpoll_sampler::own_run_delay_ns() else {
            // A kernel that does not tell now will not tell later.
            self.long_ticks.set(u64::MAX);
            self.gap_ticks.set(u64::MAX);
            return;
        };
        if stretch.is_some() {
            self.gaps_left.set(GAPS_READ);
        }
        // AcqRel: against `charge_open_polls`, one of both puts each part of the count down.
        let before = self.base.swap(total, Ordering::AcqRel);
        let is_doubtful = self.doubtful.swap(0, Relaxed) != 0;
        if before == NONE || total <= before {
            return;
        }
        let mut left = total - before;
        if let Some((kind, length)) = stretch
            && !is_doubtful
        {
            // Short stretches before it have a little of it.
            let its = left.min(local.ns(length));
            add(&local.stats(kind).runnable, its);
            left -= its;
        }
        add(&self.between, left);
        // Release: who sees this sees the numbers.
        self.news.store(true, Ordering::Release);
    }
}

/// Time that a thread waited for a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waited {
    /// The thread, which may have ended.
    pub tid: u32,
    /// The kind in whose polls; 0 between polls, or where it cannot be told.
    pub kind: u64,
    /// How long.
    pub ns: u64,
}

/// The threads that poll tracked tasks.
pub fn pollers() -> HashSet<u32> {
    let all = thread::all().into_iter();
    all.map(|local| local.tid.load(Relaxed))
        .filter(|tid| *tid != 0)
        .collect()
}

/// What was measured since the last call. One caller at a time.
pub fn run_delays(each: &mut dyn FnMut(Waited)) {
    for local in thread::all() {
        let delay = &local.run_delay;
        // Acquire: pairs with the Release in `read`.
        if !delay.news.swap(false, Ordering::Acquire) {
            continue;
        }
        let tid = delay.tid.load(Relaxed);
        let mut tell = |kind, number: &AtomicU64, told: &AtomicU64| {
            let now = number.load(Relaxed);
            let ns = now.saturating_sub(told.swap(now, Relaxed));
            if ns > 0 {
                each(Waited { tid, kind, ns });
            }
        };
        tell(0, &delay.between, &delay.between_told);
        for (kind, stats) in local.all_stats() {
            tell(kind, &stats.runnable, &stats.runnable_told);
        }
    }
}

/// The scheduler's count of a thread, read from outside while it was in a poll.
#[derive(Debug, Clone, Copy)]
pub struct OutsideCount {
    /// The thread.
    pub tid: u32,
    /// Its count.
    pub total_ns: u64,
    /// What it had published before the count was read.
    pub words: Words,
}

/// Puts counts that were read from outside to the polls that they were read in: only where that poll is still running.
pub fn charge_open_polls(counts: &[OutsideCount], each: &mut dyn FnMut(Waited)) {
    if counts.is_empty() {
        return;
    }
    let of_thread: HashMap<u32, &OutsideCount> = counts.iter().map(|one| (one.tid, one)).collect();
    for local in thread::all() {
        let tid = local.tid.load(Relaxed);
        let Some(count) = of_thread.get(&tid) else {
            continue;
        };
        let delay = &local.run_delay;
        // Before the poll is looked at: if it still runs then, this was not put to it.
        let before = delay.base.load(Ordering::Acquire);
        let doubtful = delay.doubtful.load(Ordering::Acquire);
        let still = local
            .words()
            .map(|words| words.poll_start.load(Ordering::Acquire));
        let start = count.words.poll_start;
        if start == 0 || still != Some(start) || before >= count.total_ns && before != NONE {
            continue;
        }
        // AcqRel: the thread's own read exchanges it, too, and the part between is put down once.
        let is_ours = delay
            .base
            .compare_exchange(before, count.total_ns, Ordering::AcqRel, Relaxed)
            .is_ok();
        if !is_ours || before == NONE {
            continue;
        }
        let kind = if doubtful == 0 { count.words.kind } else { 0 };
        let _ = delay
            .doubtful
            .compare_exchange(doubtful, 0, Relaxed, Relaxed);
        each(Waited {
            tid,
            kind,
            ns: count.total_ns - before,
        });
    }
}
