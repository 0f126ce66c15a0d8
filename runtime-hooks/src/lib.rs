//! What ties samples to an async runtime.
//!
//! In: a tokio runtime's builder, before it builds. Out: its threads are attached as soon as they start, and samples on them carry the
//! ID of the task being polled. Tracked polls, locks and waits will live beside `tokio_threads`.
//!
//! Without the feature `tokio` this crate is empty.

#![forbid(unsafe_code)]

#[cfg(all(feature = "tokio", target_os = "linux", target_arch = "x86_64"))]
mod task_id;
#[cfg(feature = "tokio")]
mod tokio_threads;

#[cfg(feature = "tokio")]
pub use tokio_threads::{Hooks, runtime};
