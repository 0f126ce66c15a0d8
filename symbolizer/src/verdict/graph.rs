//! The wait-for graph: threads and tasks, the resources that they wait for, and who can end each wait.

use super::actor::{Actor, suspends};
use super::parts::{Parts, parts};
use super::wait::{self, Enders};
use crate::view::Frames;
use hotpoll_profile::{Holder, Resource, Snapshot, Task, TaskState, Waiter};
use std::collections::{BTreeMap, HashSet};

/// Who waits for what, at one moment.
#[derive(Debug)]
pub struct Graph<'s> {
    /// What is waited for and held. Sites' rows, which stand for many, are not here.
    pub resources: Vec<&'s Resource>,
    /// Each one's waits.
    pub waits: BTreeMap<Actor, Vec<Wait<'s>>>,
    /// Threads that are blocked in a task's poll: the thread goes on when the task does.
    pub polls: BTreeMap<u32, Polling>,
    /// Tasks that only futures in them, or tasks that they spawned, can wake.
    pub parts: BTreeMap<u64, Parts>,
    /// Tasks that are polled while they wait for a lock: something else wakes them, too.
    woken: HashSet<u64>,
    /// Tasks that were suspended all the while, with one waker.
    still: HashSet<u64>,
}

/// A thread is blocked in a task's poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling {
    /// The task.
    pub task: Actor,
    /// Whether its wait can end in no other way than by those who hold what it waits for.
    pub certain: bool,
}

/// Somebody waits for a resource.
#[derive(Debug, Clone)]
pub struct Wait<'s> {
    /// Index into [`Graph::resources`].
    pub resource: usize,
    /// The wait.
    pub waiter: &'s Waiter,
    /// Who can end it, as far as that is known.
    pub blockers: Vec<Blocker<'s>>,
    /// Each of them alone can end it; otherwise all of them have to.
    pub any_ends: bool,
    /// Whether it can end in no other way.
    pub certain: bool,
}

/// One who can end a wait, or has to.
#[derive(Debug, Clone, Copy)]
pub struct Blocker<'s> {
    /// Who.
    pub actor: Actor,
    /// How.
    pub why: Why<'s>,
    /// Whether it is known to be this one, while all the other edges were there.
    pub certain: bool,
    /// Whether it is the one who waits, and goes on meanwhile with what else it does: it lets go by and by.
    pub goes_on: bool,
    /// Whether its guard may be sent where the lock lives for ever, and nothing says that this one does not: another one may have it.
    pub sendable: bool,
}

/// How somebody can end a wait.
#[derive(Debug, Clone, Copy)]
pub enum Why<'s> {
    /// By letting go.
    Holds(&'s Holder),
    /// By going first: it waits for the same, and came before.
    WaitsBefore(&'s Waiter),
    /// By receiving from a full channel.
    Receives,
    /// By sending.
    Sends,
}

impl Why<'_> {
    /// Whether both looks found it. Who is at a channel's end is not looked for.
    pub(super) fn is_confirmed(self) -> bool {
        match self {
            Self::Holds(holder) => holder.confirmed,
            Self::WaitsBefore(waiter) => waiter.confirmed,
            Self::Receives | Self::Sends => true,
        }
    }

    /// Whether the resource belongs to that one, so that nobody else can end the wait.
    pub fn is_ownership(self) -> bool {
        matches!(self, Self::Holds(_))
    }
}

impl<'s> Graph<'s> {
    /// The graph of a snapshot, whose stacks are named by `frames`, and its resources.
    pub fn new(frames: &Frames<'_>, snapshot: &'s Snapshot, resources: &'s [Resource]) -> Self {
        let resources: Vec<&Resource> = (resources.iter())
            .filter(|resource| resource.instances <= 1)
            .collect();
        // Suspended all the while that the snapshot was taken: its wakers are those that it had while it was seen waiting.
        let has_one_waker = |task: &Task| {
            task.state == TaskState::Waiting && task.state_ns > snapshot.took_ns && task.wakers <= 1
        };
        let (still, polled): (Vec<&Task>, Vec<&Task>) =
            (snapshot.tasks.tasks.iter()).partition(|task| has_one_waker(task));
        let still: HashSet<u64> = still.iter().map(|task| task.id).collect();
        let woken = (polled.iter())
            .filter(|task| {
                use TaskState::{Done, LostWaker, NoWaker};
                !matches!(task.state, LostWaker | NoWaker | Done)
            })
            .map(|task| task.id)
            .collect();
        let mut waits: BTreeMap<Actor, Vec<Wait<'s>>> = BTreeMap::new();
        let mut polls = BTreeMap::new();
        for (index, &resource) in resources.iter().enumerate() {
            for (at, waiter) in resource.waiters.iter().enumerate() {
                let Some(actor) = Actor::waiting(waiter, resource) else {
                    continue;
                };
                let may_be_woken = !still.contains(&waiter.party.task);
                let certain = wait::is_certain(resource, waiter, may_be_woken);
                let enders = wait::enders(resource, at, &woken, &still);
                waits.entry(actor).or_default().push(Wait {
                    resource: index,
                    waiter,
                    blockers: enders.blockers,
                    any_ends: enders.any_ends,
                    certain,
                });
                if !suspends(waiter, resource) && matches!(actor, Actor::Task(_)) {
                    let polling = Polling {
                        task: actor,
                        certain,
                    };
                    polls.insert(waiter.party.tid, polling);
                }
            }
        }
        Self {
            resources,
            waits,
            polls,
            parts: parts(frames, snapshot, &still),
            woken,
            still,
        }
    }

    /// Who can end the wait of a resource's waiter, by their places.
    pub(super) fn enders(&self, resource: usize, at: usize) -> Enders<'s> {
        wait::enders(self.resources[resource], at, &self.woken, &self.still)
    }

    /// What one waits for.
    pub fn waits_of(&self, actor: Actor) -> &[Wait<'s>] {
        self.waits.get(&actor).map_or(&[], Vec::as_slice)
    }

    /// What a task waits for that it is made of.
    pub fn parts_of(&self, actor: Actor) -> Option<&Parts> {
        match actor {
            Actor::Task(task) => self.parts.get(&task),
            Actor::Thread(_) => None,
        }
    }

    /// Whom one cannot go on without, with the wait; a thread that is blocked in a poll cannot without the task, and a task not without its parts.
    pub fn edges_of(&self, actor: Actor) -> Vec<(Option<&Wait<'s>>, Actor)> {
        let mut edges: Vec<_> = (self.waits_of(actor).iter())
            .flat_map(|wait| {
                let blockers = wait.blockers.iter().filter(|blocker| !blocker.goes_on);
                blockers.map(move |blocker| (Some(wait), blocker.actor))
            })
            .collect();
        if let Actor::Thread(tid) = actor
            && let Some(polling) = self.polls.get(&tid)
        {
            edges.push((None, polling.task));
        }
        let parts = self.parts_of(actor).into_iter();
        edges.extend(parts.flat_map(|parts| parts.of.iter().map(|&part| (None, part))));
        edges
    }

    /// Everybody who waits.
    pub fn waiting(&self) -> impl Iterator<Item = Actor> {
        let threads = self.polls.keys().map(|&tid| Actor::Thread(tid));
        let wholes = self.parts.keys().map(|&task| Actor::Task(task));
        let waits = self.waits.keys().copied();
        let all: HashSet<Actor> = waits.chain(threads).chain(wholes).collect();
        let mut all: Vec<Actor> = all.into_iter().collect();
        all.sort_unstable();
        all.into_iter()
    }
}
