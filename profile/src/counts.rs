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
        let count = &mut self.counts[reason.index()];
        *count = count.saturating_add(n);
    }

    /// Adds all of `other`.
    pub fn add_all(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            // Saturating: a damaged file must not end its reader.
            *mine = mine.saturating_add(theirs);
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
        self.counts
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The counts in the order of [`Reason::index`], without the zeros at the end: the form that is written down.
    pub fn as_slice(&self) -> &[u64] {
        let used = self.counts.iter().rposition(|count| *count > 0);
        &self.counts[..used.map_or(0, |last| last + 1)]
    }

    /// Counts from their written form. Counts past [`MAX_REASONS`], from a later version, are added to the last one, so that the total stays.
    pub fn from_slice(counts: &[u64]) -> Self {
        let mut read = Self::ZERO;
        for (index, count) in counts.iter().enumerate() {
            let mine = &mut read.counts[index.min(MAX_REASONS - 1)];
            *mine = mine.saturating_add(*count);
        }
        read
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Loss;

    #[test]
    fn written_form_ends_with_the_last_count() {
        let mut counts = Counts::<Loss>::ZERO;
        assert_eq!(counts.as_slice(), [0; 0]);
        counts.add(Loss::StaleSlot, 3);
        assert_eq!(counts.as_slice(), [0, 3]);
        assert_eq!(Counts::from_slice(counts.as_slice()), counts);
    }

    #[test]
    fn reasons_of_a_later_version_stay_in_the_total() {
        let read = Counts::<Loss>::from_slice(&[1; MAX_REASONS + 5]);
        assert_eq!(read.total(), MAX_REASONS as u64 + 5);
        assert_eq!(read.get(Loss::RingFull), 1);
    }

    #[test]
    fn sums_of_a_damaged_file_stop_at_the_largest_number() {
        let mut counts = Counts::<Loss>::from_slice(&[u64::MAX, 1]);
        assert_eq!(counts.total(), u64::MAX);
        counts.add(Loss::RingFull, 1);
        counts.add_all(&counts.clone());
        assert_eq!(counts.get(Loss::RingFull), u64::MAX);
        assert_eq!(counts.get(Loss::StaleSlot), 2);
    }
}
