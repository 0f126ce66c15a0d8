//! `Barrier`, with the standard library's API.

use crate::sync::GivesUp;
use crate::sync::core::Resource;
use hotpoll_profile::{Library, Mode, ResourceKind};
use std::fmt;
use std::panic::Location;
use std::sync::BarrierWaitResult;

/// The standard library's barrier, telling who waits for the others.
pub struct Barrier {
    told: Resource,
    inner: std::sync::Barrier,
}

impl Barrier {
    /// A barrier for so many threads; it goes by the place of this call, until it is named.
    #[inline]
    #[must_use]
    #[track_caller]
    pub const fn new(threads: usize) -> Self {
        Self {
            told: Resource::at(ResourceKind::Barrier, Library::Std, Location::caller()),
            inner: std::sync::Barrier::new(threads),
        }
    }

    /// Gives it a name.
    #[inline]
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.told.set_name(name);
        self
    }

    /// Waits until so many have come.
    #[track_caller]
    pub fn wait(&self) -> BarrierWaitResult {
        let site = Location::caller();
        (self.told).block_on(Mode::Exclusive, GivesUp::Never, site, || {
            (self.inner.wait(), true)
        })
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
