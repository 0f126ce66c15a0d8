//! Readers, writers, upgradable readers, reentrant mutexes, condition variables and onces tell who holds and who waits.

#[path = "lock_support/mod.rs"]
mod support;

use hotpoll_hooks::sync::{
    Condvar, Mutex, Once, OnceState, RecursiveRwLock, ReentrantMutex, RwLock, RwLockReadGuard,
    RwLockUpgradableReadGuard, RwLockWriteGuard,
};
use hotpoll_profile::{Mode, Resource, Since};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use support::{one, sampling, snapshot, tid, until, until_published, wait_with_stacks};

/// A thread that runs this, which says when it is there and waits to go on.
fn thread(run: impl FnOnce(&dyn Fn()) + Send + 'static) -> (JoinHandle<()>, Sender<()>, u32) {
    let (tell, told) = channel();
    let (stop, stopped) = channel::<()>();
    let thread = std::thread::spawn(move || {
        run(&|| {
            tell.send(tid()).unwrap();
            let _ = stopped.recv();
        });
    });
    let tid = told.recv().unwrap();
    (thread, stop, tid)
}

fn waits(count: usize) -> impl Fn(&Resource) -> bool {
    move |resource| resource.waiters.len() == count
}

fn holders(resource: &Resource) -> Vec<(u32, Mode, u64)> {
    let mut all: Vec<_> = resource
        .holders
        .iter()
        .map(|held| (held.party.tid, held.mode, held.amount))
        .collect();
    all.sort();
    all
}

#[test]
fn readers_are_known_while_a_writer_waits() {
    sampling();
    let lock = Arc::new(RwLock::new(0).named("readers"));
    let mut readers: Vec<_> = (0..3)
        .map(|_| {
            let lock = Arc::clone(&lock);
            thread(move |wait| {
                let _guard = lock.read();
                wait();
            })
        })
        .collect();
    let writer = std::thread::spawn({
        let lock = Arc::clone(&lock);
        move || *lock.write() += 1
    });
    let seen = until("readers", waits(1));
    let resource = one(&seen, "readers");
    let mut expected: Vec<_> = readers
        .iter()
        .map(|(.., tid)| (*tid, Mode::Shared, 1))
        .collect();
    expected.sort();
    assert_eq!(holders(resource), expected);
    assert!(resource.holders.iter().all(|held| held.confirmed));
    assert_eq!(resource.waiters[0].mode, Mode::Exclusive);
    for (.., tid) in &readers {
        until_published(*tid, 0, resource.id);
    }
    // The writer tells that it waits, and then stands in the lock's queue. One that comes after that waits behind it.
    let mut passed = 0;
    while let Some(guard) = lock.try_read() {
        drop(guard);
        passed += 1;
        std::thread::sleep(Duration::from_millis(1));
    }
    let late = std::thread::spawn({
        let lock = Arc::clone(&lock);
        move || *lock.read()
    });
    let seen = until("readers", waits(2));
    assert_eq!(one(&seen, "readers").waiters[1].mode, Mode::Shared);
    let (first, stop, _) = readers.remove(0);
    drop(stop);
    first.join().unwrap();
    assert_eq!(one(&snapshot(), "readers").holders.len(), 2);
    for (reader, stop, _) in readers {
        drop(stop);
        reader.join().unwrap();
    }
    writer.join().unwrap();
    assert_eq!(late.join().unwrap(), 1);
    let seen = snapshot();
    let resource = one(&seen, "readers");
    assert!(resource.holders.is_empty() && resource.waiters.is_empty());
    assert_eq!(
        (resource.shared.acquired, resource.exclusive.acquired),
        (4 + passed, 1)
    );
    assert_eq!(
        (resource.shared.contended, resource.exclusive.contended),
        (1, 1)
    );
}

#[test]
fn a_thread_reads_under_many_locks_at_once() {
    sampling();
    const NAMES: [&str; 20] = [
        "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r13",
        "r14", "r15", "r16", "r17", "r18", "r19",
    ];
    let locks: Vec<_> = NAMES
        .iter()
        .map(|name| RwLock::new(()).named(name))
        .collect();
    let reader = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let guards: Vec<_> = locks.iter().map(RwLock::read).collect();
            let again: Vec<_> = locks.iter().map(RwLock::read).collect();
            let seen = snapshot();
            let held = |name| {
                seen.resources
                    .iter()
                    .any(|each| each.name == name && each.holders.len() == 1)
            };
            let known = NAMES.iter().filter(|name| held(**name)).count();
            assert_eq!(known, 16, "as many as there are lines");
            let amounts = seen
                .resources
                .iter()
                .flat_map(|each| &each.holders)
                .filter(|held| held.party.tid == tid());
            assert!(amounts.clone().all(|held| held.amount == 2));
            drop((again, guards));
            tid()
        });
        reader.join().unwrap()
    });
    let seen = snapshot();
    for name in NAMES {
        let resource = one(&seen, name);
        assert!(resource.holders.iter().all(|held| held.party.tid != reader));
        assert_eq!(resource.shared.acquired, 2, "{name}");
    }
}

