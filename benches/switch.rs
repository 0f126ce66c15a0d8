//! What does sampling add to a context switch?
//!
//! ```text
//! cargo bench -p hotpoll-sampler --bench switch -- [--quick] [--json FILE]
//! ```
//! Two threads on one processor pass a byte to and fro through pipes, in turns without hotpoll and with each engine, in the same run. The
//! promise is at most 1.05 by default.
#![allow(unsafe_code)] // processor affinity

mod support;

use hotpoll_sampler::{EngineSetting, Settings};
use std::io::{Read, Write};
use std::time::Instant;
use support::{Arguments, Figures, median};

const CASES: [(&str, EngineSetting, u64); 4] = [
    ("ctimer_99_hz", EngineSetting::Ctimer, 99),
    ("auto_99_hz", EngineSetting::Auto, 99),
    ("perf_99_hz", EngineSetting::Perf, 99),
    ("perf_1000_hz", EngineSetting::Perf, 1_000),
];

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let (rounds, passes) = if arguments.quick {
        (3, 20_000)
    } else {
        (15, 50_000)
    };
    let mut figures = Figures::default();
    pin_to_one_processor();
    let mut bare = Vec::new();
    let mut ratios: Vec<Vec<f64>> = vec![Vec::new(); CASES.len()];
    ping_pong(passes);
    for _ in 0..rounds {
        for (case, &(_, engine, hz)) in CASES.iter().enumerate() {
            let without = ping_pong(passes);
            let mut settings = Settings::default();
            settings.engine = engine;
            settings.interval_ns = 1_000_000_000 / hz;
            let Ok((mut sampler, mut modules)) = hotpoll_sampler::start(settings) else {
                continue; // perf is not permitted here
            };
            modules.refresh();
            let with = ping_pong_with(passes, &mut || {
                sampler.scan_threads();
                sampler.close_slice();
            });
            sampler.stop();
            bare.push(without);
            ratios[case].push(with / without);
        }
    }
    figures.push("switch_bare", median(&mut bare), "ns");
    for ((name, _, _), ratios) in CASES.iter().zip(&mut ratios) {
        if !ratios.is_empty() {
            figures.push(format!("switch_ratio_{name}"), median(ratios), "x");
        }
    }
    figures.write(&arguments)
}

fn ping_pong(passes: u32) -> f64 {
    ping_pong_with(passes, &mut || {})
}

/// Slices closed before measuring: the switches are known from the first on, and `auto` decides at the next.
const SLICES: u32 = 3;

/// Nanoseconds for each switch; `slice` is called when both threads are there, and between passes, for `auto` to decide.
fn ping_pong_with(passes: u32, slice: &mut dyn FnMut()) -> f64 {
    let (mut there_read, mut there_write) = std::io::pipe().expect("a pipe");
    let (mut back_read, mut back_write) = std::io::pipe().expect("a pipe");
    let other = std::thread::spawn(move || {
        let mut byte = [0];
        while there_read.read(&mut byte).is_ok_and(|read| read == 1) {
            back_write.write_all(&byte).expect("the pipe is open");
        }
    });
    let mut pass = |times: u32| {
        for _ in 0..times {
            there_write.write_all(&[1]).expect("the pipe is open");
            back_read.read_exact(&mut [0]).expect("the pipe is open");
        }
    };
    for _ in 0..SLICES {
        pass(passes / 4);
        slice();
    }
    let begun = Instant::now();
    pass(passes);
    let ns = begun.elapsed().as_nanos() as f64 / f64::from(2 * passes);
    drop(there_write);
    other.join().expect("the other thread ended well");
    ns
}

/// Each pass is then two switches.
fn pin_to_one_processor() {
    // SAFETY: the set is initialised before it is given to the kernel.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
    }
}
