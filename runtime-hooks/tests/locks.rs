//! Locks of threads tell who holds them and who waits, with stacks and times; and only what is so.

#[path = "lock_support/mod.rs"]
mod support;

use hotpoll_hooks::sync::{Mutex, MutexGuard};
use hotpoll_profile::{Mode, Resource, ResourceKind, Since};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use support::{one, sampling, snapshot, tid, until, until_published, wait_with_stacks};

/// A thread that takes the lock and says when it has it and who it is, until the sender that it is given goes away.
fn holder<T: Send + 'static>(
    lock: &Arc<Mutex<T>>,
) -> (
    std::thread::JoinHandle<()>,
    std::sync::mpsc::Sender<()>,
    u32,
) {
    let (tell, told) = channel();
    let (stop, stopped) = channel::<()>();
    let lock = Arc::clone(lock);
    let thread = std::thread::spawn(move || {
        let _guard = lock.lock();
        tell.send(tid()).unwrap();
        let _ = stopped.recv();
    });
    let tid = told.recv().unwrap();
    (thread, stop, tid)
}

fn waits(count: usize) -> impl Fn(&Resource) -> bool {
    move |resource| resource.waiters.len() == count
}

#[test]
fn holder_and_waiters_are_named_in_order() {
    sampling();
    let lock = Arc::new(Mutex::new(0).named("in order"));
    let (thread, stop, holds) = holder(&lock);
    let mut waiters = Vec::new();
    let mut waited_for = None;
    for count in 1..=3 {
        let lock = Arc::clone(&lock);
        waiters.push(std::thread::spawn(move || {
            *lock.lock() += 1;
            tid()
        }));
        until("in order", wait_with_stacks(count));
        waited_for.get_or_insert_with(Instant::now);
    }
    let seen = snapshot();
    let resource = one(&seen, "in order");
    assert_eq!(resource.kind, ResourceKind::Mutex);
    assert!(
        resource.site.file.ends_with("locks.rs"),
        "{:?}",
        resource.site
    );
    assert_eq!(resource.holders.len(), 1);
    let held = &resource.holders[0];
    assert_eq!((held.party.tid, held.mode), (holds, Mode::Exclusive));
    assert!(held.confirmed && held.site.file.ends_with("locks.rs"));
    // A look may have found it just before the first waiter told of itself.
    assert!(matches!(held.since, Since::AtLeast | Since::Sampled));
    assert!(held.since_ns >= resource.waiters[0].since_ns);
    assert!(
        resource
            .waiters
            .iter()
            .all(|waiter| waiter.confirmed && !waiter.timed)
    );
    assert!(
        resource.waiters.iter().all(|waiter| waiter.stack[0] > 3),
        "{resource:#?}"
    );
    let order: Vec<u32> = resource
        .waiters
        .iter()
        .map(|waiter| waiter.party.tid)
        .collect();
    until_published(order[0], resource.id, 0);
    until_published(holds, 0, resource.id);
    let held_for = waited_for.unwrap().elapsed();
    drop(stop);
    thread.join().unwrap();
    let tids: Vec<u32> = waiters
        .into_iter()
        .map(|waiter| waiter.join().unwrap())
        .collect();
    assert_eq!(order, tids);
    let seen = snapshot();
    let resource = one(&seen, "in order");
    assert!(resource.holders.is_empty() && resource.waiters.is_empty());
    let uses = &resource.exclusive;
    assert_eq!((uses.acquired, uses.contended), (4, 3));
    let longest = uses.longest_wait.as_ref().unwrap();
    // The first in most cases; but who is woken first need not run first.
    assert!(tids.contains(&longest.who.tid));
    assert_eq!(longest.other.unwrap().tid, holds);
    assert!(longest.stack[0] > 3);
    // The holder's, unless another one lost its processor for longer while it had the lock.
    let longest = uses.longest_hold.as_ref().unwrap();
    assert!(longest.who.tid == holds || tids.contains(&longest.who.tid));
    assert!(
        u128::from(longest.ns) >= less_a_clock(held_for),
        "{longest:?}, at the least {held_for:?}"
    );
    assert_eq!(*lock.lock(), 3);
}

