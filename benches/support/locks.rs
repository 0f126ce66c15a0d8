//! The questions that are put to locks: alone, and with so many threads at one.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A lock around a number: one lock, one addition (or look), one unlock.
pub trait Lock: Sync {
    fn once(&self);
}

/// A lock of some kind, by what it does once.
impl<F: Fn() + Sync> Lock for F {
    #[inline(always)]
    fn once(&self) {
        self();
    }
}

/// Nanoseconds for one acquisition and release that nobody else wants.
pub fn alone(lock: &impl Lock, times: u32) -> f64 {
    let begun = Instant::now();
    for _ in 0..times {
        lock.once();
    }
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}

/// Nanoseconds for each acquisition by the clock on the wall, with so many threads that do nothing but take it, and as much beside it.
pub fn contended(lock: &impl Lock, threads: usize, time: Duration) -> f64 {
    let (stop, barrier) = (AtomicBool::new(false), Barrier::new(threads + 1));
    let (total, elapsed) = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let mut count = 0u64;
                    while !stop.load(Relaxed) {
                        lock.once();
                        outside();
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        barrier.wait();
        let begun = Instant::now();
        std::thread::sleep(time);
        stop.store(true, Relaxed);
        let total: u64 = running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum();
        (total, begun.elapsed())
    });
    elapsed.as_secs_f64() * 1e9 / total as f64
}

/// Some 20 ns without the lock.
#[inline(always)]
fn outside() {
    let mut state = 1u64;
    for _ in 0..10 {
        state = black_box(state.wrapping_mul(6_364_136_223_846_793_005));
    }
}
