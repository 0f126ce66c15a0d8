//! tokio's mutex, told of.

use super::super::core::{HoldToken, Resource};
use super::mutex_guards::{MutexGuard, OwnedMutexGuard};
use super::waiting::{For, always, awaited, blocked, unblocked};
use hotpoll_profile::{Library, Mode, ResourceKind};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use tokio::sync::{Mutex as Inner, TryLockError};

/// [`tokio::sync::Mutex`], which tells who holds it and who waits.
pub struct Mutex<T: ?Sized> {
    resource: Resource,
    inner: Inner<T>,
}

impl<T> Mutex<T> {
    /// A mutex that goes by the place of this call.
    #[track_caller]
    pub fn new(value: T) -> Self {
        Self {
            resource: Resource::new(ResourceKind::Mutex, Library::Tokio),
            inner: Inner::new(value),
        }
    }

    /// The same for statics.
    #[track_caller]
    pub const fn const_new(value: T) -> Self {
        Self {
            resource: Resource::new(ResourceKind::Mutex, Library::Tokio),
            inner: Inner::const_new(value),
        }
    }

    /// Gives it a name to go by.
    #[must_use]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.resource.set_name(name);
        self
    }

    /// See [`tokio::sync::Mutex::into_inner`].
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    #[inline]
    fn waits(&self, site: &'static Location<'static>) -> For<'_> {
        For::new(&self.resource, Mode::Exclusive, site)
    }

    #[inline]
    fn acquired(&self, site: &'static Location<'static>) -> HoldToken {
        self.resource.acquired(Mode::Exclusive, 1, site)
    }

    /// See [`tokio::sync::Mutex::lock`].
    #[track_caller]
    pub fn lock(&self) -> impl Future<Output = MutexGuard<'_, T>> {
        self.lock_at(Location::caller())
    }

    #[inline]
    async fn lock_at(&self, site: &'static Location<'static>) -> MutexGuard<'_, T> {
        let guard = self.waits(site).wait(self.inner.lock(), always).await;
        MutexGuard {
            hold: awaited(self.acquired(site)),
            guard,
            lock: self,
        }
    }

    /// See [`tokio::sync::Mutex::blocking_lock`].
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        let site = Location::caller();
        let wait = self.waits(site).blocks(|| self.inner.try_lock().is_ok());
        let guard = self.inner.blocking_lock();
        unblocked(wait);
        MutexGuard {
            hold: blocked(self.acquired(site)),
            guard,
            lock: self,
        }
    }

    /// See [`tokio::sync::Mutex::try_lock`].
    #[track_caller]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        match self.inner.try_lock() {
            Ok(guard) => Ok(MutexGuard {
                hold: self.acquired(Location::caller()),
                guard,
                lock: self,
            }),
            Err(taken) => {
                self.resource.try_failed(Mode::Exclusive);
                Err(taken)
            }
        }
    }

    /// See [`tokio::sync::Mutex::get_mut`].
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }
}

impl<T: ?Sized + 'static> Mutex<T> {
    /// See [`tokio::sync::Mutex::lock_owned`].
    #[track_caller]
    pub fn lock_owned(self: Arc<Self>) -> impl Future<Output = OwnedMutexGuard<T>> {
        let site = Location::caller();
        async move { OwnedMutexGuard::of(self.lock_at(site).await, &self) }
    }

    /// See [`tokio::sync::Mutex::blocking_lock_owned`].
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        OwnedMutexGuard::of(self.blocking_lock(), &self)
    }

    /// See [`tokio::sync::Mutex::try_lock_owned`].
    #[track_caller]
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        Ok(OwnedMutexGuard::of(self.try_lock()?, &self))
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}
