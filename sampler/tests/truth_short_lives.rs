//! Threads that live for less than a slice, and work in bursts that the tick may miss: are they marked? A thread's first window was never
//! judged, so that up to 37 % of such a thread was unsampled and nobody was told.
#![allow(unsafe_code)] // clock_nanosleep

mod truth;

use hotpoll_sampler::{EngineSetting, ThreadInfo, current_tid};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use truth::burner::{burn_10, iterations_per_us};
use truth::clock::{monotonic_ns, thread_cpu_ns};
use truth::common::{Harness, at_hz};
use truth::{alone, ensure, patiently};

/// Works for so long out of every period, in step with the kernel's tick, until it has used so much CPU time.
fn in_bursts(period_us: u64, phase_us: u64, burst_us: u64, per_us: u64, cpu: Duration) {
    let period_ns = period_us * 1_000;
    while Duration::from_nanos(thread_cpu_ns()) < cpu {
        let next = (monotonic_ns() / period_ns + 1) * period_ns + phase_us * 1_000;
        let time = libc::timespec {
            tv_sec: (next / 1_000_000_000) as i64,
            tv_nsec: (next % 1_000_000_000) as i64,
        };
        // SAFETY: the time is valid; no remainder is asked for.
        unsafe {
            libc::clock_nanosleep(
                libc::CLOCK_MONOTONIC,
                libc::TIMER_ABSTIME,
                &time,
                std::ptr::null_mut(),
            )
        };
        burn_10(burst_us * per_us);
    }
}

/// Runs the threads from birth to end within one slice, with looks as the agent's.
fn within_a_slice(works: Vec<(String, Box<dyn FnOnce() + Send>)>) -> Vec<(ThreadInfo, i64, u64)> {
    let mut settings = at_hz(99);
    settings.engine = EngineSetting::Ctimer;
    let mut harness = Harness::start(settings);
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        let threads: Vec<_> = works
            .into_iter()
            .map(|(name, work)| {
                let named = std::thread::Builder::new().name(name.clone());
                let tell = tell.clone();
                let told_first = move || {
                    tell.send((name, current_tid())).expect("a listener");
                    work();
                };
                named.spawn_scoped(scope, told_first).expect("a thread")
            })
            .collect();
        let mut scanned = Instant::now();
        while !threads.iter().all(|thread| thread.is_finished()) {
            std::thread::sleep(Duration::from_millis(25));
            if harness.sampler.look_for_newcomers() || scanned.elapsed().as_millis() >= 100 {
                harness.sampler.scan_threads();
                scanned = Instant::now();
            }
            harness.drain();
        }
    });
    harness.sampler.scan_threads();
    harness.close_slice();
    // By their numbers: one that is found before it gives itself its name goes by its maker's until it is looked at again, which may be never.
    let of = |(name, tid): (String, u32)| {
        let found = harness.info.iter().find(|(_, info)| info.tid == tid);
        let (key, info) = found.unwrap_or_else(|| panic!("no {name}: {:?}", harness.info));
        let (mut info, accounts) = (info.clone(), harness.accounts[key]);
        info.name = name;
        (info, accounts.unsampled_ns(), accounts.cpu_ns)
    };
    told.try_iter().map(of).collect()
}

#[test]
fn short_lives_in_short_bursts_are_marked() {
    let _alone = alone();
    let per_us = iterations_per_us();
    patiently(Duration::from_millis(80), |cpu| {
        let mut works: Vec<(String, Box<dyn FnOnce() + Send>)> = Vec::new();
        for phase_us in [0, 1_000, 2_000, 3_000] {
            works.push((
                format!("locked-{phase_us}"),
                Box::new(move || in_bursts(4_000, phase_us, 800, per_us, cpu)),
            ));
        }
        works.push((
            "tiny".into(),
            Box::new(move || in_bursts(200, 0, 80, per_us, cpu)),
        ));
        let seen = within_a_slice(works);
        assert_eq!(seen.len(), 5);
        for (info, unsampled_ns, cpu_ns) in seen {
            let missing = 100 * unsampled_ns / cpu_ns as i64;
            let what = format!("{}: {missing} % of {cpu_ns} ns unsampled", info.name);
            println!("{what}{}", if info.tick_biased { ", marked" } else { "" });
            ensure!(info.exited && info.tick_biased, "not marked: {what}");
        }
        Ok(())
    });
}

#[test]
fn a_short_life_without_a_pause_is_not_marked() {
    let _alone = alone();
    let per_us = iterations_per_us();
    patiently(Duration::from_millis(80), |cpu| {
        let work = move || {
            burn_10(cpu.as_micros() as u64 * per_us);
        };
        let seen = within_a_slice(vec![("steady".into(), Box::new(work))]);
        assert_eq!(seen.len(), 1);
        for (info, ..) in seen {
            ensure!(info.exited && !info.tick_biased, "marked: {info:?}");
        }
        Ok(())
    });
}
