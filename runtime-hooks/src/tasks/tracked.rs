//! The future around a tracked future: its poll is where everything is measured.
//!
//! In: polls by the runtime. Out: the same polls of the user's future, with our waker lent to it, the thread's words published, and two readings of the
//! clock. A future wrapped while hotpoll was not running is polled as it is, for good.
#![allow(unsafe_code)] // It projects a pin.

use super::kind::Kind;
use super::record::{BLOCKING, HOLDS_PARENTS, Handle, PANICKED, PROGRAM, ROOT, Record, own_id};
use super::thread::{self, Local};
use super::{LONG_POLL, deferral, live, parent, poll_begins, roots, runtimes, stats, waker};
use crate::sync::core::TaskHolds;
use hotpoll_sampler::clock;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};

/// A future that hotpoll watches. Made by the functions of this crate that spawn, or by [`super::Track::tracked`].
#[must_use = "futures do nothing unless polled"]
pub struct Tracked<F> {
    task: Option<Owner>,
    future: F,
}

/// The wrapper's hold on the record.
pub(super) struct Owner(Handle);

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Completed,
    Aborted,
    Panicked,
}

impl Owner {
    /// A new task of this kind.
    pub fn new(kind: &'static Kind, nested: bool) -> Self {
        let local = thread::local();
        let list = local.map_or(0, |local| local.index % live::LISTS) as u8;
        let record = Record::new(kind, parent(local), clock::now(), list, nested);
        if nested {
            record.id.store(own_id(), Relaxed);
        } else {
            // SAFETY: null, or the record of the poll that this thread is in, which its wrapper holds.
            let around = local.and_then(|local| unsafe { local.current.get().as_ref() });
            if roots::is_root(around) {
                record.flags.store(ROOT, Relaxed);
            }
        }
        let owner = Self(Handle::new(record));
        live::add(&owner.0);
        if let Some(local) = local {
            stats::add(&local.stats(kind).spawned, 1);
        }
        owner
    }

    /// The task has ended: it leaves the list, and its numbers go to its kind's.
    fn end(&self, end: End) {
        if !self.0.is_of_this_process() {
            // The list that it is in is the parent's: others' records hang on it there, and perhaps a lock that nobody here gives back. The record
            // stays in it, and so is never freed.
            self.0.hold();
            return;
        }
        live::remove(&self.0);
        if end == End::Aborted {
            self.0.settle(clock::now());
        }
        let Some(local) = thread::local() else { return };
        let stats = local.stats(self.0.kind);
        stats.ended.add(&self.0.totals);
        let asked = u64::from(self.0.asked.load(Relaxed));
        stats::add(&stats.ended.polls, asked.wrapping_neg());
        if end == End::Completed && self.0.flags.load(Relaxed) & (ROOT | PROGRAM) == ROOT {
            roots::completed(local);
        }
        stats::add(
            match end {
                End::Completed => &stats.completed,
                End::Aborted => &stats.aborted,
                End::Panicked => &stats.panicked,
            },
            1,
        );
        self.0.set_ended();
    }

    /// The future has returned its value; what it leaves behind wakes nobody.
    pub fn complete(self) {
        self.end(End::Completed);
        if !self.0.is_only() {
            self.0.inner.close();
        }
        // The hold goes, `Drop` above it does not run.
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped, so the hold is given up once.
        drop(unsafe { std::ptr::read(&this.0) });
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // The runtime's waker stays for as long as somebody holds one of ours: whoever wrapped a borrowed future may drop the wrapper after each poll,
        // and still has to be woken.
        self.end(if self.0.flags.load(Relaxed) & PANICKED != 0 {
            End::Panicked
        } else {
            End::Aborted
        });
    }
}

impl<F> Tracked<F> {
    /// A task of this kind, while sampling runs; else just the future.
    pub(super) fn new(future: F, kind: impl FnOnce() -> &'static Kind, nested: bool) -> Self {
        let task = super::is_on().then(|| Owner::new(kind(), nested));
        Self { task, future }
    }

