//! Libraries that come and go while their code is sampled: nothing crashes, and callchains through them are whole.
#![allow(unsafe_code)] // see guest_support

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_profile::Truncation;
use hotpoll_sampler::EngineSetting;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::library::{Libraries, Loaded, load_call_unload};
use support::{Agent, SetAtEnd, in_child, perf_permitted, with_engine};

fn settings() -> hotpoll_sampler::Settings {
    if perf_permitted() {
        with_engine(5_000, EngineSetting::Perf)
    } else {
        with_engine(250, EngineSetting::Ctimer)
    }
}

#[test]
fn churn_of_libraries_is_harmless() {
    in_child("churn_of_libraries_is_harmless", || {
        let Some(libraries) = Libraries::build(6) else {
            println!("there is no C compiler: not checked");
            return;
        };
        let agent = Agent::start(settings());
        let watched = Arc::clone(&agent.watched);
        let stop = AtomicBool::new(false);
        let loads = AtomicU64::new(0);
        std::thread::scope(|scope| {
            let _stop = SetAtEnd(&stop);
            for (worker, path) in libraries.paths.iter().enumerate().take(3) {
                let (stop, loads, other) = (&stop, &loads, &libraries.paths[worker + 3]);
                scope.spawn(move || {
                    let mut round = 0;
                    while !stop.load(Ordering::Relaxed) {
                        // Short enough that tables are often compiled too late, and long enough that they often are not.
                        let calls = [2, 40, 400][round % 3];
                        load_call_unload(if round % 2 == 0 { path } else { other }, calls);
                        loads.fetch_add(1, Ordering::Relaxed);
                        round += 1;
                    }
                });
            }
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(2) || loads.load(Ordering::Relaxed) < 100 {
                std::thread::sleep(Duration::from_millis(10));
            }
            watched.wait_for_any_records(300);
            stop.store(true, Ordering::Relaxed);
        });
        let harness = agent.finish();
        println!("{} loads", loads.into_inner());
        // Samples in a library that is too new end there, and say so; the others are whole.
        let mut account = hotpoll_profile::thread::Accounts::default();
        for one in harness.accounts.values() {
            account.add(one);
        }
        println!("{:?}", account.truncated);
        let explained = account.truncated.get(Truncation::Complete)
            + account.truncated.get(Truncation::NoModule)
            + account.truncated.get(Truncation::NoUnwindInfo)
            + account.truncated.get(Truncation::UnsupportedRule);
        assert!(explained * 100 >= account.recorded * 99, "{account:?}");
        assert!(account.truncated.get(Truncation::Complete) > 0);
    });
}

#[test]
fn a_library_that_stays_is_unwound() {
    in_child("a_library_that_stays_is_unwound", || {
        let Some(libraries) = Libraries::build(1) else {
            println!("there is no C compiler: not checked");
            return;
        };
        let agent = Agent::start_keeping(settings(), true);
        let watched = Arc::clone(&agent.watched);
        std::thread::Builder::new()
            .name("in the library".into())
            .spawn(move || {
                let library = Loaded::open(&libraries.paths[0]);
                // Its table is there after a look.
                watched.wait_for_a_look();
                let me = support::tid();
                let wanted = if perf_permitted() { 1_000 } else { 100 };
                while watched.records_of(me) < wanted {
                    library.call(1_000);
                }
                drop(library);
                watched.wait_for_a_look();
            })
            .unwrap()
            .join()
            .unwrap();
        let harness = agent.finish();
        let key = harness.key("in the library");
        let seen = &harness.seen[&key];
        let whole = harness.accounts[&key].truncated.get(Truncation::Complete);
        println!("{whole} of {} are whole", seen.records);
        assert!(seen.records >= 100);
        // All but one of the moment in which it was loaded or went.
        assert!(
            whole * 10 >= seen.records * 9,
            "{whole} of {}: {:?}",
            seen.records,
            harness.accounts[&key].truncated
        );
    });
}
