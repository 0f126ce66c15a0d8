//! How many tasks are alive and how many of them are tracked: tasks as the runtime counts them, and nothing else. Alone in its process, whose tasks it counts.

mod support;

use hotpoll_hooks::tasks::{self, JoinSet, LocalSet, Track};
use std::time::Duration;
use support::{sampling, until};

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn only_tasks_of_the_runtime_are_counted_as_such() {
    sampling();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll_hooks::runtime(&mut builder)
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (release, closure_waits) = std::sync::mpsc::channel::<()>();
    tasks::block_on_named(&runtime, "main", async {
        // Of the runtime, and tracked.
        for _ in 0..3 {
            tasks::spawn_named("tracked", std::future::pending::<()>());
        }
        // Of the runtime and not tracked, though parts of them are.
        for _ in 0..4 {
            tokio::spawn(async { tokio::time::sleep(DAY).tracked("request").await });
        }
        // Tracked, and none of the runtime's tasks: a part of a tracked task, a closure, and a task of a set.
        tasks::spawn_named("outer", tokio::time::sleep(DAY).tracked("inner"));
        tasks::spawn_blocking_named("closure", move || closure_waits.recv());
        let set = LocalSet::new();
        set.spawn_local(std::future::pending::<()>());
        let looks = set.run_until(async {
            until("all of them", |seen| {
                let polled = |kind| {
                    let tasks = seen.of(kind);
                    tasks.iter().filter(|task| task.polls > 0).count()
                };
                (polled("request"), polled("inner")) == (4, 1)
            })
        });
        let seen = looks.await;
        assert_eq!(seen.tasks.alive, Some(8));
        assert_eq!(seen.tasks.tracked, 4);
        // Four requests, the inner one, main, the closure, and the set's.
        assert_eq!(seen.tasks.tracked_beside, 8);
        let kinds = seen.tasks.kinds.iter().map(|kind| kind.alive);
        assert_eq!(kinds.sum::<u64>(), 12);
        drop(release);
    });
    drop(runtime);
    tasks_of_a_set_and_of_a_local_runtime_are_told_apart();
}

fn tasks_of_a_set_and_of_a_local_runtime_are_told_apart() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = hotpoll_hooks::runtime(&mut builder)
        .build_local(Default::default())
        .unwrap();
    let seen = runtime.block_on(async {
        let mut set = JoinSet::new();
        tasks::spawn_local(std::future::pending::<()>());
        set.spawn_local(std::future::pending::<()>());
        // They are polled, and so the runtime is known.
        tokio::task::yield_now().await;
        until("both", |seen| seen.tasks.alive == Some(2))
    });
    assert_eq!((seen.tasks.tracked, seen.tasks.tracked_beside), (2, 0));
    drop(runtime);
    let runtime = hotpoll_hooks::runtime(&mut builder).build().unwrap();
    let local = LocalSet::new();
    let seen = local.block_on(&runtime, async {
        let mut set = JoinSet::new();
        tasks::spawn_local(std::future::pending::<()>());
        set.spawn_local(std::future::pending::<()>());
        // They are polled, and so the runtime is known.
        tokio::task::yield_now().await;
        until("both", |seen| seen.tasks.tracked_beside == 2)
    });
    assert_eq!((seen.tasks.tracked, seen.tasks.tracked_beside), (0, 2));
}
