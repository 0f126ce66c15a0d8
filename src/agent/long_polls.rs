//! What polls that took long were doing: stacks of them, taken while they ran.
//!
//! The watchdog says which polls are watched; stacks come from its own looks where the thread sleeps, and from the drain where it runs.

use hotpoll_profile::{NoPollStack, State};
use std::collections::VecDeque;

/// Polls kept: the hooks keep eight of each kind.
const MOST_POLLS: usize = 64;
/// Stacks kept of each: the first half, and of the rest the newest.
const MOST_STACKS: usize = 8;
/// Frames kept of each, from the leaf.
const MOST_FRAMES: usize = 256;

/// Tells a poll from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PollId {
    pub task: u64,
    /// When it began, in the sampler's ticks.
    pub start: u64,
}

/// A stack of a poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StackOfPoll {
    /// Ticks into the poll.
    pub at: u64,
    pub state: State,
    /// The instruction pointer, then return addresses.
    pub callchain: Vec<u64>,
}

/// A poll that stacks may belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Watched {
    pub id: PollId,
    /// The thread that polls. A poll stays on its thread.
    pub tid: u32,
    /// Up to here it was running still, in the sampler's ticks.
    pub open_at: u64,
}

impl Watched {
    /// Whether the thread was inside of this poll at that time.
    pub fn holds(&self, tid: u32, ticks: u64) -> bool {
        self.tid == tid && (self.id.start..=self.open_at).contains(&ticks)
    }
}

/// The polls watched lately, oldest first.
#[derive(Debug, Default)]
pub(crate) struct LongPolls {
    polls: VecDeque<Poll>,
    /// Whether anybody watches.
    are_watched: bool,
    /// When the youngest of those began that had to make room.
    gone_start: u64,
}

#[derive(Debug)]
struct Poll {
    watched: Watched,
    kind: u64,
    open: bool,
    stacks: Vec<StackOfPoll>,
    /// Why there are none, as the last look at it found.
    why: NoPollStack,
}

impl Poll {
    /// How long it was seen to take.
    fn length(&self) -> u64 {
        self.watched.open_at.saturating_sub(self.watched.id.start)
    }
}

impl LongPolls {
    /// Somebody watches from now on.
    pub fn begin(&mut self) {
        self.are_watched = true;
    }

    /// A poll of that thread is watched from now on.
    pub fn watch(&mut self, id: PollId, tid: u32, kind: u64) {
        if let Some(known) = self.polls.iter_mut().find(|poll| poll.watched.id == id) {
            known.open = true;
            return;
        }
        if self.polls.len() >= MOST_POLLS {
            // One that still runs outlives many that have ended; there are no more of those than threads. And so does the longest of its kind, which
            // people ask for when the newest are long forgotten.
            let is_longest = |poll: &Poll| {
                let mut others = self.polls.iter().filter(|other| other.kind == poll.kind);
                !others.any(|other| other.length() > poll.length())
            };
            let all = || self.polls.iter();
            let place = (all().position(|poll| !poll.open && !is_longest(poll)))
                .or_else(|| all().position(|poll| !poll.open));
            if let Some(gone) = self.polls.remove(place.unwrap_or(0)) {
                self.gone_start = self.gone_start.max(gone.watched.id.start);
            }
        }
        self.polls.push_back(Poll {
            watched: Watched {
                id,
                tid,
                open_at: 0,
            },
            kind,
            open: true,
            stacks: Vec::new(),
            why: NoPollStack::Ran,
        });
    }

    /// Only these run still; at that time they did.
    pub fn keep_open(&mut self, at: u64, is_open: impl Fn(PollId) -> bool) {
        for poll in &mut self.polls {
            poll.open = poll.open && is_open(poll.watched.id);
            if poll.open {
                poll.watched.open_at = at;
            }
        }
    }

    /// The polls that stacks may belong to.
    pub fn watched(&self) -> Vec<Watched> {
        self.polls.iter().map(|poll| poll.watched).collect()
    }

