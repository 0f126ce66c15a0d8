//! Do functions that use 10, 20, 30 and 40 % of a thread's CPU time get 10, 20, 30 and 40 % of its samples?
//!
//! What each really used is read from the thread's clock around every call. How far a share of samples may be from it follows from their
//! number: n independent looks at a share p deviate by sqrt(p (1 - p) / n). Turns are shorter than the sampling interval and of random length, so
//! that neighbouring samples say nothing about each other; where turns outlast the interval, samples agree with their neighbours and deviate
//! less, as the truth is taken from the same run. Samples of different weight count for n = (sum of weights)² / sum of squared weights.

mod truth;

use hotpoll_profile::Engine;
use hotpoll_sampler::EngineSetting;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use truth::burner::{BURNERS, iterations_per_us};
use truth::clock::thread_cpu_ns;
use truth::common::at_hz;
use truth::random::Random;
use truth::shares::Shares;
use truth::work::{Plan, observe};
use truth::{alone, ensure, long, patiently};

const THREADS: usize = 2;

/// Burns in turns of 1 : 2 : 3 : 4 on the average, each of random length; returns what each function used.
fn burn(iterations_per_us: u64, seed: u64, stop: &AtomicBool) -> [u64; 4] {
    const MEAN_TURN_US: u64 = 300;
    let mut random = Random::new(seed);
    let mut used = [0; 4];
    while !stop.load(Ordering::Relaxed) {
        for (index, burner) in BURNERS.into_iter().enumerate() {
            // Between 0.2 and 1.8 of the mean.
            let percent = 20 + random.below(160);
            let us = MEAN_TURN_US * (index as u64 + 1) * percent / 100;
            let before = thread_cpu_ns();
            burner(us * iterations_per_us);
            used[index] += thread_cpu_ns() - before;
        }
    }
    used
}

fn shares_are_right(engine: EngineSetting, hz: u64, time: Duration) -> Result<(), String> {
    let mut settings = at_hz(hz);
    settings.engine = engine;
    let seen: Arc<Mutex<BTreeMap<u32, Shares>>> = Arc::default();
    let per_us = iterations_per_us();
    let observed = observe(
        Plan {
            cpu: time / 2,
            ..Plan::new(settings, THREADS, time)
        },
        |harness| {
            let seen = Arc::clone(&seen);
            harness.on_record = Some(Box::new(move |thread, record| {
                seen.lock()
                    .unwrap()
                    .entry(thread)
                    .or_default()
                    .add(record.callchain[0], record.expiries);
            }));
        },
        move |number, stop| burn(per_us, number as u64, stop),
    );
    let seen = seen.lock().unwrap();
    let mut all_seen = Shares::default();
    let mut all_used = [0; 4];
    let what = format!("{} at {hz} Hz", engine.name());
    for truth in &observed.truths {
        let key = observed.key(truth);
        let info = &observed.harness.info[&key];
        let expected = match engine {
            EngineSetting::Ctimer => Engine::Ctimer,
            EngineSetting::Perf => Engine::Perf,
            _ => info.engine,
        };
        ensure!(info.engine == expected, "{what}: {:?}", info.engine);
        let shares = &seen[&key];
        shares
            .check(&truth.said)
            .map_err(|why| format!("{what}, one thread: {why}"))?;
        all_seen.add_all(shares);
        for (all, used) in all_used.iter_mut().zip(truth.said) {
            *all += used;
        }
    }
    all_seen
        .check(&all_used)
        .map_err(|why| format!("{what}: {why}"))?;
    println!("{what}: {}", all_seen.against(&all_used));
    Ok(())
}

#[test]
fn known_shares() {
    let _alone = alone();
    let time = Duration::from_secs(if long() { 20 } else { 3 });
    for (engine, hz) in [
        (EngineSetting::Ctimer, 1_000),
        (EngineSetting::Perf, 1_000),
        (EngineSetting::Auto, 99),
    ] {
        patiently(time, |time| shares_are_right(engine, hz, time));
    }
}

/// Burns in turns that are a quarter of the interval each, by the thread's own clock: in step with the timer for as long as its period is the interval.
fn burn_in_step(iterations_per_us: u64, interval_ns: u64, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let turn = thread_cpu_ns() * 4 / interval_ns;
        BURNERS[turn as usize % 4](5 * iterations_per_us);
    }
}

/// With a period that never changed, one of the four had nearly all samples.
#[test]
fn turns_in_step_with_the_interval_get_their_shares() {
    /// No count of independent samples, as the period goes through the turns in order: within so much of a quarter.
    const APART: f64 = 0.08;
    let _alone = alone();
    let per_us = iterations_per_us();
    patiently(Duration::from_secs(3), |time| {
        let mut settings = at_hz(1_000);
        settings.engine = EngineSetting::Auto;
        let interval_ns = settings.interval_ns;
        let seen: Arc<Mutex<Shares>> = Arc::default();
        let plan = Plan {
            cpu: time / 2,
            ..Plan::new(settings, 1, time)
        };
        let observed = observe(
            plan,
            |harness| {
                let seen = Arc::clone(&seen);
                harness.on_record = Some(Box::new(move |_, record| {
                    let leaf = record.callchain[0];
                    seen.lock().unwrap().add(leaf, record.expiries);
                }));
            },
            move |_, stop| burn_in_step(per_us, interval_ns, stop),
        );
        let engine = observed.harness.info[&observed.key(&observed.truths[0])].engine;
        if engine != Engine::Perf {
            println!("perf events are not permitted here");
            return Ok(());
        }
        let seen = seen.lock().unwrap();
        println!("{}", seen.against(&[1; 4]));
        let all: u64 = seen.in_burner.iter().sum();
        ensure!(all >= 500, "only {all} samples");
        for share in seen.in_burner {
            let share = share as f64 / all as f64;
            ensure!((share - 0.25).abs() <= APART, "a share of {share:.3}");
        }
        Ok(())
    });
}
