//! The threads of a snapshot: what each does, polls or waits in, and which of them are stuck.

use super::await_stack::{self, Level};
use super::frames::{FrameId, Frames};
use super::origin::Origin;
use super::own_code::own_code;
use super::weight::{Weight, share};
use crate::verdict::thread::stuck;
use hotpoll_profile::{Profile, Sample, Snapshot, TaskKind, Thread, ThreadNow};
use std::collections::{HashMap, HashSet};

pub use crate::verdict::thread::Stuck;

/// A thread of a snapshot.
#[derive(Debug, Clone)]
pub struct LiveThread<'p> {
    /// The thread.
    pub thread: &'p Thread,
    /// What was seen of it.
    pub now: &'p ThreadNow,
    /// Whether it is a runtime's worker. Others poll, too: one in `block_on`, or in `block_in_place`, whose place another thread has taken.
    pub worker: bool,
    /// What it is to its runtime, if it belongs to one.
    pub role: Option<Role>,
    /// The kind of the task that it polls.
    pub kind: Option<&'p TaskKind>,
    /// Its stack, folded.
    pub stack: Vec<Level>,
    /// The program's function that most of its CPU samples in the window are in, and their part of them.
    pub dominant: Option<(FrameId, f64)>,
    /// Its CPU time in the window, as a part of one core.
    pub cores: f64,
    /// Why it is stuck, if it is.
    pub stuck: Option<Stuck>,
}

/// What a runtime's worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It polls a task, and runs.
    Polling,
    /// It polls a task, and is blocked in that.
    BlockedInPoll,
    /// It has nothing to do.
    Parked,
    /// It is blocked, outside of any tracked poll, and not in the runtime's own waiting: in a task that is not tracked, say.
    BlockedElsewhere,
    /// It is between polls.
    Between,
    /// It is in code of the program's that is none of the runtime's: nobody drives a runtime that has no other thread.
    Outside,
    /// It polls a task, and is in `block_in_place` there: another thread has taken its place as a worker.
    BlockInPlace,
}

impl Role {
    /// A few words for a person.
    pub fn label(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::BlockedInPoll => "blocked in a poll",
            Self::Parked => "parked",
            Self::BlockedElsewhere => "blocked in nothing tracked",
            Self::Between => "between polls",
            Self::Outside => "outside of the runtime",
            Self::BlockInPlace => "in block_in_place",
        }
    }
}

/// The threads of a snapshot: stuck ones first, then those that use most CPU, hotpoll's own last.
pub fn live_threads<'p>(frames: &Frames<'p>, snapshot: &'p Snapshot) -> Vec<LiveThread<'p>> {
    let profile: &'p Profile = frames.profile();
    let tasks = &snapshot.tasks;
    let kinds: HashMap<u64, &TaskKind> = tasks.kinds.iter().map(|kind| (kind.id, kind)).collect();
    let workers: HashSet<u32> = (tasks.runtimes.iter())
        .flat_map(|runtime| runtime.workers.iter().copied())
        .collect();
    // Closures on blocking threads: their one poll may take as long as it likes.
    let blocking: HashSet<u64> = (tasks.tasks.iter())
        .filter(|task| task.blocking)
        .map(|task| task.id)
        .collect();
    let mut samples_of: HashMap<u32, Vec<&Sample>> = HashMap::new();
    for sample in profile.samples.iter().filter(|one| one.state.is_on_cpu()) {
        samples_of.entry(sample.thread).or_default().push(sample);
    }
    let mut live: Vec<LiveThread> = (snapshot.threads.iter())
        .filter_map(|now| {
            let thread = profile.threads.get(now.thread as usize)?;
            let stack = await_stack::fold(frames, &now.stack);
            let samples = samples_of.get(&now.thread).map_or(&[][..], Vec::as_slice);
            let is_worker = now.runtime_worker || workers.contains(&thread.tid);
            let blocking = blocking.contains(&now.task);
            let kind = kinds.get(&now.kind).copied();
            let polls = match now.stack.as_slice() {
                [] => last_stack(kind, now.task),
                stack => stack,
            };
            let role =
                (is_worker || (now.poll_ns > 0 && !blocking)).then(|| role(frames, now, polls));
            Some(LiveThread {
                thread,
                now,
                worker: is_worker && role != Some(Role::BlockInPlace),
                role,
                kind,
                dominant: dominant(frames, samples),
                cores: share(thread.totals.cpu_ns, profile.duration_ns),
                stuck: stuck(frames, now, role, tasks.long_poll_ns).filter(|stuck| {
                    let may_take_long = blocking || role == Some(Role::BlockInPlace);
                    !may_take_long || !matches!(stuck, Stuck::BlockedPoll | Stuck::LongPoll)
                }),
                stack,
            })
        })
        .collect();
    live.sort_by(|a, b| {
        let stuck = |one: &LiveThread| one.stuck.map_or(u8::MAX, |stuck| stuck as u8);
        (a.thread.own.cmp(&b.thread.own))
            .then(stuck(a).cmp(&stuck(b)))
            .then(b.cores.total_cmp(&a.cores))
            .then(a.thread.tid.cmp(&b.thread.tid))
    });
    live
}

