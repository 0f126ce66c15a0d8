//! Threads that ordinary code has told the sampler about: hotpoll's own, and those that have touched the async runtime.
#![allow(unsafe_code)] // The table is leaked behind a pointer.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

#[derive(Default)]
struct Told {
    own: HashSet<u32>,
    touched_runtime: HashSet<u32>,
    drain_thread: Option<Thread>,
}

/// Leaked, and made anew in a forked child: the parent's may have been locked at the fork.
static TOLD: AtomicPtr<Mutex<Told>> = AtomicPtr::new(std::ptr::null_mut());
/// Set when a thread announced itself since the last scan.
static ANNOUNCED: AtomicBool = AtomicBool::new(false);

fn told() -> MutexGuard<'static, Told> {
    let mut pointer = TOLD.load(Ordering::Acquire);
    if pointer.is_null() {
        let fresh = Box::into_raw(Box::default());
        pointer = match TOLD.compare_exchange(
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
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forgets everything: in a forked child, before it starts.
pub(crate) fn reset() {
    TOLD.store(std::ptr::null_mut(), Ordering::Release);
}

/// Says that the calling thread belongs to hotpoll: it is listed and its CPU time counted, but it is not sampled.
pub fn register_own_thread() {
    told().own.insert(crate::sys::current_tid());
}

/// Says that the calling thread is the one to wake when a thread announces itself.
pub fn register_drain_thread() {
    told().drain_thread = Some(std::thread::current());
}

/// Says that the calling thread runs tasks, after its first call of the registered task-ID function; the drain thread is woken to
/// attach it at once. Called by the runtime's thread-start hook.
pub fn announce_runtime_thread() {
    let mut told = told();
    told.touched_runtime.insert(crate::sys::current_tid());
    ANNOUNCED.store(true, Ordering::Release);
    if let Some(drain) = &told.drain_thread {
        drain.unpark();
    }
}

/// Says that the calling runtime thread is about to end.
pub fn retire_runtime_thread() {
    told().touched_runtime.remove(&crate::sys::current_tid());
}

/// Whether a thread has announced itself since the last call.
pub(crate) fn take_announced() -> bool {
    ANNOUNCED.swap(false, Ordering::AcqRel)
}

pub(crate) fn is_own(tid: u32) -> bool {
    told().own.contains(&tid)
}

/// Whether the runtime's task ID may be asked for in the signal on this thread.
pub(crate) fn has_touched_runtime(tid: u32) -> bool {
    crate::pin::tls_is_static() && told().touched_runtime.contains(&tid)
}

/// The thread has ended; its number may come back for another.
pub(crate) fn forget(tid: u32) {
    let mut told = told();
    told.own.remove(&tid);
    told.touched_runtime.remove(&tid);
}

/// Whether a thread has announced itself since the last scan.
pub(crate) fn is_announced() -> bool {
    ANNOUNCED.load(Ordering::Acquire)
}
