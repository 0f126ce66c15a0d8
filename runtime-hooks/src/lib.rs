//! What ties samples to an async runtime, and to locks.
//!
//! In: a tokio runtime's builder, before it builds, and futures to be tracked. Out: the runtime's threads are attached as soon as they start, samples on
//! them carry the task being polled, and [`tasks::snapshot`] says what each tracked task does and where it waits. [`sync`] has locks and channels
//! that tell who holds them and who waits.
//!
//! Without the feature `tokio` there is only what is about threads: `sync`.

pub mod sync;
#[cfg(all(feature = "tokio", target_os = "linux", target_arch = "x86_64"))]
mod task_id;
#[cfg(feature = "tokio")]
pub mod tasks;
#[cfg(feature = "tokio")]
mod tokio_threads;

#[cfg(feature = "tokio")]
pub use tokio_threads::{Hooks, runtime};

// The parts that threads race in, for loom, under which tokio does not build.
#[cfg(all(test, loom))]
#[allow(dead_code)] // what the model does not call
#[path = "."]
mod model {
    mod atomics {
        pub(super) use loom::sync::atomic::{AtomicU64, fence};
    }
    #[path = "tasks/inner_waker.rs"]
    mod inner_waker;
    #[path = "sync/core/owner.rs"]
    mod owner;
    #[path = "sync/core/record.rs"]
    mod record;
    #[path = "tasks/wake_stamp.rs"]
    mod wake_stamp;
}
