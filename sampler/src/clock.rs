//! The clock of everything that is timed by the nanosecond: the time stamp counter where it can be trusted, else the monotonic clock.
//!
//! In: nothing. Out: ticks, comparable over all threads of the process, and what a tick is in nanoseconds. `Record::ticks` and the published
//! poll start are in these ticks.
#![allow(unsafe_code)] // The first reading is leaked behind a pointer.

use crate::signal::tsc;
use crate::sys;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The first reading of both clocks, and the rate that a short wait gave.
struct Beginning {
    ticks: u64,
    at_ns: u64,
    /// Nanoseconds a tick, as a fraction of 2^32.
    rate: u64,
}

/// Leaked, once for each process that measures. Not a `OnceLock`: a child forked while another thread was measuring would wait for that thread, which it
/// does not have.
static BEGINNING: AtomicPtr<Beginning> = AtomicPtr::new(std::ptr::null_mut());

fn beginning() -> Option<&'static Beginning> {
    // Acquire: pairs with the Release in begin(): the reading is whole.
    // SAFETY: null, or from Box::into_raw in begin(), never freed and never changed.
    unsafe { BEGINNING.load(Ordering::Acquire).as_ref() }
}

/// How long the first calibration waits: two readings, each off by some 50 ns, are then one part in a thousand apart.
const WAIT_NS: u64 = 200_000;

/// So many readings at each end.
const READINGS: u32 = 3;

/// The ticks now. Their unit is the same from the first [`crate::start()`] on; before it they are nanoseconds.
#[inline(always)]
pub fn now() -> u64 {
    match tsc::now() {
        0 => sys::monotonic_ns(),
        ticks => ticks,
    }
}

/// Nanoseconds of the monotonic clock, for what is to be told exactly over seconds and minutes: [`rate`] may be some thousandths off.
pub fn monotonic_ns() -> u64 {
    sys::monotonic_ns()
}

/// Both clocks at one moment, in ticks and nanoseconds: of some readings that between whose halves the least passed, as a thread may lose its processor
/// in between.
fn both() -> (u64, u64) {
    let reading = || {
        let (before, at_ns, after) = (now(), sys::monotonic_ns(), now());
        let took = after.wrapping_sub(before);
        (took, (before.wrapping_add(took / 2), at_ns))
    };
    let best = (0..READINGS).map(|_| reading()).min();
    best.map_or((0, 0), |(_, moment)| moment)
}

/// Finds the rate, once. Ordinary code, after `tsc::probe`.
pub(crate) fn begin() {
    if beginning().is_some() {
        return;
    }
    let (ticks, at_ns) = both();
    while sys::monotonic_ns() - at_ns < WAIT_NS {
        std::hint::spin_loop();
    }
    let (end, end_ns) = both();
    let (elapsed, elapsed_ns) = (end.wrapping_sub(ticks).max(1), end_ns - at_ns);
    let rate = ((u128::from(elapsed_ns) << 32) / u128::from(elapsed)) as u64;
    let fresh = Box::into_raw(Box::new(Beginning { ticks, at_ns, rate }));
    // Release: the reading is whole for whoever sees the pointer.
    if BEGINNING
        .compare_exchange(
            std::ptr::null_mut(),
            fresh,
            Ordering::Release,
            Ordering::Relaxed,
        )
        .is_err()
    {
        // SAFETY: another thread was first, and nobody has seen ours.
        drop(unsafe { Box::from_raw(fresh) });
    }
}

/// Nanoseconds a tick, times 2^32, as measured at the first start: good enough for the buckets of a histogram. 2^32 before.
pub fn rate() -> u64 {
    beginning().map_or(1 << 32, |beginning| beginning.rate)
}

/// Nanoseconds a tick, from all the time since the first start; 1 before.
pub fn ns_per_tick() -> f64 {
    let Some(beginning) = beginning() else {
        return 1.0;
    };
    let ticks = now().wrapping_sub(beginning.ticks);
    let elapsed_ns = sys::monotonic_ns().saturating_sub(beginning.at_ns);
    if ticks == 0 || elapsed_ns == 0 {
        return 1.0;
    }
    elapsed_ns as f64 / ticks as f64
}

#[cfg(test)]
mod tests {
    #[test]
    fn ticks_are_as_long_as_the_monotonic_clock_says() {
        crate::signal::tsc::probe();
        super::begin();
        let (ticks, at_ns) = super::both();
        std::thread::sleep(std::time::Duration::from_millis(20));
        let (end, end_ns) = super::both();
        let (ticks, elapsed_ns) = (end - ticks, end_ns - at_ns);
        let by_ticks = ticks as f64 * super::ns_per_tick();
        let share = by_ticks / elapsed_ns as f64;
        assert!((0.9..1.1).contains(&share), "{by_ticks} of {elapsed_ns} ns");
        let rough = ((u128::from(ticks) * u128::from(super::rate())) >> 32) as f64;
        assert!(
            (0.8..1.25).contains(&(rough / by_ticks)),
            "{rough} against {by_ticks}"
        );
    }
}
