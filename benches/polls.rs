//! What does tracking add to a poll, and to an idle task?
//!
//! ```text
//! cargo bench -p hotpoll-hooks --features tokio --bench polls -- [--quick] [--json FILE]
//! ```
//! Three rows, each against bare tokio in turns in the same run, medians: a task that wakes itself (target: 60 ns added), two tasks that wake each other
//! with a suspension captured in each poll (200 ns), tasks that tick (CPU time). Then a task's spawn and end,
//! bytes an idle task (256), and how long a snapshot of many takes. And what the functions cost while hotpoll
//! does not run: nothing that shows.
//! No timer samples meanwhile: that is another question (benches/overhead.rs).
//!
//! On a machine that others use, too, instructions say more than time does. One row alone, so many polls of it:
//! ```text
//! valgrind --tool=callgrind target/release/deps/polls-… --count ping_pong tracked 100000      (or bare)
//! ```
#![allow(unsafe_code)] // clocks

#[path = "support/polls.rs"]
mod polls;
mod support;

use polls::{Bare, Spawn};
use std::future::Future;
use support::{Arguments, Figures, median, process_cpu};
use tokio::task::JoinHandle;

struct Tracked;

impl Spawn for Tracked {
    #[track_caller]
    fn spawn<F>(&self, future: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        hotpoll_hooks::tasks::spawn_named("measured", future)
    }
}

fn main() -> std::io::Result<()> {
    if let Some(row) = to_count() {
        return count(&row);
    }
    let arguments = Arguments::parse();
    let mut figures = Figures::default();
    rows(&arguments, &mut figures, "off");
    let (sampler, mut modules) =
        hotpoll_sampler::start(hotpoll_sampler::Settings::default()).expect("sampling starts");
    modules.refresh();
    rows(&arguments, &mut figures, "added");
    let runtime = polls::runtime();
    let (bare, tracked) = (
        polls::task_bytes(&runtime, &Bare),
        polls::task_bytes(&runtime, &Tracked),
    );
    figures.push("task_bytes_bare", bare, "bytes");
    figures.push("task_bytes_added", tracked - bare, "bytes");
    let tasks = hotpoll_hooks::tasks::snapshot(&mut |_| Vec::new(), Default::default());
    let measured = tasks.kinds.iter().find(|kind| kind.name == "measured");
    let (captures, failed) = measured.map_or((0, 0), |kind| (kind.captures, kind.captures_failed));
    figures.push("captures", captures as f64, "");
    figures.push("captures_failed", failed as f64, "");
    look(&arguments, &mut figures);
    drop(sampler);
    figures.write(&arguments)
}

/// What stands behind `--count`.
fn to_count() -> Option<Vec<String>> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--count");
    arguments.next()?;
    Some(arguments.collect())
}

/// Runs one row once, so that its instructions can be counted from outside.
fn count(row: &[String]) -> std::io::Result<()> {
    let [name, by, polls, ..] = row else {
        return Err(std::io::Error::other("--count ROW bare|tracked POLLS"));
    };
    let polls: u32 = polls.parse().map_err(std::io::Error::other)?;
    let (_sampler, mut modules) =
        hotpoll_sampler::start(hotpoll_sampler::Settings::default()).expect("sampling starts");
    modules.refresh();
    let runtime = polls::runtime();
    match by.as_str() {
        "bare" => one_row(name, &runtime, &Bare, polls),
        _ => one_row(name, &runtime, &Tracked, polls),
    };
    Ok(())
}

/// A row by its name: nanoseconds a poll. `polls` are made in all.
fn one_row(name: &str, runtime: &tokio::runtime::Runtime, by: &impl Spawn, polls: u32) -> f64 {
    match name {
        "self_wake" => polls::self_wake(runtime, by, polls),
        "ping_pong" => polls::ping_pong(runtime, by, polls),
        "spawn" => polls::spawn_and_end(runtime, by, polls),
        "interval" => polls::interval(
            runtime,
            by,
            polls.div_ceil(polls::INTERVAL_TASKS),
            process_cpu,
        ),
        _ => panic!("no such row: {name}"),
    }
}

fn rows(arguments: &Arguments, figures: &mut Figures, what: &str) {
    let (rounds, polls, ticks) = if arguments.quick {
        (3, 20_000, 20)
    } else {
        (21, 300_000, 250)
    };
    let runtime = polls::runtime();
    let mut row = |name: &str, measure: &dyn Fn(bool) -> f64| {
        // The first of each warms up.
        measure(false);
        measure(true);
        let (mut bare, mut added) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let without = measure(false);
            bare.push(without);
            added.push(Tracked.around(|| measure(true)) - without);
        }
        if what == "added" {
            figures.push(format!("{name}_bare"), median(&mut bare), "ns");
        }
        figures.push(format!("{name}_{what}"), median(&mut added), "ns");
    };
    for (name, polls) in [
        ("self_wake", polls),
        ("ping_pong", polls),
        ("spawn", polls / 3),
        ("interval", ticks * polls::INTERVAL_TASKS),
    ] {
        row(name, &|tracked| match tracked {
            true => one_row(name, &runtime, &Tracked, polls),
            false => one_row(name, &runtime, &Bare, polls),
        });
    }
}

/// How long it takes to look at so many idle tasks; nobody is asked, so nobody is kept.
fn look(arguments: &Arguments, figures: &mut Figures) {
    let counts: &[u32] = if arguments.quick {
        &[1_000]
    } else {
        &[10_000, 100_000]
    };
    for count in counts {
        let runtime = polls::runtime();
        let _inside = runtime.enter();
        for _ in 0..*count {
            hotpoll_hooks::tasks::spawn_named("idle", async {
                tokio::time::sleep(std::time::Duration::from_secs(1_000_000)).await;
            });
        }
        runtime.block_on(tokio::task::yield_now());
        let mut times: Vec<f64> = (0..9)
            .map(|_| {
                let begun = std::time::Instant::now();
                let mut stacks = 0;
                let tasks = hotpoll_hooks::tasks::snapshot(
                    &mut |_| {
                        stacks += 1;
                        vec![stacks]
                    },
                    Default::default(),
                );
                assert_eq!(tasks.tasks.len(), *count as usize);
                begun.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        figures.push(format!("snapshot_of_{count}"), median(&mut times), "ms");
    }
}
