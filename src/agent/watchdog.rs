//! Watches for polls that take long, while they run.
//!
//! In: the words that threads publish about the poll they are in. Out: stacks of the slow ones. A thread that sleeps is looked at from outside; one
//! that runs gets a second timer of its own until it has shown itself often enough. No thread of the program does anything for it.
//!
//! A poll may run inside of another, as a future tracked inside of a task does: both are judged, each by its own age, and a stack of the thread is one of
//! both.

use super::long_polls::{PollId, StackOfPoll};
use super::{Shared, lock};
use hotpoll_hooks::tasks::{
    OpenPoll, any_pollers, i_watch_polls, open_polls, wake_me_at_the_next_poll,
};
use hotpoll_profile::{NoPollStack, State};
use hotpoll_sampler::{Raised, Words, clock};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// From this part of the threshold on a poll is watched: the kernel's tick must come three times before twice the threshold.
const WATCHED_FROM: f64 = 0.5;
/// A poll that just began is seen again at this part at the latest.
const SEEN_BY: f64 = 0.9;
/// How often a watched poll is looked at, in parts of the threshold: three times before twice the threshold, and on a busy machine each look may be late.
const LOOK_EVERY: f64 = 0.25;
/// Up to so many thresholds.
const OFTEN_UP_TO: f64 = 1.5;
/// Up to so many thresholds its thread's timer stays raised: after that the usual samples say enough.
const RAISED_UP_TO: f64 = 5.0;
/// Later looks come less and less often: at this multiple of the poll's age.
const LATER: f64 = 1.3;
/// Timers raised at once: each holds one of the user's pending signals.
const MOST_RAISED: usize = 16;
/// After so many checks that found no poll, the next poll to begin wakes us.
const QUIET_CHECKS: u32 = 5;
/// And if that goes wrong, this does.
const LONGEST_SLEEP: Duration = Duration::from_millis(250);
/// No check follows another sooner.
const LEAST_PERIOD: Duration = Duration::from_millis(1);

impl From<&OpenPoll> for PollId {
    fn from(poll: &OpenPoll) -> Self {
        Self {
            task: poll.task,
            start: poll.start,
        }
    }
}

/// Watches for polls that take long.
#[derive(Debug)]
pub(super) struct Watchdog {
    threshold_ns: f64,
    /// The slow polls, by their thread and start: the age at which each is looked at next.
    watched: HashMap<(u32, u64), f64>,
    /// Threads of slow polls whose timer is raised.
    raised: HashMap<u32, Raised>,
    /// Checks in a row that found no poll.
    quiet: u32,
}

impl Watchdog {
    /// Polls of this length are long ones; `None` for no such thing.
    pub fn new(threshold: Duration) -> Option<Self> {
        (!threshold.is_zero()).then(|| {
            i_watch_polls();
            Self {
                threshold_ns: threshold.as_nanos() as f64,
                watched: HashMap::new(),
                raised: HashMap::new(),
                quiet: 0,
            }
        })
    }

    /// Whether it waits for a poll to begin.
    pub fn sleeps(&self) -> bool {
        self.quiet > QUIET_CHECKS
    }

    /// Looks at the polls that are open. Returns when to look again.
    pub fn check(&mut self, shared: &Shared) -> Duration {
        let mut at = clock::now();
        let mut open = open_polls();
        self.quiet = if open.is_empty() { self.quiet + 1 } else { 0 };
        if self.quiet > QUIET_CHECKS || (self.quiet > 0 && !any_pollers()) {
            self.quiet = QUIET_CHECKS + 1;
            wake_me_at_the_next_poll();
            // One may have begun before it saw that it should wake us.
            at = clock::now();
            open = open_polls();
            if open.is_empty() {
                return LONGEST_SLEEP;
            }
            self.quiet = 0;
        }
        self.forget_all_but(shared, &open, at);
        // A poll that begins now.
        let mut wait_ns = self.threshold_ns * SEEN_BY;
        let ns_per_tick = clock::ns_per_tick();
        let now = clock::now();
        let age_ns = |poll: &OpenPoll| now.saturating_sub(poll.start) as f64 * ns_per_tick;
        for of_thread in open.chunk_by(|a, b| a.tid == b.tid) {
            wait_ns = wait_ns.min(self.check_thread(shared, of_thread, age_ns));
        }
        Duration::from_nanos(wait_ns.max(0.0) as u64).max(LEAST_PERIOD)
    }

