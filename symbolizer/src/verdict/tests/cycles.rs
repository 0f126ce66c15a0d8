//! Who waits for whom in a circle, and what only looks like it.

use super::super::Actor;
use super::super::fixture::{
    MS, S, Scene, async_mutex, channel, holder, mutex, resource, task, thread, waiter,
};
use super::super::problem::{Confidence, ProblemKind as Kind};
use super::read;
use hotpoll_profile::{Channel, Library, Mode, Resource, ResourceKind, State};

fn two_threads() -> Vec<Resource> {
    vec![
        mutex(
            1,
            vec![holder(thread(0), 3 * S)],
            vec![waiter(thread(1), 3 * S)],
        ),
        mutex(
            2,
            vec![holder(thread(1), 2 * S)],
            vec![waiter(thread(0), 2 * S)],
        ),
    ]
}

#[test]
fn two_threads_with_two_locks() {
    let problems = Scene::new(2, two_threads()).check(&[(
        Kind::Deadlock,
        "thread 100 (t0) and thread 101 (t1) wait for each other",
    )]);
    let deadlock = &problems[0];
    assert_eq!(deadlock.confidence, Confidence::Certain);
    // It is as old as the edge that closed it.
    assert_eq!(deadlock.age_ns, 2 * S);
    assert_eq!(
        deadlock.evidence,
        [
            "thread 100 (t0) waits for mutex shop.rs:2 at shop.rs:22, for 2.00 s; thread 101 (t1) took it at shop.rs:11 (held for at least 2.00 s, since the first waiter came)",
            "thread 101 (t1) waits for mutex shop.rs:1 at shop.rs:22, for 3.00 s; thread 100 (t0) took it at shop.rs:11 (held for at least 3.00 s, since the first waiter came)",
            "two looks found every edge, the second begun after the first had ended: all were there at one time",
        ]
    );
}

/// What makes a cycle a mere possibility.
#[test]
fn doubts() {
    let check = |change: fn(&mut Vec<Resource>), confidence: Confidence| {
        let mut resources = two_threads();
        change(&mut resources);
        let problems = Scene::new(2, resources).problems();
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert_eq!(
            (problems[0].kind, problems[0].confidence),
            (Kind::PossibleDeadlock, confidence)
        );
    };
    check(|all| all[0].waiters[0].timed = true, Confidence::Possible);
    check(|all| all[1].holders[0].movable = true, Confidence::Possible);
    check(
        |all| all[0].kind = ResourceKind::Semaphore,
        Confidence::Likely,
    );
}

/// What one of two looks alone found makes no circle: the word deadlock is not used, not even for a possible one.
#[test]
fn edges_that_one_look_found() {
    let changes: [fn(&mut Vec<Resource>); 2] = [
        |all| all[0].waiters[0].confirmed = false,
        |all| all[1].holders[0].confirmed = false,
    ];
    for change in changes {
        let mut resources = two_threads();
        change(&mut resources);
        let kinds = super::kinds_of(&Scene::new(2, resources));
        assert!(
            !kinds.contains(&Kind::Deadlock) && !kinds.contains(&Kind::PossibleDeadlock),
            "{kinds:?}"
        );
    }
}

/// A young cycle is a deadlock all the same; one that may end by itself is nothing yet.
#[test]
fn young_cycles() {
    let mut resources = two_threads();
    for one in &mut resources {
        one.waiters[0].since_ns = 5 * MS;
        one.holders[0].since_ns = 5 * MS;
    }
    let headline = "thread 100 (t0) and thread 101 (t1) wait for each other";
    Scene::new(2, resources.clone()).check(&[(Kind::Deadlock, headline)]);
    resources[0].waiters[0].timed = true;
    Scene::new(2, resources).check(&[]);
}

#[test]
fn who_holds_what_it_waits_for() {
    Scene::new(
        1,
        vec![mutex(
            1,
            vec![holder(thread(0), S)],
            vec![waiter(thread(0), S)],
        )],
    )
    .check(&[(
        Kind::Deadlock,
        "thread 100 (t0) waits for what it holds itself",
    )]);
}

#[test]
fn tasks_in_a_circle_and_those_behind() {
    let resources = vec![
        async_mutex(
            1,
            vec![holder(task(1, 0), 3 * S)],
            vec![waiter(task(3, 0), 3 * S), waiter(task(4, 0), 2 * S)],
        ),
        async_mutex(
            2,
            vec![holder(task(2, 0), 3 * S)],
            vec![waiter(task(1, 0), 3 * S)],
        ),
        async_mutex(
            3,
            vec![holder(task(3, 0), 3 * S)],
            vec![waiter(task(2, 0), 3 * S)],
        ),
        // Somebody who is behind the one behind.
        async_mutex(
            4,
            vec![holder(task(4, 0), 3 * S)],
            vec![waiter(task(5, 0), S)],
        ),
    ];
    let scene = (1..=5).fold(Scene::new(1, resources), |scene, id| scene.task(id, 1));
    let problems = scene.check(&[(
        Kind::Deadlock,
        "task #1 (save), task #2 (save), task #3 (save) wait for each other in a circle",
    )]);
    let behind: Vec<_> = (problems[0].victims.iter())
        .map(|victim| victim.actor)
        .collect();
    assert_eq!(behind, [Some(Actor::Task(4)), Some(Actor::Task(5))]);
}

