//! Planted deadlocks: two to five members, threads and tasks, mutexes and read-write locks, reading and writing. Each is found, whole and at once.

use crate::process::{Live, Numbers, READY};
use hotpoll::sync::{Mutex, RwLock};
use serde_json::Value;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

/// From the moment when all members wait to the answer that names them: the promise is about the verdict, and the machine may be busy.
const PROMISED: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(60);

/// A lock of any of the kinds.
enum Lock {
    Mutex(Mutex<u32>),
    RwLock(RwLock<u32>),
}

impl Lock {
    /// Holds it, reading if that is wanted and can be, while something else is done.
    fn hold(&self, read: bool, meanwhile: impl FnOnce()) {
        match self {
            Self::Mutex(lock) => {
                let _held = lock.lock();
                meanwhile();
            }
            Self::RwLock(lock) if read => {
                let _held = lock.read();
                meanwhile();
            }
            Self::RwLock(lock) => {
                let _held = lock.write();
                meanwhile();
            }
        }
    }

    /// Waits for it, in a way that whoever holds it stands in.
    fn wait(&self) {
        self.hold(false, || {});
    }
}

/// Becomes a process in which so many wait for each other, and two more behind them.
pub fn be(members: usize, seed: u64) {
    let mut numbers = Numbers::new(seed);
    let locks: Arc<Vec<Lock>> = Arc::new(
        (0..members)
            .map(|_| match numbers.below(2) {
                0 => Lock::Mutex(Mutex::new(0)),
                _ => Lock::RwLock(RwLock::new(0)),
            })
            .collect(),
    );
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll::runtime(&mut builder)
        .worker_threads(members)
        .enable_time()
        .build()
        .unwrap();
    let all_hold = Arc::new(Barrier::new(members));
    for member in 0..members {
        let (locks, all_hold) = (Arc::clone(&locks), Arc::clone(&all_hold));
        let read = numbers.below(2) == 0;
        let body = move || {
            locks[member].hold(read, || {
                all_hold.wait();
                locks[(member + 1) % members].wait();
            });
        };
        match numbers.below(2) {
            0 => {
                let name = format!("member-{member}");
                std::thread::Builder::new().name(name).spawn(body).unwrap();
            }
            // It blocks its worker in its poll: that is what such tasks do.
            _ => {
                let _entered = runtime.enter();
                hotpoll::spawn_named("member", async move { body() });
            }
        }
    }
    // Not a part of it.
    for _ in 0..2 {
        let locks = Arc::clone(&locks);
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            locks[0].wait();
        });
    }
    println!("{READY}");
    std::thread::sleep(Duration::from_secs(300));
}

/// Becomes a process in which so many tasks wait for each other in async locks, and two more behind them. No thread is blocked.
pub fn be_async(members: usize) {
    use hotpoll::tokio::sync::{Barrier, Mutex, RwLock};
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll::runtime(&mut builder)
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    // Mutexes and read-write locks in turn.
    let mutexes: Arc<Vec<Mutex<()>>> = Arc::new((0..members).map(|_| Mutex::new(())).collect());
    let rwlocks: Arc<Vec<RwLock<()>>> = Arc::new((0..members).map(|_| RwLock::new(())).collect());
    let all_hold = Arc::new(Barrier::new(members));
    for member in 0..members {
        let (mutexes, rwlocks) = (Arc::clone(&mutexes), Arc::clone(&rwlocks));
        let all_hold = Arc::clone(&all_hold);
        let next = (member + 1) % members;
        hotpoll::spawn_named("member", async move {
            let (_mutex, _reading);
            if member.is_multiple_of(2) {
                _mutex = mutexes[member].lock().await;
            } else {
                _reading = rwlocks[member].read().await;
            }
            all_hold.wait().await;
            if next.is_multiple_of(2) {
                drop(mutexes[next].lock().await);
            } else {
                drop(rwlocks[next].write().await);
            }
        });
    }
    for _ in 0..2 {
        let mutexes = Arc::clone(&mutexes);
        hotpoll::spawn_named("behind", async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            drop(mutexes[0].lock().await);
        });
    }
    println!("{READY}");
    std::thread::sleep(Duration::from_secs(300));
}

#[track_caller]
fn check(members: usize, seed: u64) {
    check_role(members, &format!("planted {members} {seed}"));
}

#[track_caller]
fn check_role(members: usize, role: &str) {
    let live = Live::start(role);
    let began = Instant::now();
    let is_whole = |problem: &Value| {
        let cycle = problem["cycle"].as_array().unwrap();
        // A thread that polls a member is none itself.
        let waiting = cycle.iter().filter(|link| !link["resource"].is_null());
        problem["kind"] == "deadlock" && waiting.count() == members
    };
    loop {
        let problems = live.stuck("1s");
        if let Some(deadlock) = problems.iter().find(|problem| is_whole(problem)) {
            let victims = deadlock["victims"].as_array().unwrap().len();
            if victims == 2 {
                // Guards of tokio's locks may be sent, without a sign.
                let sure = match role.starts_with("planted-async") {
                    true => "likely",
                    false => "certain",
                };
                assert_eq!(deadlock["confidence"], sure);
                let late = began.elapsed();
                println!("{role}: named after {late:?}, promised {PROMISED:?}");
                return;
            }
        }
        assert!(began.elapsed() < PATIENCE, "{role}: {problems:#?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn members_that_are_tasks_in_async_locks() {
    (2..6).for_each(|members| check_role(members, &format!("planted-async {members}")));
}

#[test]
fn two_members() {
    (0..4).for_each(|seed| check(2, seed));
}

#[test]
fn three_members() {
    (10..12).for_each(|seed| check(3, seed));
}

#[test]
fn four_members() {
    (20..22).for_each(|seed| check(4, seed));
}

#[test]
fn five_members() {
    (30..34).for_each(|seed| check(5, seed));
}
