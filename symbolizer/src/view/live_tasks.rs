//! The tasks of a snapshot as a person looks for trouble in them: what is wrong first, then what is odd, then by age.

use super::await_stack::{self, Level};
use super::frames::{FrameId, Frames};
use super::live_threads::{is_in_block_in_place, last_stack};
use crate::verdict::task::problem;
use hotpoll_profile::{Snapshot, Suspension, Task, TaskKind, TaskState, ThreadNow};
use std::collections::{HashMap, HashSet};

pub use crate::verdict::task::Problem;

/// A task of a snapshot.
#[derive(Debug, Clone)]
pub struct LiveTask<'p> {
    /// The task.
    pub task: &'p Task,
    /// Its kind, if that has a row of its own.
    pub kind: Option<&'p TaskKind>,
    /// The thread that polls it.
    pub thread: Option<&'p ThreadNow>,
    /// What is wrong with it.
    pub problem: Option<Problem>,
    /// Whether its poll is long and holds up nobody, as it is in `block_in_place`: another thread has taken the worker's place.
    pub in_place: bool,
    /// How many tasks of its kind wait where it waits, where these are few of many.
    pub rare: Option<usize>,
    /// Whether it has waited much longer than nearly all others of its kind, where these are many.
    pub longer: bool,
    /// The suspension that stands for it, folded; empty while it is polled, and where none was captured.
    pub waits: Vec<Level>,
}

/// What tasks are sorted by; always descending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// Problems first, then what waits where few of its kind do, then age.
    #[default]
    Odd,
    /// Age.
    Age,
    /// Time in its state.
    State,
    /// Time in polls.
    Busy,
    /// Time woken and not polled.
    Scheduled,
    /// Time suspended.
    Idle,
    /// Polls.
    Polls,
    /// The longest poll.
    MaxPoll,
}

/// Fewer tasks of a kind than this have no usual place to wait at.
const MANY: usize = 20;
/// A place where at most one in so many tasks of a kind waits is a rare one.
const RARE: usize = 20;

/// The tasks of a snapshot, sorted.
pub fn live_tasks<'p>(
    frames: &Frames<'p>,
    snapshot: &'p Snapshot,
    sort: Sort,
) -> Vec<LiveTask<'p>> {
    let tasks = &snapshot.tasks;
    let kinds: HashMap<u64, &TaskKind> = tasks.kinds.iter().map(|kind| (kind.id, kind)).collect();
    let polled_by: HashMap<u64, &ThreadNow> = (snapshot.threads.iter())
        .filter(|now| now.task != 0 && now.poll_ns > 0)
        .map(|now| (now.task, now))
        .collect();
    // Most tasks wait in one of a few stacks.
    let mut folded: HashMap<&[u32], Vec<Level>> = HashMap::new();
    let mut live: Vec<LiveTask> = (tasks.tasks.iter())
        .map(|task| LiveTask {
            task,
            kind: kinds.get(&task.kind).copied(),
            thread: polled_by.get(&task.id).copied(),
            problem: problem(task, tasks.long_poll_ns),
            in_place: false,
            rare: None,
            longer: false,
            waits: match representative(task) {
                Some(wait) => (folded.entry(&wait.stack))
                    .or_insert_with(|| await_stack::fold(frames, &wait.stack))
                    .clone(),
                None => Vec::new(),
            },
        })
        .collect();
    mark_in_place(frames, &mut live);
    mark_rare(&mut live);
    mark_longer(&mut live);
    // Of equals the one with the lower number, so that equal snapshots give equal reports.
    live.sort_by_key(|one| (std::cmp::Reverse(rank(one, sort)), one.task.id));
    live
}

/// A future inside of a task in `block_in_place` is in it as well: it is polled in the same poll.
const DEEPEST: usize = 8;

