//! Whether futures are tracked now, what they are measured by, and who wants to know when polls begin again.

use super::thread::Local;
use hotpoll_sampler::ForkLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::Thread;

/// A poll that takes this many ticks is a long one.
pub(super) static LONG_POLL: AtomicU64 = AtomicU64::new(u64::MAX);
static LONG_POLL_NS: AtomicU64 = AtomicU64::new(0);

/// The threshold where nothing else was asked.
const DEFAULT_LONG_POLL_NS: u64 = 10_000_000;

/// Sets from when on a poll is a long one. Once sampling runs, as the clock's rate is known then.
pub fn set_long_poll_ns(ns: u64) {
    LONG_POLL_NS.store(ns, Relaxed);
    let ticks = (u128::from(ns) << 32) / u128::from(hotpoll_sampler::clock::rate().max(1));
    LONG_POLL.store(u64::try_from(ticks).unwrap_or(u64::MAX), Relaxed);
}

/// From when on a poll is a long one.
pub fn long_poll_ns() -> u64 {
    match LONG_POLL_NS.load(Relaxed) {
        0 => DEFAULT_LONG_POLL_NS,
        ns => ns,
    }
}

/// Whether the watchdog sleeps until a poll begins.
static WATCHER_SLEEPS: AtomicBool = AtomicBool::new(false);
static WATCHER: ForkLock<Option<Thread>> = ForkLock::new();

/// The calling thread is the one that watches for long polls.
pub fn i_watch_polls() {
    *WATCHER.lock() = Some(std::thread::current());
}

/// Unparks the watching thread when the next poll begins. A poll that begins at this very moment may go by: look once more after this, and do
/// not sleep for ever.
pub fn wake_me_at_the_next_poll() {
    WATCHER_SLEEPS.store(true, Relaxed);
}

/// A poll begins.
#[inline(always)]
pub(super) fn poll_begins() {
    if WATCHER_SLEEPS.load(Relaxed) {
        wake_watcher();
    }
}

#[cold]
#[inline(never)]
fn wake_watcher() {
    // One of those that saw it does.
    if WATCHER_SLEEPS.swap(false, Relaxed)
        && let Some(watcher) = &*WATCHER.lock()
    {
        watcher.unpark();
    }
}

/// Whether futures are tracked now: sampling runs.
#[inline]
pub(super) fn is_on() -> bool {
    if hotpoll_sampler::start_number() == 0 {
        return false;
    }
    if LONG_POLL.load(Relaxed) == u64::MAX {
        set_long_poll_ns(long_poll_ns());
    }
    true
}

/// Whether sampling does not run here now. Tests of the wrapper alone sample nothing.
#[inline(always)]
pub(super) fn is_stopped() -> bool {
    !cfg!(test) && hotpoll_sampler::start_number() == 0
}

/// The task that is running now: what a new one has for a parent.
pub(super) fn parent(local: Option<&'static Local>) -> u64 {
    let tracked = local
        .and_then(Local::words)
        .map_or(0, |words| words.task.load(Relaxed));
    if tracked != 0 {
        return tracked;
    }
    crate::task_id::current()
}
