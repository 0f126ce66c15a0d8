//! Runtimes of a snapshot as columns.

use super::super::DecodeError;
use super::super::columns::{column, fill};
use super::super::decode::Raw;
use super::super::limits::Budget;
use super::super::strings::Interner;
use super::{Lists, same_length};
use crate::Runtime;
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct RuntimeColumns {
    #[prost(uint64, repeated, tag = "1")]
    ids: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    names: Vec<i64>,
    #[prost(message, required, tag = "3")]
    workers: Lists,
    #[prost(uint64, repeated, tag = "4")]
    alive: Vec<u64>,
    #[prost(bool, repeated, tag = "5")]
    blocked: Vec<bool>,
    /// As `workers`; missing where it was written before there was this.
    #[prost(message, optional, tag = "6")]
    in_doubt: Option<Lists>,
}

impl RuntimeColumns {
    pub(super) fn of<'a>(runtimes: &'a [Runtime], strings: &mut Interner<'a>) -> Self {
        let (mut workers, mut in_doubt) = (Lists::default(), Lists::default());
        for runtime in runtimes {
            workers.push(runtime.workers.iter().copied().map(u64::from));
            in_doubt.push(runtime.in_doubt.iter().copied().map(u64::from));
        }
        let is_any = runtimes.iter().any(|runtime| !runtime.in_doubt.is_empty());
        Self {
            ids: runtimes.iter().map(|runtime| runtime.id).collect(),
            names: runtimes
                .iter()
                .map(|runtime| strings.intern(runtime.name.as_str()))
                .collect(),
            workers,
            alive: column(runtimes, |runtime| runtime.alive),
            blocked: column(runtimes, |runtime| runtime.blocked),
            in_doubt: is_any.then_some(in_doubt),
        }
    }

    pub(super) fn runtimes(
        &self,
        raw: &Raw<'_>,
        budget: &mut Budget,
    ) -> Result<Vec<Runtime>, DecodeError> {
        budget.take_many::<Runtime>(self.ids.len())?;
        budget.take_many::<u32>(self.workers.numbers.len())?;
        same_length(&self.workers.lengths, &self.ids)?;
        let narrow = |&tid: &u64| {
            u32::try_from(tid).map_err(|_| DecodeError::Malformed("a runtime's thread"))
        };
        let mut runtimes = Vec::with_capacity(self.ids.len());
        for ((&id, &name), workers) in (self.ids.iter())
            .zip(same_length(&self.names, &self.ids)?)
            .zip(self.workers.iter()?)
        {
            runtimes.push(Runtime {
                id,
                name: raw.owned(name, budget)?,
                workers: workers.iter().map(narrow).collect::<Result<_, _>>()?,
                ..Runtime::default()
            });
        }
        fill(&mut runtimes, &self.alive, |runtime, alive| {
            runtime.alive = alive;
        })?;
        fill(&mut runtimes, &self.blocked, |runtime, blocked| {
            runtime.blocked = blocked;
        })?;
        if let Some(in_doubt) = &self.in_doubt {
            budget.take_many::<u32>(in_doubt.numbers.len())?;
            same_length(&in_doubt.lengths, &self.ids)?;
            for (runtime, threads) in runtimes.iter_mut().zip(in_doubt.iter()?) {
                runtime.in_doubt = threads.iter().map(narrow).collect::<Result<_, _>>()?;
            }
        }
        Ok(runtimes)
    }
}
