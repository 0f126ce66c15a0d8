//! Long polls of a snapshot as columns; each goes to the kind that has it.

use super::super::DecodeError;
use super::super::columns::{column, fill};
use super::super::limits::Budget;
use super::{Place, Stacks, next_rows, same_length, stack, state};
use crate::{LongPoll, NoPollStack, PollStack, TaskKind};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct LongPollColumns {
    /// Twice the place of the kind that has it, and one more where it is the kind's longest.
    #[prost(uint64, repeated, tag = "1")]
    owners: Vec<u64>,
    #[prost(uint64, repeated, tag = "2")]
    tasks: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    kinds: Vec<u64>,
    #[prost(uint64, repeated, tag = "4")]
    start_unix_ns: Vec<u64>,
    #[prost(uint64, repeated, tag = "5")]
    poll_ns: Vec<u64>,
    #[prost(bool, repeated, tag = "6")]
    open: Vec<bool>,
    /// How many of the looks that follow are of this poll.
    #[prost(uint32, repeated, tag = "7")]
    look_counts: Vec<u32>,
    #[prost(uint32, repeated, tag = "8")]
    look_stacks: Vec<u32>,
    #[prost(uint64, repeated, tag = "9")]
    look_at_ns: Vec<u64>,
    #[prost(uint32, repeated, tag = "10")]
    look_states: Vec<u32>,
    /// Why there are no looks: one more than the reason's place; 0 where that is not known.
    #[prost(uint32, repeated, tag = "11")]
    no_stacks: Vec<u32>,
}

impl LongPollColumns {
    pub(super) fn of<'a>(kinds: &'a [TaskKind], stacks: &mut Stacks<'a>) -> Self {
        let mut owners = Vec::new();
        let mut polls: Vec<&LongPoll> = Vec::new();
        for (at, kind) in (0u64..).zip(kinds) {
            if let Some(longest) = &kind.longest_poll {
                owners.push(2 * at + 1);
                polls.push(longest);
            }
            owners.resize(owners.len() + kind.long_polls.len(), 2 * at);
            polls.extend(&kind.long_polls);
        }
        let looks: Vec<&PollStack> = polls.iter().flat_map(|poll| &poll.stacks).collect();
        Self {
            owners,
            tasks: column(&polls, |poll| poll.task),
            kinds: column(&polls, |poll| poll.kind),
            start_unix_ns: column(&polls, |poll| poll.start_unix_ns),
            poll_ns: column(&polls, |poll| poll.poll_ns),
            open: column(&polls, |poll| poll.open),
            look_counts: column(&polls, |poll| poll.stacks.len() as u32),
            look_stacks: stacks.places(looks.iter().map(|look| &look.stack)),
            look_at_ns: column(&looks, |look| look.at_ns),
            look_states: column(&looks, |look| look.state.index() as u32),
            no_stacks: column(&polls, |poll| poll.no_stack.map_or(0, |why| why as u32 + 1)),
        }
    }

    /// Gives the kinds their long polls.
    pub(super) fn fill(
        &self,
        kinds: &mut [TaskKind],
        stacks: &[Vec<u32>],
        budget: &mut Budget,
    ) -> Result<(), DecodeError> {
        // Twice: in the table, and divided up.
        budget.take_many::<LongPoll>(self.owners.len().saturating_mul(2))?;
        budget.take_many::<PollStack>(self.look_stacks.len().saturating_mul(2))?;
        let mut looks = Vec::with_capacity(self.look_stacks.len());
        for place in &self.look_stacks {
            looks.push(PollStack {
                stack: stack(stacks, *place, budget)?,
                ..PollStack::default()
            });
        }
        fill(&mut looks, &self.look_at_ns, |look, ns| look.at_ns = ns)?;
        fill(&mut looks, &self.look_states, |look, index| {
            look.state = state(index);
        })?;

        let mut polls = vec![LongPoll::default(); self.owners.len()];
        let numbers: [(&[u64], Place<LongPoll>); 4] = [
            (&self.tasks, |poll| &mut poll.task),
            (&self.kinds, |poll| &mut poll.kind),
            (&self.start_unix_ns, |poll| &mut poll.start_unix_ns),
            (&self.poll_ns, |poll| &mut poll.poll_ns),
        ];
        for (column, place) in numbers {
            fill(&mut polls, column, |poll, value| *place(poll) = value)?;
        }
        fill(&mut polls, &self.open, |poll, open| poll.open = open)?;
        fill(&mut polls, &self.no_stacks, |poll, why| {
            let at = (why as usize).checked_sub(1);
            poll.no_stack = at.and_then(|at| NoPollStack::ALL.get(at)).copied();
        })?;
        if !self.look_counts.is_empty() {
            same_length(&self.look_counts, &self.owners)?;
        }
        let mut looks = looks.into_iter();
        for (poll, count) in polls.iter_mut().zip(&self.look_counts) {
            poll.stacks = next_rows(&mut looks, *count)?;
        }

        for (poll, &owner) in polls.into_iter().zip(&self.owners) {
            let kind = usize::try_from(owner / 2)
                .ok()
                .and_then(|at| kinds.get_mut(at))
                .ok_or(DecodeError::DanglingIndex("a long poll"))?;
            if owner % 2 == 1 {
                kind.longest_poll = Some(poll);
            } else {
                kind.long_polls.push(poll);
            }
        }
        Ok(())
    }
}
