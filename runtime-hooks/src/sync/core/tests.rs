//! The whole of it with real threads, small enough for Miri, which then sees every access to what is shared.

use super::look::{Look, Step};
use super::snapshot::snapshot_in_steps;
use super::{Limits, begin, snapshot};
use crate::sync::standard::{Condvar, Mutex, RwLock, mpsc};
use hotpoll_profile::{Resource, Resources};
use hotpoll_sampler::Memory;
use std::sync::OnceLock;

const ROUNDS: usize = if cfg!(miri) { 8 } else { 2000 };
const THREADS: usize = 3;

fn sampling() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        if !cfg!(miri) {
            let started = hotpoll_sampler::start(hotpoll_sampler::Settings::default());
            std::mem::forget(started.expect("start"));
        }
        begin();
    });
}

fn look() -> Resources {
    snapshot(&mut |_| Vec::new(), Limits::default())
}

/// Threads that take locks in every way, while another looks and others are made and dropped.
#[test]
fn locks_are_used_looked_at_and_dropped_at_once() {
    sampling();
    let mutex = Mutex::new(0usize).named("unit mutex");
    let rwlock = RwLock::new(0usize).named("unit rwlock");
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    *mutex.lock().unwrap() += 1;
                    let short = Mutex::new(0);
                    *short.lock().unwrap() += 1;
                    match round % 4 {
                        0 => *rwlock.write().unwrap() += 1,
                        1 => drop(rwlock.try_write()),
                        _ => assert!(*rwlock.read().unwrap() <= THREADS * ROUNDS),
                    }
                    if round % 8 == 0 {
                        let short = RwLock::new(round);
                        assert_eq!(*short.read().unwrap(), round);
                    }
                }
            });
        }
        for _ in 0..ROUNDS.div_ceil(10) {
            let seen = look();
            let holders = seen.resources.iter().map(|each| each.holders.len());
            assert!(holders.max().unwrap_or(0) <= THREADS);
        }
    });
    assert_eq!(*mutex.lock().unwrap(), THREADS * ROUNDS);
    let seen = look();
    let named = |name| seen.resources.iter().find(|each| each.name == name);
    let resource = named("unit rwlock").unwrap();
    assert!(resource.waiters.is_empty() && resource.holders.is_empty());
    let read = THREADS * ROUNDS / 2;
    assert_eq!(resource.shared.acquired as usize, read);
}

/// A lock that was idle in the first look, and is held and waited for in the second: it had a waiter there, and no holder (seen in a test of std's mutex on
/// a busy machine, whose lock got its row between the two).
#[test]
#[cfg_attr(miri, ignore = "no words of locks are read there")]
fn what_is_taken_between_two_looks_has_its_holder() {
    sampling();
    let lock = Mutex::new(()).named("between looks");
    let id = lock.id();
    let mut memory = Memory::default();
    let (first, _) = Look::take(&mut memory, None, &mut |_| {});
    assert!(!first.waits.contains_key(&id) && !first.holders.contains_key(&id));
    let guard = lock.lock().unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| drop(lock.lock().unwrap()));
        let second = loop {
            let (second, _) = Look::take(&mut memory, Some(&first), &mut |_| {});
            if second.waits.contains_key(&id) {
                break second;
            }
            std::thread::yield_now();
        };
        let holders = second.holders.get(&id);
        drop(guard);
        waiter.join().unwrap();
        assert_eq!(holders.map(Vec::len), Some(1));
    });
}

fn look_while(meanwhile: &mut dyn FnMut(Step)) -> Resources {
    snapshot_in_steps(&mut |_| Vec::new(), Limits::default(), meanwhile)
}

fn named<'a>(seen: &'a Resources, name: &str) -> Option<&'a Resource> {
    seen.resources.iter().find(|each| each.name == name)
}

/// Until this holds of a snapshot.
fn until(holds: impl Fn(&Resources) -> bool) {
    while !holds(&look()) {
        std::thread::yield_now();
    }
}

/// A condition variable and its mutex get their rows one after the other: a snapshot that listed them between the two showed who waits, and no mutex.
#[test]
fn what_is_registered_during_a_snapshot_is_whole() {
    sampling();
    let pair = (
        Mutex::new(false).named("whole mutex"),
        Condvar::new().named("whole condvar"),
    );
    std::thread::scope(|scope| {
        let mut waiter = None;
        let seen = look_while(&mut |step| {
            if step != Step::Looked {
                return;
            }
            let waits = || drop(pair.1.wait_while(pair.0.lock().unwrap(), |ready| !*ready));
            waiter = Some(scope.spawn(waits));
            until(|seen| named(seen, "whole condvar").is_some_and(|one| !one.waiters.is_empty()));
        });
        *pair.0.lock().unwrap() = true;
        pair.1.notify_all();
        waiter.unwrap().join().unwrap();
        assert_eq!(named(&seen, "whole condvar").unwrap().waiters.len(), 1);
        assert!(named(&seen, "whole mutex").is_some());
    });
}

