//! The drain thread: from rings to slices.

use super::pace::Pace;
use super::{SamplingFacts, Shared, lock};
use hotpoll_sampler::{HandlerState, Sampler, ThreadInfo};
use hotpoll_symbolizer::recorder::{Observation, Recorder, SliceClocks, ThreadFacts};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A slice shorter than this is closed only for an asker who wants it exactly.
const LEAST_SLICE: Duration = Duration::from_millis(100);
/// Threads that announce themselves come in crowds: no scan follows another sooner.
const LEAST_SCAN_PERIOD: Duration = Duration::from_millis(10);
/// How long to wait for our other threads to say that they are ours, before threads are looked for.
const THREADS_PATIENCE: Duration = Duration::from_secs(1);

/// Runs until it is told to end.
pub(super) fn run(shared: &Shared, sampler: Sampler) {
    hotpoll_sampler::register_drain_thread();
    shared.i_am_the_drain();
    shared.progress.wait_for_threads(THREADS_PATIENCE);
    // Whatever happens below: nobody waits for a slice that will not come.
    let _drained = Drained(shared);
    let mut drain = Drain {
        shared,
        sampler,
        pace: Pace::new(),
        own_tid: hotpoll_sampler::current_tid(),
        slice_began: Instant::now(),
        scanned: Instant::now(),
        first_slice: true,
    };
    drain.sampler.scan_threads();
    drain.sampler.measure_delivery();
    drain.run();
}

struct Drained<'a>(&'a Shared);

impl Drop for Drained<'_> {
    fn drop(&mut self) {
        self.0.progress.drained();
        self.0.waker.wake();
    }
}

struct Drain<'a> {
    shared: &'a Shared,
    sampler: Sampler,
    pace: Pace,
    own_tid: u32,
    slice_began: Instant,
    scanned: Instant,
    first_slice: bool,
}

impl Drain<'_> {
    fn run(&mut self) {
        loop {
            let asked = self.shared.progress.asked();
            if asked.stop {
                break;
            }
            let age = self.slice_began.elapsed();
            let worth_it = asked.exactly || self.first_slice || age >= LEAST_SLICE;
            let wanted = asked.close && worth_it;
            // Who asks wants to see threads that have just come, too.
            if wanted || Instant::now() >= self.scan_at() {
                self.scan();
            }
            if wanted || age >= self.pace.slice_period() {
                self.close_slice();
            } else {
                self.drain();
            }
            if self.sampler.check_handler() == HandlerState::Replaced {
                lock(&self.shared.sampling).handler_replaced = true;
            }
            if asked.close {
                self.shared.progress.answer(asked.number);
            }
            std::thread::park_timeout(self.until_next());
        }
        self.scan();
        self.close_slice();
        self.sampler.stop();
    }

    fn scan(&mut self) {
        self.sampler.scan_threads();
        self.scanned = Instant::now();
    }

    /// When to look for threads: soon after one has announced itself, else now and then.
    fn scan_at(&self) -> Instant {
        let period = if self.sampler.announced() {
            LEAST_SCAN_PERIOD
        } else {
            self.pace.scan_period()
        };
        self.scanned + period
    }

    /// Empties the rings into the recorder.
    fn drain(&mut self) {
        let mut recorder = lock(&self.shared.recorder);
        self.sampler.drain(&mut |thread, record| {
            recorder.observe(&Observation {
                thread,
                state: record.state,
                truncation: record.truncation,
                task: record.words.task,
                kind: record.words.kind,
                context: record.words.context,
                expiries: record.expiries,
                cpu_ns: record.cpu_ns,
                callchain: record.callchain,
            });
        });
    }

    /// How long there is nothing to do.
    fn until_next(&self) -> Duration {
        let now = Instant::now();
        let drain = Duration::from_nanos(self.sampler.next_drain_ns());
        let scan = self.scan_at().saturating_duration_since(now);
        let slice_ends = self.slice_began + self.pace.slice_period();
        drain
            .min(scan)
            .min(slice_ends.saturating_duration_since(now))
    }

    fn close_slice(&mut self) {
        self.drain();
        // The sampler forgets ended threads when the slice closes.
        let ended = self.sampler.threads().filter(|(_, thread)| thread.exited);
        let mut recorder = lock(&self.shared.recorder);
        ended.for_each(|(key, thread)| recorder.describe_thread(key, &facts(thread)));
        drop(recorder);

        let clocks = self.sampler.close_slice();
        let own_key = self
            .sampler
            .threads()
            .find(|(_, thread)| thread.tid == self.own_tid);
        let own_key = own_key.map(|(key, _)| key);
        let own = clocks.threads.iter().find(|(key, _)| Some(*key) == own_key);
        let own_cpu_ns = own.map_or(0, |(_, accounts)| accounts.cpu_ns);
        let clocks = SliceClocks {
            start_unix_ns: clocks.start_unix_ns,
            duration_ns: clocks.duration_ns,
            process_cpu_ns: clocks.process_cpu_ns,
            unseen_cpu_ns: clocks.unseen_cpu_ns,
            threads: clocks.threads,
        };
        let mut recorder = lock(&self.shared.recorder);
        describe_threads(&self.sampler, &mut recorder);
        let sequence = recorder.close_slice(&clocks);
        drop(recorder);

        // The first one holds the attaching of all threads, which does not come again.
        if !std::mem::take(&mut self.first_slice) {
            self.pace.slice_closed(own_cpu_ns, clocks.duration_ns);
        }
        self.slice_began = Instant::now();
        *lock(&self.shared.sampling) = self.sampling_facts();
        self.shared.progress.slice_closed(sequence);
        // AcqRel: a client that set it has looked for slices before, and looks again when woken.
        if self.shared.slice_wanted.swap(false, Ordering::AcqRel) {
            self.shared.waker.wake();
        }
    }

    fn sampling_facts(&mut self) -> SamplingFacts {
        let handler_replaced = self.sampler.check_handler() == HandlerState::Replaced;
        let limits = self.sampler.limits();
        SamplingFacts {
            delivery_ns: self.sampler.delivery_ns(),
            self_time_measured: self.sampler.self_time_measured(),
            perf_errno: self.sampler.perf_errno(),
            timers: limits.timers,
            timers_allowed: limits.timers_allowed,
            descriptors: limits.descriptors,
            descriptors_allowed: limits.descriptors_allowed,
            handler_replaced,
            stretch: self.pace.stretch(),
        }
    }
}

fn describe_threads(sampler: &Sampler, recorder: &mut Recorder) {
    for (key, thread) in sampler.threads() {
        recorder.describe_thread(key, &facts(thread));
    }
}

fn facts(thread: &ThreadInfo) -> ThreadFacts<'_> {
    ThreadFacts {
        tid: thread.tid,
        start_ticks: thread.start_ticks,
        name: &thread.name,
        exited: thread.exited,
        own: thread.own,
        engine: thread.engine,
        engine_reason: thread.engine_reason,
        signal_blocked: thread.signal_blocked,
        tick_biased: thread.tick_biased,
    }
}
