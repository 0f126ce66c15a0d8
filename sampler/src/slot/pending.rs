//! Which slots have something for the drain: one byte a slot.
//!
//! In: marks, from handlers. Out: the marked slots, to the drain. Without it the drain looked into every ring five times a second, and beside 5,000
//! sleeping threads the cold cache lines of their rings alone took more of a core than all its other work.
//!
//! A byte and not a bit: a bit shares its word with other threads' bits, so that setting it has to wait for the word, which is seldom in the cache of
//! a thread that is sampled. A store of its own waits for nothing.

use super::table::{self, MAX_SLOTS};
use std::sync::atomic::{AtomicU8, Ordering};

static MARKED: [AtomicU8; MAX_SLOTS] = [const { AtomicU8::new(0) }; MAX_SLOTS];

/// Something was left in the slot. Called in SIGPROF.
#[inline]
pub(crate) fn mark(number: u16) {
    mark_in(&MARKED, number);
}

/// Takes all marks. A slot may be marked and have nothing: what is left by a slot's last use, or was taken a moment too early.
pub(crate) fn take() -> impl Iterator<Item = u16> {
    take_from(MARKED.get(..table::used_count()).unwrap_or_default())
}

#[inline]
fn mark_in(marks: &[AtomicU8], number: u16) {
    if let Some(mark) = marks.get(usize::from(number)) {
        // Release: what was pushed before is visible to the drain that takes the mark. Always stored: whether the mark stands already must not be asked
        // first, because the drain may be taking it just then, and would look into the ring before the push is visible.
        mark.store(1, Ordering::Release);
    }
}

fn take_from(marks: &[AtomicU8]) -> impl Iterator<Item = u16> {
    // Not zipped with `0u16..`, which goes one further than the last slot has a number.
    marks.iter().enumerate().filter_map(|(number, mark)| {
        // Acquire: pairs with the Release in mark_in(). A mark that comes between the two stands for the next time.
        let marked = mark.load(Ordering::Relaxed) != 0 && mark.swap(0, Ordering::Acquire) != 0;
        marked.then_some(number as u16)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_slots_are_taken_once() {
        let marks: [AtomicU8; 140] = std::array::from_fn(|_| AtomicU8::new(0));
        let take = || take_from(&marks).collect::<Vec<u16>>();
        assert_eq!(take(), []);
        for number in [130, 63, 0, 130, 500] {
            mark_in(&marks, number);
        }
        assert_eq!(take(), [0, 63, 130]);
        assert_eq!(take(), []);
    }

    /// With every slot in use the drain died of an overflow, in a development build.
    #[test]
    fn the_last_slot_is_taken() {
        let marks: Vec<AtomicU8> = (0..MAX_SLOTS).map(|_| AtomicU8::new(0)).collect();
        mark_in(&marks, u16::MAX);
        assert_eq!(take_from(&marks).collect::<Vec<u16>>(), [u16::MAX]);
    }
}
