//! What a thread that polls has for itself: which task it is polling, its published words, its numbers of each kind.
//!
//! Found by one thread-local read a poll. The memory is never freed: when the thread ends it goes to another, its numbers included, so that sums over
//! all of them stay right. A forked child begins without any: the thread that forked gets another there.
#![allow(unsafe_code)] // The thread-local pointer, and the numbers behind pointers.

use super::kind::{Kind, MAX_KINDS};
use super::open_polls::Around;
use super::record::Record;
use super::run_delay::RunDelay;
use super::stacks::MAX_FRAMES;
use super::stats::Stats;
use crate::sync::core::TaskHolds;
use hotpoll_sampler::{ForkLock, Published, WalkAgain, generation};
use std::cell::{Cell, UnsafeCell};
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// Numbers of one kind, of one thread, that are made in the process: 32 MB of them. They are never freed, only handed on; kinds that are new to a thread
/// after that count there as `(other kinds)`.
const MOST_STATS: usize = 16_384;
const _: () = assert!(MOST_STATS * size_of::<Stats>() <= 40 << 20);
static MADE: AtomicUsize = AtomicUsize::new(0);

/// Stacks that a thread keeps to know them again: so many of each set, and which set it is tells how far the clone is from the poll.
pub(super) const KEPT_OF_SET: usize = 2;
pub(super) const KEPT_SETS: usize = 8;

/// A stack taken lately: where a task waits as another has before.
pub(super) struct Again {
    pub walk: WalkAgain,
    /// Of `stacks`.
    pub number: u32,
    /// The waker's generation then: there are no newer unwind tables as long as it is the same.
    pub generation: usize,
}

impl Again {
    const NONE: Self = Self {
        walk: WalkAgain::new(),
        number: 0,
        generation: 0,
    };
}

/// One polling thread. Cells are touched by the thread itself only; atomics may be read by anybody.
pub(super) struct Local {
    /// The task being polled, null when none.
    pub current: Cell<*const Record>,
    /// An address in the frame of its poll.
    pub poll_frame: Cell<usize>,
    /// Nobody woke the task for this poll: see `Record::begin`.
    pub asked: Cell<bool>,
    /// Stacks taken in this poll so far.
    pub captured: Cell<u32>,
    /// Nanoseconds a tick, times 2^32.
    pub rate: Cell<u64>,
    /// Where the sampler looks; null under Miri, which cannot map the sampler's memory.
    words: AtomicPtr<Published>,
    /// Frames of the stack being taken.
    pub frames: UnsafeCell<[u64; MAX_FRAMES]>,
    /// Stacks taken lately.
    pub again: UnsafeCell<[[Again; KEPT_OF_SET]; KEPT_SETS]>,
    /// The process that it was made in: see `hotpoll_sampler::generation`.
    generation: u32,
    /// 0 while no thread has it.
    pub tid: AtomicU32,
    /// Whether the marks of `deferral` were looked for.
    pub learned: Cell<bool>,
    /// It runs a closure that may block: its poll is none that anybody waits for.
    pub blocking: AtomicBool,
    /// The polls that the running one is inside of.
    pub around: Around,
    /// How long it waited for a processor.
    pub run_delay: RunDelay,
    /// Of which runtime it is a worker, if so: see `runtimes`. 0 is not known yet.
    pub worker: AtomicU64,
    /// Which of the lists of live tasks it adds to.
    pub index: usize,
    stats: [AtomicPtr<Stats>; MAX_KINDS],
}

// SAFETY: the cells are reached through `local()` only, which gives each thread its own.
unsafe impl Sync for Local {}

#[derive(Default)]
struct Registry {
    all: Vec<&'static Local>,
    spare: Vec<&'static Local>,
}

static REGISTRY: ForkLock<Registry> = ForkLock::new();

fn registry() -> MutexGuard<'static, Registry> {
    REGISTRY.lock()
}

/// Gives the thread's memory back.
struct Guard(Cell<bool>);

thread_local! {
    static LOCAL: Cell<Option<&'static Local>> = const { Cell::new(None) };
    static GUARD: Guard = const { Guard(Cell::new(false)) };
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(local) = LOCAL.take()
            && local.is_of_this_process()
        {
            // A runtime without our hooks does not say when its threads end.
            super::runtimes::end(local.tid.swap(0, Ordering::Relaxed));
            local.current.set(std::ptr::null());
            local.around.forget();
            local.asked.set(false);
            registry().spare.push(local);
        }
    }
}

