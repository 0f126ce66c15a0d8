//! The drain thread: from rings to slices.

use super::account::Job;
use super::long_polls::{PollId, StackOfPoll, Watched};
use super::pace::Pace;
use super::work_meter::WorkMeter;
use super::{SamplingFacts, Shared, lock};
use hotpoll_sampler::{HandlerState, Record, Sampler, ThreadInfo, ThreadKey, clock};
use hotpoll_symbolizer::recorder::{Observation, Recorder, SliceClocks, ThreadFacts};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A slice shorter than this is closed only for an asker who wants it exactly.
const LEAST_SLICE: Duration = Duration::from_millis(100);
/// Threads that announce themselves come in crowds: no look follows another sooner.
const LEAST_LOOK_PERIOD: Duration = Duration::from_millis(5);
/// A scan that a look asks for comes this many times sooner than it would.
const SOONER: u32 = 4;
/// Rings are emptied so much sooner than they need it, at the most, where that spares a wake-up: a look's usual period.
const SPARED_WITHIN: Duration = Duration::from_millis(25);
/// How often what all our threads have used is put down.
const SETTLE_PERIOD: Duration = Duration::from_secs(1);
/// How long to wait for our other threads to say that they are ours, before threads are looked for.
const THREADS_PATIENCE: Duration = Duration::from_secs(1);
/// How long the sampler is kept for the last file's look at threads and tasks.
const LAST_LOOK_PATIENCE: Duration = Duration::from_millis(500);

