//! tokio's lock for readers and writers, told of: both sides apart.

use super::super::core::{HoldToken, Resource};
use super::read_guards::{OwnedRwLockReadGuard, RwLockReadGuard};
use super::waiting::{For, always, awaited, blocked, unblocked};
use super::write_guards::{OwnedRwLockWriteGuard, RwLockWriteGuard};
use hotpoll_profile::{Library, Mode, ResourceKind};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use tokio::sync::{RwLock as Inner, TryLockError};

/// [`tokio::sync::RwLock`], which tells who holds it and who waits.
pub struct RwLock<T: ?Sized> {
    resource: Resource,
    inner: Inner<T>,
}

impl<T> RwLock<T> {
    #[track_caller]
    const fn around(inner: Inner<T>) -> Self {
        Self {
            resource: Resource::new(ResourceKind::RwLock, Library::Tokio),
            inner,
        }
    }

    /// A lock that goes by the place of this call.
    #[track_caller]
    pub fn new(value: T) -> Self {
        Self::around(Inner::new(value))
    }

    /// See [`tokio::sync::RwLock::with_max_readers`].
    #[track_caller]
    pub fn with_max_readers(value: T, max_reads: u32) -> Self {
        Self::around(Inner::with_max_readers(value, max_reads))
    }

    /// A lock for statics.
    #[track_caller]
    pub const fn const_new(value: T) -> Self {
        Self::around(Inner::const_new(value))
    }

    /// See [`tokio::sync::RwLock::const_with_max_readers`].
    #[track_caller]
    pub const fn const_with_max_readers(value: T, max_reads: u32) -> Self {
        Self::around(Inner::const_with_max_readers(value, max_reads))
    }

    /// Gives it a name to go by.
    #[must_use]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.resource.set_name(name);
        self
    }

    /// See [`tokio::sync::RwLock::into_inner`].
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    fn waits(&self, mode: Mode, site: &'static Location<'static>) -> For<'_> {
        For::new(&self.resource, mode, site)
    }

    fn acquired(&self, mode: Mode, site: &'static Location<'static>) -> HoldToken {
        self.resource.acquired(mode, 1, site)
    }

    /// A writer has become a reader: that was no acquisition.
    pub(super) fn reads_now(&self, site: &'static Location<'static>) -> HoldToken {
        self.resource.held(Mode::Shared, 1, site)
    }

    async fn read_at(&self, site: &'static Location<'static>) -> RwLockReadGuard<'_, T> {
        let what = self.waits(Mode::Shared, site);
        let guard = what.wait(self.inner.read(), always).await;
        RwLockReadGuard {
            hold: awaited(self.acquired(Mode::Shared, site)),
            guard,
        }
    }

    async fn write_at(&self, site: &'static Location<'static>) -> RwLockWriteGuard<'_, T> {
        let what = self.waits(Mode::Exclusive, site);
        let guard = what.wait(self.inner.write(), always).await;
        RwLockWriteGuard {
            hold: awaited(self.acquired(Mode::Exclusive, site)),
            guard,
            lock: self,
        }
    }

    /// See [`tokio::sync::RwLock::read`].
    #[track_caller]
    pub fn read(&self) -> impl Future<Output = RwLockReadGuard<'_, T>> {
        self.read_at(Location::caller())
    }

    /// See [`tokio::sync::RwLock::write`].
    #[track_caller]
    pub fn write(&self) -> impl Future<Output = RwLockWriteGuard<'_, T>> {
        self.write_at(Location::caller())
    }

    /// See [`tokio::sync::RwLock::blocking_read`].
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        let site = Location::caller();
        let what = self.waits(Mode::Shared, site);
        let wait = what.blocks(|| self.inner.try_read().is_ok());
        let guard = self.inner.blocking_read();
        unblocked(wait);
        RwLockReadGuard {
            hold: blocked(self.acquired(Mode::Shared, site)),
            guard,
        }
    }

    /// See [`tokio::sync::RwLock::blocking_write`].
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        let site = Location::caller();
        let what = self.waits(Mode::Exclusive, site);
        let wait = what.blocks(|| self.inner.try_write().is_ok());
        let guard = self.inner.blocking_write();
        unblocked(wait);
        RwLockWriteGuard {
            hold: blocked(self.acquired(Mode::Exclusive, site)),
            guard,
            lock: self,
        }
    }

    /// See [`tokio::sync::RwLock::try_read`].
    #[track_caller]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        match self.inner.try_read() {
            Ok(guard) => Ok(RwLockReadGuard {
                hold: self.acquired(Mode::Shared, Location::caller()),
                guard,
            }),
            Err(taken) => {
                self.resource.try_failed(Mode::Shared);
                Err(taken)
            }
        }
    }

    /// See [`tokio::sync::RwLock::try_write`].
    #[track_caller]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        match self.inner.try_write() {
            Ok(guard) => Ok(RwLockWriteGuard {
                hold: self.acquired(Mode::Exclusive, Location::caller()),
                guard,
                lock: self,
            }),
            Err(taken) => {
                self.resource.try_failed(Mode::Exclusive);
                Err(taken)
            }
        }
    }

    /// See [`tokio::sync::RwLock::get_mut`].
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }
}

impl<T: ?Sized + 'static> RwLock<T> {
    /// See [`tokio::sync::RwLock::read_owned`].
    #[track_caller]
    pub fn read_owned(self: Arc<Self>) -> impl Future<Output = OwnedRwLockReadGuard<T>> {
        let site = Location::caller();
        async move { OwnedRwLockReadGuard::of(self.read_at(site).await, &self) }
    }

    /// See [`tokio::sync::RwLock::try_read_owned`].
    #[track_caller]
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        Ok(OwnedRwLockReadGuard::of(self.try_read()?, &self))
    }

    /// See [`tokio::sync::RwLock::write_owned`].
    #[track_caller]
    pub fn write_owned(self: Arc<Self>) -> impl Future<Output = OwnedRwLockWriteGuard<T>> {
        let site = Location::caller();
        async move { OwnedRwLockWriteGuard::of(self.write_at(site).await, &self) }
    }

    /// See [`tokio::sync::RwLock::try_write_owned`].
    #[track_caller]
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        Ok(OwnedRwLockWriteGuard::of(self.try_write()?, &self))
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}