/// The calling thread's. `None` while its thread-local variables are being dropped.
#[inline(always)]
pub(super) fn local() -> Option<&'static Local> {
    match LOCAL.get() {
        Some(local) if local.is_of_this_process() => Some(local),
        _ => enter(),
    }
}

/// The calling thread's, if it has polled before.
#[inline(always)]
pub(super) fn existing() -> Option<&'static Local> {
    LOCAL.get().filter(|local| local.is_of_this_process())
}

/// What the task holds that the calling thread polls, if it polls one.
#[inline(always)]
pub(crate) fn with_holds(then: impl FnOnce(&TaskHolds)) {
    // SAFETY: null, or the record of the poll that the thread is in, which its wrapper holds.
    if let Some(task) = existing().and_then(|local| unsafe { local.current.get().as_ref() }) {
        then(&task.held);
    }
}

#[cold]
fn enter() -> Option<&'static Local> {
    if hotpoll_sampler::in_forked_child() {
        return None; // nothing runs there until it starts itself
    }
    // The sampler's own destructor is registered first, and so runs after this one's.
    let words = if cfg!(miri) {
        None
    } else {
        Some(hotpoll_sampler::published()?)
    };
    GUARD.try_with(|guard| guard.0.set(true)).ok()?;
    super::kind::begin();
    let local = {
        let mut registry = registry();
        match registry.spare.pop() {
            Some(spare) => spare,
            None => {
                let local: &'static Local = Box::leak(Box::new(Local::new(registry.all.len())));
                registry.all.push(local);
                local
            }
        }
    };
    let pointer = words.map_or(std::ptr::null_mut(), |words| {
        std::ptr::from_ref(words).cast_mut()
    });
    local.words.store(pointer, Ordering::Release);
    local.rate.set(hotpoll_sampler::clock::rate());
    local.worker.store(0, Ordering::Relaxed);
    let tid = words.map_or(1, Published::tid);
    (local.run_delay).enter(tid, hotpoll_sampler::clock::now(), local.rate.get());
    local.tid.store(tid, Ordering::Relaxed);
    LOCAL.set(Some(local));
    Some(local)
}

/// The calling thread's number, as the kernel counts.
pub(super) fn tid() -> u32 {
    thread_local! {
        /// And the process in which it was asked for: the thread that forks has another number in the child.
        static TID: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
    }
    let generation = generation();
    match TID.get() {
        (tid, of) if tid != 0 && of == generation => tid,
        _ => {
            let tid = if cfg!(miri) {
                1
            } else {
                hotpoll_sampler::current_tid()
            };
            TID.set((tid, generation));
            tid
        }
    }
}

/// Whether there is any.
pub(super) fn any() -> bool {
    !registry().all.is_empty()
}

/// Every thread's, those that nobody has included.
pub(super) fn all() -> Vec<&'static Local> {
    registry().all.clone()
}

impl Local {
    fn new(index: usize) -> Self {
        Self {
            current: Cell::new(std::ptr::null()),
            poll_frame: Cell::new(0),
            captured: Cell::new(0),
            asked: Cell::new(false),
            learned: Cell::new(false),
            rate: Cell::new(1 << 32),
            words: AtomicPtr::new(std::ptr::null_mut()),
            frames: UnsafeCell::new([0; MAX_FRAMES]),
            again: UnsafeCell::new([const { [const { Again::NONE }; KEPT_OF_SET] }; KEPT_SETS]),
            generation: generation(),
            tid: AtomicU32::new(0),
            blocking: AtomicBool::new(false),
            around: Around::new(),
            run_delay: RunDelay::new(),
            worker: AtomicU64::new(0),
            index,
            stats: [const { AtomicPtr::new(std::ptr::null_mut()) }; MAX_KINDS],
        }
    }

    /// Whether it was made in this process, rather than in one that it was forked from.
    #[inline(always)]
    fn is_of_this_process(&self) -> bool {
        self.generation == generation()
    }

