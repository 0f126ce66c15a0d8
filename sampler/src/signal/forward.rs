//! Foreign signals go to the handler that was there before us.
//!
//! A default action is never executed: SIGPROF's would end the process. The earlier handler's own signal mask is not reproduced, as that
//! takes two system calls; all signals but the fault signals are blocked while it runs.
#![allow(unsafe_code)] // It calls the earlier handler through its address.

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

static ACTION: AtomicUsize = AtomicUsize::new(libc::SIG_DFL);
static FLAGS: AtomicI32 = AtomicI32::new(0);

/// Remembers the action that was installed before ours. Ordinary code, before ours is installed.
pub(crate) fn remember(previous: &libc::sigaction) {
    FLAGS.store(previous.sa_flags, Ordering::Relaxed);
    // Release: whoever sees the action sees its flags.
    ACTION.store(previous.sa_sigaction, Ordering::Release);
}

/// Passes a signal on. Called in SIGPROF.
///
/// # Safety
/// The arguments are those that the kernel gave to our handler, which is running.
pub(super) unsafe fn forward(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let action = ACTION.load(Ordering::Acquire);
    if action == libc::SIG_DFL || action == libc::SIG_IGN {
        return;
    }
    if FLAGS.load(Ordering::Relaxed) & libc::SA_SIGINFO != 0 {
        // SAFETY: the earlier owner installed this address with SA_SIGINFO, so it has this signature.
        let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
            unsafe { std::mem::transmute(action) };
        handler(signal, info, context);
    } else {
        // SAFETY: the earlier owner installed this address without SA_SIGINFO, so it has this signature.
        let handler: extern "C" fn(libc::c_int) = unsafe { std::mem::transmute(action) };
        handler(signal);
    }
}
