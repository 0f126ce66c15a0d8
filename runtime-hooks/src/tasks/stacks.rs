//! Stacks of suspended tasks, each kept once, so that an idle task has only their numbers.
//!
//! In: addresses, from a leaf future's clone of the waker, which may happen under a lock of the runtime's. Hence no allocation, no lock, no loop
//! without a bound. Out: a number, and the addresses of a number. The room is fixed and only touched as it fills; a stack that finds none is a
//! counted failure.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The deepest stack kept: from the leaf up to the tracked future's poll.
pub(super) const MAX_FRAMES: usize = 64;
/// 2 MB: some 20,000 stacks of a dozen frames.
const WORDS: usize = if cfg!(miri) { 1 << 10 } else { 1 << 18 };
const PLACES: usize = if cfg!(miri) { 1 << 8 } else { 1 << 16 };
const MAX_PROBES: usize = 16;

/// Stacks, one after the other: a word with hash and length, then the addresses.
static ARENA: [AtomicU64; WORDS] = [const { AtomicU64::new(0) }; WORDS];
/// Words of the arena in use. The first is not: number 0 is no stack.
static USED: AtomicU32 = AtomicU32::new(1);
/// Hash -> number.
static TABLE: [AtomicU32; PLACES] = [const { AtomicU32::new(0) }; PLACES];

/// Bits of a head word that hold the length.
const LENGTH_BITS: u32 = 8;
const _: () = assert!(MAX_FRAMES < 1 << LENGTH_BITS);

/// The number of this stack; 0 when it is empty or there is no room for it.
#[inline]
pub(super) fn intern(frames: &[u64]) -> u32 {
    if frames.is_empty() || frames.len() > MAX_FRAMES {
        return 0;
    }
    let head = hash(frames) << LENGTH_BITS | frames.len() as u64;
    let first = (head >> 40) as usize;
    for probe in 0..MAX_PROBES {
        let place = &TABLE[(first + probe) % PLACES];
        // Acquire: the stack that the number names is whole.
        let number = place.load(Ordering::Acquire);
        if number == 0 {
            return add(frames, head, first + probe);
        }
        if is(number, head, frames) {
            return number;
        }
    }
    0
}

/// Whether the number's stack is this one.
#[inline]
fn is(number: u32, head: u64, frames: &[u64]) -> bool {
    let start = number as usize;
    let Some(words) = ARENA.get(start..start + 1 + frames.len()) else {
        return false;
    };
    words[0].load(Ordering::Relaxed) == head
        && words[1..]
            .iter()
            .zip(frames)
            .all(|(word, frame)| word.load(Ordering::Relaxed) == *frame)
}

#[cold]
fn add(frames: &[u64], head: u64, first: usize) -> u32 {
    let length = frames.len() as u32 + 1;
    // A stack that two threads add at once takes its room twice; nothing else is wasted.
    if USED.load(Ordering::Relaxed) as usize + length as usize > WORDS {
        return 0;
    }
    let number = USED.fetch_add(length, Ordering::Relaxed);
    let start = number as usize;
    let Some(words) = ARENA.get(start..start + length as usize) else {
        return 0;
    };
    words[0].store(head, Ordering::Relaxed);
    for (word, frame) in words[1..].iter().zip(frames) {
        word.store(*frame, Ordering::Relaxed);
    }
    for probe in 0..MAX_PROBES {
        // Release: whoever finds the number sees the stack. Acquire: whoever was first has written theirs.
        match TABLE[(first + probe) % PLACES].compare_exchange(
            0,
            number,
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            Ok(_) => return number,
            Err(other) if is(other, head, frames) => return other,
            Err(_) => {}
        }
    }
    0
}

/// Two multiplications a frame: the addresses differ in their low bits.
#[inline]
fn hash(frames: &[u64]) -> u64 {
    let mut hash = 0u64;
    for frame in frames {
        hash = (hash.rotate_left(5) ^ frame).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    hash >> LENGTH_BITS
}

/// The addresses of a stack, leaf first.
pub(super) fn stack(number: u32) -> Vec<u64> {
    let start = number as usize;
    let Some(head) = ARENA.get(start).filter(|_| number != 0) else {
        return Vec::new();
    };
    let length = (head.load(Ordering::Relaxed) & ((1 << LENGTH_BITS) - 1)) as usize;
    ARENA
        .get(start + 1..start + 1 + length)
        .unwrap_or_default()
        .iter()
        .map(|word| word.load(Ordering::Relaxed))
        .collect()
}

/// How deep a stack is.
pub(super) fn depth(number: u32) -> usize {
    ARENA
        .get(number as usize)
        .filter(|_| number != 0)
        .map_or(0, |head| {
            (head.load(Ordering::Relaxed) & ((1 << LENGTH_BITS) - 1)) as usize
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_kept_once() {
        let frames = [0x10, 0x20, 0x30];
        let number = intern(&frames);
        assert_ne!(number, 0);
        assert_eq!(intern(&frames), number);
        assert_eq!(stack(number), frames);
        assert_eq!(depth(number), 3);
        assert_ne!(intern(&frames[..2]), number);
        assert_ne!(intern(&[0x10, 0x20, 0x31]), number);
    }

    #[test]
    fn nothing_and_too_much_have_no_number() {
        assert_eq!(intern(&[]), 0);
        assert_eq!(intern(&[1; MAX_FRAMES + 1]), 0);
        assert_eq!(stack(0), Vec::<u64>::new());
        assert_eq!(stack(u32::MAX), Vec::<u64>::new());
    }

    #[test]
    fn threads_agree_on_the_numbers() {
        let sets: Vec<Vec<u32>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        (1..20u64)
                            .map(|leaf| intern(&[0x7000 + leaf, 5, 6]))
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
                assert_eq!(stack(*number), [0x7000 + leaf, 5, 6]);
            }
        }
    }
}
