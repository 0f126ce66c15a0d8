//! The waker that leaf futures see: the task's record, behind one static table of functions.
//!
//! In: clones, wakes and drops, from any thread, under any lock. Out: every wake goes on to the runtime's waker. A clone in the task's own poll is a
//! leaf that begins to wait: its stack is taken then. Nothing here allocates, locks or panics.
//!
//! The pointer's low bits are the generation: raising it makes `will_wake` false once, so that each leaf takes the waker anew (`refresh`).
#![allow(unsafe_code)] // A raw waker.

use super::record::{BLOCKING, GENERATIONS, Handle, Record};
use super::thread::{self, KEPT_OF_SET, KEPT_SETS, Local};
use super::wake_stamp::Who;
use super::{deferral, refresh, stacks, stats};
use hotpoll_profile::Truncation;
use hotpoll_sampler::unwind::Walk;
use hotpoll_sampler::{WalkAgain, clock};
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

/// Not inlined, as it may be where the compiler sees which table it is: stacks are known by this function's own frame.
#[inline(never)]
unsafe fn clone(data: *const ()) -> RawWaker {
    let pointer = record(data);
    // SAFETY: the waker being cloned keeps the record.
    let task = unsafe { &*pointer };
    if let Some(local) = thread::existing()
        && std::ptr::eq(local.current.get(), pointer)
        && local.captured.get() < MAX_CAPTURES
    {
        local.captured.set(local.captured.get() + 1);
        take_stack(task, local);
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

/// Counts a clone of the task's waker, and keeps the stack of the function that this is inlined into up to the poll that it runs in.
#[inline(always)]
fn take_stack(task: &Record, local: &'static Local) {
    // Miri has no registers to begin with.
    let Some(words) = local.words().filter(|_| !cfg!(miri)) else {
        task.hold_waker();
        count(task, local, 0);
        return;
    };
    let mark = local.poll_frame.get();
    let sp = hotpoll_sampler::stack_pointer();
    // SAFETY: the thread's own, and nobody else has a reference to it: it is used here only, and nothing called from here comes back to this function.
    let sets = unsafe { &mut *local.again.get() };
    let set = &mut sets[(mark as u64).wrapping_sub(sp) as usize / 16 % KEPT_SETS];
    let generation = GENERATION.load(Relaxed);
    for again in &*set {
        // SAFETY: the words are this thread's, found through its own thread-local variable.
        if again.generation == generation && unsafe { words.is_here(&again.walk, sp, mark) } {
            task.hold_waker();
            let yielded = deferral::is_in(again.walk.addresses());
            task.keep_wait(again.number, yielded, local.captured.get());
            count(task, local, again.number);
            return;
        }
    }
    // Any of them: those that come in turns find their places after a few.
    let again = &mut set[clock::now() as usize / 64 % KEPT_OF_SET];
    // SAFETY: as of the sets above.
    let frames = unsafe { &mut *local.frames.get() };
    // SAFETY: the words are this thread's; `poll_frame` lies in the frame of the poll that is running on this thread, and the sampler looks whether that is
    // the stack we are on. Counting the clone is a locked instruction, called once.
    let walk =
        unsafe { words.walk_here_behind(mark, frames, &mut again.walk, || task.hold_waker()) };
    let number = keep(task, frames, &walk, local.captured.get());
    (again.generation, again.number) = (generation, number);
    if again.number == 0 {
        again.walk = WalkAgain::new();
    }
    count(task, local, again.number);
}

/// Keeps the stack that was walked: without this file's own function, and without the frame around `poll_inside`, where the walk ends. 0 is none.
#[inline(never)]
fn keep(task: &Record, frames: &[u64], walk: &Walk, order: u32) -> u32 {
    let walked = match walk.end {
        Truncation::StackRead => walk.frames.saturating_sub(1),
        _ => walk.frames,
    };
    let frames = frames.get(..walked).unwrap_or_default();
    let number = stacks::intern(frames.get(1..).unwrap_or_default());
    if number != 0 {
        task.keep_wait(number, deferral::is_in(frames), order);
    }
    number
}

/// Counts a stack that was taken, or none.
#[inline(always)]
fn count(task: &Record, local: &'static Local, number: u32) {
    // Made before the poll began (`Record::begin`).
    let Some(stats) = local.made_stats(task.kind) else {
        return;
    };
    stats::add(&stats.captures, 1);
    if number == 0 {
        stats::add(&stats.captures_failed, 1);
    }
}
