//! The snapshot inside the private field, all of it as columns: a hundred thousand tasks are some twenty columns of numbers, and
//! each distinct stack is there once, however many tasks are suspended in it.

mod kinds;
mod long_polls;
mod resources;
mod runtimes;
mod tasks;
mod threads;

use self::kinds::KindColumns;
use self::long_polls::LongPollColumns;
use self::resources::ResourceColumns;
pub(super) use self::resources::{SiteColumns, fill_table, table_of};
use self::runtimes::RuntimeColumns;
use self::tasks::TaskColumns;
use self::threads::ThreadColumns;
use super::DecodeError;
use super::decode::Raw;
use super::limits::Budget;
use super::strings::Interner;
use crate::{Snapshot, State, Tasks};
use prost::Message;
use std::collections::HashMap;

/// The tables refer to each other by place; names are places in pprof's string table.
#[derive(Clone, PartialEq, Message)]
pub(in crate::pprof) struct SnapshotMessage {
    #[prost(uint64, tag = "1")]
    taken_unix_ns: u64,
    #[prost(uint64, optional, tag = "2")]
    alive: Option<u64>,
    #[prost(uint64, tag = "3")]
    tracked: u64,
    #[prost(uint64, tag = "4")]
    long_poll_ns: u64,
    #[prost(uint64, tag = "5")]
    folded_tasks: u64,
    #[prost(uint64, tag = "6")]
    folded_kinds: u64,
    #[prost(message, required, tag = "7")]
    stacks: Lists,
    #[prost(message, required, tag = "8")]
    threads: ThreadColumns,
    #[prost(message, required, tag = "9")]
    kinds: KindColumns,
    #[prost(message, required, tag = "10")]
    tasks: TaskColumns,
    #[prost(message, required, tag = "11")]
    long_polls: LongPollColumns,
    #[prost(message, required, tag = "12")]
    runtimes: RuntimeColumns,
    #[prost(message, required, tag = "13")]
    resources: ResourceColumns,
    #[prost(uint64, tag = "14")]
    took_ns: u64,
    #[prost(uint64, tag = "15")]
    tracked_beside: u64,
}

/// Where a column's value goes.
type Place<T> = fn(&mut T) -> &mut u64;

/// Lists of numbers, one behind the other.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Lists {
    #[prost(uint32, repeated, tag = "1")]
    pub(super) lengths: Vec<u32>,
    #[prost(uint64, repeated, tag = "2")]
    pub(super) numbers: Vec<u64>,
}

impl Lists {
    pub(super) fn push(&mut self, numbers: impl IntoIterator<Item = u64>) {
        let before = self.numbers.len();
        self.numbers.extend(numbers);
        self.lengths.push((self.numbers.len() - before) as u32);
    }

    /// Each list; an error if the lengths do not add up.
    pub(super) fn iter(&self) -> Result<impl Iterator<Item = &[u64]>, DecodeError> {
        let sum: u64 = self.lengths.iter().copied().map(u64::from).sum();
        if sum != self.numbers.len() as u64 {
            return Err(DecodeError::Malformed("a snapshot's lists"));
        }
        let mut rest = self.numbers.as_slice();
        Ok(self.lengths.iter().map(move |&length| {
            let (list, behind) = rest.split_at(length as usize);
            rest = behind;
            list
        }))
    }
}

/// Distinct stacks while a snapshot is written.
#[derive(Default)]
struct Stacks<'a> {
    places: HashMap<&'a [u32], u32>,
    lists: Lists,
}

impl<'a> Stacks<'a> {
    fn place(&mut self, stack: &'a [u32]) -> u32 {
        let lists = &mut self.lists;
        *self.places.entry(stack).or_insert_with(|| {
            lists.push(stack.iter().copied().map(u64::from));
            lists.lengths.len() as u32 - 1
        })
    }

    fn places(&mut self, stacks: impl Iterator<Item = &'a Vec<u32>>) -> Vec<u32> {
        stacks.map(|stack| self.place(stack)).collect()
    }
}

