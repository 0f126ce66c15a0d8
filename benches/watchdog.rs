//! How soon does a poll that takes long show its third stack?
//!
//! ```text
//! cargo bench --bench watchdog -- [--quick] [--json FILE]      under a minute
//! ```
//! A process of its own has 200 polls of 30 ms that compute and 200 that sleep, at odd moments, one after the other; it is asked over its socket what was
//! seen of them. Printed is the share of polls of which three stacks were taken within 20 ms, twice the threshold, and when the third one was:
//! the middle, and the 95th percentile (the promise: 20 ms). A poll without a third stack counts with its whole length. A poll that should
//! compute and did not have its processor for these 20 ms is left out, and counted as crowded: it was waiting, not computing.

mod support;

#[path = "support/asked.rs"]
mod asked;

use asked::Asked;
use hotpoll_profile::{LongPoll, pprof};
use std::time::{Duration, Instant};
use support::{Arguments, Figures};

/// The argument that makes this binary the process that is asked.
const HOST: &str = "--host";
const POLL: Duration = Duration::from_millis(30);
const IN_TIME_NS: u64 = 20_000_000;
/// Polls of each kind between two questions: the process keeps eight of a kind.
const POLLS_A_ROUND: usize = 4;
const ROUNDS: usize = 50;
const KINDS: [&str; 2] = ["computes", "sleeps"];
/// The stacks of a thread that computes come with the next drain.
const DRAINED: Duration = Duration::from_millis(300);
/// A stack that was taken whole has more frames than that.
const FRAMES: usize = 4;

fn main() -> std::io::Result<()> {
    if std::env::args().nth(1).is_some_and(|role| role == HOST) {
        be_asked();
        return Ok(());
    }
    let arguments = Arguments::parse();
    let rounds = if arguments.quick { 5 } else { ROUNDS };
    let mut figures = Figures::default();
    let mut host = Asked::start(&[HOST])?;
    for name in KINDS {
        let mut thirds_ns = Vec::new();
        let mut crowded = 0;
        for _ in 0..rounds {
            host.tell(name);
            let line = host.line()?;
            // In the order in which they were.
            let had_processor: Vec<bool> = line.split(' ').flat_map(str::parse).collect();
            assert_eq!(had_processor.len(), POLLS_A_ROUND, "{line}");
            std::thread::sleep(DRAINED);
            let answer = host.ask(1)?;
            let profile = pprof::decode(&answer.bytes);
            let profile = profile.map_err(|error| std::io::Error::other(error.to_string()))?;
            let tasks = profile.snapshot.expect("it was asked for").tasks;
            let mut kinds = tasks.kinds.iter();
            let kind = kinds.find(|kind| kind.name == name).expect("the kind");
            let polls = &kind.long_polls;
            assert!(polls.len() >= POLLS_A_ROUND, "{polls:?}");
            // The newest comes first.
            for (poll, had_processor) in polls[..POLLS_A_ROUND].iter().rev().zip(had_processor) {
                match had_processor {
                    true => thirds_ns.push(third_ns(poll)),
                    false => crowded += 1,
                }
            }
        }
        figures.push(format!("crowded_{name}"), f64::from(crowded), "polls");
        if thirds_ns.is_empty() {
            continue;
        }
        thirds_ns.sort_unstable();
        let polls = thirds_ns.len();
        let in_time = thirds_ns.iter().filter(|ns| **ns <= IN_TIME_NS).count();
        let quantile = |share: f64| thirds_ns[((polls - 1) as f64 * share).ceil() as usize] as f64;
        figures.push(format!("seen_{name}"), polls as f64, "polls");
        figures.push(
            format!("three_stacks_in_time_{name}"),
            100.0 * in_time as f64 / polls as f64,
            "%",
        );
        figures.push(
            format!("third_stack_median_{name}"),
            quantile(0.5) / 1e6,
            "ms",
        );
        figures.push(
            format!("third_stack_p95_{name}"),
            quantile(0.95) / 1e6,
            "ms",
        );
    }
    figures.write(&arguments)
}

/// How far into the poll its third whole stack was taken.
fn third_ns(poll: &LongPoll) -> u64 {
    let whole = poll.stacks.iter();
    let mut whole = whole.filter(|stack| stack.stack.len() >= FRAMES);
    whole.nth(2).map_or(poll.poll_ns, |stack| stack.at_ns)
}

fn be_asked() {
    let guard = hotpoll::start().expect("hotpoll starts");
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll::runtime(&mut builder)
        .worker_threads(1)
        .enable_time()
        .build()
        .expect("a runtime");
    println!("ready");
    let mut random = u64::from(std::process::id());
    for line in std::io::stdin().lines() {
        let name = match line.expect("text").as_str() {
            "computes" => "computes",
            _ => "sleeps",
        };
        let mut had_processor = Vec::new();
        for _ in 0..POLLS_A_ROUND {
            // At any moment of the kernel's tick and of the watchdog's.
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let pause = Duration::from_micros(5_000 + (random >> 40) % 20_000);
            let had = runtime.block_on(async move {
                tokio::time::sleep(pause).await;
                let poll = hotpoll::spawn_named(name, async move {
                    match name {
                        "computes" => compute(POLL),
                        _ => {
                            std::thread::sleep(POLL);
                            true
                        }
                    }
                });
                poll.await.expect("it ends well")
            });
            had_processor.push(had.to_string());
        }
        println!("{}", had_processor.join(" "));
    }
    drop(guard);
}

/// Whether it had its processor until three stacks are due.
#[inline(never)]
fn compute(time: Duration) -> bool {
    /// The kernel's own work is in it, too.
    const MOST_WITHOUT: Duration = Duration::from_millis(1);
    let (begun, cpu) = (Instant::now(), support::thread_cpu());
    let due = Duration::from_nanos(IN_TIME_NS);
    while begun.elapsed() < due {
        support::work(1_000);
    }
    let had = support::thread_cpu() - cpu + MOST_WITHOUT >= due;
    while begun.elapsed() < time {
        support::work(1_000);
    }
    had
}
