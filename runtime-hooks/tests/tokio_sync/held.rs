//! Samples of a task say what it holds while others wait: the words that they carry.

use super::support::{one, snapshot, until};
use super::{run, workers};
use hotpoll_hooks::sync::tokio::{Mutex, RwLock};
use hotpoll_hooks::tasks;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// What a sample of the calling thread would carry now.
fn told() -> u64 {
    let words = hotpoll_sampler::published().unwrap();
    words.holds.load(Ordering::Relaxed)
}

fn id(name: &str) -> u64 {
    one(&snapshot(), name).id
}

/// Waits until somebody who waits has told.
fn until_told(id: u64) {
    let begun = Instant::now();
    while told() != id {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{} is told",
            told()
        );
        std::hint::spin_loop();
    }
}

fn waits_for(
    runtime: &Runtime,
    lock: &Arc<Mutex<()>>,
    name: &'static str,
) -> tokio::task::JoinHandle<()> {
    let lock = Arc::clone(lock);
    tasks::spawn_on_named(
        runtime.handle(),
        name,
        async move { drop(lock.lock().await) },
    )
}

#[test]
fn a_task_in_the_poll_in_which_others_begin_to_wait() {
    let runtime = Arc::new(workers(2));
    let lock = Arc::new(Mutex::new(()).named("told in the poll"));
    let (spawner, shared) = (Arc::clone(&runtime), Arc::clone(&lock));
    let holder = async move {
        let held = shared.lock().await;
        assert_eq!(told(), 0, "nobody waits");
        // From outside: a task that a worker spawns waits for that worker.
        let spawns = || waits_for(&spawner, &shared, "behind");
        let waiter = std::thread::scope(|scope| scope.spawn(spawns).join().unwrap());
        until("told in the poll", |lock| lock.waiters.len() == 1);
        until_told(id("told in the poll"));
        drop(held);
        assert_eq!(told(), 0, "it was given back");
        waiter.await.unwrap();
        drop(spawner);
    };
    run(&runtime, holder);
}

#[test]
fn a_task_that_is_polled_again() {
    // All on one thread, one after the other.
    let runtime = Arc::new(workers(1));
    let first = Arc::new(Mutex::new(()).named("told later 1"));
    let second = Arc::new(RwLock::new(()).named("told later 2"));
    let (outer, inner) = (Arc::clone(&first), Arc::clone(&second));
    let spawner = Arc::clone(&runtime);
    let ready = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ready);
    let holder = async move {
        let held_outer = outer.lock().await;
        let held_inner = inner.write().await;
        waits_for(&spawner, &outer, "behind");
        until_polled(&seen).await;
        // By the poll's entry: both who wait did so while this was suspended.
        let ids = [id("told later 1"), id("told later 2")];
        assert_eq!(told(), ids[1], "the newest that is waited for");
        // A future in it that is tracked by itself, and holds nothing.
        tasks::Track::tracked(async {}, "nested").await;
        assert_eq!(told(), ids[1]);
        drop(held_inner);
        assert_eq!(told(), ids[0], "the rest");
        tokio::task::yield_now().await;
        assert_eq!(told(), ids[0]);
        drop(held_outer);
        assert_eq!(told(), 0);
        drop(spawner);
    };
    let writer = Arc::clone(&second);
    let both = async move {
        let holder = tasks::spawn_named("holds two", holder);
        tokio::task::yield_now().await;
        let reader = tasks::spawn_named("behind too", async move { drop(writer.read().await) });
        while one(&snapshot(), "told later 2").waiters.is_empty()
            || one(&snapshot(), "told later 1").waiters.is_empty()
        {
            tokio::task::yield_now().await;
            assert_eq!(told(), 0, "it is told in the holder's polls alone");
        }
        ready.store(true, Ordering::Relaxed);
        holder.await.unwrap();
        reader.await.unwrap();
    };
    run(&runtime, both);
}

async fn until_polled(ready: &AtomicBool) {
    while !ready.load(Ordering::Relaxed) {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_thread_that_blocked_for_it() {
    let runtime = workers(1);
    let lock = Arc::new(Mutex::new(()).named("told of a thread"));
    let held = lock.blocking_lock();
    let waiter = waits_for(&runtime, &lock, "behind");
    until("told of a thread", |lock| lock.waiters.len() == 1);
    until_told(id("told of a thread"));
    drop(held);
    assert_eq!(told(), 0);
    runtime.block_on(waiter).unwrap();
}
