//! Threads that work while a sampler looks on, and say afterwards, by their own clocks, what they used.
//!
//! Nothing here is compared within a tolerance of our choice. Each thread reads its clock on both sides of both ends of its work, and the
//! sampler attaches and reads the clock between the readings: the sampler's figure must lie between the least and the most.

use super::clock::{self, Usage};
use super::common::Harness;
use hotpoll_profile::thread::Accounts;
use hotpoll_sampler::{Settings, ThreadKey};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

/// What a working thread says of itself.
#[derive(Debug, Clone)]
pub struct Truth<T> {
    pub tid: u32,
    /// Bounds of the CPU time that the sampler may have seen.
    pub least_ns: u64,
    pub most_ns: u64,
    /// Kernel time between the same outer readings, as getrusage says it.
    pub kernel_ns: u64,
    /// How long it waited for a processor meanwhile, by the scheduler's count.
    pub delayed_ns: u64,
    /// What the work returned.
    pub said: T,
}

/// A finished observation.
pub struct Observed<T> {
    pub harness: Harness,
    pub truths: Vec<Truth<T>>,
    pub interval_ns: u64,
    pub tick_ns: u64,
    /// What a host took from the processors meanwhile.
    pub stolen_ns: u64,
}

/// How to observe.
pub struct Plan {
    pub settings: Settings,
    pub threads: usize,
    /// How long to look on.
    pub time: Duration,
    pub slice: Duration,
    /// CPU time that the threads should get on the average; on a busy machine that takes longer, up to four times as long.
    pub cpu: Duration,
    /// Nobody drains at first, until the threads have used this much CPU time on the average.
    pub stall: Duration,
}

impl Plan {
    /// Slices of half a second, no least CPU time, no stall.
    pub fn new(settings: Settings, threads: usize, time: Duration) -> Self {
        Self {
            settings,
            threads,
            time,
            slice: Duration::from_millis(500),
            cpu: Duration::ZERO,
            stall: Duration::ZERO,
        }
    }
}

/// What `time` may become for the sake of `cpu`.
const MOST_TIMES: u32 = 4;

/// Runs `work(thread, stop)` on the threads of the plan while a sampler drains; `begin` sees the harness first.
pub fn observe<T: Send + 'static>(
    plan: Plan,
    begin: impl FnOnce(&mut Harness),
    work: impl Fn(usize, &AtomicBool) -> T + Send + Sync + 'static,
) -> Observed<T> {
    let interval_ns = plan.settings.interval_ns;
    let stop = Arc::new(AtomicBool::new(false));
    // Clocks read · sampler attached · all work done · sampler's last reading taken.
    let gates: Arc<[Barrier; 4]> =
        Arc::new(std::array::from_fn(|_| Barrier::new(plan.threads + 1)));
    let work = Arc::new(work);
    let workers: Vec<_> = (0..plan.threads)
        .map(|number| {
            let (stop, gates, work) = (Arc::clone(&stop), Arc::clone(&gates), Arc::clone(&work));
            std::thread::Builder::new()
                .name(format!("work-{number}"))
                .spawn(move || one(number, &stop, &gates, &*work))
                .expect("a thread")
        })
        .collect();
    gates[0].wait();
    let stolen_before_ns = clock::stolen_ns();
    let mut harness = Harness::start(plan.settings);
    begin(&mut harness);
    gates[1].wait();
    let before = clock::process_usage().total_ns();
    let stalled_ns = plan.stall.as_nanos() as u64 * plan.threads as u64;
    while clock::process_usage().total_ns() - before < stalled_ns {
        std::thread::sleep(Duration::from_millis(10));
    }
    let begun = Instant::now();
    harness.run_for(plan.time, plan.slice);
    let wanted_ns = plan.cpu.as_nanos() as u64 * plan.threads as u64;
    while cpu_ns(&harness) < wanted_ns && begun.elapsed() < plan.time * MOST_TIMES {
        harness.run_for(plan.slice, plan.slice);
    }
    stop.store(true, Ordering::Relaxed);
    gates[2].wait();
    // All park at the last gate now. Give them the moment that takes, so that the clocks stand still when they are read.
    std::thread::sleep(Duration::from_millis(20));
    harness.turn();
    harness.close_slice();
    gates[3].wait();
    let truths = workers
        .into_iter()
        .map(|worker| worker.join().expect("work does not panic"))
        .collect();
    let tick_ns = 1_000_000_000 / u64::from(harness.sampler.tick_hz());
    harness.sampler.stop();
    Observed {
        harness,
        truths,
        interval_ns,
        tick_ns,
        stolen_ns: clock::stolen_ns() - stolen_before_ns,
    }
}

/// What the working threads have used so far.
fn cpu_ns(harness: &Harness) -> u64 {
    let works = |key: &ThreadKey| harness.info[key].name.starts_with("work-");
    let accounts = harness.accounts.iter();
    accounts
        .filter(|(key, _)| works(key))
        .map(|(_, accounts)| accounts.cpu_ns)
        .sum()
}

fn one<T>(
    number: usize,
    stop: &AtomicBool,
    gates: &[Barrier; 4],
    work: &(dyn Fn(usize, &AtomicBool) -> T + Send + Sync),
) -> Truth<T> {
    let read = || (clock::thread_cpu_ns(), clock::thread_usage());
    let first = read();
    gates[0].wait();
    gates[1].wait();
    let delayed_before_ns = clock::thread_delayed_ns();
    let begun = read();
    let said = work(number, stop);
    let done = read();
    let delayed_ns = clock::thread_delayed_ns() - delayed_before_ns;
    gates[2].wait();
    gates[3].wait();
    let last = read();
    let kernel = |usage: Usage| usage.kernel_ns;
    Truth {
        tid: hotpoll_sampler::current_tid(),
        least_ns: done.0 - begun.0,
        most_ns: last.0 - first.0,
        kernel_ns: kernel(last.1) - kernel(first.1),
        delayed_ns,
        said,
    }
}

impl<T> Observed<T> {
    /// The sampler's key of a working thread.
    pub fn key(&self, truth: &Truth<T>) -> ThreadKey {
        *self
            .harness
            .info
            .iter()
            .find(|(_, info)| info.tid == truth.tid)
            .expect("every working thread is found")
            .0
    }

    /// The sampler's account of a working thread.
    pub fn accounts(&self, truth: &Truth<T>) -> Accounts {
        self.harness
            .accounts
            .get(&self.key(truth))
            .copied()
            .unwrap_or_default()
    }
}
