//! The time stamp counter, for the handler's own time: readable without a system call.
#![allow(unsafe_code)] // It executes rdtsc and cpuid.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the counter may be used: it is invariant, and the kernel trusts it too.
static USABLE: AtomicBool = AtomicBool::new(false);

/// The counter, or 0 when it cannot be trusted. Called in SIGPROF.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // Relaxed: set once before any timer is armed; a handler that misses it counts no time.
    if USABLE.load(Ordering::Relaxed) {
        // SAFETY: `probe` found the instruction permitted in this process before it set the flag.
        unsafe { std::arch::x86_64::_rdtsc() }
    } else {
        0
    }
}

/// Finds out whether the counter can be trusted, and returns that. Ordinary code.
pub(crate) fn probe() -> bool {
    let usable = invariant() && permitted() && is_clock_source();
    USABLE.store(usable, Ordering::Relaxed);
    usable
}

/// CPUID says that the counter runs at one rate in every power state.
fn invariant() -> bool {
    // SAFETY: every x86-64 processor has CPUID. Compilers since 1.94 know that themselves.
    #[allow(unused_unsafe)]
    let cpuid = |leaf| unsafe { std::arch::x86_64::__cpuid(leaf) };
    cpuid(0x8000_0000).eax >= 0x8000_0007 && cpuid(0x8000_0007).edx & 1 << 8 != 0
}

/// The process has not made rdtsc fault (PR_SET_TSC).
fn permitted() -> bool {
    let mut mode: libc::c_int = 0;
    // SAFETY: PR_GET_TSC writes an int to the address given.
    let result = unsafe { libc::prctl(libc::PR_GET_TSC, &mut mode as *mut libc::c_int) };
    result == 0 && mode == libc::PR_TSC_ENABLE
}

/// The kernel keeps time by it: it did not find it unstable.
fn is_clock_source() -> bool {
    std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource")
        .is_ok_and(|name| name.trim() == "tsc")
}

/// The counter's rate against the monotonic clock, measured since a first reading.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calibration {
    ticks: u64,
    at_ns: u64,
}

impl Calibration {
    /// The first reading.
    pub fn begin() -> Self {
        Self {
            ticks: now(),
            at_ns: crate::sys::monotonic_ns(),
        }
    }

    /// Nanoseconds for each tick, from the time that has passed; better the later it is asked. 0 when the counter is not usable.
    pub fn ns_per_tick(&self) -> f64 {
        let ticks = now().wrapping_sub(self.ticks);
        if ticks == 0 || self.ticks == 0 {
            return 0.0;
        }
        (crate::sys::monotonic_ns() - self.at_ns) as f64 / ticks as f64
    }
}
