//! Spawning: tokio's functions, with the future tracked.

use super::{Handle, Kind, Tracked, blocking};
use std::future::Future;
use std::panic::Location;
use tokio::runtime::{Handle as Runtime, RuntimeFlavor};
use tokio::task::JoinHandle;

/// Spawns a task; its kind is the place of this call.
///
/// # Panics
/// As `tokio::spawn`: outside of a runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let site = Location::caller();
    with_id(Tracked::new(future, || Kind::at(site), false), tokio::spawn)
}

/// Spawns a task of this kind.
///
/// # Panics
/// As `tokio::spawn`: outside of a runtime.
#[track_caller]
pub fn spawn_named<F>(name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let site = Location::caller();
    with_id(
        Tracked::new(future, || Kind::named_at(name, site), false),
        tokio::spawn,
    )
}

/// Spawns a task on this runtime; its kind is the place of this call.
#[track_caller]
pub fn spawn_on<F>(runtime: &tokio::runtime::Handle, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let site = Location::caller();
    with_id(Tracked::new(future, || Kind::at(site), false), |future| {
        runtime.spawn(future)
    })
}

/// Spawns a task of this kind on this runtime.
#[track_caller]
pub fn spawn_on_named<F>(
    runtime: &tokio::runtime::Handle,
    name: &'static str,
    future: F,
) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let site = Location::caller();
    with_id(
        Tracked::new(future, || Kind::named_at(name, site), false),
        |future| runtime.spawn(future),
    )
}

/// Spawns a task on the current `LocalSet`; its kind is the place of this call.
///
/// # Panics
/// As `tokio::task::spawn_local`: outside of a `LocalSet`.
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let site = Location::caller();
    let future = Tracked::new(future, || Kind::at(site), false);
    with_id(future, |future| locally(future, tokio::task::spawn_local))
}

/// Spawns a task of this kind on the current `LocalSet`.
///
/// # Panics
/// As `tokio::task::spawn_local`: outside of a `LocalSet`.
#[track_caller]
pub fn spawn_local_named<F>(name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let site = Location::caller();
    let future = Tracked::new(future, || Kind::named_at(name, site), false);
    with_id(future, |future| locally(future, tokio::task::spawn_local))
}

/// Runs a closure on a blocking thread; its kind is the place of this call. It counts as a task with one poll.
///
/// # Panics
/// As `tokio::task::spawn_blocking`: outside of a runtime.
#[track_caller]
pub fn spawn_blocking<F, R>(closure: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    on_blocking_thread(None, closure)
}

/// Runs a closure of this kind on a blocking thread. It counts as a task with one poll.
///
/// # Panics
/// As `tokio::task::spawn_blocking`: outside of a runtime.
#[track_caller]
pub fn spawn_blocking_named<F, R>(name: &'static str, closure: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    on_blocking_thread(Some(name), closure)
}

#[track_caller]
fn on_blocking_thread<F, R>(name: Option<&'static str>, closure: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let (record, run) = blocking(name, Location::caller(), closure);
    let joined = tokio::task::spawn_blocking(run);
    set_id(record, joined.id());
    joined
}

/// Spawns, and tells the record the task's ID: it may be asked for before the first poll.
#[track_caller]
fn with_id<F, R>(
    future: Tracked<F>,
    spawn: impl FnOnce(Tracked<F>) -> JoinHandle<R>,
) -> JoinHandle<R> {
    match future.record() {
        None => spawn(future),
        record => {
            let joined = spawn(future);
            set_id(record, joined.id());
            joined
        }
    }
}

/// Spawns where tasks need not be `Send`, and tells the record whether a `LocalSet` has the task, which then is none of the runtime's own. A `LocalRuntime`'s
/// is, and tokio does not say which of the two it was: its count of tasks does, as only this thread spawns there, but for a few from outside.
pub(super) fn locally<F, R>(future: Tracked<F>, spawn: impl FnOnce(Tracked<F>) -> R) -> R {
    let Some(record) = future.record() else {
        return spawn(future);
    };
    let alive = || {
        let runtime = Runtime::try_current().ok()?;
        let may_be_local = runtime.runtime_flavor() == RuntimeFlavor::CurrentThread;
        may_be_local.then(|| runtime.metrics().num_alive_tasks())
    };
    let before = alive();
    let spawned = spawn(future);
    if before.is_none() || alive() <= before {
        record.set_local();
    }
    spawned
}

/// Tells a record the ID of its task.
#[inline]
pub(super) fn set_id(record: Option<Handle>, id: tokio::task::Id) {
    if let Some(record) = record {
        record.set_id(id);
    }
}
