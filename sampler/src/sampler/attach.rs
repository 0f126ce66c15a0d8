//! Giving a thread a slot and a timer, and taking them back.

use super::accounts::USER_TICK_NS;
use super::entry::{Entry, ThreadInfo, ThreadKey};
use super::{Sampler, engine, periods, pool};
use crate::off_cpu::{Member, OffCpu};
use crate::own;
use crate::published;
use crate::signal;
use crate::signal::source::Scope;
use crate::slot::table::{self, SlotId};
use crate::slot::{HandlerTimes, Slot};
use crate::sys;
use crate::thread::{files, stack};
use crate::timer::{CpuTimer, PerfEvent, Timer};
use hotpoll_profile::{Engine, EngineReason};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};

impl Sampler {
    /// Begins to sample a thread that was found in the task folder.
    pub(super) fn attach(&mut self, found: files::Entry) {
        let Some(stat) = files::stat(found.tid) else {
            return;
        };
        let own = own::is_own(found.tid);
        let (engine, engine_reason) = if own {
            (Engine::None, EngineReason::OwnThread)
        } else {
            engine::first(&self.settings, self.tick_hz, self.perf_errno)
        };
        let info = ThreadInfo {
            tid: found.tid,
            start_ticks: stat.start_ticks,
            name: stat.name,
            exited: false,
            own,
            engine: Engine::None,
            engine_reason,
            signal_blocked: false,
            tick_biased: false,
        };
        let mut entry = Entry::new(info, found.inode);
        entry.was_there = self.next_scan_is_first;
        entry.begun_ns = self.begun_ns(stat.start_ticks);
        entry.kernel_ticks = stat.kernel_ticks;
        entry.cpu_before_ns = self.cpu_before_ns.get(&found.tid).copied().unwrap_or(0);
        if !own
            && !self.replaced
            && let Some((id, slot)) = self.take_slot(found.tid, stat.start_ticks)
        {
            prepare(slot, found.tid);
            // Release: pairs with the Acquire in table::current(): the handler sees the slot prepared.
            slot.agent
                .generation
                .store(u32::from(id.generation), Release);
            entry.attached = Some((id, slot));
            entry.handler_entries = slot.handler.entries.load(Relaxed) & !1;
            self.arm(&mut entry, engine);
            // The ID may have passed to another thread between the listing and the arming; then nothing is kept.
            let now = files::stat(found.tid).map(|again| again.start_ticks);
            if now != Some(stat.start_ticks) {
                entry.disarm(&mut self.budget);
                match now {
                    // The timer was the new owner's for a moment: a late signal may still look at the slot there.
                    Some(owner) => keep_slot_for(id, slot, found.tid, owner),
                    None => free_slot(id),
                }
                return;
            }
        }
        entry.read_clock();
        entry.unarmed_ns = entry.cpu_ns;
        if !self.next_scan_is_first {
            // It may be gone before a slice is closed: its switches count from here on. How it waited as it began says nothing of its work.
            entry.read_status(self.settings.signal);
        }
        let key = self.next_key;
        self.next_key += 1;
        self.by_tid.insert(found.tid, key);
        if let Some((id, _)) = entry.attached {
            self.tell_slot(id.number, key);
        }
        self.entries.insert(key, entry);
        self.tell_came(key);
    }

    /// Arms a timer of this engine; with ctimer instead when perf is refused.
    pub(super) fn arm(&mut self, entry: &mut Entry, engine: Engine) {
        let Some((id, _)) = entry.attached else {
            return;
        };
        if entry.is_served_by_perf() {
            entry.disarm(&mut self.budget); // its descriptor may be the one that there is room for
        }
        let asked_ns = self.settings.interval_ns;
        let period_ns = periods::near(asked_ns);
        let event =
            (engine == Engine::Perf).then(|| self.open_event(entry.info.tid, id, period_ns));
        // Only now: opening takes system calls that may wait, and in between nothing samples the thread.
        entry.disarm(&mut self.budget);
        // What waits in the ring is of the timer before, and within a fiftieth of the same weight.
        entry.period_since_cpu_ns = entry.cpu_ns;
        match event.map(|opened| opened.and_then(enabled)) {
            Some(Ok(event)) => {
                self.budget.pool().event_opened();
                let companion = self.cpu_timer(entry.info.tid, id, Scope::KernelOnly, period_ns);
                let companion = companion.ok();
                entry.period_ns = period_ns;
                entry.info.engine = Engine::Perf;
                entry.timer = Some(Timer::Perf(event, companion));
                return;
            }
            Some(Err(reason)) => entry.info.engine_reason = reason,
            None => {}
        }
        entry.period_ns = asked_ns;
        match self.cpu_timer(entry.info.tid, id, Scope::All, asked_ns) {
            Ok(timer) => {
                entry.info.engine = Engine::Ctimer;
                entry.timer = Some(Timer::Cpu(timer));
            }
            Err(reason) => entry.info.engine_reason = reason,
        }
    }

