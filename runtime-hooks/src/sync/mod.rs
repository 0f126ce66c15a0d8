//! Locks and channels that tell who holds them and who waits.
//!
//! In: locks in the place of parking_lot's and std's, with the same names. Out: [`snapshot`], and in each sample what its thread waits for or holds while
//! others wait.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod core;

#[cfg(feature = "parking_lot")]
mod mutex;
#[cfg(feature = "parking_lot")]
mod raw_mutex;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use self::core::{Limits, begin, end, snapshot};
#[cfg(feature = "parking_lot")]
pub use mutex::{ArcMutexGuard, MappedMutexGuard, Mutex, MutexGuard};
#[cfg(feature = "parking_lot")]
pub use raw_mutex::RawMutex;
