//! Twins of the standard library's types, that tell who holds them and who waits.
//!
//! ```
//! use hotpoll::std::sync::{Arc, Mutex, mpsc};
//! let total = Arc::new(Mutex::new(0).named("total"));
//! let (sender, receiver) = mpsc::sync_channel(16);
//! sender.send(1).unwrap();
//! *total.lock().unwrap() += receiver.recv().unwrap();
//! ```
//! The locks are the standard library's own, and so are poisoning and errors; what has nothing to tell is the standard library's type itself. Of a condition
//! variable the standard library does not say whom it woke: waiting for the mutex again counts as waiting to be notified.
//! `RwLockWriteGuard::downgrade` is missing, as it needs a newer Rust.

pub use hotpoll_hooks::sync::standard as sync;
