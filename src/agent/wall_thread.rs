//! The capture thread: looks at every thread by the wall clock, gives the recorder what the sleeping ones wait for, and watches for long polls.
//!
//! It is a thread of its own, and not the modules' one: that waits for the loader's lock, and what holds the loader's lock is just what
//! somebody may want to see.

use super::account::Job;
use super::run_delays::RunDelays;
use super::wall_pace::WallPace;
use super::{Shared, lock};
use hotpoll_sampler::{Look, ThreadKey};
use hotpoll_symbolizer::recorder::{Observation, Recorder, Seen};
use std::collections::HashMap;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// So many findings are put into the recorder at once: it is the drain's, too.
const FINDINGS_A_LOCK: usize = 64;

/// How often it is asked how long polls have waited for a processor: with the next round after that.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// How often a part of all locks is looked at: what is held though nobody waits is held since such a look, at least.
const LOCKS_EVERY: Duration = Duration::from_millis(500);

/// Runs until it is told to end. A rate of 0 is no looks, and a threshold of 0 no watch for long polls.
pub(super) fn run(shared: &Shared, hz: u32, long_poll: Duration) {
    shared.i_am_the_wall_thread();
    let mut rounds = (hz > 0).then(|| Rounds::new(shared, hz));
    let mut checks = Checks::new(shared, long_poll);
    while !shared.progress.is_stopping() {
        let now = Instant::now();
        let is_round = rounds.as_mut().is_some_and(|rounds| rounds.run_if_due(now));
        let next_round = rounds.as_ref().map(|rounds| rounds.next);
        // A round comes when it comes, so that nothing the program does stays in step with it; a check comes along with it, and spares a wake-up of its own.
        let next_check = checks.run(Instant::now(), is_round);
        let next = next_check.into_iter().chain(next_round);
        let Some(next) = next.min() else { return };
        std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
    }
}

/// Watches for long polls, where there are hooks.
struct Checks<'s> {
    #[cfg(feature = "tokio")]
    watchdog: Option<super::watchdog::Watchdog>,
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    shared: &'s Shared,
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    next: Instant,
}

impl<'s> Checks<'s> {
    #[cfg_attr(not(feature = "tokio"), allow(unused_variables))]
    fn new(shared: &'s Shared, long_poll: Duration) -> Self {
        #[cfg(feature = "tokio")]
        if !long_poll.is_zero() {
            lock(&shared.long_polls).begin();
        }
        Self {
            #[cfg(feature = "tokio")]
            watchdog: super::watchdog::Watchdog::new(long_poll),
            shared,
            next: Instant::now(),
        }
    }

    /// Runs one if it is due, if a poll has woken us, or if we are up anyway; when the next one is due.
    #[cfg(feature = "tokio")]
    fn run(&mut self, now: Instant, is_up: bool) -> Option<Instant> {
        let watchdog = self.watchdog.as_mut()?;
        if is_up || now >= self.next || watchdog.sleeps() {
            self.next = now + watchdog.check(self.shared);
        }
        Some(self.next)
    }

    #[cfg(not(feature = "tokio"))]
    fn run(&mut self, _: Instant, _: bool) -> Option<Instant> {
        None
    }
}

/// Rounds of looks at every thread.
struct Rounds<'s> {
    shared: &'s Shared,
    pace: WallPace,
    notes: Notes,
    delays: RunDelays,
    tell_next: Instant,
    locks_next: Instant,
    next: Instant,
    last: Instant,
    /// What telling, and looking at locks, has cost since the last round.
    told: Duration,
    threads: usize,
}

impl<'s> Rounds<'s> {
    fn new(shared: &'s Shared, hz: u32) -> Self {
        let seed = u64::from(shared.facts.pid) << 32 | shared.facts.start_ticks;
        let mut pace = WallPace::new(hz, seed);
        let now = Instant::now();
        Self {
            shared,
            next: now + pace.wait(),
            pace,
            notes: Notes::default(),
            delays: RunDelays::default(),
            tell_next: now + TELL_EVERY,
            locks_next: now + LOCKS_EVERY,
            last: now,
            told: Duration::ZERO,
            threads: 0,
        }
    }

