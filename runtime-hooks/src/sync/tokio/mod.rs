//! tokio's locks, channels and timers, told of: who holds them, who waits, what went through.
//!
//! Each is a thin struct around tokio's own, which alone decides what happens: order, cancellation, panics. Beside it stands a resource that is told.
//! - A wait begins in the poll that comes back pending, by the task that polls then; it ends with the value, or is dropped: that is a cancelled one
//!   (`waiting.rs`). What is there at once is not a wait. A thread that blocks tells of it with its stack.
//! - Who holds is told after tokio gave it, and taken back before it is given back: nobody is named who does not hold.
//! - Of tokio's API is not here (`tests/public_api.rs` compares): owned guards of values that borrow (`T: 'static` is asked for): they borrow from the `Arc` beside
//!   them, which takes a lifetime that outlives every other. `Barrier::wait` and others that return opaque futures here return such ones there, too.
//! - Channels count for themselves, sampling or not (`ends.rs`), so that their lengths are right from the first moment on.

mod barrier;
pub mod broadcast;
mod ends;
mod guards;
pub mod mpsc;
mod mutex;
mod mutex_guards;
mod notify;
mod once_cell;
pub mod oneshot;
mod permits;
mod read_guards;
mod rwlock;
mod semaphore;
pub mod time;
mod waiting;
pub mod watch;
mod write_guards;

/// Named futures.
pub mod futures {
    pub use super::notify::{Notified, OwnedNotified};
}

pub use barrier::Barrier;
pub use mutex::Mutex;
pub use mutex_guards::{MappedMutexGuard, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};
pub use notify::Notify;
pub use once_cell::OnceCell;
pub use permits::{OwnedSemaphorePermit, SemaphorePermit};
pub use read_guards::{OwnedRwLockReadGuard, RwLockReadGuard};
pub use rwlock::RwLock;
pub use semaphore::Semaphore;
pub use tokio::sync::{
    AcquireError, BarrierWaitResult, SetError, SetOnce, SetOnceError, TryAcquireError, TryLockError,
};
pub use write_guards::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockWriteGuard, RwLockMappedWriteGuard, RwLockWriteGuard,
};
