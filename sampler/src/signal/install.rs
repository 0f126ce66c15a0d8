//! Installing the handler, and noticing when somebody replaced it. Ordinary code.
//!
//! The handler is never uninstalled: after stop a signal may still be pending, and the default action would end the process.
#![allow(unsafe_code)] // sigaction and pthread_sigmask.

use super::{forward, handler};
use crate::error::StartError;
use std::sync::atomic::{AtomicI32, Ordering};

/// The signal that the handler is installed for; 0 when none.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// Signals that stay deliverable while the handler runs: a fault in it must show as what it is.
const FAULTS: [libc::c_int; 5] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGTRAP,
];

fn handler_address() -> usize {
    handler::on_signal as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void)
        as usize
}

/// Whether a signal may carry samples: its default action does not matter to anybody, and no fault or job control depends on it.
///
/// No real-time signal may: when the user's queue of pending signals is full, a perf event's real-time signal comes as a bare SIGIO instead, whose
/// default action ends the process. The others then come without their siginfo.
pub(crate) fn is_usable(signal: libc::c_int) -> bool {
    matches!(
        signal,
        libc::SIGPROF
            | libc::SIGURG
            | libc::SIGVTALRM
            | libc::SIGIO
            | libc::SIGPWR
            | libc::SIGSTKFLT
    )
}

/// The action installed for a signal now.
fn installed(signal: libc::c_int) -> Option<libc::sigaction> {
    // SAFETY: zero is a valid sigaction, and it is a valid place for the result.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(signal, std::ptr::null(), &mut action) == 0).then_some(action)
    }
}

/// Every signal but the fault signals, the C library's own two included. sigfillset leaves those out: one cancels a thread, and with asynchronous
/// cancellation at any instruction, in the middle of the handler too. What unwinds the thread then meets functions that do not unwind, and the process
/// ended; and a thread that is gone leaves its slot's counter odd, which whoever replaced unwind tables waited for.
fn all_but_faults() -> libc::sigset_t {
    let signals = FAULTS
        .iter()
        .fold(u64::MAX, |signals, fault| signals & !(1 << (fault - 1)));
    // SAFETY: all bits zero is a valid set. The kernel's set is its first eight bytes, a bit for each signal, on every C library of Linux.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        (&raw mut set).cast::<u64>().write(signals);
        set
    }
}

/// Installs the handler, remembering the one that was there.
pub(crate) fn install(signal: libc::c_int) -> Result<(), StartError> {
    if !is_usable(signal) {
        return Err(StartError::BadSignal { signal });
    }
    let before = installed(signal).ok_or(StartError::BadSignal { signal })?;
    if before.sa_sigaction != handler_address() {
        forward::remember(signal, &before);
    }
    // SAFETY: the action is fully initialised: zeroed, then handler, flags and mask set.
    let result = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler_address();
        // SA_RESTART: system calls go on. SA_ONSTACK: next to the guard page there may be no room on the thread's own stack.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
        action.sa_mask = all_but_faults();
        libc::sigaction(signal, &action, std::ptr::null_mut())
    };
    if result != 0 {
        return Err(StartError::System {
            what: "installing the signal handler (sigaction)",
            errno: crate::sys::errno(),
        });
    }
    SIGNAL.store(signal, Ordering::Relaxed);
    Ok(())
}

/// Whether our handler is still the one installed.
pub(crate) fn is_ours(signal: libc::c_int) -> bool {
    installed(signal).is_some_and(|action| action.sa_sigaction == handler_address())
}

/// Whether the process has an armed `ITIMER_PROF`, whose signals are SIGPROF too.
pub(crate) fn itimer_prof_is_armed() -> bool {
    // SAFETY: zero is a valid itimerval, and it is a valid place for the result.
    unsafe {
        let mut timer: libc::itimerval = std::mem::zeroed();
        libc::getitimer(libc::ITIMER_PROF, &mut timer) == 0
            && (timer.it_value.tv_sec, timer.it_value.tv_usec) != (0, 0)
    }
}

/// Blocks all signals on the calling thread until dropped, so that a thread made meanwhile starts with all of them blocked.
pub struct BlockSignals(libc::sigset_t);

impl BlockSignals {
    /// Blocks all signals.
    #[allow(clippy::new_without_default)] // it has an effect, so it should not look like a value
    pub fn new() -> Self {
        // SAFETY: both sets are initialised before they are read.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
            Self(before)
        }
    }
}

impl Drop for BlockSignals {
    fn drop(&mut self) {
        // SAFETY: the set was filled in by pthread_sigmask in new().
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut()) };
    }
}

/// Lets one signal through to the calling thread until dropped.
pub(crate) struct UnblockSignal(libc::sigset_t);

impl UnblockSignal {
    pub fn new(signal: libc::c_int) -> Self {
        // SAFETY: both sets are initialised before they are read.
        unsafe {
            let mut only: libc::sigset_t = std::mem::zeroed();
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut only);
            libc::sigaddset(&mut only, signal);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, &only, &mut before);
            Self(before)
        }
    }
}

impl Drop for UnblockSignal {
    fn drop(&mut self) {
        // SAFETY: the set was filled in by pthread_sigmask in new().
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut()) };
    }
}

/// What delivering one signal costs here, in nanoseconds: signals sent to the calling thread itself, less the cost of the sending call alone.
/// Takes about a millisecond. Restores the thread's signal mask.
pub(crate) fn measure_delivery_ns(signal: libc::c_int, tag: u64) -> u64 {
    const ROUNDS: usize = 9;
    const BATCH: u32 = 50;
    let cookie = super::source::calibration_cookie(tag);
    let tid = crate::sys::current_tid() as libc::pid_t;
    let _heard = UnblockSignal::new(signal);
    // SAFETY: the siginfo is zeroed and then filled in as SI_QUEUE; sending a queued signal to the calling thread is permitted, and the handler
    // recognises the cookie.
    unsafe {
        let mut info = [0u64; 16];
        info[1] = (libc::SI_QUEUE as u32).into();
        info[0] = signal as u64;
        info[3] = cookie;
        let pid = libc::getpid();
        let mut costs: Vec<u64> = (0..ROUNDS)
            .map(|_| {
                let start = crate::sys::monotonic_ns();
                for _ in 0..BATCH {
                    libc::syscall(libc::SYS_rt_tgsigqueueinfo, pid, tid, signal, info.as_ptr());
                }
                let sent = crate::sys::monotonic_ns();
                for _ in 0..BATCH {
                    libc::syscall(libc::SYS_tgkill, pid, tid, 0);
                }
                let calls = crate::sys::monotonic_ns() - sent;
                (sent - start).saturating_sub(calls) / u64::from(BATCH)
            })
            .collect();
        costs.sort_unstable();
        costs[ROUNDS / 2]
    }
}