    /// Opens a perf event within the budget.
    fn open_event(&self, tid: u32, id: SlotId, period_ns: u64) -> Result<PerfEvent, EngineReason> {
        if !self.budget.may_open_descriptor() {
            return Err(EngineReason::DescriptorLimit);
        }
        PerfEvent::open(tid, self.settings.signal, period_ns, id).map_err(why_no_event)
    }

    /// Arms a CPU timer within the budget.
    fn cpu_timer(
        &mut self,
        tid: u32,
        id: SlotId,
        scope: Scope,
        period_ns: u64,
    ) -> Result<CpuTimer, EngineReason> {
        if !self.budget.may_arm_timer() {
            return Err(EngineReason::PendingSignalLimit);
        }
        match CpuTimer::arm(tid, self.settings.signal, period_ns, id, self.tag, scope) {
            Ok(timer) => {
                self.budget.timers += 1;
                Ok(timer)
            }
            Err(libc::EAGAIN) => Err(EngineReason::PendingSignalLimit),
            Err(_) => Err(EngineReason::TimerRefused),
        }
    }

    /// Since when the thread's life counts, by the monotonic clock: since it began, or since sampling did.
    fn begun_ns(&self, start_ticks: u64) -> u64 {
        let age_ns = sys::boot_ns().saturating_sub(start_ticks * USER_TICK_NS);
        let begun_ns = sys::monotonic_ns().saturating_sub(age_ns);
        begun_ns.max(self.slice.started_ns)
    }

    /// Has a thread looked at by the wall clock.
    fn tell_came(&self, key: ThreadKey) {
        if let Some(entry) = self.entries.get(&key).filter(|entry| !entry.info.own) {
            let member = Member {
                tid: entry.info.tid,
                slot: entry.attached,
                was_there: entry.was_there,
                came_ns: entry.begun_ns,
                counters: Arc::clone(&entry.wall),
            };
            self.roster.came(key, member);
        }
    }

    /// What looks at threads by the wall clock; from now on their accounts have wall time. One at a time.
    pub fn off_cpu(&mut self) -> OffCpu {
        self.roster.listen(true);
        for (&key, entry) in &self.entries {
            if !entry.info.exited {
                self.tell_came(key);
            }
        }
        OffCpu::new(Arc::clone(&self.roster), self.settings.max_depth)
    }

