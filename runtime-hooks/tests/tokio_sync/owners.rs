//! Who has a channel's only sender, where nothing was sent yet, and its receiver, where nothing was received.

use super::support::{one, snapshot, until};
use super::workers;
use hotpoll_hooks::sync::tokio::{Notify, Semaphore, mpsc, oneshot};
use hotpoll_hooks::tasks;
use hotpoll_profile::{Channel, Resource};
use std::sync::Arc;

fn channel(name: &str) -> Channel {
    let seen = until(name, |channel: &Resource| channel.waiters.len() == 1);
    one(&seen, name).channel.clone().unwrap()
}

#[test]
fn a_sender_in_a_suspended_task_is_found() {
    let runtime = workers(1);
    let stop = Arc::new(Notify::new());
    let (sends, receives) = oneshot::channel::<u8>();
    let (sends, receives) = (sends.named("sender elsewhere"), receives);
    let waits = Arc::clone(&stop);
    let owner = tasks::spawn_on_named(runtime.handle(), "owner", async move {
        // A large value beside it: it is looked for in all of the future.
        let beside = [7u8; 4096];
        waits.notified().await;
        std::hint::black_box(&beside);
        sends.send(1)
    });
    let reader = tasks::spawn_on_named(runtime.handle(), "reader", receives);
    let seen = until("sender elsewhere", |one| {
        one.waiters.len() == 1
            && one
                .channel
                .as_ref()
                .is_some_and(|channel| channel.sender_found)
    });
    let channel = one(&seen, "sender elsewhere").channel.clone().unwrap();
    let sender = channel.sender.unwrap();
    let waiter = one(&seen, "sender elsewhere").waiters[0].party;
    assert!(sender.task != 0 && sender.task != waiter.task, "{sender:?}");
    let kinds = tasks::snapshot(&mut |_| Vec::new(), tasks::Limits::default()).kinds;
    let kind = kinds.iter().find(|kind| kind.id == sender.kind).unwrap();
    assert_eq!(kind.name, "owner");
    stop.notify_one();
    runtime.block_on(async {
        assert_eq!(owner.await.unwrap(), Ok(()));
        assert_eq!(reader.await.unwrap(), Ok(1));
    });
}

#[test]
fn a_sender_that_is_in_no_task_is_nobodys() {
    let runtime = workers(1);
    let (sends, receives) = oneshot::channel::<u8>();
    let sends = sends.named("sender of nobody");
    let reader = tasks::spawn_on(runtime.handle(), receives);
    let channel = channel("sender of nobody");
    assert_eq!((channel.sender, channel.sender_found), (None, false));
    // Who has sent is known better.
    let (many, mut out) = mpsc::channel::<u8>(4);
    let many = many.named("has sent");
    many.try_send(1).unwrap();
    let takes = tasks::spawn_on(runtime.handle(), async move {
        (out.recv().await, out.recv().await)
    });
    let seen = until("has sent", |one| one.waiters.len() == 1);
    assert!(
        !one(&seen, "has sent")
            .channel
            .as_ref()
            .unwrap()
            .sender_found
    );
    drop(many);
    sends.send(2).unwrap();
    runtime.block_on(async {
        assert_eq!(takes.await.unwrap(), (Some(1), None));
        assert_eq!(reader.await.unwrap(), Ok(2));
    });
    assert!(
        !snapshot()
            .resources
            .iter()
            .any(|one| one.name == "has sent" && !one.waiters.is_empty())
    );
}

/// Who fills a channel before somebody receives is held up by the one who has the receiver. Found by review: "nobody receives".
#[test]
fn a_receiver_in_a_suspended_task_is_found() {
    let runtime = workers(1);
    let stop = Arc::new(Notify::new());
    let (sends, mut receives) = mpsc::channel::<u8>(1);
    let sends = sends.named("receiver elsewhere");
    let waits = Arc::clone(&stop);
    let owner = tasks::spawn_on_named(runtime.handle(), "receiver's owner", async move {
        waits.notified().await;
        (receives.recv().await, receives.recv().await)
    });
    let writer = tasks::spawn_on_named(runtime.handle(), "writer", async move {
        sends.send(1).await.unwrap();
        sends.send(2).await.unwrap();
    });
    let seen = until("receiver elsewhere", |one| {
        one.waiters.len() == 1
            && one
                .channel
                .as_ref()
                .is_some_and(|channel| channel.receiver_found)
    });
    let channel = one(&seen, "receiver elsewhere").channel.clone().unwrap();
    let receiver = channel.receiver.unwrap();
    let kinds = tasks::snapshot(&mut |_| Vec::new(), tasks::Limits::default()).kinds;
    let kind = kinds.iter().find(|kind| kind.id == receiver.kind).unwrap();
    assert_eq!(kind.name, "receiver's owner");
    stop.notify_one();
    runtime.block_on(async {
        assert_eq!(owner.await.unwrap(), (Some(1), Some(2)));
        writer.await.unwrap();
    });
}

/// Who waited for permits and got some is known by the time: a semaphore that others refill moves.
#[test]
fn when_permits_were_granted_last() {
    let runtime = workers(1);
    let permits = Arc::new(Semaphore::new(1).named("refilled"));
    let first = Arc::clone(&permits);
    runtime.block_on(async { first.acquire().await.unwrap().forget() });
    let granted = || {
        let seen = until("refilled", |one| one.waiters.len() == 1);
        one(&seen, "refilled").permits.unwrap().last_granted_ns
    };
    let takes = |permits: Arc<Semaphore>| {
        tasks::spawn_on(runtime.handle(), async move {
            permits.acquire().await.unwrap().forget();
        })
    };
    let waits = takes(Arc::clone(&permits));
    // The first one did not wait.
    assert_eq!(granted(), 0);
    permits.add_permits(1);
    runtime.block_on(waits).unwrap();
    let waits = takes(Arc::clone(&permits));
    let ago = granted();
    assert_ne!(ago, 0);
    permits.add_permits(1);
    runtime.block_on(waits).unwrap();
}
