//! What does it cost to keep the last minutes? Nanoseconds for each sample on the drain thread, microseconds for each slice, and how
//! long an answer holds the recorder's lock.
//!
//! ```text
//! cargo bench --bench recorder -- [--json FILE]
//! ```
//! The load: callchains of 30 frames, leaves with a few hot ones among many rare ones, 64 threads.

#[path = "support/numbers.rs"]
mod numbers;

use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{Engine, EngineReason, State, Truncation, pprof};
use hotpoll_symbolizer::recorder::{
    Observation, Query, Recorder, Settings, SliceClocks, ThreadFacts,
};
use numbers::Numbers;
use std::hint::black_box;
use std::time::Instant;

const FRAMES: u64 = 30;
const THREADS: u64 = 64;
const RUNS: usize = 5;

fn main() {
    let mut figures = Figures::default();
    figures.add("observe_warm", best(observe_warm), "ns/sample");
    figures.add("observe_first_seen", best(observe_first_seen), "ns/sample");
    let full = Filled::new(64 * 99, Settings::default());
    figures.add(
        "slices_kept_64_busy_threads_99_hz",
        full.recorder.slices() as f64,
        "slices",
    );
    figures.add(
        "evicted_for_memory_64_busy_threads_99_hz",
        full.recorder.evicted_slices() as f64,
        "slices",
    );
    figures.add("close_slice_64_busy_threads_99_hz", full.close_us, "us");
    figures.add(
        "lock_held_for_whole_answer",
        best(|| us(|| drop(black_box(full.recorder.snapshot(Query::ALL))))),
        "us",
    );
    let since = Query::since(full.recorder.last_sequence() - 1);
    figures.add(
        "lock_held_for_one_slice",
        best(|| us(|| drop(black_box(full.recorder.snapshot(since))))),
        "us",
    );
    let held = peak_mb();
    figures.add(
        "whole_answer",
        best(|| us(|| drop(black_box(full.recorder.profile(Query::ALL))))) / 1e3,
        "ms",
    );
    let profile = full.recorder.profile(Query::ALL);
    figures.add(
        "whole_answer_encoded",
        best(|| us(|| drop(black_box(pprof::encode(&profile))))) / 1e3,
        "ms",
    );
    figures.add(
        "whole_answer_size",
        pprof::encode(&profile).len() as f64 / 1e6,
        "MB",
    );
    let profile_and_bytes = peak_mb();
    figures.add(
        "whole_answer_memory_for_a_moment",
        profile_and_bytes - held,
        "MB",
    );
    let usual = Filled::new(2 * 99, Settings::default());
    figures.add(
        "slices_kept_2_busy_threads_99_hz",
        usual.recorder.slices() as f64,
        "slices",
    );
    figures.add(
        "bytes_2_busy_threads_99_hz",
        usual.recorder.bytes() as f64 / 1e6,
        "MB",
    );
    figures.print();
}

fn fill_callchain(callchain: &mut Vec<u64>, numbers: &mut Numbers) {
    callchain.clear();
    let leaf = numbers.skewed(20_000);
    // Who calls whom is fixed: ten callers of each leaf's level, up to a common root.
    callchain.push(0x5555_0000_0000 + leaf * 16);
    let mut caller = leaf;
    for depth in 1..FRAMES {
        caller = caller / 2 + depth % 3;
        callchain.push(0x5555_1000_0000 + depth * 0x10_0000 + caller * 64);
    }
}

fn observation<'a>(thread: u32, callchain: &'a [u64]) -> Observation<'a> {
    Observation {
        thread,
        state: State::Running,
        truncation: Truncation::Complete,
        task: 0,
        kind: 7,
        context: 0,
        lock: 0,
        holds: 0,
        expiries: 1,
        cpu_ns: Settings::default().interval_ns,
        wall_ns: 0,
        callchain,
    }
}