    /// Watched in any case: for tests that sample nothing.
    #[cfg(test)]
    pub(super) fn always(future: F, kind: &'static Kind) -> Self {
        let task = Some(Owner::new(kind, true));
        Self { task, future }
    }

    /// It is what a thread blocks on: the program itself.
    pub(super) fn is_program(&self) {
        if let Some(task) = &self.task {
            task.0.flags.fetch_or(PROGRAM, Relaxed);
        }
    }

    /// Another hold on the record, for whoever learns the task's ID later.
    pub(super) fn record(&self) -> Option<Handle> {
        self.task.as_ref().map(|task| task.0.clone())
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the future is pinned with the wrapper: it is never moved out, and the wrapper has no Drop of its own; the other field is not pinned.
        let (task, future) = unsafe {
            let this = self.get_unchecked_mut();
            (&mut this.task, Pin::new_unchecked(&mut this.future))
        };
        let Some(owner) = task else {
            return future.poll(context);
        };
        let result = poll_watched(&owner.0, future, context);
        if result.is_ready()
            && let Some(owner) = task.take()
        {
            owner.complete();
        }
        result
    }
}

/// A poll that runs: what the thread was polling before is put back when it ends, by a panic too.
struct Open<'a> {
    task: &'a Record,
    local: &'static Local,
    start: u64,
    asked: bool,
    /// The future returned, and not its value.
    is_pending: bool,
    outer: Outer,
}

struct Outer {
    current: *const Record,
    poll_frame: usize,
    captured: u32,
    id: u64,
    kind: u64,
    start: u64,
    asked: bool,
}

/// How a poll goes.
enum Begun<'a> {
    Watched(Open<'a>),
    /// Sampling was stopped, perhaps for good.
    Stopped,
    /// The thread's variables are being dropped.
    Ending,
}

impl<'a> Open<'a> {
    /// A poll begins. Not generic, as little of a poll is, so that there is one of it and not one for each type of future.
    #[inline(never)]
    fn begin(task: &'a Handle, waker: &Waker, poll_frame: usize, place: u64) -> Begun<'a> {
        let Some(local) = thread::local() else {
            return Begun::Ending;
        };
        if super::is_stopped() {
            return Begun::Stopped;
        }
        if task.totals.polls.load(Relaxed) == 0 {
            first_poll(task, local);
            task.place.store(place, Relaxed);
        } else if local.worker.load(Relaxed) == runtimes::UNKNOWN {
            thread_is_new(local);
        }
        if !task.inner.is(waker) {
            replace_inner(task, waker, local);
        }
        Begun::Watched(Self::new(task, local, poll_frame))
    }

    #[inline(always)]
    fn new(task: &'a Record, local: &'static Local, poll_frame: usize) -> Self {
        let mut outer = Outer {
            current: local.current.replace(task),
            poll_frame: local.poll_frame.replace(poll_frame),
            captured: local.captured.replace(0),
            id: 0,
            kind: 0,
            start: 0,
            asked: false,
        };
        let mut start = clock::now();
        // SAFETY: null, or the record of the poll that we are in, which its wrapper holds.
        match unsafe { outer.current.as_ref() } {
            Some(around) => local.run_delay.poll_ran(local, around.kind, start),
            None if local.run_delay.gap_ends(local, start) => start = clock::now(),
            None => {}
        }
        if let Some(words) = local.words() {
            if !outer.current.is_null() {
                outer.id = words.task.load(Relaxed);
                outer.kind = words.kind.load(Relaxed);
                outer.start = words.poll_start.load(Relaxed);
                local.around.enter(words, outer.id, outer.kind, outer.start);
            }
            words.kind.store(task.kind.id(), Relaxed);
            words.task.store(task.id.load(Relaxed), Relaxed);
            words.poll_start.store(start, Relaxed);
            if !outer.current.is_null() {
                local.around.changed();
            }
            poll_begins();
            if !task.held.is_none() {
                task.held.poll_begins(task.id.load(Relaxed));
            }
        }
        let asked = task.begin(local, start);
        outer.asked = local.asked.replace(asked);
        Self {
            task,
            local,
            start,
            asked,
            is_pending: false,
            outer,
        }
    }
}

impl Drop for Open<'_> {
    #[inline(never)]
    fn drop(&mut self) {
        let (local, outer) = (self.local, &self.outer);
        if self.is_pending && !tokio::task::coop::has_budget_remaining() {
            stats::add(&self.task.totals.coop_yields, 1);
        }
        // What runs on a blocking thread may take its time: a closure, and what it blocks on.
        let may_block =
            local.blocking.load(Relaxed) || self.task.flags.load(Relaxed) & BLOCKING != 0;
        let threshold = match may_block {
            false => LONG_POLL.load(Relaxed),
            true => u64::MAX,
        };
        let end = clock::now();
        (self.task).end(local, self.asked, self.start, end, threshold);
        local.asked.set(outer.asked);
        local.run_delay.poll_ran(local, self.task.kind, end);
        if let Some(words) = local.words() {
            let is_nested = !outer.current.is_null();
            if is_nested {
                local.around.leave(words);
            }
            if words.holds.load(Relaxed) != 0 {
                // SAFETY: null, or the record of the poll that we are in, which its wrapper holds.
                let around = unsafe { outer.current.as_ref() };
                TaskHolds::poll_ended(around.map(|around| (&around.held, outer.id)));
            }
            words.poll_start.store(outer.start, Relaxed);
            words.task.store(outer.id, Relaxed);
            words.kind.store(outer.kind, Relaxed);
            if is_nested {
                local.around.changed();
            }
        }
        local.captured.set(outer.captured);
        local.poll_frame.set(outer.poll_frame);
        local.current.set(outer.current);
    }
}

