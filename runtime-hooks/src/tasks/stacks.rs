//! Stacks of suspended tasks, each kept once, so that an idle task has only their numbers.
//!
//! In: addresses, from a leaf future's clone of the waker, which may happen under a lock of the runtime's. Hence no allocation, no lock, no loop
//! without a bound. Out: a number, and the addresses of a number. The room is fixed and only touched as it fills; a stack that finds none is a
//! counted failure.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The deepest stack kept: from the leaf up to the tracked future's poll.
pub(super) const MAX_FRAMES: usize = 128;
const MAX_PROBES: usize = 16;

/// Bits of a head word that hold the length.
const LENGTH_BITS: u32 = 8;
const LENGTH_MASK: u64 = (1 << LENGTH_BITS) - 1;
const _: () = assert!(MAX_FRAMES < 1 << LENGTH_BITS);

/// 2 MB: some 20,000 stacks of a dozen frames.
pub(super) const MOST_WORDS: usize = if cfg!(miri) { 1 << 10 } else { 1 << 18 };
static STACKS: Stacks<MOST_WORDS, { 1 << 16 }> = Stacks::new();

/// The number of this stack; 0 when it is empty or there is no room for it.
#[inline]
pub(super) fn intern(frames: &[u64]) -> u32 {
    STACKS.intern(frames)
}

/// The addresses of a stack, leaf first.
pub(super) fn stack(number: u32) -> Vec<u64> {
    STACKS.stack(number)
}

/// How deep a stack is.
pub(super) fn depth(number: u32) -> usize {
    STACKS.words(number).map_or(0, <[AtomicU64]>::len)
}

/// Room for so many words of stacks, and so many stacks. A stack's number is where it begins.
struct Stacks<const WORDS: usize, const PLACES: usize> {
    /// Stacks, one after the other: a word with hash and length, then the addresses.
    arena: [AtomicU64; WORDS],
    /// Words of the arena in use. The first is not: number 0 is no stack.
    used: AtomicU32,
    /// Hash -> number.
    table: [AtomicU32; PLACES],
}

impl<const WORDS: usize, const PLACES: usize> Stacks<WORDS, PLACES> {
    const fn new() -> Self {
        Self {
            arena: [const { AtomicU64::new(0) }; WORDS],
            used: AtomicU32::new(1),
            table: [const { AtomicU32::new(0) }; PLACES],
        }
    }

    #[inline]
    fn intern(&self, frames: &[u64]) -> u32 {
        if frames.is_empty() || frames.len() > MAX_FRAMES {
            return 0;
        }
        let head = hash(frames) << LENGTH_BITS | frames.len() as u64;
        for place in self.places(head) {
            // Acquire: the stack that the number names is whole.
            let number = place.load(Ordering::Acquire);
            if number == 0 {
                return self.add(frames, head);
            }
            if self.is(number, head, frames) {
                return number;
            }
        }
        0
    }

    /// Where a stack's number may stand.
    #[inline]
    fn places(&self, head: u64) -> impl Iterator<Item = &AtomicU32> {
        let first = (head >> 40) as usize;
        (first..first + MAX_PROBES).filter_map(|place| self.table.get(place % PLACES))
    }

    /// Whether the number's stack is this one.
    #[inline]
    fn is(&self, number: u32, head: u64, frames: &[u64]) -> bool {
        let start = number as usize;
        let Some(words) = self.arena.get(start..start + 1 + frames.len()) else {
            return false;
        };
        words[0].load(Ordering::Relaxed) == head
            && words[1..]
                .iter()
                .zip(frames)
                .all(|(word, frame)| word.load(Ordering::Relaxed) == *frame)
    }

