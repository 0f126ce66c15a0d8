//! A forked child that starts sampling itself: its tasks are its own, the thread that forked included, and no lock of its parent's stops it.
//!
//! One test, as sampling is one in a process.

#[path = "support/child.rs"]
mod child;
mod support;

use child::forked;
use hotpoll_hooks::tasks;
use hotpoll_sampler::{Settings, current_tid, published_by};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use support::snapshot;

/// Forks while others are in the middle of things.
const FORKS: usize = 300;

#[test]
fn a_forked_child_begins_anew() {
    support::sampling();
    run("parents", async {});
    its_tasks_are_its_own();
    the_parents_locks_do_not_stop_it();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Runs a task of this kind on a runtime of the calling thread's.
fn run(name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
    runtime().block_on(async { tasks::spawn_named(name, future).await.unwrap() });
}

/// By the processor's time: what a busy machine leaves of the wall clock's is not sampled.
#[inline(never)]
fn burn(time: Duration) {
    let until = hotpoll_sampler::thread_cpu_ns() + time.as_nanos() as u64;
    while hotpoll_sampler::thread_cpu_ns() < until {
        std::hint::black_box((0..1000u64).map(std::hint::black_box).sum::<u64>());
    }
}

fn its_tasks_are_its_own() {
    let inherited = runtime();
    let kept = {
        let _inside = inherited.enter();
        tasks::spawn_named("inherited", std::future::pending::<()>())
    };
    let parents_tid = current_tid();
    forked(move || {
        let mut settings = Settings::default();
        settings.interval_ns = 1_000_000;
        let (mut sampler, mut modules) = hotpoll_sampler::start(settings).expect("start");
        modules.refresh();
        sampler.scan_threads();
        run("childs", async {
            for _ in 0..20 {
                burn(Duration::from_millis(5));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let tid = current_tid();
        assert_ne!(tid, parents_tid);
        assert_eq!(published_by(tid).map(|words| words.tid()), Some(tid));
        let seen = snapshot();
        let kind = seen.kind("childs");
        assert_eq!((kind.spawned, kind.completed), (1, 1));
        // The walks by its new words are whole.
        assert!(kind.captures > 0);
        assert_eq!(kind.captures_failed, 0);
        // What the parent counted is the parent's, its tasks too.
        let names: Vec<_> = seen.tasks.kinds.iter().map(|kind| &kind.name).collect();
        assert!(!names.iter().any(|name| *name == "parents"), "{names:?}");
        assert_eq!(seen.tasks.tracked, 0);
        assert_eq!(seen.of("inherited").len(), 0);
        // Its end in the child leaves the child's lists alone.
        drop(kept);
        drop(inherited);
        run("childs", async {});
        let seen = snapshot();
        assert_eq!(seen.kind("childs").completed, 2);
        assert_eq!(seen.tasks.tracked, 0);
        let kind = seen.kind("childs").id;
        let (mut named, mut all) = (0, 0);
        sampler.drain(&mut |_, record| {
            all += record.expiries;
            if record.words.kind == kind {
                named += record.expiries;
            }
        });
        // 100 ms at a sample a millisecond, nearly all of it in the task.
        assert!(named >= 20 && named * 2 >= all, "{named} of {all}");
    });
}

fn the_parents_locks_do_not_stop_it() {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                // New threads, runtimes, kinds' numbers and tasks all the time: each takes one of the hooks' locks.
                while !stop.load(Relaxed) {
                    std::thread::scope(|scope| {
                        scope.spawn(|| {
                            run("busy", async {});
                            snapshot();
                        });
                    });
                }
            });
        }
        let _stop = SetAtEnd(&stop);
        for _ in 0..FORKS {
            forked(|| {
                let started = hotpoll_sampler::start(Settings::default()).expect("start");
                run("busy", async {});
                assert_eq!(snapshot().kind("busy").completed, 1);
                drop(started);
            });
        }
    });
}

struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
