//! The end of the process: the output file is written and the socket removed, unless this is a forked child.
#![allow(unsafe_code)] // atexit, and a value that is leaked behind a pointer.

use super::{STOP_PATIENCE, Shared, lock};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, Mutex};

/// The agent to be ended, and the process that it belongs to.
struct Current {
    pid: u32,
    agent: Mutex<Option<Arc<Shared>>>,
}

/// Leaked once for each process: a forked child that starts hotpoll makes its own, as its parent's may have been locked at the fork.
static CURRENT: AtomicPtr<Current> = AtomicPtr::new(std::ptr::null_mut());
static HOOKED: AtomicBool = AtomicBool::new(false);

fn current() -> Option<&'static Current> {
    // SAFETY: the pointer is null or comes from Box::into_raw in remember(), and is never freed.
    unsafe { CURRENT.load(Ordering::Acquire).as_ref() }
}

/// From now on the end of the process ends this agent. One start is in force at a time, so nobody else calls this meanwhile.
pub(super) fn remember(shared: &Arc<Shared>) {
    let current = match current() {
        Some(current) if current.pid == shared.facts.pid => current,
        _ => {
            let fresh = Box::into_raw(Box::new(Current {
                pid: shared.facts.pid,
                agent: Mutex::default(),
            }));
            CURRENT.store(fresh, Ordering::Release);
            // SAFETY: just made from a box, and never freed.
            unsafe { &*fresh }
        }
    };
    *lock(&current.agent) = Some(Arc::clone(shared));
    if !HOOKED.swap(true, Ordering::AcqRel) {
        // SAFETY: `at_exit` is a function of the right type. This code stays loaded: the sampler pins its library.
        unsafe { libc::atexit(at_exit) };
    }
}

/// The agent ends now; the end of the process has nothing to do with it any more.
pub(super) fn forget(shared: &Arc<Shared>) {
    if let Some(current) = current()
        && current.pid == shared.facts.pid
    {
        lock(&current.agent).take_if(|known| Arc::ptr_eq(known, shared));
    }
}

extern "C" fn at_exit() {
    // In a forked child this comes first: nothing of ours runs there, and locks may be held by threads that do not exist.
    if hotpoll_sampler::in_forked_child() {
        return;
    }
    let Some(current) = current().filter(|current| current.pid == std::process::id()) else {
        return;
    };
    // Taken before the wait: whoever drops the guard meanwhile must not wait for this lock.
    let shared = lock(&current.agent).take();
    if let Some(shared) = shared.filter(|shared| shared.is_in_force()) {
        shared.stop(STOP_PATIENCE);
    }
}
