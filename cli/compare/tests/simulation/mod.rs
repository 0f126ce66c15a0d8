//! Simulated truth: runs of programs whose costs are known, on machines that behave, and on machines that do not.
//!
//! In: a program, a world, a seed. Out: [`Run`]s, always the same. A run does so many units of work; what that costs and how it is spread over
//! functions differs between runs as the world says; samples are Poisson draws of that, slice by slice.
#![allow(dead_code, unused_imports)] // each test uses a part

mod numbers;
mod program;
mod world;

pub use numbers::Numbers;
pub use program::Program;
pub use world::{Kind, World};

use hotpoll_compare::special::binomial;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often something happened, with the exact 95 % bounds, each missed with 5 % probability: `3 of 2000 = 0.15 % (0.04 to 0.39 %)`.
pub fn rate(events: usize, all: usize) -> String {
    let (low, high) = binomial::interval(events as f64, all as f64, 0.05);
    let percent = |part: f64| 100.0 * part;
    format!(
        "{events} of {all} = {:.2} % ({:.2} to {:.2} %)",
        percent(events as f64 / all as f64),
        percent(low),
        percent(high)
    )
}

/// How many comparisons to simulate: so many by default, and more where `HOTPOLL_TEST_LONG` is set.
pub fn comparisons(usual: usize, long: usize) -> usize {
    match std::env::var_os("HOTPOLL_TEST_LONG") {
        Some(_) => long,
        None => usual,
    }
}

/// What came of each seed from 0 on, in their order, on all processors.
pub fn each<T: Send>(seeds: usize, of_seed: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            // Relaxed: each seed is told to one thread, and nothing else goes with it.
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds as u64 {
                return found;
            }
            found.push((seed, of_seed(seed)));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut all: Vec<(u64, T)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let found = threads.into_iter().map(|thread| thread.join());
        found.flat_map(|found| found.expect("no panic")).collect()
    });
    all.sort_by_key(|(seed, _)| *seed);
    all.into_iter().map(|(_, found)| found).collect()
}

/// For how many seeds this is so.
pub fn count(seeds: usize, is_so: impl Fn(u64) -> bool + Sync) -> usize {
    each(seeds, is_so).into_iter().filter(|so| *so).count()
}
