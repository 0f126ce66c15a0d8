//! A storm of locks that never deadlocks: taken in one order, or with a time-out; held over sleeps and awaits, left by panics, cancelled. Nothing of it may be called
//! a deadlock. The short form by default; `HOTPOLL_TEST_STORM` is how many seconds it lasts (scripts/test: 60; with --long: 600).

use crate::async_storm::{self, AsyncLocks};
use crate::process::{Live, Numbers, READY};
use hotpoll::sync::{Mutex, RwLock};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_secs(6);
const LOCKS: usize = 6;
const THREADS: u64 = 4;
const TASKS: u64 = 4;

struct Locks {
    mutexes: Vec<Mutex<u64>>,
    rwlocks: Vec<RwLock<u64>>,
    rounds: AtomicU64,
}

/// One round: some locks, one inside of the other.
fn round(locks: &Locks, numbers: &mut Numbers) {
    let in_order = numbers.below(3) > 0;
    let mut wanted: Vec<usize> = (0..1 + numbers.below(3))
        .map(|_| numbers.below(2 * LOCKS as u64) as usize)
        .collect();
    if in_order {
        wanted.sort_unstable();
        wanted.dedup();
    }
    take(locks, numbers, &wanted, in_order);
    locks.rounds.fetch_add(1, Relaxed);
}

fn take(locks: &Locks, numbers: &mut Numbers, wanted: &[usize], in_order: bool) {
    let Some((&first, rest)) = wanted.split_first() else {
        match numbers.below(40) {
            0 => std::thread::sleep(Duration::from_millis(2)),
            1 => panic!("while it holds locks"),
            _ => {}
        }
        return;
    };
    let patience = Duration::from_micros(200 + numbers.below(3_000));
    // Out of order a wait without an end could be a true deadlock.
    let timed = !in_order || numbers.below(4) == 0;
    match first.checked_sub(LOCKS) {
        None => {
            let lock = &locks.mutexes[first];
            let held = match timed {
                true => lock.try_lock_for(patience),
                false => Some(lock.lock()),
            };
            if let Some(mut held) = held {
                *held += 1;
                take(locks, numbers, rest, in_order);
            }
        }
        Some(at) if numbers.below(3) > 0 => {
            let lock = &locks.rwlocks[at];
            let held = match timed {
                true => lock.try_read_for(patience),
                false => Some(lock.read()),
            };
            if held.is_some() {
                take(locks, numbers, rest, in_order);
            }
        }
        Some(at) => {
            let lock = &locks.rwlocks[at];
            let held = match timed {
                true => lock.try_write_for(patience),
                false => Some(lock.write()),
            };
            if let Some(mut held) = held {
                *held += 1;
                take(locks, numbers, rest, in_order);
            }
        }
    }
}

/// Becomes the process: so many rounds as fit into the time, on threads and in tasks.
pub fn be(seconds: u64, seed: u64) {
    let locks = Arc::new(Locks {
        mutexes: (0..LOCKS).map(|_| Mutex::new(0)).collect(),
        rwlocks: (0..LOCKS).map(|_| RwLock::new(0)).collect(),
        rounds: AtomicU64::new(0),
    });
    let end = Instant::now() + Duration::from_secs(seconds + 60);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll::runtime(&mut builder)
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let work = move |locks: &Locks, numbers: &mut Numbers| {
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| round(locks, numbers)));
    };
    for thread in 0..THREADS {
        let locks = Arc::clone(&locks);
        std::thread::spawn(move || {
            let mut numbers = Numbers::new(seed * 100 + thread);
            while Instant::now() < end {
                work(&locks, &mut numbers);
            }
        });
    }
    for task in 0..TASKS {
        let locks = Arc::clone(&locks);
        let _entered = runtime.enter();
        hotpoll::spawn_named("storm", async move {
            let mut numbers = Numbers::new(seed * 100 + 50 + task);
            while Instant::now() < end {
                work(&locks, &mut numbers);
                tokio::task::yield_now().await;
            }
        });
    }
    let async_locks = {
        let _entered = runtime.enter();
        let async_locks = AsyncLocks::start();
        for task in 0..TASKS {
            let locks = Arc::clone(&async_locks);
            hotpoll::spawn_named(
                "async storm",
                async_storm::run(locks, seed * 100 + 90 + task, end),
            );
        }
        async_locks
    };
    println!("{READY}");
    // Whoever waits for ever shows in this.
    let mut before = [0, 0];
    while Instant::now() < end {
        std::thread::sleep(Duration::from_secs(5));
        let now = [&locks.rounds, &async_locks.rounds].map(|rounds| rounds.load(Relaxed));
        if now[0] == before[0] || now[1] == before[1] {
            println!("the storm has stopped: {before:?}, {now:?}");
            std::process::exit(3);
        }
        before = now;
    }
}

#[test]
fn no_deadlock_is_seen_where_none_is() {
    let length = std::env::var("HOTPOLL_TEST_STORM").map_or(SHORT, |seconds| {
        Duration::from_secs(
            seconds
                .parse()
                .expect("HOTPOLL_TEST_STORM is a number of seconds"),
        )
    });
    let seed = u64::from(std::process::id());
    let mut live = Live::start(&format!("storm {} {seed}", length.as_secs()));
    let began = Instant::now();
    let (mut answers, mut possible) = (0, 0);
    while began.elapsed() < length {
        // Each wait counts, however short.
        for problem in live.stuck("1ms") {
            assert_ne!(problem["kind"], "deadlock", "seed {seed}: {problem:#}");
            possible += u32::from(problem["kind"] == "possible deadlock");
        }
        answers += 1;
    }
    println!(
        "{answers} answers in {length:?}, seed {seed}; {possible} possible ones, with time-outs in them"
    );
    assert!(answers > 10);
    assert_eq!(
        live.0.try_wait().unwrap(),
        None,
        "seed {seed}: the storm has stopped"
    );
}
