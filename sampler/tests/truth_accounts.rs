//! Do a thread's samples, `[kernel]` and `[unsampled]` add up to what its CPU clock says? Each term is checked on its own: the clock against
//! the thread's own readings, the samples against the records drained and the expiries counted, the rest against the promise.

mod truth;

use hotpoll_profile::{Engine, EngineReason};
use hotpoll_sampler::EngineSetting;
use std::sync::atomic::Ordering;
use std::time::Duration;
use truth::common::{at_hz, burn_until};
use truth::work::{Observed, Plan, Truth, observe};
use truth::{alone, child, ensure, long, patiently};

/// The unit of kernel time in /proc.
const PROC_TICK_NS: u64 = 10_000_000;

/// Threads that run on, under one engine at one rate.
fn busy_threads(engine: EngineSetting, hz: u64, threads: usize) {
    // Many threads on few processors need more time for the same CPU time each.
    let time = Duration::from_millis(if threads >= 64 { 2_000 } else { 1_000 });
    patiently(time, |time| {
        let mut settings = at_hz(hz);
        settings.engine = engine;
        let interval_ns = settings.interval_ns;
        let observed = observe(
            Plan {
                cpu: time / 20,
                ..Plan::new(settings, threads, time)
            },
            |_| {},
            |_, stop| burn_until(stop),
        );
        let expected = expected_engine(engine, interval_ns, &observed);
        let what = format!("{} at {hz} Hz, {threads} threads", engine.name());
        check(&observed, expected).map_err(|why| format!("{what}: {why}"))?;
        report(&what, &observed);
        Ok(())
    });
}

fn expected_engine(
    setting: EngineSetting,
    interval_ns: u64,
    observed: &Observed<u64>,
) -> (Engine, EngineReason) {
    let above_tick = interval_ns * 100 < observed.tick_ns * 99;
    match setting {
        EngineSetting::Ctimer => (Engine::Ctimer, EngineReason::Asked),
        EngineSetting::Perf => (Engine::Perf, EngineReason::Asked),
        _ if !above_tick => (Engine::Ctimer, EngineReason::Default),
        _ if observed.harness.sampler.perf_errno().is_some() => {
            (Engine::Ctimer, EngineReason::PerfDenied)
        }
        _ => (Engine::Perf, EngineReason::RateAboveTick),
    }
}

fn check(observed: &Observed<u64>, engine: (Engine, EngineReason)) -> Result<(), String> {
    let mut total_cpu_ns = 0;
    let mut total_unsampled_ns = 0;
    for truth in &observed.truths {
        check_thread(observed, truth, engine)?;
        let accounts = observed.accounts(truth);
        total_cpu_ns += accounts.cpu_ns;
        total_unsampled_ns += accounts.unsampled_ns();
    }
    check_process(observed)?;
    // The first expiry is uniform in an interval, so a thread's remainder lies within one interval with a mean of 0 and a deviation of
    // sqrt(1/6) of an interval; what one thread may hide below the interval, many may not. Four deviations, and a tick's delay each.
    let threads = observed.truths.len() as f64;
    let spread = 4.0 * (threads / 6.0).sqrt() * observed.interval_ns as f64;
    let disturbed_ns = observed
        .truths
        .iter()
        .map(|truth| disturbed_ns(observed, truth));
    // One thread may be as unlucky as any, all of them together are not.
    let disturbed_ns = disturbed_ns.max().unwrap_or(0) + observed.stolen_ns;
    let bound = total_cpu_ns as f64 / 100.0
        + spread
        + threads * observed.tick_ns as f64
        + disturbed_ns as f64;
    ensure!(
        (total_unsampled_ns.unsigned_abs() as f64) <= bound,
        "{total_unsampled_ns} ns of {total_cpu_ns} unsampled in all, more than {bound}"
    );
    Ok(())
}

fn check_thread(
    observed: &Observed<u64>,
    truth: &Truth<u64>,
    (engine, reason): (Engine, EngineReason),
) -> Result<(), String> {
    let key = observed.key(truth);
    let accounts = observed.accounts(truth);
    let info = &observed.harness.info[&key];
    let seen = observed.harness.seen.get(&key).cloned().unwrap_or_default();
    ensure!(
        (info.engine, info.engine_reason) == (engine, reason),
        "engine {:?} because {:?}, not {engine:?} because {reason:?}",
        info.engine,
        info.engine_reason
    );
    // The clock.
    ensure!(
        (truth.least_ns..=truth.most_ns).contains(&accounts.cpu_ns),
        "clock {} not within {} and {}",
        accounts.cpu_ns,
        truth.least_ns,
        truth.most_ns
    );
    // The samples: exact, in three ways.
    ensure!(
        accounts.fired == accounts.recorded + accounts.overrun + accounts.lost.total()
            && accounts.recorded == seen.records
            && accounts.recorded + accounts.overrun == seen.expiries
            && weighs(
                engine,
                accounts.sampled_ns,
                seen.expiries * observed.interval_ns
            )
            && accounts.sampled_ns == seen.sampled_ns
            && accounts.truncated.total() == accounts.recorded
            && accounts.lost.total() == 0,
        "counts do not agree: {accounts:?}, drained {} records of {} expiries, {} ns",
        seen.records,
        seen.expiries,
        seen.sampled_ns
    );
    // The kernel row: perf only, and no more than the thread's own kernel time; what it should be is in truth_kernel.rs.
    let most_ns = if engine == Engine::Perf {
        truth.kernel_ns + PROC_TICK_NS
    } else {
        0
    };
    ensure!(
        accounts.kernel_ns <= most_ns,
        "[kernel] {}, more than {most_ns}",
        accounts.kernel_ns
    );
    // The rest.
    let bound = accounts.cpu_ns / 100
        + observed.interval_ns
        + observed.tick_ns
        + disturbed_ns(observed, truth)
        + observed.stolen_ns;
    ensure!(
        accounts.unsampled_ns().unsigned_abs() <= bound,
        "unsampled {} of {accounts:?}, more than {bound}",
        accounts.unsampled_ns()
    );
    Ok(())
}

