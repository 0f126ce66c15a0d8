//! A handler that was installed over ours and calls the one before it, met again at the next start: each signal goes round once.
//!
//! Ours then forwarded to theirs, theirs called ours, and so on until the stack was gone and the process with it.
#![allow(unsafe_code)] // it installs a handler

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_sampler::Settings;
use std::sync::atomic::{AtomicUsize, Ordering};

static BEFORE: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn chaining(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    CALLS.fetch_add(1, Ordering::Relaxed);
    let before = BEFORE.load(Ordering::Relaxed);
    // SAFETY: it is the address of hotpoll's handler, installed with SA_SIGINFO.
    let before: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
        unsafe { std::mem::transmute(before) };
    before(signal, info, context);
}

fn install_over(flags: libc::c_int) {
    // SAFETY: the actions are initialised, and the handler has the signature that SA_SIGINFO promises.
    unsafe {
        let mut before: libc::sigaction = std::mem::zeroed();
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = chaining
            as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void)
            as usize;
        action.sa_flags = libc::SA_SIGINFO | flags;
        assert_eq!(libc::sigaction(libc::SIGPROF, &action, &mut before), 0);
        BEFORE.store(before.sa_sigaction, Ordering::Relaxed);
    }
}

fn check(flags: libc::c_int) {
    let (mut first, _) = hotpoll_sampler::start(Settings::default()).unwrap();
    install_over(flags);
    first.stop();
    let (mut second, _) = hotpoll_sampler::start(Settings::default()).unwrap();
    for expected in 1..=3 {
        // SAFETY: SIGPROF has a handler.
        unsafe { libc::raise(libc::SIGPROF) };
        assert_eq!(CALLS.load(Ordering::Relaxed), expected);
    }
    second.stop();
}

#[test]
fn a_chaining_handler_is_called_once_a_signal() {
    support::in_child("a_chaining_handler_is_called_once_a_signal", || check(0));
}

#[test]
fn a_chaining_handler_on_the_alternate_stack_is_called_once_a_signal() {
    support::in_child(
        "a_chaining_handler_on_the_alternate_stack_is_called_once_a_signal",
        || check(libc::SA_ONSTACK),
    );
}
