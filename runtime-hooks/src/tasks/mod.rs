//! Tracked tasks: how often and how long they are polled, who wakes them, and where they are suspended.
//!
//! In: futures, by the functions here in the place of tokio's. Out: [`snapshot`], and words in every sample. On stable tokio, without flags. While
//! sampling does not run (or with `HOTPOLL=off`) futures are spawned as they are.
//!
//! One poll's way: `tracked` publishes the task's words and lends the future our `waker`; a leaf that clones it leaves its stack (`stacks`); a wake is
//! stamped (`wake_stamp`) and passed on (`inner_waker`); the next poll turns the stamp into a delay (`record`, `stats`).

mod block_on;
mod deferral;
mod executor;
mod inner_waker;
mod join_set;
mod kind;
mod live;
mod local_set;
mod record;
pub(crate) mod runtimes;
mod snapshot;
mod spawn;
mod stacks;
mod stats;
mod thread;
mod track;
mod tracked;
mod wake_stamp;
mod waker;

#[cfg(test)]
mod tests;

pub use block_on::{BlockOn, block_on, block_on_named};
pub use executor::Executor;
pub use join_set::JoinSet;
pub use local_set::LocalSet;
pub use snapshot::{Limits, OpenPoll, open_polls, refresh, snapshot};
pub use spawn::{
    spawn, spawn_blocking, spawn_blocking_named, spawn_local, spawn_local_named, spawn_named,
};
pub use track::Track;
pub use tracked::Tracked;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use thread::Local;

/// A poll that takes this many ticks is a long one.
static LONG_POLL: AtomicU64 = AtomicU64::new(u64::MAX);
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
fn is_on() -> bool {
    if hotpoll_sampler::start_number() == 0 {
        return false;
    }
    if LONG_POLL.load(Relaxed) == u64::MAX {
        set_long_poll_ns(long_poll_ns());
    }
    true
}

/// The task that is running now: what a new one has for a parent.
fn parent(local: Option<&'static Local>) -> u64 {
    let tracked = local
        .and_then(Local::words)
        .map_or(0, |words| words.task.load(Relaxed));
    if tracked != 0 {
        return tracked;
    }
    crate::task_id::current()
}
