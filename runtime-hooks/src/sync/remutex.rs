//! `ReentrantMutex`, with parking_lot's API.
#![allow(unsafe_code)] // The raw lock's contract is parking_lot's own, passed on; and an Arc of the same memory.

use super::GivesUp;
use super::raw_mutex::RawMutex;
use hotpoll_profile::ResourceKind;
use lock_api::{GetThreadId as _, RawMutex as Raw, RawMutexFair, RawMutexTimed};
use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use parking_lot::RawThreadId;

type Inner<T> = lock_api::ReentrantMutex<RawReentrant, RawThreadId, T>;
type Guard = <RawMutex as Raw>::Guard;

/// A guard of a [`ReentrantMutex`].
pub type ReentrantMutexGuard<'a, T> =
    lock_api::ReentrantMutexGuard<'a, RawReentrant, RawThreadId, T>;
/// A guard of a part of what a [`ReentrantMutex`] protects.
pub type MappedReentrantMutexGuard<'a, T> =
    lock_api::MappedReentrantMutexGuard<'a, RawReentrant, RawThreadId, T>;
/// A guard that has the [`ReentrantMutex`]'s `Arc`.
pub type ArcReentrantMutexGuard<T> = lock_api::ArcReentrantMutexGuard<RawReentrant, RawThreadId, T>;

thread_local! {
    /// Where the lock is being taken: lock_api's reentrant mutex does not pass that on.
    static SITE: Cell<Option<&'static Location<'static>>> = const { Cell::new(None) };
}

/// The raw mutex of a [`ReentrantMutex`].
pub struct RawReentrant(RawMutex);

#[inline]
#[track_caller]
fn site() -> &'static Location<'static> {
    SITE.get().unwrap_or(Location::caller())
}

// SAFETY: all is the inner one's. Here and below.
unsafe impl Raw for RawReentrant {
    #[allow(clippy::declare_interior_mutable_const)]
    const INIT: Self = Self(<RawMutex>::of_kind(
        ResourceKind::ReentrantMutex,
        Location::caller(),
    ));

    type Guard = Guard;

    #[inline]
    fn lock(&self) -> Guard {
        self.0.lock_at(site())
    }

    #[inline]
    fn try_lock(&self) -> Option<Guard> {
        self.0.try_lock_at(site())
    }

    #[inline]
    unsafe fn unlock(&self, guard: Guard) {
        // SAFETY: the caller's word.
        unsafe { self.0.unlock(guard) }
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.0.is_locked()
    }
}

// SAFETY: as above.
unsafe impl RawMutexFair for RawReentrant {
    #[inline]
    unsafe fn unlock_fair(&self, guard: Guard) {
        // SAFETY: the caller's word.
        unsafe { self.0.unlock_fair(guard) }
    }

    #[inline]
    unsafe fn bump(&self, guard: &mut Guard) {
        // SAFETY: the caller's word.
        unsafe { self.0.bump(guard) }
    }
}

// SAFETY: as above.
unsafe impl RawMutexTimed for RawReentrant {
    type Duration = Duration;
    type Instant = Instant;

    #[inline]
    fn try_lock_for(&self, timeout: Duration) -> Option<Guard> {
        (self.0).timed(GivesUp::In(timeout), site(), || {
            self.0.raw.try_lock_for(timeout)
        })
    }

    #[inline]
    fn try_lock_until(&self, timeout: Instant) -> Option<Guard> {
        (self.0).timed(GivesUp::At(timeout), site(), || {
            self.0.raw.try_lock_until(timeout)
        })
    }
}

/// parking_lot's reentrant mutex, telling who holds it and who waits.
#[repr(transparent)]
pub struct ReentrantMutex<T: ?Sized>(Inner<T>);

impl<T> ReentrantMutex<T> {
    /// A mutex that goes by the place of this call, until it is named.
    #[inline]
    #[track_caller]
    pub const fn new(value: T) -> Self {
        let raw = <RawMutex>::of_kind(ResourceKind::ReentrantMutex, Location::caller());
        Self(Inner::from_raw(RawReentrant(raw), RawThreadId::INIT, value))
    }

    /// A mutex with a name, for statics.
    #[inline]
    #[track_caller]
    pub const fn new_named(value: T, name: &'static str) -> Self {
        let mut raw = <RawMutex>::of_kind(ResourceKind::ReentrantMutex, Location::caller());
        raw.words.set_name(name);
        Self(Inner::from_raw(RawReentrant(raw), RawThreadId::INIT, value))
    }

    /// Gives it a name.
    #[inline]
    pub fn named(self, name: &'static str) -> Self {
        let (mut raw, thread, value) = self.0.into_inner_with_raw();
        raw.0.words.set_name(name);
        Self(Inner::from_raw(raw, thread, value))
    }

