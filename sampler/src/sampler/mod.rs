//! The agent side of sampling: which threads there are, which timer each has, and what their rings and counters say.
//!
//! In: `/proc/self/task`, clocks, rings. Out: records, and each slice's exact accounts. It lives on the agent's drain thread; nothing here
//! runs in the signal.

mod accounts;
mod attach;
mod budget;
mod delivery;
mod engine;
mod entry;
mod newcomers;
mod periods;
mod pool;
mod scan;
pub mod start;

pub use entry::{ThreadInfo, ThreadKey};

use crate::off_cpu::Roster;
use crate::record::Record;
use crate::settings::Settings;
use crate::signal::{install, tsc};
use crate::slot::{HandlerTimes, pending, table::SlotId};
use crate::sys;
use crate::thread::numbers::Numbers;
use budget::Budget;
use entry::Entry;
use hotpoll_profile::thread::Accounts;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Whether our signal handler is still the one that the kernel calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandlerState {
    /// It is.
    Ours,
    /// Somebody has installed another one; all timers were disarmed, so that no unexpected signal reaches it.
    Replaced,
}

/// One slice's clocks, and what every thread that ran in it did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SliceClocks {
    /// When the slice began, nanoseconds since 1970.
    pub start_unix_ns: u64,
    /// How long it lasted, by the monotonic clock.
    pub duration_ns: u64,
    /// CPU time of the process in it, by the process's clock.
    pub process_cpu_ns: u64,
    /// CPU time of threads that lived and died unseen.
    pub unseen_cpu_ns: u64,
    /// The threads with anything to say, and their accounts.
    pub threads: Vec<(ThreadKey, Accounts)>,
    /// What is known of the threads that have ended in it: they are forgotten now.
    pub ended: Vec<(ThreadKey, ThreadInfo)>,
}

/// Samples the threads of this process. Made by [`start::start`]; one exists at a time.
pub struct Sampler {
    settings: Settings,
    tag: u64,
    start_number: u64,
    tick_hz: u32,
    /// Why perf events cannot be opened here, if so: the error number.
    perf_errno: Option<i32>,
    budget: Budget,
    /// Where whoever looks at threads by the wall clock learns of them.
    roster: Arc<Roster>,
    next_key: ThreadKey,
    entries: BTreeMap<ThreadKey, Entry>,
    by_tid: HashMap<u32, ThreadKey>,
    /// Whose each slot was last.
    by_slot: Vec<ThreadKey>,
    /// What tells of new threads between scans.
    numbers: Numbers,
    /// Threads whose clocks are read between scans: those that used CPU time before the last one, and those that came since.
    busy: Vec<ThreadKey>,
    replaced: bool,
    /// How many scans there were.
    scans: u64,
    /// Threads found by the first scan were there before sampling started.
    next_scan_is_first: bool,
    /// Their CPU clocks then; empty but in the first scan.
    cpu_before_ns: HashMap<u32, u64>,
    tsc: tsc::Calibration,
    delivery: delivery::Delivery,
    /// Handler times of threads that are gone.
    past_handler_times: HandlerTimes,
    slice: accounts::SliceStart,
    words: Vec<u64>,
    stopped: bool,
}

impl Sampler {
    /// Empties every ring that has something into `sink`, in each thread's order. Also looks up the stacks that handlers asked for.
    pub fn drain(&mut self, sink: &mut dyn FnMut(ThreadKey, &Record<'_>)) {
        if !self.is_in_force() {
            return;
        }
        for number in pending::take() {
            // Marks of slots whose use is over, or that are a stopped sampler's, lead nowhere.
            let Some(&key) = self.by_slot.get(usize::from(number)) else {
                continue;
            };
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            if entry.attached.is_none_or(|(id, _)| id.number != number) {
                continue;
            }
            entry.drain(&mut self.words, &mut |record| sink(key, record));
            if !entry.info.exited {
                self.watch(key);
            }
        }
    }

    /// How long the drain may sleep: less than half of the time in which the fastest ring could fill, between 5 ms and 200 ms.
    pub fn next_drain_ns(&self) -> u64 {
        /// A generous record: a head and three dozen frames that all differ from the last sample's.
        const WORDS_A_RECORD: u64 = 40;
        let records = crate::slot::RING_WORDS as u64 / WORDS_A_RECORD / 2;
        (records * self.settings.interval_ns).clamp(5_000_000, 200_000_000)
    }

    /// The threads alive at the last scan, and those that have ended but are in the running slice.
    pub fn threads(&self) -> impl Iterator<Item = (ThreadKey, &ThreadInfo)> {
        self.entries.iter().map(|(&key, entry)| (key, &entry.info))
    }

    /// How many threads were ever met: it rises when one comes.
    pub fn met(&self) -> u32 {
        self.next_key
    }

    /// Checks that our handler is still installed; if it is not, disarms every timer.
    pub fn check_handler(&mut self) -> HandlerState {
        if !self.replaced && self.is_in_force() && !install::is_ours(self.settings.signal) {
            self.replaced = true;
            for entry in self.entries.values_mut() {
                entry.disarm(&mut self.budget);
            }
        }
        if self.replaced {
            HandlerState::Replaced
        } else {
            HandlerState::Ours
        }
    }

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The kernel's tick rate in Hz.
    pub fn tick_hz(&self) -> u32 {
        self.tick_hz
    }

    /// Why perf events cannot be opened here, if so.
    pub fn perf_errno(&self) -> Option<i32> {
        self.perf_errno
    }

    /// Whether the handler's own time is measured: the time stamp counter is invariant and the kernel's clock source.
    pub fn self_time_measured(&self) -> bool {
        self.ns_per_tick() > 0.0
    }

    /// Nanoseconds a time stamp counter tick; 0 when the counter is not used.
    pub fn ns_per_tick(&self) -> f64 {
        self.tsc.ns_per_tick()
    }

    /// How long the handler took, over all threads since the start, in time stamp counter ticks.
    pub fn handler_times(&self) -> HandlerTimes {
        let mut times = self.past_handler_times.clone();
        for entry in self.entries.values() {
            if let Some(slot) = entry.slot() {
                times.add(&slot.handler.tick_histogram.snapshot());
            }
        }
        times
    }

    /// How many threads each engine serves, with the budgets: for `hotpoll doctor`.
    pub fn limits(&self) -> &Budget {
        &self.budget
    }

    /// Disarms every timer. The handler stays installed and forwards foreign signals; late signals of ours find nothing to do.
    pub fn stop(&mut self) {
        if std::mem::replace(&mut self.stopped, true) || !self.is_in_force() {
            return;
        }
        let keys: Vec<ThreadKey> = self.entries.keys().copied().collect();
        for key in keys {
            self.detach(key);
            self.leave_slot(key);
        }
        // Whoever holds on to a stopped sampler holds no descriptor.
        self.numbers.close();
        start::release(self.start_number);
    }
}

impl Sampler {
    /// A thread's slot and the tag of this start: for tests and benchmarks.
    pub(crate) fn slot_id(&self, thread: ThreadKey) -> Option<(SlotId, u64)> {
        let (id, _) = self.entries.get(&thread)?.attached?;
        Some((id, self.tag))
    }

    /// Whether this process made it: in a forked child the parent's does nothing, even after the child's own start.
    fn is_in_force(&self) -> bool {
        crate::fork::is_in_force(self.start_number)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop();
    }
}

/// CPU time of this process, by its clock.
fn process_cpu_ns() -> u64 {
    sys::clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID).unwrap_or(0)
}