/// So long by our clock may be as little by another one: what a tick is in nanoseconds is known by some thousandths at first.
fn less_a_clock(time: Duration) -> u128 {
    time.as_nanos() * 99 / 100
}

/// Held when nobody waits: no clock was read, so it is since the first look that found it. Or the second, where two look at one time, as tests beside
/// this one do: then once more.
#[test]
fn what_nobody_waits_for_is_held_since_a_look() {
    sampling();
    let names = ["looked at", "looked at 2", "looked at 3", "looked at 4"];
    let told: Vec<String> = (names.iter())
        .map_while(|name| held_since_a_look(name).err())
        .collect();
    assert!(told.len() < names.len(), "{told:#?}");
}

/// Says if it is told as younger than it is.
fn held_since_a_look(name: &'static str) -> Result<(), String> {
    let lock = Arc::new(Mutex::new(()).named(name));
    // So often that it has a row; the one after that is not timed.
    (0..64).for_each(|_| drop(lock.lock()));
    let begun = Instant::now();
    let (thread, stop, holds) = holder(&lock);
    let is_held = |resource: &Resource| resource.holders.len() == 1;
    until(name, is_held);
    let looked = Instant::now();
    std::thread::sleep(Duration::from_millis(20));
    hotpoll_hooks::sync::look();
    let least = looked.elapsed();
    let seen = snapshot();
    let held = &one(&seen, name).holders[0];
    let most = begun.elapsed();
    assert_eq!((held.party.tid, held.since), (holds, Since::Sampled));
    assert!(held.confirmed);
    let since = Duration::from_nanos(held.since_ns);
    assert!(
        less_a_clock(since) <= most.as_nanos(),
        "{since:?}, at the most {most:?}"
    );
    drop(stop);
    thread.join().unwrap();
    // Another acquisition is another one, though by the same thread from the same place.
    let guard = lock.lock();
    let again = Instant::now();
    let seen = snapshot();
    let held = &one(&seen, name).holders[0];
    assert_eq!((held.party.tid, held.since), (tid(), Since::Sampled));
    assert!(u128::from(held.since_ns) <= again.elapsed().as_nanos());
    drop(guard);
    match less_a_clock(least) <= since.as_nanos() {
        true => Ok(()),
        false => Err(format!("{since:?}, at the least {least:?}")),
    }
}

/// The same for readers, whose lines are looked at.
#[test]
fn what_is_read_is_held_since_a_look_too() {
    sampling();
    let lock = hotpoll_hooks::sync::RwLock::new(()).named("read while looked at");
    let guard = lock.read();
    hotpoll_hooks::sync::look();
    let looked = Instant::now();
    std::thread::sleep(Duration::from_millis(10));
    let least = looked.elapsed();
    let seen = snapshot();
    let held = &one(&seen, "read while looked at").holders[0];
    assert_eq!((held.party.tid, held.since), (tid(), Since::Sampled));
    assert!(u128::from(held.since_ns) >= less_a_clock(least), "{held:?}");
    drop(guard);
}

/// Waits against a clock of the test's own. A thread that loses its processor between that and ours spoils a run, the less the longer its waits are.
#[test]
fn waits_and_holds_are_as_long_as_a_clock_says() {
    sampling();
    let runs = [
        ("clock 1", 20),
        ("clock 2", 80),
        ("clock 3", 320),
        ("clock 4", 1280),
    ];
    let told: Vec<String> = runs
        .iter()
        .map_while(|(name, ms)| off_by(name, Duration::from_millis(*ms)).err())
        .collect();
    assert!(told.len() < runs.len(), "{told:#?}");
}

