//! locks: hotpath, with the standard library's mutex in its `mutex!`, in turns with the bare one: the same questions as hotpoll's own bench has
//! (benches/locks.rs), with the same names.

use peers::arguments::Arguments;
use peers::figures::{Figures, median};
use peers::locks::{alone, contended};
use std::sync::Mutex;
use std::time::Duration;

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let (rounds, times, time) = match arguments.quick {
        true => (3, 100_000, Duration::from_millis(10)),
        false => (31, 2_000_000, Duration::from_millis(100)),
    };
    let guard = hotpath::HotpathGuardBuilder::new("locks").build();
    let mut figures = Figures::new("locks", "hotpath");
    let bare = Mutex::new(0u64);
    let watched = hotpath::mutex!(Mutex::new(0u64));
    let lock_bare = || *bare.lock().unwrap() += 1;
    let lock_watched = || *watched.lock().unwrap() += 1;
    let mut row = |question: &str, rounds: usize, measure: &dyn Fn(bool) -> f64| {
        // The first of each warms up.
        measure(false);
        measure(true);
        let (mut without, mut with, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let (one, other) = (measure(false), measure(true));
            without.push(one);
            with.push(other);
            ratios.push(other / one);
        }
        let name = format!("mutex_{question}_on");
        figures.push(format!("{name}_bare"), median(&mut without), "ns");
        figures.push(name.clone(), median(&mut with), "ns");
        figures.push(format!("{name}_ratio"), median(&mut ratios), "times");
    };
    // It sends something for each acquisition, so fewer do.
    row("alone", rounds, &|watched| match watched {
        true => alone(&lock_watched, times / 20),
        false => alone(&lock_bare, times),
    });
    for (question, threads) in [("by_2", 2), ("by_8", 8)] {
        row(question, rounds / 3 + 1, &|watched| match watched {
            true => contended(&lock_watched, threads, time / 10),
            false => contended(&lock_bare, threads, time),
        });
    }
    // Its report is of no interest here.
    std::mem::forget(guard);
    figures.write(arguments.json.as_deref())
}