#[test]
fn downgrade_and_upgrade_change_the_mode() {
    sampling();
    let lock = RwLock::new(1).named("modes");
    let told = || holders(one(&snapshot(), "modes"));
    assert_ne!(lock.id(), 0);
    let me = tid();
    let write = lock.write();
    assert_eq!(told(), [(me, Mode::Exclusive, 1)]);
    let read = RwLockWriteGuard::downgrade(write);
    assert_eq!(told(), [(me, Mode::Shared, 1)]);
    drop(read);
    assert_eq!(told(), []);
    let upgradable = lock.upgradable_read();
    assert_eq!(told(), [(me, Mode::Upgradable, 1)]);
    let second = lock.try_read().unwrap();
    assert_eq!(told(), [(me, Mode::Shared, 1), (me, Mode::Upgradable, 1)]);
    let Err(upgradable) = RwLockUpgradableReadGuard::try_upgrade(upgradable) else {
        panic!("a reader is there");
    };
    drop(second);
    let write = RwLockUpgradableReadGuard::upgrade(upgradable);
    assert_eq!(told(), [(me, Mode::Exclusive, 1)]);
    let upgradable = RwLockWriteGuard::downgrade_to_upgradable(write);
    assert_eq!(told(), [(me, Mode::Upgradable, 1)]);
    let read = RwLockUpgradableReadGuard::downgrade(upgradable);
    assert_eq!(told(), [(me, Mode::Shared, 1)]);
    let mapped = RwLockReadGuard::map(read, |value| value);
    assert_eq!((told(), *mapped), (vec![(me, Mode::Shared, 1)], 1));
    drop(mapped);
    assert_eq!(told(), []);
    assert!(lock.try_write_for(Duration::from_millis(1)).is_some());
    assert_eq!(told(), []);
}

#[test]
fn an_upgrade_waits_for_the_readers() {
    sampling();
    let lock = Arc::new(RwLock::new(0).named("upgrade"));
    let (reader, stop, reads) = thread({
        let lock = Arc::clone(&lock);
        move |wait| {
            let _guard = lock.read();
            wait();
        }
    });
    let upgrader = std::thread::spawn({
        let lock = Arc::clone(&lock);
        move || {
            let guard = lock.upgradable_read();
            let Err(guard) =
                RwLockUpgradableReadGuard::try_upgrade_for(guard, Duration::from_millis(1))
            else {
                panic!("a reader is there");
            };
            *RwLockUpgradableReadGuard::upgrade(guard) += 1;
            tid()
        }
    });
    let seen = until("upgrade", |each| {
        each.waiters.first().is_some_and(|waiter| !waiter.timed)
    });
    let resource = one(&seen, "upgrade");
    let held = holders(resource);
    assert_eq!(held.len(), 2);
    assert!(held.contains(&(reads, Mode::Shared, 1)));
    assert_eq!(resource.waiters[0].mode, Mode::Upgrading);
    drop(stop);
    reader.join().unwrap();
    let upgrades = upgrader.join().unwrap();
    assert!(held.contains(&(upgrades, Mode::Upgradable, 1)));
    let seen = snapshot();
    let uses = &one(&seen, "upgrade").exclusive;
    assert_eq!((uses.timed_out, uses.contended), (1, 1));
    assert!(one(&seen, "upgrade").holders.is_empty());
}

/// A read guard that is forgotten on a thread that ends.
#[test]
fn forgotten_readers_are_counted() {
    sampling();
    let lock = Arc::new(RwLock::new(()).named("left"));
    let (reader, stop, _) = thread({
        let lock = Arc::clone(&lock);
        move |wait| {
            std::mem::forget(lock.read());
            wait();
        }
    });
    let seen = snapshot();
    let [held] = &one(&seen, "left").holders[..] else {
        panic!("one reader: {seen:#?}");
    };
    assert!(!held.gone && held.party.tid != 0);
    let site = held.site.clone();
    drop(stop);
    reader.join().unwrap();
    let seen = until("left", |each| {
        each.holders.iter().all(|held| held.party.tid == 0)
    });
    let resource = one(&seen, "left");
    if cfg!(feature = "send_guard") {
        assert_eq!((resource.holders.len(), resource.more_holders), (0, 1));
    } else {
        let [left] = &resource.holders[..] else {
            panic!("it holds still: {resource:#?}");
        };
        assert!(left.gone && left.confirmed && left.mode == Mode::Shared);
        assert_eq!((left.amount, &left.site), (1, &site));
        assert_eq!(resource.more_holders, 0);
    }
    assert!(lock.try_write().is_none());
}

