//! Permits of a semaphore, borrowed and owned.
#![allow(unsafe_code)] // An owned permit borrows from what it owns.

use super::super::core::HoldToken;
use super::semaphore::Semaphore;
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync as inner;

/// Says how many permits there are, after some were given back.
#[derive(Debug)]
struct TellsLast<S: Deref<Target = Semaphore>>(S);

impl<S: Deref<Target = Semaphore>> Drop for TellsLast<S> {
    #[inline]
    fn drop(&mut self) {
        self.0.tell();
    }
}

/// [`tokio::sync::SemaphorePermit`].
#[must_use]
#[clippy::has_significant_drop]
pub struct SemaphorePermit<'a> {
    // In this order: nobody holds it, it is given back, the number is told.
    hold: HoldToken,
    permit: inner::SemaphorePermit<'a>,
    semaphore: TellsLast<&'a Semaphore>,
}

/// [`tokio::sync::OwnedSemaphorePermit`].
#[must_use]
#[clippy::has_significant_drop]
pub struct OwnedSemaphorePermit {
    hold: HoldToken,
    // Before the semaphore, which it borrows from.
    permit: inner::SemaphorePermit<'static>,
    semaphore: TellsLast<Arc<Semaphore>>,
}

impl<'a> SemaphorePermit<'a> {
    pub(super) fn new(
        hold: HoldToken,
        permit: inner::SemaphorePermit<'a>,
        semaphore: &'a Semaphore,
    ) -> Self {
        Self {
            hold,
            permit,
            semaphore: TellsLast(semaphore),
        }
    }

    /// See [`tokio::sync::SemaphorePermit::forget`].
    pub fn forget(self) {
        let permits = self.permit.num_permits();
        self.permit.forget();
        self.semaphore.0.forgot(permits);
    }

    /// See [`tokio::sync::SemaphorePermit::merge`].
    #[track_caller]
    pub fn merge(&mut self, other: Self) {
        self.permit.merge(other.permit);
        drop(other.hold);
        self.hold.set_amount(self.permit.num_permits() as u64);
    }

    /// See [`tokio::sync::SemaphorePermit::split`].
    pub fn split(&mut self, n: usize) -> Option<Self> {
        let permit = self.permit.split(n)?;
        Some(Self::new(
            self.hold.split(n as u64),
            permit,
            self.semaphore.0,
        ))
    }

    /// See [`tokio::sync::SemaphorePermit::semaphore`].
    pub fn semaphore(&self) -> &Semaphore {
        self.semaphore.0
    }

    /// See [`tokio::sync::SemaphorePermit::num_permits`].
    pub fn num_permits(&self) -> usize {
        self.permit.num_permits()
    }
}

impl OwnedSemaphorePermit {
    /// The permit that was got from this very semaphore.
    pub(super) fn of(permit: SemaphorePermit<'_>, semaphore: &Arc<Semaphore>) -> Self {
        debug_assert!(std::ptr::eq(permit.semaphore.0, Arc::as_ptr(semaphore)));
        let SemaphorePermit { hold, permit, .. } = permit;
        // SAFETY: only the lifetime changes. The permit borrows the semaphore that the Arc beside it keeps where it is, and is dropped before the Arc
        // is (order of the fields); nobody gets it out without the Arc.
        let permit = unsafe {
            std::mem::transmute::<inner::SemaphorePermit<'_>, inner::SemaphorePermit<'static>>(
                permit,
            )
        };
        Self {
            hold: hold.movable(),
            permit,
            semaphore: TellsLast(Arc::clone(semaphore)),
        }
    }

    /// See [`tokio::sync::OwnedSemaphorePermit::forget`].
    pub fn forget(self) {
        let permits = self.permit.num_permits();
        self.permit.forget();
        self.semaphore.0.forgot(permits);
    }

    /// See [`tokio::sync::OwnedSemaphorePermit::merge`].
    #[track_caller]
    pub fn merge(&mut self, other: Self) {
        let Self {
            hold,
            permit,
            semaphore: _kept,
        } = other;
        self.permit.merge(permit);
        drop(hold);
        self.hold.set_amount(self.permit.num_permits() as u64);
    }

    /// See [`tokio::sync::OwnedSemaphorePermit::split`].
    pub fn split(&mut self, n: usize) -> Option<Self> {
        Some(Self {
            permit: self.permit.split(n)?,
            hold: self.hold.split(n as u64),
            semaphore: TellsLast(Arc::clone(&self.semaphore.0)),
        })
    }

    /// See [`tokio::sync::OwnedSemaphorePermit::semaphore`].
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore.0
    }

    /// See [`tokio::sync::OwnedSemaphorePermit::num_permits`].
    pub fn num_permits(&self) -> usize {
        self.permit.num_permits()
    }
}

impl std::fmt::Debug for SemaphorePermit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.permit.fmt(f)
    }
}

impl std::fmt::Debug for OwnedSemaphorePermit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let permits = self.num_permits();
        f.debug_struct("OwnedSemaphorePermit")
            .field("sem", &self.semaphore.0)
            .field("permits", &permits)
            .finish()
    }
}
