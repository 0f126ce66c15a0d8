//! What is left: the lock for readers and writers, calls, cells, barriers, channels for many receivers, timers.

use super::support::{one, sampling, snapshot, tid, until};
use super::{one_waits_with_a_stack, poll, workers};
use hotpoll_hooks::sync::tokio::{
    Barrier, Notify, OnceCell, OwnedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
    broadcast, time, watch,
};
use hotpoll_hooks::tasks;
use hotpoll_profile::{Closed, Mode, Resource, ResourceKind};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

fn named(name: &str) -> Resource {
    one(&snapshot(), name).clone()
}

fn modes(name: &str) -> Vec<Mode> {
    named(name).holders.iter().map(|held| held.mode).collect()
}

#[test]
fn readers_share_and_a_waiting_writer_goes_first() {
    sampling();
    let lock = RwLock::new(1).named("readers");
    let readers = (lock.try_read().unwrap(), lock.try_read().unwrap());
    let mut writer = pin!(lock.write());
    let mut late = pin!(lock.read());
    assert!(poll(writer.as_mut()).is_pending() && poll(late.as_mut()).is_pending());
    let seen = named("readers");
    let waits: Vec<Mode> = seen.waiters.iter().map(|waiter| waiter.mode).collect();
    assert_eq!(waits, [Mode::Exclusive, Mode::Shared]);
    assert_eq!(modes("readers"), [Mode::Shared; 2]);
    assert!(lock.try_read().is_err() && lock.try_write().is_err());
    drop(readers);
    let Poll::Ready(mut written) = poll(writer.as_mut()) else {
        panic!("its turn");
    };
    *written += 1;
    assert_eq!(modes("readers"), [Mode::Exclusive]);
    assert!(poll(late.as_mut()).is_pending());
    let read = written.downgrade();
    assert_eq!(modes("readers"), [Mode::Shared]);
    assert!(poll(late.as_mut()).is_ready());
    drop(read);
    let uses = named("readers");
    let (writes, reads) = (&uses.exclusive, &uses.shared);
    assert_eq!(
        (writes.acquired, writes.contended, writes.tries_failed),
        (1, 1, 1)
    );
    assert_eq!(
        (reads.acquired, reads.contended, reads.tries_failed),
        (3, 1, 1)
    );
    // The first of each, and what the writer waited for.
    assert_eq!((writes.holds_timed, reads.holds_timed), (1, 2));
}

#[test]
fn guards_of_readers_and_writers_are_mapped() {
    sampling();
    let lock = Arc::new(RwLock::new((1, 2)).named("mapped rw"));
    let read = RwLockReadGuard::map(lock.try_read().unwrap(), |both| &both.0);
    let read = RwLockReadGuard::try_map(read, |_| None::<&u8>).unwrap_err();
    assert_eq!(format!("{read} {read:?}"), "1 1");
    drop(read);
    let write = lock.try_write().unwrap();
    let write = RwLockWriteGuard::try_downgrade_map(write, |_| None::<&u8>).unwrap_err();
    assert_eq!(modes("mapped rw"), [Mode::Exclusive]);
    let mut part = RwLockWriteGuard::map(write, |both| &mut both.1);
    *part += 1;
    drop(part);
    let owned = Arc::clone(&lock).try_write_owned().unwrap();
    assert!(named("mapped rw").holders[0].movable);
    assert!(Arc::ptr_eq(OwnedRwLockWriteGuard::rwlock(&owned), &lock));
    let read = OwnedRwLockWriteGuard::downgrade_map(owned, |both| &both.1);
    assert_eq!((*read, modes("mapped rw")), (3, vec![Mode::Shared]));
    drop(lock);
    std::thread::spawn(move || assert_eq!(*read, 3))
        .join()
        .unwrap();
    // The lock has ended, and what is left is its site's row.
    let ended = named("mapped rw");
    assert!(
        ended.holders.is_empty() && ended.exclusive.acquired == 2,
        "{ended:#?}"
    );
}

#[test]
fn threads_block_for_both_sides() {
    sampling();
    let lock = Arc::new(RwLock::const_with_max_readers(0, 2).named("blocking rw"));
    let guard = lock.blocking_write();
    let other = Arc::clone(&lock);
    let reader = std::thread::spawn(move || *other.blocking_read());
    let seen = until("blocking rw", one_waits_with_a_stack);
    let waiter = &one(&seen, "blocking rw").waiters[0];
    assert_eq!(waiter.mode, Mode::Shared);
    drop(guard);
    assert_eq!(reader.join().unwrap(), 0);
}

