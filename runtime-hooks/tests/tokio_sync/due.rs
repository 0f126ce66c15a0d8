//! When waits end by themselves, what is waited for as a signal, and how long tasks of each kind waited.

use super::support::{one, sampling, snapshot, until};
use super::{poll, workers};
use hotpoll_hooks::sync::tokio::{Mutex, Semaphore, time};
use hotpoll_hooks::tasks;
use hotpoll_profile::Resource;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(1000);
const LONGER: Duration = Duration::from_secs(2000);

fn in_seconds(name: &str) -> u64 {
    let seen = snapshot();
    let [waiter] = &one(&seen, name).waiters[..] else {
        panic!("one waits: {seen:#?}");
    };
    // Two clocks, and a moment between the call and the look.
    (waiter.ends_in_ns + 50_000_000_000) / 100_000_000_000 * 100
}

#[test]
fn a_wait_says_when_it_ends() {
    workers(1).block_on(async {
        let lock = Mutex::new(()).named("due lock");
        let _held = lock.lock().await;
        let mut sleep = pin!(time::sleep(LONG).named("due sleep"));
        let mut interval = time::interval(LONG).named("due tick");
        interval.tick().await;
        let mut tick = Box::pin(interval.tick());
        let mut by_lock = pin!(time::timeout(LONGER, time::timeout(LONG, lock.lock())));
        let mut without = Box::pin(lock.lock());
        std::future::poll_fn(|context: &mut Context<'_>| {
            assert!(sleep.as_mut().poll(context).is_pending());
            assert!(tick.as_mut().poll(context).is_pending());
            assert!(by_lock.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        assert_eq!(in_seconds("due sleep"), 1000);
        assert_eq!(in_seconds("due tick"), 1000);
        // The inner one runs out first.
        assert_eq!(in_seconds("due lock"), 1000);
        sleep.as_mut().reset(time::Instant::now() + LONGER);
        assert_eq!(in_seconds("due sleep"), 2000);
        drop(tick);
        assert!(poll(without.as_mut()).is_pending());
        let seen = snapshot();
        let waiters = &one(&seen, "due lock").waiters;
        assert_eq!((waiters[1].ends_in_ns, waiters[1].timed), (0, false));
    });
}

#[test]
fn what_is_made_without_permits_is_a_signal() {
    sampling();
    let [signal, permits] = [("a signal", 0), ("no signal", 3)]
        .map(|(name, permits)| Semaphore::new(permits).named(name));
    let mut waits = pin!(signal.acquire());
    let mut many = pin!(permits.acquire_many(4));
    assert!(poll(waits.as_mut()).is_pending() && poll(many.as_mut()).is_pending());
    signal.add_permits(1);
    permits.add_permits(1);
    let seen = snapshot();
    let is_signal = |name| one(&seen, name).permits.unwrap().is_signal;
    assert!(is_signal("a signal") && !is_signal("no signal"));
}

/// Waits of this kind's tasks.
fn of_kind(resource: &Resource, name: &str) -> Option<(u64, u64)> {
    let kinds = tasks::snapshot(&mut |_| Vec::new(), tasks::Limits::default()).kinds;
    let kind = kinds.iter().find(|kind| kind.name == name)?.id;
    let mut waits = resource.by_kind.iter();
    let waits = waits.find(|waits| waits.kind == kind)?;
    Some((waits.waits, waits.wait_ns))
}

#[test]
fn waits_are_told_by_kind() {
    let runtime = workers(2);
    let lock = Arc::new(Mutex::new(()).named("by kind"));
    let held = lock.try_lock().unwrap();
    let waits = |name: &'static str| {
        let lock = Arc::clone(&lock);
        let future = async move { drop(lock.lock().await) };
        tasks::spawn_on_named(runtime.handle(), name, future)
    };
    let readers = [waits("reader"), waits("reader")];
    let cancelled = waits("cancelled");
    until("by kind", |lock| lock.waiters.len() == 3);
    cancelled.abort();
    let seen = until("by kind", |lock| lock.waiters.len() == 2);
    let waiters = &one(&seen, "by kind").waiters;
    let at_least: u64 = waiters.iter().map(|waiter| waiter.since_ns).sum();
    drop(held);
    runtime.block_on(async {
        for reader in readers {
            reader.await.unwrap();
        }
    });
    let seen = snapshot();
    let resource = one(&seen, "by kind");
    let (waits, ns) = of_kind(resource, "reader").unwrap();
    assert_eq!(waits, 2);
    // What a tick is in nanoseconds is known better and better.
    assert!(ns >= at_least / 100 * 99, "{ns} of {at_least}");
    assert_eq!(of_kind(resource, "cancelled").unwrap().0, 1);
    let all: u64 = resource.by_kind.iter().map(|one| one.wait_ns).sum();
    // Of one clock, rounded down one by one.
    assert!(
        all.abs_diff(resource.exclusive.wait_ns) < 10,
        "{resource:#?}"
    );
}