    /// Ends sampling of a thread. Its last records must have been drained.
    pub(super) fn detach(&mut self, key: ThreadKey) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        let engine = entry.info.engine;
        entry.disarm(&mut self.budget);
        if entry.info.exited {
            // What served it stays known: without an engine its CPU time was left out of the delivered rate, and its samples were not.
            entry.info.engine = engine;
        }
        if let Some((_, slot)) = entry.attached {
            self.past_handler_times
                .add(&slot.handler.tick_histogram.snapshot());
        }
    }

    /// Forgets a thread that has ended, and frees its slot.
    pub(super) fn forget(&mut self, key: ThreadKey) -> Option<ThreadInfo> {
        self.detach(key);
        let entry = self.entries.remove(&key)?;
        if self.by_tid.get(&entry.info.tid) == Some(&key) {
            self.by_tid.remove(&entry.info.tid);
        }
        if let Some((id, _)) = entry.attached {
            free_slot(id);
        }
        Some(entry.info)
    }

    /// Whose the slot is now.
    fn tell_slot(&mut self, number: u16, key: ThreadKey) {
        let index = usize::from(number);
        if self.by_slot.len() <= index {
            // No thread has this key: they are numbered from 0 and never so far.
            self.by_slot.resize(index + 1, ThreadKey::MAX);
        }
        if let Some(owner) = self.by_slot.get_mut(index) {
            *owner = key;
        }
    }

    fn take_slot(&mut self, tid: u32, start_ticks: u64) -> Option<(SlotId, &'static Slot)> {
        if let Some(last) = pool::take(tid, start_ticks) {
            let generation = last.generation.checked_add(1).unwrap_or(1);
            let id = SlotId { generation, ..last };
            return Some((id, table::slot(id.number)?));
        }
        let (number, slot) = table::map_slot()?;
        Some((
            SlotId {
                number,
                generation: 1,
            },
            slot,
        ))
    }

    /// Sampling stops while the thread lives on: late signals may still look at the slot, so only that thread may have it again.
    pub(super) fn leave_slot(&mut self, key: ThreadKey) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        if let Some((id, slot)) = entry.attached.take() {
            keep_slot_for(id, slot, entry.info.tid, entry.info.start_ticks);
        }
    }
}

fn enabled(event: PerfEvent) -> Result<PerfEvent, EngineReason> {
    event.enable().map_err(why_no_event)?;
    Ok(event)
}

fn why_no_event(errno: i32) -> EngineReason {
    match errno {
        libc::EMFILE | libc::ENFILE => EngineReason::DescriptorLimit,
        _ => EngineReason::PerfDenied,
    }
}

/// Closes a slot, and keeps it for the thread whose handler may still look at it.
fn keep_slot_for(id: SlotId, slot: &'static Slot, tid: u32, start_ticks: u64) {
    slot.agent.generation.store(0, Release);
    let seen = signal::wait_for(slot);
    published::unlink(tid, slot);
    if seen {
        pool::give(id, Some((tid, start_ticks)));
    } // else its handler is in the middle of the slot, which nobody gets again
}

/// Makes a slot free for any thread. Its own thread is dead: no handler can be running on it.
pub(super) fn free_slot(id: SlotId) {
    if let Some(slot) = table::slot(id.number) {
        slot.agent.generation.store(0, Release);
        signal::end(slot);
        published::unlink(slot.agent.tid.load(Relaxed), slot);
        table::release_memory(slot);
        pool::give(id, None);
    }
}

/// The main thread's stack grows down to where other mappings may begin: the kernel keeps 128 MB free at the least, whatever the limit. A program
/// may raise the limit after exec; taken at its word, the "stack" then covered libraries and heaps, and a wrong frame pointer led into a hole.
const MAIN_STACK_BYTES: u64 = 64 << 20;

/// Empties a free slot for a new thread.
fn prepare(slot: &'static Slot, tid: u32) {
    slot.forget_records();
    let handler = &slot.handler;
    for counter in [
        &handler.fired,
        &handler.perf_expiries,
        &handler.companion_expiries,
        &handler.companion_in_kernel,
        &handler.companion_counted,
        &handler.recorded,
        &handler.whole,
        &handler.overrun,
        &handler.guessed,
        &handler.ticks,
        &handler.wanted_stack,
    ] {
        counter.store(0, Relaxed);
    }
    for counter in handler.lost.iter().chain(&handler.cut_short) {
        counter.store(0, Relaxed);
    }
    handler.tick_histogram.clear();
    published::link(tid, slot);
    slot.agent.tid.store(tid, Relaxed);
    slot.agent
        .task_id_ready
        .store(own::has_touched_runtime(tid), Relaxed);
    let (mut low, mut high) = (0, 0);
    if tid == std::process::id()
        && let Some(mapping) = stack::main_thread()
    {
        high = mapping.high;
        low = high.saturating_sub(sys::soft_limit(libc::RLIMIT_STACK).min(MAIN_STACK_BYTES));
    }
    slot.agent.stack_low.store(low, Relaxed);
    slot.agent.stack_high.store(high, Relaxed);
}

/// Nothing measured yet.
pub(super) fn no_handler_times() -> HandlerTimes {
    HandlerTimes::default()
}
