//! Guards of writers: of the whole value and of a part of it, borrowed and owned.
#![allow(unsafe_code)] // An owned guard borrows from what it owns.

use super::super::core::HoldToken;
use super::guards::guard_of;
use super::read_guards::{OwnedRwLockReadGuard, RwLockReadGuard};
use super::rwlock::RwLock;
use std::panic::Location;
use std::sync::Arc;
use tokio::sync as inner;

/// [`tokio::sync::RwLockWriteGuard`].
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    // Before the guard: it names who holds, or nobody.
    pub(super) hold: HoldToken,
    pub(super) guard: inner::RwLockWriteGuard<'a, T>,
    pub(super) lock: &'a RwLock<T>,
}

/// [`tokio::sync::RwLockMappedWriteGuard`].
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized> {
    hold: HoldToken,
    guard: inner::RwLockMappedWriteGuard<'a, T>,
}

/// [`tokio::sync::OwnedRwLockWriteGuard`], of a value that borrows nothing.
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct OwnedRwLockWriteGuard<T: ?Sized + 'static> {
    hold: HoldToken,
    // Before the lock, which it borrows from.
    guard: inner::RwLockWriteGuard<'static, T>,
    lock: Arc<RwLock<T>>,
}

/// [`tokio::sync::OwnedRwLockMappedWriteGuard`], of a value that borrows nothing.
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct OwnedRwLockMappedWriteGuard<T: ?Sized + 'static, U: ?Sized + 'static = T> {
    hold: HoldToken,
    // Before the lock, which it borrows from.
    guard: inner::RwLockMappedWriteGuard<'static, U>,
    lock: Arc<RwLock<T>>,
}

guard_of!(['a, T: ?Sized] RwLockWriteGuard<'a, T> => T, mut);
guard_of!(['a, T: ?Sized] RwLockMappedWriteGuard<'a, T> => T, mut);
guard_of!([T: ?Sized + 'static] OwnedRwLockWriteGuard<T> => T, mut);
guard_of!([T: ?Sized + 'static, U: ?Sized + 'static] OwnedRwLockMappedWriteGuard<T, U> => U, mut);

/// A writer has become a reader.
fn reads_now<T: ?Sized>(
    lock: &RwLock<T>,
    hold: HoldToken,
    site: &'static Location<'static>,
) -> HoldToken {
    let in_set = hold.is_in_set();
    drop(hold);
    let reads = lock.reads_now(site);
    if in_set { reads.in_set() } else { reads }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// See [`tokio::sync::RwLockWriteGuard::map`].
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        RwLockMappedWriteGuard {
            guard: inner::RwLockWriteGuard::map(this.guard, f),
            hold: this.hold,
        }
    }

    /// See [`tokio::sync::RwLockWriteGuard::try_map`].
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Self { hold, guard, lock } = this;
        match inner::RwLockWriteGuard::try_map(guard, f) {
            Ok(guard) => Ok(RwLockMappedWriteGuard { hold, guard }),
            Err(guard) => Err(Self { hold, guard, lock }),
        }
    }

    /// See [`tokio::sync::RwLockWriteGuard::downgrade_map`].
    #[track_caller]
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let Self { hold, guard, lock } = this;
        let guard = inner::RwLockWriteGuard::downgrade_map(guard, f);
        let hold = reads_now(lock, hold, Location::caller());
        RwLockReadGuard { hold, guard }
    }

    /// See [`tokio::sync::RwLockWriteGuard::try_downgrade_map`].
    #[track_caller]
    pub fn try_downgrade_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let Self { hold, guard, lock } = this;
        match inner::RwLockWriteGuard::try_downgrade_map(guard, f) {
            Ok(guard) => {
                let hold = reads_now(lock, hold, Location::caller());
                Ok(RwLockReadGuard { hold, guard })
            }
            Err(guard) => Err(Self { hold, guard, lock }),
        }
    }

    /// See [`tokio::sync::RwLockWriteGuard::into_mapped`].
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        RwLockMappedWriteGuard {
            guard: inner::RwLockWriteGuard::into_mapped(this.guard),
            hold: this.hold,
        }
    }

    /// See [`tokio::sync::RwLockWriteGuard::downgrade`].
    #[track_caller]
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        Self::downgrade_map(self, |value| value)
    }
}

impl<'a, T: ?Sized> RwLockMappedWriteGuard<'a, T> {
    /// See [`tokio::sync::RwLockMappedWriteGuard::map`].
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        RwLockMappedWriteGuard {
            guard: inner::RwLockMappedWriteGuard::map(this.guard, f),
            hold: this.hold,
        }
    }

    /// See [`tokio::sync::RwLockMappedWriteGuard::try_map`].
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Self { hold, guard } = this;
        match inner::RwLockMappedWriteGuard::try_map(guard, f) {
            Ok(guard) => Ok(RwLockMappedWriteGuard { hold, guard }),
            Err(guard) => Err(Self { hold, guard }),
        }
    }
}

