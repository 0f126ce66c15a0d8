//! Ctrl-C and SIGTERM as a flag, for commands that have something to finish first.
#![allow(
    unsafe_code,
    reason = "sigaction is unsafe; the handler only stores to an atomic"
)]

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::sync::atomic::{AtomicI32, Ordering};

/// The signal that came; 0 is none.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// From now on Ctrl-C and SIGTERM set the flag. The second one ends the program as ever.
pub fn listen() {
    listen_to(&[Signal::SIGINT, Signal::SIGTERM]);
}

/// From now on these signals set the flag; of each the second one does what it ever did.
pub fn listen_to(signals: &[Signal]) {
    let action = SigAction::new(
        SigHandler::Handler(remember),
        // RESETHAND: whoever presses Ctrl-C twice means it.
        SaFlags::SA_RESETHAND | SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    for &signal in signals {
        // SAFETY: `remember` only stores to an atomic, which is safe in a signal handler.
        let set = unsafe { sigaction(signal, &action) };
        // It fails for signals that cannot be caught only.
        debug_assert!(set.is_ok());
    }
}

/// Whether somebody has asked to stop.
pub fn is_asked_to_stop() -> bool {
    signal().is_some()
}

/// The signal that asked to stop.
pub fn signal() -> Option<i32> {
    // Relaxed: nothing else is published with it.
    Some(SIGNAL.load(Ordering::Relaxed)).filter(|&signal| signal != 0)
}

extern "C" fn remember(signal: libc::c_int) {
    SIGNAL.store(signal, Ordering::Relaxed);
}
