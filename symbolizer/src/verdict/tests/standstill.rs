//! Runtimes and workers that are blocked, and tasks that nobody wakes.

use super::super::fixture::{MS, S, Scene, holder, mutex, task, thread, waiter};
use super::super::problem::ProblemKind as Kind;
use hotpoll_profile::TaskState;

#[test]
fn a_blocked_runtime_and_why() {
    let resources = |waiters| vec![mutex(1, vec![holder(thread(2), 5 * S)], waiters)];
    let by_lock = Scene::new(
        3,
        resources(vec![waiter(task(1, 0), 4 * S), waiter(task(2, 1), 3 * S)]),
    )
    .polls(0, 1, 4 * S)
    .polls(1, 2, 3 * S)
    .blocked_runtime(&[0, 1])
    .check(&[(
        Kind::LongHold,
        "thread 102 (t2) holds mutex shop.rs:1, 2 wait",
    )]);
    let sentence = "all 2 workers of the runtime are blocked: none of its 7 tasks goes on";
    assert_eq!(by_lock[0].evidence.last().unwrap(), sentence);
    // Nothing known explains it.
    Scene::new(3, Vec::new())
        .polls(0, 1, 4 * S)
        .polls(1, 2, 3 * S)
        .blocked_runtime(&[0, 1])
        .check(&[(Kind::BlockedRuntime, sentence)]);
}

#[test]
fn a_blocked_worker_by_itself() {
    Scene::new(1, Vec::new()).polls(0, 1, 4 * S).check(&[(
        Kind::BlockedPoll,
        "task #1 (save) blocks thread 100 (t0) in its poll",
    )]);
    Scene::new(1, Vec::new()).polls(0, 1, 400 * MS).check(&[]);
}

#[test]
fn a_lost_waker() {
    let mut scene = Scene::new(0, Vec::new()).task(1, 0);
    scene.snapshot.tasks.tasks[0].state = TaskState::LostWaker;
    scene.snapshot.tasks.tasks[0].state_ns = 2 * MS;
    scene.check(&[(
        Kind::LostWaker,
        "task #1 (save) waits to be woken, and nobody holds its waker any more",
    )]);
}
