//! Locks with parking_lot's API, that tell who holds them and who waits: `use hotpoll::sync::Mutex` in the place of `use parking_lot::Mutex` is the
//! whole change. Each goes by the place where it was made, or by the name it is given.
//!
//! ```
//! use hotpoll::sync::{Mutex, RwLock};
//! static COUNT: Mutex<u32> = Mutex::new(0);
//! let sessions = RwLock::new(Vec::<u32>::new()).named("sessions");
//! *COUNT.lock() += sessions.read().len() as u32;
//! ```
//! With the feature `parking_lot` (Rust 1.95). The API is that of parking_lot 0.13, whose locks they are, but for what `hotpoll_hooks::sync` names; with the
//! feature `serde` they are serialized as their values. While sampling does not run they cost what parking_lot's do.
//!
//! What is known of each: how often it was taken, waited for and tried in vain; how long waits took (all of them), and how long it was held (each
//! time that others waited, and 1 of 64 of the others); the longest of both, by whom and from where; who holds it now, and who waits, in order. A lock has a
//! row of its own from its first wait on (or its 64th acquisition; an `RwLock` from its first reader on), 4,096 of them at once; the others, and those that
//! were dropped, count in the row of the place where they were made.
//!
//! They must not be used inside of a global allocator, as parking_lot's must not.

pub use hotpoll_hooks::sync::{
    ArcFairMutexGuard, ArcMutexGuard, ArcReentrantMutexGuard, ArcRwLockReadGuard,
    ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard, Condvar, FairMutex, FairMutexGuard,
    MappedFairMutexGuard, MappedMutexGuard, MappedRecursiveRwLockReadGuard,
    MappedRecursiveRwLockWriteGuard, MappedReentrantMutexGuard, MappedRwLockReadGuard,
    MappedRwLockWriteGuard, Mutex, MutexGuard, Once, OnceState, RawFairMutex, RawMutex,
    RawReentrant, RawRwLock, RawThreadId, RecursiveRwLock, RecursiveRwLockReadGuard,
    RecursiveRwLockUpgradableReadGuard, RecursiveRwLockWriteGuard, ReentrantMutex,
    ReentrantMutexGuard, RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
    ToldMutex, ToldRwLock, WaitTimeoutResult, const_fair_mutex, const_mutex, const_reentrant_mutex,
    const_rwlock, lock_api,
};
