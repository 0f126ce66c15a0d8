//! How long the handler took, by size.

use std::sync::atomic::{AtomicU64, Ordering};

/// Four buckets an octave, from 1 tick to 2^16 and beyond.
const BUCKETS: usize = 96;

/// A histogram with one writer. All-zero memory is an empty one.
#[repr(C)]
pub(crate) struct Histogram([AtomicU64; BUCKETS]);

impl Histogram {
    /// Counts one value. Called in SIGPROF.
    pub fn count(&self, value: u64) {
        if let Some(bucket) = self.0.get(bucket(value)) {
            super::add(bucket, 1);
        }
    }

    /// The counts, by bucket.
    pub fn snapshot(&self) -> HandlerTimes {
        let mut counts = [0; BUCKETS];
        for (count, bucket) in counts.iter_mut().zip(&self.0) {
            *count = bucket.load(Ordering::Relaxed);
        }
        HandlerTimes { counts }
    }

    /// Forgets everything. The agent calls it while the slot is free.
    pub fn clear(&self) {
        for bucket in &self.0 {
            bucket.store(0, Ordering::Relaxed);
        }
    }
}

/// Two bits below the leading one choose the bucket in the octave.
fn bucket(value: u64) -> usize {
    let octave = 63 - (value | 4).leading_zeros() as usize;
    let quarter = (value >> (octave - 2) & 3) as usize;
    ((octave - 2) * 4 + quarter).min(BUCKETS - 1)
}

/// A snapshot of how long the handler took, in time stamp counter ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerTimes {
    counts: [u64; BUCKETS],
}

impl Default for HandlerTimes {
    fn default() -> Self {
        Self {
            counts: [0; BUCKETS],
        }
    }
}

impl HandlerTimes {
    /// Adds another thread's.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
    }

    /// How many calls were counted.
    pub fn calls(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// This quantile (0 to 1), in ticks: as far between the edges of its bucket, a quarter of an octave apart, as it lies among the values there. 0 when
    /// nothing was counted.
    pub fn quantile_ticks(&self, quantile: f64) -> u64 {
        let wanted = (self.calls() as f64 * quantile).max(0.5);
        let mut seen = 0.0;
        for (index, count) in self.counts.iter().enumerate() {
            let count = *count as f64;
            if count > 0.0 && seen + count >= wanted {
                let shift = index / 4;
                let lower = ((4 + index % 4) << shift) as f64;
                let width = (1_u64 << shift) as f64;
                return (lower + width * (wanted - seen) / count) as u64;
            }
            seen += count;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_value_lies_between_its_buckets_edges() {
        for value in (4..5_000u64).chain([1 << 20, 3 << 21]) {
            let mut times = HandlerTimes::default();
            times.counts[bucket(value)] = 1;
            let (middle, upper) = (times.quantile_ticks(0.5), times.quantile_ticks(1.0));
            let lower = 2 * middle as i64 - upper as i64 - 1;
            let width = upper as i64 - lower;
            let value = value as i64;
            assert!(
                (lower..=upper as i64).contains(&value),
                "{lower} {value} {upper}"
            );
            assert!(width <= value / 4 + 2, "{lower} {value} {upper}");
        }
    }

    #[test]
    fn quantiles_of_many_values_are_theirs() {
        let mut times = HandlerTimes::default();
        for value in 1_024..8_192 {
            times.counts[bucket(value)] += 1;
        }
        for (quantile, value) in [(0.1, 1_741.0), (0.5, 4_608.0), (0.99, 8_120.0)] {
            let found = times.quantile_ticks(quantile) as f64;
            assert!((found / value - 1.0).abs() < 0.02, "{quantile}: {found}");
        }
        assert_eq!(HandlerTimes::default().quantile_ticks(0.5), 0);
    }
}
