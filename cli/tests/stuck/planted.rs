//! Planted deadlocks: two to five members, threads and tasks, locks of parking_lot's, std's and tokio's, reading, writing and upgrading. Each is found, whole,
//! and by whoever asks two seconds after it has closed, or later.

use crate::process::{Live, Numbers, READY, runtime};
use hotpoll::std::sync as std_sync;
use hotpoll::sync::{Mutex, RwLock, RwLockUpgradableReadGuard};
use hotpoll::tokio::sync as tokio_sync;
use serde_json::Value;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

/// From the moment when all members wait to the moment of the snapshot that names them. Both are by the agent's clock: the promise is about the verdict, and a busy
/// machine may run the command late.
const PROMISED_NS: u64 = 2_000_000_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// A lock that one member holds in one way, and the one before wants in another, which cannot be meanwhile.
#[allow(clippy::enum_variant_names, reason = "as the types are called")]
enum Lock {
    Mutex(Mutex<u32>),
    StdMutex(std_sync::Mutex<u32>),
    RwLock(RwLock<u32>, Way),
    StdRwLock(std_sync::RwLock<u32>, Way),
    Tokio(tokio_sync::Mutex<u32>),
    TokioRwLock(tokio_sync::RwLock<u32>, Way),
}

/// How it is held, and then how it is waited for.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    WriteWrite,
    WriteRead,
    ReadWrite,
    UpgradableUpgradable,
    UpgradableWrite,
    /// The one who waits holds it upgradable, beside the reader.
    ReadUpgrade,
}

/// Kinds of locks for threads, and for members that block their thread.
const SYNC: usize = 10;

impl Lock {
    fn of_threads(number: usize) -> Self {
        match number % SYNC {
            0 => Self::Mutex(Mutex::new(0)),
            1 => Self::StdMutex(std_sync::Mutex::new(0)),
            2 => Self::RwLock(RwLock::new(0), Way::WriteWrite),
            3 => Self::RwLock(RwLock::new(0), Way::WriteRead),
            4 => Self::RwLock(RwLock::new(0), Way::ReadWrite),
            5 => Self::RwLock(RwLock::new(0), Way::UpgradableUpgradable),
            6 => Self::RwLock(RwLock::new(0), Way::UpgradableWrite),
            7 => Self::RwLock(RwLock::new(0), Way::ReadUpgrade),
            8 => Self::StdRwLock(std_sync::RwLock::new(0), Way::WriteRead),
            _ => Self::StdRwLock(std_sync::RwLock::new(0), Way::ReadWrite),
        }
    }

    fn of_tasks(number: usize) -> Self {
        match number % 3 {
            0 => Self::Tokio(tokio_sync::Mutex::new(0)),
            1 => Self::TokioRwLock(tokio_sync::RwLock::new(0), Way::ReadWrite),
            _ => Self::TokioRwLock(tokio_sync::RwLock::new(0), Way::WriteRead),
        }
    }

    /// Holds it while something else is done. By a thread, or in a task's poll; one of tokio's by a thread alone.
    fn hold(&self, meanwhile: impl FnOnce()) {
        match self {
            Self::Mutex(lock) => {
                let _held = lock.lock();
                meanwhile();
            }
            Self::StdMutex(lock) => {
                let _held = lock.lock().unwrap();
                meanwhile();
            }
            Self::RwLock(lock, Way::WriteWrite | Way::WriteRead) => {
                let _held = lock.write();
                meanwhile();
            }
            Self::RwLock(lock, Way::ReadWrite | Way::ReadUpgrade) => {
                let _held = lock.read();
                meanwhile();
            }
            Self::RwLock(lock, _) => {
                let _held = lock.upgradable_read();
                meanwhile();
            }
            Self::StdRwLock(lock, Way::WriteRead) => {
                let _held = lock.write().unwrap();
                meanwhile();
            }
            Self::StdRwLock(lock, _) => {
                let _held = lock.read().unwrap();
                meanwhile();
            }
            Self::Tokio(lock) => {
                let _held = lock.blocking_lock();
                meanwhile();
            }
            Self::TokioRwLock(lock, Way::WriteRead) => {
                let _held = lock.blocking_write();
                meanwhile();
            }
            Self::TokioRwLock(lock, _) => {
                let _held = lock.blocking_read();
                meanwhile();
            }
        }
    }

