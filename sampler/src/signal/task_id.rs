//! The current task of a thread, asked of the runtime by a function that it registered.
//!
//! The function may be called in SIGPROF only on threads where ordinary code has called it before: a first call may allocate
//! (it registers a thread-local destructor). `AgentSide::task_id_ready` says where that has happened.
#![allow(unsafe_code)] // It turns the registered address back into a function.

use std::sync::atomic::{AtomicPtr, Ordering};

/// Returns the runtime's ID of the task that the calling thread is polling, 0 when none. A C function, because it must not unwind: the handler
/// has no way to go on from a panic.
pub type TaskId = extern "C" fn() -> u64;

static FUNCTION: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Registers the function. It must be signal-safe on every thread where it was called once before: no allocation, lock, system call or panic.
pub fn register(function: TaskId) {
    FUNCTION.store(function as *mut (), Ordering::Release);
}

/// The calling thread's task. Called in SIGPROF.
pub(super) fn current() -> u64 {
    let function = FUNCTION.load(Ordering::Acquire);
    if function.is_null() {
        return 0;
    }
    // SAFETY: only `register` stores here, and it stores a `TaskId`.
    let function: TaskId = unsafe { std::mem::transmute(function) };
    function()
}
