//! Where a suspended task waits: the stack of each kind of await ends in the user's async block, with the line of its await.

mod support;

use hotpoll_hooks::tasks::{self, Track};
use hotpoll_profile::{TaskState, Waker};
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use support::{passes, sampling, told, until};
use tokio::sync::{Mutex, Notify, Semaphore, mpsc, oneshot};

/// A refresh is of all tasks of the process: those of a test beside it are polled once more, and have stacks more than they had.
static REFRESHES: RwLock<()> = RwLock::new(());

fn runtime() -> tokio::runtime::Runtime {
    sampling();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// Spawns the future, and checks that it is seen waiting on a line of this file from `first` to `first + lines`.
#[track_caller]
fn waits_at<F>(name: &'static str, lines: u32, future: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let first = std::panic::Location::caller().line();
    let runtime = runtime();
    let _inside = runtime.enter();
    let task = tasks::spawn_named(name, future);
    let seen = until(name, |seen| {
        let tasks = seen.of(name);
        tasks.len() == 1 && tasks[0].state == TaskState::Waiting && !tasks[0].waits.is_empty()
    });
    let task_now = seen.one(name);
    let stack = seen.stack(task_now);
    assert!(
        passes(stack, "suspended.rs", first..=first + lines),
        "{name} waits elsewhere than in {first} to {}:\n{}",
        first + lines,
        told(stack)
    );
    assert_eq!(
        task_now
            .waits
            .iter()
            .filter(|wait| wait.representative)
            .count(),
        1
    );
    let kind = seen.kind(name);
    assert!(kind.captures >= 1);
    assert_eq!(kind.captures_failed, 0);
    task.abort();
    until("the end", |seen| seen.of(name).is_empty());
    runtime.shutdown_timeout(Duration::from_secs(1));
}

#[test]
fn each_await_is_named_by_its_line() {
    let _beside = REFRESHES.read().unwrap_or_else(PoisonError::into_inner);
    let mutex = Arc::new(Mutex::new(()));
    let held = mutex.clone().try_lock_owned().unwrap();
    waits_at("mutex", 4, async move {
        // a line of its own
        let _guard = mutex.lock().await;
    });
    drop(held);
    let (sender, mut receiver) = mpsc::channel::<u8>(1);
    waits_at("recv", 2, async move {
        receiver.recv().await;
    });
    drop(sender);
    let (sender, receiver) = mpsc::channel::<u8>(1);
    sender.try_send(1).unwrap();
    waits_at("send", 2, async move {
        sender.send(2).await.unwrap();
    });
    drop(receiver);
    let (sender, receiver) = oneshot::channel::<u8>();
    waits_at("oneshot", 2, async move {
        let _ = receiver.await;
    });
    drop(sender);
    let semaphore = Arc::new(Semaphore::new(0));
    waits_at("semaphore", 2, async move {
        let _permit = semaphore.acquire().await;
    });
    let notify = Arc::new(Notify::new());
    waits_at("notify", 2, async move {
        notify.notified().await;
    });
    waits_at("sleep", 2, async {
        tokio::time::sleep(Duration::from_secs(100)).await;
    });
    waits_at("accept", 4, async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _ = listener.accept().await;
    });
    waits_at("interval", 6, async {
        let mut interval = tokio::time::interval(Duration::from_secs(100));
        interval.tick().await;
        interval.tick().await;
    });
}

#[test]
fn a_chain_of_async_functions_is_there_down_to_the_task() {
    let _beside = REFRESHES.read().unwrap_or_else(PoisonError::into_inner);
    async fn leaf(notify: Arc<Notify>) {
        notify.notified().await;
    }
    async fn middle(notify: Arc<Notify>) {
        leaf(notify).await;
    }
    let (first, notify) = (line!(), Arc::new(Notify::new()));
    let runtime = runtime();
    let _inside = runtime.enter();
    let task = tasks::spawn_named("chain", async move {
        middle(notify).await;
    });
    let seen = until("chain", |seen| {
        seen.of("chain")
            .first()
            .is_some_and(|task| !task.waits.is_empty())
    });
    let stack = seen.stack(seen.one("chain"));
    // The leaf's await, the middle's, and the task's own.
    for lines in [
        first - 7..=first - 5,
        first - 4..=first - 2,
        first + 4..=first + 5,
    ] {
        assert!(
            passes(stack, "suspended.rs", lines.clone()),
            "{lines:?}:\n{}",
            told(stack)
        );
    }
    task.abort();
}

