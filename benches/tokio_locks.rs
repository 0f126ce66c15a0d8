//! What does a lock or channel of tokio's cost that tells who holds it and who waits?
//!
//! ```text
//! cargo bench -p hotpoll-hooks --features tokio --bench tokio_locks -- [--quick] [--json FILE] [ROW]
//! ```
//! With a part of a row's name only rows that have it are measured.
//! One use each, with nobody else there, and a mutex with 2 and 8 tracked tasks that do little else, on two workers. tokio's own beside it, in turns; a
//! ratio is the median of the rounds' own. `off` is before sampling starts, which is what `HOTPOLL=off` leaves.

mod support;

use hotpoll_hooks::tasks;
use std::time::Duration;
use support::{Arguments, Figures, median, thread_cpu};
use tokio::runtime::{Builder, Runtime};

/// The same code for tokio's types and for those that tell.
macro_rules! uses_of {
    ($name:ident, $($sync:tt)*) => {
        mod $name {
            use super::tasks;
            use $($sync)*::{Mutex, RwLock, Semaphore, mpsc, oneshot};
            use std::hint::black_box;
            use std::sync::Arc;
            use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
            use std::time::{Duration, Instant};

            pub async fn mutex(times: u32) {
                let lock = Mutex::new(0u64);
                for _ in 0..times {
                    *lock.lock().await += 1;
                }
            }

            pub async fn read(times: u32) {
                let lock = RwLock::new(0u64);
                for _ in 0..times {
                    black_box(*lock.read().await);
                }
            }

            pub async fn semaphore(times: u32) {
                let semaphore = Semaphore::new(4);
                for _ in 0..times {
                    black_box(&semaphore.acquire().await.unwrap());
                }
            }

            pub async fn mpsc(times: u32) {
                let (sender, mut receiver) = mpsc::channel(16);
                for number in 0..times {
                    sender.send(number).await.unwrap();
                    black_box(receiver.recv().await);
                }
            }

            pub async fn unbounded(times: u32) {
                let (sender, mut receiver) = mpsc::unbounded_channel();
                for number in 0..times {
                    sender.send(number).unwrap();
                    black_box(receiver.recv().await);
                }
            }

            pub async fn oneshot(times: u32) {
                for number in 0..times {
                    let (sender, receiver) = oneshot::channel();
                    sender.send(number).unwrap();
                    black_box(receiver.await.unwrap());
                }
            }

            /// One that is waited for: registered, and then forgotten.
            pub async fn awaited(times: u32) {
                for number in 0..times {
                    let (sender, receiver) = oneshot::channel();
                    let send = async { sender.send(number).unwrap() };
                    let (received, ()) = tokio::join!(receiver, send);
                    black_box(received.unwrap());
                }
            }

            /// Nanoseconds for each acquisition by the clock on the wall.
            pub async fn contended(count: usize, time: Duration) -> f64 {
                let lock = Arc::new(Mutex::new(0u64));
                let stop = Arc::new(AtomicBool::new(false));
                let begun = Instant::now();
                let running: Vec<_> = (0..count)
                    .map(|_| {
                        let (lock, stop) = (Arc::clone(&lock), Arc::clone(&stop));
                        tasks::spawn(async move {
                            while !stop.load(Relaxed) {
                                *lock.lock().await += 1;
                            }
                        })
                    })
                    .collect();
                tokio::time::sleep(time).await;
                stop.store(true, Relaxed);
                for task in running {
                    task.await.unwrap();
                }
                let total = *lock.lock().await;
                begun.elapsed().as_secs_f64() * 1e9 / total as f64
            }
        }
    };
}

uses_of!(bare, tokio::sync);
uses_of!(ours, hotpoll_hooks::sync::tokio);

struct Asks<'a> {
    figures: &'a mut Figures,
    only: Option<String>,
    rounds: usize,
    what: &'a str,
}

impl Asks<'_> {
    fn row(&mut self, name: &str, mut bare: impl FnMut() -> f64, mut ours: impl FnMut() -> f64) {
        let name = format!("{name}_{}", self.what);
        if !self.only.as_ref().is_none_or(|only| name.contains(only)) {
            return;
        }
        // The first of each warms up.
        bare();
        ours();
        let (mut bares, mut all, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            let (one, other) = (bare(), ours());
            bares.push(one);
            all.push(other);
            ratios.push(other / one);
        }
        self.figures
            .push(format!("{name}_bare"), median(&mut bares), "ns");
        self.figures.push(name.clone(), median(&mut all), "ns");
        self.figures
            .push(format!("{name}_ratio"), median(&mut ratios), "times");
    }
}

fn each(runtime: &Runtime, times: u32, future: impl Future<Output = ()>) -> f64 {
    // By the thread's own clock: who else runs on the machine is not in it.
    let begun = thread_cpu();
    // No budget: a task that never waits is not held up by tokio.
    runtime.block_on(tokio::task::coop::unconstrained(future));
    (thread_cpu() - begun).as_secs_f64() * 1e9 / f64::from(times)
}

fn questions(arguments: &Arguments, figures: &mut Figures, what: &str) {
    let (rounds, times, time) = match arguments.quick {
        true => (3, 20_000, Duration::from_millis(20)),
        false => (31, 300_000, Duration::from_millis(100)),
    };
    let only = std::env::args().nth(1).filter(|row| !row.starts_with("--"));
    let mut asks = Asks {
        figures,
        only,
        rounds,
        what,
    };
    let alone = Builder::new_current_thread().build().unwrap();
    macro_rules! alone {
        ($($name:ident)*) => {$(
            asks.row(
                stringify!($name),
                || each(&alone, times, bare::$name(times)),
                || each(&alone, times, ours::$name(times)),
            );
        )*};
    }
    alone!(mutex read semaphore mpsc unbounded oneshot awaited);
    let mut builder = Builder::new_multi_thread();
    let runtime = hotpoll_hooks::runtime(&mut builder)
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    for tasks in [2, 8] {
        asks.row(
            &format!("mutex_by_{tasks}"),
            || runtime.block_on(bare::contended(tasks, time)),
            || runtime.block_on(ours::contended(tasks, time)),
        );
    }
}

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let mut figures = Figures::default();
    questions(&arguments, &mut figures, "off");
    let (sampler, mut modules) =
        hotpoll_sampler::start(hotpoll_sampler::Settings::default()).expect("sampling starts");
    modules.refresh();
    hotpoll_hooks::sync::begin();
    questions(&arguments, &mut figures, "on");
    drop(sampler);
    figures.write(&arguments)
}