    /// Adds a stack to a poll that is watched.
    pub fn add(&mut self, id: PollId, mut stack: StackOfPoll) {
        let mut polls = self.polls.iter_mut().rev();
        let Some(Poll { stacks, .. }) = polls.find(|poll| poll.watched.id == id) else {
            return;
        };
        stack.callchain.truncate(MOST_FRAMES);
        // The drain's come later than the watchdog's, and belong between them.
        let place = stacks.partition_point(|known| known.at <= stack.at);
        stacks.insert(place, stack);
        if stacks.len() > MOST_STACKS {
            stacks.remove(MOST_STACKS / 2);
        }
    }

    /// A look at a poll that is watched gave no stack.
    pub fn saw_none(&mut self, id: PollId, why: NoPollStack) {
        let mut polls = self.polls.iter_mut().rev();
        if let Some(poll) = polls.find(|poll| poll.watched.id == id) {
            poll.why = why;
        }
    }

    /// Why there are no stacks of a poll, for whom knows the start by another clock; `None` where there are some.
    pub fn why_no_stack(&self, id: PollId, off: u64) -> Option<NoPollStack> {
        let mut polls = self.polls.iter().rev();
        let is_it = |poll: &&Poll| {
            let known = poll.watched.id;
            known.task == id.task && known.start.abs_diff(id.start) <= off
        };
        match polls.find(is_it) {
            Some(poll) => poll.stacks.is_empty().then_some(poll.why),
            None if id.start <= self.gone_start => Some(NoPollStack::RoomTaken),
            None if !self.are_watched => Some(NoPollStack::NotWatched),
            None => Some(NoPollStack::NotLookedAt),
        }
    }

    /// A poll's stacks by time, if it was watched.
    #[cfg(test)]
    pub fn stacks(&self, id: PollId) -> Option<&[StackOfPoll]> {
        self.find(|known| known == id)
    }

    /// The same for whom knows the start by another clock: how many ticks it may be off.
    pub fn stacks_about(&self, id: PollId, off: u64) -> Option<&[StackOfPoll]> {
        self.find(|known| known.task == id.task && known.start.abs_diff(id.start) <= off)
    }

