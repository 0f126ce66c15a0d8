//! `Mutex` and `FairMutex`, with parking_lot's API.
#![allow(unsafe_code)] // parking_lot's own unsafe methods, and an Arc of the same memory.

use super::raw_mutex::{Inner as Library, RawMutex};
use hotpoll_profile::ResourceKind;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The lock without where it was made.
type Inner<R, T> = lock_api::Mutex<RawMutex<R>, T>;
type Fair = parking_lot::RawFairMutex;
type Guard<R> = <RawMutex<R> as lock_api::RawMutex>::Guard;

/// A guard of a [`Mutex`].
pub type MutexGuard<'a, T, R = parking_lot::RawMutex> = lock_api::MutexGuard<'a, RawMutex<R>, T>;
/// A guard of a part of what a [`Mutex`] protects.
pub type MappedMutexGuard<'a, T, R = parking_lot::RawMutex> =
    lock_api::MappedMutexGuard<'a, RawMutex<R>, T>;
/// A guard that has the [`Mutex`]'s `Arc`.
pub type ArcMutexGuard<T, R = parking_lot::RawMutex> = lock_api::ArcMutexGuard<RawMutex<R>, T>;
/// A guard of a [`FairMutex`].
pub type FairMutexGuard<'a, T> = MutexGuard<'a, T, Fair>;
/// A guard of a part of what a [`FairMutex`] protects.
pub type MappedFairMutexGuard<'a, T> = MappedMutexGuard<'a, T, Fair>;
/// A guard that has the [`FairMutex`]'s `Arc`.
pub type ArcFairMutexGuard<T> = ArcMutexGuard<T, Fair>;
/// The raw mutex of a [`FairMutex`].
pub type RawFairMutex = RawMutex<Fair>;

/// parking_lot's mutex, telling who holds it and who waits.
pub type Mutex<T> = ToldMutex<parking_lot::RawMutex, T>;
/// parking_lot's fair mutex, telling who holds it and who waits: each release hands it to who waits longest.
pub type FairMutex<T> = ToldMutex<Fair, T>;

/// One of parking_lot's mutexes, telling who holds it and who waits.
#[repr(transparent)]
pub struct ToldMutex<R, T: ?Sized>(Inner<R, T>);

impl<R: Library, T> ToldMutex<R, T> {
    /// A mutex that goes by the place of this call, until it is named.
    #[inline]
    #[track_caller]
    pub const fn new(value: T) -> Self {
        let raw = RawMutex::of_kind(ResourceKind::Mutex, Location::caller());
        Self(lock_api::Mutex::from_raw(raw, value))
    }

    /// Gives it a name.
    #[inline]
    pub fn named(self, name: &'static str) -> Self {
        let (mut raw, value) = self.0.into_inner_with_raw();
        raw.words.set_name(name);
        Self(lock_api::Mutex::from_raw(raw, value))
    }

    /// A mutex with a name, for statics.
    #[inline]
    #[track_caller]
    pub const fn new_named(value: T, name: &'static str) -> Self {
        let mut raw = RawMutex::of_kind(ResourceKind::Mutex, Location::caller());
        raw.words.set_name(name);
        Self(lock_api::Mutex::from_raw(raw, value))
    }

    /// Takes the value out.
    #[inline]
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

/// As [`FairMutex::new`](ToldMutex::new).
#[inline]
#[track_caller]
pub const fn const_fair_mutex<T>(value: T) -> FairMutex<T> {
    FairMutex::new(value)
}

/// As [`Mutex::new`](ToldMutex::new).
#[inline]
#[track_caller]
pub const fn const_mutex<T>(value: T) -> Mutex<T> {
    Mutex::new(value)
}

impl<R: Library, T: ?Sized> ToldMutex<R, T> {
    /// Locks, and waits for that as long as it takes.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T, R> {
        self.0.lock()
    }

    /// Locks, if nobody else has it.
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T, R>> {
        self.0.try_lock()
    }

