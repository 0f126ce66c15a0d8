//! A place where borrowed things can be kept while others are borrowed.

use std::cell::{Cell, OnceCell};

/// Keeps up to a fixed number of values, and lends each for as long as the arena lives.
///
/// Split DWARF files are opened while the context that asked for them is borrowed; they have to live as long as it.
pub(super) struct Arena<T> {
    slots: Box<[OnceCell<T>]>,
    used: Cell<usize>,
}

impl<T> Arena<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            slots: (0..capacity).map(|_| OnceCell::new()).collect(),
            used: Cell::new(0),
        }
    }

    /// Keeps the value; `None` when the arena is full.
    pub(super) fn keep(&self, value: T) -> Option<&T> {
        let slot = self.slots.get(self.used.get())?;
        self.used.set(self.used.get() + 1);
        Some(slot.get_or_init(|| value))
    }
}

#[cfg(test)]
mod tests {
    use super::Arena;

    #[test]
    fn lends_while_it_takes_more_and_ends_full() {
        let arena = Arena::new(2);
        let first = arena.keep(String::from("a"));
        let second = arena.keep(String::from("b"));
        assert_eq!(arena.keep(String::from("c")), None);
        assert_eq!(first.map(String::as_str), Some("a"));
        assert_eq!(second.map(String::as_str), Some("b"));
    }
}
