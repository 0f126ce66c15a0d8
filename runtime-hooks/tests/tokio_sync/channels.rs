//! Channels: mpsc, with a bound and without, and for one value.

use super::support::{one, sampling, snapshot, until};
use super::{one_waits_with_a_stack, poll, workers};
use hotpoll_hooks::sync::tokio::{broadcast, mpsc, oneshot};
use hotpoll_hooks::tasks;
use hotpoll_profile::{Channel, Closed, Resource, ResourceKind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

fn channel(name: &str) -> Channel {
    one(&snapshot(), name).channel.clone().unwrap()
}

#[test]
fn a_full_channel_names_its_blocked_sender_and_its_receiver() {
    let runtime = workers(2);
    let (sender, mut receiver) = mpsc::channel(16);
    let sender = sender.named("full");
    let stalls = tasks::spawn_on_named(runtime.handle(), "stalls", async move {
        assert_eq!(receiver.recv().await, Some(0));
        std::future::pending::<()>().await;
        drop(receiver);
    });
    let sends = tasks::spawn_on_named(runtime.handle(), "sends", async move {
        for number in 0.. {
            sender.send(number).await.unwrap();
        }
    });
    let seen = until("full", |each| {
        !each.waiters.is_empty() && {
            let channel = each.channel.as_ref().unwrap();
            channel.length == 16 && channel.received == 1
        }
    });
    let resource = one(&seen, "full");
    assert_eq!(resource.kind, ResourceKind::Mpsc);
    let [sender] = &resource.waiters[..] else {
        panic!("{resource:#?}");
    };
    let channel = resource.channel.clone().unwrap();
    assert_eq!((channel.length, channel.capacity), (16, Some(16)));
    assert_eq!((channel.sent, channel.received), (17, 1));
    assert_eq!((channel.senders, channel.receivers), (1, 1));
    assert_eq!(channel.closed, None);
    assert_eq!(channel.sender.unwrap().task, sender.party.task);
    let receiver = channel.receiver.unwrap();
    assert!(receiver.task != 0 && receiver.task != sender.party.task);
    assert!(sender.site.file.ends_with("channels.rs"));
    assert!(channel.last_received_ns > 0 && channel.last_sent_ns > 0);
    stalls.abort();
    let _ = runtime.block_on(stalls);
    // The sender's error ends it.
    assert!(runtime.block_on(sends).unwrap_err().is_panic());
}

/// Its first receiver is dropped where it is made, as many do, and others subscribe: it was "the receiver is gone" for ever.
#[test]
fn a_broadcast_that_others_subscribe_to_is_open() {
    sampling();
    let (sender, first) = broadcast::channel::<u64>(4);
    let sender = sender.named("subscribed to");
    sender.send(1).unwrap();
    drop(first);
    let gone = channel("subscribed to");
    assert_eq!(
        (gone.receivers, gone.closed),
        (0, Some(Closed::ReceiverGone))
    );
    let second = sender.subscribe();
    sender.send(2).unwrap();
    let open = channel("subscribed to");
    assert_eq!((open.receivers, open.closed), (1, None));
    drop(second);
    assert_eq!(channel("subscribed to").closed, Some(Closed::ReceiverGone));
}

#[test]
fn lengths_are_tokios_own() {
    sampling();
    let (sender, mut receiver) = mpsc::channel(4);
    let sender = sender.named("lengths");
    let check = |receiver: &mpsc::Receiver<u32>| {
        let told = channel("lengths");
        assert_eq!(told.length, receiver.len() as u64);
        told
    };
    sender.try_send(1).unwrap();
    check(&receiver);
    let permit = sender.try_reserve().unwrap();
    check(&receiver);
    assert_eq!(one(&snapshot(), "lengths").holders.len(), 1);
    permit.send(2);
    assert!(one(&snapshot(), "lengths").holders.is_empty());
    check(&receiver);
    let mut two = sender.try_reserve_many(2).unwrap();
    assert!(sender.try_send(9).is_err() && sender.try_reserve().is_err());
    two.next().unwrap().send(3);
    check(&receiver);
    drop(two);
    let sender = sender.try_reserve_owned().unwrap().send(4);
    assert!(sender.capacity() == 0 && sender.max_capacity() == 4);
    assert_eq!(check(&receiver).sent, 4);
    let sender = sender.try_reserve_owned().unwrap_err().into_inner();
    let mut values = Vec::new();
    assert!(matches!(
        poll(pin!(receiver.recv_many(&mut values, 2))),
        Poll::Ready(2)
    ));
    check(&receiver);
    assert_eq!(receiver.try_recv(), Ok(3));
    assert_eq!(receiver.blocking_recv(), Some(4));
    let mut context = Context::from_waker(Waker::noop());
    assert!(receiver.poll_recv(&mut context).is_pending());
    assert_eq!(one(&snapshot(), "lengths").waiters.len(), 1);
    let weak = sender.downgrade();
    let second = sender.clone();
    assert_eq!(check(&receiver).senders, 2);
    drop((sender, second));
    assert!(weak.upgrade().is_none());
    assert_eq!(receiver.poll_recv(&mut context), Poll::Ready(None));
    let told = check(&receiver);
    assert_eq!((told.senders, told.closed), (0, Some(Closed::SendersGone)));
    assert_eq!((told.sent, told.received), (4, 4));
    let seen = snapshot();
    let resource = one(&seen, "lengths");
    assert!(resource.waiters.is_empty());
    let (sent, received) = (&resource.exclusive, &resource.shared);
    assert_eq!((sent.acquired, sent.tries_failed), (4, 3));
    assert_eq!((received.acquired, received.cancelled), (4, 1));
}

#[test]
fn what_was_sent_before_sampling_began_is_counted() {
    // Whether another test has begun it by now or not.
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let sender = sender.named("early");
    for number in 0..5 {
        sender.send(number).unwrap();
    }
    receiver.try_recv().unwrap();
    sampling();
    sender.send(5).unwrap();
    let told = channel("early");
    assert_eq!((told.sent, told.received, told.length), (6, 1, 5));
    assert_eq!((told.capacity, told.senders), (None, 1));
    receiver.close();
    assert!(sender.send(6).is_err());
    let told = channel("early");
    assert_eq!((told.length, told.closed), (5, Some(Closed::Closed)));
    drop(receiver);
    assert_eq!(channel("early").length, 0);
}

#[test]
fn losers_of_a_select_are_cancelled() {
    let runtime = workers(1);
    let (one_sender, mut one_receiver) = mpsc::unbounded_channel();
    let (other_sender, mut other_receiver) = mpsc::unbounded_channel::<u32>();
    let (one_sender, other_sender) = (one_sender.named("wins"), other_sender.named("loses"));
    let task = tasks::spawn_on(runtime.handle(), async move {
        for _ in 0..10 {
            tokio::select! {
                value = one_receiver.recv() => assert_eq!(value, Some(1)),
                _ = other_receiver.recv() => unreachable!(),
            }
        }
        (one_receiver, other_receiver)
    });
    let mut before = [0; 2];
    for _ in 0..10 {
        // Both are waited for anew: the task has done all that it does with the value before.
        for (name, before) in ["wins", "loses"].into_iter().zip(&mut before) {
            let is_new =
                |each: &Resource| matches!(&each.waiters[..], [waiter] if waiter.wait != *before);
            let seen = until(name, is_new);
            *before = one(&seen, name).waiters[0].wait;
        }
        one_sender.send(1).unwrap();
    }
    let receivers = runtime.block_on(task).unwrap();
    let seen = snapshot();
    assert!(one(&seen, "wins").waiters.is_empty() && one(&seen, "loses").waiters.is_empty());
    assert_eq!(one(&seen, "loses").shared.cancelled, {
        one(&seen, "wins").shared.contended
    });
    drop((receivers, other_sender));
}

#[test]
fn a_send_gives_up_when_its_time_is_over() {
    let runtime = workers(1);
    let (sender, receiver) = mpsc::channel(1);
    let sender = sender.named("send timeout");
    runtime.block_on(async {
        let soon = Duration::from_millis(20);
        sender.send_timeout(1, soon).await.unwrap();
        assert!(sender.send_timeout(2, soon).await.is_err());
    });
    let seen = snapshot();
    let uses = &one(&seen, "send timeout").exclusive;
    assert_eq!((uses.acquired, uses.timed_out, uses.cancelled), (1, 1, 0));
    drop(receiver);
}

#[test]
fn threads_send_and_receive() {
    sampling();
    let (sender, mut receiver) = mpsc::channel(1);
    let sender = sender.named("threads");
    sender.blocking_send(0).unwrap();
    let thread = std::thread::spawn(move || {
        for number in 1..100 {
            sender.blocking_send(number).unwrap();
        }
    });
    until("threads", one_waits_with_a_stack);
    for number in 0..100 {
        assert_eq!(receiver.blocking_recv(), Some(number));
    }
    thread.join().unwrap();
    assert_eq!(receiver.blocking_recv(), None);
    let told = channel("threads");
    assert_eq!((told.sent, told.received, told.length), (100, 100, 0));
}

#[test]
fn a_lost_value_is_waited_for_at_its_await() {
    let runtime = workers(1);
    let (sender, receiver) = oneshot::channel::<u32>();
    let sender = sender.named("lost");
    let task = tasks::spawn_on(runtime.handle(), async move {
        let received = receiver.await;
        received.is_err()
    });
    let seen = until("lost", |each| each.waiters.len() == 1);
    let resource = one(&seen, "lost");
    assert_eq!(resource.kind, ResourceKind::Oneshot);
    let told = resource.channel.clone().unwrap();
    assert_eq!((told.senders, told.sent, told.closed), (1, 0, None));
    assert_eq!(told.receiver.unwrap().task, resource.waiters[0].party.task);
    assert!(
        resource.waiters[0].site.file.ends_with("channels.rs"),
        "{:?}",
        resource.waiters[0].site
    );
    assert!(resource.holders.is_empty(), "nobody owns a channel");
    drop(sender);
    assert!(runtime.block_on(task).unwrap());
    let (sender, receiver) = oneshot::channel();
    sender.send(1).unwrap();
    assert_eq!(receiver.blocking_recv(), Ok(1));
    let (sender, receiver) = oneshot::channel();
    drop(receiver);
    assert!(sender.is_closed());
    assert_eq!(sender.send(1), Err(1));
}