    /// Locks, and waits for that at most so long.
    #[inline]
    #[track_caller]
    pub fn try_lock_for(&self, timeout: Duration) -> Option<MutexGuard<'_, T, R>> {
        self.0.try_lock_for(timeout)
    }

    /// Locks, and waits for that at most until then.
    #[inline]
    #[track_caller]
    pub fn try_lock_until(&self, timeout: Instant) -> Option<MutexGuard<'_, T, R>> {
        self.0.try_lock_until(timeout)
    }

    /// As [`Self::lock`]; the guard has the `Arc`.
    #[inline]
    #[track_caller]
    pub fn lock_arc(self: &Arc<Self>) -> ArcMutexGuard<T, R> {
        inner(self).lock_arc()
    }

    /// As [`Self::try_lock`]; the guard has the `Arc`.
    #[inline]
    #[track_caller]
    pub fn try_lock_arc(self: &Arc<Self>) -> Option<ArcMutexGuard<T, R>> {
        inner(self).try_lock_arc()
    }

    /// As [`Self::try_lock_for`]; the guard has the `Arc`.
    #[inline]
    #[track_caller]
    pub fn try_lock_arc_for(self: &Arc<Self>, timeout: Duration) -> Option<ArcMutexGuard<T, R>> {
        inner(self).try_lock_arc_for(timeout)
    }

    /// As [`Self::try_lock_until`]; the guard has the `Arc`.
    #[inline]
    #[track_caller]
    pub fn try_lock_arc_until(self: &Arc<Self>, timeout: Instant) -> Option<ArcMutexGuard<T, R>> {
        inner(self).try_lock_arc_until(timeout)
    }

    /// The value: nobody else can have it.
    #[inline]
    pub const fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    /// Whether somebody has it locked, at this moment.
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.0.is_locked()
    }

    /// Where the value is.
    #[inline]
    pub const fn data_ptr(&self) -> *mut T {
        self.0.data_ptr()
    }

    /// Unlocks it, though there is no guard.
    ///
    /// # Safety
    /// As parking_lot's: the caller has it locked, and gave the guard away to `mem::forget`.
    #[inline]
    pub unsafe fn force_unlock(&self, guard: Guard<R>) {
        // SAFETY: the caller's word.
        unsafe { self.0.force_unlock(guard) }
    }

    /// As [`Self::force_unlock`], and hands it to who waits longest.
    ///
    /// # Safety
    /// As there.
    #[inline]
    pub unsafe fn force_unlock_fair(&self, guard: Guard<R>) {
        // SAFETY: the caller's word.
        unsafe { self.0.force_unlock_fair(guard) }
    }

    /// A guard for a lock that the caller has.
    ///
    /// # Safety
    /// As parking_lot's: the caller has it locked, and no other guard gives it back.
    #[inline]
    pub unsafe fn make_guard_unchecked(&self, guard: Guard<R>) -> MutexGuard<'_, T, R> {
        // SAFETY: the caller's word.
        unsafe { self.0.make_guard_unchecked(guard) }
    }

    /// The raw mutex.
    ///
    /// # Safety
    /// As parking_lot's: no guard is used while its lock is given back.
    #[inline]
    pub unsafe fn raw(&self) -> &RawMutex<R> {
        // SAFETY: the caller's word.
        unsafe { self.0.raw() }
    }

    /// The number that samples carry for it.
    pub fn id(&self) -> u64 {
        // SAFETY: only the words beside the lock are read.
        unsafe { self.0.raw() }.words.id()
    }
}

/// The same `Arc`, seen as what it is made of.
#[inline]
fn inner<R, T: ?Sized>(arc: &Arc<ToldMutex<R, T>>) -> Arc<Inner<R, T>> {
    let pointer = Arc::into_raw(Arc::clone(arc)) as *const Inner<R, T>;
    // SAFETY: the types are one another's memory (`transparent`), so size, alignment and destructor agree.
    unsafe { Arc::from_raw(pointer) }
}

impl<R: Library, T: ?Sized + fmt::Debug> fmt::Debug for ToldMutex<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<R: Library, T: Default> Default for ToldMutex<R, T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<R: Library, T> From<T> for ToldMutex<R, T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

const _: () = assert!(std::mem::size_of::<Mutex<u8>>() <= 88);
