//! `Condvar`, with the standard library's API.
//!
//! Waiting on it is not holding the mutex. The standard library does not say whom it woke, so who is awake and waits for the mutex again is still told of
//! as waiting here.

use super::mutex::MutexGuard;
use crate::sync::GivesUp;
use crate::sync::core::Notified;
use hotpoll_profile::{Library, ResourceKind};
use std::fmt;
use std::panic::Location;
use std::sync::{LockResult, PoisonError};
use std::time::{Duration, Instant};

/// Whether a wait ended because its time was over.
#[derive(Debug, PartialEq, Eq, Copy, Clone)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether it did.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

/// The standard library's condition variable, telling who waits.
pub struct Condvar {
    told: Notified,
    inner: std::sync::Condvar,
}

type Timed<'a, T> = (MutexGuard<'a, T>, WaitTimeoutResult);

impl Condvar {
    /// A condition variable that goes by the place of this call, until it is named.
    #[inline]
    #[must_use]
    #[track_caller]
    pub const fn new() -> Self {
        let site = Location::caller();
        Self {
            told: Notified::new(ResourceKind::Condvar, Library::Std, site),
            inner: std::sync::Condvar::new(),
        }
    }

    /// Gives it a name.
    #[inline]
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.told.set_name(name);
        self
    }

    /// Wakes one who waits.
    #[inline]
    pub fn notify_one(&self) {
        self.inner.notify_one();
    }

    /// Wakes all who wait.
    #[inline]
    pub fn notify_all(&self) {
        self.inner.notify_all();
    }

    /// Waits to be notified; may come back without.
    ///
    /// # Errors
    /// When the mutex is poisoned; the guard is in the error.
    #[track_caller]
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let (inner, lock) = guard.take();
        let mut back = None;
        self.told
            .wait(&lock.words, GivesUp::Never, Location::caller(), || {
                back = Some(self.inner.wait(inner));
                false
            });
        match back {
            Some(locked) => MutexGuard::around(lock, locked),
            None => unreachable!("the wait has run"),
        }
    }

    /// Waits while the condition holds.
    ///
    /// # Errors
    /// When the mutex is poisoned; the guard is in the error.
    #[track_caller]
    pub fn wait_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        while condition(&mut *guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// Waits to be notified, at most so long; may come back without either.
    ///
    /// # Errors
    /// When the mutex is poisoned; the guard is in the error.
    #[track_caller]
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> LockResult<Timed<'a, T>> {
        let (inner, lock) = guard.take();
        let mut back = None;
        let timed_out = self.told.wait(
            &lock.words,
            GivesUp::In(timeout),
            Location::caller(),
            || {
                let (timed_out, locked) = match self.inner.wait_timeout(inner, timeout) {
                    Ok((guard, result)) => (result.timed_out(), Ok(guard)),
                    Err(poisoned) => {
                        let (guard, result) = poisoned.into_inner();
                        (result.timed_out(), Err(PoisonError::new(guard)))
                    }
                };
                back = Some(locked);
                timed_out
            },
        );
        let result = WaitTimeoutResult(timed_out);
        match back.map(|locked| MutexGuard::around(lock, locked)) {
            Some(Ok(guard)) => Ok((guard, result)),
            Some(Err(poisoned)) => Err(PoisonError::new((poisoned.into_inner(), result))),
            None => unreachable!("the wait has run"),
        }
    }

    /// Waits while the condition holds, at most so long. Timed out: the condition still held.
    ///
    /// # Errors
    /// When the mutex is poisoned; the guard is in the error.
    #[track_caller]
    pub fn wait_timeout_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<Timed<'a, T>> {
        let begun = Instant::now();
        loop {
            if !condition(&mut *guard) {
                return Ok((guard, WaitTimeoutResult(false)));
            }
            let Some(left) = timeout.checked_sub(begun.elapsed()) else {
                return Ok((guard, WaitTimeoutResult(true)));
            };
            guard = self.wait_timeout(guard, left)?.0;
        }
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
        self.inner.fmt(f)
    }
}
