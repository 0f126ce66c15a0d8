//! How much slower does a busy thread run while it is profiled?
//!
//! The same work, 30 frames deep, off and on in turns; the order changes from pair to pair, so that a machine that warms up or slows down
//! weighs on both alike. CPU time by the thread's clock, which has the handler in it. The median of the pairs' differences is the
//! answer; where it is smaller than half the spread between the pairs' quartiles, it says "not more than about that".

use peers::arguments::Arguments;
use peers::clock::thread_cpu;
use peers::figures::Figures;
use peers::{stack, subject};
use std::hint::black_box;
use std::time::Duration;

const RATES_HZ: [i32; 2] = [99, 1_000];
const PAIRS: usize = 41;
const FRAMES: usize = 30;
/// Some 200 ms of work.
const ITERATIONS: u64 = 100_000_000;

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let pairs = if arguments.quick { 3 } else { PAIRS };
    let mut figures = Figures::new("overhead", subject::NAME);
    for hz in RATES_HZ {
        work();
        let mut differences: Vec<f64> = (0..pairs)
            .map(|pair| {
                let on_first = pair % 2 == 1;
                let (first, second) = (run(on_first, hz), run(!on_first, hz));
                let (on, off) = if on_first {
                    (first, second)
                } else {
                    (second, first)
                };
                100.0 * (on.as_secs_f64() / off.as_secs_f64() - 1.0)
            })
            .collect();
        differences.sort_by(f64::total_cmp);
        figures.push(format!("overhead_{hz}_hz"), differences[pairs / 2], "%");
        // The median's 95 % interval, by rank.
        let reach = (0.98 * (pairs as f64).sqrt()).ceil() as usize;
        let low = (pairs / 2).saturating_sub(reach);
        let high = (pairs / 2 + reach).min(pairs - 1);
        figures.push(format!("overhead_low_{hz}_hz"), differences[low], "%");
        figures.push(format!("overhead_high_{hz}_hz"), differences[high], "%");
        let spread = differences[pairs * 3 / 4] - differences[pairs / 4];
        figures.push(format!("overhead_spread_{hz}_hz"), spread, "%");
    }
    figures.write(arguments.json.as_deref())
}

fn run(profiled: bool, hz: i32) -> Duration {
    let guard = profiled.then(|| subject::start(hz));
    let used = work();
    drop(guard);
    used
}

/// CPU time of the work alone, without starting and stopping the profiler.
fn work() -> Duration {
    stack::at_depth(FRAMES, &mut || {
        let before = thread_cpu();
        let mut state = 1_u64;
        for _ in 0..ITERATIONS {
            state = black_box(
                state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1),
            );
        }
        thread_cpu() - before
    })
}
