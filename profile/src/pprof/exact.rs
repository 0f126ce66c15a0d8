//! Exact totals inside the private field, as columns.

use super::DecodeError;
use super::columns::fill;
use super::decode::Raw;
use super::limits::Budget;
use super::snapshot::{Lists, SiteColumns, fill_table, same_length, table_of};
use super::strings::Interner;
use crate::exact::{POLL_NUMBERS, WAIT_NUMBERS};
use crate::{Exact, Histogram, Library, PollTotals, ResourceKind, WaitTotals};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct ExactMessage {
    #[prost(int64, repeated, tag = "1")]
    poll_names: Vec<i64>,
    #[prost(message, required, tag = "2")]
    poll_sites: SiteColumns,
    /// In the order of [`POLL_NUMBERS`], all kinds of the first, then of the second.
    #[prost(uint64, repeated, tag = "3")]
    poll_numbers: Vec<u64>,
    #[prost(message, required, tag = "4")]
    poll_times: Lists,
    #[prost(message, required, tag = "5")]
    wake_delays: Lists,
    #[prost(int64, repeated, tag = "6")]
    wait_names: Vec<i64>,
    #[prost(message, required, tag = "7")]
    wait_sites: SiteColumns,
    #[prost(uint32, repeated, tag = "8")]
    wait_kinds: Vec<u32>,
    #[prost(uint32, repeated, tag = "9")]
    wait_libraries: Vec<u32>,
    /// In the order of [`WAIT_NUMBERS`].
    #[prost(uint64, repeated, tag = "10")]
    wait_numbers: Vec<u64>,
    #[prost(message, required, tag = "11")]
    waits: Lists,
}

impl ExactMessage {
    pub(super) fn of<'a>(exact: &'a Exact, strings: &mut Interner<'a>) -> Self {
        let Exact { polls, waits } = exact;
        Self {
            poll_names: (polls.iter())
                .map(|one| strings.intern(one.name.as_str()))
                .collect(),
            poll_sites: SiteColumns::of(polls.iter().map(|one| &one.site), strings),
            poll_numbers: table_of(polls, &POLL_NUMBERS),
            poll_times: histograms(polls, |one| &one.poll_time),
            wake_delays: histograms(polls, |one| &one.wake_delay),
            wait_names: (waits.iter())
                .map(|one| strings.intern(one.name.as_str()))
                .collect(),
            wait_sites: SiteColumns::of(waits.iter().map(|one| &one.site), strings),
            // Never left out: not each one's default is the first.
            wait_kinds: waits.iter().map(|one| one.kind as u32).collect(),
            wait_libraries: waits.iter().map(|one| one.library as u32).collect(),
            wait_numbers: table_of(waits, &WAIT_NUMBERS),
            waits: histograms(waits, |one| &one.wait),
        }
    }

    pub(super) fn exact(&self, raw: &Raw<'_>, budget: &mut Budget) -> Result<Exact, DecodeError> {
        budget.take_many::<PollTotals>(self.poll_names.len())?;
        let mut polls = vec![PollTotals::default(); self.poll_names.len()];
        for (one, name) in polls.iter_mut().zip(&self.poll_names) {
            one.name = raw.owned(*name, budget)?;
        }
        self.poll_sites
            .fill(&mut polls, |one| &mut one.site, raw, budget)?;
        fill_table(&mut polls, &POLL_NUMBERS, &self.poll_numbers)?;
        fill_histograms(&mut polls, &self.poll_times, budget, |one| {
            &mut one.poll_time
        })?;
        fill_histograms(&mut polls, &self.wake_delays, budget, |one| {
            &mut one.wake_delay
        })?;

        budget.take_many::<WaitTotals>(self.wait_names.len())?;
        let mut waits = vec![WaitTotals::default(); self.wait_names.len()];
        for (one, name) in waits.iter_mut().zip(&self.wait_names) {
            one.name = raw.owned(*name, budget)?;
        }
        self.wait_sites
            .fill(&mut waits, |one| &mut one.site, raw, budget)?;
        fill(&mut waits, &self.wait_kinds, |one, kind| {
            let known = ResourceKind::ALL.get(kind as usize);
            one.kind = known.copied().unwrap_or(ResourceKind::Other);
        })?;
        fill(&mut waits, &self.wait_libraries, |one, library| {
            let known = Library::ALL.get(library as usize);
            one.library = known.copied().unwrap_or_default();
        })?;
        fill_table(&mut waits, &WAIT_NUMBERS, &self.wait_numbers)?;
        fill_histograms(&mut waits, &self.waits, budget, |one| &mut one.wait)?;
        Ok(Exact { polls, waits })
    }
}

fn histograms<T>(rows: &[T], histogram: impl Fn(&T) -> &Histogram) -> Lists {
    let mut lists = Lists::default();
    for row in rows {
        lists.push(histogram(row).counts.iter().copied());
    }
    lists
}

fn fill_histograms<T>(
    rows: &mut [T],
    lists: &Lists,
    budget: &mut Budget,
    place: impl Fn(&mut T) -> &mut Histogram,
) -> Result<(), DecodeError> {
    budget.take_many::<u64>(lists.numbers.len())?;
    same_length(&lists.lengths, rows)?;
    for (row, counts) in rows.iter_mut().zip(lists.iter()?) {
        place(row).counts = counts.to_vec();
    }
    Ok(())
}
