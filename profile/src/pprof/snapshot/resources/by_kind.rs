//! How long tasks of each kind waited.

use super::super::super::DecodeError;
use super::super::super::columns::column;
use super::super::super::limits::Budget;
use super::super::{next_rows, same_length};
use super::{Number, fill_table, table_of};
use crate::{KindWaits, Resource};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct KindWaitsColumns {
    /// How many of the rows that follow are the resource's.
    #[prost(uint32, repeated, tag = "1")]
    counts: Vec<u32>,
    /// In the order of [`NUMBERS`].
    #[prost(uint64, repeated, tag = "2")]
    numbers: Vec<u64>,
}

const NUMBERS: [Number<KindWaits>; 3] = [
    (|one| one.kind, |one| &mut one.kind),
    (|one| one.waits, |one| &mut one.waits),
    (|one| one.wait_ns, |one| &mut one.wait_ns),
];

impl KindWaitsColumns {
    pub(super) fn of(resources: &[Resource]) -> Self {
        let rows: Vec<&KindWaits> = resources.iter().flat_map(|one| &one.by_kind).collect();
        Self {
            counts: column(resources, |one| one.by_kind.len() as u32),
            numbers: table_of(&rows, &NUMBERS),
        }
    }

    pub(super) fn fill(
        &self,
        resources: &mut [Resource],
        budget: &mut Budget,
    ) -> Result<(), DecodeError> {
        if self.counts.is_empty() {
            return Ok(());
        }
        same_length(&self.counts, resources)?;
        let total: usize = self.counts.iter().map(|&count| count as usize).sum();
        // Twice: in the table, and divided up. A row has a number at least: more than those are none.
        if total > self.numbers.len() {
            return Err(DecodeError::Malformed("a column's length"));
        }
        budget.take_many::<KindWaits>(total.saturating_mul(2))?;
        let mut rows = vec![KindWaits::default(); total];
        fill_table(&mut rows, &NUMBERS, &self.numbers)?;
        let mut rows = rows.into_iter();
        for (one, count) in resources.iter_mut().zip(&self.counts) {
            one.by_kind = next_rows(&mut rows, *count)?;
        }
        Ok(())
    }
}
