//! Telling "it gave way" from "it waits": `yield_now`, and a leaf that has used up its budget, give the waker to the runtime's own list.
//!
//! In: each thread's first poll inside a runtime. Out: the address in the runtime's code from which that list clones a waker, so that a stack can be
//! known by it. It is learned by doing it once: a `yield_now` of our own is polled with a waker that only notes where it was cloned. Where the
//! compiler has put that code inside each of its callers, nothing is learned, and such a stack counts as waiting.
#![allow(unsafe_code)] // A raw waker, and the walk.

use super::thread::Local;
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, RawWaker, RawWakerVTable, Waker};

/// One for each flavour of runtime, and room to spare.
static MARKS: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];

/// How many frames the runtime's list may be away from the clone.
const NEAR: usize = 4;

/// Whether a stack goes through the runtime's list of those who gave way. The first frame is the clone function itself.
#[inline]
pub(super) fn is_in(frames: &[u64]) -> bool {
    let near = frames
        .get(1..frames.len().min(1 + NEAR))
        .unwrap_or_default();
    MARKS
        .iter()
        .map(|mark| mark.load(Relaxed))
        .take_while(|mark| *mark != 0)
        .any(|mark| near.contains(&mark))
}

/// What the probing waker notes.
struct Probe {
    local: &'static Local,
    mark: usize,
    frames: Cell<[u64; 1 + NEAR]>,
    found: Cell<usize>,
}

static PROBE: RawWakerVTable = RawWakerVTable::new(note, ignore, ignore, ignore);

unsafe fn note(data: *const ()) -> RawWaker {
    // SAFETY: made in `cloned_in`, which outlives the poll that it lends the waker to; the clone that goes elsewhere is a waker that does nothing.
    let probe = unsafe { &*data.cast::<Probe>() };
    if let Some(words) = probe.local.words() {
        let mut frames = [0; 1 + NEAR];
        // SAFETY: the words are this thread's, and the mark lies in the frame of `cloned_in`, which called this.
        let walk = unsafe { words.walk_here(probe.mark, &mut frames) };
        probe.frames.set(frames);
        probe.found.set(walk.frames);
    }
    RawWaker::new(Waker::noop().data(), Waker::noop().vtable())
}

unsafe fn ignore(_: *const ()) {}

/// The frames from which `clone` clones the waker that it is given.
#[inline(never)]
fn cloned_in(local: &'static Local, clone: impl FnOnce(&Waker)) -> Vec<u64> {
    let here = 0u8;
    let probe = Probe {
        local,
        mark: &raw const here as usize,
        frames: Cell::new([0; 1 + NEAR]),
        found: Cell::new(0),
    };
    // SAFETY: the functions do nothing but note; clones do not refer to the probe.
    let waker = unsafe { Waker::from_raw(RawWaker::new((&raw const probe).cast(), &PROBE)) };
    clone(&waker);
    std::hint::black_box(&here);
    probe.frames.get()[..probe.found.get()]
        .iter()
        .skip(1)
        .copied()
        .collect()
}

#[inline(never)]
fn plainly(waker: &Waker) {
    drop(std::hint::black_box(waker.clone()));
}

/// Learns, once on each thread that polls inside a runtime.
pub(super) fn learn(local: &'static Local) {
    if cfg!(miri) || local.learned.get() || tokio::runtime::worker_index().is_none() {
        return;
    }
    local.learned.set(true);
    let deferred = cloned_in(local, |waker| {
        let _ = pin!(tokio::task::yield_now()).poll(&mut Context::from_waker(waker));
    });
    let plain = cloned_in(local, plainly);
    // What a clone passes through anyway says nothing (in dev builds the standard library's function).
    let Some(mark) = deferred.iter().find(|frame| !plain.contains(frame)) else {
        return;
    };
    for place in &MARKS {
        match place.compare_exchange(0, *mark, Relaxed, Relaxed) {
            Ok(_) => return,
            Err(known) if known == *mark => return,
            Err(_) => {}
        }
    }
}
