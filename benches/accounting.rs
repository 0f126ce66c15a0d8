//! Does the profile account for the CPU time that was used?
//!
//! ```text
//! cargo bench --bench accounting -- [--quick] [--shared] [--json FILE]
//! ```
//! Threads that are busy all the time, and a rate. What samples stand for, over the threads' own CPU clocks: 100 % is right. Nothing is
//! rescaled: what is missing stands in `[unsampled]`. `--shared`: only what rivals are asked, too (benches/peers).

mod support;

use hotpoll::{Builder, Engine};
use std::time::{Duration, Instant};
use support::{Arguments, Figures, work};

const RATES_HZ: [u32; 3] = [99, 1_000, 10_000];
const THREADS: [usize; 3] = [1, 4, 64];
/// Of these, and of the engines, so many from the front are what rivals are asked, too.
const SHARED: (usize, usize, usize) = (2, 2, 1);

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let window = Duration::from_secs(if arguments.quick { 1 } else { 5 });
    let mut figures = Figures::default();
    let engines = [
        (Engine::Auto, ""),
        (Engine::Ctimer, "_ctimer"),
        (Engine::Perf, "_perf"),
    ];
    let shared = std::env::args().any(|argument| argument == "--shared");
    let (rates, threads, engines) = match shared {
        true => (
            &RATES_HZ[..SHARED.0],
            &THREADS[..SHARED.1],
            &engines[..SHARED.2],
        ),
        false => (&RATES_HZ[..], &THREADS[..], &engines[..]),
    };
    for &(engine, name) in engines {
        for &hz in rates {
            for &threads in threads {
                let Ok(guard) = Builder::new().sampling_hz(hz).engine(engine).start() else {
                    continue;
                };
                burn(threads, window);
                // One slice more, so that the last samples are in.
                std::thread::sleep(Duration::from_millis(1_200));
                let profile = guard.profile();
                guard.stop();
                let (mut cpu_ns, mut sampled_ns) = (0, 0);
                for thread in profile.threads.iter().filter(|thread| !thread.own) {
                    cpu_ns += thread.totals.cpu_ns;
                    sampled_ns += thread.totals.sampled_ns;
                }
                figures.push(
                    format!("accounted{name}_{hz}_hz_{threads}_threads"),
                    100.0 * sampled_ns as f64 / cpu_ns as f64,
                    "%",
                );
            }
        }
    }
    figures.write(&arguments)
}

fn burn(threads: usize, window: Duration) {
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let until = Instant::now() + window;
                while Instant::now() < until {
                    work(10_000);
                }
            });
        }
    });
}
