//! Which runtime a task is of, and what its workers do: in sets, one inside of the other, blocked, handed over.

use super::support::{self, sampling, snapshot, until};
use super::{SelfWake, workers};
use hotpoll_hooks::tasks::{self, JoinSet, LocalSet};
use hotpoll_profile::TaskState;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

#[test]
fn sets_local_tasks_blocking_ones_and_roots_are_tracked() {
    let runtime = workers(2);
    tasks::block_on_named(&runtime, "root", async {
        let mut set = JoinSet::new();
        for number in 0..5u32 {
            set.spawn_named("in a set", async move { number });
        }
        let mut sum = 0;
        while let Some(number) = set.join_next().await {
            sum += number.unwrap();
        }
        assert_eq!(sum, 10);
        let line = line!() + 1;
        set.spawn_blocking(|| 3);
        assert_eq!(set.join_next().await.unwrap().unwrap(), 3);
        let here = tokio::runtime::Handle::current();
        assert_eq!(
            tasks::spawn_on_named(&here, "on a handle", async { 8 })
                .await
                .unwrap(),
            8
        );
        let by_site = until("by its site", |seen| {
            let mut kinds = seen.tasks.kinds.iter();
            kinds.any(|kind| kind.site.file.ends_with("runtimes.rs") && kind.site.line == line)
        });
        drop(by_site);
        let threads = tasks::spawn_blocking_named("blocking", || {
            let seen = snapshot();
            // A closure there may block for as long as it likes: that is no long poll.
            std::thread::sleep(Duration::from_millis(25));
            let tid = hotpoll_sampler::current_tid();
            assert!(tasks::open_polls().iter().all(|poll| poll.tid != tid));
            let task = seen.one("blocking").clone();
            (task.state, seen.one("root").id == task.parent)
        });
        assert_eq!(threads.await.unwrap(), (TaskState::Polling, true));
        let local = LocalSet::new();
        local
            .run_until(async {
                tasks::spawn_local_named("local", async { 7 })
                    .await
                    .unwrap()
            })
            .await;
        assert_eq!(snapshot().one("root").state, TaskState::Polling);
    });
    let seen = until("folded", |seen| seen.kind("root").completed == 1);
    for (name, completed) in [
        ("in a set", 5),
        ("blocking", 1),
        ("local", 1),
        ("root", 1),
        ("on a handle", 1),
    ] {
        assert_eq!(seen.kind(name).completed, completed, "{name}");
    }
    assert_eq!(seen.kind("blocking").polls, 1);
    // By another clock, of which some thousandths are not known.
    assert!(seen.kind("blocking").busy_ns >= 24_750_000);
    assert!(seen.kind("blocking").long_polls.is_empty());
    assert!(seen.kind("blocking").longest_poll.is_none());
}

/// For the runtime who blocks on a future in a poll is that task still: two had one number, and each was told as the other.
#[test]
fn what_is_blocked_on_in_a_poll_has_a_number_of_its_own() {
    let runtime = workers(2);
    let handle = runtime.handle().clone();
    let inside = |inner: &'static str| {
        let handle = handle.clone();
        move || {
            let seen = tasks::block_on_named(&handle, inner, async {
                std::thread::sleep(Duration::from_millis(25));
                snapshot()
            });
            seen.one(inner).clone()
        }
    };
    let in_place = inside("in place, inside");
    let (outer, inner) = runtime.block_on(async {
        let outer = tasks::spawn_named("in place, outside", async move {
            tokio::task::block_in_place(in_place)
        });
        (outer.id(), outer.await.unwrap())
    });
    assert_ne!(inner.id.to_string(), outer.to_string());
    let in_closure = inside("closure, inside");
    let (outer, inner) = runtime.block_on(async {
        let outer = tasks::spawn_blocking_named("closure, outside", in_closure);
        (outer.id(), outer.await.unwrap())
    });
    assert_ne!(inner.id.to_string(), outer.to_string());
    // What a thread that may block polls is no long poll, whose turn it keeps nobody from.
    let seen = until("folded", |seen| seen.kind("closure, inside").completed == 1);
    assert!(seen.kind("closure, inside").long_polls.is_empty());
    assert_eq!(seen.kind("in place, inside").long_polls.len(), 1);
}