    /// The published words.
    #[inline(always)]
    pub fn words(&self) -> Option<&'static Published> {
        // SAFETY: null, or a reference that lives for ever (enter).
        unsafe { self.words.load(Ordering::Acquire).as_ref() }
    }

    /// Ticks as nanoseconds, near enough for a histogram.
    #[inline(always)]
    pub fn ns(&self, ticks: u64) -> u64 {
        ((u128::from(ticks) * u128::from(self.rate.get())) >> 32) as u64
    }

    /// This thread's numbers of a kind. Only the thread itself may add to them.
    #[inline(always)]
    pub fn stats(&self, kind: &Kind) -> &Stats {
        match self.existing_stats(kind) {
            Some(stats) => stats,
            None => self.make_stats(kind),
        }
    }

    /// The numbers of a kind, if the thread has any.
    #[inline(always)]
    pub fn existing_stats(&self, kind: &Kind) -> Option<&Stats> {
        // Acquire: pairs with the Release in `leak_stats`.
        // SAFETY: null, or leaked there.
        unsafe {
            self.stats
                .get(kind.index())?
                .load(Ordering::Acquire)
                .as_ref()
        }
    }

    /// The numbers that the kind counts in on this thread, if they were made.
    #[inline]
    pub fn made_stats(&self, kind: &Kind) -> Option<&Stats> {
        // SAFETY: null, or leaked in `leak_stats`, whose Release this pairs with.
        (self.existing_stats(kind))
            .or_else(|| unsafe { self.stats[0].load(Ordering::Acquire).as_ref() })
    }

    /// Every kind's that the thread has numbers of, with what samples call the kind.
    pub fn all_stats(&self) -> impl Iterator<Item = (u64, &Stats)> {
        (1..).zip(&self.stats).filter_map(|(kind, place)| {
            // SAFETY: null, or leaked in `leak_stats`, whose Release this pairs with.
            let stats = unsafe { place.load(Ordering::Acquire).as_ref() };
            stats.map(|stats| (kind, stats))
        })
    }

    #[cold]
    fn make_stats(&self, kind: &Kind) -> &Stats {
        self.make_stats_within(kind.index(), &MADE, MOST_STATS)
    }

    /// The numbers of the kind with this index, or where there are as many as may be those of other kinds.
    fn make_stats_within(&self, index: usize, made: &AtomicUsize, most: usize) -> &Stats {
        if index == 0 {
            return self.other_stats();
        }
        if made.fetch_add(1, Ordering::Relaxed) >= most {
            made.fetch_sub(1, Ordering::Relaxed);
            return self.other_stats();
        }
        self.leak_stats(index)
    }

    /// This thread's numbers of the kinds that have found no room.
    fn other_stats(&self) -> &Stats {
        // SAFETY: null, or leaked below; only this thread stores here.
        match unsafe { self.stats[0].load(Ordering::Acquire).as_ref() } {
            Some(stats) => stats,
            None => self.leak_stats(0),
        }
    }

    fn leak_stats(&self, index: usize) -> &Stats {
        let stats: &'static Stats = Box::leak(Box::default());
        // Release: whoever finds the pointer sees zeros. Only this thread stores here.
        self.stats[index].store(std::ptr::from_ref(stats).cast_mut(), Ordering::Release);
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_bound_kinds_share_their_numbers() {
        // As a thread's own it is never freed, and a static leads to it: Miri counts as leaked what nothing leads to.
        static KEPT: AtomicPtr<Local> = AtomicPtr::new(std::ptr::null_mut());
        let local: &Local = Box::leak(Box::new(Local::new(0)));
        KEPT.store(std::ptr::from_ref(local).cast_mut(), Ordering::Relaxed);
        let kinds = [3, 5, 7, 9];
        let made = AtomicUsize::new(0);
        for kind in kinds {
            let stats = local.make_stats_within(kind, &made, 2);
            super::super::stats::add(&stats.spawned, 1);
        }
        let spawned = local.all_stats().map(|(kind, stats)| {
            // What samples call a kind is one more than its index.
            (kind - 1, stats.spawned.load(Ordering::Relaxed))
        });
        assert_eq!(spawned.collect::<Vec<_>>(), [(0, 2), (3, 1), (5, 1)]);
        assert_eq!(made.into_inner(), 2);
    }
}