#[test]
fn several_leaves_of_one_poll_are_all_seen() {
    let _beside = REFRESHES.read().unwrap_or_else(PoisonError::into_inner);
    let runtime = runtime();
    let _inside = runtime.enter();
    let shutdown = Arc::new(Notify::new());
    let quit = shutdown.clone();
    let (sender, mut receiver) = mpsc::channel::<u8>(1);
    let first = line!();
    let task = tasks::spawn_named("select", async move {
        tokio::select! {
            _ = quit.notified() => {}
            _ = deeper(&mut receiver) => {}
        }
    });
    async fn deeper(receiver: &mut mpsc::Receiver<u8>) {
        deepest(receiver).await;
    }
    async fn deepest(receiver: &mut mpsc::Receiver<u8>) {
        receiver.recv().await;
    }
    let last = line!();
    let seen = until("select", |seen| {
        seen.of("select")
            .first()
            .is_some_and(|task| task.waits.len() == 2 && task.wakers == 2)
    });
    let task_now = seen.one("select");
    // The work is the deeper one.
    let stack = seen.stack(task_now);
    assert!(
        passes(stack, "suspended.rs", first + 7..=last),
        "{}",
        told(stack)
    );
    for stack in seen.stacks(task_now) {
        assert!(
            passes(stack, "suspended.rs", first..=last),
            "{}",
            told(stack)
        );
    }
    task.abort();
    drop((sender, shutdown));
}

#[test]
fn children_of_a_set_show_where_they_wait_when_tracked() {
    let _beside = REFRESHES.read().unwrap_or_else(PoisonError::into_inner);
    use futures::StreamExt;
    use futures::stream::FuturesUnordered;
    let runtime = runtime();
    let _inside = runtime.enter();
    let mut senders = Vec::new();
    let set = FuturesUnordered::new();
    let first = line!();
    for _ in 0..3 {
        let (sender, receiver) = oneshot::channel::<u8>();
        senders.push(sender);
        set.push(
            async move {
                let _ = receiver.await;
            }
            .tracked("child"),
        );
    }
    let last = line!();
    let mut set = set;
    let task = tasks::spawn_named("set", async move { while set.next().await.is_some() {} });
    let seen = until("children", |seen| {
        let children = seen.of("child");
        children.len() == 3
            && children
                .iter()
                .all(|child| child.state == TaskState::Waiting && !child.waits.is_empty())
    });
    let around = seen.one("set");
    for child in seen.of("child") {
        let stack = seen.stack(child);
        assert!(
            passes(stack, "suspended.rs", first..=last),
            "{}",
            told(stack)
        );
        assert_eq!(child.parent, around.id);
        assert_eq!(child.runtime_id, around.runtime_id);
        assert_ne!(child.id, around.id);
    }
    // One ends: its record goes, the others stay.
    senders.pop().unwrap().send(1).unwrap();
    until("one less", |seen| seen.of("child").len() == 2);
    drop(senders);
    until("all gone", |seen| {
        seen.of("child").is_empty() && seen.of("set").is_empty()
    });
    assert_eq!(support::snapshot().kind("child").completed, 3);
    drop(task);
}