impl SnapshotMessage {
    pub(in crate::pprof) fn of<'a>(snapshot: &'a Snapshot, strings: &mut Interner<'a>) -> Self {
        let mut stacks = Stacks::default();
        let threads = ThreadColumns::of(&snapshot.threads, &mut stacks);
        let Tasks {
            alive,
            tracked,
            tracked_beside,
            long_poll_ns,
            kinds,
            tasks,
            runtimes,
            folded_tasks,
            folded_kinds,
        } = &snapshot.tasks;
        let tasks = TaskColumns::of(tasks, &mut stacks);
        let long_polls = LongPollColumns::of(kinds, &mut stacks);
        let resources = ResourceColumns::of(&snapshot.resources, &mut stacks, strings);
        Self {
            taken_unix_ns: snapshot.taken_unix_ns,
            took_ns: snapshot.took_ns,
            alive: *alive,
            tracked: *tracked,
            tracked_beside: *tracked_beside,
            long_poll_ns: *long_poll_ns,
            folded_tasks: *folded_tasks,
            folded_kinds: *folded_kinds,
            stacks: stacks.lists,
            threads,
            kinds: KindColumns::of(kinds, strings),
            tasks,
            long_polls,
            runtimes: RuntimeColumns::of(runtimes, strings),
            resources,
        }
    }

    pub(in crate::pprof) fn into_snapshot(
        self,
        raw: &Raw<'_>,
        budget: &mut Budget,
    ) -> Result<Snapshot, DecodeError> {
        let stacks: Vec<Vec<u32>> = {
            budget.take_many::<Vec<u32>>(self.stacks.lengths.len())?;
            budget.take_many::<u32>(self.stacks.numbers.len())?;
            let narrow = |stack: &[u64]| stack.iter().map(|&at| location(at)).collect();
            self.stacks
                .iter()?
                .map(narrow)
                .collect::<Result<_, DecodeError>>()?
        };
        let stacks = &stacks;
        let mut kinds = self.kinds.kinds(raw, budget)?;
        self.long_polls.fill(&mut kinds, stacks, budget)?;
        Ok(Snapshot {
            taken_unix_ns: self.taken_unix_ns,
            took_ns: self.took_ns,
            threads: self.threads.threads(stacks, budget)?,
            tasks: Tasks {
                alive: self.alive,
                tracked: self.tracked,
                tracked_beside: self.tracked_beside,
                long_poll_ns: self.long_poll_ns,
                kinds,
                tasks: self.tasks.tasks(stacks, budget)?,
                runtimes: self.runtimes.runtimes(raw, budget)?,
                folded_tasks: self.folded_tasks,
                folded_kinds: self.folded_kinds,
            },
            resources: self.resources.resources(raw, stacks, budget)?,
        })
    }
}

fn location(at: u64) -> Result<u32, DecodeError> {
    u32::try_from(at).map_err(|_| DecodeError::DanglingIndex("a snapshot's stack"))
}

/// A copy of the stack at this place. One stack may be named by many rows, so each copy is counted.
fn stack(stacks: &[Vec<u32>], place: u32, budget: &mut Budget) -> Result<Vec<u32>, DecodeError> {
    let stack = stacks
        .get(place as usize)
        .ok_or(DecodeError::DanglingIndex("a snapshot's row"))?;
    budget.take_many::<u32>(stack.len())?;
    Ok(stack.clone())
}

/// The next rows of a table that is divided up by counts.
fn next_rows<T>(rows: &mut impl Iterator<Item = T>, count: u32) -> Result<Vec<T>, DecodeError> {
    // Collected one by one: a count is only a claim.
    let taken: Vec<T> = rows.take(count as usize).collect();
    if taken.len() == count as usize {
        Ok(taken)
    } else {
        Err(DecodeError::Malformed("a snapshot's counts"))
    }
}

fn state(index: u32) -> State {
    State::from_index(index as usize).unwrap_or(State::OtherWait)
}

pub(super) fn same_length<'a, T, U>(column: &'a [T], rows: &[U]) -> Result<&'a [T], DecodeError> {
    if column.len() == rows.len() {
        Ok(column)
    } else {
        Err(DecodeError::Malformed("a column's length"))
    }
}
