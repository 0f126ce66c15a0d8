//! The part of the storm that tasks make with tokio's primitives: locks in one order and over awaits, waits that are cancelled by a time-out or lose a
//! select, guards that end in another task (of a lock that was leaked, too: nothing shows that they were sent), guards that are leaked, a semaphore, a channel whose receiver holds nothing; children of a set of futures that sleep with a lock which others
//! of the set wait for.

use crate::process::Numbers;
use futures::stream::{FuturesUnordered, StreamExt};
use hotpoll::tokio::sync::{Mutex, RwLock, Semaphore, mpsc};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const LOCKS: usize = 4;
const PERMITS: usize = 2;
const ROOM: usize = 4;
/// Futures of a set. With more a task waits for several things at once, which is told from a deadlock by that alone.
const CHILDREN: usize = 2;
/// A child sleeps for longer than a look takes, so that its task is seen suspended all the while.
const NAP: Duration = Duration::from_millis(25);

/// Of these a guard can be borrowed for ever, and be sent on.
static HANDED_ON: [Mutex<u64>; 2] = [Mutex::const_new(0), Mutex::const_new(0)];

/// What the tasks share.
pub struct AsyncLocks {
    mutexes: Vec<Arc<Mutex<u64>>>,
    rwlocks: Vec<RwLock<u64>>,
    permits: Semaphore,
    sender: mpsc::Sender<u64>,
    of_sets: [Mutex<u64>; 2],
    leaked: Mutex<u64>,
    pub rounds: AtomicU64,
}

impl AsyncLocks {
    /// The locks, and the task that receives. Call it inside of the runtime.
    pub fn start() -> Arc<Self> {
        let (sender, mut receiver) = mpsc::channel(ROOM);
        hotpoll::spawn_named("receiver", async move {
            while receiver.recv().await.is_some() {
                tokio::task::yield_now().await;
            }
        });
        Arc::new(Self {
            mutexes: (0..LOCKS).map(|_| Arc::new(Mutex::new(0))).collect(),
            rwlocks: (0..LOCKS).map(|_| RwLock::new(0)).collect(),
            permits: Semaphore::new(PERMITS),
            sender,
            of_sets: [Mutex::new(0), Mutex::new(0)],
            leaked: Mutex::new(0),
            rounds: AtomicU64::new(0),
        })
    }
}

/// Rounds until the end.
pub async fn run(locks: Arc<AsyncLocks>, seed: u64, end: Instant) {
    let mut numbers = Numbers::new(seed);
    while Instant::now() < end {
        round(&locks, &mut numbers).await;
        locks.rounds.fetch_add(1, Relaxed);
    }
}

async fn round(locks: &Arc<AsyncLocks>, numbers: &mut Numbers) {
    let (one, other) = (numbers.below(LOCKS as u64), numbers.below(LOCKS as u64));
    let (first, second) = (one.min(other) as usize, one.max(other) as usize);
    let pause = Duration::from_micros(numbers.below(1_500));
    match numbers.below(10) {
        // In order: mutexes before read-write locks, permits last.
        0 => {
            let mut held = locks.mutexes[first].lock().await;
            *held += 1;
            tokio::time::sleep(pause).await;
            let _read = locks.rwlocks[second].read().await;
            let _permit = locks.permits.acquire().await;
            let _ = locks.sender.send(*held).await;
        }
        1 if first < second => {
            let _first = locks.rwlocks[first].write().await;
            let _second = locks.rwlocks[second].write().await;
            tokio::time::sleep(pause).await;
        }
        // Out of order, and given up after a time: the wait is cancelled.
        2 => {
            let _held = locks.mutexes[second].lock().await;
            let wait = locks.mutexes[first].lock();
            let _ = tokio::time::timeout(pause + Duration::from_micros(200), wait).await;
        }
        // The loser of a select is cancelled, too.
        3 => {
            let _held = locks.rwlocks[second].write().await;
            tokio::select! {
                _ = locks.rwlocks[first].write() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        // A guard that another task lets go, while this one waits for the same lock.
        4 => {
            let held = Arc::clone(&locks.mutexes[first]).lock_owned().await;
            hotpoll::spawn_named("heir", async move {
                tokio::time::sleep(pause).await;
                drop(held);
            });
            drop(locks.mutexes[first].lock().await);
        }
        // The same without an owned guard.
        5 => {
            let lock = &HANDED_ON[numbers.below(2) as usize];
            let held = lock.lock().await;
            hotpoll::spawn_named("heir", async move {
                tokio::time::sleep(NAP).await;
                drop(held);
            });
            drop(lock.lock().await);
        }
        // One child sleeps with a lock that the next one waits for, in this task and in others.
        6 => {
            // Of one lock both, or of one each.
            let apart = numbers.below(2) as usize;
            let mut children: FuturesUnordered<_> = (0..CHILDREN)
                .map(|child| async move {
                    let mut held = locks.of_sets[child * apart].lock().await;
                    tokio::time::sleep(NAP).await;
                    *held += 1;
                })
                .collect();
            while children.next().await.is_some() {}
        }
        // Of a lock that lives for ever, on the heap: that it is one cannot be seen.
        7 => {
            // The storm keeps so many of them.
            let lock: &'static Mutex<u64> = Box::leak(Box::new(Mutex::new(0)));
            let held = lock.lock().await;
            hotpoll::spawn_named("heir", async move {
                tokio::time::sleep(NAP).await;
                drop(held);
            });
            drop(lock.lock().await);
        }
        // One that was leaked with its guard: asked for with a time-out alone.
        8 => {
            let wait = tokio::time::timeout(pause, locks.leaked.lock());
            if let Ok(held) = wait.await {
                std::mem::forget(held);
            }
        }
        // A task that is aborted while it holds, or waits.
        _ => {
            let of_task = Arc::clone(locks);
            let task = hotpoll::spawn_named("aborted", async move {
                let _held = of_task.mutexes[first].lock().await;
                let _permit = of_task.permits.acquire().await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            });
            tokio::time::sleep(pause).await;
            task.abort();
            let _ = task.await;
        }
    }
}
