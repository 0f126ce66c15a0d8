//! `Mutex`, with parking_lot's API.
#![allow(unsafe_code)] // parking_lot's own unsafe methods, and an Arc of the same memory.

use super::raw_mutex::RawMutex;
use hotpoll_profile::ResourceKind;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The lock without where it was made.
type Inner<T> = lock_api::Mutex<RawMutex, T>;

/// A guard of a [`Mutex`].
pub type MutexGuard<'a, T> = lock_api::MutexGuard<'a, RawMutex, T>;
/// A guard of a part of what a [`Mutex`] protects.
pub type MappedMutexGuard<'a, T> = lock_api::MappedMutexGuard<'a, RawMutex, T>;
/// A guard that has the [`Mutex`]'s `Arc`.
pub type ArcMutexGuard<T> = lock_api::ArcMutexGuard<RawMutex, T>;

/// parking_lot's mutex, telling who holds it and who waits.
#[repr(transparent)]
pub struct Mutex<T: ?Sized>(Inner<T>);

impl<T> Mutex<T> {
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

/// As [`Mutex::new`].
#[inline]
#[track_caller]
pub const fn const_mutex<T>(value: T) -> Mutex<T> {
    Mutex::new(value)
}

impl<T: ?Sized> Mutex<T> {
    /// Locks, and waits for that as long as it takes.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock()
    }

    /// Locks, if nobody else has it.
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock()
    }

    /// Locks, and waits for that at most so long.
    #[inline]
    #[track_caller]
    pub fn try_lock_for(&self, timeout: Duration) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock_for(timeout)
    }

    /// Locks, and waits for that at most until then.
    #[inline]
    #[track_caller]
    pub fn try_lock_until(&self, timeout: Instant) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock_until(timeout)
    }

    /// As [`Mutex::lock`]; the guard has the `Arc`.
    #[inline]
    #[track_caller]
    pub fn lock_arc(self: &Arc<Self>) -> ArcMutexGuard<T> {
        inner(self).lock_arc()
    }

    /// As [`Mutex::try_lock`]; the guard has the `Arc`.
    #[inline]
    #[track_caller]
    pub fn try_lock_arc(self: &Arc<Self>) -> Option<ArcMutexGuard<T>> {
        inner(self).try_lock_arc()
    }

    /// As [`Mutex::try_lock_for`]; the guard has the `Arc`.
    #[inline]
    #[track_caller]
    pub fn try_lock_arc_for(self: &Arc<Self>, timeout: Duration) -> Option<ArcMutexGuard<T>> {
        inner(self).try_lock_arc_for(timeout)
    }

    /// As [`Mutex::try_lock_until`]; the guard has the `Arc`.
    #[inline]
    #[track_caller]
    pub fn try_lock_arc_until(self: &Arc<Self>, timeout: Instant) -> Option<ArcMutexGuard<T>> {
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
    pub unsafe fn force_unlock(&self, guard: <RawMutex as lock_api::RawMutex>::Guard) {
        // SAFETY: the caller's word.
        unsafe { self.0.force_unlock(guard) }
    }

    /// As [`Mutex::force_unlock`], and hands it to who waits longest.
    ///
    /// # Safety
    /// As there.
    #[inline]
    pub unsafe fn force_unlock_fair(&self, guard: <RawMutex as lock_api::RawMutex>::Guard) {
        // SAFETY: the caller's word.
        unsafe { self.0.force_unlock_fair(guard) }
    }

    /// A guard for a lock that the caller has.
    ///
    /// # Safety
    /// As parking_lot's: the caller has it locked, and no other guard gives it back.
    #[inline]
    pub unsafe fn make_guard_unchecked(
        &self,
        guard: <RawMutex as lock_api::RawMutex>::Guard,
    ) -> MutexGuard<'_, T> {
        // SAFETY: the caller's word.
        unsafe { self.0.make_guard_unchecked(guard) }
    }

    /// The raw mutex.
    ///
    /// # Safety
    /// As parking_lot's: no guard is used while its lock is given back.
    #[inline]
    pub unsafe fn raw(&self) -> &RawMutex {
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
fn inner<T: ?Sized>(arc: &Arc<Mutex<T>>) -> Arc<Inner<T>> {
    let pointer = Arc::into_raw(Arc::clone(arc)) as *const Inner<T>;
    // SAFETY: the types are one another's memory (`transparent`), so size, alignment and destructor agree.
    unsafe { Arc::from_raw(pointer) }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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

const _: () = assert!(std::mem::size_of::<Mutex<u8>>() <= 80);
