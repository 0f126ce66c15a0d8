//! A tracked task's record: who it is, what it did, when it was woken, where it waits.
//!
//! One is made when the future is wrapped. It is held by the wrapper and by each clone of its waker, and freed with the last of them. Fields are
//! grouped by who writes them.
#![allow(unsafe_code)] // Its memory is counted by hand, because a raw waker is a pointer.

use super::inner_waker::InnerWaker;
use super::kind::Kind;
use super::live;
use super::stats::{Totals, add};
use super::thread::Local;
use super::wait::{MAX_POLL, Wait};
use super::wake_stamp::{DURING_POLL, WakeStamp};
use crate::sync::core::TaskHolds;
use std::ptr::NonNull;
use std::sync::atomic::{
    AtomicU8, AtomicU16, AtomicU64, AtomicUsize, Ordering, Ordering::Relaxed, fence,
};

/// Suspensions that a task keeps.
pub(super) const MAX_WAITS: usize = 4;
/// The promise: an idle task takes no more than this, its stacks (kept once for all tasks) aside.
#[allow(dead_code)] // older compilers do not count the assertion below as a use
const MOST_BYTES: usize = 256;
/// What else is in that: the word that an allocator may keep before each piece, and the wrapper's pointer to the record.
#[allow(dead_code)] // as above
const BESIDE: usize = size_of::<usize>() + size_of::<Handle>();
const _: () = assert!(size_of::<Record>() + BESIDE <= MOST_BYTES);
/// Generations that a waker's pointer can carry in its low bits.
pub(super) const GENERATIONS: usize = align_of::<Record>();

/// Own IDs begin here: for futures that are no task of the runtime's. Its numbers count from 1.
pub(super) const FIRST_OWN_ID: u64 = 1 << 48;

static OWN_IDS: AtomicU64 = AtomicU64::new(FIRST_OWN_ID);

/// An ID for a future that is no task of the runtime's own.
pub(super) fn own_id() -> u64 {
    OWN_IDS.fetch_add(1, Relaxed)
}

#[repr(C, align(8))]
pub(super) struct Record {
    /// Live clones of the waker in the low half, other holds in the high half: the wrapper, and whoever looks. The record is freed with the last of
    /// all: whatever the halves are, it is their sum that becomes 0.
    handles: AtomicUsize,
    pub inner: InnerWaker,
    pub stamp: WakeStamp,
    // Fixed, but for the IDs, which are set when the runtime has told them.
    pub id: AtomicU64,
    pub kind: &'static Kind,
    pub parent: AtomicU64,
    pub spawned: u64,
    // Written by the poll.
    pub totals: Totals,
    pub longest: AtomicU64,
    /// When the running poll began; 0 when none runs.
    pub poll_start: AtomicU64,
    /// When the last poll ended; before the first, when it was spawned.
    pub last_end: AtomicU64,
    pub last_wake: AtomicU64,
    /// Where its future lies, and how large it is: see `Place`. Written by its first poll.
    pub place: AtomicU64,
    /// What it holds and others may wait for. Written by its polls.
    pub held: TaskHolds,
    /// Where it waits: see `Wait`. 0 is none.
    waits: [AtomicU64; MAX_WAITS],
    pub flags: AtomicU8,
    /// Clones of its waker that were held when the last poll ended, 255 at the most.
    pub held_at_end: AtomicU8,
    /// Which list of live tasks it is in.
    pub list: u8,
    /// The wrapper's future is a part of another task.
    pub nested: bool,
    /// The process that it was made in: the low bits of `hotpoll_sampler::generation`.
    generation: u16,
    /// Polls that nothing had woken it for, and in which nothing happened: see `begin`. They are among `totals.polls`, and no user hears of them. Written
    /// by the poll; one that was asked more often than can be counted shows the rest as polls.
    pub asked: AtomicU16,
    pub links: live::Links,
}

/// It is a task of a `LocalSet`: the set counts it, and no runtime does.
pub(super) const LOCAL: u8 = 1;
/// The future panicked.
pub(super) const PANICKED: u8 = 2;
/// Its inner waker is the waker of the task around it: of that one it has a clone.
pub(super) const HOLDS_PARENTS: u8 = 8;
/// It is a closure on a blocking thread: nobody will hold a waker.
pub(super) const BLOCKING: u8 = 4;

/// It is no task.
pub(super) const MARKER: u8 = 16;
/// No tracked task has spawned it.
pub(super) const ROOT: u8 = 32;
/// A thread blocks on it.
pub(super) const PROGRAM: u8 = 64;

/// It has ended, and its kind has its numbers.
const ENDED: u8 = 128;

/// A clone of the waker, and another hold, in `handles`.
const WAKER: usize = 1;
const HOLD: usize = 1 << 32;