#[test]
fn a_call_wakes_one_or_all() {
    sampling();
    let notify = Arc::new(Notify::const_new().named("calls"));
    let mut first = pin!(notify.notified());
    let mut second = pin!(Arc::clone(&notify).notified_owned());
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    assert_eq!(named("calls").waiters.len(), 2);
    notify.notify_one();
    assert!(poll(first.as_mut()).is_ready() && poll(second.as_mut()).is_pending());
    // A call before anybody waits is kept, for one.
    notify.notify_waiters();
    assert!(poll(second.as_mut()).is_ready());
    notify.notify_one();
    let mut third = pin!(notify.notified());
    assert!(third.as_mut().enable() && poll(third.as_mut()).is_ready());
    {
        let mut dropped = pin!(notify.notified());
        assert!(poll(dropped.as_mut()).is_pending());
    }
    let seen = named("calls");
    assert!(seen.waiters.is_empty());
    assert_eq!((seen.exclusive.acquired, seen.shared.acquired), (3, 3));
    assert_eq!((seen.shared.contended, seen.shared.cancelled), (2, 1));
    // The future keeps what it borrows from.
    let mut owned = Box::pin(Arc::new(Notify::new()).notified_owned());
    assert!(poll(owned.as_mut()).is_pending());
}

#[test]
fn who_fills_a_cell_holds_it_while_others_wait() {
    let runtime = workers(2);
    let cell = Arc::new(OnceCell::new().named("cell"));
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let shared = Arc::clone(&cell);
    let fills = tasks::spawn_on(runtime.handle(), async move {
        let fill = || async {
            wait.await.unwrap();
            7
        };
        *shared.get_or_init(fill).await
    });
    until("cell", |each| each.holders.len() == 1);
    let shared = Arc::clone(&cell);
    let waits = tasks::spawn_on(runtime.handle(), async move {
        *shared.get_or_init(|| async { unreachable!() }).await
    });
    let seen = until("cell", |each| each.waiters.len() == 1);
    let seen = one(&seen, "cell");
    assert_eq!(seen.holders.len(), 1);
    assert_ne!(seen.holders[0].party.task, seen.waiters[0].party.task);
    assert!(cell.set(8).is_err());
    go.send(()).unwrap();
    runtime.block_on(async {
        assert_eq!((fills.await.unwrap(), waits.await.unwrap()), (7, 7));
    });
    let seen = named("cell");
    assert!(seen.holders.is_empty() && seen.waiters.is_empty());
    let uses = &seen.exclusive;
    assert_eq!(
        (uses.acquired, uses.contended, uses.tries_failed),
        (1, 1, 1)
    );
    // One that fails leaves the cell empty.
    let cell = OnceCell::<u32>::const_new();
    let mut failed = pin!(cell.get_or_try_init(|| async { Err("no") }));
    assert!(matches!(poll(failed.as_mut()), Poll::Ready(Err("no"))));
    assert!(!cell.initialized() && cell.clone() == cell);
}

#[test]
fn a_barrier_waits_for_the_last_one() {
    sampling();
    let barrier = Barrier::new(2).named("barrier");
    let mut first = pin!(barrier.wait());
    assert!(poll(first.as_mut()).is_pending());
    assert_eq!(named("barrier").waiters[0].party.tid, tid());
    let Poll::Ready(last) = poll(pin!(barrier.wait())) else {
        panic!("both are there");
    };
    assert!(last.is_leader());
    assert!(matches!(poll(first.as_mut()), Poll::Ready(result) if !result.is_leader()));
    let seen = named("barrier");
    assert_eq!((seen.exclusive.acquired, seen.exclusive.contended), (2, 1));
}

