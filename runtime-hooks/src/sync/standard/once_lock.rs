//! `OnceLock`, with the standard library's API.

use super::once::Told;
use hotpoll_profile::ResourceKind;
use std::fmt;
use std::panic::Location;

/// The standard library's once lock, telling who makes the value and who waits for it.
pub struct OnceLock<T> {
    told: Told,
    inner: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    /// Nothing yet; it goes by the place of this call, until it is named.
    #[inline]
    #[must_use]
    #[track_caller]
    pub const fn new() -> Self {
        Self {
            told: Told::new(ResourceKind::OnceCell, Location::caller()),
            inner: std::sync::OnceLock::new(),
        }
    }

    /// Gives it a name.
    #[inline]
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.told.set_name(name);
        self
    }

    /// The value, if it was made.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        self.inner.get()
    }

    /// The value, if it was made.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.inner.get_mut()
    }

    /// The value; waits until somebody has made it.
    #[inline]
    #[track_caller]
    pub fn wait(&self) -> &T {
        match self.inner.get() {
            Some(value) => value,
            None => self.told.wait(Location::caller(), || self.inner.wait()),
        }
    }

    /// Sets the value, if there is none.
    ///
    /// # Errors
    /// With the value, when there was one.
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), T> {
        if self.inner.get().is_some() {
            return Err(value);
        }
        let site = Location::caller();
        self.told.block(site, || self.inner.set(value))
    }

    /// The value; makes it if there is none, or waits while another thread does.
    #[inline]
    #[track_caller]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.inner.get() {
            return value;
        }
        let site = Location::caller();
        (self.told).block(site, || {
            self.inner.get_or_init(|| self.told.run(site, make))
        })
    }

    /// Takes the value out.
    #[inline]
    pub fn into_inner(self) -> Option<T> {
        self.inner.into_inner()
    }

    /// Takes the value out, and leaves nothing.
    #[inline]
    pub fn take(&mut self) -> Option<T> {
        self.inner.take()
    }
}

impl<T> Default for OnceLock<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    #[track_caller]
    fn clone(&self) -> Self {
        Self {
            told: Told::new(ResourceKind::OnceCell, Location::caller()),
            inner: self.inner.clone(),
        }
    }
}

impl<T> From<T> for OnceLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self {
            told: Told::new(ResourceKind::OnceCell, Location::caller()),
            inner: std::sync::OnceLock::from(value),
        }
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl<T: Eq> Eq for OnceLock<T> {}
