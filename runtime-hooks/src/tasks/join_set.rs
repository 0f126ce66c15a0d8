//! A set of tracked tasks: tokio's `JoinSet`, whose spawning functions track.

use super::spawn::{locally, set_id};
use super::{Kind, Tracked, blocking};
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, LocalSet};

/// `tokio::task::JoinSet` with tracked tasks. Everything but spawning is tokio's own, through `Deref`.
#[derive(Debug)]
pub struct JoinSet<T>(tokio::task::JoinSet<T>);

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self(tokio::task::JoinSet::default())
    }
}

impl<T> Deref for JoinSet<T> {
    type Target = tokio::task::JoinSet<T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T> DerefMut for JoinSet<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<T> JoinSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        Self(tokio::task::JoinSet::new())
    }

    /// The set as tokio's.
    pub fn into_inner(self) -> tokio::task::JoinSet<T> {
        self.0
    }
}

impl<T: 'static> JoinSet<T> {
    /// Spawns a task; its kind is the place of this call.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let site = Location::caller();
        let future = Tracked::new(future, || Kind::at(site), false);
        with_id(future, |future| self.0.spawn(future))
    }

    /// Spawns a task of this kind.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_named<F>(&mut self, name: &'static str, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let site = Location::caller();
        let future = Tracked::new(future, || Kind::named_at(name, site), false);
        with_id(future, |future| self.0.spawn(future))
    }

    /// Spawns a task on this runtime; its kind is the place of this call.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, future: F, runtime: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let site = Location::caller();
        let future = Tracked::new(future, || Kind::at(site), false);
        with_id(future, |future| self.0.spawn_on(future, runtime))
    }

    /// Runs a closure on a blocking thread; its kind is the place of this call. It counts as a task with one poll.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, closure: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let site = Location::caller();
        let (record, run) = blocking(None, site, closure);
        let handle = self.0.spawn_blocking(run);
        set_id(record, handle.id());
        handle
    }

    /// Runs a closure on a blocking thread of this runtime; its kind is the place of this call. It counts as a task with one poll.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, closure: F, runtime: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let site = Location::caller();
        let (record, run) = blocking(None, site, closure);
        let handle = self.0.spawn_blocking_on(run, runtime);
        set_id(record, handle.id());
        handle
    }

    /// Waits for all of them, as tokio's does: it takes the set, which `Deref` cannot give.
    ///
    /// # Panics
    /// If a task has panicked or was aborted.
    pub async fn join_all(self) -> Vec<T> {
        self.0.join_all().await
    }

    /// Spawns a task on the current `LocalSet`; its kind is the place of this call.
    ///
    /// # Panics
    /// Outside of a `LocalSet`.
    #[track_caller]
    pub fn spawn_local<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        let site = Location::caller();
        let future = Tracked::new(future, || Kind::at(site), false);
        with_id(future, |future| {
            locally(future, |future| self.0.spawn_local(future))
        })
    }

    /// Spawns a task on this `LocalSet`; its kind is the place of this call.
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, future: F, set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        let site = Location::caller();
        let future = Tracked::new(future, || Kind::at(site), false);
        let record = future.record();
        if let Some(record) = &record {
            record.set_local();
        }
        with_id(future, |future| self.0.spawn_local_on(future, set))
    }
}

/// Each future is spawned. The kind of these tasks is their future's type.
///
/// # Panics
/// Outside of a runtime.
impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = Self::new();
        set.extend(futures);
        set
    }
}

/// As for `FromIterator`.
impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        for future in futures {
            // Its type: whoever collects or extends is not told.
            self.spawn_named(std::any::type_name::<F>(), future);
        }
    }
}

#[track_caller]
fn with_id<F>(future: Tracked<F>, spawn: impl FnOnce(Tracked<F>) -> AbortHandle) -> AbortHandle {
    match future.record() {
        None => spawn(future),
        record => {
            let handle = spawn(future);
            set_id(record, handle.id());
            handle
        }
    }
}
