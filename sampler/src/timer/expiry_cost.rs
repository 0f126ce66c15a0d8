//! What one expiry of a perf event takes from the thread that it interrupts: the timer's interrupt, the signal and the return from it.
//!
//! Sending a signal to oneself shows only the second half of that. The interrupt comes on top (in a virtual machine it is the larger part), and a
//! report that left it out said 0.1 % where a paired run lost 0.7 %. So an event is armed on the calling thread, which reads the clock over
//! and over: a gap between two readings is what an expiry took, and their median is not disturbed by the few that something else made.
//! (A CPU timer's expiry rides on the kernel's tick, which interrupts the thread anyway.)

use super::perf::PerfEvent;
use crate::sys;

/// How long the calling thread is busy with it.
const TIME_NS: u64 = 3_000_000;
const INTERVAL_NS: u64 = 75_000;
/// Two readings lie some 25 ns apart when nothing comes in between.
const LEAST_GAP_NS: u64 = 400;
/// Fewer gaps than half of the expiries say nothing: the kernel throttles events, or the clock is a system call and hides them.
const LEAST_GAPS: usize = (TIME_NS / INTERVAL_NS / 2) as usize;

/// Measures it on the calling thread, which must not block the signal; `None` when events cannot be had or cannot be seen.
pub(crate) fn measure_ns(signal: libc::c_int) -> Option<u64> {
    let _event = PerfEvent::arm_unheard(signal, INTERVAL_NS).ok()?;
    median(gaps(TIME_NS))
}

/// The gaps in the calling thread's time.
fn gaps(time_ns: u64) -> Vec<u64> {
    let mut gaps = Vec::with_capacity(1_024);
    let mut last = sys::monotonic_ns();
    let end = last + time_ns;
    while last < end && gaps.len() < gaps.capacity() {
        let now = sys::monotonic_ns();
        if now - last >= LEAST_GAP_NS {
            gaps.push(now - last);
        }
        last = now;
    }
    gaps
}

fn median(mut gaps: Vec<u64>) -> Option<u64> {
    gaps.sort_unstable();
    (gaps.len() >= LEAST_GAPS).then(|| gaps.get(gaps.len() / 2).copied())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_gaps_say_nothing_and_a_large_one_does_not_count() {
        assert_eq!(median(vec![5_000; LEAST_GAPS - 1]), None);
        let mut gaps = vec![5_000; LEAST_GAPS];
        gaps.push(4_000_000);
        assert_eq!(median(gaps), Some(5_000));
    }
}