/// Who got the lock between the two was shown as one who waits for it and holds it.
#[test]
#[cfg_attr(miri, ignore = "no words of locks are read there")]
fn who_gets_the_lock_during_a_look_does_not_wait() {
    sampling();
    let lock = Mutex::new(()).named("got meanwhile");
    let id = lock.id();
    std::thread::scope(|scope| {
        let mut guard = Some(lock.lock().unwrap());
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let waiter = scope.spawn({
            let lock = &lock;
            move || {
                let _held = lock.lock().unwrap();
                tell.send(()).unwrap();
                let _ = wait.recv();
            }
        });
        until(|seen| named(seen, "got meanwhile").is_some_and(|one| one.waiters.len() == 1));
        let mut looks = 0;
        let seen = look_while(&mut |step| {
            looks += usize::from(step == Step::Waits);
            if looks == 2 && guard.take().is_some() {
                told.recv().unwrap();
            }
        });
        let one = seen.resources.iter().find(|one| one.id == id).unwrap();
        assert_eq!((one.waiters.len(), one.holders.len()), (0, 1));
        assert!(!one.holders[0].confirmed);
        drop(go);
        waiter.join().unwrap();
    });
}

/// Its thread gives the lock back and ends, after the words were read: it was "gone, and never dropped its guard".
#[test]
#[cfg_attr(miri, ignore = "no words of locks are read there")]
fn who_ends_during_a_look_has_left_no_lock() {
    sampling();
    let lock = Mutex::new(()).named("ends meanwhile");
    let id = lock.id();
    std::thread::scope(|scope| {
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let lock = &lock;
        let thread = scope.spawn(move || {
            let held = lock.lock().unwrap();
            tell.send(()).unwrap();
            let _ = wait.recv();
            drop(held);
        });
        told.recv().unwrap();
        let mut ends = Some((go, thread));
        let seen = look_while(&mut |step| {
            if step == Step::Words(id)
                && let Some((go, thread)) = ends.take()
            {
                drop(go);
                // All of it, with what it has in thread-local variables.
                thread.join().unwrap();
            }
        });
        assert!(ends.is_none());
        let one = seen.resources.iter().find(|one| one.id == id).unwrap();
        assert!(one.holders.is_empty(), "{one:#?}");
    });
}

/// A value goes through while the numbers are read: who had waited for it has it.
#[test]
fn who_has_received_does_not_wait_at_a_channel_that_has_nothing() {
    sampling();
    let (sender, receiver) = mpsc::sync_channel_named(4, "received meanwhile");
    std::thread::scope(|scope| {
        let waiter = scope.spawn(move || receiver.recv());
        until(|seen| named(seen, "received meanwhile").is_some_and(|one| one.waiters.len() == 1));
        let id = named(&look(), "received meanwhile").unwrap().id;
        let mut waiter = Some(waiter);
        let seen = look_while(&mut |step| {
            if step == Step::Numbers(id)
                && let Some(waiter) = waiter.take()
            {
                sender.send(1).unwrap();
                assert_eq!(waiter.join().unwrap(), Ok(1));
            }
        });
        assert!(waiter.is_none());
        let one = named(&seen, "received meanwhile").unwrap();
        assert!(one.waiters.is_empty(), "{one:#?}");
    });
}

#[test]
fn a_wait_for_a_notification_and_for_a_message() {
    sampling();
    let (mutex, ready) = (Mutex::new(0), Condvar::new().named("unit condvar"));
    let (sender, receiver) = mpsc::sync_channel_named(1, "unit channel");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let guard = mutex.lock().unwrap();
            drop(ready.wait_while(guard, |count| *count < 3).unwrap());
        });
        scope.spawn(move || (0..5).for_each(|n| sender.send(n).unwrap()));
        assert_eq!(receiver.iter().sum::<i32>(), 10);
        for _ in 0..3 {
            *mutex.lock().unwrap() += 1;
            look();
            ready.notify_one();
        }
    });
    let seen = look();
    let channel = seen
        .resources
        .iter()
        .find(|each| each.name == "unit channel");
    let channel = channel.unwrap().channel.as_ref().unwrap();
    assert_eq!((channel.sent, channel.received, channel.length), (5, 5, 0));
}
