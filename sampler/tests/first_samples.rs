//! The thin end to end: a busy thread is found, sampled with whole callchains, and accounted for by its own clock.

mod common;

use common::{Harness, at_hz, burn_until};
use hotpoll_profile::Truncation;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[test]
fn busy_thread_is_sampled_and_accounted_for() {
    let stop = Arc::new(AtomicBool::new(false));
    let worker = {
        let stop = Arc::clone(&stop);
        std::thread::Builder::new()
            .name("busy".into())
            .spawn(move || burn_until(&stop))
            .unwrap()
    };
    let mut harness = Harness::start(at_hz(200));
    harness.keep_callchains = true;
    // With patience: on a busy machine the thread gets a small share of a processor.
    for _ in 0..60 {
        harness.run_for(Duration::from_secs(1), Duration::from_millis(500));
        if harness.accounts[&harness.key("busy")].cpu_ns > 700_000_000 {
            break;
        }
    }
    stop.store(true, Ordering::Relaxed);
    worker.join().unwrap();
    harness.sampler.stop();
    let key = harness.key("busy");
    let accounts = harness.accounts[&key];
    let seen = &harness.seen[&key];
    assert!(
        accounts.cpu_ns > 500_000_000,
        "the thread ran: {accounts:?}"
    );
    let interval_ns = 5_000_000;
    let tick_ns = 1_000_000_000 / i64::from(harness.sampler.tick_hz());
    let unsampled = accounts.unsampled_ns();
    assert!(
        unsampled.abs() <= accounts.cpu_ns as i64 / 100 + interval_ns + tick_ns,
        "unsampled {unsampled} of {accounts:?}"
    );
    assert_eq!(
        accounts.fired,
        accounts.recorded + accounts.overrun + accounts.lost.total()
    );
    assert_eq!(accounts.recorded, seen.records);
    assert_eq!(accounts.sampled_ns, seen.sampled_ns);
    let complete = accounts.truncated.get(Truncation::Complete);
    assert!(
        complete * 1000 >= accounts.recorded * 995,
        "complete {complete} of {}: {:?}",
        accounts.recorded,
        accounts.truncated
    );
    assert!(
        seen.callchains
            .iter()
            .all(|(callchain, _, _)| callchain.len() > 3)
    );
}