    /// Runs one if it is due, and with it what is done now and then. Whether it was.
    fn run_if_due(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        self.run();
        self.next = now + self.pace.wait();
        if now >= self.tell_next {
            let before = own_cpu();
            let mut off_cpu = lock(&self.shared.off_cpu);
            let mut batch = Batch::new(self.shared);
            self.delays.tell(&mut off_cpu, &mut |waited| {
                batch.recorder().observe(waited);
            });
            drop(batch);
            drop(off_cpu);
            self.told += own_cpu().saturating_sub(before);
            self.tell_next = now + TELL_EVERY;
        }
        if now >= self.locks_next {
            let before = own_cpu();
            hotpoll_hooks::sync::look();
            self.told += own_cpu().saturating_sub(before);
            self.locks_next = now + LOCKS_EVERY;
        }
        true
    }

    fn run(&mut self) {
        // Not what the watch for long polls has cost on this thread meanwhile: that cannot wait, and the account takes it off first. Charged to the looks as
        // well, it was more than their least share beside a task that computes, and there were no looks any more.
        let cpu_before = own_cpu();
        let (shared, notes, delays) = (self.shared, &mut self.notes, &mut self.delays);
        let mut looked = 0;
        if let Some(budget_ns) = self.pace.budget_ns() {
            let shown = shared.shown.take();
            let mut off_cpu = lock(&shared.off_cpu);
            for (thread, truncation, callchain) in shown {
                off_cpu.answer(thread, truncation, &callchain);
            }
            let mut batch = Batch::new(shared);
            delays.begin();
            looked = off_cpu.look(budget_ns, &mut |thread, look| {
                if look.state.is_blocked() {
                    notes.take_down(batch.recorder(), thread, look);
                }
                if let Some(waited) = delays.look(thread, look) {
                    batch.recorder().observe(&waited);
                }
            });
            self.threads = off_cpu.threads();
            shared.shown.signalled(off_cpu.signalled());
        }
        notes.forget_beyond(self.threads);
        let now = Instant::now();
        let told = std::mem::take(&mut self.told);
        let (time, cost) = (now - self.last, own_cpu().saturating_sub(cpu_before) + told);
        let share = {
            let mut account = lock(&shared.account);
            account.spend(Job::Wall, cost.as_nanos() as u64);
            account.share(Job::Wall)
        };
        self.pace.passed(time, cost, looked, self.threads, share);
        self.last = now;
        shared
            .wall_stretch
            .store(self.pace.stretch(), Ordering::Relaxed);
    }
}

/// The recorder's lock, let go now and then.
struct Batch<'s> {
    shared: &'s Shared,
    held: Option<MutexGuard<'s, Recorder>>,
    left: usize,
}

impl<'s> Batch<'s> {
    fn new(shared: &'s Shared) -> Self {
        Self {
            shared,
            held: None,
            left: 0,
        }
    }

    fn recorder(&mut self) -> &mut Recorder {
        if self.left == 0 {
            self.held = None;
            self.left = FINDINGS_A_LOCK;
        }
        self.left -= 1;
        self.held.get_or_insert_with(|| lock(&self.shared.recorder))
    }
}

/// Where the recorder has put each thread's last finding.
#[derive(Default)]
struct Notes {
    seen: HashMap<ThreadKey, (u64, Seen)>,
}

impl Notes {
    fn take_down(&mut self, recorder: &mut Recorder, thread: ThreadKey, look: &Look<'_>) {
        let before = self.seen.get(&thread);
        if let Some((number, seen)) = before
            && *number == look.number
            && recorder.look_again(seen, look.wall_ns)
        {
            return;
        }
        let seen = recorder.observe(&Observation {
            thread,
            state: look.state,
            truncation: look.truncation,
            task: look.words.task,
            kind: look.words.kind,
            context: look.words.context,
            lock: look.words.lock,
            holds: look.words.holds,
            expiries: 1,
            cpu_ns: 0,
            wall_ns: look.wall_ns,
            callchain: look.callchain,
        });
        self.seen.insert(thread, (look.number, seen));
    }

    /// Notes of threads that have ended must not pile up.
    fn forget_beyond(&mut self, threads: usize) {
        if self.seen.len() > 2 * threads + 64 {
            self.seen = HashMap::new();
        }
    }
}

/// The calling thread's CPU time.
fn own_cpu() -> Duration {
    Duration::from_nanos(hotpoll_sampler::thread_cpu_ns())
}
