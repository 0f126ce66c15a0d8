//! Does the profile account for the CPU time that was used?
//!
//! ```text
//! cargo bench --bench accounting -- [--quick] [--shared] [--json FILE]
//! ```
//! Threads that are busy all the time, and a rate. What samples stand for, over the threads' own CPU clocks: 100 % is right. Nothing is
//! rescaled: what is missing stands in `[unsampled]`, and what perf events cannot see in `[kernel]`. `beyond_promise`: what of it is more than 1 %, an interval
//! and a tick, thread by thread; with many threads that run for a moment each it is this that tells. `--shared`: only what rivals are asked, too
//! (benches/peers); otherwise also, for each engine, how much of the asked rate was delivered and how many callchains are whole, and all of it once more for
//! `auto` where perf_event_open is denied, as in a container; and the same of threads that live for 10 to 100 ms of work. Last, what hotpoll holds of the host's descriptors and timers beside 500 threads.
#![allow(unsafe_code)] // a seccomp filter

#[path = "../sampler/tests/truth/perf_denied.rs"]
mod perf_denied;
mod support;

use hotpoll::{Builder, Engine};
use hotpoll_profile::{Truncation, thread::Accounts};
use std::time::{Duration, Instant};
use support::{Arguments, Figures, work};

const RATES_HZ: [u32; 3] = [99, 1_000, 10_000];
const THREADS: [usize; 3] = [1, 4, 64];
/// Of these, and of the engines, so many from the front are what rivals are asked, too.
const SHARED: (usize, usize, usize) = (2, 2, 1);

/// Set in the run where perf events are denied.
const DENIED: &str = "HOTPOLL_BENCH_DENIED";

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let window = Duration::from_secs(if arguments.quick { 1 } else { 5 });
    let mut figures = Figures::default();
    let denied = std::env::var_os(DENIED).is_some();
    let engines = match denied {
        true => vec![(Engine::Auto, "_denied")],
        false => vec![
            (Engine::Auto, ""),
            (Engine::Ctimer, "_ctimer"),
            (Engine::Perf, "_perf"),
        ],
    };
    let shared = std::env::args().any(|argument| argument == "--shared");
    let (rates, threads, engines) = match shared {
        true => (
            &RATES_HZ[..SHARED.0],
            &THREADS[..SHARED.1],
            &engines[..SHARED.2],
        ),
        false => (&RATES_HZ[..], &THREADS[..], &engines[..]),
    };
    for &(engine, name) in engines {
        for &hz in rates {
            for &threads in threads {
                let Ok(guard) = Builder::new().sampling_hz(hz).engine(engine).start() else {
                    continue;
                };
                burn(threads, window);
                // One slice more, so that the last samples are in.
                std::thread::sleep(Duration::from_millis(1_200));
                let profile = guard.profile();
                guard.stop();
                let mut all = Accounts::default();
                for thread in profile.threads.iter().filter(|thread| !thread.own) {
                    all.add(&thread.totals);
                }
                let run = format!("{name}_{hz}_hz_{threads}_threads");
                // What a thread used between the last reading of its clock and its end is unseen, and has samples all the same.
                let cpu_ns = all.cpu_ns + profile.unseen_cpu_ns;
                let of_cpu = |ns: i64| 100.0 * ns as f64 / cpu_ns as f64;
                figures.push(
                    format!("accounted{run}"),
                    of_cpu(all.sampled_ns as i64),
                    "%",
                );
                if shared {
                    continue;
                }
                figures.push(format!("kernel{run}"), of_cpu(all.kernel_ns as i64), "%");
                figures.push(format!("unsampled{run}"), of_cpu(all.unsampled_ns()), "%");
                let beyond: u64 = (profile.threads.iter().filter(|thread| !thread.own))
                    .map(|thread| beyond_promise(&thread.totals, hz))
                    .sum();
                figures.push(format!("beyond_promise{run}"), of_cpu(beyond as i64), "%");
                // Records are signals: what a tick folds into one is weight.
                let asked = all.cpu_ns as f64 / 1e9 * f64::from(hz);
                figures.push(
                    format!("delivered{run}"),
                    100.0 * all.recorded as f64 / asked,
                    "%",
                );
                let whole = all.truncated.get(Truncation::Complete);
                figures.push(
                    format!("whole_stacks{run}"),
                    100.0 * whole as f64 / all.recorded.max(1) as f64,
                    "%",
                );
            }
        }
    }
    if !shared && !denied {
        short_lives(window, &mut figures);
        held(&mut figures);
        denied_too(&arguments, &mut figures)?;
    }
    figures.write(&arguments)
}

