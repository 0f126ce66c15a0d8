//! Tracked tasks where there is no sampler: everything is tokio's own, so that programs compile unchanged.

use std::future::{Future, IntoFuture};
use tokio::task::JoinHandle;

pub use tokio::runtime::{Handle, Runtime};
pub use tokio::task::{LocalSet, spawn, spawn_blocking, spawn_local};

/// A future that is not watched here.
pub type Tracked<F> = F;

/// Adds `tracked` to every future.
pub trait Track: IntoFuture + Sized {
    /// The future itself.
    fn tracked(self, _name: &'static str) -> Tracked<Self::IntoFuture> {
        self.into_future()
    }
}

impl<F: Future> Track for F {}

/// What can block on a future: a runtime, or a handle of one.
pub trait BlockOn {
    #[doc(hidden)]
    fn block_on_future<F: Future>(&self, future: F) -> F::Output;
}

impl BlockOn for Runtime {
    fn block_on_future<F: Future>(&self, future: F) -> F::Output {
        self.block_on(future)
    }
}

impl BlockOn for Handle {
    fn block_on_future<F: Future>(&self, future: F) -> F::Output {
        self.block_on(future)
    }
}

/// Runs a future on this thread to its end.
///
/// # Panics
/// As tokio's `block_on`.
#[track_caller]
pub fn block_on<F: Future>(runtime: &impl BlockOn, future: F) -> F::Output {
    runtime.block_on_future(future)
}

/// Runs a future on this thread to its end.
///
/// # Panics
/// As tokio's `block_on`.
#[track_caller]
pub fn block_on_named<F: Future>(
    runtime: &impl BlockOn,
    _name: &'static str,
    future: F,
) -> F::Output {
    runtime.block_on_future(future)
}

/// Spawns a task.
///
/// # Panics
/// As `tokio::spawn`.
#[track_caller]
pub fn spawn_named<F>(_name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future)
}

/// Spawns a task on the current `LocalSet`.
///
/// # Panics
/// As `tokio::task::spawn_local`.
#[track_caller]
pub fn spawn_local_named<F>(_name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    tokio::task::spawn_local(future)
}

/// Runs a closure on a blocking thread.
///
/// # Panics
/// As `tokio::task::spawn_blocking`.
#[track_caller]
pub fn spawn_blocking_named<F, R>(_name: &'static str, closure: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    tokio::task::spawn_blocking(closure)
}

/// tokio's `JoinSet`.
#[derive(Debug)]
pub struct JoinSet<T>(tokio::task::JoinSet<T>);

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self(tokio::task::JoinSet::default())
    }
}

impl<T> std::ops::Deref for JoinSet<T> {
    type Target = tokio::task::JoinSet<T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T> std::ops::DerefMut for JoinSet<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<T> JoinSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The set as tokio's.
    pub fn into_inner(self) -> tokio::task::JoinSet<T> {
        self.0
    }
}

impl<T: 'static> JoinSet<T> {
    /// Spawns a task.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_named<F>(&mut self, _name: &'static str, future: F) -> tokio::task::AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.0.spawn(future)
    }
}

/// Spawns what a server or client gives it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Executor;

impl Executor {
    /// The executor.
    pub fn new() -> Self {
        Self
    }

    /// The executor.
    pub fn named(_name: &'static str) -> Self {
        Self
    }

    /// Spawns a task, and lets it run.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn spawn<F>(&self, future: F)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        drop(tokio::spawn(future));
    }
}

#[cfg(feature = "hyper")]
impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.spawn(future);
    }
}