/// Runs until it is told to end.
pub(super) fn run(shared: &Shared, sampler: Sampler, work: WorkMeter) {
    hotpoll_sampler::register_drain_thread();
    shared.i_am_the_drain();
    shared.progress.wait_for_threads(THREADS_PATIENCE);
    // Whatever happens below: nobody waits for a slice that will not come.
    let _drained = Drained(shared);
    let mut drain = Drain {
        shared,
        sampler,
        work,
        pace: Pace::new(),
        slice_began: Instant::now(),
        scanned: Instant::now(),
        looked: Instant::now(),
        drained: Instant::now(),
        scan_sooner: false,
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
    work: WorkMeter,
    pace: Pace,
    slice_began: Instant,
    scanned: Instant,
    looked: Instant,
    drained: Instant,
    /// Whether there are threads that only a scan can find.
    scan_sooner: bool,
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
            } else if Instant::now() >= self.look_at() {
                self.look();
            }
            if wanted || age >= self.pace.slice.period() {
                self.close_slice();
            } else if self.is_drain_due() {
                self.drain();
            }
            if self.sampler.check_handler() == HandlerState::Replaced {
                lock(&self.shared.sampling).handler_replaced = true;
            }
            self.settle();
            if asked.close {
                self.shared.progress.answer(asked.number);
            }
            std::thread::park_timeout(self.until_next());
        }
        self.scan();
        self.close_slice();
        // The last file says what threads and tasks were doing, and nobody can look at them without the sampler.
        self.shared.progress.drained();
        self.shared.progress.wait_for_last_look(LAST_LOOK_PATIENCE);
        self.sampler.stop();
    }

    fn scan(&mut self) {
        let before_ns = hotpoll_sampler::thread_cpu_ns();
        self.sampler.scan_threads();
        let cpu_ns = hotpoll_sampler::thread_cpu_ns() - before_ns;
        let since_ns = self.scanned.elapsed().as_nanos() as u64;
        let share = self.spend(Job::Scan, cpu_ns);
        self.pace.scan.done(cpu_ns, since_ns, share);
        self.scanned = Instant::now();
        self.pace.met(self.sampler.met(), self.scanned);
        self.looked = self.scanned;
        self.scan_sooner = false;
    }

    fn look(&mut self) {
        let before_ns = hotpoll_sampler::thread_cpu_ns();
        self.scan_sooner = self.sampler.look_for_newcomers();
        let cpu_ns = hotpoll_sampler::thread_cpu_ns() - before_ns;
        let since_ns = self.looked.elapsed().as_nanos() as u64;
        let share = self.spend(Job::Look, cpu_ns);
        self.pace.look.done(cpu_ns, since_ns, share);
        self.looked = Instant::now();
        self.pace.met(self.sampler.met(), self.looked);
    }

    fn scan_at(&self) -> Instant {
        let period = self.pace.scan.period();
        self.scanned
            + if self.scan_sooner {
                period / SOONER
            } else {
                period
            }
    }

    /// When to look for newcomers: soon after one has announced itself, else now and then.
    fn look_at(&self) -> Instant {
        let period = if self.sampler.announced() {
            LEAST_LOOK_PERIOD
        } else {
            self.pace.look_period(Instant::now())
        };
        self.looked + period
    }

    fn drain_at(&self) -> Instant {
        self.drained + Duration::from_nanos(self.sampler.next_drain_ns())
    }

    /// Whether the rings are to be emptied now: when they are due, or will be before the next look. A wake-up for that alone is spared.
    fn is_drain_due(&self) -> bool {
        let now = Instant::now();
        let next = self.look_at().min(self.scan_at());
        next.min(now + SPARED_WITHIN).max(now) >= self.drain_at()
    }

    /// Empties the rings into the recorder.
    fn drain(&mut self) {
        self.drained = Instant::now();
        let watched = lock(&self.shared.long_polls).watched();
        let tids = self.tids(&watched);
        let mut of_polls = Vec::new();
        let mut recorder = lock(&self.shared.recorder);
        self.sampler.drain(&mut |thread, record| {
            if !watched.is_empty() {
                of_polls.extend(stacks_of_polls(
                    &watched,
                    tids.get(&thread).copied(),
                    record,
                ));
            }
            // One that stands for no time only shows what a long poll does, or a sleeper that was asked.
            if record.expiries == 0 {
                self.shared
                    .shown
                    .put(thread, record.truncation, record.callchain);
                return;
            }
            recorder.observe(&Observation {
                thread,
                state: record.state,
                truncation: record.truncation,
                task: record.words.task,
                kind: record.words.kind,
                context: record.words.context,
                lock: record.words.lock,
                holds: record.words.holds,
                expiries: record.expiries,
                cpu_ns: record.cpu_ns,
                wall_ns: 0,
                callchain: record.callchain,
            });
        });
        drop(recorder);
        if !of_polls.is_empty() {
            let mut long_polls = lock(&self.shared.long_polls);
            of_polls
                .into_iter()
                .for_each(|(id, stack)| long_polls.add(id, stack));
        }
    }

    /// The threads of those of the polls that were running a moment ago.
    fn tids(&self, watched: &[Watched]) -> HashMap<ThreadKey, u32> {
        /// Older records than that have been drained.
        const RECENTLY_NS: f64 = 2e9;
        if watched.is_empty() {
            return HashMap::new();
        }
        let (now, ns_per_tick) = (clock::now(), clock::ns_per_tick());
        let is_recent = |watched: &&Watched| {
            now.saturating_sub(watched.open_at) as f64 * ns_per_tick < RECENTLY_NS
        };
        let recent = watched.iter().filter(is_recent);
        let polling: HashSet<u32> = recent.map(|watched| watched.tid).collect();
        if polling.is_empty() {
            return HashMap::new();
        }
        let threads = self.sampler.threads();
        threads
            .filter(|(_, thread)| polling.contains(&thread.tid))
            .map(|(key, thread)| (key, thread.tid))
            .collect()
    }

    /// How long there is nothing to do.
    fn until_next(&self) -> Duration {
        let slice_ends = self.slice_began + self.pace.slice.period();
        let next = self.scan_at().min(self.look_at()).min(self.drain_at());
        next.min(slice_ends)
            .saturating_duration_since(Instant::now())
    }

    fn close_slice(&mut self) {
        self.drain();
        let before_ns = hotpoll_sampler::thread_cpu_ns();
        let mut clocks = self.sampler.close_slice();
        let ended = std::mem::take(&mut clocks.ended);
        let clocks = SliceClocks {
            start_unix_ns: clocks.start_unix_ns,
            duration_ns: clocks.duration_ns,
            process_cpu_ns: clocks.process_cpu_ns,
            unseen_cpu_ns: clocks.unseen_cpu_ns,
            threads: clocks.threads,
            work: self.work.read(),
        };
        if let Some(notice) = self.work.notice() {
            self.shared.notice(notice);
        }
        let mut recorder = lock(&self.shared.recorder);
        for (key, thread) in &ended {
            recorder.describe_thread(*key, &facts(thread));
        }
        describe_threads(&self.sampler, &mut recorder);
        let sequence = recorder.close_slice(&clocks);
        drop(recorder);

        // The first one holds the attaching of all threads, which does not come again.
        if !std::mem::take(&mut self.first_slice) {
            let cpu_ns = hotpoll_sampler::thread_cpu_ns() - before_ns;
            let share = self.spend(Job::Slice, cpu_ns);
            self.pace.slice.done(cpu_ns, clocks.duration_ns, share);
        }
        self.slice_began = Instant::now();
        *lock(&self.shared.sampling) = self.sampling_facts();
        self.shared.progress.slice_closed(sequence);
        // AcqRel: a client that set it has looked for slices before, and looks again when woken.
        if self.shared.slice_wanted.swap(false, Ordering::AcqRel) {
            self.shared.waker.wake();
        }
    }

    /// Puts down what a job has taken. Returns the share of a core that it may have.
    fn spend(&self, job: Job, cpu_ns: u64) -> f64 {
        let mut account = lock(&self.shared.account);
        account.spend(job, cpu_ns);
        account.share(job)
    }

    /// Now and then puts down what all our threads have used. Not before the first slice: attaching all threads at the start comes only once.
    fn settle(&self) {
        let settled = lock(&self.shared.account).settled();
        if !self.first_slice && settled.is_none_or(|then| then.elapsed() >= SETTLE_PERIOD) {
            let cpu_ns = self.shared.cpu_ns();
            lock(&self.shared.account).settle(Instant::now(), cpu_ns);
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
            descriptors: limits.perf_descriptors(),
            descriptors_allowed: limits.descriptors_allowed(),
            handler_replaced,
            slice_stretch: self.pace.slice.stretch(),
            look_stretch: self.pace.look.stretch(),
        }
    }
}

/// What a record shows of the polls that are watched: the innermost that its thread was in, and the outermost. Of those between, if three and more are
/// inside of one another, a record does not say whether they still run; the watchdog has seen it since.
fn stacks_of_polls(
    watched: &[Watched],
    tid: Option<u32>,
    record: &Record<'_>,
) -> Vec<(PollId, StackOfPoll)> {
    let words = &record.words;
    let innermost = PollId {
        task: words.task,
        start: words.poll_start,
    };
    // The record does not name the outermost poll's task; nor do two polls begin at one tick of the clock.
    let is_outermost = |id: &PollId| words.root_start != 0 && id.start == words.root_start;
    let is_between = |watched: &Watched| tid.is_some_and(|tid| watched.holds(tid, record.ticks));
    let shown = watched.iter().filter(|watched| {
        watched.id == innermost || is_outermost(&watched.id) || is_between(watched)
    });
    shown
        .map(|Watched { id, .. }| {
            let stack = StackOfPoll {
                at: record.ticks.saturating_sub(id.start),
                state: record.state,
                callchain: record.callchain.to_vec(),
            };
            (*id, stack)
        })
        .collect()
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