/// A counted hold on a record.
pub(super) struct Handle(NonNull<Record>);

// SAFETY: everything in a record that more than the poll touches is atomic, or guarded by its own word or the list's lock.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    pub fn new(record: Record) -> Self {
        Self(NonNull::from(Box::leak(Box::new(record))))
    }

    /// Another hold on a record that somebody holds.
    ///
    /// # Safety
    /// The record is held by somebody for as long as this call takes.
    pub unsafe fn to(record: NonNull<Record>) -> Self {
        // SAFETY: the caller's word.
        unsafe { record.as_ref() }.hold();
        Self(record)
    }
}

impl Handle {
    /// The record's own address. A pointer made from a reference would not do to free it by.
    #[inline(always)]
    pub fn pointer(&self) -> NonNull<Record> {
        self.0
    }

    /// A `LocalSet` has the task.
    pub fn set_local(&self) {
        self.flags.fetch_or(LOCAL, Relaxed);
    }

    /// The runtime has told the task's ID.
    pub fn set_id(&self, id: tokio::task::Id) {
        self.id.store(crate::task_id::number(id), Relaxed);
    }
}

impl std::ops::Deref for Handle {
    type Target = Record;

    #[inline(always)]
    fn deref(&self) -> &Record {
        // SAFETY: it is not freed while this hold counts.
        unsafe { self.0.as_ref() }
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        self.hold();
        Self(self.0)
    }
}

impl Drop for Handle {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: this hold counts, and is not used after this.
        unsafe { Record::release(self.0.as_ptr()) };
    }
}

impl Record {
    pub fn new(kind: &'static Kind, parent: u64, now: u64, list: u8, nested: bool) -> Self {
        Self {
            handles: AtomicUsize::new(HOLD),
            inner: InnerWaker::new(),
            stamp: WakeStamp::new(),
            id: AtomicU64::new(0),
            kind,
            parent: AtomicU64::new(parent),
            spawned: now,
            totals: Totals::default(),
            longest: AtomicU64::new(0),
            poll_start: AtomicU64::new(0),
            last_end: AtomicU64::new(now),
            last_wake: AtomicU64::new(0),
            place: AtomicU64::new(0),
            held: TaskHolds::new(),
            waits: [const { AtomicU64::new(0) }; MAX_WAITS],
            flags: AtomicU8::new(0),
            held_at_end: AtomicU8::new(0),
            list,
            nested,
            generation: hotpoll_sampler::generation() as u16,
            asked: AtomicU16::new(0),
            links: live::Links::default(),
        }
    }

    /// One that is no task, to keep a place in a list.
    pub fn marker(kind: &'static Kind, list: u8) -> Self {
        let marker = Self::new(kind, 0, 0, list, false);
        marker.flags.store(MARKER, Relaxed);
        marker
    }

    pub fn is_marker(&self) -> bool {
        self.flags.load(Relaxed) & MARKER != 0
    }

    /// Whether a thread blocks on it: what it spawns are roots.
    pub fn is_program(&self) -> bool {
        self.flags.load(Relaxed) & PROGRAM != 0
    }

    /// The task has ended, and its kind has been given its numbers. Only its owner may call it, and nobody writes flags after.
    pub fn set_ended(&self) {
        // Release: who sees it sees the kind's numbers with these in them.
        let flags = self.flags.load(Relaxed) | ENDED;
        self.flags.store(flags, Ordering::Release);
    }

    /// Whether its kind has its numbers.
    pub fn has_ended(&self) -> bool {
        self.flags.load(Ordering::Acquire) & ENDED != 0
    }

    /// Whether it was made in this process, rather than in one that it was forked from: a child of so many forks in a row that the low bits are the
    /// same again is not met.
    pub fn is_of_this_process(&self) -> bool {
        self.generation == hotpoll_sampler::generation() as u16
    }

    /// Counts a hold.
    #[inline(always)]
    pub fn hold(&self) {
        // Relaxed, as in Arc: who holds one may make another. Holds cannot outnumber the addresses there are for them to lie at.
        self.handles.fetch_add(HOLD, Relaxed);
    }

    /// Counts a clone of the waker.
    #[inline(always)]
    pub fn hold_waker(&self) {
        // Relaxed: as above.
        self.handles.fetch_add(WAKER, Relaxed);
    }

    /// Gives a hold up; frees the record with the last.
    ///
    /// # Safety
    /// The caller has that hold, and does not use the record after.
    #[inline(always)]
    pub unsafe fn release(record: *const Self) {
        // Where this hold is the only one nobody can make another: the record's owner has taken it out of its list before it gave its own up.
        // SAFETY: the caller's hold still counts.
        if unsafe { &*record }.is_only() {
            // SAFETY: it is the last.
            unsafe { Self::free(record) };
            return;
        }
        // SAFETY: the caller's word.
        unsafe { Self::give_up(record, HOLD) };
    }

