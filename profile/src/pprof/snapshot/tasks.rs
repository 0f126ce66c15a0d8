//! Tasks of a snapshot as columns, and where they are suspended.

use super::super::DecodeError;
use super::super::columns::{column, fill};
use super::super::limits::Budget;
use super::{Place, Stacks, next_rows, same_length, stack};
use crate::{Suspension, Task, TaskState, Waker};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct TaskColumns {
    #[prost(uint64, repeated, tag = "1")]
    ids: Vec<u64>,
    #[prost(uint64, repeated, tag = "2")]
    runtime_ids: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    kinds: Vec<u64>,
    #[prost(uint64, repeated, tag = "4")]
    parents: Vec<u64>,
    #[prost(uint32, repeated, tag = "5")]
    states: Vec<u32>,
    #[prost(uint64, repeated, tag = "6")]
    age_ns: Vec<u64>,
    #[prost(uint64, repeated, tag = "7")]
    state_ns: Vec<u64>,
    #[prost(uint64, repeated, tag = "8")]
    polls: Vec<u64>,
    #[prost(uint64, repeated, tag = "9")]
    wakes: Vec<u64>,
    #[prost(uint64, repeated, tag = "10")]
    self_wakes: Vec<u64>,
    #[prost(uint64, repeated, tag = "11")]
    coop_yields: Vec<u64>,
    #[prost(uint64, repeated, tag = "12")]
    busy_ns: Vec<u64>,
    #[prost(uint64, repeated, tag = "13")]
    scheduled_ns: Vec<u64>,
    #[prost(uint64, repeated, tag = "14")]
    idle_ns: Vec<u64>,
    #[prost(uint64, repeated, tag = "15")]
    max_poll_ns: Vec<u64>,
    /// 0 nobody, 1 a task, 2 a thread.
    #[prost(uint32, repeated, tag = "16")]
    waker_sorts: Vec<u32>,
    #[prost(uint64, repeated, tag = "17")]
    waker_ids: Vec<u64>,
    #[prost(uint64, repeated, tag = "18")]
    last_wake_ns: Vec<u64>,
    #[prost(uint64, repeated, tag = "19")]
    wakers: Vec<u64>,
    /// How many of the waits that follow are the task's.
    #[prost(uint32, repeated, tag = "20")]
    wait_counts: Vec<u32>,
    #[prost(uint32, repeated, tag = "21")]
    wait_stacks: Vec<u32>,
    #[prost(uint64, repeated, tag = "22")]
    wait_polls_ago: Vec<u64>,
    #[prost(bool, repeated, tag = "23")]
    wait_representative: Vec<bool>,
    #[prost(bool, repeated, tag = "24")]
    blocking: Vec<bool>,
}

const BY_TASK: u32 = 1;
const BY_THREAD: u32 = 2;

