//! Polls, wakes and ends are counted one by one, and each wake has its waker.

use super::support::{Seen, until};
use super::{SelfWake, workers};
use hotpoll_hooks::tasks::{self, Track};
use hotpoll_profile::{TaskKind, TaskState, Waker};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

#[test]
fn polls_and_wakes_are_counted_one_by_one() {
    let runtime = workers(1);
    runtime.block_on(async {
        tasks::spawn_named("counted", SelfWake(100)).await.unwrap();
    });
    let seen = until("folded", |seen| seen.kind("counted").completed == 1);
    let kind = seen.kind("counted");
    assert_eq!((kind.spawned, kind.alive), (1, 0));
    assert_eq!((kind.polls, kind.wakes, kind.self_wakes), (101, 100, 100));
    assert_eq!(kind.poll_time.total(), 101);
    // The spawn's too.
    assert_eq!(kind.wake_delay.total(), 101);
    assert_eq!(kind.idle_ns, 0);
    assert_eq!(kind.captures, 0);
    assert!(kind.longest_poll.as_ref().unwrap().poll_ns <= kind.busy_ns);
    assert!(kind.site.file.ends_with("counts.rs") && kind.site.line > 0);
}

#[test]
fn ends_are_told_apart() {
    let runtime = workers(2);
    runtime.block_on(async {
        tasks::spawn_named("ends", async {}).await.unwrap();
        let stays = tasks::spawn_named("ends", std::future::pending::<()>());
        until("waiting", |seen| {
            seen.of("ends").iter().any(|task| task.polls == 1)
        });
        stays.abort();
        assert!(stays.await.unwrap_err().is_cancelled());
        let panics = tasks::spawn_named("ends", async { panic!("on purpose") });
        assert!(panics.await.unwrap_err().is_panic());
    });
    let seen = until("all", |seen| seen.kind("ends").alive == 0);
    let kind = seen.kind("ends");
    assert_eq!(kind.spawned, 3);
    assert_eq!((kind.completed, kind.aborted, kind.panicked), (1, 1, 1));
}

/// `join_all` could not be called, collecting was not there, and `spawn_blocking_on` was tokio's own, whose closure nobody tracked.
#[test]
fn a_set_of_tasks_is_tokios_and_tracked() {
    async fn collected(number: u32) -> u32 {
        tokio::task::yield_now().await;
        number
    }
    let runtime = workers(2);
    let handle = runtime.handle().clone();
    let line = line!() + 5;
    let all = runtime.block_on(async {
        let mut set: tasks::JoinSet<u32> = (0..3).map(collected).collect();
        set.extend((3..5).map(collected));
        assert_eq!(set.len(), 5);
        set.spawn_blocking_on(|| 5, &handle);
        let mut all = set.join_all().await;
        all.sort();
        all
    });
    assert_eq!(all, [0, 1, 2, 3, 4, 5]);
    let completed = |seen: &Seen, is_it: &dyn Fn(&TaskKind) -> bool| -> u64 {
        let kinds = seen.tasks.kinds.iter().filter(|kind| is_it(kind));
        kinds.map(|kind| kind.completed).sum()
    };
    until("all of them", |seen| {
        let of_type = completed(seen, &|kind| kind.name.contains("collected"));
        let at_site = completed(seen, &|kind| {
            kind.site.file.ends_with("counts.rs") && kind.site.line == line
        });
        (of_type, at_site) == (5, 1)
    });
}

#[test]
fn a_waking_task_is_named() {
    let runtime = workers(2);
    runtime.block_on(async {
        let notify = Arc::new(Notify::new());
        let wakes = notify.clone();
        let hold = Arc::new(Notify::new());
        let held = hold.clone();
        let woken = tasks::spawn_named("woken", async move {
            notify.notified().await;
            held.notified().await;
        });
        until("waiting", |seen| {
            seen.one("woken").state == TaskState::Waiting
        });
        let waker = tasks::spawn_named("wakes", async move {
            wakes.notify_one();
            std::future::pending::<()>().await;
        });
        let seen = until("woken", |seen| {
            seen.one("woken").polls == 2 && !seen.of("wakes").is_empty()
        });
        assert_eq!(
            seen.one("woken").last_waker,
            Waker::Task(seen.one("wakes").id)
        );
        hold.notify_one();
        woken.await.unwrap();
        waker.abort();
    });
}

