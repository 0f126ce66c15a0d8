//! What is counted of tracked tasks, against work of which the truth is known.

mod support;

use hotpoll_hooks::tasks::{self, JoinSet, LocalSet, Track};
use hotpoll_profile::{TaskState, Waker};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use support::{sampling, snapshot, until};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, oneshot};

fn workers(count: usize) -> Runtime {
    sampling();
    let mut builder = Builder::new_multi_thread();
    hotpoll_hooks::runtime(&mut builder)
        .worker_threads(count)
        .enable_all()
        .build()
        .unwrap()
}

/// Wakes itself in each poll, so many times.
struct SelfWake(u32);

impl Future for SelfWake {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

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
    assert!(kind.site.file.ends_with("tasks.rs") && kind.site.line > 0);
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

/// Gives its waker to somebody who will lose it.
struct Gives(std::sync::mpsc::Sender<std::task::Waker>);

impl Future for Gives {
    type Output = ();
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.send(context.waker().clone()).unwrap();
        Poll::Pending
    }
}

/// Loses the wakers that these tasks have given, once their polls have ended: in the poll itself it is not known that anybody had them.
#[track_caller]
fn lose(given: &std::sync::mpsc::Receiver<std::task::Waker>, names: &[&str]) {
    let wakers: Vec<_> = names.iter().map(|_| given.recv().unwrap()).collect();
    until("polled", |seen| {
        let of_all = names.iter().flat_map(|name| seen.of(name));
        let polled = of_all.filter(|task| task.polls == 1 && task.state != TaskState::Polling);
        polled.count() == names.len()
    });
    drop(wakers);
}

/// Says which states these tasks are in once all of them have been polled and `lost` is true of the snapshot.
#[track_caller]
fn check_states(expected: &[(&str, TaskState)], lost: impl Fn(&support::Seen) -> bool) {
    let seen = until("all polled", |seen| {
        let polled = |name: &str| {
            let mut kinds = seen.tasks.kinds.iter();
            kinds.any(|kind| kind.name == name && kind.alive > 0 && kind.polls >= kind.alive)
        };
        expected.iter().all(|(name, _)| polled(name))
            && (seen.tasks.tasks.iter()).all(|task| task.state != TaskState::Polling)
            && lost(seen)
    });
    for (name, state) in expected {
        for task in seen.of(name) {
            assert_eq!(task.state, *state, "{name}: {task:#?}");
        }
    }
}

#[test]
fn a_lost_waker_is_told_and_a_kept_one_is_not() {
    let runtime = workers(1);
    let _inside = runtime.enter();
    let (give, given) = std::sync::mpsc::channel();
    let lost = tasks::spawn_named("lost", Gives(give.clone()));
    let notify = Arc::new(Notify::new());
    let waits = tasks::spawn_named("not lost", {
        let notify = notify.clone();
        async move { notify.notified().await }
    });
    // Inside another one that can be woken a silent future is not lost: it is polled along.
    let beside = tasks::spawn_named("beside", {
        let (notify, give) = (notify.clone(), give.clone());
        async move {
            tokio::select! {
                _ = Gives(give).tracked("silent") => {}
                _ = notify.notified() => {}
            }
        }
    });
    // But where nothing else can wake the task, both are.
    let around = tasks::spawn_named("around", async { Gives(give).tracked("inside").await });
    lose(&given, &["lost", "silent", "inside"]);
    let expected = [
        ("lost", TaskState::LostWaker),
        ("not lost", TaskState::Waiting),
        ("beside", TaskState::Waiting),
        ("silent", TaskState::Waiting),
        ("around", TaskState::LostWaker),
        ("inside", TaskState::LostWaker),
    ];
    check_states(&expected, |seen| {
        ["lost", "silent", "inside"]
            .iter()
            .all(|name| seen.of(name).iter().all(|task| task.wakers == 0))
    });
    for task in [lost, waits, beside, around] {
        task.abort();
    }
}

