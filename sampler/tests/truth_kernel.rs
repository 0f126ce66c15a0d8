//! Does time in the kernel come out right, under each engine? A thread spends 70 % of its time there, in calls of random length, and reads its
//! clock around its turns outside: so it knows what ctimer's samples in state "kernel", perf's samples and the timer beside perf each stand for.
//!
//! A timer that looks at n moments of which a share p is in the kernel finds p n of them, give or take sqrt(n p (1 - p)). Four such deviations
//! are allowed, plus what the promise allows anyway. A perf event looks once in an interval. How often the tick has looked, the weights of
//! the samples say: n = (sum of weights)² / sum of squared weights; on a busy machine a thread is met less often, and for more at a time.
#![allow(unsafe_code)] // mmap and madvise

mod truth;

use hotpoll_profile::{Engine, State};
use hotpoll_sampler::EngineSetting;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use truth::burner::{burn_10, iterations_per_us};
use truth::clock::{thread_cpu_ns, thread_usage};
use truth::common::at_hz;
use truth::random::Random;
use truth::work::{Observed, Plan, Truth, observe};
use truth::{alone, ensure, long, patiently};

const THREADS: usize = 2;
const DEVIATIONS: f64 = 4.0;
/// The unit of kernel time in /proc, once for each end.
const PROC_TICK_NS: f64 = 2.0 * 10_000_000.0;

/// What a thread says of its kernel time.
#[derive(Debug, Clone, Copy)]
struct Said {
    /// By its clock, where that can be told: all but the turns in which it makes no call. (Around each call would leave out what reading the
    /// clock costs, which is kernel time too: 4 % of the whole.)
    by_clock_ns: Option<u64>,
    /// By the kernel's own count, which looks at the ticks.
    by_ticks_ns: u64,
}

fn said(work: impl FnOnce() -> Option<u64>) -> Said {
    let before = thread_usage();
    let begun = thread_cpu_ns();
    let user_ns = work();
    Said {
        by_clock_ns: user_ns.map(|user_ns| thread_cpu_ns() - begun - user_ns),
        by_ticks_ns: thread_usage().kernel_ns - before.kernel_ns,
    }
}

/// 70 % in system calls of different lengths. Returns the time outside.
fn system_calls(per_us: u64, seed: u64, stop: &AtomicBool) -> Option<u64> {
    let mut random = Random::new(seed);
    let mut zeros = std::fs::File::open("/dev/zero").expect("/dev/zero");
    let mut buffer = vec![0; 1 << 20];
    let (mut kernel_ns, mut user_ns) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let length = (random.below(16) as usize + 1) << 16;
        while user_ns * 7 >= kernel_ns * 3 && !stop.load(Ordering::Relaxed) {
            let before = thread_cpu_ns();
            zeros.read_exact(&mut buffer[..length]).expect("zeros");
            kernel_ns += thread_cpu_ns() - before;
        }
        let before = thread_cpu_ns();
        burn_10((20 + random.below(400)) * per_us);
        user_ns += thread_cpu_ns() - before;
    }
    Some(user_ns)
}

