//! Resources of a snapshot as columns. Holders, waiters, channels and longest waits are tables of their own.

mod by_kind;
mod ends;
mod longest;
mod parties;
mod uses;

use self::by_kind::KindWaitsColumns;
use self::ends::{ChannelColumns, PermitColumns};
use self::longest::LongestColumns;
pub(in crate::pprof) use self::parties::SiteColumns;
use self::parties::{HolderColumns, WaiterColumns};
use self::uses::UsesColumns;
use super::super::DecodeError;
use super::super::columns::{column, fill};
use super::super::decode::Raw;
use super::super::limits::Budget;
use super::super::strings::Interner;
use super::{Place, Stacks, next_rows, same_length};
use crate::{Library, Resource, ResourceKind, Resources};
use prost::Message;
use std::borrow::Borrow;

#[derive(Clone, PartialEq, Message)]
pub(super) struct ResourceColumns {
    #[prost(uint64, tag = "1")]
    created: u64,
    #[prost(uint64, tag = "2")]
    alive: u64,
    #[prost(uint64, tag = "3")]
    folded: u64,
    #[prost(uint64, tag = "4")]
    unregistered: u64,
    #[prost(uint64, repeated, tag = "5")]
    ids: Vec<u64>,
    #[prost(uint32, repeated, tag = "6")]
    kinds: Vec<u32>,
    #[prost(uint32, repeated, tag = "7")]
    libraries: Vec<u32>,
    #[prost(int64, repeated, tag = "8")]
    names: Vec<i64>,
    #[prost(message, required, tag = "9")]
    sites: SiteColumns,
    /// In the order of [`NUMBERS`], all resources of the first, then of the second.
    #[prost(uint64, repeated, tag = "10")]
    numbers: Vec<u64>,
    #[prost(bool, repeated, tag = "11")]
    poisoned: Vec<bool>,
    #[prost(bool, repeated, tag = "12")]
    inferred: Vec<bool>,
    /// How many of the holders that follow are the resource's.
    #[prost(uint32, repeated, tag = "13")]
    holder_counts: Vec<u32>,
    #[prost(message, required, tag = "14")]
    holders: HolderColumns,
    #[prost(uint32, repeated, tag = "15")]
    waiter_counts: Vec<u32>,
    #[prost(message, required, tag = "16")]
    waiters: WaiterColumns,
    #[prost(message, required, tag = "17")]
    uses: UsesColumns,
    #[prost(message, required, tag = "18")]
    longest: LongestColumns,
    #[prost(message, required, tag = "19")]
    channels: ChannelColumns,
    #[prost(message, required, tag = "20")]
    permits: PermitColumns,
    #[prost(message, optional, tag = "21")]
    by_kind: Option<KindWaitsColumns>,
}

/// A number of a row, to be read and to be put.
pub(in crate::pprof) type Number<T> = (fn(&T) -> u64, Place<T>);

/// New ones go to the end.
const NUMBERS: [Number<Resource>; 4] = [
    (|one| one.instances, |one| &mut one.instances),
    (|one| one.age_ns, |one| &mut one.age_ns),
    (|one| one.more_holders, |one| &mut one.more_holders),
    (|one| one.more_waiters, |one| &mut one.more_waiters),
];

/// All rows' first numbers, then their second ones.
pub(in crate::pprof) fn table_of<T, R: Borrow<T>>(rows: &[R], numbers: &[Number<T>]) -> Vec<u64> {
    let columns = numbers.iter();
    columns
        .flat_map(|(get, _)| rows.iter().map(|row| get(row.borrow())))
        .collect()
}

/// Puts a table's numbers into rows. A later minor version may have more columns.
pub(in crate::pprof) fn fill_table<T>(
    rows: &mut [T],
    numbers: &[Number<T>],
    table: &[u64],
) -> Result<(), DecodeError> {
    if rows.is_empty() {
        return Ok(());
    }
    for ((_, place), column) in numbers.iter().zip(table.chunks(rows.len())) {
        fill(rows, column, |row, value| *place(row) = value)?;
    }
    Ok(())
}

