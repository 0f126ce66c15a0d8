//! Condition variables: who was notified waits for the mutex, and who waits for work does not.
#![allow(unsafe_code)] // processor affinity

#[path = "lock_support/mod.rs"]
mod support;

use hotpoll_hooks::sync::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{one, sampling, snapshot, until};

/// A queue of work, and those who wait for some.
struct Pool {
    queue: Mutex<VecDeque<Option<u32>>>,
    ready: Condvar,
}

impl Pool {
    fn new(queue: &'static str, ready: &'static str) -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::new(VecDeque::new()).named(queue),
            ready: Condvar::new().named(ready),
        })
    }

    fn give(&self, work: Option<u32>) {
        self.queue.lock().push_back(work);
        self.ready.notify_one();
    }

    fn take(&self) -> Option<u32> {
        let mut queue = self.queue.lock();
        while queue.is_empty() {
            self.ready.wait(&mut queue);
        }
        queue.pop_front().flatten()
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
    let seen = snapshot();
    let mutex = &one(&seen, "pool's queue").exclusive;
    // A processor may take its time to come, now and then.
    let third = mutex.wait.quantile(0.66).unwrap_or(0);
    assert!(
        mutex.contended < u64::from(TURNS) / 2 || third < PAUSE.as_nanos() as u64,
        "{mutex:#?}"
    );
    for _ in 0..THREADS {
        pool.give(None);
    }
    threads.into_iter().for_each(|one| one.join().unwrap());
}
