//! A storm of locks that never deadlocks: taken in one order, or with a time-out; held over sleeps and awaits, upgraded, left by panics, leaked, cancelled, sent on.
//! Nothing of it may be called a deadlock; what is called a possible one has to say why it is none, and truly so. The short form by default;
//! `HOTPOLL_TEST_STORM` is how many seconds it lasts (scripts/test: 60; with --long: 600).

use crate::async_storm::{self, AsyncLocks};
use crate::process::{Live, Numbers, READY, runtime};
use hotpoll::std::sync as std_sync;
use hotpoll::sync::{Mutex, RwLock, RwLockUpgradableReadGuard};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

const SHORT: Duration = Duration::from_secs(6);
/// Of each kind.
const LOCKS: usize = 6;
const KINDS: usize = 3;
const THREADS: u64 = 4;
const TASKS: u64 = 4;
/// Nothing in the storm waits for so long, on a machine that stands still for seconds now and then, too: what is there for longer is no time-out of a storm's.
const LONGEST_NS: u64 = 20_000_000_000;
/// When nothing has come to its end for so long the storm has stopped, and not the machine.
const STOPPED: Duration = Duration::from_secs(30);
/// What the process says, with the time, while threads and tasks come to the ends of their rounds.
const GOES_ON: &str = "the storm goes on at ";
/// So many answers at the least, and so long for them at the most. The process goes on for as long.
const ANSWERS: u32 = 11;
const PATIENCE: Duration = Duration::from_secs(120);

/// Why a circle of the storm's can end, in the verdict's words. Each is so somewhere in it; others are not.
const REASONS: [&str; 5] = [
    // try_lock_for and the like, tokio's timeouts.
    "gives up",
    // The other branch of a select, or a timeout of tokio's own.
    "something else may wake",
    // Children of a set, of which one sleeps with a lock.
    "goes on with the others",
    // An owned guard that an heir drops.
    "can be handed on",
    // The heir of a lock that was leaked, where the machine has no time for it.
    "may be sent",
];

struct Locks {
    mutexes: Vec<Mutex<u64>>,
    rwlocks: Vec<RwLock<u64>>,
    std_mutexes: Vec<std_sync::Mutex<u64>>,
    std_rwlocks: Vec<std_sync::RwLock<u64>>,
    /// Whoever gets it keeps it for ever: it is asked for with a time-out alone.
    leaked: Mutex<u64>,
    rounds: AtomicU64,
}

/// One round: some locks, one inside of the other.
fn round(locks: &Locks, numbers: &mut Numbers) {
    let in_order = numbers.below(3) > 0;
    let mut wanted: Vec<usize> = (0..1 + numbers.below(3))
        .map(|_| numbers.below((KINDS * LOCKS) as u64) as usize)
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
        match numbers.below(60) {
            0 => std::thread::sleep(Duration::from_millis(2)),
            1 => panic!("while it holds locks"),
            2 => drop(
                locks
                    .leaked
                    .try_lock_for(Duration::from_millis(2))
                    .map(std::mem::forget),
            ),
            _ => {}
        }
        return;
    };
    let patience = Duration::from_micros(200 + numbers.below(3_000));
    // Out of order a wait without an end could be a true deadlock.
    let timed = !in_order || numbers.below(4) == 0;
    let at = first % LOCKS;
    match first / LOCKS {
        0 => {
            let lock = &locks.mutexes[at];
            let held = match timed {
                true => lock.try_lock_for(patience),
                false => Some(lock.lock()),
            };
            if let Some(mut held) = held {
                *held += 1;
                take(locks, numbers, rest, in_order);
            }
        }
        1 => rwlock(locks, numbers, at, rest, (in_order, timed, patience)),
        _ => std_lock(locks, numbers, at, rest, in_order),
    }
}

/// Reading, writing, upgrading.
fn rwlock(
    locks: &Locks,
    numbers: &mut Numbers,
    at: usize,
    rest: &[usize],
    (in_order, timed, patience): (bool, bool, Duration),
) {
    let lock = &locks.rwlocks[at];
    match numbers.below(6) {
        0 => {
            let held = match timed {
                true => lock.try_write_for(patience),
                false => Some(lock.write()),
            };
            if let Some(mut held) = held {
                *held += 1;
                take(locks, numbers, rest, in_order);
            }
        }
        1 => {
            let held = match timed {
                true => lock.try_upgradable_read_for(patience),
                false => Some(lock.upgradable_read()),
            };
            let Some(held) = held else { return };
            let upgraded = match (timed, numbers.below(3)) {
                (_, 0) => {
                    take(locks, numbers, rest, in_order);
                    return;
                }
                (true, _) => RwLockUpgradableReadGuard::try_upgrade_for(held, patience).ok(),
                // What it holds besides comes before this one, for all who read this one, too.
                (false, _) => Some(RwLockUpgradableReadGuard::upgrade(held)),
            };
            if let Some(mut held) = upgraded {
                *held += 1;
                take(locks, numbers, rest, in_order);
            }
        }
        _ => {
            let held = match timed {
                true => lock.try_read_for(patience),
                false => Some(lock.read()),
            };
            if held.is_some() {
                take(locks, numbers, rest, in_order);
            }
        }
    }
}