/// The latest stack that a poll of this task has left which runs still: of a thread that runs nobody can take one now.
pub(super) fn last_stack(kind: Option<&TaskKind>, task: u64) -> &[u32] {
    let open = kind.into_iter().flat_map(|kind| &kind.long_polls);
    let mut open = open.filter(|poll| poll.open && poll.task == task);
    let last = open.find_map(|poll| poll.stacks.last());
    last.map_or(&[], |look| &look.stack)
}

/// `polls`: the stack of what it polls.
fn role(frames: &Frames, now: &ThreadNow, polls: &[u32]) -> Role {
    match now.poll_ns {
        0 if !now.state.is_blocked() => Role::Between,
        0 if is_outside(frames, now) => Role::Outside,
        0 if is_in_the_runtimes_wait(frames, now) => Role::Parked,
        0 => Role::BlockedElsewhere,
        _ if is_in_block_in_place(frames, polls) => Role::BlockInPlace,
        _ if now.state.is_blocked() => Role::BlockedInPoll,
        _ => Role::Polling,
    }
}

/// Whether a thread that polls, and whose stack this is, has handed its place as a worker on.
pub(super) fn is_in_block_in_place(frames: &Frames, stack: &[u32]) -> bool {
    let mut stack = stack.iter().flat_map(|&location| frames.at(location));
    stack.any(|at| {
        let name = &frames.get(at.frame).name;
        name.starts_with("tokio::") && name.contains("::block_in_place")
    })
}

fn dominant(frames: &Frames, samples: &[&Sample]) -> Option<(FrameId, f64)> {
    let whole = Weight::sum(samples.iter().copied());
    let first = own_code(frames, samples.iter().copied())
        .into_iter()
        .next()?;
    Some((first.frame, first.weight.share_of(whole.cpu_ns)))
}

/// Whether a thread is blocked in the program's own code, and in nothing of a runtime's: the one of a runtime that is driven now and then.
fn is_outside(frames: &Frames, now: &ThreadNow) -> bool {
    const OF_RUNTIMES: [&str; 3] = ["tokio", "mio::", "hotpoll"];
    let mut is_own = false;
    let mut stack = now.stack.iter().flat_map(|&location| frames.at(location));
    let has_runtime = stack.any(|at| {
        let frame = frames.get(at.frame);
        is_own |= frame.origin == Origin::Own;
        OF_RUNTIMES.iter().any(|part| frame.name.contains(part))
    });
    is_own && !has_runtime && now.failure.is_none()
}

