//! Rounds of looks at every thread, by the agent's capture thread.

use super::capture::Capturer;
use super::look::Look;
use super::raised::Raised;
use super::roster::Roster;
use super::watched::Watched;
use crate::sampler::ThreadKey;
use crate::sys;
use crate::unwind::Tables;
use hotpoll_profile::Truncation;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Looks at the threads of this process from outside. Made by [`crate::Sampler::off_cpu`]; it may live on another thread than the sampler.
pub struct OffCpu {
    roster: Arc<Roster>,
    start_number: u64,
    capturer: Capturer,
    threads: BTreeMap<ThreadKey, Watched>,
    tables: Arc<Tables>,
    /// Where the next round goes on.
    next: ThreadKey,
    /// The threads of this round.
    looked: Vec<ThreadKey>,
    /// Whether sleepers may get a signal, and how often that was done.
    may_ask: bool,
    asked: u64,
    /// Those whose answer is awaited.
    awaited: Vec<ThreadKey>,
}

/// After so many looks a round sees what it has cost so far.
const LOOKS_A_CHECK: usize = 16;
/// Sleepers that get a signal in one round, where that is wanted at all.
const ASKED_A_ROUND: usize = 4;
/// Timers for that at a time: each holds one of the user's pending signals, and a thread that blocks the signal never answers.
const MOST_ASKED: usize = 16;

impl OffCpu {
    pub(crate) fn new(roster: Arc<Roster>, max_depth: usize) -> Self {
        let descriptors = Arc::clone(&roster.descriptors);
        Self {
            roster,
            start_number: crate::fork::start_number(),
            capturer: Capturer::new(max_depth, descriptors),
            threads: BTreeMap::new(),
            tables: Arc::default(),
            next: 0,
            looked: Vec::new(),
            may_ask: false,
            asked: 0,
            awaited: Vec::new(),
        }
    }

    /// Whether a sleeping thread whose stack could not be taken from outside gets the sampling signal, so that it shows it itself. That may end its
    /// system call with EINTR. Not unless this says so; and only in rounds that count, at most once a second for each thread.
    pub fn signal_sleepers(&mut self, may: bool) {
        self.may_ask = may;
    }

    /// How many signals sleepers got.
    pub fn signalled(&self) -> u64 {
        self.asked
    }

    /// A thread's record that stands for no expiry: it may be the answer to a signal that it got here.
    pub fn answer(&mut self, thread: ThreadKey, truncation: Truncation, callchain: &[u64]) {
        if let Some(thread) = self.threads.get_mut(&thread) {
            thread.answer(&self.capturer, truncation, callchain);
        }
    }

