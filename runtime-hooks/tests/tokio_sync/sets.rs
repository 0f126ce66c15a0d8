//! Several futures in one task: who of them waits and holds.

use super::support::{one, until};
use super::{run, workers};
use futures::stream::{FuturesUnordered, StreamExt};
use hotpoll_hooks::sync::tokio::{Mutex, RwLock, Semaphore};
use hotpoll_hooks::tasks::{self, Track};
use hotpoll_profile::Resource;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::oneshot;

type Child = Pin<Box<dyn Future<Output = ()> + Send>>;

fn one_each(resource: &Resource) -> bool {
    resource.holders.len() == 1 && resource.waiters.len() == 1
}

/// Whether the one who holds and the one who waits do so in a set.
fn in_set(name: &str) -> (bool, bool) {
    let seen = until(name, one_each);
    let resource = one(&seen, name);
    let (held, waits) = (&resource.holders[0], &resource.waiters[0]);
    assert!(held.party.task != 0 && waits.party.task != 0);
    assert!(!held.by_thread && !waits.by_thread);
    (held.in_set, waits.in_set)
}

#[test]
fn a_sets_futures_are_told_apart_from_their_task() {
    let runtime = workers(2);
    let mutex = Arc::new(Mutex::new(()).named("mutex in a set"));
    let lock = Arc::new(RwLock::new(()).named("rwlock in a set"));
    let permits = Arc::new(Semaphore::new(1).named("semaphore in a set"));
    let (go, wait) = oneshot::channel::<()>();
    let task = tasks::spawn_on(runtime.handle(), async move {
        let (held_mutex, held_lock) = (Arc::clone(&mutex), Arc::clone(&lock));
        let held_permits = Arc::clone(&permits);
        let holds: Child = Box::pin(async move {
            let _mutex = held_mutex.lock().await;
            let _lock = held_lock.write().await.downgrade();
            let _permit = held_permits.acquire().await;
            let _ = wait.await;
        });
        let children: [Child; 4] = [
            holds,
            Box::pin(async move { drop(mutex.lock().await) }),
            Box::pin(async move { drop(lock.write().await) }),
            Box::pin(async move { drop(permits.acquire_owned().await) }),
        ];
        let mut set: FuturesUnordered<Child> = children.into_iter().collect();
        while set.next().await.is_some() {}
    });
    for name in ["mutex in a set", "rwlock in a set", "semaphore in a set"] {
        assert_eq!(in_set(name), (true, true), "{name}");
    }
    go.send(()).unwrap();
    runtime.block_on(task).unwrap();
}

#[test]
fn a_join_and_a_tracked_child_wait_by_wakers_of_their_own() {
    let runtime = workers(2);
    for (name, tracked) in [("joined", false), ("tracked in a set", true)] {
        let lock = Arc::new(Mutex::new(()).named(name));
        let (go, wait) = oneshot::channel::<()>();
        let task = tasks::spawn_on(runtime.handle(), async move {
            let holds = async {
                let _held = lock.lock().await;
                let _ = wait.await;
            };
            let waits = async { drop(lock.lock().await) };
            if tracked {
                let mut set = FuturesUnordered::new();
                set.push(Box::pin(holds.tracked("holds"))
                    as Pin<Box<dyn Future<Output = ()> + Send + '_>>);
                set.push(Box::pin(waits.tracked("waits")));
                while set.next().await.is_some() {}
            } else {
                tokio::join!(holds, waits);
            }
        });
        assert_eq!(in_set(name), (false, false), "{name}");
        go.send(()).unwrap();
        runtime.block_on(task).unwrap();
    }
}

/// What began to wait by itself goes into a set.
#[test]
fn a_wait_that_goes_into_a_set_says_so() {
    let runtime = workers(1);
    let lock = Arc::new(Mutex::new(()).named("into a set"));
    let guard = lock.try_lock().unwrap();
    let shared = Arc::clone(&lock);
    run(&runtime, async move {
        let mut wait = Box::pin(shared.lock_owned());
        let first = std::future::poll_fn(|context| {
            assert!(wait.as_mut().poll(context).is_pending());
            Poll::Ready(one(&super::snapshot(), "into a set").waiters[0].in_set)
        });
        assert!(!first.await);
        let mut set = FuturesUnordered::new();
        set.push(wait);
        let second = std::future::poll_fn(|context: &mut Context<'_>| {
            assert!(set.poll_next_unpin(context).is_pending());
            Poll::Ready(one(&super::snapshot(), "into a set").waiters[0].in_set)
        });
        assert!(second.await);
    });
    drop(guard);
}
