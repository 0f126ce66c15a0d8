//! Everything at once at 10 kHz: threads that come and go, libraries that come and go, children that are forked and exec'ed, allocation, panics, deep
//! recursion, foreign signals, stops and starts. At the end nothing has crashed, no child was killed, and the accounts agree.
//!
//! HOTPOLL_STRESS_SECONDS says how long: 20 by default, 180 in CI, 1,200 in the long form.
#![allow(unsafe_code)] // see guest_support

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_profile::thread::Accounts;
use hotpoll_sampler::EngineSetting;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::library::{Libraries, load_call_unload};
use support::{Agent, SetAtEnd, shapes, with_engine};

/// Sampling stops and starts again this often.
const PHASE: Duration = Duration::from_secs(5);
/// As long as CI runs it so many execs at the least; on a slow or crowded machine it goes on for that, for so many times the time asked for at the most.
const EXECS: u64 = 2_000;
const MOST_TIMES: u32 = 3;

/// What was done, by kind.
#[derive(Default)]
struct Done {
    threads: AtomicU64,
    loads: AtomicU64,
    execs: AtomicU64,
    forks: AtomicU64,
    panics: AtomicU64,
    recursions: AtomicU64,
    allocations: AtomicU64,
    foreign_signals: AtomicU64,
}

fn length() -> Duration {
    let seconds = std::env::var("HOTPOLL_STRESS_SECONDS")
        .ok()
        .map_or(20, |text| {
            text.parse().expect("HOTPOLL_STRESS_SECONDS: a number")
        });
    Duration::from_secs(seconds)
}

fn churn_threads(done: &Done) {
    std::thread::scope(|scope| {
        for depth in 0..8 {
            scope.spawn(move || shapes::descend(depth * 20));
        }
    });
    done.threads.fetch_add(8, Ordering::Relaxed);
}

fn exec_children(done: &Done, round: u64) {
    // posix_spawn, or fork and exec when there is something to do in between.
    let mut command = Command::new("/bin/true");
    if round.is_multiple_of(2) {
        command.env("HOTPOLL_STRESS", "1").current_dir("/");
    }
    let status = command.status().unwrap();
    assert!(status.success(), "an exec'ed child ended with {status}");
    done.execs.fetch_add(1, Ordering::Relaxed);
    let status = support::forked(|| {
        std::hint::black_box(shapes::descend(50));
    });
    assert!(status.success(), "a forked child ended with {status}");
    done.forks.fetch_add(1, Ordering::Relaxed);
}

#[inline(never)]
fn panic_below(depth: u32) -> u32 {
    if depth == 0 {
        // Without the hook's message: the panic itself is what is tried.
        std::panic::resume_unwind(Box::new("stress"));
    }
    panic_below(depth - 1) + std::hint::black_box(1)
}

fn panic_often(done: &Done, round: u64) {
    let caught = catch_unwind(AssertUnwindSafe(|| panic_below((round % 60) as u32)));
    assert!(caught.is_err());
    done.panics.fetch_add(1, Ordering::Relaxed);
}

#[inline(never)]
fn recurse(depth: u32, until: u64) -> u64 {
    let local = std::hint::black_box([depth; 16]);
    // Near the end of the stack: a page is left for the rest.
    if &raw const local as u64 - until < 4 << 10 {
        return u64::from(local[3]);
    }
    recurse(depth + 1, until) + u64::from(local[7])
}

fn recurse_to_the_end(done: &Done) {
    let (low, _) = support::own_stack();
    std::hint::black_box(recurse(0, low));
    done.recursions.fetch_add(1, Ordering::Relaxed);
}

fn allocate(done: &Done, round: u64) {
    let kept: Vec<Vec<u8>> = (0..200)
        .map(|index| vec![1; ((round * 31 + index * 97) % 5_000) as usize])
        .collect();
    std::hint::black_box(&kept);
    done.allocations.fetch_add(200, Ordering::Relaxed);
}

/// Starts threads that do `work` until the end.
fn keep<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    name: &str,
    stop: &'scope AtomicBool,
    work: impl Fn(u64) + Send + 'scope,
) {
    std::thread::Builder::new()
        .name(name.into())
        .stack_size(1 << 20)
        .spawn_scoped(scope, move || {
            // A failed assertion ends the whole test.
            let _stop = SetAtEnd(stop);
            let mut round = 0;
            while !stop.load(Ordering::Relaxed) {
                work(round);
                round += 1;
            }
        })
        .unwrap();
}

