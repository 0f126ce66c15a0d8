//! Which slots have something for the drain: one bit a slot.
//!
//! In: marks, from handlers. Out: the marked slots, to the drain. Without it the drain looked into every ring five times a second, and beside 5,000
//! sleeping threads the cold cache lines of their rings alone took more of a core than all its other work.

use super::table::{self, MAX_SLOTS};
use std::sync::atomic::{AtomicU64, Ordering};

static MARKED: [AtomicU64; MAX_SLOTS / 64] = [const { AtomicU64::new(0) }; MAX_SLOTS / 64];

/// Something was left in the slot. Called in SIGPROF.
pub(crate) fn mark(number: u16) {
    mark_in(&MARKED, number);
}

/// Takes all marks. A slot may be marked and have nothing: what is left by a slot's last use, or was taken a moment too early.
pub(crate) fn take() -> impl Iterator<Item = u16> {
    let words = table::used_count().div_ceil(64);
    take_from(MARKED.get(..words).unwrap_or_default())
}

fn mark_in(words: &[AtomicU64], number: u16) {
    if let Some(word) = words.get(usize::from(number / 64)) {
        // Release: what was pushed before is visible to the drain that takes the mark. Always a read-modify-write: whether the mark stands already
        // must not be asked first, because the drain may be taking it just then, and would look into the ring before the push is visible.
        word.fetch_or(1 << (number % 64), Ordering::Release);
    }
}

fn take_from(words: &[AtomicU64]) -> impl Iterator<Item = u16> {
    words.iter().zip(0u16..).flat_map(|(word, index)| {
        let mut bits = match word.load(Ordering::Relaxed) {
            0 => 0,
            // Acquire: pairs with the Release in mark_in().
            _ => word.swap(0, Ordering::Acquire),
        };
        std::iter::from_fn(move || {
            let bit = bits.trailing_zeros() as u16;
            (bits != 0).then(|| {
                bits &= bits - 1;
                index * 64 + bit
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_slots_are_taken_once() {
        let words: [AtomicU64; 3] = Default::default();
        let take = || take_from(&words).collect::<Vec<u16>>();
        assert_eq!(take(), []);
        for number in [130, 63, 0, 130, 500] {
            mark_in(&words, number);
        }
        assert_eq!(take(), [0, 63, 130]);
        assert_eq!(take(), []);
    }
}
