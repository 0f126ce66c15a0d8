//! The guest takes no more than its share: of descriptors, of pending signals; and says what it could not have.
#![allow(unsafe_code)] // resource limits

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_profile::{Engine, EngineReason};
use hotpoll_sampler::EngineSetting;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::{
    Agent, Harness, SetAtEnd, burn_until, in_child, is_child, perf_permitted, with_engine,
};

fn limit(resource: libc::__rlimit_resource_t, soft: u64) {
    let limit = libc::rlimit {
        rlim_cur: soft,
        rlim_max: soft,
    };
    // SAFETY: the limit is initialised.
    let result = unsafe { libc::setrlimit(resource, &limit) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// Runs a sampler over `threads` busy threads, and returns it while they still run.
fn over_threads(
    threads: usize,
    settings: hotpoll_sampler::Settings,
    look: impl FnOnce(&mut Harness),
) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = SetAtEnd(&stop);
        for _ in 0..threads {
            scope.spawn(|| burn_until(&stop));
        }
        let mut harness = Harness::start(settings);
        harness.run_for(Duration::from_millis(400), Duration::from_millis(100));
        look(&mut harness);
        harness.sampler.stop();
        assert_eq!(
            (
                harness.sampler.limits().timers,
                harness.sampler.limits().perf_descriptors()
            ),
            (0, 0)
        );
        stop.store(true, Ordering::Relaxed);
    });
}

fn count(harness: &Harness, wanted: impl Fn(&hotpoll_sampler::ThreadInfo) -> bool) -> u64 {
    harness
        .sampler
        .threads()
        .filter(|(_, info)| wanted(info))
        .count() as u64
}

fn open_descriptors() -> u64 {
    std::fs::read_dir("/proc/self/fd").unwrap().count() as u64
}

#[test]
fn descriptors_are_taken_up_to_a_quarter() {
    if !is_child() && !perf_permitted() {
        println!("perf events are not permitted here");
        return;
    }
    in_child("descriptors_are_taken_up_to_a_quarter", || {
        limit(libc::RLIMIT_NOFILE, 64);
        let before = open_descriptors();
        over_threads(30, with_engine(1_000, EngineSetting::Perf), |harness| {
            let taken = harness.sampler.limits().perf_descriptors();
            assert_eq!(harness.sampler.limits().descriptors_allowed(), 16);
            // One is the file that tells of new threads.
            let files = harness.sampler.limits().file_descriptors();
            assert_eq!((taken, files), (15, 1));
            assert!(open_descriptors() <= before + 16);
            assert_eq!(count(harness, |info| info.engine == Engine::Perf), 15);
            // The others are sampled by the other engine, and say why.
            let others = count(harness, |info| {
                info.engine == Engine::Ctimer && info.engine_reason == EngineReason::DescriptorLimit
            });
            assert!(others >= 14, "{others}");
            let begun = Instant::now();
            for engine in [Engine::Perf, Engine::Ctimer] {
                let is_seen = |harness: &Harness| {
                    let mut seen = harness.seen.iter();
                    seen.any(|(key, seen)| {
                        let info = harness.info.get(key);
                        seen.records > 0 && info.is_some_and(|info| info.engine == engine)
                    })
                };
                while !is_seen(harness) {
                    assert!(
                        begun.elapsed() < Duration::from_secs(60),
                        "nothing of {engine:?}"
                    );
                    harness.run_for(Duration::from_millis(100), Duration::from_millis(100));
                }
            }
        });
    });
}

#[test]
fn a_host_without_free_descriptors_goes_on() {
    in_child("a_host_without_free_descriptors_goes_on", || {
        over_threads(4, with_engine(1_000, EngineSetting::Auto), |harness| {
            // The host takes all that are left while we run.
            let mut taken = Vec::new();
            limit(libc::RLIMIT_NOFILE, open_descriptors() + 20);
            while let Ok(file) = std::fs::File::open("/dev/null") {
                taken.push(file);
            }
            harness.run_for(Duration::from_millis(300), Duration::from_millis(100));
            drop(taken);
            let records =
                |harness: &Harness| -> u64 { harness.seen.values().map(|seen| seen.records).sum() };
            let (before, begun) = (records(harness), Instant::now());
            while records(harness) == before {
                assert!(
                    begun.elapsed() < Duration::from_secs(60),
                    "{before} records"
                );
                harness.run_for(Duration::from_millis(300), Duration::from_millis(100));
            }
        });
    });
}

