//! The mutex.

use super::support::{one, sampling, snapshot, tid, until};
use super::{one_waits_with_a_stack, poll, run, waiting, workers};
use hotpoll_hooks::sync::tokio::{MappedMutexGuard, Mutex, MutexGuard, OwnedMutexGuard};
use hotpoll_hooks::tasks;
use hotpoll_profile::{Library, Mode, ResourceKind, Since};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn holder_and_waiting_tasks_are_named_in_order() {
    let runtime = workers(2);
    let lock = Arc::new(Mutex::new(Vec::new()).named("async in order"));
    let (tell, told) = std::sync::mpsc::channel();
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let shared = Arc::clone(&lock);
    let holds = tasks::spawn_on_named(runtime.handle(), "holds", async move {
        let mut guard = shared.lock().await;
        guard.push(0);
        tell.send(()).unwrap();
        let _ = wait.await;
    });
    told.recv().unwrap();
    let mut waiters = Vec::new();
    for number in 1..=3 {
        let lock = Arc::clone(&lock);
        waiters.push(tasks::spawn_on_named(
            runtime.handle(),
            "waits",
            async move {
                lock.lock().await.push(number);
            },
        ));
        until("async in order", |each| each.waiters.len() == number);
    }
    let seen = snapshot();
    let resource = one(&seen, "async in order");
    assert_eq!(resource.kind, ResourceKind::Mutex);
    assert_eq!(resource.library, Library::Tokio);
    assert!(resource.site.file.ends_with("tokio_sync/locks.rs"));
    let [held] = &resource.holders[..] else {
        panic!("{resource:#?}");
    };
    assert!(held.party.task != 0 && held.confirmed && !held.movable);
    assert_eq!(held.mode, Mode::Exclusive);
    assert!(held.site.file.ends_with("tokio_sync/locks.rs"));
    assert_ne!(held.since, Since::Unknown);
    let parties = waiting(resource);
    assert!(
        parties
            .iter()
            .all(|party| party.task != 0 && *party != held.party)
    );
    assert!(parties.windows(2).all(|two| two[0].task != two[1].task));
    assert!(
        resource
            .waiters
            .iter()
            .all(|waiter| waiter.confirmed && !waiter.timed)
    );
    let since: Vec<u64> = resource
        .waiters
        .iter()
        .map(|waiter| waiter.since_ns)
        .collect();
    assert!(since.is_sorted_by(|one, other| one >= other), "{since:?}");
    go.send(()).unwrap();
    runtime.block_on(async {
        holds.await.unwrap();
        for waiter in waiters {
            waiter.await.unwrap();
        }
    });
    // tokio's mutex is fair.
    assert_eq!(*lock.blocking_lock(), [0, 1, 2, 3]);
    let seen = snapshot();
    let resource = one(&seen, "async in order");
    assert!(resource.waiters.is_empty() && resource.holders.is_empty());
    let uses = &resource.exclusive;
    assert_eq!((uses.acquired, uses.contended, uses.cancelled), (5, 3, 0));
    let longest = uses.longest_wait.as_ref().unwrap();
    assert!(longest.who.task != 0 && longest.ns <= uses.wait_ns);
}

#[test]
fn a_dropped_wait_leaves_no_waiter() {
    sampling();
    let lock = Mutex::new(()).named("cancelled");
    let guard = lock.try_lock().unwrap();
    {
        let mut future = pin!(lock.lock());
        assert!(poll(future.as_mut()).is_pending());
        let seen = snapshot();
        let resource = one(&seen, "cancelled");
        assert_eq!(resource.waiters.len(), 1);
        assert_eq!(resource.waiters[0].party.tid, tid());
        assert_eq!(resource.holders[0].party.tid, tid());
    }
    assert!(lock.try_lock().is_err());
    drop(guard);
    let seen = snapshot();
    let resource = one(&seen, "cancelled");
    assert!(resource.waiters.is_empty() && resource.holders.is_empty());
    let uses = &resource.exclusive;
    assert_eq!((uses.acquired, uses.contended), (1, 0));
    assert_eq!((uses.cancelled, uses.tries_failed), (1, 1));
    assert_eq!(uses.holds_timed, 1);
}