#[test]
fn reentrant_acquisitions_are_at_their_own_place() {
    sampling();
    let lock = Arc::new(ReentrantMutex::new(5).named("reentrant"));
    let first = lock.lock();
    let line = line!() - 1;
    let second = lock.lock();
    let waiter = std::thread::spawn({
        let lock = Arc::clone(&lock);
        move || *lock.lock_arc()
    });
    let seen = until("reentrant", waits(1));
    let resource = one(&seen, "reentrant");
    let held = &resource.holders[0];
    assert_eq!((held.party.tid, held.site.line), (tid(), line));
    assert!(resource.waiters[0].site.file.ends_with("locks_shared.rs"));
    drop(first);
    assert!(!waiter.is_finished() && lock.is_owned_by_current_thread());
    drop(second);
    assert_eq!(waiter.join().unwrap(), 5);
    assert!(one(&snapshot(), "reentrant").holders.is_empty());
}

#[test]
fn waiting_on_a_condvar_is_not_holding_the_mutex() {
    sampling();
    let pair = Arc::new((
        Mutex::new(false).named("cv mutex"),
        Condvar::new().named("cv"),
    ));
    let waiter = std::thread::spawn({
        let pair = Arc::clone(&pair);
        move || {
            let mut ready = pair.0.lock();
            pair.1.wait_while(&mut ready, |ready| !*ready);
            *ready
        }
    });
    let seen = until("cv", wait_with_stacks(1));
    assert!(one(&seen, "cv mutex").holders.is_empty());
    // Notified, and not back: it waits for the mutex now, which we have.
    let mut ready = pair.0.lock();
    *ready = true;
    assert!(pair.1.notify_one());
    let seen = until("cv mutex", waits(1));
    assert!(one(&seen, "cv").waiters.is_empty());
    assert_eq!(one(&seen, "cv mutex").holders[0].party.tid, tid());
    std::thread::sleep(Duration::from_millis(5));
    drop(ready);
    assert!(waiter.join().unwrap());
    let seen = snapshot();
    assert_eq!(one(&seen, "cv").exclusive.contended, 1);
    assert_eq!(one(&seen, "cv mutex").exclusive.contended, 1);
    // By another clock, of which some thousandths are not known.
    assert!(one(&seen, "cv mutex").exclusive.wait_ns >= 4_950_000);
    let mut ready = pair.0.lock();
    assert!(
        pair.1
            .wait_for(&mut ready, Duration::from_millis(1))
            .timed_out()
    );
    assert!(pair.1.wait_until(&mut ready, Instant::now()).timed_out());
    let held = snapshot();
    assert_eq!(one(&held, "cv mutex").holders.len(), 1, "taken again");
    assert_eq!(one(&held, "cv").exclusive.timed_out, 2);
}

#[test]
fn all_are_notified() {
    sampling();
    const THREADS: usize = 6;
    let pair = Arc::new((
        Mutex::new(0).named("all mutex"),
        Condvar::new().named("all cv"),
    ));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let pair = Arc::clone(&pair);
            std::thread::spawn(move || {
                let mut count = pair.0.lock();
                *count += 1;
                while *count != 0 {
                    pair.1.wait(&mut count);
                }
            })
        })
        .collect();
    until("all cv", waits(THREADS));
    let mut count = pair.0.lock();
    *count = 0;
    assert_eq!(pair.1.notify_all(), THREADS);
    drop(count);
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!((pair.1.notify_all(), pair.1.notify_one()), (0, false));
    let seen = snapshot();
    assert_eq!(one(&seen, "all cv").exclusive.contended as usize, THREADS);
    assert!(one(&seen, "all cv").waiters.is_empty());
    assert!(one(&seen, "all mutex").holders.is_empty());
}

#[test]
#[should_panic(expected = "more than one mutex")]
fn two_mutexes_panic_as_with_parking_lot() {
    sampling();
    let one = Arc::new((Mutex::new(()), Condvar::new().named("two")));
    let other = Mutex::new(());
    let waiting = Arc::clone(&one);
    std::thread::spawn(move || waiting.1.wait(&mut waiting.0.lock()));
    until("two", waits(1));
    // The mutex of the first is free, so it does wait.
    let _guard = one.0.lock();
    one.1.wait(&mut other.lock());
}

