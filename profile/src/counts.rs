//! A small table of counters, one for each reason.

use crate::reason::Reason;
use std::marker::PhantomData;

/// How many reasons one kind of [`Reason`] may have.
pub const MAX_REASONS: usize = 16;

/// One counter for each value of `R`, all starting at zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts<R> {
    counts: [u64; MAX_REASONS],
    of: PhantomData<R>,
}

impl<R: Reason> Counts<R> {
    /// No counts yet.
    pub const ZERO: Self = Self {
        counts: [0; MAX_REASONS],
        of: PhantomData,
    };

    /// The count for one reason.
    pub fn get(&self, reason: R) -> u64 {
        self.counts[reason.index()]
    }

    /// Adds `n` to one reason.
    pub fn add(&mut self, reason: R, n: u64) {
        self.counts[reason.index()] += n;
    }

    /// Adds all of `other`.
    pub fn add_all(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
    }

    /// What was counted since `earlier` (saturating: counters never run backwards).
    pub fn since(&self, earlier: &Self) -> Self {
        let mut difference = *self;
        for (mine, theirs) in difference.counts.iter_mut().zip(earlier.counts) {
            *mine = mine.saturating_sub(theirs);
        }
        difference
    }

    /// The sum over all reasons.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The reasons that were counted at least once, in declaration order.
    pub fn iter(&self) -> impl Iterator<Item = (R, u64)> + '_ {
        R::ALL
            .iter()
            .map(|reason| (*reason, self.get(*reason)))
            .filter(|(_, count)| *count > 0)
    }
}

impl<R: Reason> Default for Counts<R> {
    fn default() -> Self {
        Self::ZERO
    }
}
