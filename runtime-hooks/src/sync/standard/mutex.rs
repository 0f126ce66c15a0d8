//! `Mutex`, with the standard library's API.

use crate::sync::GivesUp;
use crate::sync::core::{LockWords, is_on};
use hotpoll_profile::{Library, Mode, ResourceKind};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

/// The standard library's mutex, telling who holds it and who waits.
pub struct Mutex<T: ?Sized> {
    pub(super) words: LockWords,
    inner: std::sync::Mutex<T>,
}

/// A guard of a [`Mutex`].
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T: ?Sized> {
    inner: ManuallyDrop<std::sync::MutexGuard<'a, T>>,
    pub(super) lock: &'a Mutex<T>,
}

impl<T> Mutex<T> {
    /// A mutex that goes by the place of this call, until it is named.
    #[inline]
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self {
            words: LockWords::new(ResourceKind::Mutex, Library::Std, Location::caller()),
            inner: std::sync::Mutex::new(value),
        }
    }

    /// A mutex with a name, for statics.
    #[inline]
    #[track_caller]
    pub const fn new_named(value: T, name: &'static str) -> Self {
        let mut words = LockWords::new(ResourceKind::Mutex, Library::Std, Location::caller());
        words.set_name(name);
        Self {
            words,
            inner: std::sync::Mutex::new(value),
        }
    }

    /// Gives it a name.
    #[inline]
    pub fn named(mut self, name: &'static str) -> Self {
        self.words.set_name(name);
        self
    }

    /// Takes the value out.
    ///
    /// # Errors
    /// When it is poisoned.
    pub fn into_inner(self) -> LockResult<T> {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks, and waits for that as long as it takes.
    ///
    /// # Errors
    /// When it is poisoned; the guard is in the error.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        if !is_on() {
            return self.guarded(self.inner.lock());
        }
        let site = Location::caller();
        if let Some(locked) = self.at_once() {
            self.words.taken(site);
            return self.guarded(locked);
        }
        let again = || self.at_once();
        let block = || Some(self.inner.lock());
        match (self.words).wait_for(Mode::Exclusive, GivesUp::Never, site, again, block) {
            Some(locked) => self.guarded(locked),
            None => unreachable!("the lock comes back with the lock"),
        }
    }

    /// Locks, if nobody else has it.
    ///
    /// # Errors
    /// When somebody has it, or it is poisoned; the guard is in the error then.
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        match self.at_once() {
            Some(locked) => {
                if is_on() {
                    self.words.taken(Location::caller());
                }
                Ok(self.guarded(locked)?)
            }
            None => {
                self.words.try_failed(Mode::Exclusive);
                Err(TryLockError::WouldBlock)
            }
        }
    }

    /// The lock, poisoned or not, if nobody has it.
    #[inline(always)]
    fn at_once(&self) -> Option<LockResult<std::sync::MutexGuard<'_, T>>> {
        match self.inner.try_lock() {
            Ok(guard) => Some(Ok(guard)),
            Err(TryLockError::Poisoned(poisoned)) => Some(Err(poisoned)),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    #[inline(always)]
    fn guarded<'a>(
        &'a self,
        locked: LockResult<std::sync::MutexGuard<'a, T>>,
    ) -> LockResult<MutexGuard<'a, T>> {
        let guard = |inner| MutexGuard {
            inner: ManuallyDrop::new(inner),
            lock: self,
        };
        match locked {
            Ok(inner) => Ok(guard(inner)),
            Err(poisoned) => Err(PoisonError::new(guard(poisoned.into_inner()))),
        }
    }

    /// Whether it is poisoned.
    #[inline]
    pub fn is_poisoned(&self) -> bool {
        self.inner.is_poisoned()
    }

    /// It is not poisoned any more.
    #[inline]
    pub fn clear_poison(&self) {
        self.inner.clear_poison();
        if is_on() {
            self.words.set_poisoned(false);
        }
    }

    /// The value: nobody else can have it.
    ///
    /// # Errors
    /// When it is poisoned.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.inner.get_mut()
    }

    /// The number that samples carry for it.
    pub fn id(&self) -> u64 {
        self.words.id()
    }

    #[cold]
    fn tell_poison(&self) {
        if is_on() && self.inner.is_poisoned() {
            self.words.set_poisoned(true);
        }
    }
}

#[allow(unsafe_code)] // A guard is taken out of another.
impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The standard library's guard, for its condition variable; the words are told by who takes it.
    pub(super) fn take(self) -> (std::sync::MutexGuard<'a, T>, &'a Mutex<T>) {
        let mut guard = ManuallyDrop::new(self);
        // SAFETY: once, as the guard around it is not dropped and not used again.
        (unsafe { ManuallyDrop::take(&mut guard.inner) }, guard.lock)
    }

    /// The guard around the standard library's.
    pub(super) fn around(
        lock: &'a Mutex<T>,
        locked: LockResult<std::sync::MutexGuard<'a, T>>,
    ) -> LockResult<Self> {
        lock.guarded(locked)
    }
}

#[allow(unsafe_code)] // The standard library's guard goes before what comes after it.
impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.words.released();
        // SAFETY: once, here.
        unsafe { ManuallyDrop::drop(&mut self.inner) };
        if std::thread::panicking() {
            self.lock.tell_poison();
        }
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
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