/// What is unsampled of a thread beyond what is promised of those that run on: 1 %, an interval and a tick. (What it used before it was found is in it.)
fn beyond_promise(totals: &Accounts, hz: u32) -> u64 {
    let tick_ns = 1_000_000_000 / u64::from(hotpoll_sampler::tick_hz());
    let promised_ns = totals.cpu_ns / 100 + 1_000_000_000 / u64::from(hz) + tick_ns;
    (totals.unsampled_ns().unsigned_abs()).saturating_sub(promised_ns)
}

/// Threads that come and go: two at a time, each with so much work. What is on nobody's account is `unseen`.
fn short_lives(window: Duration, figures: &mut Figures) {
    for life_ms in [10, 30, 100] {
        for hz in [99, 1_000] {
            let Ok(guard) = Builder::new().sampling_hz(hz).start() else {
                continue;
            };
            std::thread::sleep(Duration::from_millis(1_200));
            let until = Instant::now() + window;
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(move || {
                        while Instant::now() < until {
                            let life = move || {
                                while support::thread_cpu() < Duration::from_millis(life_ms) {
                                    work(10_000);
                                }
                            };
                            let _ = std::thread::spawn(life).join();
                        }
                    });
                }
            });
            std::thread::sleep(Duration::from_millis(1_200));
            let profile = guard.profile();
            guard.stop();
            let mut all = Accounts::default();
            let mut own_ns = 0;
            for thread in &profile.threads {
                match thread.own {
                    true => own_ns += thread.totals.cpu_ns,
                    false => all.add(&thread.totals),
                }
            }
            let cpu_ns = all.cpu_ns + profile.unseen_cpu_ns;
            let run = format!("_lives_of_{life_ms}_ms_{hz}_hz");
            let of_cpu = |ns: i64| 100.0 * ns as f64 / cpu_ns as f64;
            figures.push(
                format!("accounted{run}"),
                of_cpu(all.sampled_ns as i64),
                "%",
            );
            let unsampled_ns = all.unsampled_ns();
            figures.push(format!("unsampled{run}"), of_cpu(unsampled_ns), "%");
            let unseen_ns = profile.unseen_cpu_ns as i64;
            figures.push(format!("unseen{run}"), of_cpu(unseen_ns), "%");
            let agent = 100.0 * own_ns as f64 / (window.as_nanos() as f64 + 2.4e9);
            figures.push(format!("agent{run}"), agent, "% of a core");
        }
    }
}

/// What is held of descriptors and of pending signals (a timer is one), of what the host may have of each.
fn held(figures: &mut Figures) {
    const THREADS: usize = 500;
    let Ok(guard) = Builder::new().sampling_hz(1_000).start() else {
        return;
    };
    let done = std::sync::Barrier::new(THREADS + 1);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                work(100_000);
                done.wait();
            });
        }
        std::thread::sleep(Duration::from_secs(3));
        for (name, held, allowed) in [
            ("descriptors", descriptors(), limit(libc::RLIMIT_NOFILE)),
            ("timers", timers(), limit(libc::RLIMIT_SIGPENDING)),
        ] {
            figures.push(format!("{name}_beside_{THREADS}_threads"), held as f64, "");
            let share = 100.0 * held as f64 / allowed as f64;
            figures.push(format!("{name}_of_what_the_host_may_have"), share, "%");
        }
        done.wait();
    });
    guard.stop();
}

/// Those of this process that are hotpoll's: the benchmark's own are its standard ones.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count().saturating_sub(4))
}

fn timers() -> usize {
    std::fs::read_to_string("/proc/self/timers").map_or(0, |text| {
        text.lines().filter(|line| line.starts_with("ID:")).count()
    })
}

fn limit(resource: libc::__rlimit_resource_t) -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: it is a valid place for the result.
    unsafe { libc::getrlimit(resource, &mut limit) };
    limit.rlim_cur
}

/// The same in a process whose seccomp filter denies perf_event_open.
fn denied_too(arguments: &Arguments, figures: &mut Figures) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt;
    let mut again = std::process::Command::new(std::env::current_exe()?);
    again
        .env(DENIED, "1")
        .args(arguments.quick.then_some("--quick"));
    // SAFETY: the closure makes system calls only, on memory of its own.
    unsafe { again.pre_exec(perf_denied::deny_perf_event_open) };
    let output = again.output()?;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some((name, value)) = line.split_once(" = ")
            && let Some(value) = value.split(' ').next().and_then(|value| value.parse().ok())
        {
            figures.push(name, value, "%");
        }
    }
    match output.status.success() {
        true => Ok(()),
        false => Err(std::io::Error::other("the run without perf events failed")),
    }
}

fn burn(threads: usize, window: Duration) {
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let until = Instant::now() + window;
                while Instant::now() < until {
                    work(10_000);
                }
            });
        }
    });
}