/// std's know no time-outs: out of order they are tried.
fn std_lock(locks: &Locks, numbers: &mut Numbers, at: usize, rest: &[usize], in_order: bool) {
    if at.is_multiple_of(2) {
        let lock = &locks.std_mutexes[at];
        let held = match in_order {
            true => Some(lock.lock().unwrap_or_else(PoisonError::into_inner)),
            false => lock.try_lock().ok(),
        };
        if let Some(mut held) = held {
            *held += 1;
            take(locks, numbers, rest, in_order);
        }
        return;
    }
    let lock = &locks.std_rwlocks[at];
    if numbers.below(3) > 0 {
        let held = match in_order {
            true => Some(lock.read().unwrap_or_else(PoisonError::into_inner)),
            false => lock.try_read().ok(),
        };
        if held.is_some() {
            take(locks, numbers, rest, in_order);
        }
        return;
    }
    let held = match in_order {
        true => Some(lock.write().unwrap_or_else(PoisonError::into_inner)),
        false => lock.try_write().ok(),
    };
    if let Some(mut held) = held {
        *held += 1;
        take(locks, numbers, rest, in_order);
    }
}

/// Becomes the process: so many rounds as fit into the time, on threads and in tasks.
pub fn be(seconds: u64, seed: u64) {
    let locks = Arc::new(Locks {
        mutexes: (0..LOCKS).map(|_| Mutex::new(0)).collect(),
        rwlocks: (0..LOCKS).map(|_| RwLock::new(0)).collect(),
        std_mutexes: (0..LOCKS).map(|_| std_sync::Mutex::new(0)).collect(),
        std_rwlocks: (0..LOCKS).map(|_| std_sync::RwLock::new(0)).collect(),
        leaked: Mutex::new(0),
        rounds: AtomicU64::new(0),
    });
    let end = Instant::now() + Duration::from_secs(seconds) + PATIENCE;
    let runtime = runtime(2);
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
    let mut went_on = Instant::now();
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(200));
        let now = [&locks.rounds, &async_locks.rounds].map(|rounds| rounds.load(Relaxed));
        if now[0] > before[0] && now[1] > before[1] {
            (before, went_on) = (now, Instant::now());
            println!("{GOES_ON}{}", unix_ms());
        } else if went_on.elapsed() > STOPPED {
            println!("the storm has stopped: {before:?}, {now:?}");
            std::process::exit(3);
        }
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
    let mut answers = 0;
    let mut possible: BTreeMap<&str, u32> = BTreeMap::new();
    while began.elapsed() < length || (answers < ANSWERS && began.elapsed() < length + PATIENCE) {
        // Each wait counts, however short.
        for problem in live.stuck("1ms") {
            assert_ne!(problem["kind"], "deadlock", "seed {seed}: {problem:#}");
            if problem["kind"] == "possible deadlock" {
                *possible.entry(why_it_is_none(&problem, seed)).or_default() += 1;
            }
        }
        answers += 1;
    }
    println!("{answers} answers in {length:?}, seed {seed}; possible ones, and why: {possible:?}");
    assert!(answers >= ANSWERS, "{answers} answers");
    let now = unix_ms();
    let mut lines = BufReader::new(&mut live.1).lines().map_while(Result::ok);
    let goes_on = lines.any(|line| {
        let at = line.strip_prefix(GOES_ON).and_then(|at| at.parse().ok());
        at.is_some_and(|at: u128| at > now)
    });
    assert!(goes_on, "seed {seed}: the storm has stopped");
}

fn unix_ms() -> u128 {
    UNIX_EPOCH.elapsed().unwrap().as_millis()
}

/// A circle that is told of as a possible deadlock can end, says so, and does before long.
fn why_it_is_none(problem: &Value, seed: u64) -> &'static str {
    let evidence = problem["evidence"].as_array().unwrap();
    let says = |reason: &&&str| {
        let mut lines = evidence.iter().filter_map(Value::as_str);
        lines.any(|line| line.contains(**reason))
    };
    let reason = REASONS.iter().find(says);
    let reason = reason.unwrap_or_else(|| panic!("seed {seed}: no reason: {problem:#}"));
    assert_eq!(
        problem["confidence"], "possible",
        "seed {seed}: {problem:#}"
    );
    let age_ns = problem["age_ns"].as_u64().unwrap();
    assert!(age_ns < LONGEST_NS, "seed {seed}: {problem:#}");
    reason
}
