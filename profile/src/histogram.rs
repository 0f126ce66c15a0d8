//! How durations are spread: four buckets an octave, from 64 ns to 137 s.

/// Durations counted in buckets: four an octave, so that a bucket's ends are at most 25 % apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// How many durations fell into each bucket; buckets after the last are empty.
    pub counts: Vec<u64>,
}

/// Buckets: one below the first octave, four for each of 31 octaves, one beyond.
pub const BUCKETS: usize = 2 + OCTAVES * PARTS;

const PARTS: usize = 4;
const OCTAVES: usize = (LAST_POWER - FIRST_POWER) as usize;
/// 64 ns: shorter ones are counted together.
const FIRST_POWER: u32 = 6;
/// 137 s: longer ones are counted together.
const LAST_POWER: u32 = 37;

/// The bucket of a duration. Loop-free, so that it may be called for every poll.
#[inline]
pub const fn bucket(ns: u64) -> usize {
    if ns < 1 << FIRST_POWER {
        return 0;
    }
    let power = u64::BITS - 1 - ns.leading_zeros();
    if power >= LAST_POWER {
        return BUCKETS - 1;
    }
    // The two bits behind the leading one.
    let part = (ns >> (power - 2)) as usize & (PARTS - 1);
    1 + (power - FIRST_POWER) as usize * PARTS + part
}

/// The shortest duration of a bucket. Of one that is not there: the last one's.
pub const fn lower_bound(bucket: usize) -> u64 {
    if bucket == 0 {
        return 0;
    }
    let bucket = if bucket < BUCKETS {
        bucket
    } else {
        BUCKETS - 1
    };
    let power = FIRST_POWER + ((bucket - 1) / PARTS) as u32;
    let part = ((bucket - 1) % PARTS) as u64;
    (PARTS as u64 + part) << (power - 2)
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, ns: u64) {
        let bucket = bucket(ns);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] = self.counts[bucket].saturating_add(1);
    }

    /// A duration that the share `q` (0 to 1) of them does not exceed: the end of the bucket where it lies, so at most 25 % too long.
    /// Beyond the last octave it is that octave's end, and too short. `None` when nothing was counted.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let rank = ((total as f64 * q.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0u64;
        for (bucket, &count) in self.counts.iter().enumerate() {
            seen = seen.saturating_add(count);
            if count > 0 && seen >= rank {
                return Some(lower_bound(bucket + 1));
            }
        }
        // Counts so large that the rank was rounded past their sum.
        let last = self.counts.iter().rposition(|&count| count > 0)?;
        Some(lower_bound(last + 1))
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.saturating_add(*theirs);
        }
    }

    /// What was counted after `earlier`, a state of the same histogram.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut counts = self.counts.clone();
        for (mine, before) in counts.iter_mut().zip(&earlier.counts) {
            *mine = mine.saturating_sub(*before);
        }
        let used = counts.iter().rposition(|&count| count > 0);
        counts.truncate(used.map_or(0, |last| last + 1));
        Self { counts }
    }

    /// How many durations were counted.
    pub fn total(&self) -> u64 {
        let counts = self.counts.iter();
        counts.fold(0, |sum, count| sum.saturating_add(*count))
    }
}

const _: () = assert!(bucket(u64::MAX) == BUCKETS - 1 && bucket(0) == 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_and_buckets_agree() {
        for at in 0..BUCKETS {
            assert_eq!(bucket(lower_bound(at)), at, "{at}");
            if at > 0 {
                assert_eq!(bucket(lower_bound(at) - 1), at - 1, "{at}");
            }
        }
        assert_eq!(lower_bound(1), 64);
        assert_eq!(lower_bound(BUCKETS - 1), 1 << 37);
        assert_eq!(lower_bound(usize::MAX), 1 << 37);
    }

    #[test]
    fn buckets_are_at_most_a_quarter_wide() {
        for at in 1..BUCKETS - 1 {
            let (low, high) = (lower_bound(at), lower_bound(at + 1));
            assert!((high - low) * 4 <= low, "{low} to {high}");
        }
    }

    #[test]
    fn quantiles() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        for _ in 0..99 {
            histogram.record(1_000);
        }
        histogram.record(1_000_000);
        assert_eq!(histogram.total(), 100);
        let (half, most, all) = (
            histogram.quantile(0.5).unwrap(),
            histogram.quantile(0.99).unwrap(),
            histogram.quantile(1.0).unwrap(),
        );
        assert!((1_000..1_250).contains(&half), "{half}");
        assert_eq!(half, most);
        assert!((1_000_000..1_250_000).contains(&all), "{all}");
        assert_eq!(histogram.quantile(0.0), Some(half));
    }

    #[test]
    fn what_lies_beyond_is_counted() {
        let mut histogram = Histogram::default();
        histogram.record(0);
        histogram.record(u64::MAX);
        assert_eq!(histogram.quantile(0.5), Some(64));
        assert_eq!(histogram.quantile(1.0), Some(1 << 37));
    }

    #[test]
    fn adding_counts_both() {
        let mut one = Histogram::default();
        one.record(100);
        let mut other = Histogram::default();
        other.record(5_000_000);
        other.record(100);
        one.add(&other);
        assert_eq!(one.total(), 3);
        other.add(&one);
        assert_eq!(other.counts[bucket(100)], 3);
    }

    #[test]
    fn what_came_later() {
        let mut before = Histogram::default();
        before.record(100);
        before.record(5_000_000);
        let mut after = before.clone();
        after.record(100);
        let later = after.since(&before);
        assert_eq!((later.total(), later.counts[bucket(100)]), (1, 1));
        assert_eq!(before.since(&after), Histogram::default());
        assert_eq!(after.since(&Histogram::default()), after);
    }

    #[test]
    fn counts_of_a_damaged_file_end_nobody() {
        let histogram = Histogram {
            counts: vec![u64::MAX; 500],
        };
        assert_eq!(histogram.total(), u64::MAX);
        assert_eq!(histogram.quantile(0.5), Some(64));
        assert!(histogram.quantile(1.0).is_some());
    }
}