    fn find(&self, wanted: impl Fn(PollId) -> bool) -> Option<&[StackOfPoll]> {
        let mut polls = self.polls.iter().rev();
        polls
            .find(|poll| wanted(poll.watched.id))
            .map(|poll| &*poll.stacks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: PollId = PollId {
        task: 7,
        start: 1_000,
    };

    fn stack(at: u64) -> StackOfPoll {
        StackOfPoll {
            at,
            state: State::Running,
            callchain: vec![at],
        }
    }

    fn times(polls: &LongPolls, id: PollId) -> Vec<u64> {
        let stacks = polls.stacks(id).unwrap_or_default();
        stacks.iter().map(|stack| stack.at).collect()
    }

    #[test]
    fn the_first_and_the_newest_stacks_are_kept_by_time() {
        let mut polls = LongPolls::default();
        polls.watch(ID, 1, 3);
        for at in [5, 9, 13, 7, 20, 30, 40, 50, 60, 70] {
            polls.add(ID, stack(at));
        }
        assert_eq!(times(&polls, ID), [5, 7, 9, 13, 40, 50, 60, 70]);
    }

    #[test]
    fn stacks_of_polls_that_nobody_watches_are_not_kept() {
        let mut polls = LongPolls::default();
        polls.add(ID, stack(5));
        assert_eq!(polls.stacks(ID), None);
        polls.watch(ID, 1, 3);
        polls.add(PollId { start: 1_001, ..ID }, stack(5));
        assert!(times(&polls, ID).is_empty());
        assert!(
            polls
                .stacks_about(PollId { start: 1_040, ..ID }, 50)
                .is_some()
        );
        assert!(
            polls
                .stacks_about(PollId { start: 1_060, ..ID }, 50)
                .is_none()
        );
    }

    #[test]
    fn a_poll_that_was_thought_to_have_ended_is_open_again() {
        let mut polls = LongPolls::default();
        polls.watch(ID, 1, 3);
        polls.add(ID, stack(5));
        polls.keep_open(2, |_| false);
        polls.watch(ID, 1, 3);
        for start in 0..1_000 {
            polls.watch(PollId { task: 1, start }, 1, 4);
            polls.keep_open(2, |id| id == ID);
        }
        assert_eq!(times(&polls, ID), [5]);
    }

    #[test]
    fn old_polls_make_room_unless_they_run_still() {
        let mut polls = LongPolls::default();
        polls.watch(ID, 1, 3);
        for start in 0..1_000 {
            polls.watch(PollId { task: 1, start }, 1, 4);
            polls.watch(PollId { task: 1, start }, 1, 4);
            polls.keep_open(2, |id| id == ID);
        }
        let ids: Vec<PollId> = polls.watched().iter().map(|watched| watched.id).collect();
        assert_eq!(ids.len(), MOST_POLLS);
        assert_eq!(ids[0], ID);
        assert_eq!(ids[1].start, 1_001 - MOST_POLLS as u64);
    }

    /// "Max with its stack": the stack of a kind's longest poll was gone after 64 others.
    #[test]
    fn the_longest_of_a_kind_outlives_newer_ones() {
        let mut polls = LongPolls::default();
        polls.watch(ID, 1, 3);
        polls.add(ID, stack(5));
        polls.keep_open(90_000, |_| true);
        for start in 100_000..101_000 {
            polls.watch(PollId { task: 1, start }, 1, 3);
            polls.keep_open(start + 9, |id| id.start == start);
        }
        assert_eq!(times(&polls, ID), [5]);
        assert_eq!(polls.watched().len(), MOST_POLLS);
    }

    #[test]
    fn why_there_is_no_stack() {
        use NoPollStack::{NotLookedAt, NotWatched, Ran, RoomTaken, Waited};
        let mut polls = LongPolls::default();
        let at = |start| PollId { start, ..ID };
        // It was told as one for which no processor was found in time.
        assert_eq!(polls.why_no_stack(ID, 50), Some(NotWatched));
        polls.begin();
        assert_eq!(polls.why_no_stack(ID, 50), Some(NotLookedAt));
        polls.watch(ID, 1, 3);
        assert_eq!(polls.why_no_stack(at(1_040), 50), Some(Ran));
        polls.saw_none(ID, Waited);
        assert_eq!(polls.why_no_stack(ID, 50), Some(Waited));
        polls.add(ID, stack(5));
        assert_eq!(polls.why_no_stack(ID, 50), None);
        for start in 5_000..6_000 {
            polls.keep_open(start, |_| false);
            polls.watch(at(start), 1, 4);
        }
        assert_eq!(polls.why_no_stack(at(5_100), 0), Some(RoomTaken));
        assert_eq!(polls.why_no_stack(at(7_000), 50), Some(NotLookedAt));
    }

    #[test]
    fn a_poll_holds_what_its_thread_did_until_it_was_last_seen_open() {
        let mut polls = LongPolls::default();
        polls.watch(ID, 5, 3);
        let holds = |polls: &LongPolls, tid, ticks| polls.watched()[0].holds(tid, ticks);
        assert!(!holds(&polls, 5, 1_000));
        polls.keep_open(3_000, |id| id == ID);
        for (tid, ticks, expected) in [
            (5, 999, false),
            (5, 1_000, true),
            (5, 3_000, true),
            (5, 3_001, false),
            (6, 2_000, false),
        ] {
            assert_eq!(holds(&polls, tid, ticks), expected, "{tid} {ticks}");
        }
        polls.keep_open(4_000, |_| false);
        assert!(!holds(&polls, 5, 3_500));
    }
}
