//! Who holds and who waits: parties, sites, holders and waiters.

use super::super::super::DecodeError;
use super::super::super::columns::{column, fill};
use super::super::super::decode::Raw;
use super::super::super::limits::Budget;
use super::super::super::strings::Interner;
use super::super::{Stacks, same_length, stack};
use super::{Number, fill_table, table_of};
use crate::{Holder, Mode, Party, Since, Site, Waiter};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(in crate::pprof) struct SiteColumns {
    #[prost(int64, repeated, tag = "1")]
    files: Vec<i64>,
    #[prost(uint32, repeated, tag = "2")]
    lines: Vec<u32>,
    #[prost(uint32, repeated, tag = "3")]
    columns: Vec<u32>,
}

impl SiteColumns {
    pub(in crate::pprof) fn of<'a>(
        sites: impl Iterator<Item = &'a Site>,
        strings: &mut Interner<'a>,
    ) -> Self {
        let sites: Vec<&Site> = sites.collect();
        Self {
            files: (sites.iter())
                .map(|site| strings.intern(site.file.as_str()))
                .collect(),
            lines: column(&sites, |site| site.line),
            columns: column(&sites, |site| site.column),
        }
    }

    pub(in crate::pprof) fn fill<T>(
        &self,
        rows: &mut [T],
        site: fn(&mut T) -> &mut Site,
        raw: &Raw<'_>,
        budget: &mut Budget,
    ) -> Result<(), DecodeError> {
        let files = same_length(&self.files, rows)?;
        for (row, file) in rows.iter_mut().zip(files) {
            site(row).file = raw.owned(*file, budget)?;
        }
        fill(rows, &self.lines, |row, line| site(row).line = line)?;
        fill(rows, &self.columns, |row, column| site(row).column = column)
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PartyColumns {
    #[prost(uint32, repeated, tag = "1")]
    tids: Vec<u32>,
    #[prost(uint64, repeated, tag = "2")]
    tasks: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    kinds: Vec<u64>,
}

impl PartyColumns {
    pub(super) fn of<T>(rows: &[T], party: impl Fn(&T) -> Party) -> Self {
        Self {
            tids: column(rows, |row| party(row).tid),
            tasks: column(rows, |row| party(row).task),
            kinds: column(rows, |row| party(row).kind),
        }
    }

    pub(super) fn fill<T>(
        &self,
        rows: &mut [T],
        party: impl Fn(&mut T) -> &mut Party,
    ) -> Result<(), DecodeError> {
        fill(rows, &self.tids, |row, tid| party(row).tid = tid)?;
        fill(rows, &self.tasks, |row, task| party(row).task = task)?;
        fill(rows, &self.kinds, |row, kind| party(row).kind = kind)
    }
}

fn mode(number: u32) -> Mode {
    Mode::ALL.get(number as usize).copied().unwrap_or_default()
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HolderColumns {
    #[prost(message, required, tag = "1")]
    parties: PartyColumns,
    #[prost(message, required, tag = "2")]
    sites: SiteColumns,
    /// One for each holder, never left out: how many there are follows from it.
    #[prost(uint32, repeated, tag = "3")]
    modes: Vec<u32>,
    #[prost(uint32, repeated, tag = "4")]
    since: Vec<u32>,
    #[prost(uint64, repeated, tag = "5")]
    numbers: Vec<u64>,
    #[prost(bool, repeated, tag = "6")]
    confirmed: Vec<bool>,
    #[prost(bool, repeated, tag = "7")]
    movable: Vec<bool>,
    #[prost(bool, repeated, tag = "8")]
    in_set: Vec<bool>,
    #[prost(bool, repeated, tag = "9")]
    by_thread: Vec<bool>,
    #[prost(bool, repeated, tag = "10")]
    gone: Vec<bool>,
}

const HOLDER_NUMBERS: [Number<Holder>; 3] = [
    (|one| one.since_ns, |one| &mut one.since_ns),
    (|one| one.amount, |one| &mut one.amount),
    (|one| one.acquisition, |one| &mut one.acquisition),
];

impl HolderColumns {
    pub(super) fn of<'a>(holders: &[&'a Holder], strings: &mut Interner<'a>) -> Self {
        Self {
            parties: PartyColumns::of(holders, |one| one.party),
            sites: SiteColumns::of(holders.iter().map(|one| &one.site), strings),
            modes: holders.iter().map(|one| one.mode as u32).collect(),
            since: holders.iter().map(|one| one.since as u32).collect(),
            numbers: table_of(holders, &HOLDER_NUMBERS),
            confirmed: column(holders, |one| one.confirmed),
            movable: column(holders, |one| one.movable),
            in_set: column(holders, |one| one.in_set),
            by_thread: column(holders, |one| one.by_thread),
            gone: column(holders, |one| one.gone),
        }
    }

    pub(super) fn holders(
        &self,
        raw: &Raw<'_>,
        budget: &mut Budget,
    ) -> Result<Vec<Holder>, DecodeError> {
        // Twice: in the table, and divided up.
        budget.take_many::<Holder>(self.modes.len().saturating_mul(2))?;
        let mut holders: Vec<Holder> = (self.modes.iter())
            .map(|&number| Holder {
                mode: mode(number),
                ..Holder::default()
            })
            .collect();
        let rows = holders.as_mut_slice();
        self.parties.fill(rows, |one| &mut one.party)?;
        self.sites.fill(rows, |one| &mut one.site, raw, budget)?;
        fill(rows, &self.since, |one, since| {
            one.since = Since::ALL.get(since as usize).copied().unwrap_or_default();
        })?;
        fill_table(rows, &HOLDER_NUMBERS, &self.numbers)?;
        fill(rows, &self.confirmed, |one, is| one.confirmed = is)?;
        fill(rows, &self.movable, |one, is| one.movable = is)?;
        fill(rows, &self.in_set, |one, is| one.in_set = is)?;
        fill(rows, &self.by_thread, |one, is| one.by_thread = is)?;
        fill(rows, &self.gone, |one, is| one.gone = is)?;
        Ok(holders)
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct WaiterColumns {
    #[prost(message, required, tag = "1")]
    parties: PartyColumns,
    #[prost(message, required, tag = "2")]
    sites: SiteColumns,
    /// One for each waiter, never left out.
    #[prost(uint32, repeated, tag = "3")]
    modes: Vec<u32>,
    #[prost(uint64, repeated, tag = "4")]
    numbers: Vec<u64>,
    #[prost(bool, repeated, tag = "5")]
    timed: Vec<bool>,
    #[prost(bool, repeated, tag = "6")]
    confirmed: Vec<bool>,
    #[prost(uint32, repeated, tag = "7")]
    stacks: Vec<u32>,
    #[prost(bool, repeated, tag = "8")]
    in_set: Vec<bool>,
    #[prost(bool, repeated, tag = "9")]
    by_thread: Vec<bool>,
}

/// New ones go to the end.
const WAITER_NUMBERS: [Number<Waiter>; 4] = [
    (|one| one.since_ns, |one| &mut one.since_ns),
    (|one| one.wait, |one| &mut one.wait),
    (|one| one.amount, |one| &mut one.amount),
    (|one| one.ends_in_ns, |one| &mut one.ends_in_ns),
];

impl WaiterColumns {
    pub(super) fn of<'a>(
        waiters: &[&'a Waiter],
        stacks: &mut Stacks<'a>,
        strings: &mut Interner<'a>,
    ) -> Self {
        Self {
            parties: PartyColumns::of(waiters, |one| one.party),
            sites: SiteColumns::of(waiters.iter().map(|one| &one.site), strings),
            modes: waiters.iter().map(|one| one.mode as u32).collect(),
            numbers: table_of(waiters, &WAITER_NUMBERS),
            timed: column(waiters, |one| one.timed),
            confirmed: column(waiters, |one| one.confirmed),
            stacks: stacks.places(waiters.iter().map(|one| &one.stack)),
            in_set: column(waiters, |one| one.in_set),
            by_thread: column(waiters, |one| one.by_thread),
        }
    }

    pub(super) fn waiters(
        &self,
        raw: &Raw<'_>,
        stacks: &[Vec<u32>],
        budget: &mut Budget,
    ) -> Result<Vec<Waiter>, DecodeError> {
        // Twice: in the table, and divided up.
        budget.take_many::<Waiter>(self.modes.len().saturating_mul(2))?;
        let mut waiters: Vec<Waiter> = (self.modes.iter())
            .map(|&number| Waiter {
                mode: mode(number),
                ..Waiter::default()
            })
            .collect();
        let rows = waiters.as_mut_slice();
        self.parties.fill(rows, |one| &mut one.party)?;
        self.sites.fill(rows, |one| &mut one.site, raw, budget)?;
        fill_table(rows, &WAITER_NUMBERS, &self.numbers)?;
        fill(rows, &self.timed, |one, is| one.timed = is)?;
        fill(rows, &self.in_set, |one, is| one.in_set = is)?;
        fill(rows, &self.by_thread, |one, is| one.by_thread = is)?;
        fill(rows, &self.confirmed, |one, is| one.confirmed = is)?;
        for (one, place) in rows.iter_mut().zip(same_length(&self.stacks, &self.modes)?) {
            one.stack = stack(stacks, *place, budget)?;
        }
        Ok(waiters)
    }
}