/// Callchains that all were seen before, as nearly all are.
fn observe_warm() -> f64 {
    const STACKS: usize = 200;
    const SAMPLES: usize = 200_000;
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    let mut recorder = Recorder::new(Settings::default());
    let stacks: Vec<(u32, Vec<u64>)> = (0..STACKS)
        .map(|_| {
            let mut callchain = Vec::new();
            fill_callchain(&mut callchain, &mut numbers);
            ((numbers.next() % 4) as u32, callchain)
        })
        .collect();
    let order: Vec<usize> = (0..SAMPLES)
        .map(|_| numbers.next() as usize % STACKS)
        .collect();
    for (thread, callchain) in &stacks {
        recorder.observe(&observation(*thread, callchain));
    }
    let began = Instant::now();
    for &which in &order {
        let (thread, callchain) = &stacks[which];
        recorder.observe(&observation(*thread, callchain));
    }
    began.elapsed().as_nanos() as f64 / SAMPLES as f64
}

/// Callchains whose leaf is new each time.
fn observe_first_seen() -> f64 {
    const SAMPLES: u64 = 20_000;
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    let mut recorder = Recorder::new(Settings::default());
    let mut callchain = Vec::new();
    fill_callchain(&mut callchain, &mut numbers);
    let began = Instant::now();
    for leaf in 0..SAMPLES {
        callchain[0] = leaf * 16;
        recorder.observe(&observation(0, &callchain));
    }
    began.elapsed().as_nanos() as f64 / SAMPLES as f64
}

/// A recorder that has run for a while, and how long its slices took to close.
struct Filled {
    recorder: Recorder,
    close_us: f64,
}

impl Filled {
    fn new(samples_a_slice: u64, settings: Settings) -> Self {
        let mut numbers = Numbers(0x9876_5432_1fed_cba9);
        let mut recorder = Recorder::new(settings);
        let mut callchain = Vec::new();
        let mut close_us = Vec::new();
        for second in 0..320_u64 {
            for _ in 0..samples_a_slice {
                fill_callchain(&mut callchain, &mut numbers);
                let thread = (numbers.next() % THREADS) as u32;
                recorder.observe(&observation(thread, &callchain));
            }
            let clocks = clocks(second);
            for thread in 0..THREADS as u32 {
                recorder.describe_thread(thread, &facts());
            }
            close_us.push(us(|| {
                recorder.close_slice(&clocks);
            }));
        }
        close_us.sort_by(f64::total_cmp);
        let close_us = close_us[close_us.len() / 2];
        Self { recorder, close_us }
    }
}

fn clocks(second: u64) -> SliceClocks {
    let accounts = Accounts {
        cpu_ns: 987_654_321,
        sampled_ns: 980_000_000,
        fired: 99,
        recorded: 99,
        handler_ns: 90_000,
        switches: 123,
        ..Accounts::default()
    };
    SliceClocks {
        start_unix_ns: second * 1_000_000_000,
        duration_ns: 1_000_000_000,
        threads: (0..THREADS as u32)
            .map(|thread| (thread, accounts))
            .collect(),
        ..SliceClocks::default()
    }
}

fn facts() -> ThreadFacts<'static> {
    ThreadFacts {
        tid: 1,
        start_ticks: 1,
        name: "tokio-runtime-w",
        exited: false,
        own: false,
        engine: Engine::Ctimer,
        engine_reason: EngineReason::Default,
        signal_blocked: false,
        tick_biased: false,
    }
}

/// The most memory that this process has held so far.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let peak = lines.find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok());
    kb.unwrap_or(0.0) / 1e3
}

fn us(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_nanos() as f64 / 1e3
}

fn best(mut measure: impl FnMut() -> f64) -> f64 {
    (0..RUNS).map(|_| measure()).fold(f64::INFINITY, f64::min)
}

/// Figures by name, printed and, with `--json FILE`, written.
#[derive(Default)]
struct Figures(Vec<(String, f64, &'static str)>);

impl Figures {
    fn add(&mut self, name: &str, value: f64, unit: &'static str) {
        self.0.push((name.to_owned(), value, unit));
    }

    fn print(&self) {
        for (name, value, unit) in &self.0 {
            println!("{name} = {value:.2} {unit}");
        }
        let mut arguments = std::env::args()
            .skip_while(|argument| argument != "--json")
            .skip(1);
        if let Some(path) = arguments.next() {
            let figures: Vec<_> = self.0.iter().map(|(name, value, unit)| serde_json::json!({"name": name, "value": value, "unit": unit})).collect();
            let text = serde_json::to_string_pretty(&figures).expect("plain numbers");
            std::fs::write(&path, text).unwrap_or_else(|error| panic!("{path}: {error}"));
        }
    }
}