fn run(length: Duration) {
    let done = Done::default();
    let libraries = Libraries::build(4);
    let begun = Instant::now();
    let stop = AtomicBool::new(false);
    let mut total = Accounts::default();
    let mut drained = 0;
    support::install(libc::SIGUSR2, shapes::on_signal, libc::SA_RESTART);
    // The program has a use for SIGPROF of its own, from before the sampler starts.
    support::install(libc::SIGPROF, shapes::on_signal, libc::SA_RESTART);
    std::thread::scope(|scope| {
        let _stop = SetAtEnd(&stop);
        let done = &done;
        keep(scope, "threads", &stop, |_| churn_threads(done));
        if let Some(libraries) = &libraries {
            keep(scope, "libraries", &stop, |round| {
                let path = &libraries.paths[round as usize % libraries.paths.len()];
                load_call_unload(path, [2, 30, 300][round as usize % 3]);
                done.loads.fetch_add(1, Ordering::Relaxed);
            });
        }
        keep(scope, "children", &stop, |round| exec_children(done, round));
        keep(scope, "panics", &stop, |round| panic_often(done, round));
        keep(scope, "recursion", &stop, |_| recurse_to_the_end(done));
        keep(scope, "allocation", &stop, |round| allocate(done, round));
        keep(scope, "signals", &stop, |_| {
            // SAFETY: no memory is involved.
            unsafe { libc::kill(libc::getpid(), libc::SIGUSR2) };
            support::signal_thread(support::tid(), libc::SIGPROF);
            done.foreign_signals.fetch_add(2, Ordering::Relaxed);
            std::thread::sleep(Duration::from_micros(300));
        });
        let is_enough = || {
            let execs = done.execs.load(Ordering::Relaxed);
            let enough = length < Duration::from_secs(180) || execs >= EXECS;
            begun.elapsed() >= length && (enough || begun.elapsed() >= length * MOST_TIMES)
        };
        while !is_enough() && !stop.load(Ordering::Relaxed) {
            let agent = Agent::start(with_engine(10_000, EngineSetting::Auto));
            let phase = Instant::now();
            while phase.elapsed() < PHASE.min(length) && !stop.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20));
            }
            // Checks fired = recorded + overrun + lost for each thread.
            let harness = agent.finish();
            for account in harness.accounts.values() {
                total.add(account);
            }
            drained += harness.seen.values().map(|seen| seen.records).sum::<u64>();
        }
    });
    println!(
        "{:.0} s: {} records, {} lost, of {} expiries",
        begun.elapsed().as_secs_f64(),
        total.recorded,
        total.lost.total(),
        total.fired
    );
    println!("lost {:?}\ntruncated {:?}", total.lost, total.truncated);
    let counts = [
        ("threads", &done.threads),
        ("libraries loaded", &done.loads),
        ("execs", &done.execs),
        ("forks", &done.forks),
        ("panics", &done.panics),
        ("recursions", &done.recursions),
        ("allocations", &done.allocations),
        ("foreign signals", &done.foreign_signals),
    ];
    for (what, count) in counts {
        let count = count.load(Ordering::Relaxed);
        println!("{what} = {count}");
        assert!(
            count > 0 || (what == "libraries loaded" && libraries.is_none()),
            "no {what}"
        );
    }
    assert!(drained > 100);
    // As long as CI runs it: none of so many execs was killed.
    let execs = done.execs.load(Ordering::Relaxed);
    assert!(
        length < Duration::from_secs(180) || execs >= EXECS,
        "{execs} execs"
    );
}

#[test]
fn everything_at_once() {
    if let Some(output) = support::child_for(
        "everything_at_once",
        "",
        length() * (MOST_TIMES + 1),
        || {
            run(length());
        },
    ) {
        print!("{}", String::from_utf8_lossy(&output.stdout));
        assert!(
            output.status.success(),
            "the child ended with {}\n{}",
            output.status,
            support::text(&output)
        );
    }
}
