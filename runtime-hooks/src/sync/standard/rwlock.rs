//! `RwLock`, with the standard library's API.

use crate::sync::GivesUp;
use crate::sync::core::{LockWords, SharedHold, is_on};
use hotpoll_profile::{Library, Mode, ResourceKind};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

type StdRead<'a, T> = std::sync::RwLockReadGuard<'a, T>;
type StdWrite<'a, T> = std::sync::RwLockWriteGuard<'a, T>;

/// The standard library's reader-writer lock, telling who reads, who writes and who waits.
pub struct RwLock<T: ?Sized> {
    words: LockWords,
    inner: std::sync::RwLock<T>,
}

/// A reader's guard of an [`RwLock`].
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    inner: ManuallyDrop<StdRead<'a, T>>,
    hold: ManuallyDrop<SharedHold>,
    // Not the lock: that would have the guard be of one `T` exactly, which the library's own is not.
    words: &'a LockWords,
}

/// A writer's guard of an [`RwLock`].
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    inner: ManuallyDrop<StdWrite<'a, T>>,
    lock: &'a RwLock<T>,
}

impl<T> RwLock<T> {
    /// A lock that goes by the place of this call, until it is named.
    #[inline]
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self {
            words: LockWords::new(ResourceKind::RwLock, Library::Std, Location::caller()),
            inner: std::sync::RwLock::new(value),
        }
    }

    /// A lock with a name, for statics.
    #[inline]
    #[track_caller]
    pub const fn new_named(value: T, name: &'static str) -> Self {
        let mut words = LockWords::new(ResourceKind::RwLock, Library::Std, Location::caller());
        words.set_name(name);
        Self {
            words,
            inner: std::sync::RwLock::new(value),
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

/// What a try came back with: the lock, poisoned or not, or nothing.
#[inline(always)]
fn at_once<G>(tried: TryLockResult<G>) -> Option<LockResult<G>> {
    match tried {
        Ok(guard) => Some(Ok(guard)),
        Err(TryLockError::Poisoned(poisoned)) => Some(Err(poisoned)),
        Err(TryLockError::WouldBlock) => None,
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks to read, and waits for that as long as it takes.
    ///
    /// # Errors
    /// When it is poisoned; the guard is in the error.
    #[inline]
    #[track_caller]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        if !is_on() {
            return self.reading(self.inner.read(), SharedHold::untold());
        }
        let site = Location::caller();
        if let Some(locked) = at_once(self.inner.try_read()) {
            let hold = self.words.taken_shared(site);
            return self.reading(locked, hold);
        }
        let again = || at_once(self.inner.try_read());
        let block = || Some(self.inner.read());
        match (self.words).wait_for_shared(GivesUp::Never, site, again, block) {
            Some((locked, hold)) => self.reading(locked, hold),
            None => unreachable!("the lock comes back with the lock"),
        }
    }

    /// Locks to read, if no writer has it.
    ///
    /// # Errors
    /// When a writer has it, or it is poisoned; the guard is in the error then.
    #[inline]
    #[track_caller]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        match at_once(self.inner.try_read()) {
            Some(locked) => {
                let hold = match is_on() {
                    true => self.words.taken_shared(Location::caller()),
                    false => SharedHold::untold(),
                };
                Ok(self.reading(locked, hold)?)
            }
            None => {
                self.words.try_failed(Mode::Shared);
                Err(TryLockError::WouldBlock)
            }
        }
    }

    /// Locks to write, and waits for that as long as it takes.
    ///
    /// # Errors
    /// When it is poisoned; the guard is in the error.
    #[inline]
    #[track_caller]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        if !is_on() {
            return self.writing(self.inner.write());
        }
        let site = Location::caller();
        if let Some(locked) = at_once(self.inner.try_write()) {
            self.words.taken(site);
            return self.writing(locked);
        }
        let again = || at_once(self.inner.try_write());
        let block = || Some(self.inner.write());
        match (self.words).wait_for(Mode::Exclusive, GivesUp::Never, site, again, block) {
            Some(locked) => self.writing(locked),
            None => unreachable!("the lock comes back with the lock"),
        }
    }

    /// Locks to write, if nobody has it.
    ///
    /// # Errors
    /// When somebody has it, or it is poisoned; the guard is in the error then.
    #[inline]
    #[track_caller]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        match at_once(self.inner.try_write()) {
            Some(locked) => {
                if is_on() {
                    self.words.taken(Location::caller());
                }
                Ok(self.writing(locked)?)
            }
            None => {
                self.words.try_failed(Mode::Exclusive);
                Err(TryLockError::WouldBlock)
            }
        }
    }

    #[inline(always)]
    fn reading<'a>(
        &'a self,
        locked: LockResult<StdRead<'a, T>>,
        hold: SharedHold,
    ) -> LockResult<RwLockReadGuard<'a, T>> {
        let guard = |inner| RwLockReadGuard {
            inner: ManuallyDrop::new(inner),
            hold: ManuallyDrop::new(hold),
            words: &self.words,
        };
        match locked {
            Ok(inner) => Ok(guard(inner)),
            Err(poisoned) => Err(PoisonError::new(guard(poisoned.into_inner()))),
        }
    }

    #[inline(always)]
    fn writing<'a>(
        &'a self,
        locked: LockResult<StdWrite<'a, T>>,
    ) -> LockResult<RwLockWriteGuard<'a, T>> {
        let guard = |inner| RwLockWriteGuard {
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

#[allow(unsafe_code)] // The standard library's guard goes after what is told of it.
impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: once, here; so below.
        let hold = unsafe { ManuallyDrop::take(&mut self.hold) };
        self.words.released_shared(hold);
        // SAFETY: as above.
        unsafe { ManuallyDrop::drop(&mut self.inner) };
    }
}

#[allow(unsafe_code)] // As above.
impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
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

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
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
