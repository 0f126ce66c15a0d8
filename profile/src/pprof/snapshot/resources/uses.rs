//! How resources were used: two rows for each, the exclusive uses and then the shared ones.

use super::super::super::DecodeError;
use super::super::super::limits::Budget;
use super::super::{Lists, same_length};
use super::{Number, fill_table, table_of};
use crate::{Resource, Uses};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct UsesColumns {
    /// In the order of [`NUMBERS`]; nothing when no resource was used.
    #[prost(uint64, repeated, tag = "1")]
    numbers: Vec<u64>,
    #[prost(message, required, tag = "2")]
    wait: Lists,
    #[prost(message, required, tag = "3")]
    hold: Lists,
}

const NUMBERS: [Number<Uses>; 8] = [
    (|uses| uses.acquired, |uses| &mut uses.acquired),
    (|uses| uses.contended, |uses| &mut uses.contended),
    (|uses| uses.tries_failed, |uses| &mut uses.tries_failed),
    (|uses| uses.timed_out, |uses| &mut uses.timed_out),
    (|uses| uses.cancelled, |uses| &mut uses.cancelled),
    (|uses| uses.wait_ns, |uses| &mut uses.wait_ns),
    (|uses| uses.hold_ns, |uses| &mut uses.hold_ns),
    (|uses| uses.holds_timed, |uses| &mut uses.holds_timed),
];

impl UsesColumns {
    pub(super) fn of(resources: &[Resource]) -> Self {
        let rows: Vec<&Uses> = (resources.iter())
            .flat_map(|one| [&one.exclusive, &one.shared])
            .collect();
        let mut wait = Lists::default();
        let mut hold = Lists::default();
        for uses in &rows {
            wait.push(uses.wait.counts.iter().copied());
            hold.push(uses.hold.counts.iter().copied());
        }
        Self {
            numbers: table_of(&rows, &NUMBERS),
            wait,
            hold,
        }
    }

    pub(super) fn fill(
        &self,
        resources: &mut [Resource],
        budget: &mut Budget,
    ) -> Result<(), DecodeError> {
        budget.take_many::<Uses>(self.wait.lengths.len())?;
        budget.take_many::<u64>(self.wait.numbers.len() + self.hold.numbers.len())?;
        let mut rows = vec![Uses::default(); self.wait.lengths.len()];
        same_length(&self.hold.lengths, &rows)?;
        fill_table(&mut rows, &NUMBERS, &self.numbers)?;
        for ((uses, wait), hold) in (rows.iter_mut())
            .zip(self.wait.iter()?)
            .zip(self.hold.iter()?)
        {
            uses.wait.counts = wait.to_vec();
            uses.hold.counts = hold.to_vec();
        }
        if rows.len() != resources.len() * 2 {
            return Err(DecodeError::Malformed("a column's length"));
        }
        let mut rows = rows.into_iter();
        for one in resources {
            one.exclusive = rows.next().unwrap_or_default();
            one.shared = rows.next().unwrap_or_default();
        }
        Ok(())
    }
}