#[test]
fn changes_are_seen_once() {
    sampling();
    let (sender, mut receiver) = watch::channel(0);
    let sender = sender.named("watch");
    {
        let mut changed = pin!(receiver.changed());
        assert!(poll(changed.as_mut()).is_pending());
        assert_eq!(named("watch").waiters.len(), 1);
        sender.send(1).unwrap();
        sender.send_modify(|value| *value += 1);
        assert!(!sender.send_if_modified(|_| false));
        assert!(matches!(poll(changed.as_mut()), Poll::Ready(Ok(()))));
    }
    assert_eq!(*receiver.borrow_and_update(), 2);
    assert!(!receiver.has_changed().unwrap());
    let other = receiver.clone();
    let told = named("watch").channel.unwrap();
    assert_eq!((told.sent, told.received, told.length), (2, 1, 0));
    assert_eq!((told.senders, told.receivers), (1, 2));
    {
        let mut seven = pin!(receiver.wait_for(|value| *value == 7));
        assert!(poll(seven.as_mut()).is_pending());
        assert_eq!(sender.send_replace(7), 2);
        assert!(matches!(poll(seven.as_mut()), Poll::Ready(Ok(value)) if *value == 7));
    }
    drop(sender);
    assert!(matches!(
        poll(pin!(receiver.changed())),
        Poll::Ready(Err(_))
    ));
    let told = named("watch").channel.unwrap();
    assert_eq!((told.senders, told.closed), (0, Some(Closed::SendersGone)));
    drop(other);
}

#[test]
fn slow_receivers_lag() {
    sampling();
    let (sender, mut receiver) = broadcast::channel(2);
    let sender = sender.named("broadcast");
    let mut other = sender.subscribe();
    let channel = || named("broadcast").channel.unwrap();
    {
        let mut waits = pin!(other.recv());
        assert!(poll(waits.as_mut()).is_pending());
        for number in 0..3 {
            assert_eq!(sender.send(number).unwrap(), 2);
        }
        assert_eq!((channel().length, channel().capacity), (2, Some(2)));
    }
    assert_eq!(
        receiver.try_recv(),
        Err(broadcast::error::TryRecvError::Lagged(1))
    );
    assert_eq!(
        (receiver.try_recv(), receiver.blocking_recv()),
        (Ok(1), Ok(2))
    );
    drop(other);
    assert_eq!(
        receiver.try_recv(),
        Err(broadcast::error::TryRecvError::Empty)
    );
    sender.send(3).unwrap();
    assert_eq!((channel().length, receiver.len()), (1, 1));
    assert!(matches!(poll(pin!(receiver.recv())), Poll::Ready(Ok(3))));
    let told = channel();
    assert_eq!((told.sent, told.received, told.length), (4, 3, 0));
    assert_eq!((told.senders, told.receivers), (1, 1));
    let uses = named("broadcast").shared;
    assert_eq!((uses.cancelled, uses.tries_failed), (1, 1));
    let weak = sender.downgrade();
    drop(sender);
    assert!(weak.upgrade().is_none() && receiver.is_closed());
    assert!(matches!(poll(pin!(receiver.recv())), Poll::Ready(Err(_))));
}

#[test]
fn timers_are_waited_for_and_give_up_by_themselves() {
    let runtime = workers(1);
    runtime.block_on(async {
        let mut context = Context::from_waker(Waker::noop());
        let long = Duration::from_secs(3600);
        let mut sleep = pin!(time::sleep(long).named("sleep"));
        assert!(sleep.as_mut().poll(&mut context).is_pending());
        let seen = named("sleep");
        assert_eq!(seen.kind, ResourceKind::Timer);
        assert!(seen.waiters[0].timed && seen.site.file.ends_with("rest.rs"));
        sleep.as_mut().reset(time::Instant::now());
        sleep.as_mut().await;
        assert!(sleep.is_elapsed());
        assert_eq!(named("sleep").exclusive.contended, 1);
        let mut interval = time::interval(long).named("interval");
        interval.tick().await;
        assert!(interval.poll_tick(&mut context).is_pending());
        assert_eq!(named("interval").waiters.len(), 1);
        {
            let mut tick = pin!(interval.tick());
            assert!(tick.as_mut().poll(&mut context).is_pending());
        }
        assert!(named("interval").waiters.is_empty());
        assert_eq!(interval.period(), long);
        let timeout = time::timeout(long, std::future::pending::<()>()).named("timeout");
        let mut timeout = pin!(timeout);
        assert!(timeout.as_mut().poll(&mut context).is_pending());
        assert_eq!(named("timeout").waiters.len(), 1);
        assert!(time::timeout(long, async { 1 }).await.is_ok());
        let inner = time::timeout(long, std::future::ready(2)).into_inner();
        assert_eq!(inner.await, 2);
    });
}
