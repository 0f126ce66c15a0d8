//! Samples carry the task that was being polled, tracked or not, and nothing of it after. Alone in its process, which it samples.

use hotpoll_hooks::tasks;
use hotpoll_sampler::Settings;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// By the processor's time: what a busy machine leaves of the wall clock's is not sampled.
#[inline(never)]
fn burn(time: Duration) {
    let until = hotpoll_sampler::thread_cpu_ns() + time.as_nanos() as u64;
    let mut x = 1u64;
    while hotpoll_sampler::thread_cpu_ns() < until {
        for _ in 0..1000 {
            x = x.wrapping_mul(6364136223846793005).wrapping_add(1);
        }
        std::hint::black_box(x);
    }
}

async fn burn_in_polls(polls: u32) {
    for _ in 0..polls {
        burn(Duration::from_millis(4));
        tokio::task::yield_now().await;
    }
}

#[test]
fn samples_name_the_task_and_its_kind() {
    let mut settings = Settings::default();
    settings.interval_ns = 1_000_000;
    let (mut sampler, mut modules) = hotpoll_sampler::start(settings).expect("start");
    modules.refresh();
    sampler.scan_threads();
    let runtime = hotpoll_hooks::runtime(&mut tokio::runtime::Builder::new_multi_thread())
        .worker_threads(1)
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let first = tasks::spawn_named("first", burn_in_polls(120));
    let second = tasks::spawn_named("second", burn_in_polls(60));
    let untracked = tokio::spawn(burn_in_polls(60));
    let mut seen: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    let begun = Instant::now();
    while !(first.is_finished() && second.is_finished() && untracked.is_finished()) {
        sampler.scan_threads();
        sampler.drain(&mut |_, record| {
            let words = record.words;
            // In a tracked poll its beginning is known, and lies before the sample.
            assert_eq!(words.kind != 0, words.poll_start != 0);
            assert!(words.poll_start <= record.ticks || record.ticks == 0);
            *seen.entry((words.kind, words.task)).or_default() += record.expiries;
        });
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    let tasks = tasks::snapshot(&mut |_| Vec::new(), tasks::Limits::default());
    let kind = |name: &str| tasks.kinds.iter().find(|kind| kind.name == name).unwrap();
    let number = |id: tokio::task::Id| id.to_string().parse::<u64>().unwrap();
    let count = |kind: u64, id| seen.get(&(kind, number(id))).copied().unwrap_or(0);
    let (a, b) = (
        count(kind("first").id, first.id()),
        count(kind("second").id, second.id()),
    );
    // 480 ms, 240 ms and 240 ms at a sample a millisecond.
    assert!(a >= 120 && b >= 60, "{seen:?}");
    assert!(count(0, untracked.id()) >= 60, "{seen:?}");
    // Twice as much work is some twice as many samples.
    let ratio = a as f64 / b as f64;
    assert!((1.4..2.8).contains(&ratio), "{a} to {b}");
    // No sample says one task and another's kind.
    let strange: u64 = seen
        .iter()
        .filter(|((kind, _), _)| *kind != 0)
        .map(|(_, count)| count)
        .sum::<u64>()
        - a
        - b;
    assert_eq!(strange, 0, "{seen:?}");
    sampler.stop();
}