/// Says whether the waits are more than a tenth off, with the lock held for so long each time. All else is as the clock says in any case.
fn off_by(name: &'static str, sleep: Duration) -> Result<(), String> {
    let lock = Arc::new(Mutex::new(()).named(name));
    let (mut waited, mut held) = (Duration::ZERO, Duration::ZERO);
    let rounds = 5;
    for _ in 0..rounds {
        let taken = Instant::now();
        let (thread, stop, _) = holder(&lock);
        let waiter = std::thread::spawn({
            let lock = Arc::clone(&lock);
            move || {
                let begun = Instant::now();
                drop(lock.lock());
                begun.elapsed()
            }
        });
        until(name, waits(1));
        std::thread::sleep(sleep);
        drop(stop);
        thread.join().unwrap();
        waited += waiter.join().unwrap();
        held += taken.elapsed();
    }
    let seen = snapshot();
    let uses = &one(&seen, name).exclusive;
    assert_eq!((uses.acquired, uses.contended), (2 * rounds, rounds));
    let truth = waited.as_nanos() as u64;
    // What the test's clock has more is the way into and out of the lock, and its own switches.
    assert!(
        uses.wait_ns / 100 * 99 <= truth,
        "{} of {truth}",
        uses.wait_ns
    );
    assert!(uses.wait.total() == rounds && uses.hold.total() == uses.holds_timed);
    // The holder's from the first waiter on, which was there before the sleep; and the waiter's own, which is nearly nothing.
    assert_eq!(uses.holds_timed, 2 * rounds);
    let (least, most) = (rounds * sleep.as_nanos() as u64, held.as_nanos() as u64);
    assert!(
        uses.hold_ns >= least / 100 * 99 && uses.hold_ns / 100 * 99 <= most,
        "{} of {least} to {most}",
        uses.hold_ns
    );
    match uses.wait_ns > truth / 10 * 9 {
        true => Ok(()),
        false => Err(format!("{} of {truth}", uses.wait_ns)),
    }
}

#[test]
fn tries_fail_and_time_out() {
    sampling();
    let lock = Arc::new(Mutex::new(()).named("tries"));
    let (thread, stop, _) = holder(&lock);
    assert!(lock.try_lock().is_none());
    assert!(lock.try_lock().is_none());
    assert!(lock.try_lock_for(Duration::from_millis(1)).is_none());
    assert!(lock.try_lock_until(Instant::now()).is_none());
    assert!(lock.try_lock_arc_for(Duration::from_millis(1)).is_none());
    let waiter = std::thread::spawn({
        let lock = Arc::clone(&lock);
        move || lock.try_lock_for(Duration::from_secs(60)).is_some()
    });
    let seen = until("tries", waits(1));
    assert!(one(&seen, "tries").waiters[0].timed);
    drop(stop);
    assert!(waiter.join().unwrap());
    thread.join().unwrap();
    let seen = snapshot();
    let uses = &one(&seen, "tries").exclusive;
    assert_eq!((uses.tries_failed, uses.timed_out), (2, 3));
    assert_eq!((uses.acquired, uses.contended), (2, 1));
}

#[test]
fn a_guard_that_was_forgotten_is_still_held() {
    sampling();
    let lock = Arc::new(Mutex::new(()).named("forgotten"));
    let thread = std::thread::spawn({
        let lock = Arc::clone(&lock);
        move || std::mem::forget(lock.lock())
    });
    thread.join().unwrap();
    assert!(lock.try_lock_for(Duration::from_millis(1)).is_none());
    // Its thread has ended: the place is known, nobody is named. Where guards may be sent it need not be lost.
    let gone = !cfg!(feature = "send_guard");
    let seen = until("forgotten", |lock| {
        let mut holders = lock.holders.iter();
        holders.any(|held| held.party.tid == 0 && held.gone == gone)
    });
    let held = &one(&seen, "forgotten").holders[0];
    assert!(held.site.file.ends_with("locks.rs"));
    assert!(held.confirmed);
}

