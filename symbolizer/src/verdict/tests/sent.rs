//! What is not certain because guards may be sent, and what is waited for that no resource tells of.

use super::super::fixture::{
    MS, S, Scene, async_mutex, holder, mutex, resource, semaphore, task, thread, waiter,
};
use super::super::problem::{Confidence, Problem, ProblemKind as Kind};
use super::super::{Names, names};
use crate::view::Frames;
use hotpoll_profile::{Library, Mode, Party, Resource, ResourceKind, Suspension, TaskState};

/// Two parties, each of which holds one mutex and waits for the other's.
fn inversion(
    one: Party,
    other: Party,
    of: fn(u64, Vec<hotpoll_profile::Holder>, Vec<hotpoll_profile::Waiter>) -> Resource,
) -> Vec<Resource> {
    vec![
        of(1, vec![holder(one, 3 * S)], vec![waiter(other, 3 * S)]),
        of(2, vec![holder(other, 3 * S)], vec![waiter(one, 3 * S)]),
    ]
}

fn only(problems: Vec<Problem>) -> Problem {
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.into_iter().next().unwrap()
}

fn says(problem: &Problem, words: &str) -> bool {
    problem.evidence.iter().any(|one| one.contains(words))
}

/// A task took a borrowed guard of a mutex that was leaked, and sent it to another one: nothing shows that. Found by review; it was called certain.
#[test]
fn guards_that_may_be_sent() {
    let of_tasks = inversion(task(1, 0), task(2, 0), async_mutex);
    let problem = only(
        Scene::new(1, of_tasks.clone())
            .task(1, 1)
            .task(2, 1)
            .problems(),
    );
    assert_eq!(
        (problem.kind, problem.confidence),
        (Kind::Deadlock, Confidence::Likely)
    );
    assert!(says(&problem, "may be sent"), "{problem:#?}");
    // Those of threads' locks may not.
    let of_threads = inversion(thread(0), thread(1), mutex);
    let problem = only(Scene::new(2, of_threads).problems());
    assert_eq!(
        (problem.kind, problem.confidence),
        (Kind::Deadlock, Confidence::Certain)
    );
    assert!(!says(&problem, "may be sent"), "{problem:#?}");
    // One that may be is enough.
    let mut mixed = inversion(thread(0), task(1, 1), mutex);
    mixed[1].library = Library::Tokio;
    mixed[1].waiters[0].by_thread = true;
    let problem = only(Scene::new(2, mixed).polls(1, 1, 3 * S).problems());
    assert_eq!(
        (problem.kind, problem.confidence),
        (Kind::Deadlock, Confidence::Likely)
    );
    // What only may be one has to last.
    let mut young = of_tasks;
    for one in &mut young {
        one.waiters[0].since_ns = 5 * MS;
        one.holders[0].since_ns = 5 * MS;
    }
    let young = Scene::new(1, young).task(1, 1).task(2, 1);
    young.check(&[]);
    // However little is asked for: the one who got it lets it go in time. Found by a storm that sends guards of leaked locks.
    assert_eq!(young.problems_older_than(MS), []);
}

/// One task waits for what it took: the one whom it sent the guard to had no processor for a second. Found by a storm on a machine at load 25.
#[test]
fn who_waits_for_what_it_has_sent_on() {
    let scene = |ns| {
        let held = vec![holder(task(1, 0), ns)];
        let lock = async_mutex(1, held, vec![waiter(task(1, 0), ns)]);
        Scene::new(1, vec![lock]).task(1, 1)
    };
    assert_eq!(scene(5 * MS).problems_older_than(MS), []);
    let problem = only(scene(3 * S).problems());
    assert_eq!(
        (problem.kind, problem.confidence),
        (Kind::PossibleDeadlock, Confidence::Possible)
    );
    assert!(says(&problem, "may be sent"), "{problem:#?}");
    let problem = only(scene(11 * S).problems());
    assert_eq!(
        (problem.kind, problem.confidence),
        (Kind::Deadlock, Confidence::Likely)
    );
    // A thread's guard stays with it.
    let held = vec![holder(thread(0), 5 * MS)];
    let lock = mutex(1, held, vec![waiter(thread(0), 5 * MS)]);
    let problem = only(Scene::new(1, vec![lock]).problems());
    assert_eq!(problem.confidence, Confidence::Certain);
}