impl ResourceColumns {
    pub(super) fn of<'a>(
        resources: &'a Resources,
        stacks: &mut Stacks<'a>,
        strings: &mut Interner<'a>,
    ) -> Self {
        let rows = &resources.resources;
        let holders: Vec<_> = rows.iter().flat_map(|one| &one.holders).collect();
        let waiters: Vec<_> = rows.iter().flat_map(|one| &one.waiters).collect();
        Self {
            created: resources.created,
            alive: resources.alive,
            folded: resources.folded,
            unregistered: resources.unregistered,
            ids: rows.iter().map(|one| one.id).collect(),
            // Never left out: not each one's default is the first.
            kinds: rows.iter().map(|one| one.kind as u32).collect(),
            libraries: rows.iter().map(|one| one.library as u32).collect(),
            names: (rows.iter())
                .map(|one| strings.intern(one.name.as_str()))
                .collect(),
            sites: SiteColumns::of(rows.iter().map(|one| &one.site), strings),
            numbers: table_of(rows, &NUMBERS),
            poisoned: column(rows, |one| one.poisoned),
            inferred: column(rows, |one| one.inferred),
            holder_counts: column(rows, |one| one.holders.len() as u32),
            holders: HolderColumns::of(&holders, strings),
            waiter_counts: column(rows, |one| one.waiters.len() as u32),
            waiters: WaiterColumns::of(&waiters, stacks, strings),
            uses: UsesColumns::of(rows),
            longest: LongestColumns::of(rows, stacks, strings),
            channels: ChannelColumns::of(rows),
            permits: PermitColumns::of(rows),
            by_kind: Some(KindWaitsColumns::of(rows)),
        }
    }

    pub(super) fn resources(
        &self,
        raw: &Raw<'_>,
        stacks: &[Vec<u32>],
        budget: &mut Budget,
    ) -> Result<Resources, DecodeError> {
        budget.take_many::<Resource>(self.ids.len())?;
        let mut rows: Vec<Resource> = (self.ids.iter())
            .map(|&id| Resource {
                id,
                ..Resource::default()
            })
            .collect();
        fill(&mut rows, &self.kinds, |one, kind| {
            let known = ResourceKind::ALL.get(kind as usize);
            one.kind = known.copied().unwrap_or(ResourceKind::Other);
        })?;
        fill(&mut rows, &self.libraries, |one, library| {
            let known = Library::ALL.get(library as usize);
            one.library = known.copied().unwrap_or_default();
        })?;
        for (one, name) in rows.iter_mut().zip(same_length(&self.names, &self.ids)?) {
            one.name = raw.owned(*name, budget)?;
        }
        self.sites
            .fill(&mut rows, |one| &mut one.site, raw, budget)?;
        fill_table(&mut rows, &NUMBERS, &self.numbers)?;
        fill(&mut rows, &self.poisoned, |one, is| one.poisoned = is)?;
        fill(&mut rows, &self.inferred, |one, is| one.inferred = is)?;

        let mut holders = self.holders.holders(raw, budget)?.into_iter();
        let mut waiters = self.waiters.waiters(raw, stacks, budget)?.into_iter();
        for counts in [&self.holder_counts, &self.waiter_counts] {
            if !counts.is_empty() {
                same_length(counts, &self.ids)?;
            }
        }
        for (one, count) in rows.iter_mut().zip(&self.holder_counts) {
            one.holders = next_rows(&mut holders, *count)?;
        }
        for (one, count) in rows.iter_mut().zip(&self.waiter_counts) {
            one.waiters = next_rows(&mut waiters, *count)?;
        }
        self.uses.fill(&mut rows, budget)?;
        self.longest.fill(&mut rows, raw, stacks, budget)?;
        self.channels.fill(&mut rows)?;
        self.permits.fill(&mut rows)?;
        if let Some(by_kind) = &self.by_kind {
            by_kind.fill(&mut rows, budget)?;
        }
        Ok(Resources {
            resources: rows,
            created: self.created,
            alive: self.alive,
            folded: self.folded,
            unregistered: self.unregistered,
        })
    }
}

/// The row that a table's row belongs to.
fn owner(rows: &mut [Resource], place: u64) -> Result<&mut Resource, DecodeError> {
    usize::try_from(place)
        .ok()
        .and_then(|place| rows.get_mut(place))
        .ok_or(DecodeError::DanglingIndex("a resource"))
}
