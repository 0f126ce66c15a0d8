//! Wakers that are lost, kept, or in hands of which nothing is known.

use super::support::{self, until};
use super::workers;
use hotpoll_hooks::tasks::{self, Track};
use hotpoll_profile::TaskState;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Notify;

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
