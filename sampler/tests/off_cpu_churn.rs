//! Looks do no harm while threads come and go, and their stacks with them.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_profile::CaptureFailure;
use hotpoll_sampler::Settings;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Threads alive at a time, about.
const CROWD: u64 = 24;

#[test]
fn captures_while_threads_come_and_go() {
    support::in_child("captures_while_threads_come_and_go", || {
        let wanted = if std::env::var_os("HOTPOLL_TEST_LONG").is_some() {
            1_000_000
        } else {
            20_000
        };
        let (mut sampler, mut modules) = hotpoll_sampler::start(Settings::default()).unwrap();
        modules.refresh();
        let descriptors_before = descriptors();
        let mut off_cpu = sampler.off_cpu();
        let stop = AtomicBool::new(false);
        let lived = AtomicU64::new(0);
        let (mut captures, mut looks) = (0_u64, 0_u64);
        let mut failures: BTreeMap<CaptureFailure, u64> = BTreeMap::new();
        std::thread::scope(|scope| {
            let _stop = support::SetAtEnd(&stop);
            for seed in 0..CROWD {
                scope.spawn({
                    let (stop, lived) = (&stop, &lived);
                    move || generations(seed, stop, lived)
                });
            }
            let mut scanned = Instant::now();
            while captures < wanted || lived.load(Relaxed) <= 500 {
                if scanned.elapsed() > Duration::from_millis(10) {
                    sampler.scan_threads();
                    sampler.drain(&mut |_, _| {});
                    scanned = Instant::now();
                }
                looks += off_cpu.look(u64::MAX, &mut |_, look| {
                    if look.fresh && look.state.is_blocked() {
                        captures += 1;
                        if let Some(failure) = look.failure {
                            *failures.entry(failure).or_default() += 1;
                        }
                    }
                }) as u64;
            }
        });
        let lived = lived.load(Relaxed);
        println!("{captures} captures in {looks} looks beside {lived} threads: {failures:?}");
        // They move on all the time: to make a thread they wait for each other for microseconds. What did not move was seen.
        let moved = failures.remove(&CaptureFailure::Moved).unwrap_or(0);
        let failed: u64 = failures.values().sum();
        assert!(captures - moved > captures / 20, "{moved} moved");
        assert!(failed * 20 < captures - moved, "{failures:?}");
        // Nothing of those that are gone is kept. (One counts as ended a moment before the kernel has forgotten it.)
        let begun = Instant::now();
        loop {
            sampler.scan_threads();
            off_cpu.look(u64::MAX, &mut |_, _| {});
            if off_cpu.threads() < 8 {
                break;
            }
            let patient = begun.elapsed() < Duration::from_secs(60);
            assert!(patient, "{}", off_cpu.threads());
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(off_cpu);
        sampler.stop();
        drop(sampler);
        assert!(descriptors() <= descriptors_before, "a file was left open");
    });
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// One short-lived thread after the other, each on a stack of another size.
fn generations(seed: u64, stop: &AtomicBool, lived: &AtomicU64) {
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while !stop.load(Relaxed) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let builder =
            std::thread::Builder::new().stack_size((64 << 10) + (random as usize & 0xf_f000));
        builder
            .spawn(move || live(random))
            .unwrap()
            .join()
            .expect("its stack was as it had left it");
        lived.fetch_add(1, Relaxed);
    }
}

/// Sleeps a few times for a moment, somewhere down its stack, and checks that nobody has touched that.
fn live(random: u64) {
    #[inline(never)]
    fn deep(depth: u64, random: u64) -> u64 {
        let mine = std::hint::black_box([random ^ depth; 16]);
        let below = match depth {
            0 => {
                for _ in 0..1 + random % 4 {
                    std::thread::sleep(Duration::from_micros(random % 2_000));
                }
                0
            }
            _ => deep(depth - 1, random),
        };
        let mine = std::hint::black_box(mine);
        assert!(mine.iter().all(|word| *word == random ^ depth));
        below + 1
    }
    assert_eq!(deep(random % 40, random), random % 40 + 1);
}