#[test]
#[allow(clippy::async_yields_async)] // that it is given back is the point
fn a_wait_is_by_the_task_that_polls() {
    let runtime = workers(2);
    let lock = Arc::new(Mutex::new(()).named("built elsewhere"));
    let guard = lock.try_lock().unwrap();
    // Built here, polled by a task, and then by another one.
    let mut future = Box::pin(Arc::clone(&lock).lock_owned());
    let party = |seen: &hotpoll_profile::Resources| {
        let [waiter] = &one(seen, "built elsewhere").waiters[..] else {
            panic!("one waits: {seen:#?}");
        };
        waiter.party
    };
    future = run(&runtime, async move {
        assert!(poll(future.as_mut()).is_pending());
        future
    });
    let first = party(&snapshot());
    assert_ne!(first.task, 0);
    future = run(&runtime, async move {
        assert!(poll(future.as_mut()).is_pending());
        future
    });
    let second = party(&snapshot());
    assert!(second.task != 0 && second.task != first.task);
    drop(guard);
    let guard = runtime.block_on(future);
    let seen = snapshot();
    let held = &one(&seen, "built elsewhere").holders[0];
    assert!(held.movable, "an owned guard may go anywhere");
    drop(guard);
    assert!(one(&snapshot(), "built elsewhere").holders.is_empty());
}

#[test]
fn a_thread_that_blocks_is_a_waiter_with_a_stack() {
    sampling();
    let lock = Arc::new(Mutex::new(1).named("blocking"));
    let guard = Arc::clone(&lock).blocking_lock_owned();
    let other = Arc::clone(&lock);
    let thread = std::thread::spawn(move || {
        *other.blocking_lock() += 1;
        tid()
    });
    let seen = until("blocking", one_waits_with_a_stack);
    let waiter = one(&seen, "blocking").waiters[0].clone();
    assert_eq!(waiter.party.task, 0);
    assert!(waiter.by_thread && !waiter.in_set);
    let held = &one(&seen, "blocking").holders[0];
    assert!(held.by_thread && held.party.tid == tid());
    assert!(waiter.site.file.ends_with("tokio_sync/locks.rs"));
    drop(guard);
    assert_eq!(thread.join().unwrap(), waiter.party.tid);
    assert_eq!(*lock.try_lock().unwrap(), 2);
    let uses = one(&snapshot(), "blocking").exclusive.clone();
    assert_eq!((uses.acquired, uses.contended), (3, 1));
}

/// A task takes a static lock, and hands it to another one: who took it is not who holds it.
#[test]
#[allow(clippy::async_yields_async)] // that it goes on is the point
fn a_guard_of_a_static_may_go_to_another_task() {
    static LOCK: Mutex<u32> = Mutex::const_new(0).named("static and sent");
    let runtime = workers(2);
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let taker = run(&runtime, async move {
        let guard = LOCK.lock().await;
        tasks::spawn(async move {
            let _held = guard;
            let _ = wait.await;
        })
    });
    let seen = snapshot();
    let held = &one(&seen, "static and sent").holders[0];
    assert!(held.movable && held.party.task != 0);
    go.send(()).unwrap();
    runtime.block_on(taker).unwrap();
}

/// A task that nobody tracks is not its thread.
#[test]
fn a_task_that_nobody_tracks_is_not_its_thread() {
    let runtime = workers(1);
    let lock = Arc::new(Mutex::new(()).named("untracked"));
    let shared = Arc::clone(&lock);
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let holds = runtime.spawn(async move {
        let _held = shared.lock().await;
        let _ = wait.await;
    });
    until("untracked", |each| each.holders.len() == 1);
    let waits = runtime.spawn(async move { drop(lock.lock().await) });
    let seen = until("untracked", |each| each.waiters.len() == 1);
    let resource = one(&seen, "untracked");
    let (held, waiter) = (&resource.holders[0], &resource.waiters[0]);
    assert_eq!((held.party.task, held.by_thread), (0, false));
    assert_eq!((waiter.party.task, waiter.by_thread), (0, false));
    go.send(()).unwrap();
    runtime.block_on(async { (holds.await.unwrap(), waits.await.unwrap()) });
}

