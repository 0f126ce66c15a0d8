//! The twins of the standard library's types behave as it does, and tell who holds and who waits.

#[path = "lock_support/mod.rs"]
mod support;

use hotpoll_hooks::sync::standard::{
    Arc, Barrier, Condvar, LazyLock, Mutex, Once, OnceLock, RwLock, TryLockError, mpsc,
};
use hotpoll_profile::{Closed, Library, Mode, Resource, ResourceKind};
use std::time::Duration;
use support::{one, sampling, snapshot, tid, until};

fn waits(count: usize) -> impl Fn(&Resource) -> bool {
    move |resource| resource.waiters.len() == count
}

#[test]
fn a_mutex_is_poisoned_and_cleared() {
    sampling();
    let lock = Arc::new(Mutex::new(1).named("std poison"));
    let panics = std::thread::spawn({
        let lock = Arc::clone(&lock);
        move || {
            let _guard = lock.lock().unwrap();
            std::panic::resume_unwind(Box::new(()));
        }
    });
    assert!(panics.join().is_err());
    assert!(lock.is_poisoned());
    assert!(one(&snapshot(), "std poison").poisoned);
    let guard = lock.lock().unwrap_err().into_inner();
    assert_eq!(*guard, 1);
    assert!(matches!(lock.try_lock(), Err(TryLockError::WouldBlock)));
    drop(guard);
    assert!(matches!(lock.try_lock(), Err(TryLockError::Poisoned(_))));
    lock.clear_poison();
    assert!(lock.lock().is_ok() && !one(&snapshot(), "std poison").poisoned);
    let seen = snapshot();
    let resource = one(&seen, "std poison");
    assert_eq!(
        (resource.library, resource.exclusive.tries_failed),
        (Library::Std, 1)
    );
    assert_eq!(resource.exclusive.acquired, 4);
    assert!(resource.holders.is_empty());
    assert_eq!(Arc::into_inner(lock).unwrap().into_inner().unwrap(), 1);
}

/// A guard that is taken and dropped by a destructor while another panic unwinds poisons nothing.
#[test]
fn a_guard_within_a_panic_poisons_nothing() {
    sampling();
    struct Locks(Arc<Mutex<u32>>);
    impl Drop for Locks {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
        }
    }
    let lock = Arc::new(Mutex::new(0).named("unwinding"));
    let locks = Locks(Arc::clone(&lock));
    let panics = std::thread::spawn(move || {
        let _locks = locks;
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(panics.join().is_err());
    assert_eq!(*lock.lock().unwrap(), 1);
    assert!(lock.id() != 0 && !one(&snapshot(), "unwinding").poisoned);
}

#[test]
fn waiting_and_holding_are_told() {
    sampling();
    let lock = Arc::new(Mutex::new(0).named("std mutex"));
    let guard = lock.lock().unwrap();
    let waiter = std::thread::spawn({
        let lock = Arc::clone(&lock);
        move || *lock.lock().unwrap() += 1
    });
    let seen = until("std mutex", waits(1));
    let resource = one(&seen, "std mutex");
    assert_eq!(resource.holders[0].party.tid, tid());
    assert!(resource.waiters[0].site.file.ends_with("std_sync.rs"));
    drop(guard);
    waiter.join().unwrap();

    let lock = Arc::new(RwLock::new(0).named("std rwlock"));
    let guards = (lock.read().unwrap(), lock.try_read().unwrap());
    let waiter = std::thread::spawn({
        let lock = Arc::clone(&lock);
        move || *lock.write().unwrap() += 1
    });
    let seen = until("std rwlock", waits(1));
    let held = &one(&seen, "std rwlock").holders[0];
    assert_eq!(
        (held.party.tid, held.mode, held.amount),
        (tid(), Mode::Shared, 2)
    );
    drop(guards);
    waiter.join().unwrap();
    let guard = lock.write().unwrap();
    assert_eq!(
        one(&snapshot(), "std rwlock").holders[0].mode,
        Mode::Exclusive
    );
    assert!(lock.try_read().is_err() && lock.try_write().is_err());
    drop(guard);
    let seen = snapshot();
    let resource = one(&seen, "std rwlock");
    assert_eq!(
        (resource.shared.acquired, resource.exclusive.acquired),
        (2, 2)
    );
}

#[test]
fn a_condvar_tells_its_waiters() {
    sampling();
    let pair = Arc::new((
        Mutex::new(false).named("std cv mutex"),
        Condvar::new().named("std cv"),
    ));
    let waiter = std::thread::spawn({
        let pair = Arc::clone(&pair);
        move || {
            let guard = pair.0.lock().unwrap();
            *pair.1.wait_while(guard, |ready| !*ready).unwrap()
        }
    });
    let seen = until("std cv", waits(1));
    assert!(one(&seen, "std cv mutex").holders.is_empty());
    *pair.0.lock().unwrap() = true;
    pair.1.notify_all();
    assert!(waiter.join().unwrap());
    let guard = pair.0.lock().unwrap();
    let (guard, result) = pair
        .1
        .wait_timeout(guard, Duration::from_millis(1))
        .unwrap();
    assert!(result.timed_out());
    let (guard, result) = pair
        .1
        .wait_timeout_while(guard, Duration::from_millis(3), |ready| *ready)
        .unwrap();
    assert!(result.timed_out() && *guard);
    let (guard, result) = pair
        .1
        .wait_timeout_while(guard, Duration::from_secs(60), |ready| !*ready)
        .unwrap();
    assert!(!result.timed_out());
    assert_eq!(one(&snapshot(), "std cv mutex").holders.len(), 1);
    drop(guard);
}

#[test]
fn onces_name_who_runs_them() {
    sampling();
    static LAZY: LazyLock<u32> = LazyLock::new(|| 7);
    assert_eq!(*LAZY, 7);
    let panics: LazyLock<u32> = LazyLock::new(|| std::panic::resume_unwind(Box::new(())));
    for _ in 0..2 {
        let forced = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| *panics));
        assert!(forced.is_err());
    }
    let once = Arc::new((
        Once::new().named("std once"),
        OnceLock::new().named("std cell"),
    ));
    let (tell, told) = mpsc::channel();
    let (stop, stopped) = mpsc::channel::<()>();
    let runner = std::thread::spawn({
        let once = Arc::clone(&once);
        move || {
            once.0.call_once(|| {
                once.1.get_or_init(|| {
                    tell.send(tid()).unwrap();
                    let _ = stopped.recv();
                    5
                });
            });
        }
    });
    let runs = told.recv().unwrap();
    let waiters = [
        std::thread::spawn({
            let once = Arc::clone(&once);
            move || once.0.call_once(|| unreachable!())
        }),
        std::thread::spawn({
            let once = Arc::clone(&once);
            move || assert_eq!(*once.1.get_or_init(|| unreachable!()), 5)
        }),
        std::thread::spawn({
            let once = Arc::clone(&once);
            move || assert_eq!(*once.1.wait(), 5)
        }),
    ];
    until("std once", waits(1));
    let seen = until("std cell", waits(2));
    for name in ["std once", "std cell"] {
        let held = &one(&seen, name).holders;
        assert_eq!((held.len(), held[0].party.tid), (1, runs), "{name}");
    }
    drop(stop);
    runner.join().unwrap();
    for waiter in waiters {
        waiter.join().unwrap();
    }
    assert_eq!((once.0.is_completed(), once.1.set(6)), (true, Err(6)));
    assert!(one(&snapshot(), "std cell").holders.is_empty());
}

