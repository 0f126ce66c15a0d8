//! The standard library's `sync`, telling who holds and who waits: `use hotpoll::std::sync::Mutex` in the place of `use std::sync::Mutex` is the whole change.
//!
//! The locks are the standard library's own, and so are their errors; what has nothing to tell is the standard library's type itself.
//!
//! Of the stable API is not here (`tests/public_api.rs` compares):
//! - `Condvar::wait_timeout_ms`: deprecated.
//! - `RwLockWriteGuard::downgrade`: stable since Rust 1.92, and this crate builds from 1.88 on.
//!
//! [`WaitTimeoutResult`] is a type of its own: nobody else can make the standard library's.

mod barrier;
mod condvar;
mod lazy_lock;
pub mod mpsc;
mod mutex;
mod once;
mod once_lock;
mod rwlock;

pub use barrier::Barrier;
pub use condvar::{Condvar, WaitTimeoutResult};
pub use lazy_lock::LazyLock;
pub use mutex::{Mutex, MutexGuard};
pub use once::Once;
pub use once_lock::OnceLock;
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use std::sync::{
    Arc, BarrierWaitResult, LockResult, OnceState, PoisonError, TryLockError, TryLockResult, Weak,
    atomic,
};
