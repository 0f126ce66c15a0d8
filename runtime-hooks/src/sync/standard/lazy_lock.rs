//! `LazyLock`, with the standard library's API.
#![allow(unsafe_code)] // What makes the value is taken by one thread.

use super::once_lock::OnceLock;
use std::cell::Cell;
use std::fmt;
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};

/// A value that is made when it is first wanted, telling who makes it and who waits for it.
pub struct LazyLock<T, F = fn() -> T> {
    value: OnceLock<T>,
    make: Cell<Option<F>>,
}

// SAFETY: `make` is touched by the one thread that the once lock lets make the value; the rest is the once lock's.
unsafe impl<T: Sync + Send, F: Send> Sync for LazyLock<T, F> {}

// As the library's own: a panic while the value is made leaves it poisoned, and nobody sees a half of it.
impl<T: RefUnwindSafe + UnwindSafe, F: UnwindSafe> RefUnwindSafe for LazyLock<T, F> {}
impl<T: UnwindSafe, F: UnwindSafe> UnwindSafe for LazyLock<T, F> {}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// A value that this makes; it goes by the place of this call.
    #[inline]
    #[track_caller]
    pub const fn new(make: F) -> Self {
        Self {
            value: OnceLock::new(),
            make: Cell::new(Some(make)),
        }
    }

    /// Gives it a name.
    #[inline]
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Self {
            value: self.value.named(name),
            make: self.make,
        }
    }

    /// The value; makes it if that was not done, or waits while another thread does.
    ///
    /// # Panics
    /// When making it panicked, now or before.
    #[inline]
    #[track_caller]
    pub fn force(this: &Self) -> &T {
        this.value.get_or_init(|| match this.make.take() {
            Some(make) => make(),
            None => panic!("LazyLock instance has previously been poisoned"),
        })
    }
}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// The value, to be changed; makes it if that was not done.
    ///
    /// # Panics
    /// When making it panicked, now or before.
    #[track_caller]
    pub fn force_mut(this: &mut Self) -> &mut T {
        Self::force(this);
        match this.value.get_mut() {
            Some(value) => value,
            None => unreachable!("it was made"),
        }
    }
}

impl<T, F> LazyLock<T, F> {
    /// The value, if it was made.
    pub fn get(this: &Self) -> Option<&T> {
        this.value.get()
    }

    /// The value, to be changed, if it was made.
    pub fn get_mut(this: &mut Self) -> Option<&mut T> {
        this.value.get_mut()
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        Self::force(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("LazyLock");
        match self.value.get() {
            Some(value) => tuple.field(value),
            None => tuple.field(&format_args!("<uninit>")),
        };
        tuple.finish()
    }
}
