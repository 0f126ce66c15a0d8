//! How newer tables reach signal handlers, and when older ones may go.
//!
//! One writer swaps a pointer; handlers load it. What was swapped out comes back as [`Retired`]: only its holder can tell when the last
//! handler that may have seen it has returned, so freeing it is `unsafe`, and forgetting it merely leaks.
#![allow(unsafe_code)] // A pointer that handlers read while ordinary code replaces it.

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::tables::Tables;

/// The newest tables, for signal handlers to read.
#[derive(Debug)]
pub struct Publisher {
    /// Null, or from `Box::into_raw`, and not freed while anyone may read it ([`Retired::reclaim`]).
    current: AtomicPtr<Tables>,
}

impl Publisher {
    /// Nothing published yet.
    pub const fn new() -> Self {
        Self {
            current: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// The newest tables, if any were published. Called in SIGPROF.
    ///
    /// A handler calls this once, after it has said that it runs, and keeps the reference no longer than it says so: that is what whoever
    /// calls [`Retired::reclaim`] waits for.
    #[inline]
    pub fn current(&self) -> Option<&Tables> {
        // Acquire: the tables' contents, written before the Release in `publish`, are visible through the pointer.
        // SAFETY: the pointer came from `publish`, and is freed only by `reclaim`, whose caller answers for every reference handed out here.
        unsafe { self.current.load(Ordering::Acquire).as_ref() }
    }

    /// Makes these the newest tables. What was published before comes back; readers may still be in it.
    pub fn publish(&self, tables: Tables) -> Retired {
        let new = Box::into_raw(Box::new(tables));
        // AcqRel: releases the new tables' contents to `current`, and acquires the old ones' before they are freed.
        Retired(NonNull::new(self.current.swap(new, Ordering::AcqRel)))
    }
}

impl Default for Publisher {
    fn default() -> Self {
        Self::new()
    }
}

/// Tables that are no longer the newest. Dropping this leaks them; [`Retired::reclaim`] frees them.
#[derive(Debug)]
#[must_use = "call reclaim() once no handler can still be reading, or the tables are leaked"]
pub struct Retired(Option<NonNull<Tables>>);

// SAFETY: `Tables` is Send and Sync, and `Retired` is its only owner but for readers that `reclaim` makes its caller answer for.
unsafe impl Send for Retired {}

impl Retired {
    /// Whether there is anything to free.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Frees the tables. The parts that newer tables share stay.
    ///
    /// # Safety
    /// No reference that [`Publisher::current`] returned before the `publish` that gave this value is still in use: every handler that was
    /// running then has returned.
    pub unsafe fn reclaim(self) {
        if let Some(tables) = self.0 {
            // SAFETY: it came from Box::into_raw in `publish`, was swapped out, and nobody reads it any more (the caller).
            drop(unsafe { Box::from_raw(tables.as_ptr()) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_tables_are_read_and_older_ones_come_back() {
        let publisher = Publisher::new();
        assert!(publisher.current().is_none());
        let (first, second) = (Tables::new(Vec::new()), Tables::new(Vec::new()));
        let generations = [first.generation(), second.generation()];
        let retired = publisher.publish(first);
        assert!(retired.is_empty());
        assert_eq!(
            publisher.current().map(Tables::generation),
            Some(generations[0])
        );
        let retired = publisher.publish(second);
        assert_eq!(
            publisher.current().map(Tables::generation),
            Some(generations[1])
        );
        assert!(!retired.is_empty());
        // SAFETY: the references above are gone.
        unsafe { retired.reclaim() };
        // SAFETY: likewise; this leaves a publisher with empty tables.
        unsafe { publisher.publish(Tables::default()).reclaim() };
    }
}
