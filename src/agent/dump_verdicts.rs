//! What is stuck, and worth a dump: polls, tasks that lost their waker, runtimes all of whose workers are in long polls.
//!
//! In: the hooks' open polls and tasks, looked at from outside. Out: a verdict, once for each thing that is stuck, and of each sort no more than one
//! a minute. What a single look may be wrong about is believed after more of them. (Locks and channels: `hotpoll stuck`.)
//!
//! A poll in `block_in_place` may take its time: another thread works in its worker's place, and what that one gets done shows it ([`InPlace`]).

#[cfg(feature = "tokio")]
use hotpoll_hooks::tasks::{OpenPoll, Place, place};
use std::time::{Duration, Instant};

/// Of each sort a dump comes no sooner after the one before.
const REST: Duration = Duration::from_secs(60);
/// Looks in the time after which something is stuck, where they are cheap.
const LOOKS: u32 = 4;
/// But no more often than this.
const SHORTEST_WAIT: Duration = Duration::from_millis(50);
/// And no more often than lets them cost this part of a core: beside 100,000 tasks a look takes over ten milliseconds.
const SHARE: u32 = 500;
/// Things remembered of each sort: who has more of them stuck reads of all of them in the dump.
#[cfg_attr(not(feature = "tokio"), allow(dead_code))] // Only hooks find anything.
const MOST_KNOWN: usize = 64;

/// What is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "tokio"), allow(dead_code))] // Only hooks know of these.
pub(super) enum Stuck {
    /// This poll still runs.
    Poll { task: u64, start: u64 },
    /// Nobody can wake this task, which has been polled so many times.
    LostWaker { task: u64, polls: u64 },
    /// Every worker is in a long poll.
    Runtime { id: u64 },
}

impl Stuck {
    const SORTS: usize = 3;
    /// The sorts that a look at polls finds, and those that a look at tasks does.
    const OF_POLLS: &[usize] = &[0];
    const OF_TASKS: &[usize] = &[1, 2];

    fn sort(self) -> usize {
        match self {
            Self::Poll { .. } => 0,
            Self::LostWaker { .. } => 1,
            Self::Runtime { .. } => 2,
        }
    }

    /// Looks in a row that must find it. A poll's start is exact; a waker may be on its way from one owner to the next; and workers may happen to
    /// be all in long polls, again and again, and come to an end with each.
    fn looks(self) -> u32 {
        match self {
            Self::Poll { .. } => 1,
            Self::LostWaker { .. } => 2,
            Self::Runtime { .. } => LOOKS,
        }
    }

    /// What reports of the dump say.
    pub fn sentence(self) -> String {
        match self {
            Self::Poll { task, .. } => {
                format!("this dump was written by itself: a poll of task #{task} did not end")
            }
            Self::LostWaker { task, .. } => {
                format!("this dump was written by itself: task #{task} has lost its waker")
            }
            Self::Runtime { id } => {
                format!("this dump was written by itself: all workers of runtime {id} are blocked")
            }
        }
    }
}

/// What one look has found, and for how long it has been so at least.
type Seen = (Stuck, Duration);

/// Looks for what is stuck.
#[derive(Debug)]
pub(super) struct Watch {
    memory: Memory,
    wait: Duration,
    /// When tasks may be looked at again.
    tasks_at: Instant,
    #[cfg(feature = "tokio")]
    in_place: InPlace,
}

impl Watch {
    /// Who is stuck for longer than this is worth a dump.
    pub fn new(after: Duration) -> Self {
        Self {
            memory: Memory::new(after),
            wait: (after / LOOKS).max(SHORTEST_WAIT),
            tasks_at: Instant::now(),
            #[cfg(feature = "tokio")]
            in_place: InPlace::default(),
        }
    }

