//! Snapshots from literals, for the tests of the verdicts.

use super::find::{Settings, Verdicts, find};
use super::problem::{Problem, ProblemKind};
use super::with_inferred;
use crate::view::Frames;
use crate::view::fixture::profile;
use hotpoll_profile::{
    Channel, Holder, Library, Party, Permits, Profile, Resource, ResourceKind, Resources, Runtime,
    Since, Site, Snapshot, State, Suspension, Task, TaskKind, TaskState, Tasks, ThreadNow, Waiter,
};

pub const MS: u64 = 1_000_000;
pub const S: u64 = 1_000 * MS;

/// A process with threads `t0` (ID 100), `t1`, … blocked in a stack of their own, and what else a test puts in.
pub struct Scene {
    pub profile: Profile,
    pub snapshot: Snapshot,
}

/// The thread with this number.
pub fn thread(number: u32) -> Party {
    Party {
        tid: 100 + number,
        ..Party::default()
    }
}

/// A task, polled last by the thread with this number.
pub fn task(id: u64, number: u32) -> Party {
    Party {
        task: id,
        kind: 1,
        ..thread(number)
    }
}

pub fn holder(party: Party, since_ns: u64) -> Holder {
    Holder {
        party,
        site: site(11),
        since_ns,
        since: Since::AtLeast,
        amount: 1,
        confirmed: true,
        ..Holder::default()
    }
}

pub fn waiter(party: Party, since_ns: u64) -> Waiter {
    Waiter {
        party,
        site: site(22),
        since_ns,
        confirmed: true,
        ..Waiter::default()
    }
}

pub fn site(line: u32) -> Site {
    Site {
        file: "src/shop.rs".to_owned(),
        line,
        column: 5,
    }
}

/// A resource made in the line of its number.
pub fn resource(
    id: u64,
    kind: ResourceKind,
    library: Library,
    holders: Vec<Holder>,
    waiters: Vec<Waiter>,
) -> Resource {
    Resource {
        id,
        kind,
        library,
        site: site(id as u32),
        instances: 1,
        holders,
        waiters,
        ..Resource::default()
    }
}

pub fn mutex(id: u64, holders: Vec<Holder>, waiters: Vec<Waiter>) -> Resource {
    resource(
        id,
        ResourceKind::Mutex,
        Library::ParkingLot,
        holders,
        waiters,
    )
}

pub fn async_mutex(id: u64, holders: Vec<Holder>, waiters: Vec<Waiter>) -> Resource {
    resource(id, ResourceKind::Mutex, Library::Tokio, holders, waiters)
}

pub fn semaphore(id: u64, total: u64, holders: Vec<Holder>, waiters: Vec<Waiter>) -> Resource {
    let held: u64 = holders.iter().map(|holder| holder.amount).sum();
    Resource {
        permits: Some(Permits {
            total,
            available: total.saturating_sub(held),
            is_signal: false,
            last_granted_ns: 0,
        }),
        ..resource(
            id,
            ResourceKind::Semaphore,
            Library::Tokio,
            holders,
            waiters,
        )
    }
}

/// A channel with room for 16.
pub fn channel(id: u64, channel: Channel, waiters: Vec<Waiter>) -> Resource {
    Resource {
        channel: Some(channel),
        ..resource(id, ResourceKind::Mpsc, Library::Tokio, Vec::new(), waiters)
    }
}

impl Scene {
    /// With so many threads, each blocked for 3 s in `shop::work` and a call of its own.
    pub fn new(threads: u32, resources: Vec<Resource>) -> Self {
        let rows: Vec<(String, String)> = (0..threads)
            .map(|n| {
                (
                    format!("t{n}"),
                    format!("shop::main;shop::work{n};std::fs::write"),
                )
            })
            .collect();
        let rows: Vec<(&str, &str, u64)> = (rows.iter())
            .map(|(name, stack)| (name.as_str(), stack.as_str(), 1))
            .collect();
        let profile = profile(&rows);
        let now = (0..threads).map(|thread| ThreadNow {
            thread,
            state: State::OtherWait,
            state_ns: 3 * S,
            stack: profile.samples[thread as usize].stack.clone(),
            ..ThreadNow::default()
        });
        let snapshot = Snapshot {
            threads: now.collect(),
            tasks: Tasks {
                long_poll_ns: 10 * MS,
                // So that a task that is not listed may live.
                folded_tasks: 1,
                kinds: vec![TaskKind {
                    id: 1,
                    name: "save".to_owned(),
                    ..TaskKind::default()
                }],
                ..Tasks::default()
            },
            resources: Resources {
                resources,
                ..Resources::default()
            },
            ..Snapshot::default()
        };
        Self { profile, snapshot }
    }

    /// With a task that is suspended, and whose waker so many hold.
    pub fn task(mut self, id: u64, wakers: u64) -> Self {
        self.snapshot.tasks.tasks.push(Task {
            id,
            kind: 1,
            state: TaskState::Waiting,
            state_ns: 3 * S,
            wakers,
            waits: vec![Suspension::default()],
            ..Task::default()
        });
        self
    }

    /// With no other tasks than those that are listed.
    pub fn no_other_tasks(mut self) -> Self {
        self.snapshot.tasks.folded_tasks = 0;
        self
    }

    /// With a thread that polls a task, for so long.
    pub fn polls(mut self, number: u32, task: u64, poll_ns: u64) -> Self {
        let now = &mut self.snapshot.threads[number as usize];
        (now.task, now.kind, now.poll_ns) = (task, 1, poll_ns);
        now.runtime_worker = true;
        if !self.snapshot.tasks.tasks.iter().any(|one| one.id == task) {
            self = self.task(task, 1);
        }
        for one in &mut self.snapshot.tasks.tasks {
            if one.id == task {
                (one.state, one.state_ns) = (TaskState::Polling, poll_ns);
            }
        }
        self
    }

    /// With a runtime of these workers, each of them blocked.
    pub fn blocked_runtime(mut self, workers: &[u32]) -> Self {
        self.snapshot.tasks.runtimes.push(Runtime {
            id: 1,
            workers: workers.iter().map(|number| 100 + number).collect(),
            alive: 7,
            blocked: true,
            ..Runtime::default()
        });
        self
    }

    pub fn verdicts(&self) -> Verdicts {
        self.asked(Settings::default())
    }

    fn asked(&self, settings: Settings) -> Verdicts {
        let frames = Frames::new(&self.profile);
        let resources = with_inferred(&frames, &self.snapshot);
        find(&frames, &self.snapshot, &resources, settings)
    }

    pub fn problems(&self) -> Vec<Problem> {
        self.verdicts().problems
    }

    pub fn problems_older_than(&self, older_than_ns: u64) -> Vec<Problem> {
        self.asked(Settings {
            older_than_ns,
            ..Settings::default()
        })
        .problems
    }

    /// With those who wait without a problem.
    pub fn quiet(&self) -> Vec<Problem> {
        self.asked(Settings {
            quiet: true,
            ..Settings::default()
        })
        .quiet
    }

    #[track_caller]
    pub fn check(&self, expected: &[(ProblemKind, &str)]) -> Vec<Problem> {
        let problems = self.problems();
        let found: Vec<(ProblemKind, &str)> = (problems.iter())
            .map(|problem| (problem.kind, problem.headline.as_str()))
            .collect();
        assert_eq!(found, expected, "{problems:#?}");
        problems
    }
}
