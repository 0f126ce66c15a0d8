//! Rows by thread and sample number, each under a number of its own.

use super::callchains::{grow, growth};
use super::id_index::{IdIndex, mix};
use super::observation::{ThreadKey, Weight};

/// A row's number in its table.
pub(super) type RowNumber = u32;

/// What one thread has under one sample number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub thread: ThreadKey,
    pub sample: u32,
    pub weight: Weight,
}

impl Row {
    fn hash(&self) -> u64 {
        mix(0x6b, u64::from(self.thread) << 32 | u64::from(self.sample))
    }
}

/// Rows, found by thread and sample number.
#[derive(Debug, Default)]
pub(super) struct RowTable {
    rows: Vec<Row>,
    index: IdIndex,
}

impl RowTable {
    /// The row of a thread and a sample number, made where it is new.
    pub fn number(&mut self, thread: ThreadKey, sample: u32) -> RowNumber {
        let wanted = Row {
            thread,
            sample,
            weight: Weight::default(),
        };
        let rows = &self.rows;
        let found = self.index.find(wanted.hash(), |number| {
            let row = &rows[number as usize];
            row.thread == thread && row.sample == sample
        });
        found.unwrap_or_else(|| {
            let number = self.rows.len() as RowNumber;
            grow(&mut self.rows, 1);
            self.rows.push(wanted);
            let rows = &self.rows;
            self.index
                .insert(wanted.hash(), number, |number| rows[number as usize].hash());
            number
        })
    }

    /// The row with this number, if there is one.
    pub fn get(&self, number: RowNumber) -> Option<&Row> {
        self.rows.get(number as usize)
    }

    /// The weight of the row with this number.
    pub fn weight(&mut self, number: RowNumber) -> &mut Weight {
        &mut self.rows[number as usize].weight
    }

    /// The rows in the order of their numbers.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows by thread and sample number. Their numbers mean nothing any more: [`RowTable::clear`] is next.
    pub fn sort(&mut self) -> &[Row] {
        self.rows
            .sort_unstable_by_key(|row| (row.thread, row.sample));
        &self.rows
    }

    /// Forgets all rows, and keeps the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.index.clear();
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Row>() + self.index.bytes()
    }

    /// The most bytes that one more row would add.
    pub fn growth(&self) -> usize {
        growth(&self.rows, 1) + self.index.growth(1)
    }
}