/// Whether samples weigh what they should: exactly as many intervals as expiries, and with a perf event, whose period varies, nearly so.
fn weighs(engine: Engine, sampled_ns: u64, expiries_ns: u64) -> bool {
    match engine {
        Engine::Perf => sampled_ns.abs_diff(expiries_ns) <= expiries_ns / 50,
        _ => sampled_ns == expiries_ns,
    }
}

/// What other work on the machine may leave unsampled of a thread, which is nobody's fault; nothing where the thread has hardly waited for a processor.
///
/// A CPU timer is looked at when the tick finds the thread. One that has the processor for less than a tick at a time may be missed by some ticks in a row, and
/// what it uses after the last one that found it stays unsampled: 12 ms of a thread's 450 at a load of 20, and more than ten ticks in a row for one thread in
/// a million. A perf event that comes due while the kernel changes to another thread is passed over: a whole interval each time.
/// So: as long as it waited, but no longer than that, whatever it waited.
fn disturbed_ns(observed: &Observed<u64>, truth: &Truth<u64>) -> u64 {
    const TICKS: u64 = 10;
    const INTERVALS: u64 = 2;
    let most_ns = match observed.harness.info[&observed.key(truth)].engine {
        Engine::Perf => INTERVALS * observed.interval_ns,
        _ => TICKS * observed.tick_ns,
    };
    truth.delayed_ns.min(most_ns)
}

/// Process clock = threads + unseen: all threads stand still but the one that drains, whose clock may move between two readings.
fn check_process(observed: &Observed<u64>) -> Result<(), String> {
    const READINGS_NS: u64 = 1_000_000;
    let harness = &observed.harness;
    let threads_ns: u64 = harness.accounts.values().map(|each| each.cpu_ns).sum();
    let sum_ns = threads_ns + harness.unseen_cpu_ns;
    ensure!(
        sum_ns.abs_diff(harness.process_cpu_ns) <= READINGS_NS,
        "process {} against threads {threads_ns} + unseen {}",
        harness.process_cpu_ns,
        harness.unseen_cpu_ns
    );
    ensure!(
        harness.unseen_cpu_ns <= READINGS_NS,
        "unseen {} though every thread was seen",
        harness.unseen_cpu_ns
    );
    Ok(())
}

/// One line for whoever reads along (`--nocapture`).
fn report(what: &str, observed: &Observed<u64>) {
    let mut all = hotpoll_profile::thread::Accounts::default();
    for truth in &observed.truths {
        all.add(&observed.accounts(truth));
    }
    println!(
        "{what}: {:.3} s CPU, {} records, {:+.3} % unsampled, {:.2} % in the handler",
        all.cpu_ns as f64 / 1e9,
        all.recorded,
        100.0 * all.unsampled_ns() as f64 / all.cpu_ns as f64,
        100.0 * all.handler_ns as f64 / all.cpu_ns as f64,
    );
}

/// Every combination with `HOTPOLL_TEST_LONG=1`; otherwise each rate and each number of threads once or twice.
fn matrix(engine: EngineSetting, short: &[(u64, usize)]) {
    if !long() {
        for &(hz, threads) in short {
            busy_threads(engine, hz, threads);
        }
        return;
    }
    for hz in [99, 1_000, 10_000] {
        for threads in [1, 2, 8, 64] {
            busy_threads(engine, hz, threads);
        }
    }
}

#[test]
fn ctimer() {
    let _alone = alone();
    matrix(
        EngineSetting::Ctimer,
        &[(99, 1), (10_000, 2), (1_000, 8), (99, 64)],
    );
}

#[test]
fn perf() {
    let _alone = alone();
    matrix(EngineSetting::Perf, &[(1_000, 1), (99, 2), (10_000, 8)]);
}

#[test]
fn auto() {
    let _alone = alone();
    matrix(EngineSetting::Auto, &[(10_000, 1), (99, 8), (1_000, 64)]);
}

/// In a container whose seccomp filter denies perf_event_open: the same totals.
#[test]
fn perf_denied() {
    let _alone = alone();
    if child::is_child() {
        return denied();
    }
    let outcome = child::run("perf_denied", &[], true);
    print!("{}", outcome.output);
    assert!(outcome.passed);
}

fn denied() {
    let mut settings = at_hz(99);
    settings.engine = EngineSetting::Perf;
    assert_eq!(
        hotpoll_sampler::start(settings).err(),
        Some(hotpoll_sampler::StartError::PerfDenied { errno: libc::EPERM })
    );
    matrix(EngineSetting::Auto, &[(1_000, 2)]);
}

#[test]
fn idle_threads_cost_and_count_nothing() {
    let _alone = alone();
    // On a busy machine to wake up may cost more for once.
    patiently(Duration::from_millis(300), idle_threads);
}

fn idle_threads(time: Duration) -> Result<(), String> {
    let observed = observe(
        Plan::new(at_hz(1_000), 4, time),
        |_| {},
        |_, stop| {
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(100));
            }
        },
    );
    for truth in &observed.truths {
        let accounts = observed.accounts(truth);
        let clock = truth.least_ns..=truth.most_ns;
        ensure!(clock.contains(&accounts.cpu_ns), "{truth:?} {accounts:?}");
        ensure!(accounts.cpu_ns < 5_000_000, "{accounts:?}");
        ensure!(accounts.fired <= 5, "{accounts:?}");
    }
    Ok(())
}
