//! What the agent's threads and the guard share.

use super::account::Account;
use super::dump_signal;
use super::facts::Facts;
use super::long_polls::LongPolls;
use super::now;
use super::progress::Progress;
use super::shown::Shown;
use crate::StartError;
use crate::socket::Waker;
use hotpoll_profile::protocol::UnwindModule;
use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{Module, Process, Profile};
use hotpoll_sampler::OffCpu;
use hotpoll_symbolizer::recorder::{Query, Recorder, attach_modules};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

/// How long a client's answer waits for the running slice to be closed before it does without.
const SLICE_PATIENCE: Duration = Duration::from_millis(250);
/// How long the program itself waits for it: beside a thousand threads the first one takes its time.
const EXACT_PATIENCE: Duration = Duration::from_secs(2);
/// Above this share of a core the agent has broken its promise of 1 %, and says so.
const MOST_PROMISED: f64 = 0.0105;
/// Sentences kept for reports; more than this is one fault saying itself again.
const MOST_NOTICES: usize = 16;
/// Said where our threads do less than they might: it takes them some times the CPU time.
const NOT_OPTIMIZED: &str = match cfg!(debug_assertions) {
    true => " (it was built without optimizations)",
    false => "",
};

/// What the agent's threads and the guard share. Each lock is held for moments, and never while another one is taken.
#[derive(Debug)]
pub(crate) struct Shared {
    pub facts: Facts,
    /// The start that all this belongs to.
    start_number: u64,
    pub recorder: Mutex<Recorder>,
    pub modules: Mutex<LoadedModules>,
    pub sampling: Mutex<SamplingFacts>,
    /// What all our threads take of a core.
    pub account: Mutex<Account>,
    /// Held for a round of looks at every thread: milliseconds beside thousands of them.
    pub off_cpu: Mutex<OffCpu>,
    pub long_polls: Mutex<LongPolls>,
    /// What sleepers that got a signal have shown.
    pub shown: Shown,
    /// By how much the capture thread's looks are stretched; 1 is not at all.
    pub wall_stretch: AtomicU32,
    pub progress: Progress,
    pub waker: Waker,
    /// Whether a client waits for the next slice.
    pub slice_wanted: AtomicBool,
    /// Removed when all ends.
    pub socket_path: OnceLock<PathBuf>,
    stopped: AtomicBool,
    drain_thread: OnceLock<Thread>,
    module_thread: OnceLock<Thread>,
    module_tid: AtomicU32,
    wall_thread: OnceLock<Thread>,
    /// Name and kernel ID of our threads.
    threads: Mutex<Vec<(&'static str, u32)>>,
    notices: Mutex<Vec<String>>,
}

/// What the module thread knows.
#[derive(Debug, Default, Clone)]
pub(crate) struct LoadedModules {
    /// Every module seen since the start.
    pub modules: Arc<Vec<Module>>,
    /// The unwind tables of those loaded now.
    pub unwind: Vec<UnwindModule>,
    pub table_bytes: u64,
}

/// What the drain thread knows, as of the last slice.
#[derive(Debug, Default, Clone)]
pub(crate) struct SamplingFacts {
    pub delivery_ns: u64,
    pub self_time_measured: bool,
    /// Why perf events cannot be opened here.
    pub perf_errno: Option<i32>,
    pub timers: u64,
    pub timers_allowed: u64,
    pub descriptors: u64,
    pub descriptors_allowed: u64,
    pub handler_replaced: bool,
    /// By how much the drain's slices, and its looks for new threads, are stretched.
    pub slice_stretch: u32,
    pub look_stretch: u32,
}

/// Locks; a thread that panicked has left the value as good as it was.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub fn new(
        facts: Facts,
        recorder: Recorder,
        off_cpu: OffCpu,
        shown: Shown,
    ) -> Result<Self, StartError> {
        let waker = Waker::new().map_err(|source| StartError::Thread {
            name: "hotpoll-socket",
            source,
        })?;
        Ok(Self {
            facts,
            start_number: hotpoll_sampler::start_number(),
            recorder: Mutex::new(recorder),
            modules: Mutex::default(),
            sampling: Mutex::default(),
            account: Mutex::default(),
            off_cpu: Mutex::new(off_cpu),
            long_polls: Mutex::default(),
            shown,
            wall_stretch: AtomicU32::new(1),
            progress: Progress::default(),
            waker,
            slice_wanted: AtomicBool::new(false),
            socket_path: OnceLock::new(),
            stopped: AtomicBool::new(false),
            drain_thread: OnceLock::new(),
            module_thread: OnceLock::new(),
            module_tid: AtomicU32::new(0),
            wall_thread: OnceLock::new(),
            threads: Mutex::default(),
            notices: Mutex::default(),
        })
    }

    /// Whether this start is the one in force: not stopped, and not in a forked child.
    pub fn is_in_force(&self) -> bool {
        hotpoll_sampler::start_number() == self.start_number
    }

    /// Whether locks may be taken. In a forked child some thread that exists no more may hold them.
    pub fn may_be_read(&self) -> bool {
        // Acquire: pairs with the Release in stop().
        let stopped = self.stopped.load(Ordering::Acquire);
        self.is_in_force() || (stopped && std::process::id() == self.facts.pid)
    }

    /// A thread of ours has begun.
    pub fn thread_runs(&self, name: &'static str, tid: u32) {
        lock(&self.threads).push((name, tid));
        self.progress.thread_runs();
    }

    /// Our threads: name and kernel ID.
    pub fn threads(&self) -> Vec<(&'static str, u32)> {
        lock(&self.threads).clone()
    }

    /// CPU time that they have used so far.
    pub fn cpu_ns(&self) -> u64 {
        let threads = lock(&self.threads);
        let clocks = threads
            .iter()
            .filter_map(|&(_, tid)| hotpoll_sampler::cpu_ns_of(tid));
        clocks.sum()
    }

    /// The calling thread is the one that closes slices.
    pub fn i_am_the_drain(&self) {
        let _ = self.drain_thread.set(std::thread::current());
    }

    /// The calling thread is the one that looks by the wall clock.
    pub fn i_am_the_wall_thread(&self) {
        let _ = self.wall_thread.set(std::thread::current());
    }

    /// The calling thread is the one that watches modules.
    pub fn i_am_the_module_thread(&self) {
        let _ = self.module_thread.set(std::thread::current());
        let tid = hotpoll_sampler::current_tid();
        self.module_tid.store(tid, Ordering::Relaxed);
    }

    /// How long that thread has run; 0 before it has said that it is the one.
    pub fn module_thread_cpu_ns(&self) -> u64 {
        match self.module_tid.load(Ordering::Relaxed) {
            0 => 0,
            tid => hotpoll_sampler::cpu_ns_of(tid).unwrap_or(0),
        }
    }

    fn wake_drain(&self) {
        if let Some(thread) = self.drain_thread.get() {
            thread.unpark();
        }
    }

    /// Has the running slice closed, so that the recorder holds everything up to now.
    pub fn close_slice_now(&self) {
        self.progress
            .ask_for_slice(true, || self.wake_drain(), EXACT_PATIENCE);
    }

    /// The same, unless the running slice is too short to be worth one: askers come in crowds.
    pub fn close_slice_soon(&self) {
        self.progress
            .ask_for_slice(false, || self.wake_drain(), SLICE_PATIENCE);
    }

    /// Tells all threads to end.
    pub fn ask_to_stop(&self) {
        self.progress.stop();
        self.wake_drain();
        if let Some(thread) = self.wall_thread.get() {
            thread.unpark();
        }
        if let Some(thread) = self.module_thread.get() {
            thread.unpark();
        }
        self.waker.wake();
        dump_signal::wake();
    }

    /// Tells all threads to end, and waits for so long.
    pub fn stop(&self, patience: Duration) {
        self.ask_to_stop();
        self.progress.wait_for_end(patience);
        // Release: pairs with the Acquire in may_be_read().
        self.stopped.store(true, Ordering::Release);
    }

    /// Adds a sentence that belongs in every report.
    pub fn notice(&self, sentence: String) {
        let mut notices = lock(&self.notices);
        if notices.len() < MOST_NOTICES && !notices.contains(&sentence) {
            notices.push(sentence);
        }
    }

    /// The sentences that belong in every report.
    pub fn notices(&self) -> Vec<String> {
        let mut notices = lock(&self.notices).clone();
        let sampling = lock(&self.sampling).clone();
        if sampling.handler_replaced {
            notices.push(format!(
                "something else in this process has replaced hotpoll's handler of signal {}: sampling stands still; \
                 give hotpoll another signal (SIGURG), or start it after the other profiler",
                self.facts.signal
            ));
        }
        for (stretch, what) in [
            (sampling.slice_stretch, "closes slices"),
            (sampling.look_stretch, "looks for new threads"),
        ] {
            if stretch > 1 {
                notices.push(format!(
                    "to stay under 1 % of a core hotpoll {what} {stretch} times less often{NOT_OPTIMIZED}"
                ));
            }
        }
        let total = lock(&self.account).steady_total();
        if let Some(total) = total.filter(|total| *total > MOST_PROMISED) {
            notices.push(format!(
                "hotpoll's own threads take {:.1} % of a core, more than they are held to: emptying rings and answering clients cannot wait",
                total * 100.0
            ));
        }
        notices.extend(self.shown.notice());
        let wall_stretch = self.wall_stretch.load(Ordering::Relaxed);
        if wall_stretch > 1 {
            notices.push(format!(
                "to stay under 1 % of a core hotpoll looks at each thread {wall_stretch} times less often than the {} Hz asked for{NOT_OPTIMIZED}",
                self.facts.wall_asked_hz
            ));
        }
        notices
    }

    /// The process, and how it is sampled.
    pub fn process(&self) -> Process {
        let sampling = lock(&self.sampling).clone();
        let unwind_table_bytes = lock(&self.modules).table_bytes;
        Process {
            delivery_ns: sampling.delivery_ns,
            self_time_measured: sampling.self_time_measured,
            unwind_table_bytes,
            wall_stretch: self.wall_stretch.load(Ordering::Relaxed),
            notices: self.notices(),
            ..self.facts.process()
        }
    }

    /// An answer from the recorder. Only taking the snapshot holds its lock.
    pub fn profile(&self, query: Query) -> Profile {
        self.answer(query, false)
    }

    /// An answer that also says what every thread and task is doing now.
    pub fn profile_and_now(&self, query: Query) -> Profile {
        self.answer(query, true)
    }

    fn answer(&self, query: Query, with_now: bool) -> Profile {
        let snapshot = lock(&self.recorder).snapshot(query);
        let mut profile = snapshot.profile();
        if with_now {
            now::put(self, &snapshot, &mut profile);
        }
        let modules = Arc::clone(&lock(&self.modules).modules);
        attach_modules(&mut profile, &modules);
        let of_answer = std::mem::take(&mut profile.process.notices);
        profile.process = self.process();
        profile.fingerprint.machine = self.facts.machine.clone();
        profile.fingerprint.build = self.facts.build.clone();
        profile.process.wall_delivered_hz = wall_hz(&profile.totals());
        profile.process.notices.extend(of_answer);
        profile
    }
}

/// How often threads were looked at, on average over their lives.
fn wall_hz(totals: &Accounts) -> f64 {
    match totals.wall_ns {
        0 => 0.0,
        wall_ns => totals.looks as f64 * 1e9 / wall_ns as f64,
    }
}