/// What tokio's locks know of untracked tasks is the worker that polled them. Two tasks of one worker are not one.
#[test]
fn untracked_tasks_are_nobody() {
    let resources = vec![async_mutex(
        1,
        vec![holder(thread(0), 3 * S)],
        vec![waiter(thread(0), 3 * S)],
    )];
    let problems = Scene::new(1, resources).check(&[(
        Kind::LongHold,
        "a task that is not tracked (seen on thread 100 (t0)) holds mutex shop.rs:1, one waits",
    )]);
    assert_eq!(problems[0].confidence, Confidence::Likely);
}

/// A thread took a lock, and a task that it polls blocks on another's.
#[test]
fn a_thread_and_the_task_that_it_polls() {
    let resources = vec![
        mutex(
            1,
            vec![holder(thread(0), 3 * S)],
            vec![waiter(thread(1), 3 * S)],
        ),
        mutex(
            2,
            vec![holder(thread(1), 3 * S)],
            vec![waiter(task(9, 0), 3 * S)],
        ),
    ];
    Scene::new(2, resources).polls(0, 9, 3 * S).check(&[(
        Kind::Deadlock,
        "task #9 (save), thread 101 (t1), thread 100 (t0) wait for each other in a circle",
    )]);
}

/// A thread is in `blocking_lock` of a lock of tokio's that a task holds, and the task blocks on a lock of the thread's.
#[test]
fn a_thread_that_blocks_for_a_task() {
    let mut of_tokio = async_mutex(
        1,
        vec![holder(task(9, 1), 3 * S)],
        vec![waiter(thread(0), 3 * S)],
    );
    of_tokio.waiters[0].by_thread = true;
    let of_thread = mutex(
        2,
        vec![holder(thread(0), 3 * S)],
        vec![waiter(task(9, 1), 3 * S)],
    );
    let mut scene = Scene::new(2, vec![of_tokio, of_thread]).polls(1, 9, 3 * S);
    // It is parked in tokio's own wait, which looks like a lock that nobody wrapped.
    let park = "shop::main;shop::save;std::sys::sync::mutex::futex::Mutex::lock_contended;syscall";
    let profile = crate::view::fixture::profile(&[("t0", park, 1), ("t1", "shop::main", 1)]);
    for (now, sample) in scene.snapshot.threads.iter_mut().zip(&profile.samples) {
        now.stack.clone_from(&sample.stack);
    }
    scene.snapshot.threads[0].state = State::Lock;
    scene.profile = profile;
    scene.check(&[(
        Kind::Deadlock,
        "task #9 (save) and thread 100 (t0) wait for each other",
    )]);
}

/// Readers do not wait for readers; but one that stands behind a writer that waits for it does.
#[test]
fn reading_twice_around_a_writer() {
    let rwlock = |waiters| {
        let mut holder = holder(thread(0), 3 * S);
        holder.mode = Mode::Shared;
        vec![resource(
            1,
            ResourceKind::RwLock,
            Library::Std,
            vec![holder],
            waiters,
        )]
    };
    Scene::new(
        2,
        rwlock(vec![
            waiter(thread(1), 3 * S),
            read(waiter(thread(0), 2 * S)),
        ]),
    )
    .check(&[(
        Kind::Deadlock,
        "thread 100 (t0) and thread 101 (t1) wait for each other",
    )]);
    // A reader that came before the writer merely has not been let in yet.
    Scene::new(
        2,
        rwlock(vec![
            read(waiter(thread(0), 20 * MS)),
            waiter(thread(1), 10 * MS),
        ]),
    )
    .check(&[]);
}

/// The receiver of a full channel waits for a lock that the sender holds.
#[test]
fn a_lock_and_a_channel() {
    let state = Channel {
        capacity: Some(1),
        length: 1,
        senders: 1,
        receivers: 1,
        receiver: Some(task(2, 0)),
        ..Channel::default()
    };
    let resources = vec![
        channel(1, state, vec![waiter(task(1, 0), 2 * S)]),
        async_mutex(
            2,
            vec![holder(task(1, 0), 2 * S)],
            vec![waiter(task(2, 0), 2 * S)],
        ),
    ];
    let problems = Scene::new(1, resources).task(1, 1).task(2, 1).check(&[(
        Kind::PossibleDeadlock,
        "task #1 (save) and task #2 (save) wait for each other",
    )]);
    assert_eq!(problems[0].confidence, Confidence::Likely);
}