#[test]
fn timers_are_taken_up_to_a_quarter() {
    in_child("timers_are_taken_up_to_a_quarter", || {
        // The limit counts what the user has pending elsewhere as well; a quarter of it is ours.
        limit(libc::RLIMIT_SIGPENDING, 80);
        over_threads(30, with_engine(250, EngineSetting::Ctimer), |harness| {
            assert_eq!(harness.sampler.limits().timers_allowed, 20);
            let armed = count(harness, |info| info.engine == Engine::Ctimer);
            let refused = count(harness, |info| {
                info.engine == Engine::None
                    && info.engine_reason == EngineReason::PendingSignalLimit
            });
            println!("{armed} armed, {refused} refused");
            assert!(armed <= 20);
            assert!(armed + refused >= 31);
            harness.close_slice();
            // Those without a timer are listed with their time, which is unsampled.
            let unsampled: u64 = harness
                .accounts
                .iter()
                .filter(|(key, _)| harness.info[key].engine == Engine::None)
                .map(|(_, account)| account.unsampled_ns().max(0) as u64)
                .sum();
            assert!(unsampled > 0);
        });
    });
}

#[test]
fn without_room_for_pending_signals_nobody_is_killed() {
    in_child("without_room_for_pending_signals_nobody_is_killed", || {
        limit(libc::RLIMIT_SIGPENDING, 0);
        for signal in [libc::SIGPROF, libc::SIGURG, libc::SIGIO] {
            for engine in [EngineSetting::Auto, EngineSetting::Ctimer] {
                let mut settings = with_engine(5_000, engine);
                settings.signal = signal;
                let agent = Agent::start(settings);
                let stop = AtomicBool::new(false);
                std::thread::scope(|scope| {
                    let _stop = SetAtEnd(&stop);
                    for _ in 0..3 {
                        scope.spawn(|| burn_until(&stop));
                    }
                    std::thread::sleep(Duration::from_millis(400));
                    stop.store(true, Ordering::Relaxed);
                });
                agent.watched.wait_for_a_slice();
                // fired = recorded + overrun + lost, exactly so of threads that have ended: of one that runs the counters are read one after the other.
                agent.finish();
            }
        }
    });
}

#[test]
fn a_timer_is_given_back_when_its_thread_ends() {
    in_child("a_timer_is_given_back_when_its_thread_ends", || {
        limit(libc::RLIMIT_SIGPENDING, 80);
        let mut harness = Harness::start(with_engine(250, EngineSetting::Ctimer));
        // Six times as many threads as there are timers, one after the other.
        for _ in 0..120 {
            let ready = AtomicBool::new(false);
            let stop = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let _stop = SetAtEnd(&stop);
                scope.spawn(|| {
                    ready.store(true, Ordering::Relaxed);
                    burn_until(&stop)
                });
                while !ready.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
                harness.turn();
                let refused = count(&harness, |info| {
                    info.engine_reason == EngineReason::PendingSignalLimit
                });
                // The limit is the user's, not the process's: others may be using it up.
                assert!(refused == 0 || user_has_used_up_the_limit());
                stop.store(true, Ordering::Relaxed);
            });
            harness.turn();
            harness.close_slice();
        }
        harness.sampler.stop();
    });
}

/// Whether the pending signals of all of the user's processes together leave no room for a few more.
fn user_has_used_up_the_limit() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("SigQ:"));
    let (used, limit) = line.unwrap()[5..].trim().split_once('/').unwrap();
    used.parse::<u64>().unwrap() + 8 >= limit.parse::<u64>().unwrap()
}