/// A wake to be shown anew is none: a future inside of a task, or of a set in it, woke the task in the name of whoever asked.
#[test]
fn a_refresh_leaves_who_woke_a_task_as_it_was() {
    let _alone = REFRESHES.write().unwrap_or_else(PoisonError::into_inner);
    use futures::StreamExt;
    let runtime = runtime();
    let _inside = runtime.enter();
    let notify = Arc::new(Notify::new());
    let waits = |name| {
        let notify = notify.clone();
        async move { notify.notified().await }.tracked(name)
    };
    let (direct, [first, second]) = (waits("awaited"), ["in a set", "in a set"].map(waits));
    let with_child = tasks::spawn_named("with a child", direct);
    let with_set = tasks::spawn_named("with a set of two", async {
        let mut set: futures::stream::FuturesUnordered<_> = [first, second].into_iter().collect();
        while set.next().await.is_some() {}
    });
    let names = ["awaited", "in a set", "with a child", "with a set of two"];
    let seen = until("all wait", |seen| {
        let of_all = names.iter().flat_map(|name| seen.of(name));
        of_all
            .filter(|task| task.state == TaskState::Waiting && task.polls > 0)
            .count()
            == 5
    });
    // The set wakes itself when it has looked at as many futures as it has.
    let said = |seen: &support::Seen| {
        let tasks = names.iter().flat_map(|name| seen.of(name));
        let by_others = |task: &hotpoll_profile::Task| match task.last_waker {
            Waker::Task(id) if id == task.id => (Waker::None, 0),
            other => (other, task.wakes),
        };
        let mut said: Vec<_> = tasks.map(|task| (task.id, by_others(task))).collect();
        said.sort_by_key(|one| one.0);
        said
    };
    let before = said(&seen);
    let captures =
        |seen: &support::Seen| -> u64 { names.iter().map(|name| seen.kind(name).captures).sum() };
    let captured = captures(&seen);
    // Long enough that to begin anew would show.
    std::thread::sleep(Duration::from_millis(50));
    assert!(tasks::refresh(1, Duration::from_millis(1)) >= 4);
    let seen = until("taken again", |seen| {
        captures(seen) >= captured + 4
            && (seen.tasks.tasks.iter()).all(|task| task.state != TaskState::Polling)
    });
    assert_eq!(said(&seen), before);
    // What was waiting waits on. (The set's futures are polled by it, when it has been woken by itself.)
    for name in ["awaited", "with a child"] {
        let task = seen.one(name);
        assert_eq!(
            (task.state, task.polls),
            (TaskState::Waiting, 1),
            "{task:#?}"
        );
        // By another clock, of which some thousandths are not known.
        assert!(task.state_ns >= 49_500_000, "{task:#?}");
    }
    notify.notify_waiters();
    runtime.block_on(async {
        with_child.await.unwrap();
        with_set.await.unwrap();
    });
}

#[test]
fn giving_way_is_told_from_waiting() {
    sampling();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let gives_way = tasks::spawn_named("gives way", async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    // While this one is polled the other is in the runtime's list of those who gave way.
    let blocks = tasks::spawn_named("blocks", async {
        loop {
            std::thread::sleep(Duration::from_millis(30));
            tokio::task::yield_now().await;
        }
    });
    until("yielded", |seen| {
        seen.of("blocks")
            .first()
            .is_some_and(|task| task.state == TaskState::Polling)
            && seen.one("gives way").state == TaskState::Yielded
    });
    gives_way.abort();
    blocks.abort();
}

/// The leaf is the tracked future itself: its stack is short, but not empty.
#[test]
fn a_tracked_leaf_has_a_stack_too() {
    let _beside = REFRESHES.read().unwrap_or_else(PoisonError::into_inner);
    let runtime = runtime();
    let _inside = runtime.enter();
    let (sender, receiver) = oneshot::channel::<u8>();
    let tasks = [
        tasks::spawn_named("around a leaf", async {
            tokio::time::sleep(Duration::from_secs(100))
                .tracked("sleeps")
                .await;
        }),
        tasks::spawn_named("around another", async {
            let _ = receiver.tracked("receives").await;
        }),
        tasks::spawn_named("a leaf", tokio::time::sleep(Duration::from_secs(100))),
    ];
    for name in ["sleeps", "receives", "a leaf", "around a leaf"] {
        let seen = until(name, |seen| {
            seen.of(name)
                .first()
                // The one who waits around a leaf is the child.
                .is_some_and(|task| {
                    let is_around = name == "around a leaf";
                    task.state == TaskState::Waiting && (!is_around || task.wakers == 1)
                })
        });
        let task = seen.one(name);
        if name == "around a leaf" {
            continue;
        }
        let kind = seen.kind(name);
        assert_eq!(
            (kind.captures > 0, kind.captures_failed),
            (true, 0),
            "{name}"
        );
        let told = told(seen.stack(task));
        assert!(told.contains("tokio::"), "{name}:\n{told}");
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    drop(sender);
}
