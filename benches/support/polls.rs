//! The polls that are measured, the same for hotpoll and for its rivals (benches/peers).

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How a task is spawned: bare, or watched by somebody.
pub trait Spawn {
    fn spawn<F>(&self, future: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static;

    /// What has to be around all that is measured, if anything.
    fn around<R>(&self, measured: impl FnOnce() -> R) -> R {
        measured()
    }
}

/// tokio alone.
pub struct Bare;

impl Spawn for Bare {
    fn spawn<F>(&self, future: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(future)
    }
}

/// One thread: nothing is measured but the polls.
pub fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
}

/// Wakes itself in each poll, so many times.
struct SelfWake(u32);

impl Future for SelfWake {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0 = black_box(self.0 - 1);
        if self.0 == 0 {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A task that wakes itself: the least that a poll with a wake can be. Nanoseconds a poll.
pub fn self_wake(runtime: &Runtime, by: &impl Spawn, polls: u32) -> f64 {
    runtime.block_on(async {
        let begun = Instant::now();
        by.spawn(SelfWake(polls)).await.expect("it ends well");
        begun.elapsed().as_nanos() as f64 / f64::from(polls)
    })
}

/// Two tasks that wake each other, each with a new oneshot for each turn: every poll ends with a leaf that takes the waker. Nanoseconds a poll.
pub fn ping_pong(runtime: &Runtime, by: &impl Spawn, polls: u32) -> f64 {
    /// Channels made at once, outside of what is measured.
    const TURNS: u32 = 500;
    let mut spent = Duration::ZERO;
    let mut polled = 0;
    while polled < polls {
        let (to, at): (Vec<_>, Vec<_>) = (0..TURNS).map(|_| oneshot::channel::<()>()).unzip();
        let (back, here): (Vec<_>, Vec<_>) = (0..TURNS).map(|_| oneshot::channel::<()>()).unzip();
        spent += runtime.block_on(async {
            let begun = Instant::now();
            let serves = by.spawn(async move {
                for (to, here) in to.into_iter().zip(here) {
                    let _ = to.send(());
                    let _ = here.await;
                }
            });
            let returns = by.spawn(async move {
                for (at, back) in at.into_iter().zip(back) {
                    let _ = at.await;
                    let _ = back.send(());
                }
            });
            serves.await.expect("it ends well");
            returns.await.expect("it ends well");
            begun.elapsed()
        });
        polled += 2 * TURNS;
    }
    spent.as_nanos() as f64 / f64::from(polled)
}

/// Tasks of [`interval`].
pub const INTERVAL_TASKS: u32 = 200;

/// Tasks that do nothing but tick each millisecond: CPU time a poll, the runtime's own work for the timers included.
pub fn interval(runtime: &Runtime, by: &impl Spawn, ticks: u32, cpu: fn() -> Duration) -> f64 {
    runtime.block_on(async {
        let begun = cpu();
        let tasks: Vec<_> = (0..INTERVAL_TASKS)
            .map(|_| {
                by.spawn(async move {
                    let mut interval = tokio::time::interval(Duration::from_millis(1));
                    for _ in 0..ticks {
                        interval.tick().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("it ends well");
        }
        (cpu() - begun).as_nanos() as f64 / f64::from(INTERVAL_TASKS * ticks)
    })
}

/// Tasks that end at once, in sets of a hundred: nanoseconds a task, from spawn to join.
pub fn spawn_and_end(runtime: &Runtime, by: &impl Spawn, tasks: u32) -> f64 {
    const SET: u32 = 100;
    runtime.block_on(async {
        let begun = Instant::now();
        for _ in 0..tasks / SET {
            let set: Vec<_> = (0..SET)
                .map(|number| {
                    // tokio's tasks come in steps of 128 bytes, and an empty one is at the edge of a step: with 16 bytes more it cost 13 ns.
                    let held = [u64::from(number); 8];
                    by.spawn(async move {
                        black_box(&held);
                    })
                })
                .collect();
            for task in set {
                task.await.expect("it ends well");
            }
        }
        begun.elapsed().as_nanos() as f64 / f64::from(tasks)
    })
}

/// Heap bytes of an idle task.
pub fn task_bytes(runtime: &Runtime, by: &impl Spawn) -> f64 {
    const TASKS: usize = 10_000;
    runtime.block_on(async {
        let spawn = || {
            by.spawn(async {
                tokio::time::sleep(Duration::from_secs(1_000_000)).await;
            })
        };
        // Whatever is made once is made now.
        let first = spawn();
        tokio::task::yield_now().await;
        let mut tasks = Vec::with_capacity(TASKS);
        let before = allocated();
        tasks.extend((0..TASKS).map(|_| spawn()));
        tokio::task::yield_now().await;
        let bytes = (allocated() - before) as f64 / TASKS as f64;
        first.abort();
        for task in tasks {
            task.abort();
            let _ = task.await;
        }
        bytes
    })
}

/// Bytes that the C library's allocator has handed out.
#[allow(unsafe_code)]
fn allocated() -> usize {
    // SAFETY: it takes and changes nothing.
    unsafe { libc::mallinfo2() }.uordblks
}
