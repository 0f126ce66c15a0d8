//! What all wrapped locks and channels tell of themselves, and how it is asked.
//!
//! # For who builds a twin of another library's type
//! A [`Resource`] stands beside the real thing and is told what happens. Everything is free to call while sampling does not run: it then does
//! nothing. Its parts:
//! - [`Resource::new`] (const, `#[track_caller]`; [`Resource::at`] with a place that the caller passes on), [`Resource::set_name`].
//! - A wait: try first, and say nothing if that succeeds. In the poll that comes back pending for the first time, [`Resource::begin_wait`], and keep the
//!   [`WaitToken`] in the future: [`WaitToken::got`], [`WaitToken::timed_out`], or drop it, which counts as cancelled. A thread that blocks uses
//!   [`Resource::block_on`] instead, which tells its samples of it too.
//! - A hold: [`Resource::acquired`] once it is there, and keep the [`HoldToken`] in the guard; it is given back when dropped. Drop it *before* the real
//!   guard: then it names who holds, or nobody, and never who held before. [`HoldToken::set_amount`] where permits are split, merged or forgotten.
//!   What is used and never held (a message sent, a barrier passed) is [`Resource::used`].
//! - Channels count for themselves, sampling or not, in numbers that only go up, and pass all of them on as a [`SoFar`]: [`Resource::so_far`] when an end is
//!   made or gone, [`Resource::has_sent`] *before* the value can be taken out, [`Resource::has_received`] after it was, [`Resource::channel_ends`] at last. So
//!   nothing drifts; the length is the difference, or what [`Resource::set_length`] says. [`Resource::receiving`] when a task begins to wait in `recv`.
//! - Semaphores: [`Resource::set_permits`] whenever they change.
//!
//! Sides: senders, writers and all that knows one mode are `Mode::Exclusive`; receivers and readers `Mode::Shared`.
//!
//! Locks of threads, where nanoseconds matter, have [`LockWords`] inside instead (`lock.rs`), whose uncontended way takes no registry.
//!
//! # How it is kept
//! A resource gets a row in the registry (`registry.rs`, bounded) when it is first waited for, read under, or timed; for the rest and for those that
//! ended there is one row for each site. Who waits is told by records (`waits.rs`), who holds by the words inside of locks (`lock.rs`), by lines of the
//! threads that read (`readers.rs`), and by records of tokens (`holds.rs`). All that is never freed, and read from outside at any time (`look.rs`,
//! twice for each `snapshot.rs`): no lock of the program's is asked, and none of ours is held for longer than it takes to copy a list.

mod atomics;
mod blocking;
mod by_kind;
mod channel;
mod ends;
mod holds;
mod lock;
mod lock_shared;
mod lock_wait;
mod look;
mod looks;
mod notified;
mod owner;
mod readers;
mod record;
mod registry;
mod resource;
mod row;
mod snapshot;
mod so_far;
mod statics;
mod tallies;
mod task_holds;
#[cfg(test)]
mod tests;
mod threads;
mod tokens;
mod uses;
mod waiting;
mod waits;

pub use blocking::Blocking;
pub use ends::{End, Future};
pub use lock::LockWords;
pub use lock_shared::SharedHold;
pub use looks::look;
pub use notified::Notified;
pub use resource::Resource;
pub use snapshot::{Limits, snapshot};
pub use so_far::SoFar;
pub use task_holds::TaskHolds;
pub use tokens::{HoldToken, WaitToken};

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether acquisitions leave their hints.
static ON: AtomicBool = AtomicBool::new(false);

/// Whether acquisitions leave their hints: sampling runs. One load; a forked child may find it set that does not sample.
#[inline(always)]
pub fn is_on() -> bool {
    ON.load(Relaxed)
}

/// Whether sampling runs in this very process.
fn is_running() -> bool {
    cfg!(miri) || hotpoll_sampler::start_number() != 0
}

fn set_on(on: bool) {
    ON.store(on, Relaxed);
}

/// Sampling has begun: locks tell of themselves from now on. Those that are held already are held by nobody that is known, until they are given back.
pub fn begin() {
    threads::forget_mine();
    lock_wait::time_a_moment();
    set_on(true);
}

/// Sampling has ended: locks cost what they cost without hotpoll again, but for a look and a store when they are given back.
pub fn end() {
    set_on(false);
}
