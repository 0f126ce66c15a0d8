//! Random use by many tasks, with cancellation: what is told at the end is what was counted beside it, and nobody is left waiting or holding.

use super::support::{one, snapshot};
use super::workers;
use hotpoll_hooks::sync::tokio::{Mutex, RwLock, Semaphore, mpsc};
use hotpoll_hooks::tasks;
use hotpoll_profile::{Resource, Uses};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use tokio::task::coop::unconstrained;
use tokio::task::yield_now;

const TASKS: u64 = 8;

fn rounds() -> u64 {
    match std::env::var_os("HOTPOLL_TEST_LONG") {
        Some(_) => 50_000,
        None => 2_000,
    }
}

/// Small numbers, the same for the same seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ mixed >> 27) % n
    }
}

/// What one side did.
#[derive(Default)]
struct Side {
    acquired: AtomicU64,
    waited: AtomicU64,
    tries_failed: AtomicU64,
    cancelled: AtomicU64,
}

impl Side {
    /// Polls a few times, and then goes on waiting or not. What was got, if anything.
    async fn take<F: Future>(&self, future: F, gives_up: bool) -> Option<F::Output> {
        let mut future = pin!(future);
        if let Poll::Ready(got) = once(future.as_mut()).await {
            self.acquired.fetch_add(1, Relaxed);
            return Some(got);
        }
        if gives_up {
            self.cancelled.fetch_add(1, Relaxed);
            return None;
        }
        let got = future.await;
        self.acquired.fetch_add(1, Relaxed);
        self.waited.fetch_add(1, Relaxed);
        Some(got)
    }

    fn tried<T, E>(&self, result: Result<T, E>) -> Option<T> {
        let counter = match result {
            Ok(_) => &self.acquired,
            Err(_) => &self.tries_failed,
        };
        counter.fetch_add(1, Relaxed);
        result.ok()
    }

    #[track_caller]
    fn check(&self, uses: &Uses) {
        assert_eq!(uses.acquired, self.acquired.load(Relaxed), "acquired");
        assert_eq!(uses.contended, self.waited.load(Relaxed), "contended");
        assert_eq!(uses.tries_failed, self.tries_failed.load(Relaxed), "tries");
        assert_eq!(uses.cancelled, self.cancelled.load(Relaxed), "cancelled");
    }
}

/// One poll, by the task.
async fn once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// Runs this by all tasks, without tokio's budget: a poll that only says that a task had its share is no wait.
fn by_all<F>(body: impl Fn(Numbers) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = workers(2);
    let running: Vec<_> = (0..TASKS)
        .map(|task| tasks::spawn_on(runtime.handle(), unconstrained(body(Numbers(task)))))
        .collect();
    runtime.block_on(async {
        for task in running {
            task.await.unwrap();
        }
    });
}

fn at_rest(name: &str) -> Resource {
    let resource = one(&snapshot(), name).clone();
    assert!(resource.waiters.is_empty() && resource.holders.is_empty());
    resource
}

#[test]
fn a_mutex() {
    let lock = Arc::new(Mutex::new(0).named("random mutex"));
    let model = Arc::new(Side::default());
    by_all(|mut numbers| {
        let (lock, model) = (Arc::clone(&lock), Arc::clone(&model));
        async move {
            for _ in 0..rounds() {
                let guard = match numbers.below(3) {
                    0 => model.tried(lock.try_lock()),
                    kind => model.take(lock.lock(), kind == 1).await,
                };
                if numbers.below(8) == 0 {
                    yield_now().await;
                }
                if let Some(mut guard) = guard {
                    *guard += 1;
                }
            }
        }
    });
    let resource = at_rest("random mutex");
    model.check(&resource.exclusive);
    assert_eq!(*lock.try_lock().unwrap(), model.acquired.load(Relaxed));
}

#[test]
fn a_lock_for_readers_and_writers() {
    let lock = Arc::new(RwLock::new(0).named("random rwlock"));
    let model = Arc::new([Side::default(), Side::default()]);
    by_all(|mut numbers| {
        let (lock, model) = (Arc::clone(&lock), Arc::clone(&model));
        async move {
            let [writes, reads] = &*model;
            for _ in 0..rounds() {
                let gives_up = numbers.below(2) == 0;
                let (mut write, mut read) = (None, None);
                match numbers.below(6) {
                    0 => write = writes.tried(lock.try_write()),
                    1 => write = writes.take(lock.write(), gives_up).await,
                    2 => read = reads.tried(lock.try_read()),
                    _ => read = reads.take(lock.read(), gives_up).await,
                }
                if let Some(write) = &mut write {
                    **write += 1;
                }
                if numbers.below(8) == 0 {
                    yield_now().await;
                }
                if numbers.below(2) == 0 {
                    read = write.map(|write| write.downgrade());
                }
                drop(read);
            }
        }
    });
    let resource = at_rest("random rwlock");
    let [writes, reads] = &*model;
    writes.check(&resource.exclusive);
    reads.check(&resource.shared);
    assert_eq!(*lock.try_read().unwrap(), writes.acquired.load(Relaxed));
}

