//! A forked child has none of its parent's holders and waiters, and its own once it samples. Alone in its process, as sampling is one in a process.

#[path = "support/child.rs"]
mod child;
#[path = "lock_support/mod.rs"]
mod support;

use child::forked;
use hotpoll_hooks::sync::{self, Mutex, RwLock};
use hotpoll_sampler::Settings;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use support::{one, snapshot, tid, until};

/// Forks while others take locks, some of them in the registry at that moment.
const FORKS: usize = 100;

#[test]
fn a_forked_child_begins_anew() {
    support::sampling();
    let held = Arc::new(Mutex::new(0).named("held"));
    let free = Arc::new(RwLock::new(0).named("free"));
    drop((free.read(), held.lock()));
    let stop = Arc::new(AtomicBool::new(false));
    let (taken, mine) = (Arc::new(Barrier::new(2)), held.lock());
    let threads = [
        std::thread::spawn({
            let held = Arc::clone(&held);
            move || drop(held.lock())
        }),
        std::thread::spawn({
            let (free, stop, taken) = (Arc::clone(&free), Arc::clone(&stop), Arc::clone(&taken));
            move || {
                let guard = free.read();
                taken.wait();
                while !stop.load(Relaxed) {
                    let busy = Mutex::new(0);
                    (0..100).for_each(|_| *busy.lock() += 1);
                }
                drop(guard);
            }
        }),
    ];
    taken.wait();
    until("held", |each| each.waiters.len() == 1);
    for _ in 0..FORKS {
        forked(|| in_the_child(&held, &free));
    }
    // What children do is no matter of the parent's.
    let seen = snapshot();
    assert_eq!(one(&seen, "held").holders[0].party.tid, tid());
    assert_eq!(one(&seen, "held").waiters.len(), 1);
    stop.store(true, Relaxed);
    drop(mine);
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(one(&snapshot(), "free").holders.is_empty());
}

fn in_the_child(held: &Mutex<u32>, free: &RwLock<u32>) {
    // Nothing is told before it samples itself; locks are locks.
    assert!(held.try_lock().is_none());
    drop(Mutex::new(0).lock());
    let seen = snapshot();
    assert!(seen.resources.is_empty(), "before: {seen:#?}");
    let started = hotpoll_sampler::start(Settings::default()).expect("start");
    sync::begin();
    let seen = snapshot();
    assert!(seen.resources.is_empty(), "after: {seen:#?}");
    assert!(held.try_lock_for(Duration::from_millis(1)).is_none());
    let seen = snapshot();
    // The thread that forked had it, with its guard; but that was in the parent.
    let resource = one(&seen, "held");
    assert!(
        resource.holders.iter().all(|holder| holder.party.tid == 0),
        "{resource:?}"
    );
    assert_eq!(
        (resource.waiters.len(), resource.exclusive.timed_out),
        (0, 1)
    );
    let own = Mutex::new(0).named("own");
    let guard = own.lock();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| *own.lock() += 1);
        let seen = until("own", |each| each.waiters.len() == 1);
        assert_eq!(one(&seen, "own").holders[0].party.tid, tid());
        drop(guard);
        waiter.join().unwrap();
    });
    // A reader of the parent's, on a thread that does not exist here.
    assert!(free.try_write().is_none());
    let second = free.read();
    let seen = snapshot();
    let readers = &one(&seen, "free").holders;
    assert_eq!((readers.len(), readers[0].party.tid), (1, tid()));
    drop(second);
    assert!(one(&snapshot(), "free").holders.is_empty());
    drop(started);
}
