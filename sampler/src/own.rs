//! Threads that ordinary code has told the sampler about: hotpoll's own, and those that have touched the async runtime.
//!
//! What they said is kept from before the first start on, so that a runtime built earlier has its task IDs; a forked child begins anew.
#![allow(unsafe_code)] // The table is leaked behind a pointer.

use crate::signal::install::BlockSignals;
use std::collections::HashSet;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

#[derive(Default)]
pub(crate) struct Told {
    own: HashSet<u32>,
    touched_runtime: HashSet<u32>,
    /// Those of them that nobody has looked at yet.
    announced: HashSet<u32>,
    drain_thread: Option<Thread>,
    pub(crate) published: crate::published::Registry,
}

/// Set when a thread announced itself since the last look.
static ANNOUNCED: AtomicBool = AtomicBool::new(false);

/// The table, while nobody else has it. No signal of the program's interrupts that: its handler may run for long, or leave by a jump, and hotpoll's threads
/// would wait for that, and every thread that comes or goes.
pub(crate) struct ToldGuard {
    // Dropped in this order.
    told: MutexGuard<'static, Told>,
    _quiet: BlockSignals,
}

impl Deref for ToldGuard {
    type Target = Told;

    fn deref(&self) -> &Told {
        &self.told
    }
}

impl DerefMut for ToldGuard {
    fn deref_mut(&mut self) -> &mut Told {
        &mut self.told
    }
}

/// The table; `None` when there is no memory for the page that points to it.
pub(crate) fn told() -> Option<ToldGuard> {
    let place = &crate::fork::map().ok()?.told;
    let mut pointer = place.load(Ordering::Acquire);
    if pointer.is_null() {
        let fresh = Box::into_raw(Box::default());
        pointer = match place.compare_exchange(
            std::ptr::null_mut(),
            fresh,
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            Ok(_) => fresh,
            // Another thread was first. Ours is leaked: 100 bytes, once.
            Err(first) => first,
        };
    }
    // SAFETY: the pointer comes from Box::into_raw above and is never freed.
    let told: &'static Mutex<Told> = unsafe { &*pointer };
    let quiet = BlockSignals::new();
    Some(ToldGuard {
        told: told.lock().unwrap_or_else(PoisonError::into_inner),
        _quiet: quiet,
    })
}

/// Says that the calling thread belongs to hotpoll: it is listed and its CPU time counted, but it is not sampled. It is no real-time thread from then on.
pub fn register_own_thread() {
    leave_real_time();
    if let Some(mut told) = told() {
        told.own.insert(crate::sys::current_tid());
    }
}

/// A thread that a real-time thread has made is one as well: ours would come before all of the program that is not, and nobody else's work may wait for them.
fn leave_real_time() {
    // SAFETY: it takes no pointer; 0 is the calling thread.
    let policy = unsafe { libc::sched_getscheduler(0) } & !libc::SCHED_RESET_ON_FORK;
    if policy == libc::SCHED_FIFO || policy == libc::SCHED_RR {
        // SAFETY: zero is a valid value of each of its fields, and the only priority of an ordinary thread.
        let ordinary: libc::sched_param = unsafe { std::mem::zeroed() };
        // SAFETY: the parameter is valid during the call. The way down needs no right.
        unsafe { libc::sched_setscheduler(0, libc::SCHED_OTHER, &ordinary) };
    }
}

/// Says that the calling thread is the one to wake when a thread announces itself.
pub fn register_drain_thread() {
    if let Some(mut told) = told() {
        told.drain_thread = Some(std::thread::current());
    }
}

/// Says that the calling thread runs tasks, after its first call of the registered task-ID function; the drain thread is woken to
/// attach it at once. Called by the runtime's thread-start hook.
pub fn announce_runtime_thread() {
    let Some(mut told) = told() else { return };
    let tid = crate::sys::current_tid();
    told.touched_runtime.insert(tid);
    told.announced.insert(tid);
    ANNOUNCED.store(true, Ordering::Release);
    if let Some(drain) = &told.drain_thread {
        drain.unpark();
    }
}

/// Says that the calling runtime thread is about to end.
pub fn retire_runtime_thread() {
    if let Some(mut told) = told() {
        let tid = crate::sys::current_tid();
        told.touched_runtime.remove(&tid);
        told.announced.remove(&tid);
    }
}

/// The threads that have announced themselves since the last call.
pub(crate) fn take_announced() -> HashSet<u32> {
    if !ANNOUNCED.swap(false, Ordering::AcqRel) {
        return HashSet::new();
    }
    told().map_or_else(HashSet::new, |mut told| std::mem::take(&mut told.announced))
}

pub(crate) fn is_own(tid: u32) -> bool {
    told().is_some_and(|told| told.own.contains(&tid))
}

/// Whether the runtime's task ID may be asked for in the signal on this thread.
pub(crate) fn has_touched_runtime(tid: u32) -> bool {
    crate::pin::tls_is_static() && told().is_some_and(|told| told.touched_runtime.contains(&tid))
}

/// The thread has ended; its number may come back for another.
pub(crate) fn forget(tid: u32) {
    let Some(mut told) = told() else { return };
    told.own.remove(&tid);
    told.touched_runtime.remove(&tid);
    told.announced.remove(&tid);
}

/// Whether a thread has announced itself since the last look.
pub(crate) fn is_announced() -> bool {
    ANNOUNCED.load(Ordering::Acquire)
}
