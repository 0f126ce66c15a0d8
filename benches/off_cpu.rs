//! What does a look at a thread cost the agent? At one that sleeps on, at one that has slept for a moment only, and at one whose stack is taken.
//!
//! ```text
//! cargo bench -p hotpoll-sampler --bench off_cpu -- [--quick] [--json FILE]
//! ```
//! CPU time of the looking thread for each look, the middle of many rounds. (The agent's share of a core beside sleeping threads: `--bench agent`.)

#[path = "support/mod.rs"]
mod support;

use hotpoll_sampler::{OffCpu, Settings, testing, thread_cpu_ns};
use std::time::Duration;
use support::{Arguments, Figures, median};

/// Threads; beside a thousand the files of most of them are not kept open.
const CASES: [usize; 2] = [100, 1_000];

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let rounds = if arguments.quick { 20 } else { 200 };
    let mut figures = Figures::default();
    let (mut sampler, mut modules) = hotpoll_sampler::start(Settings::default()).expect("start");
    modules.refresh();
    let mut there = 0;
    for threads in CASES {
        for _ in there..threads {
            let small = std::thread::Builder::new().stack_size(64 * 1024);
            small.spawn(|| deep(12))?;
        }
        there = threads;
        std::thread::sleep(Duration::from_millis(500));
        sampler.scan_threads();
        let mut off_cpu = sampler.off_cpu();
        let (mut fresh, mut moment) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            testing::forget_stacks(&mut off_cpu);
            fresh.push(round(&mut off_cpu));
            moment.push(round(&mut off_cpu));
        }
        for _ in 0..10 {
            round(&mut off_cpu);
        }
        let mut idle: Vec<f64> = (0..rounds).map(|_| round(&mut off_cpu)).collect();
        figures.push(
            format!("long_asleep_{threads}_threads"),
            median(&mut idle),
            "ns/look",
        );
        figures.push(
            format!("just_asleep_{threads}_threads"),
            median(&mut moment),
            "ns/look",
        );
        figures.push(
            format!("stack_taken_{threads}_threads"),
            median(&mut fresh),
            "ns/look",
        );
    }
    sampler.stop();
    figures.write(&arguments)
}

/// Looks at all threads; returns the CPU time for each.
fn round(off_cpu: &mut OffCpu) -> f64 {
    let before_ns = thread_cpu_ns();
    let looks = off_cpu.look(u64::MAX, &mut |_, look| {
        std::hint::black_box(look.callchain);
    });
    (thread_cpu_ns() - before_ns) as f64 / looks as f64
}

/// Parks below some frames of its own.
#[inline(never)]
fn deep(depth: u32) -> u32 {
    if depth == 0 {
        std::thread::park();
        return 1;
    }
    std::hint::black_box(deep(depth - 1)) + 1
}
