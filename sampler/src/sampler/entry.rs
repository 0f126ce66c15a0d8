//! One thread, as the agent knows it.

use super::budget::Budget;
use super::engine::Behaviour;
use crate::broken::{self, Defect};
use crate::off_cpu::WallCounters;
use crate::record::{Record, Unpacker};
use crate::slot::{Slot, table::SlotId};
use crate::timer::Timer;
use hotpoll_profile::{
    Counts, Engine, EngineReason, Loss, Reason, State, Truncation, thread::Accounts,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A thread seen: a running number, never reused while the process lives.
pub type ThreadKey = u32;

/// What is known of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadInfo {
    /// The kernel's thread ID.
    pub tid: u32,
    /// When it started, in kernel clock ticks since boot.
    pub start_ticks: u64,
    /// Its latest name.
    pub name: String,
    /// Whether it has ended.
    pub exited: bool,
    /// Whether it belongs to hotpoll.
    pub own: bool,
    /// Its engine.
    pub engine: Engine,
    /// Why it has that engine.
    pub engine_reason: EngineReason,
    /// Whether it blocks the sampling signal.
    pub signal_blocked: bool,
    /// Whether it ran in bursts of a few ticks at most while ctimer sampled it.
    pub tick_biased: bool,
}

/// A thread with its slot, timer and accounts.
pub(super) struct Entry {
    pub info: ThreadInfo,
    pub inode: u64,
    pub attached: Option<(SlotId, &'static Slot)>,
    pub timer: Option<Timer>,
    /// What an expiry of its timer stands for.
    pub period_ns: u64,
    /// What its CPU clock showed when that was set.
    pub period_since_cpu_ns: u64,
    unpacker: Unpacker,
    /// Its CPU clock, as last read.
    pub cpu_ns: u64,
    /// What its CPU clock showed when sampling started; 0 for threads that came later. Time before is not accounted for.
    pub cpu_before_ns: u64,
    /// What its CPU clock showed when its first timer was armed, since sampling started: no sample can stand for that.
    pub unarmed_ns: u64,
    /// Its kernel time, as last read, in units of 10 ms.
    pub kernel_ticks: u64,
    pub voluntary_switches: u64,
    pub involuntary_switches: u64,
    /// Whether its switches are counted: since it was found when it came after the start, otherwise from its first inspection on.
    pub switches_known: bool,
    /// What its CPU clock showed when they were last read.
    pub switches_cpu_ns: u64,
    /// Switches since they are counted.
    pub switches: u64,
    /// Sampled time so far, by weight of the records drained.
    pub sampled_ns: u64,
    /// Expiries that this is the weight of.
    pub drained: u64,
    /// Kernel time while perf served it: by the kernel's count, by samples, and what of the count no sample stands for.
    pub kernel_counted_ns: u64,
    pub kernel_sampled_ns: u64,
    pub kernel_ns: u64,
    /// Its handler's counter of entries and exits, and the records of perf events, since they were last counted as signals.
    pub handler_entries: u32,
    pub perf_records: u64,
    /// What it did since its engine was last judged.
    pub unjudged: Behaviour,
    /// Its CPU clock up to there is in it, or was judged.
    pub judged_cpu_ns: u64,
    /// Totals at the last close of a slice.
    pub reported: Accounts,
    /// Whether a slice was closed since it was first seen.
    pub inspected: bool,
    /// How many slices were closed since, up to [`Entry::YOUNG_SLICES`].
    slices: u8,
    /// The last scan that listed it.
    pub listed: u64,
    /// Whether it was there before sampling began.
    pub was_there: bool,
    /// Its life as far as it counts, by the monotonic clock.
    pub begun_ns: u64,
    pub ended_ns: Option<u64>,
    /// What looks by the wall clock have counted.
    pub wall: Arc<WallCounters>,
}

impl Entry {
    pub fn new(info: ThreadInfo, inode: u64) -> Self {
        Self {
            info,
            inode,
            attached: None,
            timer: None,
            period_ns: 0,
            period_since_cpu_ns: 0,
            unpacker: Unpacker::default(),
            cpu_ns: 0,
            cpu_before_ns: 0,
            unarmed_ns: 0,
            kernel_ticks: 0,
            voluntary_switches: 0,
            involuntary_switches: 0,
            switches_known: false,
            switches_cpu_ns: 0,
            switches: 0,
            sampled_ns: 0,
            drained: 0,
            kernel_counted_ns: 0,
            kernel_sampled_ns: 0,
            kernel_ns: 0,
            handler_entries: 0,
            perf_records: 0,
            unjudged: Behaviour::default(),
            judged_cpu_ns: 0,
            reported: Accounts::default(),
            inspected: false,
            slices: 0,
            listed: 0,
            was_there: false,
            begun_ns: 0,
            ended_ns: None,
            wall: Arc::default(),
        }
    }

