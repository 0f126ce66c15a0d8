//! Stopping and starting again: late signals find nothing to do, and nothing grows, however often.
#![allow(unsafe_code)] // signal masks

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_profile::Engine;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::{Agent, Harness, burn_until, engines, in_child};

fn block_sigprof(how: i32) {
    // SAFETY: the set is initialised.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGPROF);
        let result = libc::pthread_sigmask(how, &set, std::ptr::null_mut());
        assert_eq!(result, 0);
    }
}

/// Whether a signal is pending for the calling thread.
fn sigprof_is_pending() -> bool {
    // SAFETY: the set is filled in before it is read.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigpending(&mut set);
        libc::sigismember(&set, libc::SIGPROF) == 1
    }
}

fn burn_until_pending() {
    let mut round = 0;
    while !sigprof_is_pending() {
        std::hint::black_box(support::shapes::descend(round % 50));
        round += 1;
        assert!(round < 1_000_000, "no signal came");
    }
}

#[test]
fn a_signal_that_is_late_finds_nothing_to_do() {
    in_child("a_signal_that_is_late_finds_nothing_to_do", || {
        for settings in engines() {
            for _ in 0..20 {
                let mut harness = Harness::start(settings.clone());
                block_sigprof(libc::SIG_BLOCK);
                burn_until_pending();
                harness.sampler.stop();
                drop(harness);
                // It comes now, to a slot that nobody serves; newer kernels take a deleted timer's signal back.
                block_sigprof(libc::SIG_UNBLOCK);
                // SAFETY: zero is a valid sigaction, and a valid place for the result.
                let handler = unsafe {
                    let mut action: libc::sigaction = std::mem::zeroed();
                    libc::sigaction(libc::SIGPROF, std::ptr::null(), &mut action);
                    action.sa_sigaction
                };
                assert!(
                    handler != libc::SIG_DFL && handler != libc::SIG_IGN,
                    "the handler stays"
                );
            }
        }
    });
}

#[test]
fn a_signal_of_an_earlier_start_is_not_counted_in_a_later_one() {
    in_child(
        "a_signal_of_an_earlier_start_is_not_counted_in_a_later_one",
        || {
            for settings in engines() {
                let mut harness = Harness::start(settings.clone());
                block_sigprof(libc::SIG_BLOCK);
                burn_until_pending();
                harness.sampler.stop();
                drop(harness);
                let mut quiet = settings.clone();
                quiet.interval_ns = hotpoll_sampler::Settings::GREATEST_INTERVAL_NS;
                let mut harness = Harness::start(quiet);
                block_sigprof(libc::SIG_UNBLOCK);
                harness.close_slice();
                harness.sampler.stop();
                let fired: u64 = harness.accounts.values().map(|account| account.fired).sum();
                assert_eq!(fired, 0, "{:?}", settings.engine);
            }
        },
    );
}

/// What could grow: open descriptors, timers, mappings, memory in KB.
#[derive(Debug, Clone, Copy)]
struct Taken {
    descriptors: usize,
    timers: usize,
    mappings: usize,
    resident_kb: usize,
}

impl Taken {
    fn now() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        // Exact; `VmRSS` may be off by what each processor has not told yet.
        let resident = (read("/proc/self/smaps_rollup") + &read("/proc/self/status"))
            .lines()
            .find_map(|line| {
                line.strip_prefix("Rss:")
                    .or_else(|| line.strip_prefix("VmRSS:"))?
                    .trim()
                    .split(' ')
                    .next()?
                    .parse()
                    .ok()
            })
            .unwrap();
        Self {
            descriptors: std::fs::read_dir("/proc/self/fd").unwrap().count(),
            timers: read("/proc/self/timers")
                .lines()
                .filter(|line| line.starts_with("ID:"))
                .count(),
            mappings: read("/proc/self/maps").lines().count(),
            resident_kb: resident,
        }
    }
}

#[test]
fn restarts_do_not_grow() {
    in_child("restarts_do_not_grow", || {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _stop = support::SetAtEnd(&stop);
            for _ in 0..2 {
                scope.spawn(|| burn_until(&stop));
            }
            let restart = |times: usize| {
                for _ in 0..times {
                    for settings in engines() {
                        let (mut sampler, _modules) = hotpoll_sampler::start(settings).unwrap();
                        // Threads that are alive at the stop and dead at the next start.
                        let gone = AtomicBool::new(false);
                        std::thread::scope(|short| {
                            for _ in 0..4 {
                                short.spawn(|| {
                                    while !gone.load(Ordering::Relaxed) {
                                        std::thread::sleep(Duration::from_micros(100));
                                    }
                                });
                            }
                            sampler.scan_threads();
                            sampler.drain(&mut |_, _| {});
                            sampler.stop();
                            gone.store(true, Ordering::Relaxed);
                        });
                    }
                }
            };
            restart(10);
            let before = Taken::now();
            restart(100);
            let after = Taken::now();
            println!("before {before:?}, after {after:?}");
            assert_eq!(after.timers, 0);
            assert_eq!(after.descriptors, before.descriptors);
            // 200 starts with 4 threads each: a slot for each would be 800 mappings, or one that is merged and 80 MB.
            assert!(
                after.mappings <= before.mappings + 16,
                "{before:?} {after:?}"
            );
            assert!(
                after.resident_kb <= before.resident_kb + 2_048,
                "{before:?} {after:?}"
            );
            stop.store(true, Ordering::Relaxed);
        });
    });
}

#[test]
fn after_a_stop_nothing_is_armed() {
    in_child("after_a_stop_nothing_is_armed", || {
        for settings in engines() {
            let before = Taken::now();
            let agent = Agent::start(settings);
            let stop = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let _stop = support::SetAtEnd(&stop);
                scope.spawn(|| burn_until(&stop));
                agent.watched.wait_for_any_records(10);
                assert!(Taken::now().timers > 0 || !support::timers_are_listed());
                let harness = agent.finish();
                let after = Taken::now();
                assert_eq!(after.timers, 0);
                assert_eq!(after.descriptors, before.descriptors);
                assert!(
                    harness
                        .sampler
                        .threads()
                        .all(|(_, info)| info.engine == Engine::None)
                );
                stop.store(true, Ordering::Relaxed);
            });
        }
    });
}