    /// How long to wait before the next look.
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// Looks. Returns what is stuck, and has not been said yet.
    pub fn look(&mut self) -> Option<Stuck> {
        let now = Instant::now();
        let seen = self.polls();
        let news = self.memory.take(now, &seen, Stuck::OF_POLLS);
        if news.is_some() || now < self.tasks_at {
            return news;
        }
        // By the CPU clock: a look that waits, for a runtime to show that it goes on, costs nothing meanwhile.
        let before_ns = hotpoll_sampler::thread_cpu_ns();
        let seen = tasks();
        let cost_ns = hotpoll_sampler::thread_cpu_ns().saturating_sub(before_ns);
        self.tasks_at = now + (Duration::from_nanos(cost_ns) * SHARE).max(self.wait);
        self.memory.take(now, &seen, Stuck::OF_TASKS)
    }
}

/// What has been stuck at the looks before.
#[derive(Debug)]
struct Memory {
    after: Duration,
    known: Vec<Known>,
    /// The last dump of each sort.
    last: [Option<Instant>; Stuck::SORTS],
}

#[derive(Debug)]
struct Known {
    what: Stuck,
    since: Instant,
    looks: u32,
    said: bool,
}

impl Memory {
    fn new(after: Duration) -> Self {
        Self {
            after,
            known: Vec::new(),
            last: [None; Stuck::SORTS],
        }
    }

    /// Takes down what a look for things of these sorts has found. Returns one that is worth a dump.
    fn take(&mut self, now: Instant, seen: &[Seen], sorts: &[usize]) -> Option<Stuck> {
        self.known.retain(|known| {
            let is_seen = || seen.iter().any(|(what, _)| *what == known.what);
            !sorts.contains(&known.what.sort()) || is_seen()
        });
        for &(what, age) in seen {
            let since = now.checked_sub(age).unwrap_or(now);
            match self.known.iter_mut().find(|known| known.what == what) {
                Some(known) => known.looks = known.looks.saturating_add(1),
                None => self.known.push(Known {
                    what,
                    since,
                    looks: 1,
                    said: false,
                }),
            }
        }
        for &sort in sorts {
            let rests = self.last[sort].is_some_and(|last| now.duration_since(last) < REST);
            let after = self.after;
            let is_stuck = |known: &Known| {
                known.what.sort() == sort
                    && known.looks >= known.what.looks()
                    && now.duration_since(known.since) >= after
            };
            let mut stuck = self.known.iter().filter(|known| is_stuck(known));
            let Some(news) = stuck.find(|known| !known.said).map(|known| known.what) else {
                continue;
            };
            if rests {
                continue;
            }
            // All of them are in the one dump.
            for known in self.known.iter_mut().filter(|known| is_stuck(known)) {
                known.said = true;
            }
            self.last[sort] = Some(now);
            return Some(news);
        }
        None
    }
}

#[cfg(feature = "tokio")]
impl Watch {
    /// Polls that run now, and keep a worker or a thread in `block_on`.
    fn polls(&mut self) -> Vec<Seen> {
        use hotpoll_sampler::clock;
        let (now, ns_per_tick) = (clock::now(), clock::ns_per_tick());
        let mut polls = self
            .in_place
            .holding_up(&hotpoll_hooks::tasks::open_polls(), place);
        polls.sort_by_key(|poll| poll.start);
        polls.truncate(MOST_KNOWN);
        (polls.iter())
            .map(|poll| {
                let ns = now.saturating_sub(poll.start) as f64 * ns_per_tick;
                let what = Stuck::Poll {
                    task: poll.task,
                    start: poll.start,
                };
                (what, Duration::from_nanos(ns as u64))
            })
            .collect()
    }
}

/// Which polls hold up nobody, as their threads have handed their workers' places on.
#[cfg(feature = "tokio")]
#[derive(Debug, Default)]
struct InPlace {
    /// The outermost polls that run, by thread and start, with what their workers had got done when they were seen first; `None`: handed on, which it stays.
    known: Vec<((u32, u64), Option<u64>)>,
}

