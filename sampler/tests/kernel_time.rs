//! Time in the kernel has samples of its own under both engines: from ctimer itself, and from the timer that stands beside a perf event.

mod common;

use common::{Harness, at_hz};
use hotpoll_profile::{Engine, State};
use hotpoll_sampler::EngineSetting;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Reads zeros: nearly all of the time is spent clearing the buffer in the kernel.
fn read_zeros(stop: &AtomicBool) {
    let mut file = std::fs::File::open("/dev/zero").unwrap();
    let mut buffer = vec![0; 1 << 16];
    while !stop.load(Ordering::Relaxed) {
        file.read_exact(&mut buffer).unwrap();
    }
}

#[test]
fn kernel_time_is_sampled_by_both_engines() {
    for (setting, engine) in [
        (EngineSetting::Ctimer, Engine::Ctimer),
        (EngineSetting::Perf, Engine::Perf),
    ] {
        let mut settings = at_hz(500);
        settings.engine = setting;
        let stop = Arc::new(AtomicBool::new(false));
        let mut harness = match std::panic::catch_unwind(|| Harness::start(settings)) {
            Ok(harness) => harness,
            Err(_) if setting == EngineSetting::Perf => {
                println!("skipped perf: not permitted here");
                continue;
            }
            Err(panic) => std::panic::resume_unwind(panic),
        };
        let worker = {
            let stop = Arc::clone(&stop);
            std::thread::Builder::new()
                .name("zeros".into())
                .spawn(move || read_zeros(&stop))
                .unwrap()
        };
        harness.run_for(Duration::from_secs(2), Duration::from_millis(500));
        stop.store(true, Ordering::Relaxed);
        worker.join().unwrap();
        harness.sampler.stop();
        let key = harness.key("zeros");
        let (accounts, seen) = (harness.accounts[&key], &harness.seen[&key]);
        assert_eq!(harness.info[&key].engine, engine);
        let kernel_ns = seen.by_state.get(&State::Kernel).copied().unwrap_or(0);
        println!(
            "{engine:?}: kernel {kernel_ns} of sampled {} of clock {}",
            accounts.sampled_ns, accounts.cpu_ns
        );
        assert!(
            kernel_ns * 10 > accounts.cpu_ns * 8,
            "kernel {kernel_ns} of {accounts:?}"
        );
        assert!(
            accounts.unsampled_ns().unsigned_abs() * 20 < accounts.cpu_ns,
            "{accounts:?}"
        );
    }
}