#[test]
fn constants_go_by_the_place_of_their_static() {
    use hotpoll_hooks::sync::{
        ReentrantMutex, RwLock, const_mutex, const_reentrant_mutex, const_rwlock, standard,
    };
    sampling();
    static MUTEX: Mutex<u32> = const_mutex(1);
    static LOCK: RwLock<u32> = const_rwlock(2);
    static AGAIN: ReentrantMutex<u32> = const_reentrant_mutex(3);
    static NAMED: ReentrantMutex<u32> = ReentrantMutex::new_named(4, "named again");
    static STD: standard::RwLock<u32> = standard::RwLock::new_named(5, "named std");
    let lines = [line!() - 5, line!() - 4, line!() - 3];
    // Often enough to have rows.
    for _ in 0..100 {
        assert_eq!((*MUTEX.lock(), *LOCK.write(), *AGAIN.lock()), (1, 2, 3));
        assert_eq!((*NAMED.lock(), *STD.write().unwrap()), (4, 5));
    }
    let seen = snapshot();
    let kinds = lines.map(|line| {
        let here = |each: &&hotpoll_profile::Resource| {
            each.site.line == line && each.site.file.ends_with("tests/locks.rs")
        };
        seen.resources.iter().find(here).map(|each| each.kind)
    });
    let expected = [
        ResourceKind::Mutex,
        ResourceKind::RwLock,
        ResourceKind::ReentrantMutex,
    ];
    assert_eq!(kinds, expected.map(Some));
    let named = ["named again", "named std"].map(|name| one(&seen, name).kind);
    assert_eq!(named, [ResourceKind::ReentrantMutex, ResourceKind::RwLock]);
}

/// Locks of several names that are made in one place.
#[test]
fn a_site_counts_each_name_by_itself() {
    sampling();
    let names = ["one of a place", "other of a place", ""];
    for round in 0..6 {
        let lock = Mutex::new(round).named(names[round % 3]);
        (0..=round % 3).for_each(|_| *lock.lock() += 1);
    }
    let seen = snapshot();
    for (name, uses) in [("one of a place", 2), ("other of a place", 4)] {
        let site = one(&seen, name);
        assert_eq!(
            (site.instances, site.exclusive.acquired),
            (2, uses),
            "{name}"
        );
    }
}

#[test]
fn a_panic_gives_the_lock_back() {
    sampling();
    let lock = Arc::new(Mutex::new(0).named("panics"));
    let thread = std::thread::spawn({
        let lock = Arc::clone(&lock);
        move || {
            let mut guard = lock.lock();
            *guard = 1;
            std::panic::resume_unwind(Box::new(()));
        }
    });
    assert!(thread.join().is_err());
    assert_eq!(*lock.lock(), 1);
    assert!(lock.id() != 0);
    assert!(one(&snapshot(), "panics").holders.is_empty());
}

#[test]
fn guards_are_parking_lots() {
    sampling();
    let lock = Mutex::new((1, 2)).named("guards");
    let mut second = MutexGuard::map(lock.lock(), |pair| &mut pair.1);
    *second = 3;
    drop(second);
    let mut guard = lock.lock();
    MutexGuard::bump(&mut guard);
    MutexGuard::unlocked(&mut guard, || assert_eq!(lock.lock().1, 3));
    MutexGuard::unlocked_fair(&mut guard, || assert_eq!(lock.lock().0, 1));
    MutexGuard::unlock_fair(guard);
    assert_eq!(format!("{lock:?}"), "Mutex { data: (1, 3) }");
    let guard = lock.lock();
    assert_eq!(format!("{lock:?}"), "Mutex { data: <locked> }");
    drop(guard);
    assert_eq!(lock.into_inner(), (1, 3));
    let shared: Arc<Mutex<dyn Send>> = Arc::new(Mutex::new(1));
    drop(shared.lock_arc());
    assert_eq!(Arc::strong_count(&shared), 1);
}

static STATIC: Mutex<u32> = Mutex::new_named(0, "static");

#[test]
fn a_static_is_a_lock_like_others() {
    sampling();
    let guard = STATIC.lock();
    let waiter = std::thread::spawn(|| *STATIC.lock());
    let seen = until("static", waits(1));
    assert_eq!(one(&seen, "static").holders[0].party.tid, tid());
    drop(guard);
    waiter.join().unwrap();
}

