//! Tasks that stay on one thread: tokio's `LocalSet`, whose spawning function tracks.

use super::spawn::set_id;
use super::{Kind, Tracked};
use std::future::Future;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::task::JoinHandle;

/// `tokio::task::LocalSet` with tracked tasks. Everything but spawning is tokio's own, through `Deref`.
#[derive(Debug, Default)]
pub struct LocalSet(tokio::task::LocalSet);

impl Deref for LocalSet {
    type Target = tokio::task::LocalSet;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl LocalSet {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Spawns a task; its kind is the place of this call.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let site = Location::caller();
        let future = Tracked::new(future, || Kind::at(site), false);
        let record = future.record();
        if let Some(record) = &record {
            record.set_local();
        }
        let joined = self.0.spawn_local(future);
        set_id(record, joined.id());
        joined
    }
}

impl Future for LocalSet {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context)
    }
}
