//! The CPU time of a profile as rows of (thread, stack, count, CPU time), whose sum for each thread is its CPU clock.
//!
//! In: a [`Profile`] and its [`Stacks`]. Out: the rows of the whole window, or of each slice in order. Besides the samples there
//! are rows for each thread's `[kernel]` and `[unsampled]` time, and for the threads that ended unseen.

use super::stacks::{StackIndex, Stacks};
use hotpoll_profile::{Profile, Slice, thread::Accounts};

/// Some CPU time, and what it was spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Index into [`Profile::threads`].
    pub thread: u32,
    /// Index into [`Stacks::stacks`].
    pub stack: StackIndex,
    /// Timer expiries; 0 for time that no sample stands for.
    pub count: u64,
    /// CPU time.
    pub cpu_ns: u64,
}

/// The rows of the whole window: samples in their order, then what the threads' accounts add.
pub fn of_window(profile: &Profile, stacks: &Stacks) -> Vec<Row> {
    let mut rows: Vec<Row> = profile
        .samples
        .iter()
        .enumerate()
        .map(|(stack, sample)| Row {
            thread: sample.thread,
            stack,
            count: sample.count,
            cpu_ns: sample.cpu_ns,
        })
        .filter(|row| row.count > 0 || row.cpu_ns > 0)
        .collect();
    for (thread, of_thread) in profile.threads.iter().enumerate() {
        let unsampled_ns = of_thread.totals.unsampled_ns().max(0) as u64;
        push_accounts(
            &mut rows,
            stacks,
            thread as u32,
            &of_thread.totals,
            unsampled_ns,
        );
    }
    rows
}

/// The rows of each slice, in the order of the slices. Their sums are those of [`of_window`] when the slices cover the window.
pub fn of_slices(profile: &Profile, stacks: &Stacks) -> Vec<Vec<Row>> {
    let unsampled = unsampled_by_slice(profile);
    profile
        .slices
        .iter()
        .zip(unsampled)
        .map(|(slice, unsampled)| of_slice(profile, stacks, slice, &unsampled))
        .collect()
}

fn of_slice(profile: &Profile, stacks: &Stacks, slice: &Slice, unsampled_ns: &[u64]) -> Vec<Row> {
    let mut rows: Vec<Row> = slice
        .rows
        .iter()
        .filter_map(|row| {
            // A file from elsewhere may name samples that it does not have.
            let sample = profile.samples.get(row.sample as usize)?;
            Some(Row {
                thread: sample.thread,
                stack: row.sample as usize,
                count: row.count,
                cpu_ns: row.cpu_ns,
            })
        })
        .collect();
    for (of_thread, &unsampled_ns) in slice.threads.iter().zip(unsampled_ns) {
        push_accounts(
            &mut rows,
            stacks,
            of_thread.thread,
            &of_thread.accounts,
            unsampled_ns,
        );
    }
    rows
}

fn push_accounts(
    rows: &mut Vec<Row>,
    stacks: &Stacks,
    thread: u32,
    accounts: &Accounts,
    unsampled_ns: u64,
) {
    let times = [
        (stacks.kernel, accounts.kernel_ns),
        (stacks.unsampled, unsampled_ns),
    ];
    rows.extend(
        times
            .into_iter()
            .filter(|(_, cpu_ns)| *cpu_ns > 0)
            .map(|(stack, cpu_ns)| Row {
                thread,
                stack,
                count: 0,
                cpu_ns,
            }),
    );
}

/// Unsampled CPU time of each slice's threads, never negative, whose sum for a thread is that of its whole window.
///
/// A sample stands for a whole interval, which may have begun in the slice before: one slice then has too little and the next too
/// much. So a slice gets only what the slices after it do not take back: the lowest running total from there on.
fn unsampled_by_slice(profile: &Profile) -> Vec<Vec<u64>> {
    let mut running: Vec<i64> = vec![0; profile.threads.len()];
    let mut totals_after: Vec<Vec<i64>> = profile
        .slices
        .iter()
        .map(|slice| {
            slice
                .threads
                .iter()
                .map(
                    |of_thread| match running.get_mut(of_thread.thread as usize) {
                        Some(total) => {
                            *total += of_thread.accounts.unsampled_ns();
                            *total
                        }
                        None => 0,
                    },
                )
                .collect()
        })
        .collect();

    let mut lowest: Vec<i64> = vec![i64::MAX; profile.threads.len()];
    for (slice, totals) in profile.slices.iter().zip(&mut totals_after).rev() {
        for (of_thread, total) in slice.threads.iter().zip(totals) {
            if let Some(lowest) = lowest.get_mut(of_thread.thread as usize) {
                *lowest = (*lowest).min((*total).max(0));
                *total = *lowest;
            }
        }
    }

    let mut given: Vec<i64> = vec![0; profile.threads.len()];
    profile
        .slices
        .iter()
        .zip(totals_after)
        .map(|(slice, totals)| {
            slice
                .threads
                .iter()
                .zip(totals)
                .map(|(of_thread, total)| {
                    let Some(given) = given.get_mut(of_thread.thread as usize) else {
                        return 0;
                    };
                    let part = total - *given;
                    *given = total;
                    part as u64
                })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use hotpoll_profile::{Thread, ThreadSlice};

    /// Unsampled parts of one thread whose slices have these differences between clock and samples.
    fn check_unsampled(differences_ns: &[i64], expected: &[u64]) {
        let slices = differences_ns
            .iter()
            .map(|&difference| Slice {
                threads: vec![ThreadSlice {
                    thread: 0,
                    accounts: Accounts {
                        cpu_ns: (1_000 + difference) as u64,
                        sampled_ns: 1_000,
                        ..Accounts::default()
                    },
                }],
                ..Slice::default()
            })
            .collect();
        let profile = Profile {
            threads: vec![Thread::default()],
            slices,
            ..Profile::default()
        };
        let parts: Vec<u64> = unsampled_by_slice(&profile).into_iter().flatten().collect();
        assert_eq!(parts, expected);
    }

    #[test]
    fn unsampled_time_of_slices_sums_to_the_window() {
        check_unsampled(&[5, 5, 5], &[5, 5, 5]);
        check_unsampled(&[5, -5, 5], &[0, 0, 5]);
        check_unsampled(&[-5, 8, 0], &[0, 3, 0]);
        check_unsampled(&[9, -3, 1], &[6, 0, 1]);
        check_unsampled(&[3, -9, 2], &[0, 0, 0]);
        check_unsampled(&[], &[]);
    }

    #[test]
    fn rows_of_a_thread_sum_to_its_clock() {
        let profile = fixture::service();
        let stacks = Stacks::new(&profile);
        let window = of_window(&profile, &stacks);
        let slices = of_slices(&profile, &stacks).concat();
        for (thread, of_thread) in profile.threads.iter().enumerate() {
            let sum = |rows: &[Row]| -> u64 {
                rows.iter()
                    .filter(|row| row.thread == thread as u32)
                    .map(|row| row.cpu_ns)
                    .sum()
            };
            assert_eq!(
                sum(&window),
                of_thread.totals.cpu_ns,
                "{} in the window",
                of_thread.name
            );
            assert_eq!(
                sum(&slices),
                of_thread.totals.cpu_ns,
                "{} in the slices",
                of_thread.name
            );
        }
    }
}
