//! `Condvar`, with parking_lot's API.
//!
//! Waiting on it is not holding the mutex: that is given back first, and its hold ends. parking_lot takes the mutex again inside of the same call; who
//! was notified and has not come back yet waits for the mutex, and is told of so (`core/notified.rs`).
#![allow(unsafe_code)] // The raw condvar's contract is parking_lot's own, passed on.

use super::GivesUp;
use super::core::Notified;
use super::mutex::MutexGuard;
use hotpoll_profile::{Library, ResourceKind};
use lock_api::{RawCondvar as _, RawCondvarTimed as _};
use std::fmt;
use std::ops::DerefMut;
use std::panic::Location;
use std::time::{Duration, Instant};

/// parking_lot's state of a mutex guard: nothing.
type Guard = <parking_lot::RawMutex as lock_api::RawMutex>::Guard;

/// Whether a wait ended because its time was over.
#[derive(Debug, PartialEq, Eq, Copy, Clone)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether it did.
    #[inline]
    pub const fn timed_out(self) -> bool {
        self.0
    }
}

/// parking_lot's condition variable, telling who waits.
pub struct Condvar {
    told: Notified,
    raw: parking_lot::RawCondvar,
}

impl Condvar {
    /// A condition variable that goes by the place of this call, until it is named.
    #[inline]
    #[track_caller]
    pub const fn new() -> Self {
        let site = Location::caller();
        Self {
            told: Notified::new(ResourceKind::Condvar, Library::ParkingLot, site),
            raw: parking_lot::RawCondvar::INIT,
        }
    }

    /// Gives it a name.
    #[inline]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.told.set_name(name);
        self
    }

    /// Wakes one who waits. Whether there was one.
    #[inline]
    pub fn notify_one(&self) -> bool {
        let notified = self.raw.notify_one();
        if notified {
            self.told.notified(1);
        }
        notified
    }

    /// Wakes all who wait. How many there were.
    #[inline]
    pub fn notify_all(&self) -> usize {
        let notified = self.raw.notify_all();
        if notified > 0 {
            self.told.notified(notified as u64);
        }
        notified
    }

    /// Waits to be notified.
    #[inline]
    #[track_caller]
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        self.block(guard, GivesUp::Never, |raw, mutex, state| {
            // SAFETY: the guard, which is borrowed here alone, has the mutex.
            unsafe { raw.wait(mutex, state) };
            false
        });
    }

    /// Waits while the condition holds.
    #[inline]
    #[track_caller]
    pub fn wait_while<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) {
        while condition(guard.deref_mut()) {
            self.wait(guard);
        }
    }

    /// Waits to be notified, at most until then.
    #[inline]
    #[track_caller]
    pub fn wait_until<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        timeout: Instant,
    ) -> WaitTimeoutResult {
        WaitTimeoutResult(
            self.block(guard, GivesUp::At(timeout), |raw, mutex, state| {
                // SAFETY: as in `wait`.
                unsafe { raw.wait_until(mutex, state, &timeout) }
            }),
        )
    }

    /// Waits to be notified, at most so long.
    #[inline]
    #[track_caller]
    pub fn wait_for<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        timeout: Duration,
    ) -> WaitTimeoutResult {
        WaitTimeoutResult(
            self.block(guard, GivesUp::In(timeout), |raw, mutex, state| {
                // SAFETY: as in `wait`.
                unsafe { raw.wait_for(mutex, state, &timeout) }
            }),
        )
    }

    /// Waits while the condition holds, at most until then. Timed out: the condition still held.
    #[inline]
    #[track_caller]
    pub fn wait_while_until<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut condition: impl FnMut(&mut T) -> bool,
        timeout: Instant,
    ) -> WaitTimeoutResult {
        let mut result = WaitTimeoutResult(false);
        loop {
            if !condition(guard.deref_mut()) {
                return WaitTimeoutResult(false);
            }
            if result.timed_out() {
                return result;
            }
            result = self.wait_until(guard, timeout);
        }
    }

    /// Waits while the condition holds, at most so long. Timed out: the condition still held.
    #[inline]
    #[track_caller]
    pub fn wait_while_for<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        condition: impl FnMut(&mut T) -> bool,
        timeout: Duration,
    ) -> WaitTimeoutResult {
        match Instant::now().checked_add(timeout) {
            Some(until) => self.wait_while_until(guard, condition, until),
            None => {
                self.wait_while(guard, condition);
                WaitTimeoutResult(false)
            }
        }
    }

    /// Waits by `wait`, which says whether the time was over.
    #[inline(always)]
    #[track_caller]
    fn block<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        ends: GivesUp,
        wait: impl FnOnce(&parking_lot::RawCondvar, &parking_lot::RawMutex, &mut Guard) -> bool,
    ) -> bool {
        let site = Location::caller();
        // SAFETY: the lock is given back and taken by `wait` alone, which restores it.
        let mutex = unsafe { MutexGuard::mutex(guard).raw() };
        // The state of every acquisition is the same: it has no size.
        let mut state = Guard::new();
        let block = || wait(&self.raw, &mutex.raw, &mut state);
        self.told.wait(&mutex.words, ends, site, block)
    }
}

impl Default for Condvar {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Condvar { .. }")
    }
}