    /// Waits for it once `all_hold` what they hold.
    fn wait(&self, all_hold: impl FnOnce()) {
        if let Self::RwLock(lock, Way::ReadUpgrade) = self {
            let held = lock.upgradable_read();
            all_hold();
            drop(RwLockUpgradableReadGuard::upgrade(held));
            return;
        }
        all_hold();
        match self {
            Self::Mutex(lock) => drop(lock.lock()),
            Self::StdMutex(lock) => drop(lock.lock()),
            Self::RwLock(lock, Way::WriteRead) => drop(lock.read()),
            Self::RwLock(lock, Way::UpgradableUpgradable) => drop(lock.upgradable_read()),
            Self::RwLock(lock, _) => drop(lock.write()),
            Self::StdRwLock(lock, Way::WriteRead) => drop(lock.read()),
            Self::StdRwLock(lock, _) => drop(lock.write()),
            Self::Tokio(lock) => drop(lock.blocking_lock()),
            Self::TokioRwLock(lock, Way::WriteRead) => drop(lock.blocking_read()),
            Self::TokioRwLock(lock, _) => drop(lock.blocking_write()),
        }
    }

    /// Stands behind those who wait, in a way that they stand in.
    fn wait_behind(&self) {
        match self {
            Self::RwLock(lock, _) => drop(lock.write()),
            _ => self.wait(|| {}),
        }
    }

    async fn wait_in_a_task(&self) {
        match self {
            Self::Tokio(lock) => drop(lock.lock().await),
            Self::TokioRwLock(lock, Way::WriteRead) => drop(lock.read().await),
            Self::TokioRwLock(lock, _) => drop(lock.write().await),
            _ => self.wait(|| {}),
        }
    }
}

/// Becomes a process in which so many wait for each other in locks of threads, and two more behind them.
pub fn be(members: usize, seed: u64) {
    let locks = (0..members).map(|member| Lock::of_threads(seed as usize + member));
    let locks: Arc<Vec<Lock>> = Arc::new(locks.collect());
    let mut numbers = Numbers::new(seed);
    let runtime = runtime(members);
    let all_hold = Arc::new(Barrier::new(members));
    for member in 0..members {
        let (locks, all_hold) = (Arc::clone(&locks), Arc::clone(&all_hold));
        let body = move || {
            locks[member].hold(|| {
                locks[(member + 1) % members].wait(|| {
                    all_hold.wait();
                });
            });
        };
        match numbers.below(2) {
            0 => thread(member, body),
            // It blocks its worker in its poll: that is what such tasks do.
            _ => {
                let _entered = runtime.enter();
                hotpoll::spawn_named("member", async move { body() });
            }
        }
    }
    stand_behind(&locks);
    println!("{READY}");
    std::thread::sleep(Duration::from_secs(300));
}

/// Becomes a process in which so many wait for each other in locks of tasks and of threads in turn, and two more behind them.
pub fn be_mixed(members: usize, seed: u64) {
    let locks = (0..members).map(|member| match member % 2 {
        0 => Lock::of_tasks(seed as usize + member / 2),
        _ => Lock::of_threads(seed as usize + member),
    });
    let locks: Arc<Vec<Lock>> = Arc::new(locks.collect());
    let runtime = runtime(members);
    let all_hold = Arc::new(Barrier::new(members));
    for member in 0..members {
        let (of_all, all_hold) = (Arc::clone(&locks), Arc::clone(&all_hold));
        let next = (member + 1) % members;
        if !member.is_multiple_of(2) {
            // Guards of threads' locks are not held over an await: who holds one waits for a task's by blocking.
            thread(member, move || {
                of_all[member].hold(|| {
                    of_all[next].wait(|| {
                        all_hold.wait();
                    });
                });
            });
            continue;
        }
        let _entered = runtime.enter();
        hotpoll::spawn_named("member", async move {
            let (_mutex, _read, _write);
            match &of_all[member] {
                Lock::Tokio(lock) => _mutex = lock.lock().await,
                Lock::TokioRwLock(lock, Way::WriteRead) => _write = lock.write().await,
                Lock::TokioRwLock(lock, _) => _read = lock.read().await,
                _ => unreachable!("it is a task's"),
            }
            match &of_all[next] {
                Lock::Tokio(_) | Lock::TokioRwLock(..) => {
                    all_hold.wait();
                    of_all[next].wait_in_a_task().await;
                }
                lock => lock.wait(|| {
                    all_hold.wait();
                }),
            }
        });
    }
    stand_behind(&locks);
    println!("{READY}");
    std::thread::sleep(Duration::from_secs(300));
}

fn thread(member: usize, body: impl FnOnce() + Send + 'static) {
    let name = format!("member-{member}");
    std::thread::Builder::new().name(name).spawn(body).unwrap();
}