/// Nor is it certain who holds one for long.
#[test]
fn a_long_hold_of_what_may_be_sent() {
    let held =
        |of: fn(u64, Vec<hotpoll_profile::Holder>, Vec<hotpoll_profile::Waiter>) -> Resource| {
            let resources = vec![of(
                1,
                vec![holder(task(1, 0), 3 * S)],
                vec![waiter(task(2, 0), 3 * S)],
            )];
            let problem = only(Scene::new(1, resources).task(1, 2).task(2, 1).problems());
            assert_eq!(problem.kind, Kind::LongHold);
            (problem.confidence, says(&problem, "may be sent"))
        };
    assert_eq!(held(async_mutex), (Confidence::Likely, true));
    assert_eq!(held(mutex), (Confidence::Certain, false));
}

/// Permits that others add one after the other are a signal. Permits that were there and are forgotten are missed.
#[test]
fn a_semaphore_as_a_signal() {
    let scene = |is_signal, total, held: u64| {
        let holders = (0..held).map(|_| holder(task(7, 0), 3 * S)).collect();
        let mut one = semaphore(1, total, holders, vec![waiter(task(1, 0), 3 * S)]);
        one.exclusive.acquired = 5;
        if let Some(permits) = &mut one.permits {
            permits.is_signal = is_signal;
        }
        one.waiters[0].amount = total + 1;
        Scene::new(1, vec![one]).task(1, 1).verdicts()
    };
    let signal = scene(true, 0, 0);
    assert_eq!((signal.problems, signal.idle), (vec![], 2));
    // So many workers are to come, and one has.
    assert_eq!(scene(true, 1, 0).problems, []);
    assert_eq!(
        only(scene(false, 0, 0).problems).kind,
        Kind::StarvedSemaphore
    );
    // They were added to be held.
    assert_eq!(
        only(scene(true, 2, 2).problems).kind,
        Kind::StarvedSemaphore
    );
}

/// The child of a task, or a future in it, waits for what the task holds while it awaits that child.
fn child(id: u64, parent: u64) -> Scene {
    let resources = vec![async_mutex(
        1,
        vec![holder(task(parent, 0), 3 * S)],
        vec![waiter(task(id, 0), 3 * S)],
    )];
    let mut scene = Scene::new(1, resources)
        .task(parent, 1)
        .task(id, 1)
        .no_other_tasks();
    scene.snapshot.tasks.tasks[1].parent = parent;
    scene
}

#[test]
fn a_future_in_a_task_waits_for_what_the_task_holds() {
    const NESTED: u64 = (1 << 48) + 3;
    let problem = only(child(NESTED, 1).problems());
    assert_eq!(
        (problem.kind, problem.confidence),
        (Kind::PossibleDeadlock, Confidence::Possible)
    );
    assert!(says(&problem, "a future in it"), "{problem:#?}");
    // Something else may wake the task, too.
    let mut woken = child(NESTED, 1);
    woken.snapshot.tasks.tasks[0].wakers = 2;
    assert_eq!(only(woken.problems()).kind, Kind::LongHold);
    // Another future in it goes on.
    let mut other = child(NESTED, 1).task(NESTED + 1, 1);
    other.snapshot.tasks.tasks[2].parent = 1;
    assert_eq!(only(other.problems()).kind, Kind::LongHold);
}

#[test]
fn a_task_waits_for_what_the_one_who_awaits_it_holds() {
    let awaits = |frame: &str| {
        let mut scene = child(2, 1);
        let stack = format!("{frame};shop::parent");
        let profile = crate::view::fixture::profile(&[(
            "t0",
            &stack.split(';').rev().collect::<Vec<_>>().join(";"),
            1,
        )]);
        let stack = profile.samples[0].stack.clone();
        scene.profile = profile;
        scene.snapshot.threads[0].stack = stack.clone();
        scene.snapshot.tasks.tasks[0].waits = vec![Suspension {
            stack,
            representative: true,
            ..Suspension::default()
        }];
        scene
    };
    const JOIN: &str =
        "<tokio::runtime::task::join::JoinHandle<T> as core::future::future::Future>::poll";
    let problem = only(awaits(JOIN).problems());
    assert_eq!(
        (problem.kind, problem.confidence),
        (Kind::PossibleDeadlock, Confidence::Possible)
    );
    assert!(says(&problem, "awaits the end of a task"), "{problem:#?}");
    assert!(says(&problem, "may await another task"), "{problem:#?}");
    let set = only(awaits("tokio::task::join_set::JoinSet<T>::poll_join_next").problems());
    assert_eq!(set.kind, Kind::PossibleDeadlock);
    // It awaits something else.
    assert_eq!(
        only(awaits("tokio::sync::notify::Notified::poll").problems()).kind,
        Kind::LongHold
    );
    // Another child goes on.
    let mut other = awaits(JOIN).task(3, 1);
    other.snapshot.tasks.tasks[2].parent = 1;
    assert_eq!(only(other.problems()).kind, Kind::LongHold);
    // Not all tasks are listed.
    let mut unlisted = awaits(JOIN);
    unlisted.snapshot.tasks.folded_tasks = 1;
    assert_eq!(only(unlisted.problems()).kind, Kind::LongHold);
}

