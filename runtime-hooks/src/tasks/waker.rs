//! The waker that leaf futures see: the task's record, behind one static table of functions.
//!
//! In: clones, wakes and drops, from any thread, under any lock. Out: every wake goes on to the runtime's waker. A clone in the task's own poll is a
//! leaf that begins to wait: its stack is taken then. Nothing here allocates, locks or panics.
//!
//! The pointer's low bits are the generation: raising it makes `will_wake` false once, so that each leaf takes the waker anew (`refresh`).
#![allow(unsafe_code)] // A raw waker.

use super::record::{BLOCKING, GENERATIONS, Handle, Record};
use super::thread::{self, Local};
use super::wake_stamp::Who;
use super::{deferral, refresh, stacks, stats};
use hotpoll_profile::Truncation;
use hotpoll_sampler::clock;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{RawWaker, RawWakerVTable, Waker};

/// A `static`, not a constant: a constant may have several addresses, and then `will_wake` is false where it should be true.
static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, release);

static GENERATION: AtomicUsize = AtomicUsize::new(0);

/// Stacks taken in one poll.
pub(super) const MAX_CAPTURES: u32 = 4;

/// Makes the waker of later polls another one than that of earlier polls.
pub(super) fn next_generation() {
    GENERATION.fetch_add(1, Relaxed);
}

/// The task's waker, for the time of a poll: it counts as no hold.
#[inline(always)]
pub(super) fn lent(record: &Handle) -> ManuallyDrop<Waker> {
    let generation = GENERATION.load(Relaxed) % GENERATIONS;
    let pointer: *const Record = record.pointer().as_ptr();
    let data = pointer.map_addr(|address| address | generation).cast();
    // SAFETY: the functions keep the contract of a waker; clones count as holds on the record, and this one, which is never dropped, lives no longer
    // than the reference that it was made from (tracked.rs).
    ManuallyDrop::new(unsafe { Waker::from_raw(RawWaker::new(data, &VTABLE)) })
}

/// The record behind a waker's pointer.
#[inline(always)]
fn record(data: *const ()) -> *const Record {
    data.cast::<Record>()
        .map_addr(|address| address & !(GENERATIONS - 1))
}

/// Whether it is a waker of this record's, of whatever generation.
pub(super) fn is_of(waker: &Waker, of: *const Record) -> bool {
    std::ptr::eq(waker.vtable(), &VTABLE) && std::ptr::eq(record(waker.data()), of)
}

/// Whether it is not the waker of the task that the calling thread polls, but one that something inside of the task has made: a set of futures, which
/// polls those of them that were woken. `false` where nothing tracked is polled, and in a closure on a blocking thread, which has no waker.
pub(crate) fn is_a_sets(waker: &Waker) -> bool {
    let Some(local) = thread::existing() else {
        return false;
    };
    // SAFETY: null, or the record of the poll that we are in, which its wrapper holds.
    let Some(task) = (unsafe { local.current.get().as_ref() }) else {
        return false;
    };
    !is_of(waker, task) && task.flags.load(Relaxed) & BLOCKING == 0
}

unsafe fn clone(data: *const ()) -> RawWaker {
    let pointer = record(data);
    // SAFETY: the waker being cloned keeps the record.
    let task = unsafe { &*pointer };
    if let Some(local) = thread::existing()
        && std::ptr::eq(local.current.get(), pointer)
        && local.captured.get() < MAX_CAPTURES
    {
        local.captured.set(local.captured.get() + 1);
        capture(task, local, walk(local, task));
    } else {
        task.hold_waker();
    }
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the waker is consumed: it keeps the record for the call, and its hold is given up after.
    unsafe {
        wake_by_ref(data);
        release(data);
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    let pointer = record(data);
    // SAFETY: the waker keeps the record.
    let task = unsafe { &*pointer };
    let local = thread::existing();
    if let Some(local) = local
        && std::ptr::eq(local.current.get(), pointer)
    {
        stats::add(&task.totals.self_wakes, 1);
        task.stamp.stamp_from_poll(task.id.load(Relaxed));
        task.inner.wake_from_poll();
        return;
    }
    let polls = local.is_some_and(|local| !local.current.get().is_null());
    if polls || !refresh::is_on() {
        task.stamp.stamp(|| (clock::now(), who(local)));
    }
    task.inner.wake();
}

unsafe fn release(data: *const ()) {
    // SAFETY: the waker's own hold, which goes with it.
    unsafe { Record::release_waker(record(data)) };
}

/// Who is calling: the task being polled on this thread, tracked or not, or the thread.
fn who(local: Option<&'static Local>) -> Who {
    match local
        .and_then(Local::words)
        .map(|words| words.task.load(Relaxed))
    {
        Some(task) if task != 0 => return Who::Task(task),
        _ => {}
    }
    match crate::task_id::if_asked_before() {
        0 => Who::Thread(thread::tid()),
        task => Who::Task(task),
    }
}

/// Counts a clone of the task's waker, and walks this thread's stack from the function that this is inlined into up to the poll that it runs in. Returns how
/// many frames that gave: the frame around `poll_inside`, where the walk ends, is not counted.
#[inline(always)]
fn walk(local: &'static Local, task: &Record) -> Option<usize> {
    let words = local.words();
    // Miri has no registers to begin with.
    let Some(words) = words.filter(|_| !cfg!(miri)) else {
        task.hold_waker();
        return None;
    };
    // SAFETY: the thread's own, and nobody else has a reference to it: it is used here and in `capture` only, one after the other.
    let frames = unsafe { &mut *local.frames.get() };
    // SAFETY: the words are this thread's, found through its own thread-local variable; `poll_frame` lies in the frame of the poll that is running
    // on this thread, and the sampler looks whether that is the stack we are on. Counting the clone is a locked instruction, called once.
    let walk =
        unsafe { words.walk_here_behind(local.poll_frame.get(), frames, || task.hold_waker()) };
    match walk.end {
        Truncation::StackRead => walk.frames.checked_sub(1),
        _ => Some(walk.frames),
    }
    .filter(|frames| *frames > 1)
}

/// Keeps the stack that was walked into the thread's frames: without this file's own function, and without the frame that holds the poll.
#[inline]
fn capture(task: &Record, local: &'static Local, walked: Option<usize>) {
    // Made before the poll began (`Record::begin`).
    let Some(stats) = local.made_stats(task.kind) else {
        return;
    };
    let number = match walked {
        Some(frames) => {
            // SAFETY: the thread's own, and nobody else has a reference to it: it is used here and in `walk` only, and neither calls out.
            let frames = unsafe { &(&*local.frames.get())[..frames] };
            let number = stacks::intern(&frames[1..]);
            if number != 0 {
                task.keep_wait(number, deferral::is_in(frames));
            }
            number
        }
        None => 0,
    };
    stats::add(&stats.captures, 1);
    if number == 0 {
        stats::add(&stats.captures_failed, 1);
    }
}