    /// A clone of the waker goes; frees the record if it was the last hold of all.
    ///
    /// # Safety
    /// The caller has that clone, and does not use the record after.
    #[inline(always)]
    pub unsafe fn release_waker(record: *const Self) {
        // SAFETY: the caller's word.
        unsafe { Self::give_up(record, WAKER) };
    }

    #[inline(always)]
    unsafe fn give_up(record: *const Self, hold: usize) {
        // Release: what this holder did happens before the record is freed.
        // SAFETY: the caller's hold still counts.
        if unsafe { &*record }
            .handles
            .fetch_sub(hold, Ordering::Release)
            == hold
        {
            // SAFETY: it was the last.
            unsafe { Self::free(record) };
        }
    }

    #[cold]
    unsafe fn free(record: *const Self) {
        // Acquire: what all the other holders did has happened.
        fence(Ordering::Acquire);
        // SAFETY: made by Box::leak in `Handle::new`, and nobody holds it any more.
        drop(unsafe { Box::from_raw(record.cast_mut()) });
    }

    /// Whether the caller's hold is the only one, of a record that is in no list any more.
    #[inline(always)]
    pub fn is_only(&self) -> bool {
        // Acquire: what others did whose holds are gone has happened.
        self.handles.load(Ordering::Acquire) == HOLD
    }

    /// Live clones of the waker.
    #[inline(always)]
    pub fn wakers(&self) -> u64 {
        // Acquire: a wake by value stamps before it gives its hold up, so who sees the hold gone sees the stamp.
        (self.handles.load(Ordering::Acquire) % HOLD) as u64
    }

    /// A poll begins: what was before it was waiting, then waiting for a thread. True if nobody woke the task: then it was asked to show itself
    /// (`refresh`), or was polled along with one that was, and waits on unless the poll's end says otherwise.
    #[inline(always)]
    pub fn begin(&self, local: &Local, start: u64) -> bool {
        // Here and not where they are first needed: that may be in a clone of the waker, under a lock of the runtime's, and the first time takes memory.
        let stats = local.stats(self.kind);
        let stamp = self.stamp.take();
        let last_end = self.last_end.load(Relaxed);
        let first = self.totals.polls.load(Relaxed) == 0;
        self.poll_start.store(start, Relaxed);
        // Release: who sees what the poll writes from now on sees that one runs.
        fence(Ordering::Release);
        if stamp == 0 && !first {
            if !self.nested || local.asked.get() {
                return true;
            }
            // The future around it polls it along with others.
            add(&self.totals.idle, start.saturating_sub(last_end));
            return false;
        }
        // A spawn is as good as a wake. A wake during a poll counts from that poll's end; and the counters of two cores may differ a little.
        let woken = if stamp <= DURING_POLL {
            last_end
        } else {
            stamp.max(last_end)
        };
        if stamp != 0 {
            add(&self.totals.wakes, 1);
            self.last_wake.store(woken, Relaxed);
        }
        let delay = start.saturating_sub(woken);
        add(&self.totals.idle, woken.saturating_sub(last_end));
        add(&self.totals.scheduled, delay);
        stats.wake_delay.count(local.ns(delay));
        false
    }

    /// A poll ends that nobody had woken the task for. True if nothing has happened in it: then it has waited all the time.
    #[cold]
    fn waited_on(&self, start: u64) -> bool {
        if self.stamp.peek().is_some() {
            let last_end = self.last_end.load(Relaxed);
            add(&self.totals.idle, start.saturating_sub(last_end));
            return false;
        }
        add(&self.totals.polls, 1);
        let asked = self.asked.load(Relaxed);
        self.asked.store(asked.saturating_add(1), Relaxed);
        self.held_at_end
            .store(self.wakers().min(u64::from(u8::MAX)) as u8, Relaxed);
        // Release: who sees that no poll runs sees what this one has written.
        self.poll_start.store(0, Ordering::Release);
        true
    }

    /// The future is gone: it waited until now, or waited for a thread.
    pub fn settle(&self, now: u64) {
        let last_end = self.last_end.load(Relaxed);
        let woken = match self.stamp.take() {
            0 if self.totals.polls.load(Relaxed) > 0 => now,
            stamp => {
                add(&self.totals.wakes, u64::from(stamp != 0));
                stamp.clamp(last_end, now.max(last_end))
            }
        };
        add(&self.totals.idle, woken.saturating_sub(last_end));
        add(&self.totals.scheduled, now.saturating_sub(woken));
    }