#[test]
fn alive_tasks_and_workers_of_each_runtime_are_known() {
    sampling();
    let mut builder = Builder::new_multi_thread();
    let runtime = hotpoll_hooks::runtime(&mut builder)
        .worker_threads(3)
        .name("with a name")
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let untracked: Vec<_> = (0..7)
        .map(|_| tokio::spawn(std::future::pending::<()>()))
        .collect();
    let tracked: Vec<_> = (0..2)
        .map(|_| tasks::spawn_named("of the named runtime", std::future::pending::<()>()))
        .collect();
    let seen = until("workers", |seen| {
        let mut runtimes = seen.tasks.runtimes.iter();
        runtimes.any(|one| one.name == "with a name" && one.alive == 9 && one.workers.len() == 3)
    });
    let ours = seen
        .tasks
        .runtimes
        .iter()
        .find(|one| one.name == "with a name")
        .unwrap();
    // Those that have not polled a tracked task too.
    assert_eq!(ours.workers.len(), 3);
    assert!(!ours.blocked);
    assert!(seen.tasks.alive.unwrap() >= 9);
    drop((untracked, tracked));
    drop(_inside);
    runtime.shutdown_timeout(Duration::from_secs(5));
    until("forgotten", |seen| {
        seen.tasks
            .runtimes
            .iter()
            .all(|one| one.name != "with a name")
    });
}