#[test]
fn a_semaphore() {
    const PERMITS: usize = 5;
    let semaphore = Arc::new(Semaphore::new(PERMITS).named("random semaphore"));
    let model = Arc::new(Side::default());
    by_all(|mut numbers| {
        let (semaphore, model) = (Arc::clone(&semaphore), Arc::clone(&model));
        async move {
            for _ in 0..rounds() {
                let wanted = numbers.below(3) as u32 + 1;
                let permits = match numbers.below(3) {
                    0 => model.tried(semaphore.try_acquire_many(wanted)),
                    kind => {
                        let acquire = semaphore.acquire_many(wanted);
                        model.take(acquire, kind == 1).await.map(Result::unwrap)
                    }
                };
                let Some(mut permits) = permits else { continue };
                let part = permits.split(numbers.below(2) as usize);
                if numbers.below(8) == 0 {
                    yield_now().await;
                }
                match numbers.below(3) {
                    0 => drop((part, permits)),
                    1 => part.into_iter().for_each(|part| permits.merge(part)),
                    _ => {
                        let count = permits.num_permits();
                        permits.forget();
                        semaphore.add_permits(count);
                    }
                }
            }
        }
    });
    let resource = at_rest("random semaphore");
    model.check(&resource.exclusive);
    let permits = resource.permits.unwrap();
    assert_eq!(
        (permits.available, permits.total),
        (PERMITS as u64, PERMITS as u64)
    );
    assert_eq!(semaphore.available_permits(), PERMITS);
}

#[test]
fn a_channel_with_a_bound() {
    let (sender, mut receiver) = mpsc::channel(4);
    let sender = sender.named("random channel");
    let model = Arc::new(Side::default());
    let runtime = workers(1);
    let receives = tasks::spawn_on(
        runtime.handle(),
        unconstrained(async move {
            let reads = Side::default();
            let mut numbers = Numbers(99);
            loop {
                let got = match numbers.below(3) {
                    0 => match receiver.try_recv() {
                        Ok(_) => reads.tried(Ok::<(), ()>(())).is_some(),
                        Err(mpsc::error::TryRecvError::Empty) => {
                            reads.tries_failed.fetch_add(1, Relaxed);
                            yield_now().await;
                            true
                        }
                        Err(mpsc::error::TryRecvError::Disconnected) => false,
                    },
                    kind => match reads.take(receiver.recv(), kind == 1).await {
                        // The end was not received.
                        Some(None) => {
                            reads.acquired.fetch_sub(1, Relaxed);
                            false
                        }
                        Some(Some(())) => true,
                        None => {
                            yield_now().await;
                            true
                        }
                    },
                };
                if !got {
                    return (reads, receiver);
                }
            }
        }),
    );
    by_all(|mut numbers| {
        let (sender, model) = (sender.clone(), Arc::clone(&model));
        async move {
            for _ in 0..rounds() {
                match numbers.below(4) {
                    0 => drop(model.tried(sender.try_send(()))),
                    1 => {
                        // Room that is given back was not used: it is no sending.
                        let failed = sender.try_reserve().is_err();
                        model.tries_failed.fetch_add(failed.into(), Relaxed);
                    }
                    kind => drop(model.take(sender.send(()), kind == 2).await),
                }
            }
        }
    });
    assert_eq!(sender.strong_count(), 1);
    let told = at_rest_but_for_the_receiver("random channel");
    assert_eq!(told.channel.as_ref().unwrap().senders, 1);
    drop(sender);
    let (reads, receiver) = runtime.block_on(receives).unwrap();
    let resource = at_rest("random channel");
    let channel = resource.channel.clone().unwrap();
    model.check(&resource.exclusive);
    let sent = model.acquired.load(Relaxed);
    assert_eq!(
        (channel.sent, channel.received, channel.length),
        (sent, sent, 0)
    );
    assert_eq!(resource.shared.acquired, reads.acquired.load(Relaxed));
    assert_eq!(
        resource.shared.tries_failed,
        reads.tries_failed.load(Relaxed)
    );
    assert!(receiver.is_empty());
}

fn at_rest_but_for_the_receiver(name: &str) -> Resource {
    let resource = one(&snapshot(), name).clone();
    let senders = resource.waiters.iter();
    assert!(
        !senders
            .into_iter()
            .any(|waiter| waiter.mode == hotpoll_profile::Mode::Exclusive)
    );
    resource
}