#[test]
fn a_once_names_who_runs_it() {
    sampling();
    let once = Arc::new(Once::new().named("once"));
    let (runner, stop, runs) = thread({
        let once = Arc::clone(&once);
        move |wait| once.call_once(wait)
    });
    let waiters: Vec<_> = (0..2)
        .map(|_| {
            let once = Arc::clone(&once);
            std::thread::spawn(move || once.call_once(|| unreachable!("it runs already")))
        })
        .collect();
    let seen = until("once", waits(2));
    assert_eq!(holders(one(&seen, "once")), [(runs, Mode::Exclusive, 1)]);
    drop(stop);
    runner.join().unwrap();
    for waiter in waiters {
        waiter.join().unwrap();
    }
    let seen = snapshot();
    let resource = one(&seen, "once");
    assert!(resource.holders.is_empty() && resource.waiters.is_empty());
    assert_eq!(
        (resource.exclusive.acquired, resource.exclusive.contended),
        (1, 2)
    );
    assert!(once.is_completed());
    let given_up = Once::new();
    let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        given_up.call_once(|| std::panic::resume_unwind(Box::new(())));
    }));
    assert!(panics.is_err() && given_up.state() == OnceState::Poisoned);
    given_up.call_once_force(|state| assert!(state.is_poisoned()));
    assert!(given_up.is_completed());
}

/// Many threads that read and write: nobody is left over, and every acquisition is counted.
#[test]
fn every_acquisition_is_counted() {
    sampling();
    let lock = Arc::new(RwLock::new(0u64).named("counted"));
    let barrier = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (lock, barrier) = (Arc::clone(&lock), Arc::clone(&barrier));
            std::thread::spawn(move || {
                barrier.wait();
                for round in 0..2000u64 {
                    if round % 10 == 0 {
                        *lock.write() += 1;
                    } else {
                        std::hint::black_box(*lock.read());
                    }
                }
                tid()
            })
        })
        .collect();
    let tids: Vec<u32> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    let seen = snapshot();
    let resource = one(&seen, "counted");
    assert_eq!(
        (resource.exclusive.acquired, resource.shared.acquired),
        (800, 7200)
    );
    assert!(resource.holders.is_empty() && resource.waiters.is_empty());
    assert_eq!(*lock.read(), 800);
    // Nobody is left that says it waits or holds.
    for tid in tids {
        assert!(hotpoll_sampler::published_by(tid).is_none_or(|words| words.words().lock == 0));
    }
}

/// Readers come before a writer that waits, each timed by its own clock: so it shows that the writer was passed over.
#[test]
fn recursive_readers_pass_a_writer() {
    sampling();
    let lock = Arc::new(RecursiveRwLock::new(0).named("recursive"));
    let reader = lock.read();
    let writer = std::thread::spawn({
        let lock = Arc::clone(&lock);
        move || *lock.write() += 1
    });
    until("recursive", waits(1));
    let (late, stop, reads) = thread({
        let lock = Arc::clone(&lock);
        move |wait| {
            let _guard = lock.read();
            wait();
        }
    });
    drop(reader);
    std::thread::sleep(Duration::from_millis(2));
    let seen = snapshot();
    let resource = one(&seen, "recursive");
    assert_eq!(holders(resource), [(reads, Mode::Shared, 1)]);
    let held = &resource.holders[0];
    assert_eq!(held.since, Since::Exact);
    // By another clock, of which some thousandths are not known.
    assert!(held.since_ns >= 1_980_000 && held.since_ns < resource.waiters[0].since_ns);
    drop(stop);
    late.join().unwrap();
    writer.join().unwrap();
}

/// Guards that are sent: who took the lock is told, until whoever has the guard gives it back.
#[cfg(feature = "send_guard")]
#[test]
fn a_guard_that_was_sent_is_given_back_elsewhere() {
    sampling();
    let (mutex, read) = (
        Mutex::new(0).named("sent"),
        RwLock::new(0).named("sent read"),
    );
    std::thread::scope(|scope| {
        let guards = (mutex.lock(), read.read());
        let waiters = [
            scope.spawn(|| *mutex.lock() += 1),
            scope.spawn(|| *read.write() += 1),
        ];
        until("sent", waits(1));
        let seen = until("sent read", waits(1));
        for name in ["sent", "sent read"] {
            let held = &one(&seen, name).holders[0];
            assert_eq!((held.party.tid, held.movable), (tid(), true), "{name}");
        }
        scope.spawn(move || drop(guards));
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
    let words = hotpoll_sampler::published_by(tid()).unwrap().words();
    assert_eq!((words.lock, words.holds), (0, 0));
    let seen = snapshot();
    assert!(one(&seen, "sent").holders.is_empty());
    assert!(one(&seen, "sent read").holders.is_empty());
}
