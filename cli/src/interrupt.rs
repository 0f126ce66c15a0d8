//! Ctrl-C and SIGTERM as a flag, for commands that have something to finish first.
#![allow(
    unsafe_code,
    reason = "sigaction is unsafe; the handler only stores to an atomic"
)]

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::sync::atomic::{AtomicBool, Ordering};

static ASKED_TO_STOP: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C and SIGTERM set the flag. The second one ends the program as ever.
pub fn listen() {
    let action = SigAction::new(
        SigHandler::Handler(remember),
        // RESETHAND: whoever presses Ctrl-C twice means it.
        SaFlags::SA_RESETHAND | SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        // SAFETY: `remember` only stores to an atomic, which is safe in a signal handler.
        let set = unsafe { sigaction(signal, &action) };
        // It fails for signals that cannot be caught only.
        debug_assert!(set.is_ok());
    }
}

/// Whether somebody has asked to stop.
pub fn is_asked_to_stop() -> bool {
    // Relaxed: nothing else is published with it.
    ASKED_TO_STOP.load(Ordering::Relaxed)
}

extern "C" fn remember(_signal: libc::c_int) {
    ASKED_TO_STOP.store(true, Ordering::Relaxed);
}