/// Two who are not a part of it.
fn stand_behind(locks: &Arc<Vec<Lock>>) {
    for _ in 0..2 {
        let locks = Arc::clone(locks);
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            locks[0].wait_behind();
        });
    }
}

/// Becomes a process in which so many tasks wait for each other in async locks, and two more behind them. No thread is blocked.
pub fn be_async(members: usize, seed: u64) {
    let runtime = runtime(2);
    let _entered = runtime.enter();
    let locks = (0..members).map(|member| Lock::of_tasks(seed as usize + member));
    let locks: Arc<Vec<Lock>> = Arc::new(locks.collect());
    let all_hold = Arc::new(tokio_sync::Barrier::new(members));
    for member in 0..members {
        let locks = Arc::clone(&locks);
        let all_hold = Arc::clone(&all_hold);
        hotpoll::spawn_named("member", async move {
            let (_mutex, _read, _write);
            match &locks[member] {
                Lock::Tokio(lock) => _mutex = lock.lock().await,
                Lock::TokioRwLock(lock, Way::WriteRead) => _write = lock.write().await,
                Lock::TokioRwLock(lock, _) => _read = lock.read().await,
                _ => unreachable!("they are tasks'"),
            }
            all_hold.wait().await;
            locks[(member + 1) % members].wait_in_a_task().await;
        });
    }
    for _ in 0..2 {
        let locks = Arc::clone(&locks);
        hotpoll::spawn_named("behind", async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            locks[0].wait_in_a_task().await;
        });
    }
    println!("{READY}");
    std::thread::sleep(Duration::from_secs(300));
}

/// Asks until the deadlock is named with all who wait behind it. Whoever asked two seconds after it had closed, or later, was told.
#[track_caller]
fn check(role: &str, confidence: &str) {
    let members: usize = role.split(' ').nth(1).unwrap().parse().unwrap();
    let live = Live::start(role);
    let began = Instant::now();
    let is_whole = |problem: &Value| {
        let cycle = problem["cycle"].as_array().unwrap();
        // A thread that polls a member is none itself.
        let waiting = cycle.iter().filter(|link| !link["resource"].is_null());
        problem["kind"] == "deadlock" && waiting.count() == members
    };
    let (mut closed_ns, mut told_nothing_ns) = (0, Vec::new());
    loop {
        let answer = live.answer("1s");
        let taken_ns = answer["taken_unix_ns"].as_u64().unwrap();
        let problems = answer["problems"].as_array().unwrap();
        let deadlock = problems.iter().find(|problem| is_whole(problem));
        match deadlock {
            None => told_nothing_ns.push(taken_ns),
            Some(deadlock) if closed_ns == 0 => {
                let age_ns = deadlock["age_ns"].as_u64().unwrap();
                closed_ns = taken_ns - age_ns;
                println!("{role}: named {} ms after it closed", age_ns / 1_000_000);
            }
            _ => {}
        }
        if let Some(deadlock) = deadlock
            && deadlock["victims"].as_array().unwrap().len() == 2
        {
            assert_eq!(deadlock["confidence"], confidence, "{role}: {deadlock:#}");
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{role}: {problems:#?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    for taken_ns in told_nothing_ns {
        assert!(
            taken_ns < closed_ns + PROMISED_NS,
            "{role}: not named {} ms after it closed",
            (taken_ns - closed_ns) / 1_000_000
        );
    }
}

/// Locks of threads: each kind is in one of these circles, held and waited for in each of its ways.
#[track_caller]
fn check_threads(members: usize, seeds: &[usize]) {
    for seed in seeds {
        check(&format!("planted {members} {seed}"), "certain");
    }
}

#[test]
fn two_members() {
    check_threads(2, &[0, 2, 4, 6, 8]);
}

#[test]
fn three_members() {
    check_threads(3, &[0, 3, 7]);
}

#[test]
fn four_members() {
    check_threads(4, &[1, 6]);
}

#[test]
fn five_members() {
    check_threads(5, &[0, 5]);
}

/// Guards of tokio's locks may be sent, without a sign: no more than likely.
#[test]
fn members_that_are_tasks_in_async_locks() {
    for members in 2..6 {
        check(&format!("planted-async {members} {members}"), "likely");
    }
}

#[test]
fn members_in_locks_of_tasks_and_of_threads() {
    for members in 2..6 {
        check(
            &format!("planted-mixed {members} {}", members + 1),
            "likely",
        );
    }
}
