//! How much slower does a busy thread run while it is profiled?
//!
//! ```text
//! cargo bench --bench overhead -- [--quick] [--json FILE]
//! ```
//! The same work, 30 frames deep, off and on in turns; the order changes from pair to pair, so that a machine that warms up or slows down
//! weighs on both alike. CPU time by the thread's clock, which has the handler in it. The median of the pairs' differences is the
//! answer; where it is smaller than half the spread between the pairs' quartiles, it says "not more than about that". `said` is what the
//! report itself says: handler time and calibrated delivery over CPU time.

mod support;

use hotpoll::Builder;
use std::time::Duration;
use support::{Arguments, Figures, deeper, thread_cpu, work};

const RATES_HZ: [u32; 2] = [99, 1_000];
const PAIRS: usize = 41;
const FRAMES: usize = 30;
/// Some 200 ms of work.
const ITERATIONS: u64 = 100_000_000;

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let pairs = if arguments.quick { 3 } else { PAIRS };
    let mut figures = Figures::default();
    for hz in RATES_HZ {
        busy();
        let mut said = Vec::new();
        let mut differences: Vec<f64> = (0..pairs)
            .map(|pair| {
                let on_first = pair % 2 == 1;
                let (first, second) = (run(on_first, hz, &mut said), run(!on_first, hz, &mut said));
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
        let (low, high) = (
            (pairs / 2).saturating_sub(reach),
            (pairs / 2 + reach).min(pairs - 1),
        );
        figures.push(format!("overhead_low_{hz}_hz"), differences[low], "%");
        figures.push(format!("overhead_high_{hz}_hz"), differences[high], "%");
        let spread = differences[pairs * 3 / 4] - differences[pairs / 4];
        figures.push(format!("overhead_spread_{hz}_hz"), spread, "%");
        if !said.is_empty() {
            figures.push(
                format!("overhead_said_{hz}_hz"),
                support::median(&mut said),
                "%",
            );
        }
    }
    figures.write(&arguments)
}

fn run(profiled: bool, hz: u32, said: &mut Vec<f64>) -> Duration {
    let guard = profiled.then(|| Builder::new().sampling_hz(hz).start().expect("start"));
    if guard.is_some() {
        // The thread is found, and the tables are compiled, before the work begins.
        std::thread::sleep(Duration::from_millis(100));
    }
    let used = busy();
    if let Some(guard) = guard {
        let profile = guard.profile();
        let totals = profile.totals();
        if totals.cpu_ns > 0 {
            let delivered = (totals.fired - totals.overrun) * profile.process.delivery_ns;
            said.push(100.0 * (totals.handler_ns + delivered) as f64 / totals.cpu_ns as f64);
        }
        guard.stop();
    }
    used
}

/// CPU time of the work alone.
fn busy() -> Duration {
    deeper(FRAMES, &mut || {
        let before = thread_cpu();
        work(ITERATIONS);
        thread_cpu() - before
    })
}