impl<T: ?Sized + 'static> OwnedRwLockWriteGuard<T> {
    /// The guard that was got from this very lock.
    pub(super) fn of(guard: RwLockWriteGuard<'_, T>, lock: &Arc<RwLock<T>>) -> Self {
        debug_assert!(std::ptr::eq(guard.lock, Arc::as_ptr(lock)));
        let RwLockWriteGuard { hold, guard, .. } = guard;
        // SAFETY: only the lifetime changes. The guard borrows the lock that the Arc beside it keeps where it is, and is dropped before the Arc is
        // (order of the fields); nobody gets it out without the Arc.
        let guard = unsafe {
            std::mem::transmute::<inner::RwLockWriteGuard<'_, T>, inner::RwLockWriteGuard<'static, T>>(
                guard,
            )
        };
        Self {
            hold: hold.movable(),
            guard,
            lock: Arc::clone(lock),
        }
    }

    /// As a reader's, borrowed from the Arc that goes along.
    fn reads(
        hold: HoldToken,
        guard: inner::RwLockReadGuard<'static, T>,
        lock: &Arc<RwLock<T>>,
        site: &'static Location<'static>,
    ) -> OwnedRwLockReadGuard<T> {
        let hold = reads_now(lock, hold, site);
        OwnedRwLockReadGuard::of(RwLockReadGuard { hold, guard }, lock)
    }

    /// See [`tokio::sync::OwnedRwLockWriteGuard::map`].
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let Self { hold, guard, lock } = this;
        OwnedRwLockMappedWriteGuard {
            guard: inner::RwLockWriteGuard::map(guard, |value| f(value)),
            hold,
            lock,
        }
    }

    /// See [`tokio::sync::OwnedRwLockWriteGuard::try_map`].
    pub fn try_map<F, U: ?Sized>(
        this: Self,
        f: F,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Self { hold, guard, lock } = this;
        match inner::RwLockWriteGuard::try_map(guard, |value| f(value)) {
            Ok(guard) => Ok(OwnedRwLockMappedWriteGuard { hold, guard, lock }),
            Err(guard) => Err(Self { hold, guard, lock }),
        }
    }

    /// See [`tokio::sync::OwnedRwLockWriteGuard::downgrade_map`].
    #[track_caller]
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, U>
    where
        F: FnOnce(&T) -> &U,
    {
        OwnedRwLockReadGuard::map(this.downgrade(), f)
    }

    /// See [`tokio::sync::OwnedRwLockWriteGuard::try_downgrade_map`].
    #[track_caller]
    pub fn try_downgrade_map<F, U: ?Sized>(
        this: Self,
        f: F,
    ) -> Result<OwnedRwLockReadGuard<T, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let Self { hold, guard, lock } = this;
        match inner::RwLockWriteGuard::try_downgrade_map(guard, |value| f(value)) {
            Ok(guard) => {
                let hold = reads_now(&lock, hold, Location::caller());
                Ok(OwnedRwLockReadGuard::of(
                    RwLockReadGuard { hold, guard },
                    &lock,
                ))
            }
            Err(guard) => Err(Self { hold, guard, lock }),
        }
    }

    /// See [`tokio::sync::OwnedRwLockWriteGuard::into_mapped`].
    pub fn into_mapped(this: Self) -> OwnedRwLockMappedWriteGuard<T> {
        let Self { hold, guard, lock } = this;
        OwnedRwLockMappedWriteGuard {
            guard: inner::RwLockWriteGuard::into_mapped(guard),
            hold,
            lock,
        }
    }

    /// See [`tokio::sync::OwnedRwLockWriteGuard::downgrade`].
    #[track_caller]
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        let Self { hold, guard, lock } = self;
        Self::reads(hold, guard.downgrade(), &lock, Location::caller())
    }

    /// See [`tokio::sync::OwnedRwLockWriteGuard::rwlock`].
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}

impl<T: ?Sized + 'static, U: ?Sized + 'static> OwnedRwLockMappedWriteGuard<T, U> {
    /// See [`tokio::sync::OwnedRwLockMappedWriteGuard::map`].
    pub fn map<F, V: ?Sized>(this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, V>
    where
        F: FnOnce(&mut U) -> &mut V,
    {
        let Self { hold, guard, lock } = this;
        OwnedRwLockMappedWriteGuard {
            guard: inner::RwLockMappedWriteGuard::map(guard, |value| f(value)),
            hold,
            lock,
        }
    }

    /// See [`tokio::sync::OwnedRwLockMappedWriteGuard::try_map`].
    pub fn try_map<F, V: ?Sized>(
        this: Self,
        f: F,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, V>, Self>
    where
        F: FnOnce(&mut U) -> Option<&mut V>,
    {
        let Self { hold, guard, lock } = this;
        match inner::RwLockMappedWriteGuard::try_map(guard, |value| f(value)) {
            Ok(guard) => Ok(OwnedRwLockMappedWriteGuard { hold, guard, lock }),
            Err(guard) => Err(Self { hold, guard, lock }),
        }
    }

    /// See [`tokio::sync::OwnedRwLockMappedWriteGuard::rwlock`].
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}
