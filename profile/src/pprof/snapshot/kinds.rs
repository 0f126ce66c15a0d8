//! Task kinds of a snapshot as columns.

use super::super::DecodeError;
use super::super::columns::{column, fill};
use super::super::decode::Raw;
use super::super::limits::Budget;
use super::super::strings::Interner;
use super::{Lists, Place, same_length};
use crate::{Histogram, Site, TaskKind};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct KindColumns {
    #[prost(uint64, repeated, tag = "1")]
    ids: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    names: Vec<i64>,
    #[prost(int64, repeated, tag = "3")]
    files: Vec<i64>,
    #[prost(uint32, repeated, tag = "4")]
    lines: Vec<u32>,
    #[prost(uint32, repeated, tag = "5")]
    columns: Vec<u32>,
    /// In the order of [`KIND_COUNTS`], all kinds of the first, then of the second.
    #[prost(uint64, repeated, tag = "6")]
    counts: Vec<u64>,
    #[prost(message, required, tag = "7")]
    poll_time: Lists,
    #[prost(message, required, tag = "8")]
    wake_delay: Lists,
}

/// What is counted for a kind. New ones go to the end.
const KIND_COUNTS: [Place<TaskKind>; 14] = [
    |kind| &mut kind.alive,
    |kind| &mut kind.spawned,
    |kind| &mut kind.completed,
    |kind| &mut kind.aborted,
    |kind| &mut kind.panicked,
    |kind| &mut kind.polls,
    |kind| &mut kind.wakes,
    |kind| &mut kind.self_wakes,
    |kind| &mut kind.coop_yields,
    |kind| &mut kind.busy_ns,
    |kind| &mut kind.scheduled_ns,
    |kind| &mut kind.idle_ns,
    |kind| &mut kind.captures,
    |kind| &mut kind.captures_failed,
];

impl KindColumns {
    pub(super) fn of<'a>(kinds: &'a [TaskKind], strings: &mut Interner<'a>) -> Self {
        let mut poll_time = Lists::default();
        let mut wake_delay = Lists::default();
        for kind in kinds {
            poll_time.push(kind.poll_time.counts.iter().copied());
            wake_delay.push(kind.wake_delay.counts.iter().copied());
        }
        // The table of places is written for mutable kinds: the numbers are few enough to be copied.
        let mut numbers: Vec<TaskKind> = kinds.iter().map(numbers_of).collect();
        let mut counts = Vec::with_capacity(KIND_COUNTS.len() * kinds.len());
        for place in KIND_COUNTS {
            counts.extend(numbers.iter_mut().map(|kind| *place(kind)));
        }
        Self {
            ids: kinds.iter().map(|kind| kind.id).collect(),
            names: kinds
                .iter()
                .map(|kind| strings.intern(kind.name.as_str()))
                .collect(),
            files: kinds
                .iter()
                .map(|kind| strings.intern(kind.site.file.as_str()))
                .collect(),
            lines: column(kinds, |kind| kind.site.line),
            columns: column(kinds, |kind| kind.site.column),
            counts,
            poll_time,
            wake_delay,
        }
    }

    pub(super) fn kinds(
        &self,
        raw: &Raw<'_>,
        budget: &mut Budget,
    ) -> Result<Vec<TaskKind>, DecodeError> {
        let n = self.ids.len();
        budget.take_many::<TaskKind>(n)?;
        budget.take_many::<u64>(self.poll_time.numbers.len() + self.wake_delay.numbers.len())?;
        let mut kinds: Vec<TaskKind> = self
            .ids
            .iter()
            .map(|&id| TaskKind {
                id,
                ..TaskKind::default()
            })
            .collect();
        fill(&mut kinds, &self.lines, |kind, line| kind.site.line = line)?;
        fill(&mut kinds, &self.columns, |kind, column| {
            kind.site.column = column;
        })?;
        for ((kind, name), file) in (kinds.iter_mut())
            .zip(same_length(&self.names, &self.ids)?)
            .zip(same_length(&self.files, &self.ids)?)
        {
            kind.name = raw.owned(*name, budget)?;
            kind.site.file = raw.owned(*file, budget)?;
        }
        if n > 0 {
            // A later minor version may count more.
            for (place, column) in KIND_COUNTS.iter().zip(self.counts.chunks(n)) {
                fill(&mut kinds, column, |kind, count| *place(kind) = count)?;
            }
        }
        for (lists, place) in [
            (
                &self.poll_time,
                (|kind| &mut kind.poll_time) as fn(&mut TaskKind) -> &mut Histogram,
            ),
            (&self.wake_delay, |kind| &mut kind.wake_delay),
        ] {
            same_length(&lists.lengths, &self.ids)?;
            for (kind, counts) in kinds.iter_mut().zip(lists.iter()?) {
                place(kind).counts = counts.to_vec();
            }
        }
        Ok(kinds)
    }
}

/// A kind's counts without its names and lists.
fn numbers_of(kind: &TaskKind) -> TaskKind {
    TaskKind {
        name: String::new(),
        site: Site::default(),
        poll_time: Histogram::default(),
        wake_delay: Histogram::default(),
        longest_poll: None,
        long_polls: Vec::new(),
        ..*kind
    }
}
