//! Code of the program that runs inside of a release or a drop: wakers and destructors. They may use everything, as nothing of ours is locked then.

use super::support::{one, sampling, snapshot};
use hotpoll_hooks::sync::tokio::{Mutex, Semaphore, mpsc, oneshot};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Wake, Waker};

/// Looks at everything, and uses locks and channels of its own.
fn uses_everything() {
    assert!(!snapshot().resources.is_empty());
    let lock = Mutex::new(0);
    *lock.try_lock().unwrap() += 1;
    let (sender, receiver) = oneshot::channel();
    sender.send(*lock.try_lock().unwrap()).unwrap();
    assert_eq!(receiver.blocking_recv(), Ok(1));
    let mut wait = Box::pin(lock.lock());
    let guard = lock.try_lock();
    assert!(
        wait.as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    drop(guard);
}

/// A waker that does so.
#[derive(Default)]
struct Busy(AtomicU32);

impl Wake for Busy {
    fn wake(self: Arc<Self>) {
        uses_everything();
        self.0.fetch_add(1, Relaxed);
    }
}

/// A value that does so when it is dropped.
struct Value(Arc<AtomicU32>);

impl Drop for Value {
    fn drop(&mut self) {
        uses_everything();
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn wakers_use_what_wakes_them() {
    sampling();
    let busy = Arc::new(Busy::default());
    let waker = Waker::from(Arc::clone(&busy));
    let mut context = Context::from_waker(&waker);
    let lock = Mutex::new(());
    let semaphore = Semaphore::new(1);
    let (sender, mut receiver) = mpsc::channel(1);
    {
        let (guard, permit) = (lock.try_lock(), semaphore.try_acquire());
        let mut waits = (
            pin!(lock.lock()),
            pin!(semaphore.acquire()),
            pin!(receiver.recv()),
        );
        assert!(waits.0.as_mut().poll(&mut context).is_pending());
        assert!(waits.1.as_mut().poll(&mut context).is_pending());
        assert!(waits.2.as_mut().poll(&mut context).is_pending());
        drop(guard);
        drop(permit);
        sender.try_send(()).unwrap();
        assert_eq!(busy.0.load(Relaxed), 3);
    }
    let (sender, mut receiver) = oneshot::channel::<()>();
    assert!(
        std::pin::Pin::new(&mut receiver)
            .poll(&mut context)
            .is_pending()
    );
    drop(sender);
    assert_eq!(busy.0.load(Relaxed), 4);
}

#[test]
fn values_use_what_drops_them() {
    sampling();
    let dropped = Arc::new(AtomicU32::new(0));
    let value = || Value(Arc::clone(&dropped));
    let (sender, receiver) = mpsc::channel(4);
    let sender = sender.named("drops values");
    for _ in 0..3 {
        assert!(sender.try_send(value()).is_ok());
    }
    drop(receiver);
    assert_eq!(dropped.load(Relaxed), 3);
    assert!(sender.try_send(value()).is_err());
    let channel = one(&snapshot(), "drops values").channel.clone().unwrap();
    assert_eq!((channel.sent, channel.received, channel.length), (3, 0, 0));
    let (sender, receiver) = oneshot::channel();
    assert!(sender.send(value()).is_ok());
    drop(receiver);
    drop(Mutex::new(value()));
    assert_eq!(dropped.load(Relaxed), 6);
}

#[test]
fn a_panic_while_it_is_held_gives_it_back() {
    sampling();
    let lock = Arc::new(Mutex::new(0).named("panics"));
    let other = Arc::clone(&lock);
    let thread = std::thread::spawn(move || {
        let _guard = other.blocking_lock();
        panic!("while it is held");
    });
    assert!(thread.join().is_err());
    // tokio's locks are not poisoned.
    assert!(lock.try_lock().is_ok());
    let seen = snapshot();
    let resource = one(&seen, "panics");
    assert!(resource.holders.is_empty() && !resource.poisoned);
}
