//! How long does a comparison take, and how much memory? Ten runs a side of a program with 5,000 functions: under a second, under 100 MB.
//!
//! ```text
//! cargo bench -p hotpoll-compare --bench diff -- [--json FILE]
//! ```
//! Each run: 60 slices of 1,000 samples, about 8,000 distinct stacks of 25 frames.

#[path = "support/numbers.rs"]
mod numbers;

use hotpoll_compare::{Key, Options, Run, Stack, Verdict, compare};
use hotpoll_profile::Work;
use numbers::Numbers;
use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

const RUNS: u64 = 10;
const FUNCTIONS: u64 = 5_000;
const SLICES: usize = 60;
const SAMPLES_A_SLICE: usize = 1_000;
const FRAMES: u64 = 25;

fn main() -> std::io::Result<()> {
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let mut side = |from: u64| {
        (from..from + RUNS)
            .map(|run| make(run, &mut numbers, 0))
            .collect::<Vec<_>>()
    };
    let (base, new) = (side(0), side(RUNS));
    let mut figures = Figures::default();
    let functions: std::collections::HashSet<&str> = base
        .iter()
        .flat_map(|run| &run.keys)
        .map(|key| &*key.name)
        .collect();
    let stacks = base.iter().map(|run| run.stacks.len()).sum::<usize>() as f64 / base.len() as f64;
    figures.add("functions", functions.len() as f64, "functions");
    figures.add("stacks_a_run", stacks, "stacks");
    let held = peak_mb();
    figures.add("runs_in_memory", held, "MB");
    let mut times = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        let comparison = compare(&base, &new, &Options::default()).expect("comparable");
        times.push(start.elapsed().as_secs_f64() * 1e3);
        if times.len() == 1 {
            figures.add("tested_rows", comparison.rows.len() as f64, "rows");
            figures.add("peak_memory_runs_included", peak_mb(), "MB");
        }
        black_box(comparison);
    }
    times.sort_by(f64::total_cmp);
    figures.add("compare_10_and_10_runs", times[times.len() / 2], "ms");
    drop(new);
    // Hundreds of functions dearer and hundreds cheaper: what moved where is looked for among all of them.
    let changed: Vec<Run> = (RUNS..2 * RUNS)
        .map(|run| make(run, &mut numbers, 3))
        .collect();
    let start = Instant::now();
    let comparison = compare(&base, &changed, &Options::default()).expect("comparable");
    let took = start.elapsed().as_secs_f64() * 1e3;
    let rows = comparison.rows.iter();
    let rows = rows.filter(|row| row.total.verdict == Verdict::Regressed);
    figures.add("regressed_rows", rows.count() as f64, "rows");
    figures.add("compare_10_and_10_changed_runs", took, "ms");
    figures.write()
}

/// A call tree in which a few paths are hot and most are rare. Every second path is dearer by so many samples for each that it has.
fn make(run: u64, numbers: &mut Numbers, dearer: u64) -> Run {
    let mut made = Run {
        name: format!("{run}.pb.gz"),
        interval_ns: 1_000_000,
        duration_ns: SLICES as u64 * 1_000_000_000,
        clock: "perf".into(),
        named: true,
        inlines: true,
        work: vec![Work {
            name: "requests".into(),
            units: 1_000_000,
            ..Work::default()
        }],
        ..Run::default()
    };
    let mut keys: HashMap<u64, u32> = HashMap::new();
    let mut stacks: HashMap<u64, u32> = HashMap::new();
    for _ in 0..SLICES {
        let mut slice: HashMap<u32, u32> = HashMap::new();
        for _ in 0..SAMPLES_A_SLICE {
            let leaf = numbers.skewed(40_000);
            let stack = *stacks.entry(leaf).or_insert_with(|| {
                let mut frames = Vec::new();
                for depth in 0..FRAMES {
                    let function = (leaf * 31 + 7) % FUNCTIONS / (1 << (depth / 2)) + depth;
                    let key = *keys.entry(function).or_insert_with(|| {
                        made.keys.push(Key {
                            name: format!("shop::module{}::function{function}", function % 97),
                            file: format!("src/module{}.rs", function % 97),
                            line: 1,
                        });
                        made.keys.len() as u32 - 1
                    });
                    frames.push(key);
                }
                made.stacks.push(Stack {
                    frames,
                    ..Stack::default()
                });
                made.stacks.len() as u32 - 1
            });
            let counted = &mut made.stacks[stack as usize];
            let samples = 1 + dearer * (leaf % 2);
            counted.samples += samples;
            counted.cpu_ns += samples * 1_000_000;
            *slice.entry(stack).or_default() += samples as u32;
        }
        made.slices.push(slice.into_iter().collect());
    }
    made.samples = made.stacks.iter().map(|stack| stack.samples).sum();
    made.cpu_ns = made.samples * 1_000_000 + numbers.next() % 1_000_000_000;
    made
}

/// The most memory that the process ever had.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = line.and_then(|line| {
        line.trim()
            .trim_end_matches(" kB")
            .trim()
            .parse::<f64>()
            .ok()
    });
    kb.unwrap_or(f64::NAN) / 1e3
}

/// Figures: `name = value unit` on standard output, and with `--json FILE` the same as a list of `{name, value, unit}`.
#[derive(Default)]
struct Figures(Vec<(&'static str, f64, &'static str)>);

impl Figures {
    fn add(&mut self, name: &'static str, value: f64, unit: &'static str) {
        println!("{name} = {value:.1} {unit}");
        self.0.push((name, value, unit));
    }

    fn write(&self) -> std::io::Result<()> {
        let arguments: Vec<String> = std::env::args().collect();
        let json = arguments.iter().position(|argument| argument == "--json");
        let Some(path) = json.and_then(|at| arguments.get(at + 1)) else {
            return Ok(());
        };
        let rows = self.0.iter();
        let rows: Vec<String> = rows
            .map(|(name, value, unit)| {
                format!("  {{\"name\": \"{name}\", \"value\": {value}, \"unit\": \"{unit}\"}}")
            })
            .collect();
        std::fs::write(path, format!("[\n{}\n]\n", rows.join(",\n")))
    }
}
