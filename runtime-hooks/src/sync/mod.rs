//! Locks and channels that tell who holds them and who waits.
//!
//! In: locks in the place of parking_lot's and std's, with the same names. Out: [`snapshot`], and in each sample what its thread waits for or holds while
//! others wait.
//!
//! Of parking_lot's API is not here (`tests/public_api.rs` compares):
//! - `from_raw` and `into_inner_with_raw` of `Mutex`, `RwLock` and `ReentrantMutex`: a raw lock has the place where it was made, and is no parking_lot's.
//! - `Condvar::raw`: parking_lot's raw condition variable does not tell who waits.
//! - `FairMutex` with a `Condvar`: parking_lot has none either.
//! - The features `deadlock_detection` (what this crate does instead), `owning_ref` and `nightly`.
//!
//! `WaitTimeoutResult` is a type of its own: nobody else can make parking_lot's.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod core;

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
#[path = "elsewhere.rs"]
pub mod core;

#[cfg(feature = "parking_lot")]
mod condvar;
mod gives_up;
#[cfg(feature = "parking_lot")]
mod mutex;
#[cfg(feature = "parking_lot")]
mod once;
#[cfg(feature = "parking_lot")]
mod raw_mutex;
#[cfg(feature = "parking_lot")]
mod raw_rwlock;
#[cfg(feature = "parking_lot")]
mod remutex;
#[cfg(feature = "parking_lot")]
mod rwlock;
#[cfg(feature = "serde")]
mod serialize;
pub mod standard;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use self::core::{Limits, begin, end, look, snapshot};
#[cfg(feature = "parking_lot")]
pub use self::{
    condvar::{Condvar, WaitTimeoutResult},
    mutex::{
        ArcFairMutexGuard, ArcMutexGuard, FairMutex, FairMutexGuard, MappedFairMutexGuard,
        MappedMutexGuard, Mutex, MutexGuard, RawFairMutex, ToldMutex, const_fair_mutex,
        const_mutex,
    },
    once::{Once, OnceState},
    raw_mutex::RawMutex,
    raw_rwlock::RawRwLock,
    remutex::{
        ArcReentrantMutexGuard, MappedReentrantMutexGuard, RawReentrant, RawThreadId,
        ReentrantMutex, ReentrantMutexGuard, const_reentrant_mutex,
    },
    rwlock::{
        ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard,
        MappedRecursiveRwLockReadGuard, MappedRecursiveRwLockWriteGuard, MappedRwLockReadGuard,
        MappedRwLockWriteGuard, RecursiveRwLock, RecursiveRwLockReadGuard,
        RecursiveRwLockUpgradableReadGuard, RecursiveRwLockWriteGuard, RwLock, RwLockReadGuard,
        RwLockUpgradableReadGuard, RwLockWriteGuard, ToldRwLock, const_rwlock,
    },
};
pub use gives_up::GivesUp;
#[cfg(feature = "parking_lot")]
pub use parking_lot::lock_api;
