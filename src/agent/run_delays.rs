//! Who waited for a processor: of the scheduler's counts the part of each kind of task.
//!
//! In: what the hooks have measured at the ends of polls, and the counts that looks have read of threads in polls. Out: observations without a
//! stack, as no stack says where a thread waits for a processor. A thread that polls no tracked task has its whole count for itself.

#[cfg(feature = "tokio")]
use hotpoll_hooks::tasks::{self, OutsideCount, Waited};
use hotpoll_profile::{State, Truncation};
use hotpoll_sampler::{Look, OffCpu, ThreadKey};
use hotpoll_symbolizer::recorder::Observation;
#[cfg(feature = "tokio")]
use std::collections::{HashMap, HashSet};

/// The counts of one round, and what there was before.
#[cfg(feature = "tokio")]
#[derive(Debug, Default)]
pub(super) struct RunDelays {
    /// Threads that poll tracked tasks.
    pollers: HashSet<u32>,
    /// The keys of threads, those that have ended among them.
    keys: HashMap<u32, ThreadKey>,
    counts: Vec<OutsideCount>,
    /// Measured, and not told yet.
    measured: Vec<Waited>,
}

/// So much is kept of threads that the sampler does not know yet: one that ended unseen never gets a key.
#[cfg(feature = "tokio")]
const MOST_KEPT: usize = 1024;

#[cfg(feature = "tokio")]
impl RunDelays {
    /// A round of looks begins.
    pub fn begin(&mut self) {
        if tasks::any_pollers() {
            self.pollers = tasks::pollers();
        }
    }

    /// A look at a thread. What it says of the scheduler's count if the thread polls no tracked task.
    pub fn look<'a>(&mut self, thread: ThreadKey, look: &Look<'a>) -> Option<Observation<'a>> {
        if !self.pollers.contains(&look.tid) {
            return (look.runnable_ns > 0).then(|| waited(thread, 0, look.runnable_ns));
        }
        if let Some(total_ns) = look.run_delay_ns
            && look.words.poll_start != 0
        {
            self.counts.push(OutsideCount {
                tid: look.tid,
                total_ns,
                words: look.words,
            });
        }
        None
    }

    /// Takes what was measured since the last call. Cheap, and so not left to rounds, which a busy machine has few of.
    pub fn tell(&mut self, off_cpu: &mut OffCpu, observe: &mut dyn FnMut(&Observation<'_>)) {
        if !tasks::any_pollers() {
            return;
        }
        let measured = &mut self.measured;
        tasks::charge_open_polls(&self.counts, &mut |one| measured.push(one));
        tasks::run_delays(&mut |one| measured.push(one));
        self.counts.clear();
        if self.measured.is_empty() {
            return;
        }
        let before = self.keys.len();
        self.keys.extend(off_cpu.keys());
        self.measured.retain(|one| {
            let key = self.keys.get(&one.tid);
            key.inspect(|thread| observe(&waited(**thread, one.kind, one.ns)))
                .is_none()
        });
        self.measured.truncate(MOST_KEPT);
        // Those that have ended must not pile up.
        if before > 2 * off_cpu.threads() + 64 {
            self.keys.clear();
        }
    }
}

/// Without hooks every thread's count is its own.
#[cfg(not(feature = "tokio"))]
#[derive(Debug, Default)]
pub(super) struct RunDelays;

#[cfg(not(feature = "tokio"))]
impl RunDelays {
    pub fn begin(&mut self) {}

    pub fn look<'a>(&mut self, thread: ThreadKey, look: &Look<'a>) -> Option<Observation<'a>> {
        (look.runnable_ns > 0).then(|| waited(thread, 0, look.runnable_ns))
    }

    pub fn tell(&mut self, _: &mut OffCpu, _: &mut dyn FnMut(&Observation<'_>)) {}
}

fn waited<'a>(thread: ThreadKey, kind: u64, wall_ns: u64) -> Observation<'a> {
    Observation {
        thread,
        state: State::Runnable,
        truncation: Truncation::Complete,
        task: 0,
        kind,
        context: 0,
        lock: 0,
        holds: 0,
        expiries: 1,
        cpu_ns: 0,
        wall_ns,
        callchain: &[],
    }
}
