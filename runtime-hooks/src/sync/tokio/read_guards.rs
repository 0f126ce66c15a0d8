//! Guards of readers, borrowed and owned.
#![allow(unsafe_code)] // An owned guard borrows from what it owns.

use super::super::core::HoldToken;
use super::guards::guard_of;
use super::rwlock::RwLock;
use std::sync::Arc;
use tokio::sync as inner;

/// [`tokio::sync::RwLockReadGuard`].
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    // Before the guard: it names who holds, or nobody.
    pub(super) hold: HoldToken,
    pub(super) guard: inner::RwLockReadGuard<'a, T>,
}

/// [`tokio::sync::OwnedRwLockReadGuard`], of a value that borrows nothing.
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct OwnedRwLockReadGuard<T: ?Sized + 'static, U: ?Sized + 'static = T> {
    hold: HoldToken,
    // Before the lock, which it borrows from.
    guard: inner::RwLockReadGuard<'static, U>,
    lock: Arc<RwLock<T>>,
}

guard_of!(['a, T: ?Sized] RwLockReadGuard<'a, T> => T);
guard_of!([T: ?Sized + 'static, U: ?Sized + 'static] OwnedRwLockReadGuard<T, U> => U);

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// See [`tokio::sync::RwLockReadGuard::map`].
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        RwLockReadGuard {
            guard: inner::RwLockReadGuard::map(this.guard, f),
            hold: this.hold,
        }
    }

    /// See [`tokio::sync::RwLockReadGuard::try_map`].
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let Self { hold, guard } = this;
        match inner::RwLockReadGuard::try_map(guard, f) {
            Ok(guard) => Ok(RwLockReadGuard { hold, guard }),
            Err(guard) => Err(Self { hold, guard }),
        }
    }
}

impl<T: ?Sized + 'static, U: ?Sized + 'static> OwnedRwLockReadGuard<T, U> {
    /// The guard that was got from this very lock.
    pub(super) fn of(guard: RwLockReadGuard<'_, U>, lock: &Arc<RwLock<T>>) -> Self {
        let RwLockReadGuard { hold, guard } = guard;
        // SAFETY: only the lifetime changes. The guard borrows the lock that the Arc beside it keeps where it is (all callers got it from there), and is
        // dropped before the Arc is (order of the fields); nobody gets it out without the Arc.
        let guard = unsafe {
            std::mem::transmute::<inner::RwLockReadGuard<'_, U>, inner::RwLockReadGuard<'static, U>>(
                guard,
            )
        };
        Self {
            hold: hold.movable(),
            guard,
            lock: Arc::clone(lock),
        }
    }

    /// See [`tokio::sync::OwnedRwLockReadGuard::map`].
    pub fn map<F, V: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, V>
    where
        F: FnOnce(&U) -> &V,
    {
        let Self { hold, guard, lock } = this;
        OwnedRwLockReadGuard {
            guard: inner::RwLockReadGuard::map(guard, |value| f(value)),
            hold,
            lock,
        }
    }

    /// See [`tokio::sync::OwnedRwLockReadGuard::try_map`].
    pub fn try_map<F, V: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockReadGuard<T, V>, Self>
    where
        F: FnOnce(&U) -> Option<&V>,
    {
        let Self { hold, guard, lock } = this;
        match inner::RwLockReadGuard::try_map(guard, |value| f(value)) {
            Ok(guard) => Ok(OwnedRwLockReadGuard { hold, guard, lock }),
            Err(guard) => Err(Self { hold, guard, lock }),
        }
    }

    /// See [`tokio::sync::OwnedRwLockReadGuard::rwlock`].
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}
