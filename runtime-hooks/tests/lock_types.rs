//! What the types of locks and guards are, as the compiler sees them: sending, sharing, variance, unwinding, serializing. Most of it holds if it compiles.

use hotpoll_hooks::sync::standard;
use std::panic::{RefUnwindSafe, UnwindSafe};

fn is_send<T: Send>() {}
fn is_sync<T: Sync>() {}
fn unwinds<T: UnwindSafe + RefUnwindSafe>() {}

/// A guard of what lives for ever is one of what lives for a while, where the library's own is.
#[allow(dead_code)]
fn standard_variance<'a>(
    guard: standard::RwLockReadGuard<'a, &'static str>,
) -> standard::RwLockReadGuard<'a, &'a str> {
    guard
}

#[allow(dead_code)]
fn stds_own_variance<'a>(
    guard: std::sync::RwLockReadGuard<'a, &'static str>,
) -> std::sync::RwLockReadGuard<'a, &'a str> {
    guard
}

#[allow(dead_code)]
fn tokio_variance<'a>(
    guard: hotpoll_hooks::sync::tokio::RwLockReadGuard<'a, &'static str>,
) -> hotpoll_hooks::sync::tokio::RwLockReadGuard<'a, &'a str> {
    guard
}

#[allow(dead_code)]
fn tokios_own_variance<'a>(
    guard: tokio::sync::RwLockReadGuard<'a, &'static str>,
) -> tokio::sync::RwLockReadGuard<'a, &'a str> {
    guard
}

#[allow(dead_code)]
fn tokio_variance_of_writers<'a>(
    guard: hotpoll_hooks::sync::tokio::RwLockReadGuard<'static, str>,
) -> hotpoll_hooks::sync::tokio::RwLockReadGuard<'a, str> {
    guard
}

#[test]
fn a_lazy_value_unwinds_as_stds_does() {
    unwinds::<std::sync::LazyLock<String>>();
    unwinds::<standard::LazyLock<String>>();
    unwinds::<standard::Mutex<std::cell::Cell<u8>>>();
    let mut lazy = standard::LazyLock::new(|| 7);
    assert_eq!(standard::LazyLock::get(&lazy), None);
    assert_eq!(standard::LazyLock::get_mut(&mut lazy), None);
    *standard::LazyLock::force_mut(&mut lazy) += 1;
    assert_eq!((*lazy, standard::LazyLock::get(&lazy)), (8, Some(&8)));
}

#[test]
fn tokios_guards_are_sent() {
    use hotpoll_hooks::sync::tokio;
    is_send::<tokio::MutexGuard<'static, u8>>();
    is_send::<tokio::OwnedRwLockReadGuard<u8>>();
    is_sync::<tokio::MutexGuard<'static, u8>>();
    is_sync::<tokio::RwLock<u8>>();
}

#[test]
fn a_fair_mutex_is_handed_over() {
    use hotpoll_hooks::sync::{FairMutex, FairMutexGuard, MappedFairMutexGuard, const_fair_mutex};
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    use std::time::Duration;
    static NUMBER: FairMutex<(u32, u32)> = const_fair_mutex((1, 2));
    let second: MappedFairMutexGuard<'_, u32> =
        FairMutexGuard::map(NUMBER.lock(), |both| &mut both.1);
    assert_eq!(*second, 2);
    assert!(NUMBER.try_lock().is_none() && NUMBER.try_lock_for(Duration::from_millis(1)).is_none());
    drop(second);
    // Whoever waits gets it before the one who gives it back takes it again: that one, once the other waits, comes second.
    let came = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let held = NUMBER.lock();
        let waits = scope.spawn(|| {
            let _held = NUMBER.lock();
            came.fetch_add(1, SeqCst);
        });
        // It waits once it sleeps in the kernel, which this cannot see: it is given time, and else goes round again.
        let mut held = Some(held);
        while came.load(SeqCst) == 0 {
            std::thread::sleep(Duration::from_millis(5));
            drop(held.take());
            held = Some(NUMBER.lock());
        }
        drop(held);
        waits.join().unwrap();
    });
    assert_eq!(came.into_inner(), 1);
}

#[test]
fn a_reentrant_mutex_by_hand() {
    use hotpoll_hooks::sync::ReentrantMutex;
    use std::sync::Arc;
    use std::time::Duration;
    let lock = Arc::new(ReentrantMutex::new(1));
    let first = lock.try_lock_arc_for(Duration::from_millis(1)).unwrap();
    let second = lock.try_lock_arc_until(std::time::Instant::now()).unwrap();
    assert_eq!((*first, *second), (1, 1));
    drop((first, second));
    assert!(!lock.is_locked());
}

#[cfg(feature = "serde")]
#[test]
fn locks_are_serialized_as_their_values() {
    use hotpoll_hooks::sync;
    fn check<L: serde::Serialize + for<'de> serde::Deserialize<'de>>(lock: L) {
        let text = serde_json::to_string(&lock).unwrap();
        assert_eq!(text, "[1,2]");
        let again: L = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
    }
    check(sync::Mutex::new(vec![1, 2]));
    check(sync::FairMutex::new(vec![1, 2]));
    check(sync::ReentrantMutex::new(vec![1, 2]));
    check(sync::RwLock::new(vec![1, 2]));
    check(sync::RecursiveRwLock::new(vec![1, 2]));
    check(standard::Mutex::new(vec![1, 2]));
    check(standard::RwLock::new(vec![1, 2]));
    let poisoned = standard::Mutex::new(1);
    let panics = || {
        let _held = poisoned.lock();
        panic!("with it");
    };
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
    assert!(serde_json::to_string(&poisoned).is_err());
}
