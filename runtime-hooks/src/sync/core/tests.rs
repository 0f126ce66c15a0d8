//! The whole of it with real threads, small enough for Miri, which then sees every access to what is shared.

use super::look::Look;
use super::{Limits, begin, registry, snapshot};
use crate::sync::standard::{Condvar, Mutex, RwLock, mpsc};
use hotpoll_profile::Resources;
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
    let rows = || registry::rows().0;
    let mut memory = Memory::default();
    let first = Look::take(&rows(), &mut memory, None);
    assert!(!first.waits.contains_key(&id) && !first.holders.contains_key(&id));
    let guard = lock.lock().unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| drop(lock.lock().unwrap()));
        let second = loop {
            let second = Look::take(&rows(), &mut memory, Some(&first));
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