/// Where a lock is moved, who reads its words from outside does not believe what is left there.
#[test]
fn a_lock_that_moves_is_found_again() {
    sampling();
    let lock = Mutex::new(()).named("moves");
    assert!(lock.id() != 0);
    for _ in 0..200 {
        drop(lock.lock());
    }
    let lock = Arc::new(Box::new(lock));
    let seen = snapshot();
    let uses = one(&seen, "moves");
    assert!(
        uses.holders.is_empty() && uses.exclusive.acquired >= 192,
        "{uses:?}"
    );
    let guard = lock.lock();
    let waiter = std::thread::spawn({
        let lock = Arc::clone(&lock);
        move || drop(lock.lock())
    });
    let seen = until("moves", waits(1));
    assert_eq!(one(&seen, "moves").holders[0].party.tid, tid());
    assert_eq!(one(&seen, "moves").exclusive.acquired, 201);
    drop(guard);
    waiter.join().unwrap();
}

/// What a moved lock has left behind is freed memory: the allocator writes its own links there, and others their values. It killed the process: the links
/// were taken for the place where the lock had been taken.
#[test]
fn what_a_moved_lock_left_behind_is_nobodys() {
    sampling();
    for (room, name) in [
        (1usize, "moved by 1"),
        (4, "moved by 4"),
        (40, "moved by 40"),
    ] {
        let mut locks: Vec<Mutex<u32>> = Vec::with_capacity(room);
        locks.push(Mutex::new(0).named(name));
        // It has a row, and was seen here.
        (0..64).for_each(|_| *locks[0].lock() += 1);
        // Into another allocation: growing one may leave it where it is.
        let before = locks.as_ptr();
        let mut moved = Vec::with_capacity(100 * room);
        moved.append(&mut locks);
        drop(std::mem::replace(&mut locks, moved));
        assert_ne!(before, locks.as_ptr(), "it has moved");
        // Others get what was freed, and fill it with what looks like words.
        let mut others: Vec<Vec<u64>> = Vec::new();
        for filled in 0..3 {
            for _ in 0..200 {
                let words = room * size_of::<Mutex<u32>>() / 8;
                let other: Vec<u64> = (0..words as u64)
                    .map(|at| (at << 40) | (0x5000 + at * 8))
                    .collect();
                others.push(other);
            }
            for _ in 0..20 {
                let seen = snapshot();
                let lock = one(&seen, name);
                assert!(lock.holders.is_empty(), "{filled}: {lock:?}");
                assert!(lock.exclusive.acquired >= 64, "{lock:?}");
            }
            others.clear();
        }
        *locks[0].lock() += 1;
    }
}

/// Every acquisition and release under contention: nobody is named who does not hold it.
#[test]
fn the_holder_is_the_holder_or_nobody() {
    sampling();
    let lock = Arc::new(Mutex::new(()).named("busy"));
    let holds = Arc::new(AtomicU32::new(0));
    let stop = Arc::new(AtomicU32::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (lock, holds, stop) = (Arc::clone(&lock), Arc::clone(&holds), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut rounds = 0u64;
                while stop.load(SeqCst) == 0 {
                    let guard = lock.lock();
                    assert_eq!(holds.swap(tid(), SeqCst), 0);
                    std::hint::spin_loop();
                    holds.store(0, SeqCst);
                    drop(guard);
                    rounds += 1;
                }
                rounds
            })
        })
        .collect();
    let begun = Instant::now();
    let mut confirmed = 0;
    while begun.elapsed() < Duration::from_millis(300) {
        let seen = snapshot();
        let Some(resource) = seen.resources.iter().find(|each| each.name == "busy") else {
            continue;
        };
        assert!(resource.holders.len() <= 1);
        confirmed += resource
            .holders
            .iter()
            .filter(|held| held.confirmed)
            .count();
    }
    stop.store(1, SeqCst);
    let rounds: u64 = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum();
    let seen = snapshot();
    let resource = one(&seen, "busy");
    assert_eq!(resource.exclusive.acquired, rounds, "{confirmed} confirmed");
    assert!(resource.holders.is_empty() && resource.waiters.is_empty());
}
