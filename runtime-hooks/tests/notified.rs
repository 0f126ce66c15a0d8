//! Condition variables: who was notified waits for the mutex, and who waits for work does not.
#![allow(unsafe_code)] // processor affinity

#[path = "lock_support/mod.rs"]
mod support;

use hotpoll_hooks::sync::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use support::{one, sampling, snapshot, until};

/// A queue of work, and those who wait for some.
struct Pool {
    queue: Mutex<VecDeque<Work>>,
    ready: Condvar,
    /// Nanoseconds by the test's clock in which somebody wanted the mutex, or had been notified: no more can have been waited for the mutex.
    wanted: AtomicU64,
}

struct Work {
    what: Option<u32>,
    given: Instant,
}

impl Pool {
    fn new(queue: &'static str, ready: &'static str) -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::new(VecDeque::new()).named(queue),
            ready: Condvar::new().named(ready),
            wanted: AtomicU64::new(0),
        })
    }

    fn wanted_since(&self, then: Instant) {
        let ns = then.elapsed().as_nanos() as u64;
        self.wanted.fetch_add(ns, Relaxed);
    }

    fn give(&self, what: Option<u32>) {
        let given = Instant::now();
        let mut queue = self.queue.lock();
        self.wanted_since(given);
        queue.push_back(Work { what, given });
        drop(queue);
        self.ready.notify_one();
    }

    fn take(&self) -> Option<u32> {
        let begun = Instant::now();
        let mut queue = self.queue.lock();
        self.wanted_since(begun);
        loop {
            if let Some(work) = queue.pop_front() {
                self.wanted_since(work.given);
                return work.what;
            }
            self.ready.wait(&mut queue);
        }
    }
}

/// This thread, and those that it starts, have one processor: who is notified has it at once, as it slept, and the one who notifies goes on later.
fn have_one_processor() {
    // SAFETY: the sets are local values of the size that is given, and the kernel's calls do nothing else.
    unsafe {
        let mut all: libc::cpu_set_t = std::mem::zeroed();
        let size = size_of::<libc::cpu_set_t>();
        assert_eq!(libc::sched_getaffinity(0, size, &mut all), 0);
        let first = (0..libc::CPU_SETSIZE as usize).find(|&cpu| libc::CPU_ISSET(cpu, &all));
        let mut one: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(first.unwrap(), &mut one);
        assert_eq!(libc::sched_setaffinity(0, size, &one), 0);
    }
}

/// Keeps the processor busy.
fn compute(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Who came back before its notification was told of was taken for one that had waited for the mutex since the notification before.
#[test]
fn who_waits_for_work_does_not_wait_for_the_mutex() {
    const PAUSE: Duration = Duration::from_millis(60);
    const TURNS: u32 = 12;
    const THREADS: usize = 3;
    sampling();
    have_one_processor();
    let pool = Pool::new("pool's queue", "pool's work");
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let pool = Arc::clone(&pool);
            std::thread::spawn(move || while pool.take().is_some() {})
        })
        .collect();
    until("pool's work", |each| each.waiters.len() == THREADS);
    for turn in 0..TURNS {
        pool.give(Some(turn));
        compute(PAUSE);
    }
    for _ in 0..THREADS {
        pool.give(None);
    }
    threads.into_iter().for_each(|one| one.join().unwrap());
    let seen = snapshot();
    let mutex = &one(&seen, "pool's queue").exclusive;
    // A processor may take its time to come: then it came late by the test's clock, too. Another one may have taken the work of who was notified.
    let wanted = pool.wanted.load(Relaxed);
    let most = wanted / 99 * 100 + 2 * PAUSE.as_nanos() as u64;
    assert!(mutex.wait_ns <= most, "{wanted} by the clock: {mutex:#?}");
}
