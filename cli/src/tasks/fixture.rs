//! A shop with trouble: a task whose waker is lost, one that blocks in its poll, a thousand that wait for an order.

use crate::now::Now;
use hotpoll_profile::{
    Function, Histogram, Line, Location, LongPoll, Module, PollStack, Process, Profile, Runtime,
    Site, Snapshot, State, Suspension, Task, TaskKind, TaskState, Tasks, Thread, ThreadNow, Waker,
};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

/// The functions of the stacks, each at one address; root first in the stacks below.
const FUNCTIONS: [(&str, &str); 9] = [
    ("clone3", ""),
    (
        "tokio::runtime::task::harness::Harness::poll",
        "tokio/src/runtime/task/harness.rs",
    ),
    ("shop::request::{closure}", "src/main.rs"),
    ("shop::queue::next_order::{closure}", "src/queue.rs"),
    (
        "tokio::sync::mpsc::bounded::Receiver::recv::{closure}",
        "tokio/src/sync/mpsc/bounded.rs",
    ),
    ("shop::audit::flush::{closure}", "src/audit.rs"),
    (
        "<tokio::sync::notify::Notified as core::future::future::Future>::poll",
        "tokio/src/sync/notify.rs",
    ),
    ("shop::db::query::{closure}", "src/db.rs"),
    (
        "std::sys::sync::mutex::futex::Mutex::lock_contended",
        "library/std/src/sys/sync/mutex/futex.rs",
    ),
];

/// Its stacks, leaf first.
const WAITS_FOR_ORDER: [u32; 5] = [4, 3, 2, 1, 0];
const WAITS_FOR_NOTICE: [u32; 4] = [6, 5, 1, 0];
const WAITS_FOR_LOCK: [u32; 5] = [8, 7, 2, 1, 0];

fn wait(stack: &[u32], polls_ago: u64) -> Vec<Suspension> {
    vec![Suspension {
        stack: stack.to_vec(),
        polls_ago,
        representative: true,
    }]
}

fn histogram(durations: &[(u64, u64)]) -> Histogram {
    let mut histogram = Histogram::default();
    for &(ns, n) in durations {
        for _ in 0..n {
            histogram.record(ns);
        }
    }
    histogram
}

/// The shop's profile, with a snapshot.
pub fn profile() -> Profile {
    let thread = |tid, name: &str, cpu_ns| Thread {
        tid,
        name: name.to_owned(),
        totals: hotpoll_profile::thread::Accounts {
            cpu_ns,
            sampled_ns: cpu_ns,
            ..Default::default()
        },
        ..Thread::default()
    };
    Profile {
        process: Process {
            pid: 4242,
            name: "shop".to_owned(),
            hotpoll_version: "0.1.0".to_owned(),
            ..Process::default()
        },
        start_unix_ns: 1_763_770_000 * S,
        duration_ns: 10 * S,
        modules: vec![Module {
            path: "/srv/shop".to_owned(),
            ..Module::default()
        }],
        functions: FUNCTIONS
            .iter()
            .map(|&(name, file)| Function {
                name: name.to_owned(),
                file: file.to_owned(),
                ..Function::default()
            })
            .collect(),
        locations: (0..FUNCTIONS.len() as u32)
            .map(|function| Location {
                address: 0x1000 + u64::from(function),
                module: Some(0),
                lines: vec![Line {
                    function,
                    line: 40 + function,
                }],
            })
            .collect(),
        threads: vec![
            thread(4242, "shop", 0),
            thread(4250, "tokio-rt-worker", 400 * MS),
            thread(4251, "tokio-rt-worker", 2_000 * MS),
            thread(4252, "tokio-rt-worker", 0),
            Thread {
                own: true,
                ..thread(4260, "hotpoll-drain", 9 * MS)
            },
        ],
        snapshot: Some(snapshot()),
        ..Profile::default()
    }
}

/// The shop, now.
pub fn shop() -> Now {
    Now::new(profile())
}

