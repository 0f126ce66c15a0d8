//! A leaf that keeps its waker is told as old, until a refresh. Alone in its process, as a refresh is of all tasks, and what they take anew then shows.

mod support;

use hotpoll_hooks::tasks;
use hotpoll_profile::TaskState;
use std::sync::Arc;
use std::time::Duration;
use support::{sampling, until};
use tokio::sync::Notify;

#[test]
fn a_leaf_that_keeps_its_waker_is_told_as_old_until_refreshed() {
    sampling();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let notify = Arc::new(Notify::new());
    let poke = Arc::new(Notify::new());
    let (kept, poked) = (notify.clone(), poke.clone());
    let task = tasks::spawn_named("keeps", async move {
        let mut kept = std::pin::pin!(kept.notified());
        loop {
            tokio::select! {
                biased;
                _ = &mut kept => break,
                // Taken anew for each wait.
                _ = poked.notified() => {}
            }
        }
    });
    until("both", |seen| {
        seen.of("keeps")
            .first()
            .is_some_and(|task| task.waits.len() == 2)
    });
    for polls in 2..6 {
        poke.notify_one();
        until("polled", |seen| seen.one("keeps").polls == polls);
    }
    let seen = until("quiet", |seen| {
        seen.one("keeps").state == TaskState::Waiting
    });
    let mut ago: Vec<_> = seen
        .one("keeps")
        .waits
        .iter()
        .map(|wait| wait.polls_ago)
        .collect();
    ago.sort();
    // (Each look at the other leaf polls it once or twice.)
    assert_eq!(ago.len(), 2);
    assert_eq!(ago[0], 0);
    assert!(ago[1] >= 4, "{ago:?}");
    assert!(tasks::refresh(100, Duration::ZERO) >= 1);
    let seen = until("fresh", |seen| {
        let task = seen.one("keeps");
        let fresh = task.waits.iter().filter(|wait| wait.polls_ago == 0);
        fresh.count() == 2 && task.waits.len() == 2 && task.wakers == 2
    });
    drop(seen);
    // Wakers are others from now on, and nobody is woken: the next poll takes both anew, and those after that only the one that is made anew.
    tasks::take_stacks_anew();
    let polls = until("known", |seen| seen.of("keeps").len() == 1)
        .one("keeps")
        .polls;
    for polls in polls + 1..polls + 4 {
        poke.notify_one();
        let seen = until("polled", |seen| {
            let task = seen.one("keeps");
            task.polls == polls && task.state == TaskState::Waiting
        });
        assert_eq!(seen.one("keeps").waits.len(), 2, "{:#?}", seen.tasks);
    }
    // And the wakers work.
    notify.notify_one();
    until("the end", |seen| seen.of("keeps").is_empty());
    drop(task);
}
