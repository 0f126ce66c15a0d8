//! Does the profile account for the CPU time that was used?
//!
//! Threads that are busy all the time, and a rate. Samples times the interval that was asked for, over the process's CPU clock: 100 % is
//! right. Less means that the profile misses time without saying so; here nothing is rescaled.

use peers::arguments::Arguments;
use peers::clock::process_cpu;
use peers::figures::Figures;
use peers::subject;
use std::hint::black_box;
use std::time::{Duration, Instant};

const RATES_HZ: [i32; 2] = [99, 1_000];
const THREADS: [usize; 2] = [1, 4];
const WINDOW: Duration = Duration::from_secs(5);

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let window = if arguments.quick { WINDOW / 10 } else { WINDOW };
    let mut figures = Figures::new("accounting", subject::NAME);
    for hz in RATES_HZ {
        for threads in THREADS {
            let guard = subject::start(hz);
            let before = process_cpu();
            burn(threads, window);
            let used = process_cpu() - before;
            let accounted = subject::samples(&guard) as f64 / f64::from(hz);
            drop(guard);
            figures.push(
                format!("accounted_{hz}_hz_{threads}_threads"),
                100.0 * accounted / used.as_secs_f64(),
                "%",
            );
        }
    }
    figures.write(arguments.json.as_deref())
}

fn burn(threads: usize, window: Duration) {
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let until = Instant::now() + window;
                let mut state = 1_u64;
                while Instant::now() < until {
                    for _ in 0..10_000 {
                        state = black_box(
                            state
                                .wrapping_mul(6_364_136_223_846_793_005)
                                .wrapping_add(1),
                        );
                    }
                }
            });
        }
    });
}
