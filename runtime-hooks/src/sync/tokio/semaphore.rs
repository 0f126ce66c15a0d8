//! tokio's semaphore, told of.

use super::super::core::{HoldToken, Resource, is_on};
use super::permits::{OwnedSemaphorePermit, SemaphorePermit};
use super::waiting::{For, awaited, blocked, unblocked};
use hotpoll_profile::{Library, Mode, Permits, ResourceKind};
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, Ordering::Relaxed, fence};
use tokio::sync::{AcquireError, Semaphore as Inner, TryAcquireError};

/// How often the permits are read again while they change.
const MOST_READS: usize = 1000;

/// [`tokio::sync::Semaphore`], which tells who holds its permits and who waits for them.
pub struct Semaphore {
    resource: Resource,
    /// Permits there are in all: those that were added, without those that were forgotten.
    total: AtomicUsize,
    /// It was made without any: others add them, as a signal.
    is_signal: bool,
    inner: Inner,
}

impl Semaphore {
    /// See [`tokio::sync::Semaphore::MAX_PERMITS`].
    pub const MAX_PERMITS: usize = Inner::MAX_PERMITS;

    /// A semaphore that goes by the place of this call.
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        Self {
            inner: Inner::new(permits),
            resource: Resource::new(ResourceKind::Semaphore, Library::Tokio),
            total: AtomicUsize::new(permits),
            is_signal: permits == 0,
        }
    }

    /// The same for statics.
    #[track_caller]
    pub const fn const_new(permits: usize) -> Self {
        Self {
            inner: Inner::const_new(permits),
            resource: Resource::new(ResourceKind::Semaphore, Library::Tokio),
            total: AtomicUsize::new(permits),
            is_signal: permits == 0,
        }
    }

    /// Gives it a name to go by.
    #[must_use]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.resource.set_name(name);
        self
    }

    /// See [`tokio::sync::Semaphore::available_permits`].
    pub fn available_permits(&self) -> usize {
        self.inner.available_permits()
    }

    /// See [`tokio::sync::Semaphore::add_permits`].
    pub fn add_permits(&self, n: usize) {
        self.inner.add_permits(n);
        self.total.fetch_add(n, Relaxed);
        self.tell();
    }

    /// See [`tokio::sync::Semaphore::forget_permits`].
    pub fn forget_permits(&self, n: usize) -> usize {
        let forgotten = self.inner.forget_permits(n);
        self.forgot(forgotten);
        forgotten
    }

    pub(super) fn forgot(&self, permits: usize) {
        self.total.fetch_sub(permits, Relaxed);
        self.tell();
    }

    /// Says how many permits there are. They are tokio's own number, read again after it was told: so the last one who changes it tells the last one.
    #[inline]
    pub(super) fn tell(&self) {
        if is_on() {
            self.tell_permits();
        }
    }

    fn tell_permits(&self) {
        for _ in 0..MOST_READS {
            let available = self.inner.available_permits();
            let total = self.total.load(Relaxed);
            self.resource.set_permits(Permits {
                total: total as u64,
                available: available as u64,
                is_signal: self.is_signal,
                last_granted_ns: 0,
            });
            // What was told is there before the numbers are read again.
            fence(Ordering::SeqCst);
            if (available, total) == (self.inner.available_permits(), self.total.load(Relaxed)) {
                break;
            }
        }
    }

    fn waits(&self, permits: u32, site: &'static Location<'static>) -> For<'_> {
        For::new(&self.resource, Mode::Exclusive, site).amount(permits.into())
    }

    fn acquired(&self, permits: u32, site: &'static Location<'static>) -> HoldToken {
        let hold = self
            .resource
            .acquired(Mode::Exclusive, permits.into(), site);
        self.tell();
        hold
    }

    async fn acquire_at(
        &self,
        permits: u32,
        site: &'static Location<'static>,
    ) -> Result<SemaphorePermit<'_>, AcquireError> {
        let acquire = self.inner.acquire_many(permits);
        let permit = self
            .waits(permits, site)
            .wait(acquire, Result::is_ok)
            .await?;
        let hold = awaited(self.acquired(permits, site));
        Ok(SemaphorePermit::new(hold, permit, self))
    }

    /// See [`tokio::sync::Semaphore::acquire`].
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = Result<SemaphorePermit<'_>, AcquireError>> {
        self.acquire_at(1, Location::caller())
    }

    /// See [`tokio::sync::Semaphore::acquire_many`].
    #[track_caller]
    pub fn acquire_many(
        &self,
        n: u32,
    ) -> impl Future<Output = Result<SemaphorePermit<'_>, AcquireError>> {
        self.acquire_at(n, Location::caller())
    }

    /// See [`tokio::sync::Semaphore::try_acquire`].
    #[track_caller]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// See [`tokio::sync::Semaphore::try_acquire_many`].
    #[track_caller]
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        match self.inner.try_acquire_many(n) {
            Ok(permit) => {
                let hold = self.acquired(n, Location::caller());
                Ok(SemaphorePermit::new(hold, permit, self))
            }
            Err(why) => {
                if why == TryAcquireError::NoPermits {
                    self.resource.try_failed(Mode::Exclusive);
                }
                Err(why)
            }
        }
    }

    /// See [`tokio::sync::Semaphore::blocking_acquire`].
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.blocking_acquire_many(1)
    }

    /// See [`tokio::sync::Semaphore::blocking_acquire_many`].
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        let site = Location::caller();
        let free = || self.available_permits() >= n as usize || self.is_closed();
        let wait = self.waits(n, site).blocks(free);
        let permit = self.inner.blocking_acquire_many(n)?;
        unblocked(wait);
        self.resource.has_granted();
        let hold = blocked(self.acquired(n, site));
        Ok(SemaphorePermit::new(hold, permit, self))
    }

    async fn acquire_owned_at(
        self: Arc<Self>,
        permits: u32,
        site: &'static Location<'static>,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        let permit = self.acquire_at(permits, site).await?;
        Ok(OwnedSemaphorePermit::of(permit, &self))
    }

    /// See [`tokio::sync::Semaphore::acquire_owned`].
    #[track_caller]
    pub fn acquire_owned(
        self: Arc<Self>,
    ) -> impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>> {
        self.acquire_owned_at(1, Location::caller())
    }

    /// See [`tokio::sync::Semaphore::acquire_many_owned`].
    #[track_caller]
    pub fn acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>> {
        self.acquire_owned_at(n, Location::caller())
    }

    /// See [`tokio::sync::Semaphore::try_acquire_owned`].
    #[track_caller]
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        Ok(OwnedSemaphorePermit::of(self.try_acquire()?, &self))
    }

    /// See [`tokio::sync::Semaphore::try_acquire_many_owned`].
    #[track_caller]
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        Ok(OwnedSemaphorePermit::of(self.try_acquire_many(n)?, &self))
    }

    /// See [`tokio::sync::Semaphore::blocking_acquire_owned`].
    #[track_caller]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        Ok(OwnedSemaphorePermit::of(self.blocking_acquire()?, &self))
    }

    /// See [`tokio::sync::Semaphore::blocking_acquire_many_owned`].
    #[track_caller]
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        Ok(OwnedSemaphorePermit::of(
            self.blocking_acquire_many(n)?,
            &self,
        ))
    }

    /// See [`tokio::sync::Semaphore::close`].
    pub fn close(&self) {
        self.inner.close();
    }

    /// See [`tokio::sync::Semaphore::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }
}

impl std::fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}