#[test]
fn guards_are_mapped_and_given_back_elsewhere() {
    sampling();
    let lock = Arc::new(Mutex::new((1, String::from("a"))).named("mapped"));
    let guard = lock.try_lock().unwrap();
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &*lock));
    let guard = MutexGuard::try_map(guard, |_| None::<&mut u32>).unwrap_err();
    let part = MutexGuard::map(guard, |both| &mut both.1);
    let mut part = MappedMutexGuard::map(part, |text| text);
    part.push('b');
    assert_eq!(format!("{part} {part:?}"), "ab \"ab\"");
    assert_eq!(one(&snapshot(), "mapped").holders.len(), 1);
    drop(part);
    let owned = Arc::clone(&lock).try_lock_owned().unwrap();
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&owned), &lock));
    let mut owned = OwnedMutexGuard::map(owned, |both| &mut both.0);
    *owned += 1;
    assert!(lock.try_lock().is_err() && Arc::clone(&lock).try_lock_owned().is_err());
    assert_eq!(format!("{lock:?}"), "Mutex { data: <locked> }");
    std::thread::spawn(move || drop(owned)).join().unwrap();
    assert_eq!(format!("{lock:?}"), "Mutex { data: (2, \"ab\") }");
    let seen = snapshot();
    assert!(one(&seen, "mapped").holders.is_empty());
    // A leaked guard holds for ever, and says so.
    std::mem::forget(lock.try_lock());
    let seen = snapshot();
    assert_eq!(one(&seen, "mapped").holders[0].party.tid, tid());
}

#[test]
fn the_last_owned_guard_keeps_its_mutex() {
    sampling();
    let lock = Arc::new(Mutex::new(String::from("kept")).named("last owned"));
    let guard = Arc::clone(&lock).try_lock_owned().unwrap();
    drop(lock);
    assert_eq!(*guard, "kept");
    let part = OwnedMutexGuard::map(guard, |text| text.as_mut_str());
    assert_eq!(&*part, "kept");
}

#[test]
fn a_timeout_of_ours_tells_that_it_gives_up() {
    let runtime = workers(1);
    let lock = Mutex::const_new(()).named("gives up");
    let _guard = lock.try_lock().unwrap();
    runtime.block_on(async {
        let wait = hotpoll_hooks::sync::tokio::time::timeout(Duration::from_millis(50), async {
            let mut wait = pin!(lock.lock());
            std::future::poll_fn(|context| {
                let polled = wait.as_mut().poll(context);
                assert!(one(&snapshot(), "gives up").waiters[0].timed);
                polled.map(|_| ())
            })
            .await;
        });
        assert!(wait.await.is_err());
    });
    let uses = one(&snapshot(), "gives up").exclusive.clone();
    assert_eq!((uses.timed_out, uses.cancelled), (1, 0));
}

#[test]
#[should_panic(expected = "Cannot block the current thread from within a runtime")]
fn blocking_in_a_task_panics() {
    let runtime = workers(1);
    let lock = Mutex::new(());
    runtime.block_on(async { drop(lock.blocking_lock()) });
}

#[test]
fn it_is_what_tokios_is() {
    fn is_send_and_sync<T: Send + Sync>(_: &T) {}
    static LOCK: Mutex<u32> = Mutex::const_new(1).named("static");
    let mut lock = Mutex::from(2);
    is_send_and_sync(&lock);
    is_send_and_sync(&LOCK);
    is_send_and_sync(&lock.lock());
    is_send_and_sync(&lock.try_lock().unwrap());
    *lock.get_mut() += 1;
    assert_eq!(lock.into_inner(), 3);
    assert_eq!(Mutex::<u32>::default().into_inner(), 0);
    let unsized_lock: &Mutex<[u32]> = &Mutex::new([1, 2]);
    assert_eq!(unsized_lock.try_lock().unwrap().len(), 2);
}