/// Sets a flag if the poll unwinds.
struct PanicFlag<'a>(&'a Record);

impl Drop for PanicFlag<'_> {
    #[cold]
    fn drop(&mut self) {
        self.0.flags.fetch_or(PANICKED, Relaxed);
    }
}

#[inline]
fn poll_watched<F: Future>(
    task: &Handle,
    future: Pin<&mut F>,
    context: &mut Context<'_>,
) -> Poll<F::Output> {
    // Its address tells walks where to end. It lies above the frame of `poll_inside`.
    let poll_frame = 0u8;
    let result = {
        // Looked into where it is: it is too large to be moved about.
        let frame = &raw const poll_frame as usize;
        let mut begun = Open::begin(task, context.waker(), frame, place(&future));
        let open = match &mut begun {
            Begun::Watched(open) => open,
            Begun::Stopped => return poll_unwatched(task, future, context),
            Begun::Ending => return future.poll(context),
        };
        let waker = waker::lent(task);
        let panicked = PanicFlag(task);
        let result = poll_inside(future, &mut Context::from_waker(&waker));
        std::mem::forget(panicked);
        open.is_pending = result.is_pending();
        result
    };
    // Keeps the local in this frame.
    std::hint::black_box(&poll_frame);
    result
}

/// Where a future lies, and its size in units of 64 bytes above that. It is pinned, and so stays there until it is dropped.
#[inline(always)]
fn place<F>(future: &Pin<&mut F>) -> u64 {
    let units = size_of::<F>().div_ceil(1 << UNIT_SHIFT).min(0xffff) as u64;
    std::ptr::from_ref::<F>(future).addr() as u64 | units << SIZE_SHIFT
}

const UNIT_SHIFT: u32 = 6;
const SIZE_SHIFT: u32 = 48;

/// The futures of all tasks that are suspended now.
pub(crate) fn futures() -> Vec<crate::sync::core::Future> {
    let mut all = Vec::new();
    for list in 0..live::LISTS {
        for task in live::hold_all(list) {
            let place = task.place.load(Relaxed);
            if place == 0 || task.poll_start.load(Relaxed) != 0 {
                continue;
            }
            all.push(crate::sync::core::Future {
                party: hotpoll_profile::Party {
                    tid: 0,
                    task: task.id.load(Relaxed),
                    kind: task.kind.id(),
                },
                address: (place & ((1 << SIZE_SHIFT) - 1)) as usize,
                size: ((place >> SIZE_SHIFT) as usize) << UNIT_SHIFT,
            });
        }
    }
    all
}

