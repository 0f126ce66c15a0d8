//! What signals cost beside the handler's own time: calibrated once for each kind, and weighed by how many of each there were.

use super::{Entry, Sampler};
use crate::signal::install;
use crate::timer;
use hotpoll_profile::thread::Accounts;
use std::sync::atomic::Ordering::Relaxed;

/// The costs, and how many signals were delivered.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Delivery {
    /// A signal alone: a CPU timer's, whose expiry rides on the tick.
    signal_ns: u64,
    /// A signal with the interrupt of its own that a perf event makes.
    perf_ns: u64,
    /// Signals of perf events; of CPU timers, those included that stand beside an event and go unheard; and those of both that are counted as fired.
    by_perf: u64,
    by_cpu_timers: u64,
    fired: u64,
}

impl Delivery {
    /// The mean for each signal that is counted as fired.
    fn mean_ns(&self) -> u64 {
        let all_ns = self.by_perf * self.perf_ns + self.by_cpu_timers * self.signal_ns;
        all_ns.checked_div(self.fired).unwrap_or(self.signal_ns)
    }
}

impl Sampler {
    /// Measures what delivering a signal costs here, on the calling thread: about four milliseconds.
    pub fn measure_delivery(&mut self) {
        let signal = self.settings.signal;
        self.delivery.signal_ns = install::measure_delivery_ns(signal, self.tag);
        let perf_ns = self.perf_errno.is_none().then(|| {
            let _heard = install::UnblockSignal::new(signal);
            timer::perf_expiry_ns(signal)
        });
        // An interrupt and a signal take longer than a signal: otherwise something else was measured.
        self.delivery.perf_ns = perf_ns.flatten().unwrap_or(0).max(self.delivery.signal_ns);
    }

    /// What delivering one signal costs here, in nanoseconds, with the timer's interrupt where that is the timer's own: the mean over the signals
    /// of both engines so far. 0 before it was measured.
    pub fn delivery_ns(&self) -> u64 {
        self.delivery.mean_ns()
    }
}

impl Entry {
    /// Adds the signals that the thread's handler has met since the last call; `more` is what was counted in that time.
    pub(super) fn count_signals(&mut self, more: &Accounts, delivery: &mut Delivery) {
        let Some(slot) = self.slot() else { return };
        // The handler counts each of its calls twice, as it enters and as it leaves.
        let entries = slot.handler.entries.load(Relaxed);
        let signals = u64::from(entries.wrapping_sub(self.handler_entries) / 2);
        self.handler_entries = entries & !1;
        let by_perf = std::mem::take(&mut self.perf_records).min(signals);
        delivery.by_perf += by_perf;
        delivery.by_cpu_timers += signals - by_perf;
        delivery.fired += more.fired - more.overrun.min(more.fired);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_cost() {
        let measured = Delivery {
            signal_ns: 1_000,
            perf_ns: 5_000,
            ..Delivery::default()
        };
        assert_eq!(measured.mean_ns(), 1_000);
        // Unheard signals of companions are spread over the others.
        let delivery = Delivery {
            by_perf: 100,
            by_cpu_timers: 30,
            fired: 110,
            ..measured
        };
        assert_eq!(delivery.mean_ns(), (500_000 + 30_000) / 110);
    }
}
