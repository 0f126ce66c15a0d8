//! hotpoll: what burns the CPU in a live Rust service, asked at any moment.
//!
//! Link it, start it, and from then on `hotpoll report` (the command) or [`Guard::report`] (in the program) says where the CPU time
//! went, by thread and function. No compiler flags, no frame pointers, no root, no nightly.
//!
//! ```no_run
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let _profiler = hotpoll::start()?;
//!     // … the service …
//!     Ok(())
//! }
//! ```
//! [`start()`] samples at once; [`start_if_asked()`] only where the environment asks for it; [`Builder`] has all settings.
//! With tokio, pass the runtime's builder through [`runtime`], so that samples name the task.
//!
//! # Environment
//! Whoever runs the program has the last word: these override what the program sets. A value that means nothing is an error of
//! `start`, which names the variable and what it may be; an empty value counts as not set.
//!
//! | variable | values | |
//! |---|---|---|
//! | `HOTPOLL` | `on`, `off` | `off`: starting gives a guard that does nothing, with no thread, socket, file or signal handler |
//! | `HOTPOLL_HZ` | 1 to 10000 | samples for each second of CPU time of a thread |
//! | `HOTPOLL_WALL_HZ` | 0 to 1000 | looks at each thread for each second by the clock on the wall; 0: none |
//! | `HOTPOLL_LONG_POLL_MS` | 0 to 60000 | from when on a poll is a long one, which is watched; 0: none is watched, and polls from 10 ms on are still counted |
//! | `HOTPOLL_SIGNAL_SLEEPERS` | `on`, `off` | see [`Builder::signal_sleepers`], and its danger |
//! | `HOTPOLL_ENGINE` | `auto`, `ctimer`, `perf` | the timers |
//! | `HOTPOLL_DUMP` | a path, `%p` in it is the PID, `%n` a number | a dump is written there on SIGUSR2: see [`Builder::dump_on_signal`] |
//! | `HOTPOLL_DUMP_STUCK_MS` | milliseconds | and when something is stuck for longer: see [`Builder::dump_when_stuck`] |
//! | `HOTPOLL_OUT` | a path, `%p` in it is the PID | see [`Builder::output`] |
//!
//! # A guest in the process
//! hotpoll adds four threads, one unix socket, and one signal handler (SIGPROF, which stays installed after stop and then only
//! passes on what is not its own). It writes nothing to the program's output, but for one line on standard error where the file that it was
//! asked for could not be written at the end. Memory stays within the recorder's bound (8 MB) plus
//! unwind tables, rings, and what wrapped locks tell (2.7 KB each of those that are waited for or busy, at most 4,096); its threads stretch their periods so that they take at most 1 % of a core.
//! In a forked child nothing of it runs, until the child starts it itself.
//!
//! On other platforms than Linux on x86-64 everything compiles, and [`start()`] returns [`SamplerError::Unsupported`].

#![warn(missing_docs)]

mod builder;
mod environment;
mod error;
mod guard;
mod output;
mod report;
pub mod std;
#[cfg(feature = "parking_lot")]
pub mod sync;

#[cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64")),
    allow(dead_code)
)] // Only the agent reads.
mod work;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod agent;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod socket;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
mod unsupported;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
use unsupported as agent;

pub use builder::Builder;
pub use error::{SamplerError, StartError};
pub use guard::Guard;
pub use report::Report;
pub use work::work;

pub use hotpoll_profile::Profile;
pub use hotpoll_sampler::EngineSetting as Engine;
pub use hotpoll_sampler::OnStack;

#[cfg(feature = "tokio")]
pub use hotpoll_hooks::tasks::{
    BlockOn, Executor, JoinSet, LocalSet, Track, Tracked, block_on, block_on_named, spawn,
    spawn_blocking, spawn_blocking_named, spawn_local, spawn_local_named, spawn_named, spawn_on,
    spawn_on_named,
};
#[cfg(feature = "tokio")]
pub use hotpoll_hooks::{Hooks, runtime};

