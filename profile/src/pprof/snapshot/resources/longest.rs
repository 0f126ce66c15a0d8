//! The longest waits and holds of resources.

use super::super::super::DecodeError;
use super::super::super::columns::{column, fill};
use super::super::super::decode::Raw;
use super::super::super::limits::Budget;
use super::super::super::strings::Interner;
use super::super::{Stacks, same_length, stack};
use super::owner;
use super::parties::{PartyColumns, SiteColumns};
use crate::{Longest, Party, Resource, Uses};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct LongestColumns {
    /// Four times the place of the resource; 1 more for a hold, 2 more for a shared use.
    #[prost(uint64, repeated, tag = "1")]
    owners: Vec<u64>,
    #[prost(uint64, repeated, tag = "2")]
    ns: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    at_unix_ns: Vec<u64>,
    #[prost(message, required, tag = "4")]
    who: PartyColumns,
    #[prost(uint32, repeated, tag = "5")]
    stacks: Vec<u32>,
    #[prost(message, required, tag = "6")]
    sites: SiteColumns,
    #[prost(bool, repeated, tag = "7")]
    has_other: Vec<bool>,
    #[prost(message, required, tag = "8")]
    others: PartyColumns,
    #[prost(message, required, tag = "9")]
    other_sites: SiteColumns,
}

const HOLD: u64 = 1;
const SHARED: u64 = 2;

impl LongestColumns {
    pub(super) fn of<'a>(
        resources: &'a [Resource],
        stacks: &mut Stacks<'a>,
        strings: &mut Interner<'a>,
    ) -> Self {
        let mut owners = Vec::new();
        let mut rows: Vec<&Longest> = Vec::new();
        for (at, one) in (0u64..).zip(resources) {
            for (uses, shared) in [(&one.exclusive, 0), (&one.shared, SHARED)] {
                for (longest, hold) in [(&uses.longest_wait, 0), (&uses.longest_hold, HOLD)] {
                    if let Some(longest) = longest {
                        owners.push(4 * at + shared + hold);
                        rows.push(longest);
                    }
                }
            }
        }
        Self {
            owners,
            ns: column(&rows, |one| one.ns),
            at_unix_ns: column(&rows, |one| one.at_unix_ns),
            who: PartyColumns::of(&rows, |one| one.who),
            stacks: stacks.places(rows.iter().map(|one| &one.stack)),
            sites: SiteColumns::of(rows.iter().map(|one| &one.site), strings),
            has_other: column(&rows, |one| one.other.is_some()),
            others: PartyColumns::of(&rows, |one| one.other.unwrap_or_default()),
            other_sites: SiteColumns::of(rows.iter().map(|one| &one.other_site), strings),
        }
    }

    pub(super) fn fill(
        &self,
        resources: &mut [Resource],
        raw: &Raw<'_>,
        stacks: &[Vec<u32>],
        budget: &mut Budget,
    ) -> Result<(), DecodeError> {
        let n = self.owners.len();
        budget.take_many::<(Longest, Party)>(n)?;
        let mut rows = vec![(Longest::default(), Party::default()); n];
        let rows = rows.as_mut_slice();
        fill(rows, &self.ns, |row, ns| row.0.ns = ns)?;
        fill(rows, &self.at_unix_ns, |row, ns| row.0.at_unix_ns = ns)?;
        self.who.fill(rows, |row| &mut row.0.who)?;
        self.sites.fill(rows, |row| &mut row.0.site, raw, budget)?;
        let other_sites = &self.other_sites;
        other_sites.fill(rows, |row| &mut row.0.other_site, raw, budget)?;
        self.others.fill(rows, |row| &mut row.1)?;
        fill(rows, &self.has_other, |row, has| {
            row.0.other = has.then_some(row.1);
        })?;
        for (row, place) in rows
            .iter_mut()
            .zip(same_length(&self.stacks, &self.owners)?)
        {
            row.0.stack = stack(stacks, *place, budget)?;
        }
        for ((longest, _), &place) in rows.iter_mut().zip(&self.owners) {
            let one = owner(resources, place / 4)?;
            let uses: &mut Uses = match place & SHARED {
                0 => &mut one.exclusive,
                _ => &mut one.shared,
            };
            let to = match place & HOLD {
                0 => &mut uses.longest_wait,
                _ => &mut uses.longest_hold,
            };
            *to = Some(std::mem::take(longest));
        }
        Ok(())
    }
}
