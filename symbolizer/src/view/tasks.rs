//! CPU by task of the runtime.

use super::weight::Weight;
use hotpoll_profile::Sample;
use std::collections::BTreeMap;

/// A task, and the samples taken while it was polled.
#[derive(Debug, Clone)]
pub struct TaskRow<'s> {
    /// The runtime's task ID; 0 for code outside of tasks and for tasks that were not kept.
    pub task: u64,
    /// The task's kind; 0 is none.
    pub kind: u64,
    /// What it weighs.
    pub weight: Weight,
    /// Its samples.
    pub samples: Vec<&'s Sample>,
}

/// A row for each task in the samples, heaviest first.
pub fn tasks<'s>(samples: impl Iterator<Item = &'s Sample>) -> Vec<TaskRow<'s>> {
    let mut rows: BTreeMap<(u64, u64), TaskRow> = BTreeMap::new();
    for sample in samples {
        let row = rows
            .entry((sample.task, sample.kind))
            .or_insert_with(|| TaskRow {
                task: sample.task,
                kind: sample.kind,
                weight: Weight::default(),
                samples: Vec::new(),
            });
        row.weight.add(Weight::of(sample));
        row.samples.push(sample);
    }
    let mut rows: Vec<TaskRow> = rows.into_values().collect();
    rows.sort_by_key(|row| (std::cmp::Reverse(row.weight), row.task, row.kind));
    rows
}

#[cfg(test)]
mod tests {
    use super::super::fixture::profile;
    use super::*;

    #[test]
    fn heaviest_first() {
        let mut profile = profile(&[("t", "a", 1), ("t", "b", 2), ("t", "c", 2), ("t", "d", 9)]);
        for (sample, task) in profile.samples.iter_mut().zip([7, 8, 7, 0]) {
            sample.task = task;
        }
        let rows = tasks(profile.samples.iter());
        let short: Vec<_> = rows
            .iter()
            .map(|row| (row.task, row.weight.count))
            .collect();
        assert_eq!(short, [(0, 9), (7, 3), (8, 2)]);
    }
}