#[cfg(feature = "tokio")]
impl InPlace {
    /// Those that do hold up somebody. A poll inside of another one is in the same place.
    fn holding_up(&mut self, polls: &[OpenPoll], place: impl Fn(u32) -> Place) -> Vec<OpenPoll> {
        let mut known = Vec::new();
        for outermost in polls.iter().filter(|poll| poll.depth == 0) {
            let key = (outermost.tid, outermost.start);
            let before = self.known.iter().find(|(one, _)| *one == key);
            let done = match (before, place(outermost.tid)) {
                (Some((_, None)), _) | (_, Place::HandedOn) => None,
                (Some((_, Some(before))), Place::Worker(done)) if done != *before => None,
                (_, Place::Worker(done)) => Some(done),
                (_, Place::None) => Some(0),
            };
            known.push((key, done));
        }
        self.known = known;
        let stays = |poll: &&OpenPoll| {
            let mut handed_on = self.known.iter().filter(|(_, done)| done.is_none());
            !handed_on.any(|((tid, _), _)| *tid == poll.tid)
        };
        polls.iter().filter(stays).copied().collect()
    }
}

/// Tasks that have lost their waker now, and runtimes that are blocked now.
#[cfg(feature = "tokio")]
fn tasks() -> Vec<Seen> {
    use hotpoll_hooks::tasks::{Limits, snapshot};
    use hotpoll_profile::TaskState;
    // The odd ones come first.
    let tasks = snapshot(&mut |_| Vec::new(), Limits { tasks: MOST_KNOWN });
    let lost = tasks.tasks.iter();
    let lost = lost.filter(|task| task.state == TaskState::LostWaker);
    let lost = lost.map(|task| {
        let (task, polls, ns) = (task.id, task.polls, task.state_ns);
        (Stuck::LostWaker { task, polls }, Duration::from_nanos(ns))
    });
    let blocked = tasks.runtimes.iter().filter(|runtime| runtime.blocked);
    // Since when is what the looks say.
    let blocked = blocked.map(|runtime| (Stuck::Runtime { id: runtime.id }, Duration::ZERO));
    lost.chain(blocked.take(MOST_KNOWN)).collect()
}

/// Without hooks nobody knows of polls.
#[cfg(not(feature = "tokio"))]
impl Watch {
    fn polls(&mut self) -> Vec<Seen> {
        Vec::new()
    }
}