/// Most of the time in page faults, which follow no system call.
fn page_faults(per_us: u64, seed: u64, stop: &AtomicBool) -> Option<u64> {
    const LENGTH: usize = 1 << 20;
    let mut random = Random::new(seed);
    // SAFETY: a new private mapping at an address of the kernel's choice, used within its length, and unmapped once.
    unsafe {
        let memory = libc::mmap(
            std::ptr::null_mut(),
            LENGTH,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        assert_ne!(memory, libc::MAP_FAILED);
        libc::madvise(memory, LENGTH, libc::MADV_NOHUGEPAGE);
        while !stop.load(Ordering::Relaxed) {
            for page in (0..LENGTH).step_by(4096) {
                memory.cast::<u8>().add(page).write_volatile(1);
            }
            libc::madvise(memory, LENGTH, libc::MADV_DONTNEED);
            burn_10((20 + random.below(100)) * per_us);
        }
        libc::munmap(memory, LENGTH);
    }
    None
}

/// Sampled time of a thread, by the engine whose signal it was and the state, with the sum of the squares.
type Sampled = BTreeMap<(Engine, State), (u64, f64)>;

type Work = fn(u64, u64, &AtomicBool) -> Option<u64>;

fn watch(
    engine: EngineSetting,
    hz: u64,
    time: Duration,
    work: Work,
) -> (Observed<Said>, BTreeMap<u32, Sampled>) {
    let mut settings = at_hz(hz);
    settings.engine = engine;
    let seen: Arc<Mutex<BTreeMap<u32, Sampled>>> = Arc::default();
    let per_us = iterations_per_us();
    let observed = observe(
        Plan {
            cpu: time / 2,
            ..Plan::new(settings, THREADS, time)
        },
        |harness| {
            let seen = Arc::clone(&seen);
            harness.on_record = Some(Box::new(move |thread, record| {
                let mut seen = seen.lock().unwrap();
                let thread = seen.entry(thread).or_default();
                let (sum, squares) = thread.entry((record.engine, record.state)).or_default();
                *sum += record.cpu_ns;
                *squares += (record.cpu_ns as f64).powi(2);
            }));
        },
        move |number, stop| said(|| work(per_us, number as u64, stop)),
    );
    let seen = seen.lock().unwrap().clone();
    (observed, seen)
}

/// How far the estimate of a share of `cpu_ns` may be from the truth after so many looks, in nanoseconds.
fn deviation(cpu_ns: u64, looks: f64, share: f64) -> f64 {
    DEVIATIONS * (share * (1.0 - share) / looks.max(1.0)).sqrt() * cpu_ns as f64
}

fn check(engine: EngineSetting, hz: u64, time: Duration, work: Work) -> Result<(), String> {
    let (observed, seen) = watch(engine, hz, time, work);
    for truth in &observed.truths {
        let key = observed.key(truth);
        let sampled = seen.get(&key).cloned().unwrap_or_default();
        check_thread(&observed, truth, &sampled)
            .map_err(|why| format!("{} at {hz} Hz: {why}", engine.name()))?;
    }
    Ok(())
}

fn check_thread(
    observed: &Observed<Said>,
    truth: &Truth<Said>,
    sampled: &Sampled,
) -> Result<(), String> {
    let accounts = observed.accounts(truth);
    let engine = observed.harness.info[&observed.key(truth)].engine;
    let of = |engine, state| sampled.get(&(engine, state)).map_or(0, |(sum, _)| *sum);
    let cpu_ns = accounts.cpu_ns;
    let kernel_ns = truth.said.by_clock_ns.unwrap_or(truth.said.by_ticks_ns);
    let share = kernel_ns as f64 / cpu_ns as f64;
    let promised = (cpu_ns / 100 + observed.interval_ns + observed.tick_ns) as f64;
    let by_event = deviation(cpu_ns, cpu_ns as f64 / observed.interval_ns as f64, share);
    // Beside perf only the looks that found the kernel leave a record; where nearly none do (page faults), a tick is taken for a look.
    let (sum, squares) = sampled
        .iter()
        .filter(|((engine, _), _)| *engine == Engine::Ctimer)
        .fold((0.0, 0.0), |all, (_, each)| {
            (all.0 + each.0 as f64, all.1 + each.1)
        });
    let met = sum * sum / f64::max(squares, 1.0);
    let ticks = cpu_ns as f64 / observed.tick_ns.max(observed.interval_ns) as f64;
    let looks = match engine {
        Engine::Ctimer => met,
        _ if truth.said.by_clock_ns.is_some() => met / share,
        _ => ticks,
    };
    let by_tick = deviation(cpu_ns, looks.min(ticks), share);
    let near = |what: &str, found: f64, wanted: f64, bound: f64| {
        let percent = |ns: f64| 100.0 * ns / cpu_ns as f64;
        let line = format!(
            "{what} {:.1} %, should be {:.1} within {:.1}, of {:.2} s CPU",
            percent(found),
            percent(wanted),
            percent(bound),
            cpu_ns as f64 / 1e9
        );
        println!("  {engine:?}: {line}");
        if (found - wanted).abs() <= bound {
            Ok(())
        } else {
            Err(line)
        }
    };
    let in_kernel = of(Engine::Ctimer, State::Kernel) as f64;
    let by_perf = (of(Engine::Perf, State::Running) + of(Engine::Perf, State::Kernel)) as f64;
    let unsampled = accounts.unsampled_ns() as f64;
    match engine {
        Engine::Ctimer => {
            ensure!(
                accounts.kernel_ns == 0 && by_perf == 0.0,
                "not ctimer's: {accounts:?}"
            );
            near("unsampled", unsampled, 0.0, promised)?;
            if truth.said.by_clock_ns.is_some() {
                let bound = by_tick + promised;
                near("kernel samples", in_kernel, kernel_ns as f64, bound)?;
            }
        }
        Engine::Perf => {
            // Two timers look at the thread, each with a deviation of its own; the row is what the second one cannot tell.
            ensure!(
                of(Engine::Ctimer, State::Running) == 0,
                "the timer beside perf spoke for running code: {sampled:?}"
            );
            let user_ns = (cpu_ns - kernel_ns) as f64;
            // Where the truth is the ticks' own count, it deviates as well.
            let bound = match truth.said.by_clock_ns {
                Some(_) => by_event,
                None => by_event.hypot(by_tick),
            } + promised;
            near("perf's samples", by_perf, user_ns, bound)?;
            let row = accounts.kernel_ns as f64;
            let kernel = in_kernel + row;
            let bound = by_tick + promised;
            near("kernel samples + [kernel]", kernel, kernel_ns as f64, bound)?;
            // Against the thread's own count of kernel time, which /proc gives in steps.
            let ticks_ns = truth.said.by_ticks_ns as f64;
            let bound = by_tick + PROC_TICK_NS;
            near("the same against its stime", kernel, ticks_ns, bound)?;
            let bound = by_tick.hypot(by_event) + promised;
            near("unsampled", unsampled, 0.0, bound)?;
        }
        _ => return Err(format!("engine {engine:?}")),
    }
    Ok(())
}

#[test]
fn kernel_time() {
    let _alone = alone();
    let time = Duration::from_secs(if long() { 20 } else { 2 });
    for (engine, hz) in [(EngineSetting::Ctimer, 1_000), (EngineSetting::Perf, 1_000)] {
        for work in [system_calls as Work, page_faults] {
            patiently(time, |time| check(engine, hz, time, work));
        }
    }
    if long() {
        patiently(time, |time| {
            check(EngineSetting::Perf, 99, time, system_calls)
        });
    }
}
