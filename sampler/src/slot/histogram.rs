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

    /// The upper edge, in ticks, of the bucket that holds this quantile (0 to 1); at most 25 % too high. 0 when nothing was counted.
    pub fn quantile_ticks(&self, quantile: f64) -> u64 {
        let wanted = (self.calls() as f64 * quantile).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                let octave = index / 4 + 2;
                return (4 + (index % 4) as u64 + 1) << (octave - 2);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_falls_below_its_bucket_edge() {
        for value in (0..5_000u64).chain([1 << 20, 3 << 21]) {
            let mut times = HandlerTimes::default();
            times.counts[bucket(value)] = 1;
            let edge = times.quantile_ticks(0.5);
            assert!(edge > value, "{value} not below {edge}");
            assert!(
                value < 8 || edge as f64 <= value as f64 * 1.25 + 1.0,
                "{value} far below {edge}"
            );
        }
    }
}