    /// Looks at every thread but hotpoll's own, and tells what it found: all looks first, then all findings, so that `sink` may take a lock.
    /// Returns how many threads were looked at.
    ///
    /// How often it is called is the wall rate; the time since the look before is what a thread's look stands for. The times should not be in
    /// step with the program's own. Once the looks have taken `budget_ns` of CPU time the round ends; the next one goes on from there.
    pub fn look(&mut self, budget_ns: u64, sink: &mut dyn FnMut(ThreadKey, &Look<'_>)) -> usize {
        self.roster.count();
        self.round(Some(budget_ns), sink)
    }

    /// A round of all threads for somebody who wants to know now: no account counts it.
    pub fn look_now(&mut self, sink: &mut dyn FnMut(ThreadKey, &Look<'_>)) {
        self.round(None, sink);
    }

    fn round(
        &mut self,
        budget_ns: Option<u64>,
        sink: &mut dyn FnMut(ThreadKey, &Look<'_>),
    ) -> usize {
        // Without tables each stack would only have to be taken once more.
        if !self.sync() || (budget_ns.is_some() && self.tables.generation() == 0) {
            return 0;
        }
        let (now_ns, began_ns) = (sys::monotonic_ns(), sys::thread_cpu_ns());
        let mut looked = std::mem::take(&mut self.looked);
        looked.clear();
        let first = if budget_ns.is_some() { self.next } else { 0 };
        self.awaited.retain(|key| {
            let thread = self.threads.get_mut(key);
            thread.is_some_and(|thread| thread.is_asked(now_ns))
        });
        let mut may_ask = match self.may_ask && budget_ns.is_some() {
            true => ASKED_A_ROUND.min(MOST_ASKED.saturating_sub(self.awaited.len())),
            false => 0,
        };
        'round: for range in [first..ThreadKey::MAX, 0..first] {
            for (&key, thread) in self.threads.range_mut(range) {
                if looked.len() % LOOKS_A_CHECK == LOOKS_A_CHECK - 1
                    && budget_ns.is_some_and(|budget| sys::thread_cpu_ns() - began_ns > budget)
                {
                    self.next = key;
                    break 'round;
                }
                thread.look(
                    &mut self.capturer,
                    &self.tables,
                    now_ns,
                    budget_ns.is_some(),
                );
                if may_ask > 0 && thread.ask(&self.capturer, &self.roster, now_ns) {
                    may_ask -= 1;
                    self.asked += 1;
                    self.awaited.push(key);
                }
                looked.push(key);
            }
        }
        for key in &looked {
            if let Some(thread) = self.threads.get(key).filter(|thread| !thread.is_gone()) {
                sink(*key, &thread.last());
            }
        }
        let count = looked.len();
        self.looked = looked;
        count
    }

    /// Looks at one thread, which no account counts. `None` when there is no such thread here.
    pub fn look_at(&mut self, tid: u32) -> Option<(ThreadKey, Look<'_>)> {
        if !self.sync() {
            return None;
        }
        let now_ns = sys::monotonic_ns();
        let mut threads = self.threads.iter_mut();
        let (&key, thread) =
            threads.find(|(_, thread)| thread.tid() == tid && !thread.is_gone())?;
        thread.look(&mut self.capturer, &self.tables, now_ns, false);
        (!thread.is_gone()).then(|| (key, thread.last()))
    }

    /// The threads that are there, by the kernel's ID, with their keys.
    pub fn keys(&mut self) -> impl Iterator<Item = (u32, ThreadKey)> {
        self.sync();
        (self.threads.iter()).map(|(&key, thread)| (thread.tid(), key))
    }

    /// Makes the next look at each thread a fresh one.
    pub(crate) fn forget_stacks(&mut self) {
        self.threads.values_mut().for_each(Watched::forget_stack);
    }

    /// The tables of the last round.
    pub(crate) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Has a thread show what it does while it runs, at the kernel's tick, until the value is dropped: the records that come of it stand for no
    /// expiry. `None` when there is no such thread here, or it is not sampled. Whoever calls it keeps few of them.
    pub fn raise(&mut self, tid: u32) -> Option<Raised> {
        if !self.sync() {
            return None;
        }
        let mut threads = self.threads.values();
        let thread = threads.find(|thread| thread.tid() == tid && !thread.is_gone())?;
        Raised::arm(thread.member(), &self.roster)
    }

    /// How many threads are looked at.
    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Descriptors kept open for it now.
    pub fn descriptors(&self) -> u64 {
        self.roster.descriptors.files()
    }

    /// Takes over who came and went, and the newest tables. False in a forked child, or after the sampler was stopped.
    fn sync(&mut self) -> bool {
        if !crate::fork::is_in_force(self.start_number) {
            return false;
        }
        for (key, member) in self.roster.take_changes() {
            match member {
                Some(member) => self.threads.insert(key, Watched::new(member)),
                None => self.threads.remove(&key),
            };
        }
        if let Some(tables) = self.roster.tables()
            && tables.generation() != self.tables.generation()
        {
            self.tables = tables;
            // What could not be unwound before may be now, and a sleeper would keep what it has.
            let threads = self.threads.values_mut();
            threads
                .filter(|thread| thread.was_not_unwound())
                .for_each(Watched::forget_stack);
        }
        true
    }
}

impl Drop for OffCpu {
    fn drop(&mut self) {
        self.roster.listen(false);
    }
}

impl std::fmt::Debug for OffCpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OffCpu")
            .field("threads", &self.threads.len())
            .finish_non_exhaustive()
    }
}
