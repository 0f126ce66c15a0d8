//! Locks while sampling does not run, before and after it did. Alone in its process, as that starts and stops it.

#[path = "lock_support/mod.rs"]
mod support;

use hotpoll_hooks::sync::standard::mpsc;
use hotpoll_hooks::sync::{self, Condvar, Mutex, RwLock};
use hotpoll_profile::{Closed, Since};
use hotpoll_sampler::Settings;
use std::sync::Arc;
use std::time::Duration;
use support::{one, snapshot, tid, until};

/// Senders that come and go: before the start, after it, and while sampling has stopped for a while.
fn ends_are_counted_from_the_first(grows: mpsc::Sender<u32>, alone: mpsc::Sender<u32>) {
    let senders = |name: &str| {
        let seen = snapshot();
        let channel = one(&seen, name).channel.as_ref().unwrap();
        assert_eq!(channel.receivers, 1, "{name}");
        (channel.senders, channel.closed)
    };
    let another = grows.clone();
    assert_eq!(senders("early senders"), (2, None));
    drop(another);
    assert_eq!(senders("early senders"), (1, None));
    let others = [grows.clone(), grows.clone()];
    sync::end();
    let meanwhile = grows.clone();
    drop(others);
    sync::begin();
    grows.send(1).unwrap();
    drop(meanwhile);
    assert_eq!(senders("early senders"), (1, None));
    drop(grows);
    assert_eq!(senders("early senders"), (0, Some(Closed::SendersGone)));
    drop(alone);
    assert_eq!(senders("early sender"), (0, Some(Closed::SendersGone)));
}

#[test]
fn locks_tell_nothing_while_sampling_does_not_run() {
    let lock = Arc::new(Mutex::new(0).named("early"));
    let read = Arc::new(RwLock::new(0).named("early read"));
    let (sender, receiver) = mpsc::sync_channel_named(4, "early channel");
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    let (grows, grown) = mpsc::channel_named::<u32>("early senders");
    let (alone, left) = mpsc::channel_named::<u32>("early sender");
    (0..1000).for_each(|_| *lock.lock() += 1);
    let ready = Condvar::new();
    assert!(
        ready
            .wait_for(&mut lock.lock(), Duration::from_millis(1))
            .timed_out()
    );
    assert!(snapshot().resources.is_empty());

    // Held since before the start: by nobody who is known.
    let (guard, reader) = (lock.lock(), read.read());
    let (mut sampler, mut modules) = hotpoll_sampler::start(Settings::default()).expect("start");
    modules.refresh();
    sync::begin();
    let waiter = std::thread::spawn({
        let lock = Arc::clone(&lock);
        move || *lock.lock() += 1
    });
    let seen = until("early", |each| each.waiters.len() == 1);
    assert!(one(&seen, "early").holders.is_empty());
    drop((guard, reader));
    waiter.join().unwrap();
    // From then on it is like others.
    let guard = lock.lock();
    let waiter = std::thread::spawn({
        let lock = Arc::clone(&lock);
        move || *lock.lock() += 1
    });
    let seen = until("early", |each| each.waiters.len() == 1);
    let held = &one(&seen, "early").holders[0];
    assert_eq!(held.party.tid, tid());
    // A look may have found it before the waiter came.
    assert!(matches!(held.since, Since::AtLeast | Since::Sampled));
    drop(guard);
    waiter.join().unwrap();
    let reader = read.read();
    assert_eq!(one(&snapshot(), "early read").holders.len(), 1);
    drop(reader);
    sender.send(3).unwrap();
    let seen = snapshot();
    let channel = one(&seen, "early channel").channel.as_ref().unwrap();
    assert_eq!(
        (channel.length, channel.sent, channel.capacity),
        (3, 3, Some(4))
    );
    assert_eq!(receiver.try_iter().count(), 3);
    ends_are_counted_from_the_first(grows, alone);
    drop((grown, left));

    // Held over the end, and given back after it.
    let (guard, reader) = (lock.lock(), read.read());
    sync::end();
    sampler.stop();
    drop((guard, reader));
    drop((lock.lock(), read.read()));
    drop(read.write());
    let seen = snapshot();
    assert!(one(&seen, "early").holders.is_empty());
    assert!(one(&seen, "early read").holders.is_empty());
    assert_eq!(*lock.lock(), 1002);
}
