//! The lock-free ring between one thread's signal handler and the drain.
//!
//! In: records of words, pushed whole or not at all. Out: the same words, in order. A record that finds no room is the caller's loss to
//! count; the ring never overwrites, never waits and never allocates.
//!
//! # Why it is correct
//! There is one [`Producer`] (the handler, which cannot interrupt itself: its signal is masked while it runs) and one [`Consumer`] (the
//! drain). `written` and `taken` only grow. The producer alone stores `written`, the consumer alone stores `taken`. Words in
//! `taken..written` belong to the consumer, all others to the producer:
//! - the producer fills words first and then stores `written` with Release; the consumer loads it with Acquire, so it sees the words;
//! - the consumer copies words out first and then stores `taken` with Release; the producer loads it with Acquire, so it does not write
//!   a word that is still being read.
//!
//! The words are relaxed atomics, which are plain moves on x86-64, so that no `unsafe` is needed. `tests.rs` has the loom model.

#![cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64")),
    allow(dead_code, reason = "nobody samples there")
)]

mod atomics;
#[cfg(test)]
mod tests;

use atomics::{AtomicU64, Ordering};

/// A ring of `WORDS` words; all-zero memory is a valid empty ring.
#[repr(C)]
pub struct Ring<const WORDS: usize> {
    /// The producer's own line.
    producer: Padded<ProducerSide>,
    /// Words ever taken. Stored by the consumer only.
    taken: Padded<AtomicU64>,
    /// The words; word `n` of the stream lies at `n % WORDS`.
    words: [AtomicU64; WORDS],
}

/// What the producer alone stores.
#[repr(C)]
struct ProducerSide {
    /// Words ever pushed.
    written: AtomicU64,
    /// What `taken` was when the producer last looked: it looks again only when that leaves too little room, as the drain's line is seldom in its cache.
    taken_seen: AtomicU64,
}

/// Keeps the two ends of the ring off each other's cache line.
#[repr(C, align(128))]
struct Padded<T>(T);

/// The writing end: at most one at a time may push.
pub struct Producer<'a, const WORDS: usize>(&'a Ring<WORDS>);

/// The reading end: at most one at a time may pop.
pub struct Consumer<'a, const WORDS: usize>(&'a Ring<WORDS>);

/// The ring had no room for the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl<const WORDS: usize> Ring<WORDS> {
    const POWER_OF_TWO: () = assert!(WORDS.is_power_of_two() && WORDS >= 2);

    /// An empty ring.
    #[cfg(test)]
    pub fn new() -> Self {
        Self {
            producer: Padded(ProducerSide {
                written: AtomicU64::new(0),
                taken_seen: AtomicU64::new(0),
            }),
            taken: Padded(AtomicU64::new(0)),
            words: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// The writing end. The caller keeps it the only one.
    pub fn producer(&self) -> Producer<'_, WORDS> {
        let () = Self::POWER_OF_TWO;
        Producer(self)
    }

    /// The reading end. The caller keeps it the only one.
    pub fn consumer(&self) -> Consumer<'_, WORDS> {
        let () = Self::POWER_OF_TWO;
        Consumer(self)
    }

    /// The word at a stream position. The mask keeps the index in bounds, so this cannot panic.
    fn word(&self, position: u64) -> Option<&AtomicU64> {
        self.words.get(position as usize & (WORDS - 1))
    }
}

impl<const WORDS: usize> Producer<'_, WORDS> {
    /// Pushes `head` and the `length` words of `tail` as one record, or nothing. Called in SIGPROF.
    ///
    /// The tail is made while it is written: packed frames (record/frames.rs) have no other place to be.
    pub fn push(
        &mut self,
        head: &[u64],
        length: usize,
        mut tail: impl Iterator<Item = u64>,
    ) -> Result<(), Full> {
        let ring = self.0;
        // Relaxed: only this side stores it.
        let written = ring.producer.0.written.load(Ordering::Relaxed);
        let wanted = (head.len() as u64).wrapping_add(length as u64);
        let fits = |taken: u64| wanted <= (WORDS as u64).wrapping_sub(written.wrapping_sub(taken));
        // Relaxed: only this side stores it, after the Acquire below.
        if !fits(ring.producer.0.taken_seen.load(Ordering::Relaxed)) {
            // Acquire: pairs with the Release in pop(), so the consumer has finished reading the words that we are about to reuse.
            let taken = ring.taken.0.load(Ordering::Acquire);
            ring.producer.0.taken_seen.store(taken, Ordering::Relaxed);
            if !fits(taken) {
                return Err(Full);
            }
        }
        let mut position = written;
        for value in head {
            if let Some(word) = ring.word(position) {
                word.store(*value, Ordering::Relaxed);
            }
            position = position.wrapping_add(1);
        }
        let end = written.wrapping_add(wanted);
        while position != end {
            let Some(value) = tail.next() else { break };
            if let Some(word) = ring.word(position) {
                word.store(value, Ordering::Relaxed);
            }
            position = position.wrapping_add(1);
        }
        // Release: publishes the words above to the consumer's Acquire in pop().
        ring.producer.0.written.store(position, Ordering::Release);
        Ok(())
    }
}

impl<const WORDS: usize> Consumer<'_, WORDS> {
    /// Moves everything that has been pushed to the end of `into`, and returns how many words that was.
    pub fn pop_all(&mut self, into: &mut Vec<u64>) -> usize {
        let ring = self.0;
        // Relaxed: only this side stores it.
        let taken = ring.taken.0.load(Ordering::Relaxed);
        // Acquire: pairs with the Release in push(), so the words up to `written` are visible.
        let written = ring.producer.0.written.load(Ordering::Acquire);
        let count = written.wrapping_sub(taken);
        into.reserve(count as usize);
        for position in 0..count {
            if let Some(word) = ring.word(taken.wrapping_add(position)) {
                into.push(word.load(Ordering::Relaxed));
            }
        }
        // Release: hands the words back to the producer's Acquire in push().
        ring.taken.0.store(written, Ordering::Release);
        count as usize
    }
}