    #[cold]
    fn add(&self, frames: &[u64], head: u64) -> u32 {
        let length = frames.len() as u32 + 1;
        // Asked first, so that the number in use never runs far past the room.
        if self.used.load(Ordering::Relaxed) as usize + length as usize > WORDS {
            return 0;
        }
        // A stack that two threads add at once takes its room twice; nothing else is wasted.
        let number = self.used.fetch_add(length, Ordering::Relaxed);
        let start = number as usize;
        let Some(words) = self.arena.get(start..start + length as usize) else {
            return 0;
        };
        words[0].store(head, Ordering::Relaxed);
        for (word, frame) in words[1..].iter().zip(frames) {
            word.store(*frame, Ordering::Relaxed);
        }
        for place in self.places(head) {
            // Release: whoever finds the number sees the stack. Acquire: whoever was first has written theirs.
            match place.compare_exchange(0, number, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return number,
                Err(other) if self.is(other, head, frames) => return other,
                Err(_) => {}
            }
        }
        0
    }

    /// The words of a stack's addresses.
    fn words(&self, number: u32) -> Option<&[AtomicU64]> {
        let start = number as usize;
        let head = self.arena.get(start).filter(|_| number != 0)?;
        let length = (head.load(Ordering::Relaxed) & LENGTH_MASK) as usize;
        self.arena.get(start + 1..start + 1 + length)
    }

    fn stack(&self, number: u32) -> Vec<u64> {
        let words = self.words(number).unwrap_or_default().iter();
        words.map(|word| word.load(Ordering::Relaxed)).collect()
    }
}

/// One multiplication a frame, the last one's high bits above all: the addresses differ in their low bits.
#[inline]
fn hash(frames: &[u64]) -> u64 {
    let mut hash = 0u64;
    for frame in frames {
        hash = (hash.rotate_left(5) ^ frame).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    hash >> LENGTH_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_kept_once() {
        let stacks = Stacks::<64, 16>::new();
        let frames = [0x10, 0x20, 0x30];
        let number = stacks.intern(&frames);
        assert_ne!(number, 0);
        assert_eq!(stacks.intern(&frames), number);
        assert_eq!(stacks.stack(number), frames);
        assert_ne!(stacks.intern(&frames[..2]), number);
        assert_ne!(stacks.intern(&[0x10, 0x20, 0x31]), number);
        assert_eq!(stacks.stack(number), frames);
    }

    #[test]
    fn nothing_and_too_much_have_no_number() {
        let stacks = Stacks::<512, 16>::new();
        assert_eq!(stacks.intern(&[]), 0);
        assert_ne!(stacks.intern(&[1; MAX_FRAMES]), 0);
        assert_eq!(stacks.intern(&[1; MAX_FRAMES + 1]), 0);
        assert_eq!(stacks.stack(0), Vec::<u64>::new());
        assert_eq!(stacks.stack(u32::MAX), Vec::<u64>::new());
    }

    #[test]
    fn what_finds_no_room_is_refused_and_the_rest_stays() {
        // By words: four stacks of three frames and their heads. By places: as many as a look-up tries.
        for (kept, numbers) in [
            (4, fill(&Stacks::<17, 64>::new())),
            (MAX_PROBES, fill(&Stacks::<1024, MAX_PROBES>::new())),
        ] {
            assert_eq!(numbers.iter().filter(|number| **number != 0).count(), kept);
        }
    }

    fn fill<const WORDS: usize, const PLACES: usize>(stacks: &Stacks<WORDS, PLACES>) -> Vec<u32> {
        let frames = |leaf| [leaf, 5, 6];
        let numbers: Vec<u32> = (1..100).map(|leaf| stacks.intern(&frames(leaf))).collect();
        for (leaf, number) in (1..).zip(&numbers).filter(|(_, number)| **number != 0) {
            assert_eq!(stacks.stack(*number), frames(leaf));
            assert_eq!(stacks.intern(&frames(leaf)), *number);
        }
        numbers
    }

    #[test]
    fn threads_agree_on_the_numbers() {
        let stacks = Stacks::<1024, 64>::new();
        let sets: Vec<Vec<u32>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        (1..20u64)
                            .map(|leaf| stacks.intern(&[0x7000 + leaf, 5, 6]))
                            .collect()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        for set in &sets {
            assert_eq!(*set, sets[0]);
            for (leaf, number) in (1u64..).zip(set) {
                assert_eq!(stacks.stack(*number), [0x7000 + leaf, 5, 6]);
            }
        }
    }
}