/// Whether a worker waits where the runtime has workers wait that have nothing to do. It does not only where its stack says so: below a task of the
/// runtime's, the program's code or a library's stands, and nothing of the runtime's own parking.
fn is_in_the_runtimes_wait(frames: &Frames, now: &ThreadNow) -> bool {
    let mut in_code = false;
    for at in now.stack.iter().flat_map(|&location| frames.at(location)) {
        let frame = frames.get(at.frame);
        in_code |= matches!(frame.origin, Origin::Own | Origin::Dependency);
        if frame.name.contains("tokio::runtime::") {
            // `park`, `park_internal`, `CachedParkThread`: parked workers stand under a task of the runtime's own.
            if frame.name.contains("park") || frame.name.contains("Park") {
                return true;
            }
            if frame.name.contains("::task::") || frame.name.contains("block_on") {
                return !in_code;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::fixture::profile;
    use super::*;
    use hotpoll_profile::{LongPoll, PollStack, Runtime, State, Tasks};

    const MS: u64 = 1_000_000;

    fn now(thread: u32, state: State, state_ns: u64, poll_ns: u64) -> ThreadNow {
        ThreadNow {
            thread,
            state,
            state_ns,
            poll_ns,
            task: u64::from(poll_ns > 0),
            ..ThreadNow::default()
        }
    }

    fn snapshot(threads: Vec<ThreadNow>, workers: Vec<u32>) -> Snapshot {
        Snapshot {
            threads,
            tasks: Tasks {
                long_poll_ns: 10 * MS,
                runtimes: vec![Runtime {
                    workers,
                    ..Runtime::default()
                }],
                ..Tasks::default()
            },
            ..Snapshot::default()
        }
    }

    #[test]
    fn stuck_ones_first_then_the_busy_ones() {
        let mut profile = profile(&[
            ("idle", "shop::main", 0),
            ("busy", "shop::main;shop::hash", 90),
            ("w1", "shop::main", 1),
            ("w2", "shop::main", 2),
            ("hotpoll-drain", "shop::main", 50),
        ]);
        profile.threads[4].own = true;
        let frames = Frames::new(&profile);
        let snapshot = snapshot(
            vec![
                now(0, State::Lock, 9_000 * MS, 0),
                now(1, State::Running, 0, 0),
                now(2, State::Lock, 50 * MS, 60 * MS),
                now(3, State::Running, 0, 11 * MS),
                now(4, State::Running, 0, 0),
            ],
            vec![102, 103],
        );
        let live = live_threads(&frames, &snapshot);
        let rows: Vec<_> = live
            .iter()
            .map(|one| (one.thread.name.as_str(), one.stuck, one.role))
            .collect();
        assert_eq!(
            rows,
            [
                ("w1", Some(Stuck::BlockedPoll), Some(Role::BlockedInPoll)),
                ("w2", Some(Stuck::LongPoll), Some(Role::Polling)),
                ("busy", None, None),
                ("idle", None, None),
                ("hotpoll-drain", None, None),
            ]
        );
        let (frame, part) = live[2].dominant.unwrap();
        assert_eq!((frames.get(frame).name.as_str(), part), ("shop::hash", 1.0));
        assert_eq!(live[2].cores, 0.9);
    }

    #[test]
    fn workers_without_a_poll() {
        let profile = profile(&[("w1", "shop::main", 1), ("w2", "shop::main", 1)]);
        let frames = Frames::new(&profile);
        let snapshot = snapshot(
            vec![
                now(0, State::Io, 9_000 * MS, 0),
                now(1, State::Running, 0, 0),
            ],
            vec![100, 101],
        );
        let roles: Vec<_> = live_threads(&frames, &snapshot)
            .iter()
            .map(|one| one.role)
            .collect();
        assert_eq!(roles, [Some(Role::Parked), Some(Role::Between)]);
    }

    /// A thread in `block_in_place`, and another one that works in its place.
    fn in_place() -> Profile {
        profile(&[
            (
                "in place",
                "tokio::runtime::task::raw::poll;shop::load;tokio::runtime::scheduler::multi_thread::worker::block_in_place;shop::read;std::thread::sleep",
                1,
            ),
            ("takes over", "shop::main", 1),
        ])
    }

    #[test]
    fn in_block_in_place_nobody_is_held_up() {
        let profile = in_place();
        let frames = Frames::new(&profile);
        let mut threads = vec![
            now(0, State::Sleep, 4_000 * MS, 5_000 * MS),
            now(1, State::Running, 0, 0),
        ];
        threads[0].stack = profile.samples[0].stack.clone();
        let snapshot = snapshot(threads, vec![101]);
        check_in_place(&frames, &snapshot);
    }

    /// It was a long poll that kept the thread busy: one that runs has no stack now, and its poll has one.
    #[test]
    fn nor_while_it_computes_there() {
        let profile = in_place();
        let frames = Frames::new(&profile);
        let threads = vec![
            now(0, State::Running, 0, 5_000 * MS),
            now(1, State::Running, 0, 0),
        ];
        let mut snapshot = snapshot(threads, vec![101]);
        snapshot.threads[0].kind = 3;
        let look = PollStack {
            stack: profile.samples[0].stack.clone(),
            ..PollStack::default()
        };
        let poll = LongPoll {
            task: 1,
            kind: 3,
            open: true,
            stacks: vec![look],
            ..LongPoll::default()
        };
        snapshot.tasks.kinds.push(TaskKind {
            id: 3,
            long_polls: vec![poll],
            ..TaskKind::default()
        });
        check_in_place(&frames, &snapshot);
    }

    #[track_caller]
    fn check_in_place(frames: &Frames<'_>, snapshot: &Snapshot) {
        let live = live_threads(frames, snapshot);
        let mut rows: Vec<_> = (live.iter())
            .map(|one| (one.thread.name.as_str(), one.stuck, one.role, one.worker))
            .collect();
        rows.sort_by_key(|row| row.0);
        assert_eq!(
            rows,
            [
                ("in place", None, Some(Role::BlockInPlace), false),
                ("takes over", None, Some(Role::Between), true),
            ]
        );
    }

    #[track_caller]
    fn check_lock(stack: &str, state_ns: u64, expected: Option<Stuck>) {
        let profile = profile(&[("t", stack, 1)]);
        let frames = Frames::new(&profile);
        let now = ThreadNow {
            stack: profile.samples[0].stack.clone(),
            ..now(0, State::Lock, state_ns, 0)
        };
        assert_eq!(stuck(&frames, &now, None, 10 * MS), expected, "{stack}");
    }

    #[test]
    fn a_lock_is_no_condition() {
        let long = 2_000 * MS;
        let mutex =
            "shop::main;shop::db;std::sys::sync::mutex::futex::Mutex::lock_contended;syscall";
        check_lock(mutex, long, Some(Stuck::Lock));
        check_lock(mutex, 20 * MS, None);
        check_lock(
            "shop::main;parking_lot::raw_mutex::RawMutex::lock_slow;syscall",
            long,
            Some(Stuck::Lock),
        );
        check_lock(
            "shop::main;std::sync::poison::condvar::Condvar::wait;syscall",
            long,
            None,
        );
        check_lock("shop::main;std::thread::park;syscall", long, None);
    }

    /// A snapshot of one worker that has waited for a second, with this stack, root first.
    fn waiting(stack: &str, change: impl FnOnce(&mut Snapshot)) -> (Option<Role>, Option<Stuck>) {
        let profile = profile(&[("worker", stack, 1)]);
        let frames = Frames::new(&profile);
        let mut now = now(0, State::Sleep, 1_000 * MS, 0);
        now.stack = profile.samples[0].stack.clone();
        let mut snapshot = snapshot(vec![now], vec![profile.threads[0].tid]);
        change(&mut snapshot);
        let live = live_threads(&frames, &snapshot);
        (live[0].role, live[0].stuck)
    }

    #[test]
    fn a_worker_blocked_in_an_untracked_task_has_not_nothing_to_do() {
        assert_eq!(
            waiting(
                "tokio::runtime::task::harness::poll;tokio::runtime::scheduler::multi_thread::worker::Context::run_task;tokio::runtime::task::raw::poll;shop::sleep",
                |_| {}
            ),
            (Some(Role::BlockedElsewhere), Some(Stuck::BlockedWorker))
        );
    }

    #[test]
    fn a_worker_in_the_runtimes_own_wait_is_parked() {
        for stack in [
            "tokio::runtime::task::harness::poll;tokio::runtime::scheduler::multi_thread::worker::Context::park_internal;epoll_wait",
            "tokio::runtime::blocking::pool::Inner::run;futex_wait",
            "tokio::runtime::task::harness::poll;futex_wait",
            "epoll_wait",
        ] {
            assert_eq!(
                waiting(stack, |_| {}),
                (Some(Role::Parked), None),
                "{stack}"
            );
        }
    }

    /// A runtime of one thread, which has left it: it was parked, as if it would poll whoever is woken.
    #[test]
    fn a_runtimes_thread_that_is_elsewhere_does_not_drive_it() {
        assert_eq!(
            waiting("shop::main;shop::serve;std::thread::sleep", |_| {}),
            (Some(Role::Outside), None)
        );
    }

    #[test]
    fn a_closure_on_a_blocking_thread_may_take_its_time() {
        let blocking = |blocking| {
            waiting("shop::wait", |snapshot| {
                snapshot.threads[0].poll_ns = 60_000 * MS;
                snapshot.threads[0].task = 7;
                snapshot.tasks.runtimes.clear();
                snapshot.tasks.tasks.push(hotpoll_profile::Task {
                    id: 7,
                    blocking,
                    ..hotpoll_profile::Task::default()
                });
            })
        };
        assert_eq!(blocking(true), (None, None));
        assert_eq!(
            blocking(false),
            (Some(Role::BlockedInPoll), Some(Stuck::BlockedPoll))
        );
    }
}