    /// A thread is young until so many slices were closed since it was found.
    const YOUNG_SLICES: u8 = 2;

    /// Whether it may end before it has been judged for as long as others: it is looked at more often.
    pub fn is_young(&self) -> bool {
        self.slices < Self::YOUNG_SLICES
    }

    pub fn count_slice(&mut self) {
        self.slices = (self.slices + 1).min(Self::YOUNG_SLICES);
    }

    pub fn slot(&self) -> Option<&'static Slot> {
        self.attached.map(|(_, slot)| slot)
    }

    /// Takes what the handler has pushed.
    pub fn drain(&mut self, words: &mut Vec<u64>, sink: &mut dyn FnMut(&Record<'_>)) {
        let Some(slot) = self.slot() else { return };
        let (perf, period_ns) = (self.is_served_by_perf(), self.period_ns);
        let wanted = slot.handler.wanted_stack.load(Relaxed);
        if wanted != 0 {
            look_up_stack(slot, wanted);
        }
        words.clear();
        slot.ring.consumer().pop_all(words);
        let mut rest = &words[..];
        while !rest.is_empty() {
            let Ok((record, used)) = self.unpacker.unpack(rest, |_| period_ns) else {
                // Both ends are of one build, so this is a bug; the rest of the batch is skipped, and shows as recorded but not sampled.
                debug_assert!(false, "a record that cannot be unpacked");
                break;
            };
            self.sampled_ns += record.cpu_ns;
            self.drained += record.expiries;
            self.perf_records += u64::from(record.engine == Engine::Perf);
            if perf && record.state == State::Kernel {
                self.kernel_sampled_ns += record.cpu_ns;
            }
            sink(&record);
            rest = &rest[used..];
        }
    }

    /// Drops the timer.
    pub fn disarm(&mut self, budget: &mut Budget) {
        match self.timer.take() {
            Some(Timer::Cpu(_)) => budget.timers -= 1,
            Some(Timer::Perf(_, companion)) => {
                budget.pool().event_closed();
                budget.timers -= u64::from(companion.is_some());
            }
            None => {}
        }
        self.info.engine = Engine::None;
    }

    /// Whether a perf event serves it, which is blind in the kernel.
    pub fn is_served_by_perf(&self) -> bool {
        matches!(self.timer, Some(Timer::Perf(..)))
    }

    /// Counts kernel time that perf could not see. The CPU timer beside the event samples system calls, because the program counter shows them;
    /// page faults and interrupts it cannot tell from running code, so without the kernel's count half of a thread that faults pages in was
    /// unsampled. Both look at moments only, so the difference wavers, and only its rise counts.
    pub fn count_kernel(&mut self, ns: u64) {
        if broken::is(Defect::ForgetsKernelRow) {
            return;
        }
        self.kernel_counted_ns += ns;
        let rest = self
            .kernel_counted_ns
            .saturating_sub(self.kernel_sampled_ns);
        // The kernel's count is by its tick, and the tick finds the timers' own interrupts: a thread that never left user space is given 4 % at
        // 1,000 Hz. Time that samples stand for was not spent unseen in the kernel, whatever the count says; those that still wait in the ring
        // count as well, because the thread ran on between the drain and the reading of its clock.
        let fired = self
            .slot()
            .map_or(0, |slot| slot.handler.fired.load(Relaxed));
        let waiting_ns = fired.saturating_sub(self.drained) * self.period_ns;
        let without_samples = self.cpu_ns.saturating_sub(self.sampled_ns + waiting_ns);
        self.kernel_ns = self.kernel_ns.max(rest.min(without_samples));
    }

    /// Everything counted for the thread since it was first seen.
    /// With `now_ns` its wall time counts.
    pub fn totals(&self, ns_per_tick: f64, now_ns: Option<u64>) -> Accounts {
        let mut totals = Accounts {
            cpu_ns: self.cpu_ns,
            sampled_ns: self.sampled_ns,
            kernel_ns: self.kernel_ns,
            switches: self.switches,
            ..Accounts::default()
        };
        if broken::is(Defect::Rescales) {
            totals.sampled_ns = totals.cpu_ns;
        }
        totals = self.wall_totals(totals, now_ns);
        if let Some(slot) = self.slot() {
            let handler = &slot.handler;
            totals.fired = handler.fired.load(Relaxed);
            totals.recorded = handler.recorded.load(Relaxed);
            totals.overrun = handler.overrun.load(Relaxed);
            totals.guessed = handler.guessed.load(Relaxed);
            totals.lost = counts::<Loss>(&handler.lost);
            totals.truncated = counts::<Truncation>(&handler.cut_short);
            (totals.truncated).add(Truncation::Complete, handler.whole.load(Relaxed));
            totals.handler_ns = (handler.ticks.load(Relaxed) as f64 * ns_per_tick) as u64;
        }
        totals
    }

    /// These totals, with the wall time as of now.
    pub fn wall_totals(&self, mut totals: Accounts, now_ns: Option<u64>) -> Accounts {
        if let Some(now_ns) = now_ns.filter(|_| !self.info.own) {
            let ended_ns = self.ended_ns.unwrap_or(now_ns);
            totals.wall_ns = ended_ns.saturating_sub(self.begun_ns);
            self.wall.add_to(&mut totals);
        }
        totals
    }
}

fn counts<R: Reason>(counters: &[AtomicU64]) -> Counts<R> {
    let mut counts = Counts::ZERO;
    for reason in R::ALL {
        if let Some(counter) = counters.get(reason.index()) {
            counts.add(*reason, counter.load(Relaxed));
        }
    }
    counts
}

/// Finds the mapping that holds a stack pointer the handler met, for a thread whose descriptor does not say.
fn look_up_stack(slot: &Slot, stack_pointer: u64) {
    use std::sync::atomic::Ordering::Release;
    slot.handler.wanted_stack.store(0, Relaxed);
    if slot.agent.stack_high.load(Relaxed) == 0
        && let Some(mapping) = crate::thread::stack::mapping_of(stack_pointer)
    {
        slot.agent.stack_low.store(mapping.low, Relaxed);
        // Release: the handler that sees the high end sees the low end.
        slot.agent.stack_high.store(mapping.high, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::table;
    use hotpoll_profile::EngineReason;

    #[test]
    fn samples_that_wait_in_the_ring_are_not_time_in_the_kernel() {
        let info = ThreadInfo {
            tid: 1,
            start_ticks: 1,
            name: String::new(),
            exited: false,
            own: false,
            engine: Engine::Perf,
            engine_reason: EngineReason::Asked,
            signal_blocked: false,
            tick_biased: false,
        };
        let mut entry = Entry::new(info, 1);
        let (number, slot) = table::map_slot().unwrap();
        let id = SlotId {
            number,
            generation: 1,
        };
        entry.attached = Some((id, slot));
        entry.cpu_ns = 100_000_000;
        entry.period_ns = 1_000_000;
        slot.handler.fired.store(99, Relaxed);
        // The kernel's ticks say 10 ms, and nothing was drained yet: 5 ms of it, kept for good, came out as samples later.
        entry.count_kernel(10_000_000);
        assert_eq!(entry.kernel_ns, 1_000_000);
        slot.handler.fired.store(0, Relaxed);
    }
}
