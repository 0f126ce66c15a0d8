//! A lock that a forked child has anew.
//!
//! Only the thread that forks lives on in the child: what another one held at that moment stays held there for ever. So what is behind the lock is made
//! anew at the first use in each process; the parent's copy is leaked, with whatever it refers to.
#![allow(unsafe_code)] // What is behind the lock is leaked behind a pointer.

use crate::fork;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A mutex whose value belongs to one process. Ordinary code only.
#[derive(Debug)]
pub struct ForkLock<T> {
    inner: AtomicPtr<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    /// The process that made it: [`fork::generation`].
    generation: u32,
    value: Mutex<T>,
}

impl<T> ForkLock<T> {
    /// Nothing yet: the value is made at the first use.
    pub const fn new() -> Self {
        Self {
            inner: AtomicPtr::new(std::ptr::null_mut()),
        }
    }
}

impl<T: Default + Send + 'static> ForkLock<T> {
    /// Locks the value of this process. A panic under the lock leaves the value as it was then.
    pub fn lock(&self) -> MutexGuard<'static, T> {
        self.inner()
            .value
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn inner(&self) -> &'static Inner<T> {
        let generation = fork::generation();
        // Acquire: pairs with the Release below: the value is whole.
        let pointer = self.inner.load(Ordering::Acquire);
        // SAFETY: null, or from Box::into_raw below and never freed.
        match unsafe { pointer.as_ref() } {
            Some(inner) if inner.generation == generation => inner,
            _ => self.renew(pointer, generation),
        }
    }

    #[cold]
    fn renew(&self, old: *mut Inner<T>, generation: u32) -> &'static Inner<T> {
        let fresh = Box::into_raw(Box::new(Inner {
            generation,
            value: Mutex::default(),
        }));
        match self
            .inner
            .compare_exchange(old, fresh, Ordering::AcqRel, Ordering::Acquire)
        {
            // SAFETY: just made, and never freed.
            Ok(_) => unsafe { &*fresh },
            Err(first) => {
                // SAFETY: nobody else has seen ours.
                drop(unsafe { Box::from_raw(fresh) });
                // SAFETY: another thread of this process was first: made here, never freed.
                unsafe { &*first }
            }
        }
    }
}

impl<T> Default for ForkLock<T> {
    fn default() -> Self {
        Self::new()
    }
}