/// A future of a set waits for what the task's own body holds, and the set alone can wake the task.
#[test]
fn a_future_of_a_set_waits_for_what_the_body_holds() {
    let scene = |wakers| {
        let mut resources = vec![async_mutex(
            1,
            vec![holder(task(1, 0), 3 * S)],
            vec![waiter(task(1, 0), 3 * S)],
        )];
        resources[0].waiters[0].in_set = true;
        Scene::new(1, resources).task(1, wakers)
    };
    let problem = only(scene(1).problems());
    assert_eq!(
        (problem.kind, problem.confidence),
        (Kind::PossibleDeadlock, Confidence::Possible)
    );
    assert!(says(&problem, "goes on with the others"), "{problem:#?}");
    scene(2).check(&[]);
    // Another future of the set sleeps: it is known to go on.
    let mut sleeps = scene(1);
    let mut timer = resource(
        2,
        ResourceKind::Timer,
        Library::Tokio,
        vec![],
        vec![waiter(task(1, 0), 2 * S)],
    );
    timer.waiters[0].in_set = true;
    sleeps.snapshot.resources.resources.push(timer);
    sleeps.check(&[]);
}

/// When a suspended task goes on by itself.
#[test]
fn a_task_that_sleeps_is_due() {
    let mut timer = resource(
        1,
        ResourceKind::Timer,
        Library::Tokio,
        vec![],
        vec![waiter(task(1, 0), 2 * S)],
    );
    timer.waiters[0].timed = true;
    timer.waiters[0].ends_in_ns = 4_200 * MS;
    let mut lock = async_mutex(2, vec![], vec![waiter(task(1, 0), 2 * S)]);
    lock.waiters[0].timed = true;
    let words = |wakers, state| {
        let mut scene = Scene::new(1, vec![timer.clone(), lock.clone()]).task(1, wakers);
        scene.snapshot.tasks.tasks[0].state = state;
        let frames = Frames::new(&scene.profile);
        Names::new(&frames, &scene.snapshot)
            .doing(super::super::Actor::Task(1))
            .words
    };
    assert_eq!(
        words(1, TaskState::Waiting),
        "suspended for 3.00 s, wakes in 4.20 s"
    );
    assert_eq!(
        words(2, TaskState::Waiting),
        "suspended for 3.00 s, wakes in 4.20 s at the latest"
    );
    assert!(!words(1, TaskState::Scheduled).contains("wakes"));
    let ends = |resource: &Resource| names::ends(&resource.waiters[0], resource);
    assert_eq!(ends(&timer), ", wakes in 4.20 s");
    assert_eq!(ends(&lock), ", with a time-out");
    lock.waiters[0].ends_in_ns = 300 * MS;
    assert_eq!(ends(&lock), ", gives up in 300 ms");
    lock.waiters[0].timed = false;
    lock.waiters[0].ends_in_ns = 0;
    assert_eq!(ends(&lock), "");
    assert_eq!(lock.waiters[0].mode, Mode::Exclusive);
}

/// The answer to a question is with a task that waits for what the asker holds.
#[test]
fn a_circle_through_a_sender_that_was_found() {
    let mut answer = resource(
        1,
        ResourceKind::Oneshot,
        Library::Tokio,
        vec![],
        vec![waiter(task(1, 0), 3 * S)],
    );
    answer.waiters[0].mode = Mode::Shared;
    answer.channel = Some(hotpoll_profile::Channel {
        capacity: Some(1),
        senders: 1,
        receivers: 1,
        sender: Some(task(2, 0)),
        sender_found: true,
        ..Default::default()
    });
    let lock = async_mutex(
        2,
        vec![holder(task(1, 0), 3 * S)],
        vec![waiter(task(2, 0), 3 * S)],
    );
    let scene = Scene::new(1, vec![answer, lock]).task(1, 1).task(2, 1);
    let problem = only(scene.problems());
    assert_eq!(
        (problem.kind, problem.confidence),
        (Kind::PossibleDeadlock, Confidence::Possible)
    );
    assert!(
        says(&problem, "was found in the memory of task #2"),
        "{problem:#?}"
    );
    assert!(
        says(&problem, "may have handed the sender on"),
        "{problem:#?}"
    );
}
