//! What does the agent cost the process that it lives in? How long a start takes beside many threads, and its own threads' share of a core.
//!
//! ```text
//! cargo bench --bench agent -- [--seconds N] [--sleeping N] [--json FILE]
//! cargo bench --bench agent -- --sleeping 5000        only beside so many sleeping threads: under half a minute
//! ```
//! Each case is a process of its own, and its sleepers are threads; looks by the wall clock are on, as they are by default. Shares are by the threads' own CPU clocks, over so many seconds after a first two.

use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The argument that makes this binary measure one case.
const CASE: &str = "--case";

/// Sleeping threads, busy threads, rate in Hz.
const CASES: [(usize, usize, u32); 7] = [
    (0, 0, 99),
    (0, 2, 99),
    (0, 64, 99),
    (1_000, 2, 99),
    (5_000, 2, 99),
    (0, 2, 1_000),
    (0, 2, 10_000),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name);
        place.and_then(|place| arguments.get(place + 1))
    };
    if let Some(case) = after(CASE) {
        measure(case);
        return ExitCode::SUCCESS;
    }
    let seconds = after("--seconds").map_or("10", |seconds| seconds);
    let only = after("--sleeping").map(|sleeping| sleeping.parse().expect("a number of threads"));
    let mut figures = Vec::new();
    for (sleeping, busy, hz) in CASES {
        if only.is_some_and(|only: usize| only != sleeping) {
            continue;
        }
        let case = format!("{sleeping},{busy},{hz},{seconds}");
        let program = std::env::current_exe().expect("this binary");
        let output = Command::new(program).args([CASE, &case]).output();
        let output = output.expect("this binary runs");
        assert!(output.status.success(), "{case}: {output:?}");
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let (name, rest) = line.split_once(' ').expect("a name");
            let (value, unit) = rest.split_once(' ').expect("a value and its unit");
            let name = format!("{name}_{sleeping}_sleeping_{busy}_busy_{hz}_hz");
            println!("{name} = {value} {unit}");
            let value: f64 = value.parse().expect("a number");
            figures.push(serde_json::json!({"name": name, "value": value, "unit": unit}));
        }
    }
    if let Some(path) = after("--json") {
        let text = serde_json::to_string_pretty(&figures).expect("plain numbers");
        std::fs::write(path, text).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    ExitCode::SUCCESS
}

static END: AtomicBool = AtomicBool::new(false);

fn measure(case: &str) {
    let numbers: Vec<u64> = case
        .split(',')
        .map(|number| number.parse().expect("a number"))
        .collect();
    let [sleeping, busy, hz, seconds] = numbers[..] else {
        panic!("not a case: {case}");
    };
    for _ in 0..sleeping {
        let small = std::thread::Builder::new().stack_size(32 * 1024);
        small.spawn(std::thread::park).expect("a thread");
    }
    let rss_before = rss_kb();
    let began = Instant::now();
    let builder = hotpoll::Builder::new().sampling_hz(hz as u32);
    let guard = builder.start().expect("hotpoll starts");
    let start = began.elapsed();
    for _ in 0..busy {
        std::thread::spawn(|| {
            while !END.load(Relaxed) {
                deep(20, black_box(1));
            }
        });
    }
    std::thread::sleep(Duration::from_secs(2));
    let before = own_cpu_ns();
    let began = Instant::now();
    std::thread::sleep(Duration::from_secs(seconds));
    let shares: Vec<(String, f64)> = own_cpu_ns()
        .into_iter()
        .zip(before)
        .map(|((name, now), (_, before))| {
            (
                name,
                (now - before) as f64 / began.elapsed().as_nanos() as f64 * 100.0,
            )
        })
        .collect();
    println!("start {:.2} ms", start.as_nanos() as f64 / 1e6);
    println!(
        "agent {:.3} %-of-a-core",
        shares.iter().map(|(_, share)| share).sum::<f64>()
    );
    for (name, share) in shares {
        println!("{} {share:.3} %-of-a-core", name.replace('-', "_"));
    }
    println!("resident_more {:.1} MB", (rss_kb() - rss_before) / 1e3);
    let profile = guard.profile();
    let totals = profile.totals();
    println!("lost {} samples", totals.lost.total());
    println!(
        "threads {} threads",
        profile.threads.iter().filter(|thread| !thread.own).count()
    );
    println!(
        "looks {:.2} looks-a-second-at-each",
        profile.process.wall_delivered_hz
    );
    END.store(true, Relaxed);
}

/// Callchains that differ from sample to sample.
#[inline(never)]
fn deep(depth: u64, seed: u64) -> u64 {
    if depth == 0 {
        return (0..50).fold(seed, |sum, n| black_box(sum.wrapping_mul(31) + n));
    }
    match seed % 3 {
        0 => deep(depth - 1, black_box(seed * 7 + 1)) + 1,
        1 => deep(depth - 1, black_box(seed * 5 + 2)) + 2,
        _ => deep(depth - 1, black_box(seed * 3 + 1)) + 3,
    }
}

/// CPU time of hotpoll's threads so far, by name.
fn own_cpu_ns() -> Vec<(String, u64)> {
    let tasks = std::fs::read_dir("/proc/self/task")
        .expect("our threads")
        .flatten();
    let mut own: Vec<(String, u64)> = tasks
        .filter_map(|task| {
            let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
            let name = name.trim_end().strip_prefix("hotpoll-")?.to_owned();
            let times = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            Some((name, times.split(' ').next()?.parse().ok()?))
        })
        .collect();
    own.sort();
    own
}

fn rss_kb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let rss = lines.find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = rss.and_then(|rss| rss.split_whitespace().next()?.parse().ok());
    kb.unwrap_or(0.0)
}
