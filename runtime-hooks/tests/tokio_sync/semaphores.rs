//! The semaphore.

use super::support::{one, sampling, snapshot, tid};
use super::{poll, waiting, workers};
use hotpoll_hooks::sync::tokio::{Semaphore, TryAcquireError};
use hotpoll_hooks::tasks;
use hotpoll_profile::Permits;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

fn permits(name: &str) -> (u64, u64) {
    let Permits {
        total, available, ..
    } = one(&snapshot(), name).permits.unwrap();
    (available, total)
}

/// How much each holder has, in any order.
fn amounts(name: &str) -> Vec<u64> {
    let seen = snapshot();
    let mut amounts: Vec<u64> = one(&seen, name)
        .holders
        .iter()
        .map(|held| held.amount)
        .collect();
    amounts.sort_unstable();
    amounts
}

#[test]
fn permits_are_split_merged_and_forgotten() {
    sampling();
    let semaphore = Arc::new(Semaphore::new(10).named("permits"));
    let mut three = semaphore.try_acquire_many(3).unwrap();
    assert_eq!(permits("permits"), (7, 10));
    let two = three.split(2).unwrap();
    assert!(three.split(2).is_none());
    assert_eq!(amounts("permits"), [1, 2]);
    assert_eq!(permits("permits"), (7, 10));
    drop(three);
    assert_eq!(permits("permits"), (8, 10));
    let mut owned = Arc::clone(&semaphore).try_acquire_many_owned(4).unwrap();
    let other = owned.split(1).unwrap();
    assert_eq!(amounts("permits"), [1, 2, 3]);
    owned.merge(other);
    assert_eq!((amounts("permits"), owned.num_permits()), (vec![2, 4], 4));
    owned.forget();
    assert_eq!(permits("permits"), (4, 6));
    two.forget();
    assert_eq!(permits("permits"), (4, 4));
    assert!(amounts("permits").is_empty());
    semaphore.add_permits(2);
    assert_eq!(semaphore.forget_permits(1), 1);
    assert_eq!(permits("permits"), (5, 5));
    assert_eq!(semaphore.available_permits(), 5);
    // Two acquisitions: what was split was not acquired again.
    assert_eq!(one(&snapshot(), "permits").exclusive.acquired, 2);
}

#[test]
fn waiters_are_served_in_order_and_keep_small_ones_back() {
    sampling();
    let semaphore = Semaphore::new(3).named("fair");
    let all = semaphore.try_acquire_many(3).unwrap();
    let mut many = pin!(semaphore.acquire_many(2));
    let mut few = pin!(semaphore.acquire());
    assert!(poll(many.as_mut()).is_pending() && poll(few.as_mut()).is_pending());
    let seen = snapshot();
    let resource = one(&seen, "fair");
    let wanted: Vec<u64> = resource
        .waiters
        .iter()
        .map(|waiter| waiter.amount)
        .collect();
    assert_eq!(wanted, [2, 1]);
    assert!(waiting(resource).iter().all(|party| party.tid == tid()));
    assert_eq!(resource.holders[0].amount, 3);
    drop(all);
    assert_eq!(
        semaphore.try_acquire_many(2).unwrap_err(),
        TryAcquireError::NoPermits
    );
    let Poll::Ready(Ok(many)) = poll(many.as_mut()) else {
        panic!("two permits were there");
    };
    let Poll::Ready(Ok(few)) = poll(few.as_mut()) else {
        panic!("one permit was there");
    };
    assert_eq!(permits("fair"), (0, 3));
    drop((many, few));
    assert_eq!(permits("fair"), (3, 3));
    let uses = one(&snapshot(), "fair").exclusive.clone();
    assert_eq!(
        (uses.acquired, uses.contended, uses.tries_failed),
        (3, 2, 1)
    );
}

#[test]
fn closing_ends_the_waits() {
    sampling();
    let semaphore = Semaphore::const_new(0).named("closed");
    let mut wait = pin!(semaphore.acquire());
    assert!(poll(wait.as_mut()).is_pending());
    semaphore.close();
    assert!(semaphore.is_closed());
    assert!(matches!(poll(wait.as_mut()), Poll::Ready(Err(_))));
    assert_eq!(
        semaphore.try_acquire().unwrap_err(),
        TryAcquireError::Closed
    );
    let seen = snapshot();
    let resource = one(&seen, "closed");
    assert!(resource.waiters.is_empty());
    let uses = &resource.exclusive;
    assert_eq!(
        (uses.acquired, uses.tries_failed, uses.cancelled),
        (0, 0, 1)
    );
}

#[test]
fn permits_that_others_give_back_are_counted() {
    let runtime = workers(2);
    let semaphore = Arc::new(Semaphore::new(4).named("elsewhere"));
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for _ in 0..8 {
            let permit = Arc::clone(&semaphore).acquire_owned().await.unwrap();
            tasks.push(tasks::spawn(async move {
                tokio::task::yield_now().await;
                drop(permit);
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(permits("elsewhere"), (4, 4));
    let thread = std::thread::spawn(move || {
        let permit = semaphore.blocking_acquire_many(3).unwrap();
        assert_eq!(permits("elsewhere"), (1, 4));
        assert_eq!(one(&snapshot(), "elsewhere").holders[0].party.tid, tid());
        permit.forget();
        semaphore
    });
    let semaphore = thread.join().unwrap();
    assert_eq!(permits("elsewhere"), (1, 1));
    let uses = one(&snapshot(), "elsewhere").exclusive.clone();
    assert_eq!(uses.acquired, 9);
    drop(semaphore);
}

#[test]
#[should_panic(expected = "merging permits from different semaphore instances")]
fn permits_of_another_semaphore_are_refused() {
    let (one, other) = (Semaphore::new(1), Semaphore::new(1));
    let mut permit = one.try_acquire().unwrap();
    permit.merge(other.try_acquire().unwrap());
}
