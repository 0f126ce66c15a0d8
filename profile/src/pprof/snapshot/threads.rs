//! Threads of a snapshot as columns.

use super::super::DecodeError;
use super::super::columns::{column, fill};
use super::super::limits::Budget;
use super::{Stacks, same_length, stack, state};
use crate::{CaptureFailure, Reason, ThreadNow};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct ThreadColumns {
    #[prost(uint32, repeated, tag = "1")]
    threads: Vec<u32>,
    #[prost(uint32, repeated, tag = "2")]
    states: Vec<u32>,
    #[prost(uint64, repeated, tag = "3")]
    state_ns: Vec<u64>,
    /// One more than the number; 0 is none.
    #[prost(uint64, repeated, tag = "4")]
    syscalls: Vec<u64>,
    #[prost(uint32, repeated, tag = "5")]
    stacks: Vec<u32>,
    #[prost(uint64, repeated, tag = "6")]
    stack_age_ns: Vec<u64>,
    /// One more than the reason; 0 is none.
    #[prost(uint32, repeated, tag = "7")]
    failures: Vec<u32>,
    #[prost(bool, repeated, tag = "8")]
    runtime_workers: Vec<bool>,
    #[prost(bool, repeated, tag = "9")]
    parked: Vec<bool>,
    #[prost(uint64, repeated, tag = "10")]
    tasks: Vec<u64>,
    #[prost(uint64, repeated, tag = "11")]
    kinds: Vec<u64>,
    #[prost(uint64, repeated, tag = "12")]
    poll_ns: Vec<u64>,
    #[prost(uint64, repeated, tag = "13")]
    waits_at: Vec<u64>,
}

impl ThreadColumns {
    pub(super) fn of<'a>(threads: &'a [ThreadNow], stacks: &mut Stacks<'a>) -> Self {
        Self {
            threads: threads.iter().map(|now| now.thread).collect(),
            states: column(threads, |now| now.state.index() as u32),
            state_ns: column(threads, |now| now.state_ns),
            syscalls: column(threads, |now| {
                now.syscall.map_or(0, |number| u64::from(number) + 1)
            }),
            stacks: stacks.places(threads.iter().map(|now| &now.stack)),
            stack_age_ns: column(threads, |now| now.stack_age_ns),
            failures: column(threads, |now| {
                now.failure.map_or(0, |why| why.index() as u32 + 1)
            }),
            runtime_workers: column(threads, |now| now.runtime_worker),
            parked: column(threads, |now| now.parked),
            tasks: column(threads, |now| now.task),
            kinds: column(threads, |now| now.kind),
            poll_ns: column(threads, |now| now.poll_ns),
            waits_at: column(threads, |now| now.waits_at),
        }
    }

    pub(super) fn threads(
        &self,
        stacks: &[Vec<u32>],
        budget: &mut Budget,
    ) -> Result<Vec<ThreadNow>, DecodeError> {
        budget.take_many::<ThreadNow>(self.threads.len())?;
        let mut threads: Vec<ThreadNow> = self
            .threads
            .iter()
            .map(|&thread| ThreadNow {
                thread,
                ..ThreadNow::default()
            })
            .collect();
        let rows = &mut threads;
        fill(rows, &self.states, |now, index| now.state = state(index))?;
        fill(rows, &self.state_ns, |now, ns| now.state_ns = ns)?;
        fill(rows, &self.syscalls, |now, number| {
            now.syscall = number
                .checked_sub(1)
                .and_then(|number| u32::try_from(number).ok());
        })?;
        fill(rows, &self.stack_age_ns, |now, ns| now.stack_age_ns = ns)?;
        fill(rows, &self.failures, |now, why| {
            // A reason that a later minor version knows is one that cannot be told here.
            now.failure = why
                .checked_sub(1)
                .and_then(|why| CaptureFailure::from_index(why as usize));
        })?;
        fill(rows, &self.runtime_workers, |now, is_worker| {
            now.runtime_worker = is_worker;
        })?;
        fill(rows, &self.parked, |now, is_parked| now.parked = is_parked)?;
        fill(rows, &self.tasks, |now, task| now.task = task)?;
        fill(rows, &self.kinds, |now, kind| now.kind = kind)?;
        fill(rows, &self.poll_ns, |now, ns| now.poll_ns = ns)?;
        fill(rows, &self.waits_at, |now, at| now.waits_at = at)?;
        for (now, place) in rows
            .iter_mut()
            .zip(same_length(&self.stacks, &self.threads)?)
        {
            now.stack = stack(stacks, *place, budget)?;
        }
        Ok(threads)
    }
}