    /// Forgets the polls that have ended. Those that are open have not at the time `at`.
    fn forget_all_but(&mut self, shared: &Shared, open: &[OpenPoll], at: u64) {
        let before = self.watched.len();
        if before == 0 {
            return;
        }
        let starts: HashSet<(u32, u64)> = open.iter().map(|poll| (poll.tid, poll.start)).collect();
        self.watched.retain(|key, _| starts.contains(key));
        if self.watched.len() < before {
            let watched = &self.watched;
            (self.raised).retain(|tid, _| watched.keys().any(|(of, _)| of == tid));
        }
        let ids: Vec<PollId> = open.iter().map(PollId::from).collect();
        lock(&shared.long_polls).keep_open(at, |id| ids.contains(&id));
    }

    /// Looks at a thread that has slow polls, the outermost of `polls` first. Returns how long until it wants to be checked again.
    fn check_thread(
        &mut self,
        shared: &Shared,
        polls: &[OpenPoll],
        age_ns: impl Fn(&OpenPoll) -> f64,
    ) -> f64 {
        let mut wait_ns = f64::MAX;
        let mut due = Vec::new();
        let mut is_young = false;
        for poll in polls {
            let age = age_ns(poll);
            if age < self.threshold_ns * WATCHED_FROM {
                wait_ns = wait_ns.min(self.threshold_ns * SEEN_BY - age);
                continue;
            }
            is_young |= age <= self.threshold_ns * RAISED_UP_TO;
            let next_ns = self
                .watched
                .entry((poll.tid, poll.start))
                .or_insert_with(|| {
                    lock(&shared.long_polls).watch(poll.into(), poll.tid, poll.kind);
                    0.0
                });
            if age >= *next_ns {
                let soon = age + self.threshold_ns * LOOK_EVERY;
                *next_ns = match age < self.threshold_ns * OFTEN_UP_TO {
                    true => soon,
                    false => soon.max(age * LATER),
                };
                due.push(poll);
            }
            wait_ns = wait_ns.min(*next_ns - age);
        }
        let Some(tid) = due.first().map(|poll| poll.tid) else {
            return wait_ns;
        };
        let mut off_cpu = lock(&shared.off_cpu);
        let looked = off_cpu.look_at(tid);
        let why = match &looked {
            None => NoPollStack::Failed,
            Some((_, look)) if look.state == State::Runnable => NoPollStack::Waited,
            Some(_) => NoPollStack::Ran,
        };
        let blocked = looked.filter(|(_, look)| look.state.is_blocked());
        let stacks: Vec<_> = blocked.map_or_else(Vec::new, |(_, look)| {
            // What is open after the look was open at the look: the middle one of three, while those inside of it come and go.
            let after = open_polls();
            let is_open = |poll: &OpenPoll| {
                (after.iter()).any(|other| (other.tid, other.start) == (poll.tid, poll.start))
            };
            let still =
                (due.iter()).filter(|poll| runs_in(&look.words, poll, polls) || is_open(poll));
            let stack = |poll: &&&OpenPoll| StackOfPoll {
                at: clock::now().saturating_sub(poll.start),
                state: look.state,
                callchain: look.callchain.to_vec(),
            };
            still
                .map(|poll| (PollId::from(*poll), stack(&poll)))
                .collect()
        });
        if !is_young {
            self.raised.remove(&tid);
        } else if stacks.is_empty()
            && self.raised.len() < MOST_RAISED
            && let Entry::Vacant(place) = self.raised.entry(tid)
            && let Some(raised) = off_cpu.raise(tid)
        {
            place.insert(raised);
        }
        drop(off_cpu);
        let mut long_polls = lock(&shared.long_polls);
        if stacks.is_empty() {
            (due.iter()).for_each(|poll| long_polls.saw_none(PollId::from(*poll), why));
        } else {
            (stacks.into_iter()).for_each(|(id, stack)| long_polls.add(id, stack));
        }
        wait_ns
    }
}

/// Whether a thread that had published these words was in that poll. `polls` are all that were open a moment before.
fn runs_in(words: &Words, poll: &OpenPoll, polls: &[OpenPoll]) -> bool {
    // The innermost is the same one: so none around it has ended.
    let none_ended =
        (polls.last()).is_some_and(|last| last.innermost && last.start == words.poll_start);
    none_ended || [words.poll_start, words.root_start].contains(&poll.start)
}