/// Lets blocking closures end where a check before them fails: the runtime's drop would wait for them for ever.
struct Ends(Arc<AtomicBool>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// What goes on in the workers' stead.
#[derive(Clone, Copy)]
enum Heartbeat {
    Tracked,
    Untracked,
    /// Untracked tasks that compute and wake each other, so that who polls them never parks.
    Busy,
}

/// All workers' tasks sit in `block_in_place`: other threads work in their places, and a heartbeat goes on.
#[track_caller]
fn check_handed_over(name: &'static str, count: usize, heartbeat: Heartbeat) {
    sampling();
    let stop = Arc::new(AtomicBool::new(false));
    let mut builder = Builder::new_multi_thread();
    let runtime = hotpoll_hooks::runtime(&mut builder)
        .worker_threads(count)
        .enable_time()
        .name(name)
        .build()
        .unwrap();
    let _ends = Ends(stop.clone());
    let _inside = runtime.enter();
    let beats = Arc::new(AtomicU64::new(0));
    let beat = async |beats: Arc<AtomicU64>| {
        loop {
            tokio::time::sleep(Duration::from_millis(10)).await;
            beats.fetch_add(1, Relaxed);
        }
    };
    match heartbeat {
        Heartbeat::Tracked => drop(tasks::spawn_named("heartbeat", beat(beats.clone()))),
        Heartbeat::Untracked => drop(tokio::spawn(beat(beats.clone()))),
        Heartbeat::Busy => {
            for _ in 0..4 {
                let (stop, beats) = (stop.clone(), beats.clone());
                tokio::spawn(async move {
                    while !stop.load(Relaxed) {
                        beats.fetch_add(1, Relaxed);
                        compute_for(Duration::from_micros(1_500));
                        SelfWake(1).await;
                    }
                });
            }
        }
    }
    let in_place: Vec<_> = (0..count)
        .map(|_| {
            let stop = stop.clone();
            tasks::spawn_named(name, async move {
                tokio::task::block_in_place(|| {
                    while !stop.load(Relaxed) {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                });
            })
        })
        .collect();
    let mut is_ever_blocked = false;
    let all_in_place = |seen: &support::Seen| {
        let all = seen.of(name);
        // Tasks are looked at after runtimes: this one may not have been known yet.
        all.len() == count
            && all.iter().all(|task| task.state_ns >= 20_000_000)
            && seen.tasks.runtimes.iter().any(|one| one.name == name)
    };
    // Until somebody works in their places, which on a crowded machine takes its time, nothing goes on indeed.
    until("all in place", all_in_place);
    let before = beats.load(Relaxed);
    until("others in their places", |_| {
        beats.load(Relaxed) >= before + 2
    });
    for _ in 0..20 {
        let seen = until("all in place", all_in_place);
        let ours = seen.tasks.runtimes.iter().find(|one| one.name == name);
        is_ever_blocked |= ours.unwrap().blocked;
        std::thread::sleep(Duration::from_millis(3));
    }
    // Where the one who took a worker's place never parks, nothing says that it has.
    if !matches!(heartbeat, Heartbeat::Busy) {
        // The threads that work now are the workers, and those in `block_in_place` are not.
        until("the workers", |seen| {
            let ours = seen.tasks.runtimes.iter().find(|one| one.name == name);
            let workers = &ours.unwrap().workers;
            let polls = tasks::open_polls();
            let mut away = polls.iter().filter(|poll| {
                let both = seen.of(name);
                both.iter().any(|task| task.id == poll.task)
            });
            workers.len() == count && away.all(|poll| !workers.contains(&poll.tid))
        });
    }
    stop.store(true, Relaxed);
    for task in in_place {
        runtime.block_on(task).unwrap();
    }
    drop(_inside);
    runtime.shutdown_timeout(Duration::from_secs(5));
    assert!(!is_ever_blocked);
}

fn compute_for(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

#[test]
fn a_runtime_whose_workers_were_handed_over_is_not_blocked() {
    check_handed_over("handed over", 2, Heartbeat::Tracked);
}

#[test]
fn nor_where_the_rest_is_untracked() {
    check_handed_over("handed over, untracked", 2, Heartbeat::Untracked);
}

#[test]
fn nor_where_the_rest_never_parks() {
    check_handed_over("handed over, busy", 1, Heartbeat::Busy);
}

#[test]
fn an_open_poll_is_seen_while_every_worker_is_blocked() {
    sampling();
    let stop = Arc::new(AtomicBool::new(false));
    let mut builder = Builder::new_multi_thread();
    let runtime = hotpoll_hooks::runtime(&mut builder)
        .worker_threads(2)
        .name("blocked")
        .build()
        .unwrap();
    let _ends = Ends(stop.clone());
    let _inside = runtime.enter();
    let idle = tasks::spawn_named("idle beside", std::future::pending::<()>());
    until("idle", |seen| {
        seen.of("idle beside")
            .first()
            .is_some_and(|task| task.polls == 1)
    });
    let blocking: Vec<_> = (0..2)
        .map(|_| {
            let stop = stop.clone();
            tasks::spawn_named("blocks a worker", async move {
                while !stop.load(Relaxed) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            })
        })
        .collect();
    let seen = until("blocked", |seen| {
        seen.tasks
            .runtimes
            .iter()
            .any(|one| one.name == "blocked" && one.blocked)
    });
    let polls = tasks::open_polls();
    for task in seen.of("blocks a worker") {
        assert_eq!(task.state, TaskState::Polling);
        assert!(task.state_ns >= 10_000_000);
        assert!(
            polls
                .iter()
                .any(|poll| poll.task == task.id && poll.kind == task.kind)
        );
    }
    stop.store(true, Relaxed);
    for task in blocking {
        runtime.block_on(task).unwrap();
    }
    idle.abort();
}

/// Both have one worker with the number 0: the second was taken for the first, which was kept for as long as the thread lived.
#[test]
fn one_runtime_after_another_on_one_thread() {
    support::sampling();
    let tid = hotpoll_sampler::current_tid();
    for name in ["the first", "the second", "the third"] {
        // Built without our hooks, so that polls alone tell of it.
        let mut builder = Builder::new_current_thread();
        let runtime = builder.name(name).build().unwrap();
        runtime.block_on(async {
            let task = tasks::spawn_named("on one thread", async move {
                let seen = support::snapshot();
                let runtimes = seen.tasks.runtimes.into_iter();
                runtimes
                    .filter(|one| one.workers.contains(&tid))
                    .map(|one| one.name)
                    .collect::<Vec<_>>()
            });
            assert_eq!(task.await.unwrap(), [name]);
        });
    }
}

#[test]
fn block_in_place_and_nested_runtimes() {
    let runtime = workers(2);
    let sum = runtime.block_on(async {
        tasks::spawn_named("in place", async {
            let inside = tokio::task::block_in_place(|| {
                let inner = Builder::new_current_thread().build().unwrap();
                tasks::block_on_named(&inner, "inner root", async {
                    tasks::spawn_named("of the inner one", SelfWake(3))
                        .await
                        .unwrap();
                    4
                })
            });
            SelfWake(2).await;
            inside + 1
        })
        .await
        .unwrap()
    });
    assert_eq!(sum, 5);
    let seen = until("folded", |seen| seen.kind("in place").completed == 1);
    assert_eq!(seen.kind("in place").polls, 3);
    assert_eq!(seen.kind("of the inner one").polls, 4);
    assert_eq!(seen.kind("inner root").completed, 1);
}
