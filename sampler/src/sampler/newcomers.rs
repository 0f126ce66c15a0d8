//! Between two scans: finding threads that have just come, and following the clocks of those that are busy, at a cost that does not grow with
//! the number of threads that sleep.

use super::{Sampler, ThreadKey};
use crate::own;
use crate::sys;
use crate::thread::files;
use crate::thread::numbers::Given;
use std::sync::atomic::Ordering::Relaxed;

/// The most busy threads whose clocks are read between scans: 70 ns each.
const MOST_BUSY: usize = 256;
/// A young thread's switches are read again when it has used so much CPU time: they cost 3 µs, a thousandth of that at most.
const LEAST_CPU_TO_READ_NS: u64 = 5_000_000;

impl Sampler {
    /// Gives a timer to threads that have come since the last look, and reads the clocks of busy ones: what a thread used between the last
    /// reading of its clock and its end is on nobody's account. Returns whether there are threads that only a scan can find.
    ///
    /// Costs about 2 µs, where a scan costs half a microsecond for each thread, so it can be done far more often.
    pub fn look_for_newcomers(&mut self) -> bool {
        if !self.is_in_force() || self.next_scan_is_first {
            return false;
        }
        for tid in own::take_announced() {
            if !self.by_tid.contains_key(&tid) {
                self.meet_by_id(tid);
            }
            self.tell_runtime_thread(tid);
        }
        let given = self.numbers.given();
        if let Given::Numbers(numbers) = &given {
            for tid in numbers.clone() {
                // Other processes' threads have no clock for us. Known ones: each number is asked about twice.
                if sys::clock_ns(sys::thread_cpu_clock(tid)).is_some() {
                    self.meet_by_id(tid);
                }
            }
        }
        for key in &self.busy {
            if let Some(entry) = self.entries.get_mut(key) {
                entry.read_clock();
                // One that ends soon is judged by what was seen of it.
                let since_ns = entry.cpu_ns.saturating_sub(entry.switches_cpu_ns);
                if entry.is_young() && !entry.info.own && since_ns >= LEAST_CPU_TO_READ_NS {
                    entry.read_status(self.settings.signal);
                }
            }
        }
        match given {
            Given::TooMany => true,
            // The threads' count still shows most newcomers: all but those that another's end hides.
            Given::Unknown => files::count().is_some_and(|count| count > self.by_tid.len()),
            Given::Numbers(_) | Given::None => false,
        }
    }

    /// Whether a thread has announced itself: look now.
    pub fn announced(&self) -> bool {
        own::is_announced()
    }

    fn meet_by_id(&mut self, tid: u32) {
        if let Some(found) = files::entry(tid) {
            self.meet(found);
        }
    }

    /// Follows a thread's clock between scans, if there is room.
    pub(super) fn watch(&mut self, key: ThreadKey) {
        if self.busy.len() < MOST_BUSY && !self.busy.contains(&key) {
            self.busy.push(key);
        }
    }

    /// The thread has said that its task ID may be asked for.
    pub(super) fn tell_runtime_thread(&self, tid: u32) {
        let entry = self.by_tid.get(&tid).and_then(|key| self.entries.get(key));
        if let Some(slot) = entry.and_then(|entry| entry.slot())
            && own::has_touched_runtime(tid)
        {
            slot.agent.task_id_ready.store(true, Relaxed);
        }
    }
}