/// Who is in `block_in_place` has no problem, however long that takes; nor has what a closure on a blocking thread blocks on.
fn mark_in_place(frames: &Frames, live: &mut [LiveTask<'_>]) {
    let mut in_place: HashSet<u64> = HashSet::new();
    for one in live
        .iter()
        .filter(|one| one.problem == Some(Problem::LongPoll))
    {
        let now = one.thread.map(|now| now.stack.as_slice());
        let now = now.filter(|stack| !stack.is_empty());
        let stack = now.unwrap_or_else(|| last_stack(one.kind, one.task.id));
        if is_in_block_in_place(frames, stack) {
            in_place.insert(one.task.id);
        }
    }
    let in_place = with_inside(live, in_place);
    let closures = live.iter().map(|one| one.task);
    let closures = closures.filter(|task| task.blocking && task.state == TaskState::Polling);
    let closures = with_inside(live, closures.map(|task| task.id).collect());
    for one in live.iter_mut() {
        let is_long = one.problem == Some(Problem::LongPoll);
        if is_long && in_place.contains(&one.task.id) {
            (one.problem, one.in_place) = (None, true);
        } else if is_long && closures.contains(&one.task.id) {
            one.problem = None;
        }
    }
}

/// These, and what is polled inside of them.
fn with_inside(live: &[LiveTask<'_>], mut these: HashSet<u64>) -> HashSet<u64> {
    for _ in 0..DEEPEST {
        let inside = live.iter().map(|one| one.task);
        let inside = inside.filter(|task| {
            task.state == TaskState::Polling && these.contains(&task.parent) && is_inside(task)
        });
        let inside: Vec<u64> = inside.map(|task| task.id).collect();
        let before = these.len();
        these.extend(inside);
        if these.len() == before {
            break;
        }
    }
    these
}

/// Whether it is a future inside of a task, which hotpoll numbers itself: a task has its parent's number where that has spawned it.
fn is_inside(task: &Task) -> bool {
    const OWN: u64 = 1 << 48;
    task.id >= OWN
}

/// The suspension that stands for a task. A task that is being polled, or has been woken, waits nowhere.
pub fn representative(task: &Task) -> Option<&Suspension> {
    if matches!(task.state, TaskState::Polling | TaskState::Done) {
        return None;
    }
    let stands = task.waits.iter().find(|wait| wait.representative);
    stands.or_else(|| task.waits.first())
}

/// Where a task waits, as far as the program's own code is concerned.
fn place(waits: &[Level]) -> Vec<(FrameId, u32)> {
    let frames = waits.iter().map(Level::frame);
    frames.map(|at| (at.frame, at.line)).collect()
}

/// Whether it is suspended, whatever is known of where.
fn is_suspended(one: &LiveTask<'_>) -> bool {
    matches!(
        one.task.state,
        TaskState::Waiting | TaskState::LostWaker | TaskState::NoWaker
    )
}

/// A task that has waited so many times longer than nearly all of its kind is worth a look.
const LONGER: u64 = 10;
/// And not for less than this.
const LONG_NS: u64 = 1_000_000_000;

fn mark_longer(live: &mut [LiveTask<'_>]) {
    let mut waited: HashMap<u64, Vec<u64>> = HashMap::new();
    for one in live.iter().filter(|one| is_suspended(one)) {
        waited
            .entry(one.task.kind)
            .or_default()
            .push(one.task.state_ns);
    }
    // What all but one in so many have waited at most.
    let usual: HashMap<u64, u64> = (waited.into_iter())
        .filter(|(_, all)| all.len() >= MANY)
        .map(|(kind, mut all)| {
            all.sort_unstable();
            (kind, all[all.len() - 1 - all.len() / RARE])
        })
        .collect();
    for one in live.iter_mut().filter(|one| is_suspended(one)) {
        one.longer = (usual.get(&one.task.kind)).is_some_and(|usual| {
            one.task.state_ns >= LONG_NS && one.task.state_ns / LONGER >= *usual
        });
    }
}

/// Among a thousand tasks that wait at one place the one that waits elsewhere is worth a look.
fn mark_rare(live: &mut [LiveTask<'_>]) {
    let mut places: HashMap<(u64, Vec<(FrameId, u32)>), usize> = HashMap::new();
    let mut of_kind: HashMap<u64, usize> = HashMap::new();
    for one in live.iter().filter(|one| !one.waits.is_empty()) {
        *places
            .entry((one.task.kind, place(&one.waits)))
            .or_default() += 1;
        *of_kind.entry(one.task.kind).or_default() += 1;
    }
    for one in live.iter_mut().filter(|one| !one.waits.is_empty()) {
        let here = places[&(one.task.kind, place(&one.waits))];
        let all = of_kind[&one.task.kind];
        one.rare = (all >= MANY && here * RARE <= all).then_some(here);
    }
}

/// What has waited longer than the others of its kind is above this, by how long; what waits where few do is below it, by how many these are.
const ODD: u64 = 1 << 63;

/// What a task is sorted by, larger first.
fn rank(one: &LiveTask<'_>, sort: Sort) -> (u8, u64, u64) {
    let task = one.task;
    let key = match sort {
        Sort::Odd => {
            let problem = match one.problem {
                Some(Problem::LostWaker) => 4,
                Some(Problem::LongPoll) => 3,
                Some(Problem::NotPolled) => 2,
                None if one.task.state == TaskState::NoWaker => 1,
                None => u8::from(one.rare.is_some() || one.longer),
            };
            let within = match (one.problem, one.rare) {
                // The one that waits longest is the one to look at.
                (Some(_), _) => task.state_ns,
                _ if one.longer => ODD.saturating_add(task.state_ns),
                (None, few) => few.map_or(0, |few| ODD - few as u64),
            };
            return (problem, within, task.age_ns);
        }
        Sort::Age => task.age_ns,
        Sort::State => task.state_ns,
        Sort::Busy => task.busy_ns,
        Sort::Scheduled => task.scheduled_ns,
        Sort::Idle => task.idle_ns,
        Sort::Polls => task.polls,
        Sort::MaxPoll => task.max_poll_ns,
    };
    (0, key, task.age_ns)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::profile;
    use super::*;
    use hotpoll_profile::{Profile, Tasks};

    const MS: u64 = 1_000_000;

    /// Tasks of one kind, each `(id, state, time in it, age, stack)`. The stacks are of two places, `a` and `b`.
    fn check(
        rows: &[(u64, TaskState, u64, u64, &str)],
        sort: Sort,
        expected: &[(u64, Option<Problem>, Option<usize>)],
    ) {
        let stacks: Profile = profile(&[
            ("t", "shop::main;shop::a;tokio::time::sleep", 1),
            ("t", "shop::main;shop::b;tokio::sync::notify", 1),
        ]);
        let tasks = rows
            .iter()
            .map(|&(id, state, state_ns, age_ns, place)| Task {
                id,
                state,
                state_ns,
                age_ns,
                kind: 9,
                waits: match place {
                    "" => vec![],
                    place => vec![Suspension {
                        stack: stacks.samples[usize::from(place == "b")].stack.clone(),
                        ..Suspension::default()
                    }],
                },
                ..Task::default()
            });
        let snapshot = Snapshot {
            tasks: Tasks {
                tasks: tasks.collect(),
                long_poll_ns: 10 * MS,
                ..Tasks::default()
            },
            ..Snapshot::default()
        };
        let frames = Frames::new(&stacks);
        let live = live_tasks(&frames, &snapshot, sort);
        let live: Vec<_> = (live.iter())
            .map(|one| (one.task.id, one.problem, one.rare))
            .collect();
        assert_eq!(&live[..expected.len()], expected);
    }

    /// It was a long poll that two tasks were in, though another thread worked in the worker's place.
    #[test]
    fn in_block_in_place_a_poll_may_take_its_time() {
        let stacks: Profile = profile(&[
            (
                "worker",
                "shop::load;tokio::runtime::scheduler::multi_thread::worker::block_in_place;shop::read",
                1,
            ),
            ("other", "shop::load;shop::read", 1),
        ]);
        let task = |id, parent| Task {
            id,
            parent,
            state: TaskState::Polling,
            state_ns: 50 * MS,
            ..Task::default()
        };
        let now = |thread: usize, task| ThreadNow {
            thread: thread as u32,
            task,
            poll_ns: 50 * MS,
            stack: stacks.samples[thread].stack.clone(),
            ..ThreadNow::default()
        };
        let own = 1 << 48;
        let snapshot = Snapshot {
            threads: vec![now(0, 1), now(1, 2)],
            tasks: Tasks {
                tasks: vec![task(1, 0), task(own, 1), task(own + 1, own), task(2, 1)],
                long_poll_ns: 10 * MS,
                ..Tasks::default()
            },
            ..Snapshot::default()
        };
        let frames = Frames::new(&stacks);
        let mut live: Vec<_> = (live_tasks(&frames, &snapshot, Sort::Odd).iter())
            .map(|one| (one.task.id, one.problem, one.in_place))
            .collect();
        live.sort_by_key(|row| row.0);
        assert_eq!(
            live,
            [
                (1, None, true),
                (2, Some(Problem::LongPoll), false),
                (own, None, true),
                (own + 1, None, true),
            ]
        );
    }

    /// It was a long poll, though a thread that may block for as long as it likes polls it.
    #[test]
    fn what_a_blocking_closure_blocks_on_holds_up_nobody() {
        let own = 1 << 48;
        let polling = |id, parent| Task {
            id,
            parent,
            state: TaskState::Polling,
            state_ns: 50 * MS,
            ..Task::default()
        };
        let closure = Task {
            blocking: true,
            ..polling(7, 0)
        };
        let snapshot = Snapshot {
            tasks: Tasks {
                // What the closure blocks on, and a task that it has spawned.
                tasks: vec![closure, polling(own, 7), polling(8, 7)],
                long_poll_ns: 10 * MS,
                ..Tasks::default()
            },
            ..Snapshot::default()
        };
        let none = Profile::default();
        let mut live: Vec<_> = live_tasks(&Frames::new(&none), &snapshot, Sort::Odd)
            .iter()
            .map(|one| (one.task.id, one.problem))
            .collect();
        live.sort_by_key(|row| row.0);
        let long = Some(Problem::LongPoll);
        assert_eq!(live, [(7, None), (8, long), (own, None)]);
    }

    #[test]
    fn what_is_wrong_comes_first_and_then_the_oldest() {
        use TaskState::{LostWaker, Polling, Scheduled, Waiting};
        check(
            &[
                (1, Waiting, 90 * MS, 90 * MS, ""),
                (2, Waiting, 5 * MS, 95 * MS, ""),
                (3, Scheduled, 150 * MS, 150 * MS, ""),
                (4, Polling, 20 * MS, 20 * MS, ""),
                (5, LostWaker, MS, MS, ""),
                (6, Polling, 40 * MS, 41 * MS, ""),
                (7, Scheduled, 50 * MS, 80 * MS, ""),
            ],
            Sort::Odd,
            &[
                (5, Some(Problem::LostWaker), None),
                (6, Some(Problem::LongPoll), None),
                (4, Some(Problem::LongPoll), None),
                (3, Some(Problem::NotPolled), None),
                (2, None, None),
                (1, None, None),
                (7, None, None),
            ],
        );
    }

    #[test]
    fn the_one_that_waits_elsewhere_comes_before_the_many() {
        let mut rows: Vec<_> = (1..=100)
            .map(|id| (id, TaskState::Waiting, MS, 1_000 * MS + id, "a"))
            .collect();
        rows[41].4 = "b";
        rows[41].3 = 0;
        check(
            &rows,
            Sort::Odd,
            &[(42, None, Some(1)), (100, None, None), (99, None, None)],
        );
    }

    #[test]
    fn the_one_that_waits_longer_comes_before_the_many() {
        let mut rows: Vec<_> = (1..=100)
            .map(|id| (id, TaskState::Waiting, 50 * MS, 5_000 * MS, "a"))
            .collect();
        rows[76].2 = 4_900 * MS;
        rows[76].4 = "";
        check(&rows, Sort::Odd, &[(77, None, None), (1, None, None)]);
        // Of several the one that has waited longest, whoever is older or stands where few do.
        rows[20].2 = 4_950 * MS;
        rows[90].2 = 1_000 * MS;
        rows[90].3 = 6_000 * MS;
        rows[40].4 = "b";
        check(
            &rows,
            Sort::Odd,
            &[
                (21, None, None),
                (77, None, None),
                (91, None, None),
                (41, None, Some(1)),
            ],
        );
        // All of them long is what they do.
        let rows: Vec<_> = (1..=100)
            .map(|id| {
                (
                    id,
                    TaskState::Waiting,
                    5_000 * MS + id,
                    6_000 * MS + id,
                    "a",
                )
            })
            .collect();
        check(&rows, Sort::Odd, &[(100, None, None), (99, None, None)]);
    }

    #[test]
    fn few_tasks_have_no_usual_place() {
        let rows: Vec<_> = (1..=10)
            .map(|id| {
                (
                    id,
                    TaskState::Waiting,
                    MS,
                    id,
                    if id == 3 { "b" } else { "a" },
                )
            })
            .collect();
        check(&rows, Sort::Odd, &[(10, None, None)]);
    }

    #[test]
    fn sorted_as_asked() {
        let rows = [
            (1, TaskState::LostWaker, 5 * MS, 5 * MS, ""),
            (2, TaskState::Waiting, 3 * MS, 9 * MS, ""),
        ];
        check(&rows, Sort::Age, &[(2, None, None)]);
        check(&rows, Sort::State, &[(1, Some(Problem::LostWaker), None)]);
    }
}
