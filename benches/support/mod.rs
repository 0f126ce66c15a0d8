//! What the benchmarks share: figures, arguments, clocks, and stacks of a chosen depth.
#![allow(dead_code, unsafe_code)] // each benchmark uses a part; clocks are system calls

use std::hint::black_box;
use std::time::Duration;

/// `--quick` and `--json FILE`.
pub struct Arguments {
    pub quick: bool,
    json: Option<String>,
}

impl Arguments {
    pub fn parse() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let json = arguments.iter().position(|argument| argument == "--json");
        Self {
            quick: arguments.iter().any(|argument| argument == "--quick"),
            json: json.and_then(|place| arguments.get(place + 1)).cloned(),
        }
    }
}

/// Figures: `name = value unit` on standard output, and with `--json FILE` the same as a list of `{name, value, unit}`.
#[derive(Default)]
pub struct Figures(Vec<(String, f64, &'static str)>);

impl Figures {
    pub fn push(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        let name = name.into();
        println!("{name} = {} {unit}", rounded(value));
        self.0.push((name, value, unit));
    }

    pub fn write(&self, arguments: &Arguments) -> std::io::Result<()> {
        let Some(path) = &arguments.json else {
            return Ok(());
        };
        let rows: Vec<String> = self
            .0
            .iter()
            .map(|(name, value, unit)| {
                format!("  {{\"name\": \"{name}\", \"value\": {value}, \"unit\": \"{unit}\"}}")
            })
            .collect();
        std::fs::write(path, format!("[\n{}\n]\n", rows.join(",\n")))
    }
}

/// As many digits as tell something.
fn rounded(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The middle value.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The calling thread's CPU clock.
pub fn thread_cpu() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// The process's CPU clock.
pub fn process_cpu() -> Duration {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn clock(id: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the result.
    unsafe { libc::clock_gettime(id, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The calling thread, and those that it makes from now on, run on this processor alone.
pub fn pin(cpu: usize) -> std::io::Result<()> {
    // SAFETY: zero is the empty set, and it is valid during the call.
    unsafe {
        let mut cpus: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut cpus);
        match libc::sched_setaffinity(0, size_of_val(&cpus), &cpus) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    }
}

/// Runs `leaf` below so many more calls, each with a frame of its own.
#[inline(never)]
pub fn deeper<R>(calls: usize, leaf: &mut dyn FnMut() -> R) -> R {
    if calls == 0 {
        return leaf();
    }
    let result = deeper(calls - 1, leaf);
    // Keeps the call from becoming a jump.
    black_box(calls);
    result
}

/// A fixed piece of work: about 2 ns each.
pub fn work(iterations: u64) {
    let mut state = 1_u64;
    for _ in 0..iterations {
        state = black_box(
            state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1),
        );
    }
}
