//! tokio's barrier, told of.

use super::super::core::Resource;
use super::waiting::{For, always};
use hotpoll_profile::{Library, Mode, ResourceKind};
use std::future::Future;
use std::panic::Location;
use tokio::sync::{Barrier as Inner, BarrierWaitResult};

/// [`tokio::sync::Barrier`], which tells who waits for the others.
#[derive(Debug)]
pub struct Barrier {
    resource: Resource,
    inner: Inner,
}

impl Barrier {
    /// A barrier that goes by the place of this call.
    #[track_caller]
    pub fn new(n: usize) -> Self {
        Self {
            inner: Inner::new(n),
            resource: Resource::new(ResourceKind::Barrier, Library::Tokio),
        }
    }

    /// Gives it a name to go by.
    #[must_use]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.resource.set_name(name);
        self
    }

    /// See [`tokio::sync::Barrier::wait`].
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = BarrierWaitResult> {
        let site = Location::caller();
        async move {
            let what = For::new(&self.resource, Mode::Exclusive, site);
            let result = what.wait(self.inner.wait(), always).await;
            self.resource.used(Mode::Exclusive);
            result
        }
    }
}
