//! Tasks that wait for what they are made of: futures of theirs that are tracked by themselves, and tasks that they spawned and await.
//!
//! No resource tells of such a wait. That a task is suspended with one waker says that one thing alone wakes it; the task's stack says whether that is another
//! task's end, and numbers and parents say whose. Which one of several it awaits is not known, so all of them would have to be stuck.

use super::actor::Actor;
use crate::view::Frames;
use hotpoll_profile::{Snapshot, Task, TaskState};
use std::collections::{BTreeMap, HashSet};

/// Numbers from here on are of futures that are no task of the runtime's: parts of one.
pub(super) const OWN: u64 = 1 << 48;

/// Frames in which a task awaits another one's end.
const JOINS: [&str; 2] = [
    "tokio::runtime::task::join::JoinHandle",
    "tokio::task::join_set::JoinSet",
];

/// What one task waits for, others of which it consists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// All that it may be.
    pub of: Vec<Actor>,
    /// Whether they are tasks that it spawned; else futures in it.
    pub spawned: bool,
}

/// Tasks that only their parts, or the tasks that they spawned, can wake. `still`: those that were suspended all the while, with one waker.
pub(super) fn parts(
    frames: &Frames<'_>,
    snapshot: &Snapshot,
    still: &HashSet<u64>,
) -> BTreeMap<u64, Parts> {
    let mut children: BTreeMap<u64, Vec<&Task>> = BTreeMap::new();
    for task in &snapshot.tasks.tasks {
        let lives = task.state != TaskState::Done;
        if lives && still.contains(&task.parent) && task.parent != task.id {
            children.entry(task.parent).or_default().push(task);
        }
    }
    let parents: BTreeMap<u64, &Task> = (snapshot.tasks.tasks.iter())
        .map(|task| (task.id, task))
        .collect();
    let listed_all = snapshot.tasks.folded_tasks == 0;
    let all = children.into_iter().filter_map(|(parent, children)| {
        let of = |nested: bool| -> Vec<Actor> {
            let chosen = children.iter().filter(|task| (task.id >= OWN) == nested);
            chosen.map(|task| Actor::Task(task.id)).collect()
        };
        // Its own waker is with the futures in it, if there are any.
        let (of, spawned) = match of(true) {
            nested if !nested.is_empty() => (nested, false),
            _ => (of(false), true),
        };
        let known = !spawned || listed_all && awaits_a_task(frames, parents.get(&parent)?);
        known.then_some((parent, Parts { of, spawned }))
    });
    all.collect()
}

fn awaits_a_task(frames: &Frames<'_>, task: &Task) -> bool {
    let mut stacks = task.waits.iter().flat_map(|wait| &wait.stack);
    stacks.any(|&location| {
        frames.at(location).iter().any(|at| {
            let name = &frames.get(at.frame).name;
            JOINS.iter().any(|join| name.contains(join))
        })
    })
}