    /// A poll ends; `asked` is what `begin` said.
    #[inline(always)]
    pub fn end(&self, local: &Local, asked: bool, start: u64, end: u64, threshold: u64) {
        let took = end.saturating_sub(start);
        if asked && self.waited_on(start) {
            self.kind
                .look_at(self.id.load(Relaxed), start, took, threshold);
            return;
        }
        add(&self.totals.busy, took);
        add(&self.totals.polls, 1);
        if took > self.longest.load(Relaxed) {
            self.longest.store(took, Relaxed);
        }
        self.held_at_end
            .store(self.wakers().min(u64::from(u8::MAX)) as u8, Relaxed);
        self.last_end.store(end, Relaxed);
        // Release: who sees that no poll runs sees what this one has written.
        self.poll_start.store(0, Ordering::Release);
        local.stats(self.kind).poll_time.count(local.ns(took));
        // One that may take its time is no long poll, however long the longest is.
        if threshold != u64::MAX {
            self.kind
                .look_at(self.id.load(Relaxed), start, took, threshold);
        }
    }

    /// Keeps the place of a suspension in the running poll, of which it is that many'th: over its own older one, a free one, or the oldest of an
    /// earlier poll.
    #[inline]
    pub fn keep_wait(&self, stack: u32, yielded: bool, order: u32) {
        let poll = self.totals.polls.load(Relaxed).wrapping_add(1) as u32 & MAX_POLL;
        let new = Wait {
            stack,
            poll,
            order,
            yielded,
        };
        let mut place = None;
        let mut oldest = 0;
        for wait in &self.waits {
            let Some(old) = Wait::of_word(wait.load(Relaxed)) else {
                // Those behind it are free too.
                place = Some(wait);
                break;
            };
            if old.stack == stack {
                place = Some(wait);
                break;
            }
            let age = poll.wrapping_sub(old.poll) & MAX_POLL;
            if age > oldest {
                oldest = age;
                place = Some(wait);
            }
        }
        if let Some(place) = place {
            place.store(new.word(), Relaxed);
        }
    }

    /// The places kept, with how many polls ago each was taken; the poll that runs, if one does, is the first of these once it has kept one.
    pub fn waits(&self, is_polled: bool) -> Vec<(Wait, u64)> {
        let kept = || {
            let waits = self.waits.iter();
            waits.filter_map(|wait| Wait::of_word(wait.load(Relaxed)))
        };
        let polls = self.totals.polls.load(Relaxed) as u32;
        let running = polls.wrapping_add(1) & MAX_POLL;
        let newest = match is_polled && kept().any(|wait| wait.poll == running) {
            true => running,
            false => polls & MAX_POLL,
        };
        kept()
            .map(|wait| (wait, u64::from(newest.wrapping_sub(wait.poll) & MAX_POLL)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record::new(Kind::named("record-test"), 0, 1, 0, false)
    }

    #[test]
    fn an_idle_task_is_as_small_as_promised() {
        let bytes = size_of::<Record>() + BESIDE;
        assert!(bytes <= MOST_BYTES, "{bytes}");
    }

    #[test]
    fn the_newest_suspensions_are_kept() {
        let record = record();
        record.keep_wait(5, false, 1);
        record.totals.polls.store(1, Relaxed);
        assert_eq!(record.waits(false).len(), 1);
        assert_eq!(record.waits(false)[0].1, 0);
        // Polls 2 to 5, each at another place: the fifth place takes the first one's room.
        for (poll, stack) in (1..5).zip(6..) {
            record.totals.polls.store(poll, Relaxed);
            record.keep_wait(stack, false, 1);
        }
        record.totals.polls.store(5, Relaxed);
        let mut waits: Vec<_> = record
            .waits(false)
            .into_iter()
            .map(|(wait, ago)| (wait.stack, ago))
            .collect();
        waits.sort();
        assert_eq!(waits, [(6, 3), (7, 2), (8, 1), (9, 0)]);
        // The same place again is only renewed.
        record.keep_wait(7, false, 1);
        record.totals.polls.store(6, Relaxed);
        let waits = record.waits(false);
        assert!(waits.contains(&(
            Wait {
                stack: 7,
                poll: 6,
                order: 1,
                yielded: false
            },
            0
        )));
        assert_eq!(waits.len(), 4);
    }

    #[test]
    fn more_than_four_in_one_poll_leave_the_first_four() {
        let record = record();
        for stack in 1..9 {
            record.keep_wait(stack, false, 1);
        }
        let stacks: Vec<_> = record
            .waits(false)
            .iter()
            .map(|(wait, _)| wait.stack)
            .collect();
        assert_eq!(stacks, [1, 2, 3, 4]);
    }
}
