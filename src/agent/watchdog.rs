//! Watches for polls that take long, while they run.
//!
//! In: the words that threads publish about the poll they are in. Out: stacks of the slow ones. A thread that sleeps is looked at from outside; one
//! that runs gets a second timer of its own until it has shown itself often enough. No thread of the program does anything for it.

use super::long_polls::{PollId, StackOfPoll};
use super::{Shared, lock};
use hotpoll_hooks::tasks::{
    OpenPoll, any_pollers, i_watch_polls, open_polls, wake_me_at_the_next_poll,
};
use hotpoll_sampler::{Raised, clock};
use std::collections::HashMap;
use std::time::Duration;

/// From this part of the threshold on a poll is watched: the kernel's tick must come three times before twice the threshold.
const WATCHED_FROM: f64 = 0.5;
/// A poll that just began is seen again at this part at the latest.
const SEEN_BY: f64 = 0.9;
/// How often a watched poll is looked at, in parts of the threshold.
const LOOK_EVERY: f64 = 0.35;
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
    /// The slow polls by the thread that they run on.
    watched: HashMap<u32, Watched>,
    /// Checks in a row that found no poll.
    quiet: u32,
}

#[derive(Debug)]
struct Watched {
    start: u64,
    raised: Option<Raised>,
    /// The age at which it is looked at next.
    next_ns: f64,
}

impl Watchdog {
    /// Polls of this length are long ones; `None` for no such thing.
    pub fn new(threshold: Duration) -> Option<Self> {
        (!threshold.is_zero()).then(|| {
            i_watch_polls();
            Self {
                threshold_ns: threshold.as_nanos() as f64,
                watched: HashMap::new(),
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
        let mut open = open_polls();
        self.quiet = if open.is_empty() { self.quiet + 1 } else { 0 };
        if self.quiet > QUIET_CHECKS || (self.quiet > 0 && !any_pollers()) {
            self.quiet = QUIET_CHECKS + 1;
            wake_me_at_the_next_poll();
            // One may have begun before it saw that it should wake us.
            open = open_polls();
            if open.is_empty() {
                return LONGEST_SLEEP;
            }
            self.quiet = 0;
        }
        // A poll that begins now.
        let mut wait_ns = self.threshold_ns * SEEN_BY;
        let ns_per_tick = clock::ns_per_tick();
        let now = clock::now();
        let watched_before = self.watched.len();
        self.watched.retain(|tid, watched| {
            let mut open = open.iter();
            open.any(|poll| poll.tid == *tid && poll.start == watched.start)
        });
        if self.watched.len() < watched_before {
            let is_open = |id: PollId| open.iter().any(|poll| PollId::from(poll) == id);
            lock(&shared.long_polls).keep_open(is_open);
        }
        for poll in &open {
            let age_ns = now.saturating_sub(poll.start) as f64 * ns_per_tick;
            let next_ns = if age_ns < self.threshold_ns * WATCHED_FROM {
                self.threshold_ns * SEEN_BY
            } else {
                self.look_at(shared, poll, age_ns)
            };
            wait_ns = wait_ns.min(next_ns - age_ns);
        }
        Duration::from_nanos(wait_ns.max(0.0) as u64).max(LEAST_PERIOD)
    }

    /// Looks at a slow poll, and returns at which age to look again.
    fn look_at(&mut self, shared: &Shared, poll: &OpenPoll, age_ns: f64) -> f64 {
        let id = PollId::from(poll);
        let raised = self
            .watched
            .values()
            .filter(|watched| watched.raised.is_some());
        let may_raise = raised.count() < MOST_RAISED;
        let watched = self.watched.entry(poll.tid).or_insert_with(|| {
            lock(&shared.long_polls).watch(id);
            Watched {
                start: poll.start,
                raised: None,
                next_ns: 0.0,
            }
        });
        if age_ns < watched.next_ns {
            return watched.next_ns;
        }
        watched.next_ns = (age_ns + self.threshold_ns * LOOK_EVERY).max(age_ns * LATER);
        let mut off_cpu = lock(&shared.off_cpu);
        let looked = off_cpu.look_at(poll.tid);
        let blocked = looked.filter(|(_, look)| {
            // Still in this poll: it is what its words said when its stack was taken.
            look.state.is_blocked() && look.words.poll_start == poll.start
        });
        let stack = blocked.map(|(_, look)| StackOfPoll {
            at: clock::now().saturating_sub(poll.start),
            state: look.state,
            callchain: look.callchain.to_vec(),
        });
        if age_ns > self.threshold_ns * RAISED_UP_TO {
            watched.raised = None;
        } else if stack.is_none() && watched.raised.is_none() && may_raise {
            watched.raised = off_cpu.raise(poll.tid);
        }
        drop(off_cpu);
        if let Some(stack) = stack {
            lock(&shared.long_polls).add(id, stack);
        }
        watched.next_ns
    }
}
