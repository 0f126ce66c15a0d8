//! The tasks seen in the open slice, each with the row that it was seen in.
//!
//! Which tasks are worth a row of their own is known only when the slice closes: until then a task's weight counts in
//! the row without task, and a second time here.

use super::id_index::{IdIndex, mix};
use super::observation::Weight;
use super::row_table::RowNumber;

/// One task in one row.
#[derive(Debug, Clone, Copy)]
pub(super) struct TaskPair {
    /// The row without task.
    pub row: RowNumber,
    pub task: u64,
    pub weight: Weight,
}

/// Pairs of task and row, at most as many as fit the bytes given.
#[derive(Debug)]
pub(super) struct TaskPairs {
    pairs: Vec<TaskPair>,
    index: IdIndex,
    most: usize,
    most_bytes: usize,
}

impl TaskPairs {
    /// Room for as many pairs as fit into `bytes`.
    pub fn new(bytes: usize) -> Self {
        // Four bytes a slot of the index, which is between 4/3 and 8/3 as long as the pairs.
        let most = bytes / (size_of::<TaskPair>() + 11);
        Self {
            pairs: Vec::new(),
            index: IdIndex::default(),
            most,
            most_bytes: bytes,
        }
    }

    /// Adds to a pair. Once all room is taken new pairs are left out: their weight stays in the row without task.
    pub fn add(&mut self, row: RowNumber, task: u64, weight: Weight) {
        let hash = |row: RowNumber, task| mix(mix(0x7a, u64::from(row)), task);
        let wanted = hash(row, task);
        let pairs = &self.pairs;
        let found = self.index.find(wanted, |id| {
            let pair = &pairs[id as usize];
            pair.row == row && pair.task == task
        });
        if let Some(id) = found {
            self.pairs[id as usize].weight.add(weight);
        } else if self.pairs.len() < self.most {
            let id = self.pairs.len() as u32;
            if self.pairs.len() == self.pairs.capacity() {
                let more = (self.pairs.len() / 2).max(16);
                self.pairs
                    .reserve_exact(more.min(self.most - self.pairs.len()));
            }
            self.pairs.push(TaskPair { row, task, weight });
            let pairs = &self.pairs;
            self.index.insert(wanted, id, |id| {
                let pair = &pairs[id as usize];
                hash(pair.row, pair.task)
            });
        }
    }

    /// Takes the pairs of this slice, in the order in which they were first seen.
    pub fn take(&mut self) -> Vec<TaskPair> {
        self.index.clear();
        std::mem::take(&mut self.pairs)
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Bytes that it may still take.
    pub fn headroom(&self) -> usize {
        self.most_bytes.saturating_sub(self.bytes())
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.pairs.capacity() * size_of::<TaskPair>() + self.index.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Weight = Weight {
        count: 1,
        cpu_ns: 10,
        wall_ns: 0,
    };

    #[test]
    fn adds_up_by_row_and_task() {
        let mut pairs = TaskPairs::new(4096);
        for (row, task) in [(1, 7), (1, 8), (2, 7), (1, 7)] {
            pairs.add(row, task, ONE);
        }
        let seen: Vec<_> = pairs
            .take()
            .iter()
            .map(|pair| (pair.row, pair.task, pair.weight.count))
            .collect();
        assert_eq!(seen, [(1, 7, 2), (1, 8, 1), (2, 7, 1)]);
    }

    #[test]
    fn a_million_tasks_stay_within_the_bytes() {
        let mut pairs = TaskPairs::new(4096);
        for task in 1..=1_000_000 {
            pairs.add(0, task, ONE);
            assert!(pairs.bytes() <= 4096);
        }
        assert!(pairs.take().len() > 50);
        assert_eq!(pairs.len(), 0);
    }
}