impl TaskColumns {
    pub(super) fn of<'a>(tasks: &'a [Task], stacks: &mut Stacks<'a>) -> Self {
        let waits: Vec<&Suspension> = tasks.iter().flat_map(|task| &task.waits).collect();
        Self {
            ids: tasks.iter().map(|task| task.id).collect(),
            runtime_ids: column(tasks, |task| task.runtime_id),
            kinds: column(tasks, |task| task.kind),
            parents: column(tasks, |task| task.parent),
            // Never left out: a task's state is not the first one unless told.
            states: tasks.iter().map(|task| task.state as u32).collect(),
            age_ns: column(tasks, |task| task.age_ns),
            state_ns: column(tasks, |task| task.state_ns),
            polls: column(tasks, |task| task.polls),
            wakes: column(tasks, |task| task.wakes),
            self_wakes: column(tasks, |task| task.self_wakes),
            coop_yields: column(tasks, |task| task.coop_yields),
            busy_ns: column(tasks, |task| task.busy_ns),
            scheduled_ns: column(tasks, |task| task.scheduled_ns),
            idle_ns: column(tasks, |task| task.idle_ns),
            max_poll_ns: column(tasks, |task| task.max_poll_ns),
            waker_sorts: column(tasks, |task| match task.last_waker {
                Waker::None => 0,
                Waker::Task(_) => BY_TASK,
                Waker::Thread(_) => BY_THREAD,
            }),
            waker_ids: column(tasks, |task| match task.last_waker {
                Waker::None => 0,
                Waker::Task(id) => id,
                Waker::Thread(tid) => tid.into(),
            }),
            last_wake_ns: column(tasks, |task| task.last_wake_ns),
            wakers: column(tasks, |task| task.wakers),
            wait_counts: column(tasks, |task| task.waits.len() as u32),
            wait_stacks: stacks.places(waits.iter().map(|wait| &wait.stack)),
            wait_polls_ago: column(&waits, |wait| wait.polls_ago),
            wait_representative: column(&waits, |wait| wait.representative),
            blocking: column(tasks, |task| task.blocking),
        }
    }

    pub(super) fn tasks(
        &self,
        stacks: &[Vec<u32>],
        budget: &mut Budget,
    ) -> Result<Vec<Task>, DecodeError> {
        budget.take_many::<Task>(self.ids.len())?;
        let mut tasks: Vec<Task> = self
            .ids
            .iter()
            .map(|&id| Task {
                id,
                ..Task::default()
            })
            .collect();
        let numbers: [(&[u64], Place<Task>); 14] = [
            (&self.runtime_ids, |task| &mut task.runtime_id),
            (&self.kinds, |task| &mut task.kind),
            (&self.parents, |task| &mut task.parent),
            (&self.age_ns, |task| &mut task.age_ns),
            (&self.state_ns, |task| &mut task.state_ns),
            (&self.polls, |task| &mut task.polls),
            (&self.wakes, |task| &mut task.wakes),
            (&self.self_wakes, |task| &mut task.self_wakes),
            (&self.coop_yields, |task| &mut task.coop_yields),
            (&self.busy_ns, |task| &mut task.busy_ns),
            (&self.scheduled_ns, |task| &mut task.scheduled_ns),
            (&self.idle_ns, |task| &mut task.idle_ns),
            (&self.max_poll_ns, |task| &mut task.max_poll_ns),
            (&self.last_wake_ns, |task| &mut task.last_wake_ns),
        ];
        for (column, place) in numbers {
            fill(&mut tasks, column, |task, value| *place(task) = value)?;
        }
        fill(&mut tasks, &self.wakers, |task, wakers| {
            task.wakers = wakers
        })?;
        fill(&mut tasks, &self.blocking, |task, blocking| {
            task.blocking = blocking;
        })?;
        fill(&mut tasks, &self.states, |task, state| {
            let known = TaskState::ALL.get(state as usize);
            task.state = known.copied().unwrap_or(TaskState::Waiting);
        })?;
        fill(&mut tasks, &self.waker_sorts, |task, sort| {
            task.last_waker = match sort {
                BY_TASK => Waker::Task(0),
                BY_THREAD => Waker::Thread(0),
                _ => Waker::None,
            };
        })?;
        fill(&mut tasks, &self.waker_ids, |task, id| {
            task.last_waker = match task.last_waker {
                Waker::Task(_) => Waker::Task(id),
                Waker::Thread(_) => u32::try_from(id).map_or(Waker::None, Waker::Thread),
                Waker::None => Waker::None,
            };
        })?;
        if !self.wait_counts.is_empty() {
            same_length(&self.wait_counts, &self.ids)?;
        }
        let mut waits = self.waits(stacks, budget)?.into_iter();
        for (task, count) in tasks.iter_mut().zip(&self.wait_counts) {
            task.waits = next_rows(&mut waits, *count)?;
        }
        Ok(tasks)
    }

    fn waits(
        &self,
        stacks: &[Vec<u32>],
        budget: &mut Budget,
    ) -> Result<Vec<Suspension>, DecodeError> {
        // Twice: in the table, and divided up among the tasks.
        budget.take_many::<Suspension>(self.wait_stacks.len().saturating_mul(2))?;
        let mut waits = Vec::with_capacity(self.wait_stacks.len());
        for place in &self.wait_stacks {
            waits.push(Suspension {
                stack: stack(stacks, *place, budget)?,
                ..Suspension::default()
            });
        }
        fill(&mut waits, &self.wait_polls_ago, |wait, polls| {
            wait.polls_ago = polls;
        })?;
        fill(&mut waits, &self.wait_representative, |wait, stands| {
            wait.representative = stands;
        })?;
        Ok(waits)
    }
}