#[test]
fn a_barrier_tells_who_has_come() {
    sampling();
    let barrier = Arc::new(Barrier::new(3).named("std barrier"));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            std::thread::spawn(move || barrier.wait().is_leader())
        })
        .collect();
    until("std barrier", waits(2));
    barrier.wait();
    let leaders = threads.into_iter().map(|thread| thread.join().unwrap());
    assert!(leaders.filter(|leader| *leader).count() <= 1);
    assert!(one(&snapshot(), "std barrier").waiters.is_empty());
}

#[test]
fn a_full_channel_tells_who_waits_to_send() {
    sampling();
    let (sender, receiver) = mpsc::sync_channel_named(2, "std full");
    sender.send(0).unwrap();
    sender.send(1).unwrap();
    assert!(sender.try_send(9).is_err());
    let blocked = std::thread::spawn({
        let sender = sender.clone();
        move || {
            sender.send(2).unwrap();
            tid()
        }
    });
    let seen = until("std full", waits(1));
    let resource = one(&seen, "std full");
    let channel = resource.channel.as_ref().unwrap();
    assert_eq!(
        (channel.capacity, channel.length, channel.senders),
        (Some(2), 2, 2)
    );
    assert_eq!(
        (resource.kind, resource.waiters[0].mode),
        (ResourceKind::Mpsc, Mode::Exclusive)
    );
    let waits_to_send = resource.waiters[0].party.tid;
    assert_eq!(receiver.recv(), Ok(0));
    assert_eq!(blocked.join().unwrap(), waits_to_send);
    drop(sender);
    assert_eq!(receiver.iter().collect::<Vec<_>>(), [1, 2]);
    let seen = snapshot();
    let channel = one(&seen, "std full").channel.as_ref().unwrap();
    assert_eq!((channel.sent, channel.received, channel.length), (3, 3, 0));
    assert_eq!(
        (channel.senders, channel.closed),
        (0, Some(Closed::SendersGone))
    );
}

#[test]
fn an_empty_channel_tells_who_waits_to_receive() {
    sampling();
    let (sender, receiver) = mpsc::channel_named::<u32>("std empty");
    assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Empty));
    let timeout = receiver.recv_timeout(Duration::from_millis(1));
    assert_eq!(timeout, Err(mpsc::RecvTimeoutError::Timeout));
    let waiting = std::thread::spawn(move || {
        let first = receiver.recv();
        drop(receiver);
        (first, tid())
    });
    let seen = until("std empty", waits(1));
    let resource = one(&seen, "std empty");
    assert_eq!(
        (resource.kind, resource.waiters[0].mode),
        (ResourceKind::UnboundedMpsc, Mode::Shared)
    );
    let receives = resource.channel.as_ref().unwrap().receiver.unwrap().tid;
    sender.send(4).unwrap();
    assert_eq!(waiting.join().unwrap(), (Ok(4), receives));
    assert!(sender.send(5).is_err());
    let seen = snapshot();
    let channel = one(&seen, "std empty").channel.as_ref().unwrap();
    assert_eq!(
        (channel.length, channel.closed),
        (0, Some(Closed::ReceiverGone))
    );
}

/// Many senders and values: the length is what is in it, when all is quiet.
#[test]
fn lengths_do_not_drift() {
    sampling();
    let (sender, receiver) = mpsc::channel_named("std drift");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let sender = sender.clone();
            scope.spawn(move || (0..1000).for_each(|n| sender.send(n).unwrap()));
        }
        assert_eq!(receiver.iter().take(2500).count(), 2500);
    });
    let seen = snapshot();
    let channel = one(&seen, "std drift").channel.as_ref().unwrap();
    assert_eq!(
        (channel.length, channel.sent, channel.received),
        (1500, 4000, 2500)
    );
    assert_eq!(receiver.try_iter().count(), 1500);
}
