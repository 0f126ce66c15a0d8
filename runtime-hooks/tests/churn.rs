//! Tasks that come, wake each other, are aborted and panic, while others look and refresh: nothing is lost, and every number adds up. One second by
//! default; a minute with HOTPOLL_TEST_LONG=1. Alone in its process, as it replaces the panic hook.

mod support;

use hotpoll_hooks::tasks::{self, JoinSet, Track};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use support::{sampling, snapshot, until};
use tokio::sync::{Notify, mpsc};

/// A round of one worker: a pair that passes messages, one that is aborted, one that panics, one that waits for the round's end.
async fn round(number: u64, ended: &AtomicU64) {
    let mut set = JoinSet::new();
    let (to, mut at) = mpsc::channel::<u64>(1);
    let (back, mut here) = mpsc::channel::<u64>(1);
    let finish = Arc::new(Notify::new());
    set.spawn_named("churn sends", async move {
        for turn in 0..20 {
            to.send(turn).await.unwrap();
            assert_eq!(here.recv().tracked("churn part").await, Some(turn));
        }
    });
    set.spawn_named("churn returns", async move {
        while let Some(turn) = at.recv().await {
            if turn % 7 == number % 7 {
                tokio::task::yield_now().await;
            }
            back.send(turn).await.unwrap();
        }
    });
    let finished = finish.clone();
    set.spawn_named("churn waits", async move { finished.notified().await });
    let aborted = tasks::spawn_named("churn aborted", async {
        tokio::select! {
            () = std::future::pending() => {}
            () = tokio::time::sleep(Duration::from_secs(1000)) => {}
        }
    });
    let panics = tasks::spawn_named("churn panics", async {
        tokio::task::yield_now().await;
        panic!("on purpose");
    });
    assert!(panics.await.unwrap_err().is_panic());
    aborted.abort();
    assert!(aborted.await.unwrap_err().is_cancelled());
    for _ in 0..2 {
        set.join_next().await.unwrap().unwrap();
    }
    finish.notify_one();
    set.join_next().await.unwrap().unwrap();
    ended.fetch_add(1, Relaxed);
}

#[test]
fn nothing_is_lost_while_everything_happens() {
    sampling();
    std::panic::set_hook(Box::new(|_| {}));
    let time = match std::env::var_os("HOTPOLL_TEST_LONG") {
        Some(_) => Duration::from_secs(60),
        None => Duration::from_secs(1),
    };
    let runtimes: Vec<_> = (1..3)
        .map(|workers| {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(workers)
                .enable_time()
                .build()
                .unwrap()
        })
        .collect();
    let (stop, ended) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let drivers: Vec<_> = (0..6)
        .map(|number| {
            let (stop, ended) = (stop.clone(), ended.clone());
            let driver = async move {
                while !stop.load(Relaxed) {
                    round(number, &ended).await;
                }
            };
            tasks::spawn_on(runtimes[number as usize % 2].handle(), driver)
        })
        .collect();
    let begun = Instant::now();
    let mut looks = 0;
    while begun.elapsed() < time {
        let seen = snapshot();
        let tracked = seen.tasks.tracked + seen.tasks.tracked_beside;
        assert!(tracked >= seen.tasks.tasks.len() as u64);
        tasks::open_polls();
        if looks % 10 == 0 {
            tasks::refresh(50, Duration::ZERO);
        }
        looks += 1;
        std::thread::sleep(Duration::from_millis(1));
    }
    stop.store(true, Relaxed);
    for (driver, number) in drivers.into_iter().zip(0usize..) {
        runtimes[number % 2].block_on(driver).unwrap();
    }
    let rounds = ended.load(Relaxed);
    assert!(rounds > 0 && looks > 0);
    let seen = until("all folded", |seen| {
        seen.tasks.tracked + seen.tasks.tracked_beside == 0
    });
    for (name, completed, aborted, panicked) in [
        ("churn sends", rounds, 0, 0),
        ("churn part", 20 * rounds, 0, 0),
        ("churn returns", rounds, 0, 0),
        ("churn waits", rounds, 0, 0),
        ("churn aborted", 0, rounds, 0),
        ("churn panics", 0, 0, rounds),
    ] {
        let kind = seen.kind(name);
        assert_eq!(
            (kind.spawned, kind.completed, kind.aborted, kind.panicked),
            (completed + aborted + panicked, completed, aborted, panicked),
            "{name}"
        );
        assert_eq!(kind.poll_time.total(), kind.polls, "{name}");
        assert!(kind.wakes <= kind.polls, "{name}");
        assert_eq!(kind.captures_failed, 0, "{name}");
    }
}