/// `pending()` waits forever as well: whether on purpose cannot be told. A child of what nobody tracks may be polled along with anything. And a set
/// holds its task's waker, whatever its futures do.
#[test]
fn where_a_lost_waker_cannot_be_known_it_is_not_said() {
    use futures::StreamExt;
    use futures::stream::FuturesUnordered;
    let runtime = workers(1);
    let _inside = runtime.enter();
    let hermit = tasks::spawn_named("hermit", std::future::pending::<()>());
    let (give, given) = std::sync::mpsc::channel();
    let gives = give.clone();
    let untracked = tokio::spawn(async move {
        tokio::select! {
            _ = Gives(gives).tracked("child of the untracked") => {}
            _ = tokio::time::sleep(Duration::from_secs(3_600)) => {}
        }
    });
    let (send, receive) = tokio::sync::oneshot::channel::<()>();
    let set = tasks::spawn_named("has a set", async move {
        let mut set: FuturesUnordered<_> = (0..3)
            .map(|_| std::future::pending::<()>().tracked("in the set"))
            .collect();
        tokio::select! {
            _ = set.next() => {}
            _ = receive => {}
        }
    });
    lose(&given, &["child of the untracked"]);
    check_states(
        &[
            ("hermit", TaskState::NoWaker),
            ("child of the untracked", TaskState::Waiting),
            ("has a set", TaskState::Waiting),
            ("in the set", TaskState::Waiting),
        ],
        |_| true,
    );
    send.send(()).unwrap();
    runtime.block_on(set).unwrap();
    hermit.abort();
    untracked.abort();
}

/// Whoever looks holds the record meanwhile. That is no way to wake the task, and must not hide what is lost.
#[test]
fn looking_does_not_hide_a_lost_waker() {
    let runtime = workers(1);
    let _inside = runtime.enter();
    let (give, given) = std::sync::mpsc::channel();
    let lost = tasks::spawn_named("lost while looked at", Gives(give));
    lose(&given, &["lost while looked at"]);
    check_states(&[("lost while looked at", TaskState::LostWaker)], |seen| {
        seen.one("lost while looked at").wakers == 0
    });
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    support::snapshot();
                }
            });
        }
        for _ in 0..200 {
            let task = support::snapshot().one("lost while looked at").clone();
            assert_eq!((task.state, task.wakers), (TaskState::LostWaker, 0));
        }
        stop.store(true, Relaxed);
    });
    lost.abort();
}

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
            kinds.any(|kind| kind.site.file.ends_with("tasks.rs") && kind.site.line == line)
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
    assert!(seen.kind("blocking").busy_ns >= 25_000_000);
    assert!(seen.kind("blocking").long_polls.is_empty());
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

/// Both workers' tasks sit in `block_in_place`: other threads work in their places, and a heartbeat goes on.
#[track_caller]
fn check_handed_over(name: &'static str, heartbeat_is_tracked: bool) {
    sampling();
    let stop = Arc::new(AtomicBool::new(false));
    let mut builder = Builder::new_multi_thread();
    let runtime = hotpoll_hooks::runtime(&mut builder)
        .worker_threads(2)
        .enable_time()
        .name(name)
        .build()
        .unwrap();
    let _ends = Ends(stop.clone());
    let _inside = runtime.enter();
    let heartbeat = async || {
        loop {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if heartbeat_is_tracked {
        drop(tasks::spawn_named("heartbeat", heartbeat()));
    } else {
        drop(tokio::spawn(heartbeat()));
    }
    let in_place: Vec<_> = (0..2)
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
    for _ in 0..20 {
        let seen = until("both in place", |seen| {
            let both = seen.of(name);
            both.len() == 2 && both.iter().all(|task| task.state_ns >= 20_000_000)
        });
        let ours = seen.tasks.runtimes.iter().find(|one| one.name == name);
        is_ever_blocked |= ours.unwrap().blocked;
        std::thread::sleep(Duration::from_millis(3));
    }
    // The threads that work now are the workers, and those in `block_in_place` are not.
    until("the workers", |seen| {
        let ours = seen.tasks.runtimes.iter().find(|one| one.name == name);
        let workers = &ours.unwrap().workers;
        let polls = tasks::open_polls();
        let mut away = polls.iter().filter(|poll| {
            let both = seen.of(name);
            both.iter().any(|task| task.id == poll.task)
        });
        workers.len() == 2 && away.all(|poll| !workers.contains(&poll.tid))
    });
    stop.store(true, Relaxed);
    for task in in_place {
        runtime.block_on(task).unwrap();
    }
    drop(_inside);
    runtime.shutdown_timeout(Duration::from_secs(5));
    assert!(!is_ever_blocked);
}

#[test]
fn a_runtime_whose_workers_were_handed_over_is_not_blocked() {
    check_handed_over("handed over", true);
}

#[test]
fn nor_where_the_rest_is_untracked() {
    check_handed_over("handed over, untracked", false);
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
                    _ = &mut long => break,
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
