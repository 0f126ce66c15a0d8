//! parking_lot's raw mutexes, told of: `lock_api` makes every guard from them.
#![allow(unsafe_code)] // The raw lock's contract is parking_lot's own, passed on.

use super::GivesUp;
use super::core::{LockWords, is_on};
use hotpoll_profile::{Library, Mode, ResourceKind};
use lock_api::{RawMutex as Raw, RawMutexFair, RawMutexTimed};
use std::panic::Location;
use std::time::{Duration, Instant};

/// What a guard has: nothing, but it says whether guards may be sent.
type Guard = <parking_lot::RawMutex as Raw>::Guard;

/// The raw mutexes that can be told of: parking_lot's two.
pub trait Inner:
    RawMutexFair + RawMutexTimed<Duration = Duration, Instant = Instant> + Raw<Guard = Guard>
{
}

impl Inner for parking_lot::RawMutex {}
impl Inner for parking_lot::RawFairMutex {}

/// One of parking_lot's raw mutexes, and the words that tell of it.
pub struct RawMutex<R = parking_lot::RawMutex> {
    pub(super) words: LockWords,
    pub(super) raw: R,
}

impl<R: Inner> RawMutex<R> {
    /// A raw mutex that goes by this place.
    #[track_caller]
    pub const fn new() -> Self {
        Self::of_kind(ResourceKind::Mutex, Location::caller())
    }

    pub(super) const fn of_kind(kind: ResourceKind, site: &'static Location<'static>) -> Self {
        Self {
            words: LockWords::new(kind, Library::ParkingLot, site),
            raw: R::INIT,
        }
    }

    #[inline(always)]
    pub(super) fn lock_at(&self, site: &'static Location<'static>) -> Guard {
        if !is_on() {
            return self.raw.lock();
        }
        if let Some(guard) = self.raw.try_lock() {
            self.words.taken(site);
            return guard;
        }
        let again = || self.raw.try_lock();
        let block = || Some(self.raw.lock());
        match (self.words).wait_for(Mode::Exclusive, GivesUp::Never, site, again, block) {
            Some(guard) => guard,
            None => unreachable!("parking_lot's lock comes back with the lock"),
        }
    }

    #[inline(always)]
    pub(super) fn try_lock_at(&self, site: &'static Location<'static>) -> Option<Guard> {
        let guard = self.raw.try_lock();
        if is_on() {
            match guard {
                Some(_) => self.words.taken(site),
                None => self.words.try_failed(Mode::Exclusive),
            }
        }
        guard
    }

    #[inline(always)]
    pub(super) fn timed(
        &self,
        ends: GivesUp,
        site: &'static Location<'static>,
        block: impl FnOnce() -> Option<Guard>,
    ) -> Option<Guard> {
        if !is_on() {
            return block();
        }
        if let Some(guard) = self.raw.try_lock() {
            self.words.taken(site);
            return Some(guard);
        }
        let again = || self.raw.try_lock();
        (self.words).wait_for(Mode::Exclusive, ends, site, again, block)
    }
}

impl<R: Inner> Default for RawMutex<R> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: mutual exclusion is parking_lot's; the words beside it decide nothing.
unsafe impl<R: Inner> Raw for RawMutex<R> {
    // A constant is at one place, not where it is used: `sync::Mutex::new` says its caller instead.
    #[allow(clippy::declare_interior_mutable_const)]
    const INIT: Self = Self::new();

    type Guard = Guard;

    #[inline]
    #[track_caller]
    fn lock(&self) -> Guard {
        self.lock_at(Location::caller())
    }

    #[inline]
    #[track_caller]
    fn try_lock(&self) -> Option<Guard> {
        self.try_lock_at(Location::caller())
    }

    #[inline]
    unsafe fn unlock(&self, guard: Guard) {
        self.words.released();
        // SAFETY: the caller's word.
        unsafe { self.raw.unlock(guard) };
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }
}

// SAFETY: as above.
unsafe impl<R: Inner> RawMutexFair for RawMutex<R> {
    #[inline]
    unsafe fn unlock_fair(&self, guard: Guard) {
        self.words.released();
        // SAFETY: the caller's word.
        unsafe { self.raw.unlock_fair(guard) };
    }

    #[inline]
    #[track_caller]
    unsafe fn bump(&self, guard: &mut Guard) {
        if !is_on() || !self.words.has_waiters() {
            // SAFETY: the caller's word.
            return unsafe { self.raw.bump(guard) };
        }
        self.words.released();
        // SAFETY: the caller's word: the guard's state is an acquisition's, has no drop, and is replaced by the next one's.
        unsafe {
            self.raw.unlock_fair(std::ptr::read(guard));
            std::ptr::write(guard, self.lock());
        }
    }
}

// SAFETY: as above.
unsafe impl<R: Inner> RawMutexTimed for RawMutex<R> {
    type Duration = Duration;
    type Instant = Instant;

    #[inline]
    #[track_caller]
    fn try_lock_for(&self, timeout: Duration) -> Option<Guard> {
        let site = Location::caller();
        self.timed(GivesUp::In(timeout), site, || {
            self.raw.try_lock_for(timeout)
        })
    }

    #[inline]
    #[track_caller]
    fn try_lock_until(&self, timeout: Instant) -> Option<Guard> {
        let site = Location::caller();
        self.timed(GivesUp::At(timeout), site, || {
            self.raw.try_lock_until(timeout)
        })
    }
}