/// After sampling was stopped, perhaps for good: the wakers that are out must reach the task, and that is all.
#[inline(never)]
fn poll_unwatched<F: Future>(
    task: &Handle,
    future: Pin<&mut F>,
    context: &mut Context<'_>,
) -> Poll<F::Output> {
    if !task.inner.is(context.waker()) {
        task.inner.replace(context.waker());
    }
    future.poll(&mut Context::from_waker(&waker::lent(task)))
}

/// The frame that a suspended task's stack ends with. Not inlined, so that what it calls has return addresses below `poll_frame`.
#[inline(never)]
fn poll_inside<F: Future>(future: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
    future.poll(context)
}

/// Takes the waker of this poll, and notes whose it is: a set of futures has wakers of its own for them, and a future awaited as it is has the task's.
#[cold]
fn replace_inner(task: &Record, waker: &Waker, local: &'static Local) {
    task.inner.replace(waker);
    if !task.nested || !task.inner.is(waker) {
        return;
    }
    let flags = task.flags.load(Relaxed) & !HOLDS_PARENTS;
    let holds = waker::is_of(waker, local.current.get());
    // Only polls, which do not overlap, write flags.
    task.flags
        .store(flags | if holds { HOLDS_PARENTS } else { 0 }, Relaxed);
    // It may be polled by another task than before.
    task.parent.store(parent(Some(local)), Relaxed);
}

/// A thread of which nothing is known polls a task that others have polled before: it may have taken a worker's place.
#[cold]
fn thread_is_new(local: &'static Local) {
    runtimes::look(local);
}

/// Finds out which task of the runtime's this is, or is a part of; and, once a thread, what can be known only inside a runtime.
#[cold]
fn first_poll(task: &Record, local: &'static Local) {
    if task.id.load(Relaxed) == 0 {
        // SAFETY: null, or the record of the poll that this thread is in, which its wrapper holds.
        let around = unsafe { local.current.get().as_ref() };
        let around = around.map_or(0, |around| around.id.load(Relaxed));
        let id = match crate::task_id::current() {
            0 => own_id(),
            // Who blocks on a future in a poll (`block_in_place`, a closure that may block) is that task still, for the runtime: two would have one number.
            its if its == around => own_id(),
            runtimes_own => runtimes_own,
        };
        task.id.store(id, Relaxed);
    }
    runtimes::look(local);
    deferral::learn(local);
}

/// A closure for a blocking thread, which counts as a task with one poll while sampling runs; and its record, for whoever learns the ID.
pub(super) fn blocking<F: FnOnce() -> R, R>(
    name: Option<&'static str>,
    site: &'static Location<'static>,
    closure: F,
) -> (Option<Handle>, impl FnOnce() -> R) {
    let kind = || match name {
        Some(name) => Kind::named_at(name, site),
        None => Kind::at(site),
    };
    let task = super::is_on().then(|| Owner::new(kind(), false));
    if let Some(task) = &task {
        task.0.flags.fetch_or(BLOCKING, Relaxed);
    }
    let record = task.as_ref().map(|task| task.0.clone());
    let run = move || match task {
        Some(task) => run_watched(task, closure),
        None => closure(),
    };
    (record, run)
}

fn run_watched<R>(task: Owner, closure: impl FnOnce() -> R) -> R {
    let result = match thread::local() {
        None => closure(),
        Some(local) => {
            first_poll(&task.0, local);
            // A closure lends no waker, so nothing walks up to here.
            let open = Open::new(&task.0, local, 0);
            local.blocking.store(true, Relaxed);
            let _blocking = Blocking(local);
            let panicked = PanicFlag(&task.0);
            let result = closure();
            std::mem::forget(panicked);
            drop(open);
            result
        }
    };
    task.complete();
    result
}

/// The thread runs a closure that may block, until this is dropped.
struct Blocking(&'static Local);

impl Drop for Blocking {
    fn drop(&mut self) {
        self.0.blocking.store(false, Relaxed);
        // A thread for what may block takes a worker's place another time.
        self.0.worker.store(runtimes::UNKNOWN, Relaxed);
    }
}