    /// Takes the value out.
    #[inline]
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

/// As [`ReentrantMutex::new`].
#[inline]
#[track_caller]
pub const fn const_reentrant_mutex<T>(value: T) -> ReentrantMutex<T> {
    ReentrantMutex::new(value)
}

impl<T: ?Sized> ReentrantMutex<T> {
    /// Locks, and waits for that as long as it takes. Who has it locked may lock it again.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> ReentrantMutexGuard<'_, T> {
        at(|| self.0.lock())
    }

    /// Locks, if no other thread has it.
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Option<ReentrantMutexGuard<'_, T>> {
        at(|| self.0.try_lock())
    }

    /// Locks, and waits for that at most so long.
    #[inline]
    #[track_caller]
    pub fn try_lock_for(&self, timeout: Duration) -> Option<ReentrantMutexGuard<'_, T>> {
        at(|| self.0.try_lock_for(timeout))
    }

    /// Locks, and waits for that at most until then.
    #[inline]
    #[track_caller]
    pub fn try_lock_until(&self, timeout: Instant) -> Option<ReentrantMutexGuard<'_, T>> {
        at(|| self.0.try_lock_until(timeout))
    }

    /// As [`ReentrantMutex::lock`]; the guard has the `Arc`.
    #[inline]
    #[track_caller]
    pub fn lock_arc(self: &Arc<Self>) -> ArcReentrantMutexGuard<T> {
        at(|| inner(self).lock_arc())
    }

    /// As [`ReentrantMutex::try_lock`]; the guard has the `Arc`.
    #[inline]
    #[track_caller]
    pub fn try_lock_arc(self: &Arc<Self>) -> Option<ArcReentrantMutexGuard<T>> {
        at(|| inner(self).try_lock_arc())
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

    /// Whether the calling thread has it locked.
    #[inline]
    pub fn is_owned_by_current_thread(&self) -> bool {
        self.0.is_owned_by_current_thread()
    }

    /// Where the value is.
    #[inline]
    pub const fn data_ptr(&self) -> *mut T {
        self.0.data_ptr()
    }

    /// Gives one level back, though there is no guard.
    ///
    /// # Safety
    /// As parking_lot's: the caller has it, and gave the guard away to `mem::forget`.
    #[inline]
    pub unsafe fn force_unlock(&self) {
        // SAFETY: the caller's word.
        unsafe { self.0.force_unlock() }
    }

    /// As [`Self::force_unlock`], and hands it to who waits longest.
    ///
    /// # Safety
    /// As there.
    #[inline]
    pub unsafe fn force_unlock_fair(&self) {
        // SAFETY: the caller's word.
        unsafe { self.0.force_unlock_fair() }
    }

    /// A guard for a level that the caller has.
    ///
    /// # Safety
    /// As parking_lot's: the calling thread has it locked, and no other guard gives that level back.
    #[inline]
    pub unsafe fn make_guard_unchecked(&self) -> ReentrantMutexGuard<'_, T> {
        // SAFETY: the caller's word.
        unsafe { self.0.make_guard_unchecked() }
    }

    /// The same; the guard has the `Arc`.
    ///
    /// # Safety
    /// As there.
    #[inline]
    pub unsafe fn make_arc_guard_unchecked(self: &Arc<Self>) -> ArcReentrantMutexGuard<T> {
        // SAFETY: the caller's word.
        unsafe { inner(self).make_arc_guard_unchecked() }
    }

    /// The raw mutex.
    ///
    /// # Safety
    /// As parking_lot's: no guard is used while its lock is given back.
    #[inline]
    pub unsafe fn raw(&self) -> &RawReentrant {
        // SAFETY: the caller's word.
        unsafe { self.0.raw() }
    }

    /// As [`Self::try_lock_for`]; the guard has the `Arc`.
    #[inline]
    #[track_caller]
    pub fn try_lock_arc_for(
        self: &Arc<Self>,
        timeout: Duration,
    ) -> Option<ArcReentrantMutexGuard<T>> {
        at(|| inner(self).try_lock_arc_for(timeout))
    }

    /// As [`Self::try_lock_until`]; the guard has the `Arc`.
    #[inline]
    #[track_caller]
    pub fn try_lock_arc_until(
        self: &Arc<Self>,
        timeout: Instant,
    ) -> Option<ArcReentrantMutexGuard<T>> {
        at(|| inner(self).try_lock_arc_until(timeout))
    }
}

/// Takes the lock, as this function's caller.
#[inline(always)]
#[track_caller]
fn at<R>(take: impl FnOnce() -> R) -> R {
    SITE.set(Some(Location::caller()));
    take()
}

/// The same `Arc`, seen as what it is made of.
#[inline]
fn inner<T: ?Sized>(arc: &Arc<ReentrantMutex<T>>) -> Arc<Inner<T>> {
    let pointer = Arc::into_raw(Arc::clone(arc)) as *const Inner<T>;
    // SAFETY: the types are one another's memory (`transparent`), so size, alignment and destructor agree.
    unsafe { Arc::from_raw(pointer) }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for ReentrantMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Default> Default for ReentrantMutex<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for ReentrantMutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}