fn snapshot() -> Snapshot {
    let long_poll = LongPoll {
        no_stack: None,
        task: 9,
        kind: 1,
        start_unix_ns: 1_763_770_008 * S,
        poll_ns: 1_200 * MS,
        open: true,
        stacks: [11, 14, 18]
            .map(|ms| PollStack {
                at_ns: ms * MS,
                state: State::Lock,
                stack: WAITS_FOR_LOCK.to_vec(),
            })
            .to_vec(),
    };
    let now = |thread, state| ThreadNow {
        thread,
        state,
        state_ns: 30 * MS,
        ..ThreadNow::default()
    };
    Snapshot {
        taken_unix_ns: 1_763_770_010 * S,
        threads: vec![
            now(0, State::Lock),
            ThreadNow {
                state_ns: 1_190 * MS,
                stack: WAITS_FOR_LOCK.to_vec(),
                runtime_worker: true,
                task: 9,
                kind: 1,
                poll_ns: 1_200 * MS,
                ..now(1, State::Lock)
            },
            ThreadNow {
                runtime_worker: true,
                task: 4,
                kind: 1,
                poll_ns: 2 * MS,
                ..now(2, State::Running)
            },
            ThreadNow {
                runtime_worker: true,
                parked: true,
                stack: vec![1, 0],
                ..now(3, State::Io)
            },
            now(4, State::Sleep),
        ],
        tasks: Tasks {
            alive: Some(1_203),
            tracked: 1_001,
            tracked_beside: 2,
            long_poll_ns: 10 * MS,
            kinds: vec![
                TaskKind {
                    id: 1,
                    name: "request".to_owned(),
                    site: Site {
                        file: "src/main.rs".to_owned(),
                        line: 33,
                        column: 9,
                    },
                    alive: 1_002,
                    spawned: 52_002,
                    completed: 50_999,
                    panicked: 1,
                    polls: 123_456,
                    wakes: 120_000,
                    busy_ns: 4_200 * MS,
                    scheduled_ns: 900 * MS,
                    idle_ns: 80 * S,
                    poll_time: histogram(&[(30_000, 990), (2 * MS, 10)]),
                    wake_delay: histogram(&[(9_000, 1_000)]),
                    longest_poll: Some(long_poll.clone()),
                    long_polls: vec![long_poll],
                    captures: 60_000,
                    ..TaskKind::default()
                },
                TaskKind {
                    id: 2,
                    site: Site {
                        file: "/srv/build/shop/src/audit/background/flusher.rs".to_owned(),
                        line: 120,
                        column: 5,
                    },
                    alive: 1,
                    spawned: 1,
                    polls: 3,
                    wakes: 2,
                    busy_ns: 80_000,
                    ..TaskKind::default()
                },
            ],
            tasks: tasks(),
            runtimes: vec![Runtime {
                id: 1,
                workers: vec![4250, 4251, 4252],
                alive: 1_203,
                ..Runtime::default()
            }],
            folded_tasks: 0,
            folded_kinds: 0,
        },
        ..Snapshot::default()
    }
}

fn tasks() -> Vec<Task> {
    let mut tasks: Vec<Task> = (0..1_000)
        .map(|at| Task {
            id: 100 + at,
            runtime_id: 7_100 + at,
            kind: 1,
            state: TaskState::Waiting,
            age_ns: 60 * S - at * MS,
            state_ns: 2 * S + at * MS,
            polls: 3,
            wakes: 2,
            busy_ns: 40_000,
            idle_ns: 59 * S,
            last_waker: Waker::Thread(4251),
            wakers: 1,
            waits: wait(&WAITS_FOR_ORDER, u64::from(at == 0) * 2),
            ..Task::default()
        })
        .collect();
    tasks.push(Task {
        id: 9,
        kind: 1,
        state: TaskState::Polling,
        age_ns: 5 * S,
        state_ns: 1_200 * MS,
        polls: 2,
        busy_ns: 1_201 * MS,
        ..Task::default()
    });
    tasks.push(Task {
        id: 4,
        kind: 1,
        state: TaskState::Scheduled,
        age_ns: S,
        state_ns: 40_000,
        polls: 1,
        busy_ns: 9_000,
        last_waker: Waker::Task(9),
        ..Task::default()
    });
    tasks.push(Task {
        id: 77,
        kind: 2,
        state: TaskState::LostWaker,
        age_ns: 3_700 * S,
        state_ns: 192 * S,
        polls: 3,
        busy_ns: 80_000,
        waits: wait(&WAITS_FOR_NOTICE, 0),
        ..Task::default()
    });
    tasks
}
