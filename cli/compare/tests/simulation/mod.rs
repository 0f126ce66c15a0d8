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

/// How many comparisons to simulate: the figure, or a tenth of it unless `HOTPOLL_TEST_LONG` is set.
pub fn thinned(figure: usize) -> usize {
    match std::env::var_os("HOTPOLL_TEST_LONG") {
        Some(_) => figure,
        None => figure / 10,
    }
}