#[cfg(feature = "tokio")]
pub mod tokio {
    //! tokio's locks, channels and timers, that tell who holds them and who waits: `use hotpoll::tokio::sync::Mutex` in the place of
    //! `use tokio::sync::Mutex` is the whole change. Each goes by the place where it was made, or by the name it is given.
    //!
    //! ```
    //! use hotpoll::tokio::sync::{Mutex, mpsc};
    //! # ::tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    //! let sessions = Mutex::new(Vec::<u32>::new()).named("sessions");
    //! let (jobs, mut queue) = mpsc::channel(16);
    //! let jobs = jobs.named("jobs");
    //! jobs.send(7).await.unwrap();
    //! sessions.lock().await.extend(queue.recv().await);
    //! # });
    //! ```
    pub use hotpoll_hooks::sync::tokio::time;

    /// Locks and channels. What is not wrapped is tokio's own.
    pub mod sync {
        pub use hotpoll_hooks::sync::tokio::{
            AcquireError, Barrier, BarrierWaitResult, MappedMutexGuard, Mutex, MutexGuard, Notify,
            OnceCell, OwnedMappedMutexGuard, OwnedMutexGuard, OwnedRwLockMappedWriteGuard,
            OwnedRwLockReadGuard, OwnedRwLockWriteGuard, OwnedSemaphorePermit, RwLock,
            RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard, Semaphore, SemaphorePermit,
            SetError, SetOnce, SetOnceError, TryAcquireError, TryLockError, broadcast, futures,
            mpsc, oneshot, watch,
        };
    }
}

#[cfg(feature = "tokio")]
pub use hotpoll_macros::{instrument, main};

/// What the attributes' output calls. What they refuse:
///
/// ```compile_fail
/// #[hotpoll::main]
/// fn main() {}
/// ```
/// ```compile_fail
/// #[hotpoll::main]
/// async fn main(argument: u64) {}
/// ```
/// ```compile_fail
/// #[hotpoll::main(workers = 2)]
/// async fn main() {}
/// ```
/// ```compile_fail
/// #[hotpoll::main(flavor = "current_thread", worker_threads = 2)]
/// async fn main() {}
/// ```
/// ```compile_fail
/// #[hotpoll::main(flavor = "multi_thread", start_paused = true)]
/// async fn main() {}
/// ```
/// ```compile_fail
/// #[hotpoll::main(flavor = "current_thread", unhandled_panic = "ignore")]
/// async fn main() {}
/// ```
/// ```compile_fail
/// #[hotpoll::main(crate = "not a path")]
/// async fn main() {}
/// ```
/// ```compile_fail
/// #[hotpoll::main(name = "")]
/// async fn main() {}
/// ```
/// ```compile_fail
/// #[hotpoll::instrument(name = 7)]
/// async fn f() {}
/// ```
/// And what differs from the last one by a mistake less:
/// ```
/// #[hotpoll::instrument(name = "seven")]
/// async fn f() {}
/// #[hotpoll::main(flavor = "multi_thread", worker_threads = 2, name = "web", crate = "::tokio")]
/// async fn main() {
///     f().await;
/// }
/// ```
#[cfg(feature = "tokio")]
#[doc(hidden)]
pub mod __private {
    /// Starts sampling; a program whose sampling cannot start runs without, and says so once.
    pub fn start(hz: Option<u32>) -> Option<crate::Guard> {
        let mut builder = crate::Builder::new();
        if let Some(hz) = hz {
            builder = builder.sampling_hz(hz);
        }
        match builder.start() {
            Ok(guard) => Some(guard),
            Err(error) => {
                eprintln!("hotpoll: not sampling: {error}");
                None
            }
        }
    }
}

/// Starts sampling with the defaults: 99 Hz, five minutes and 8 MB kept.
///
/// # Errors
/// [`StartError`] says what to do about it.
///
/// ```no_run
/// let profiler = hotpoll::start()?;
/// // … work …
/// println!("{}", profiler.report());
/// # Ok::<(), hotpoll::StartError>(())
/// ```
pub fn start() -> Result<Guard, StartError> {
    Builder::new().start()
}

/// Starts sampling if the environment asks for it: with `HOTPOLL=on`, or with `HOTPOLL_OUT` (asking for a file is asking).
/// Otherwise the guard does nothing.
///
/// # Errors
/// [`StartError`], also for a variable with a value that means nothing.
pub fn start_if_asked() -> Result<Guard, StartError> {
    Builder::new().start_if_asked()
}

/// The README's code is compiled and run, as a user's would be.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;