/// Nor of tasks.
#[cfg(not(feature = "tokio"))]
fn tasks() -> Vec<Seen> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_millis(100);
    const SORTS: [usize; 3] = [0, 1, 2];
    const POLL: Stuck = Stuck::Poll { task: 1, start: 10 };
    const LOST: Stuck = Stuck::LostWaker { task: 2, polls: 1 };
    const RUNTIME: Stuck = Stuck::Runtime { id: 1 };

    /// Looks at these moments (milliseconds), and what each found with its age: the dumps.
    fn dumps(looks: &[(u64, &[(Stuck, u64)])]) -> Vec<(u64, Stuck)> {
        let begun = Instant::now();
        let mut memory = Memory::new(AFTER);
        let mut dumps = Vec::new();
        for (at, seen) in looks {
            let ages = seen.iter();
            let seen: Vec<Seen> = ages
                .map(|(what, age)| (*what, Duration::from_millis(*age)))
                .collect();
            let now = begun + Duration::from_secs(3_600) + Duration::from_millis(*at);
            dumps.extend(memory.take(now, &seen, &SORTS).map(|what| (*at, what)));
        }
        dumps
    }

    #[test]
    fn a_poll_is_dumped_once_when_it_is_old_enough() {
        let looks: [(u64, &[_]); 4] = [
            (0, &[(POLL, 50)]),
            (25, &[(POLL, 75)]),
            (50, &[(POLL, 100)]),
            (100_000, &[(POLL, 100_050)]),
        ];
        assert_eq!(dumps(&looks), [(50, POLL)]);
    }

    #[test]
    fn a_sort_rests_for_a_minute_and_the_others_do_not() {
        let next = Stuck::Poll { task: 1, start: 20 };
        let looks: [(u64, &[_]); 4] = [
            (0, &[(POLL, 100)]),
            (1_000, &[(next, 500), (LOST, 5_000)]),
            (1_050, &[(next, 550), (LOST, 5_050)]),
            (60_000, &[(next, 59_500), (LOST, 64_000)]),
        ];
        assert_eq!(dumps(&looks), [(0, POLL), (1_050, LOST), (60_000, next)]);
    }

    #[test]
    fn a_waker_is_lost_when_two_looks_say_so() {
        let looks: [(u64, &[_]); 3] = [(0, &[(LOST, 9_000)]), (25, &[]), (50, &[(LOST, 9_050)])];
        assert_eq!(dumps(&looks), []);
        let polled = Stuck::LostWaker { task: 2, polls: 2 };
        let looks: [(u64, &[_]); 3] = [
            (0, &[(LOST, 9_000)]),
            (25, &[(polled, 10)]),
            (200, &[(polled, 185)]),
        ];
        assert_eq!(dumps(&looks), [(200, polled)]);
    }

    #[test]
    fn a_runtime_is_blocked_when_all_looks_for_so_long_say_so() {
        let blocked: &[_] = &[(RUNTIME, 0)];
        let looks = [
            (0, blocked),
            (50, blocked),
            (75, &[]),
            (100, blocked),
            (125, blocked),
            (150, blocked),
            (175, blocked),
            (200, blocked),
            (225, blocked),
        ];
        assert_eq!(dumps(&looks), [(200, RUNTIME)]);
    }

    #[test]
    fn all_that_is_stuck_is_in_one_dump() {
        let others: Vec<(Stuck, u64)> = (0..20)
            .map(|task| (Stuck::Poll { task, start: 1 }, 500))
            .collect();
        let looks: [(u64, &[_]); 2] = [(0, &others), (70_000, &others)];
        assert_eq!(dumps(&looks).len(), 1);
    }

    /// In `block_in_place` another thread gets something done in the worker's stead, or parks there.
    #[cfg(feature = "tokio")]
    #[test]
    fn polls_whose_worker_goes_on_hold_up_nobody() {
        let poll = |tid, start, depth| OpenPoll {
            tid,
            task: u64::from(tid),
            kind: 1,
            start,
            depth,
            innermost: true,
        };
        let held_up = |in_place: &mut InPlace, polls: &[OpenPoll], places: &[Place]| {
            let polls = in_place.holding_up(polls, |tid| places[tid as usize]);
            let polls = polls.iter().map(|poll| (poll.tid, poll.start));
            polls.collect::<Vec<_>>()
        };
        let mut in_place = InPlace::default();
        let polls = [poll(0, 5, 0), poll(1, 6, 0), poll(1, 7, 1), poll(2, 8, 0)];
        let (none, on) = (Place::None, Place::HandedOn);
        let all = [(0, 5), (1, 6), (1, 7), (2, 8)];
        let first = [none, Place::Worker(3), Place::Worker(4)];
        assert_eq!(held_up(&mut in_place, &polls, &first), all);
        assert_eq!(held_up(&mut in_place, &polls, &first), all);
        // The second one's worker got something done, and the third's place is another's.
        let later = [none, Place::Worker(9), on];
        assert_eq!(held_up(&mut in_place, &polls, &later), [(0, 5)]);
        // So it stays, for these polls.
        let last = [none, Place::Worker(9), Place::Worker(4)];
        assert_eq!(held_up(&mut in_place, &polls, &last), [(0, 5)]);
        let others = [poll(1, 20, 0), poll(2, 21, 0)];
        assert_eq!(held_up(&mut in_place, &others, &last), [(1, 20), (2, 21)]);
    }
}