#[test]
fn combinators_see_every_wake() {
    use futures::FutureExt;
    use futures::future::join_all;
    let runtime = workers(2);
    runtime.block_on(async {
        tasks::spawn_named("combines", async {
            // join!, more than the 30 from which join_all makes a set, a shared future in two tasks, a time-out, select! in a loop.
            let (a, b) = tokio::join!(SelfWake(3).tracked("a"), async {
                tokio::time::sleep(Duration::from_millis(5)).await;
            });
            let ((), ()) = (a, b);
            let channels: Vec<_> = (0..40).map(|_| oneshot::channel::<u32>()).collect();
            let (senders, receivers): (Vec<_>, Vec<_>) = channels.into_iter().unzip();
            let all = tasks::spawn_named("joins all", join_all(receivers));
            for (number, sender) in senders.into_iter().enumerate() {
                tokio::task::yield_now().await;
                sender.send(number as u32).unwrap();
            }
            assert_eq!(all.await.unwrap().len(), 40);
            let (sender, receiver) = oneshot::channel::<u32>();
            let shared = receiver.shared();
            let both = [shared.clone(), shared].map(|shared| {
                tasks::spawn_named("shares", async move { shared.tracked("shared").await })
            });
            tokio::time::sleep(Duration::from_millis(5)).await;
            sender.send(9).unwrap();
            for task in both {
                assert_eq!(task.await.unwrap(), Ok(9));
            }
            let never = tokio::time::timeout(
                Duration::from_millis(5),
                std::future::pending::<()>().tracked("never"),
            );
            assert!(never.await.is_err());
            let mut ticks = tokio::time::interval(Duration::from_millis(1));
            let mut long = std::pin::pin!(tokio::time::sleep(Duration::from_millis(20)));
            let mut ticked = 0;
            loop {
                tokio::select! {
                    _ = ticks.tick().tracked("tick") => ticked += 1,
                    // A machine that stands still for so long has missed the ticks.
                    _ = &mut long, if ticked > 1 => break,
                }
            }
            assert!(ticked > 1);
        })
        .await
        .unwrap();
    });
    let seen = until("folded", |seen| seen.kind("combines").completed == 1);
    assert_eq!(seen.kind("never").aborted, 1);
    assert_eq!(seen.kind("shared").completed, 2);
}

/// Whoever wraps a borrowed future for each poll, and drops the wrapper with the future pending, is woken all the same.
#[test]
fn a_wrapper_that_is_gone_still_passes_wakes_on() {
    let runtime = workers(1);
    runtime.block_on(async {
        let (sender, receiver) = oneshot::channel::<u32>();
        let task = tasks::spawn_named("wraps anew", async move {
            let mut receiver = receiver;
            std::future::poll_fn(move |context| {
                let wrapped = std::pin::pin!((&mut receiver).tracked("for one poll"));
                wrapped.poll(context)
            })
            .await
        });
        until("waiting", |seen| {
            seen.one("wraps anew").state == TaskState::Waiting
        });
        sender.send(3).unwrap();
        assert_eq!(task.await.unwrap(), Ok(3));
    });
}

/// A budget that is used up is a yield of the runtime's making.
#[test]
fn coop_yields_are_counted() {
    let runtime = workers(1);
    runtime.block_on(async {
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel::<u32>();
        for number in 0..1000 {
            sender.send(number).unwrap();
        }
        drop(sender);
        tasks::spawn_named("uses its budget up", async move {
            while receiver.recv().await.is_some() {}
        })
        .await
        .unwrap();
    });
    let seen = until("folded", |seen| {
        seen.kind("uses its budget up").completed == 1
    });
    let kind = seen.kind("uses its budget up");
    // tokio gives 128 a poll.
    assert_eq!(kind.coop_yields, 7);
    assert_eq!(kind.polls, 8);
}
