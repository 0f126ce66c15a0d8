//! Times for samples whose slice is all that is known.
//!
//! In: the rows of each slice. Out: entries with a time, in order. A thread's entries stand evenly over its slice, and each row's evenly
//! among them: what is seen within a slice is a mixture that invents no phases, and from slice to slice the times are right.

use super::super::rows::{self, Row};
use super::super::stacks::Stacks;
use hotpoll_profile::Profile;
use std::collections::BTreeMap;

/// Entries of one thread in one slice; beyond it samples share an entry, and weights make up for it. A window of minutes at 10 kHz
/// would fill the reader's memory otherwise.
const MAX_ENTRIES: u64 = 500;

/// Part of a row at one moment.
#[derive(Debug)]
pub struct Entry {
    /// Since the window began.
    pub at_ns: u64,
    /// Index into [`Profile::threads`].
    pub thread: usize,
    /// Index into [`Stacks::stacks`].
    pub stack: usize,
    /// CPU time.
    pub cpu_ns: u64,
    /// Samples; for time that no sample stands for, those that it would have been.
    pub weight: u64,
}

/// What all rows become, in the order of time.
pub fn entries(profile: &Profile, stacks: &Stacks) -> Vec<Entry> {
    let interval_ns = profile.interval_ns.max(1);
    let mut entries = Vec::new();
    if profile.slices.is_empty() {
        let rows = rows::of_window(profile, stacks);
        spread(&rows, 0, profile.duration_ns, interval_ns, &mut entries);
    }
    for (slice, rows) in profile.slices.iter().zip(rows::of_slices(profile, stacks)) {
        let from_ns = slice.start_unix_ns.saturating_sub(profile.start_unix_ns);
        spread(&rows, from_ns, slice.duration_ns, interval_ns, &mut entries);
    }
    // The reader takes times as differences, and wants none below zero.
    entries.sort_by_key(|entry| entry.at_ns);
    entries
}

fn spread(rows: &[Row], from_ns: u64, duration_ns: u64, interval_ns: u64, into: &mut Vec<Entry>) {
    let mut threads: BTreeMap<u32, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        threads.entry(row.thread).or_default().push(row);
    }
    for rows in threads.values() {
        let weights = rows.iter().map(|row| weight(row, interval_ns));
        let samples_per_entry = weights.sum::<u64>().div_ceil(MAX_ENTRIES).max(1);
        // Each row's parts in the middles of equal shares of [0, 1): sorted, they are the mixture.
        let mut parts: Vec<(f64, Entry)> = Vec::new();
        for row in rows {
            let weight = weight(row, interval_ns);
            let count = weight.div_ceil(samples_per_entry).max(1);
            parts.extend((0..count).map(|part| {
                let entry = Entry {
                    at_ns: 0,
                    thread: row.thread as usize,
                    stack: row.stack,
                    cpu_ns: share(row.cpu_ns, part, count),
                    weight: share(weight, part, count),
                };
                ((part as f64 + 0.5) / count as f64, entry)
            }));
        }
        parts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let count = parts.len() as u64;
        into.extend(
            parts
                .into_iter()
                .enumerate()
                .map(|(index, (_, entry))| Entry {
                    at_ns: from_ns
                        + share(duration_ns, index as u64, count) / 2
                        + upto(duration_ns, index as u64, count),
                    ..entry
                }),
        );
    }
}

fn weight(row: &Row, interval_ns: u64) -> u64 {
    match row.count {
        0 => (row.cpu_ns + interval_ns / 2) / interval_ns,
        count => count,
    }
}

/// Part `part` of `whole` split in `parts`: the shares sum to the whole.
fn share(whole: u64, part: u64, parts: u64) -> u64 {
    upto(whole, part + 1, parts) - upto(whole, part, parts)
}

/// The first `part` shares of `whole` split in `parts`.
fn upto(whole: u64, part: u64, parts: u64) -> u64 {
    (u128::from(whole) * u128::from(part) / u128::from(parts)) as u64
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture;
    use super::*;

    #[test]
    fn times_lie_in_the_window_and_cpu_sums_to_the_clock() {
        let profile = fixture::service();
        let stacks = Stacks::new(&profile);
        let entries = entries(&profile, &stacks);
        assert!(entries.is_sorted_by_key(|entry| entry.at_ns));
        assert!(
            entries
                .iter()
                .all(|entry| entry.at_ns < profile.duration_ns)
        );
        for (thread, of_thread) in profile.threads.iter().enumerate() {
            let cpu_ns: u64 = entries
                .iter()
                .filter(|entry| entry.thread == thread)
                .map(|entry| entry.cpu_ns)
                .sum();
            assert_eq!(cpu_ns, of_thread.totals.cpu_ns, "{}", of_thread.name);
        }
    }

    fn row(stack: usize, count: u64) -> Row {
        Row {
            thread: 0,
            stack,
            count,
            cpu_ns: count * 100,
        }
    }

    #[test]
    fn rows_are_mixed_evenly() {
        let mut entries = Vec::new();
        spread(&[row(7, 4), row(8, 2)], 1_000, 600, 100, &mut entries);
        let order: Vec<(u64, usize)> = entries
            .iter()
            .map(|entry| (entry.at_ns, entry.stack))
            .collect();
        assert_eq!(
            order,
            [
                (1_050, 7),
                (1_150, 8),
                (1_250, 7),
                (1_350, 7),
                (1_450, 8),
                (1_550, 7)
            ]
        );
    }

    #[test]
    fn fast_rates_stay_small() {
        let mut entries = Vec::new();
        spread(
            &[row(0, 9_003), row(1, 1_000)],
            0,
            1_000_000_000,
            100,
            &mut entries,
        );
        assert!(entries.len() as u64 <= MAX_ENTRIES + 2, "{}", entries.len());
        assert_eq!(
            entries.iter().map(|entry| entry.weight).sum::<u64>(),
            10_003
        );
        assert_eq!(
            entries.iter().map(|entry| entry.cpu_ns).sum::<u64>(),
            1_000_300
        );
    }
}
