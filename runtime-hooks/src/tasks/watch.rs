//! Whether futures are tracked now, and what they are measured by.

use super::thread::Local;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

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
