//! Guards of the mutex: of the whole value and of a part of it, borrowed and owned.
#![allow(unsafe_code)] // An owned guard borrows from what it owns.

use super::super::core::HoldToken;
use super::guards::guard_of;
use super::mutex::Mutex;
use std::sync::Arc;
use tokio::sync as inner;

/// [`tokio::sync::MutexGuard`].
#[must_use = "if unused the Mutex will immediately unlock"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized> {
    // Before the guard: it names who holds, or nobody.
    pub(super) hold: HoldToken,
    pub(super) guard: inner::MutexGuard<'a, T>,
    pub(super) lock: &'a Mutex<T>,
}

/// [`tokio::sync::MappedMutexGuard`].
#[must_use = "if unused the Mutex will immediately unlock"]
#[clippy::has_significant_drop]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    hold: HoldToken,
    guard: inner::MappedMutexGuard<'a, T>,
}

/// [`tokio::sync::OwnedMutexGuard`], of a value that borrows nothing.
#[must_use = "if unused the Mutex will immediately unlock"]
#[clippy::has_significant_drop]
pub struct OwnedMutexGuard<T: ?Sized + 'static> {
    hold: HoldToken,
    // Before the mutex, which it borrows from.
    guard: inner::MutexGuard<'static, T>,
    lock: Arc<Mutex<T>>,
}

/// [`tokio::sync::OwnedMappedMutexGuard`], of a value that borrows nothing.
#[must_use = "if unused the Mutex will immediately unlock"]
#[clippy::has_significant_drop]
pub struct OwnedMappedMutexGuard<T: ?Sized + 'static, U: ?Sized + 'static = T> {
    hold: HoldToken,
    // Before the mutex, which it borrows from.
    guard: inner::MappedMutexGuard<'static, U>,
    lock: Arc<Mutex<T>>,
}

guard_of!(['a, T: ?Sized] MutexGuard<'a, T> => T, mut);
guard_of!(['a, T: ?Sized] MappedMutexGuard<'a, T> => T, mut);
guard_of!([T: ?Sized + 'static] OwnedMutexGuard<T> => T, mut);
guard_of!([T: ?Sized + 'static, U: ?Sized + 'static] OwnedMappedMutexGuard<T, U> => U, mut);

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// See [`tokio::sync::MutexGuard::map`].
    pub fn map<U, F>(this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        MappedMutexGuard {
            guard: inner::MutexGuard::map(this.guard, f),
            hold: this.hold,
        }
    }

    /// See [`tokio::sync::MutexGuard::try_map`].
    pub fn try_map<U, F>(this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Self { hold, guard, lock } = this;
        match inner::MutexGuard::try_map(guard, f) {
            Ok(guard) => Ok(MappedMutexGuard { hold, guard }),
            Err(guard) => Err(Self { hold, guard, lock }),
        }
    }

    /// See [`tokio::sync::MutexGuard::mutex`].
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.lock
    }
}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// See [`tokio::sync::MappedMutexGuard::map`].
    pub fn map<U, F>(this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        MappedMutexGuard {
            guard: inner::MappedMutexGuard::map(this.guard, f),
            hold: this.hold,
        }
    }

    /// See [`tokio::sync::MappedMutexGuard::try_map`].
    pub fn try_map<U, F>(this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Self { hold, guard } = this;
        match inner::MappedMutexGuard::try_map(guard, f) {
            Ok(guard) => Ok(MappedMutexGuard { hold, guard }),
            Err(guard) => Err(Self { hold, guard }),
        }
    }
}

impl<T: ?Sized + 'static> OwnedMutexGuard<T> {
    /// The guard that was got from this very mutex.
    pub(super) fn of(guard: MutexGuard<'_, T>, lock: &Arc<Mutex<T>>) -> Self {
        debug_assert!(std::ptr::eq(guard.lock, Arc::as_ptr(lock)));
        let MutexGuard { hold, guard, .. } = guard;
        // SAFETY: only the lifetime changes. The guard borrows the mutex that the Arc beside it keeps where it is, and is dropped before the Arc is
        // (order of the fields); nobody gets it out without the Arc.
        let guard = unsafe {
            std::mem::transmute::<inner::MutexGuard<'_, T>, inner::MutexGuard<'static, T>>(guard)
        };
        Self {
            hold: hold.movable(),
            guard,
            lock: Arc::clone(lock),
        }
    }

    /// See [`tokio::sync::OwnedMutexGuard::map`].
    pub fn map<U, F>(this: Self, f: F) -> OwnedMappedMutexGuard<T, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let Self { hold, guard, lock } = this;
        OwnedMappedMutexGuard {
            guard: inner::MutexGuard::map(guard, |value| f(value)),
            hold,
            lock,
        }
    }

    /// See [`tokio::sync::OwnedMutexGuard::try_map`].
    pub fn try_map<U, F>(this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Self { hold, guard, lock } = this;
        match inner::MutexGuard::try_map(guard, |value| f(value)) {
            Ok(guard) => Ok(OwnedMappedMutexGuard { hold, guard, lock }),
            Err(guard) => Err(Self { hold, guard, lock }),
        }
    }

    /// See [`tokio::sync::OwnedMutexGuard::mutex`].
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.lock
    }
}

impl<T: ?Sized + 'static, U: ?Sized + 'static> OwnedMappedMutexGuard<T, U> {
    /// See [`tokio::sync::OwnedMappedMutexGuard::map`].
    pub fn map<S, F>(this: Self, f: F) -> OwnedMappedMutexGuard<T, S>
    where
        F: FnOnce(&mut U) -> &mut S,
    {
        let Self { hold, guard, lock } = this;
        OwnedMappedMutexGuard {
            guard: inner::MappedMutexGuard::map(guard, |value| f(value)),
            hold,
            lock,
        }
    }

    /// See [`tokio::sync::OwnedMappedMutexGuard::try_map`].
    pub fn try_map<S, F>(this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, S>, Self>
    where
        F: FnOnce(&mut U) -> Option<&mut S>,
    {
        let Self { hold, guard, lock } = this;
        match inner::MappedMutexGuard::try_map(guard, |value| f(value)) {
            Ok(guard) => Ok(OwnedMappedMutexGuard { hold, guard, lock }),
            Err(guard) => Err(Self { hold, guard, lock }),
        }
    }
}
