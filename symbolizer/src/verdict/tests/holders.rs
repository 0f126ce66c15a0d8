//! Who holds up others: one that goes on, one that is gone, one that nobody wrapped.

use super::super::Actor;
use super::super::fixture::{
    MS, S, Scene, async_mutex, holder, mutex, resource, semaphore, task, thread, waiter,
};
use super::super::problem::{Confidence, ProblemKind as Kind};
use super::kinds_of;
use hotpoll_profile::{Library, Mode, Resource, ResourceKind, Since, State, TaskState};

/// One holder blocks three, one of whom blocks another two: one problem.
#[test]
fn one_owner_is_one_problem() {
    let resources = vec![
        mutex(
            1,
            vec![holder(thread(0), 5 * S)],
            vec![
                waiter(thread(1), 4 * S),
                waiter(thread(2), 3 * S),
                waiter(thread(3), 10 * MS),
            ],
        ),
        mutex(
            2,
            vec![holder(thread(1), 4 * S)],
            vec![waiter(thread(4), 2 * S), waiter(thread(5), S)],
        ),
    ];
    let problems = Scene::new(6, resources).check(&[(
        Kind::LongHold,
        "thread 100 (t0) holds mutex shop.rs:1, 5 wait",
    )]);
    let problem = &problems[0];
    assert_eq!(
        (problem.age_ns, problem.confidence),
        (4 * S, Confidence::Certain)
    );
    let owner = problem.owner.as_ref().unwrap();
    assert_eq!(owner.actor, Some(Actor::Thread(100)));
    assert_eq!(
        owner.doing,
        "waiting for 3.00 s in shop::work0 → std::fs::write"
    );
    assert_eq!(problem.victims[0].who, "thread 101 (t1)");
    assert!(
        problem
            .evidence
            .contains(&"2 more wait for those who wait for it".to_owned()),
        "{:?}",
        problem.evidence
    );
}

/// The one who has read longest was told of as if all hung on it.
#[test]
fn a_writer_waits_for_all_readers() {
    let readers = (0..3).map(|number| {
        let mut reader = holder(thread(number), (9 - u64::from(number)) * S);
        reader.mode = Mode::Shared;
        reader
    });
    let lock = resource(
        1,
        ResourceKind::RwLock,
        Library::ParkingLot,
        readers.collect(),
        vec![waiter(thread(3), 4 * S)],
    );
    let problems = Scene::new(4, vec![lock]).check(&[(
        Kind::LongHold,
        "thread 100 (t0) holds rwlock shop.rs:1, one waits",
    )]);
    let told = "2 more hold it, too: all of them have to let go".to_owned();
    assert!(problems[0].evidence.contains(&told), "{problems:#?}");
}

/// It was told to be blocked in what it did before it took the lock: in that very lock, mostly.
#[test]
fn what_a_holder_does_is_of_no_look_before_it_took_it() {
    let mut resource = mutex(
        1,
        vec![holder(thread(0), 50 * MS)],
        vec![waiter(thread(1), 5 * S)],
    );
    resource.holders[0].since = Since::Exact;
    let problems = Scene::new(2, vec![resource]).check(&[(
        Kind::StarvedWaiter,
        "one waits for mutex shop.rs:1, which others take before",
    )]);
    let owner = problems[0].owner.as_ref().unwrap();
    assert_eq!(owner.actor, Some(Actor::Thread(100)));
    assert!(owner.doing.starts_with("elsewhere by now"), "{owner:?}");
    assert_eq!(owner.stack, []);
}

#[test]
fn a_holder_that_is_gone() {
    let gone = hotpoll_profile::Party {
        tid: 999,
        ..Default::default()
    };
    Scene::new(
        1,
        vec![mutex(
            1,
            vec![holder(gone, 5 * S)],
            vec![waiter(thread(0), 5 * S)],
        )],
    )
    .check(&[(
        Kind::LeakedGuard,
        "thread 999 took mutex shop.rs:1 and has ended without giving it back, one waits",
    )]);
}

/// A thread that the hooks saw end, with a number or without; another thread may have that by now.
#[test]
fn a_thread_that_ended_with_a_lock() {
    let scene = |party| {
        let mut resource = mutex(
            1,
            vec![holder(party, 5 * S)],
            vec![waiter(thread(1), 5 * S)],
        );
        resource.holders[0].gone = true;
        Scene::new(2, vec![resource])
    };
    let nameless = scene(hotpoll_profile::Party::default()).check(&[(
        Kind::LeakedGuard,
        "a thread took mutex shop.rs:1 and has ended without giving it back, one waits",
    )]);
    assert_eq!(nameless[0].confidence, Confidence::Certain);
    scene(thread(0)).check(&[(
        Kind::LeakedGuard,
        "thread 100 took mutex shop.rs:1 and has ended without giving it back, one waits",
    )]);
}

#[test]
fn a_task_that_ended_with_a_lock_or_a_permit() {
    let check = |resource: &Resource, kind, headline| {
        let problems = Scene::new(1, vec![resource.clone()])
            .task(2, 1)
            .no_other_tasks()
            .check(&[(kind, headline)]);
        assert_eq!(problems[0].confidence, Confidence::Likely);
        // One that is merely not listed may live.
        let others = Scene::new(1, vec![resource.clone()]).task(2, 1);
        assert_ne!(kinds_of(&others), [Kind::LeakedGuard]);
    };
    let (holders, waiters) = (
        vec![holder(task(1, 0), 5 * S)],
        vec![waiter(task(2, 0), 5 * S)],
    );
    let mut lock = async_mutex(1, holders.clone(), waiters.clone());
    check(
        &lock,
        Kind::LeakedGuard,
        "task #1 (save) took mutex shop.rs:1 and has ended without giving it back, one waits",
    );
    let mut permits = semaphore(2, 1, holders, waiters);
    check(
        &permits,
        Kind::LeakedGuard,
        "task #1 (save) took semaphore shop.rs:2 and has ended without giving it back, one waits",
    );
    // While somebody holds others who lives, they may come back.
    permits.holders.push(holder(task(2, 0), 2 * S));
    assert_eq!(
        kinds_of(&Scene::new(1, vec![permits]).task(2, 1).no_other_tasks()),
        [Kind::StarvedSemaphore]
    );
    // A guard that could be sent on. By one who lives, too: it is not known who has it. Found by review.
    lock.holders[0].movable = true;
    let problems = Scene::new(1, vec![lock.clone()])
        .task(1, 2)
        .task(2, 1)
        .check(&[(
            Kind::LongHold,
            "task #1 (save) took mutex shop.rs:1, and has it or has handed it on, one waits",
        )]);
    assert_eq!(problems[0].confidence, Confidence::Likely);
    check(
        &lock,
        Kind::LongHold,
        "task #1 (save) took mutex shop.rs:1 and has ended, and it is held still, one waits",
    );
}

/// Threads at one address wait for one lock; of parking_lot's the place is all that is known.
#[test]
fn locks_that_nobody_wrapped() {
    let scene = |function: &str, addresses: [u64; 3]| {
        let stack = format!("shop::main;shop::load;{function};syscall");
        let profile =
            crate::view::fixture::profile(&[("a", &stack, 1), ("b", &stack, 1), ("c", &stack, 1)]);
        let mut scene = Scene::new(3, Vec::new());
        for (now, at) in scene.snapshot.threads.iter_mut().zip(addresses) {
            now.stack = profile.samples[0].stack.clone();
            now.state = State::Lock;
            now.waits_at = at;
        }
        scene.profile = profile;
        let problems = scene.problems();
        assert!(
            problems.iter().all(|one| one.kind == Kind::InferredLock),
            "{problems:#?}"
        );
        problems
            .iter()
            .map(|one| one.victims.len())
            .collect::<Vec<_>>()
    };
    let std = "std::sys::sync::mutex::futex::Mutex::lock_contended";
    assert_eq!(scene(std, [0x10, 0x20, 0x10]), [2, 1]);
    assert_eq!(
        scene(
            "parking_lot::raw_mutex::RawMutex::lock_slow",
            [0x10, 0x20, 0x30]
        ),
        [3]
    );
    // Waiting for work is waiting for no lock.
    assert!(scene("std::thread::park", [0x10, 0x20, 0x30]).is_empty());
}

/// A runtime of one thread, which has left it with tasks that wait: that nobody polls was told, and not why.
#[test]
fn a_task_of_a_runtime_that_nobody_drives() {
    let mut scene = Scene::new(1, Vec::new()).task(1, 1).blocked_runtime(&[0]);
    let tasks = &mut scene.snapshot.tasks;
    tasks.runtimes[0].blocked = false;
    tasks.long_poll_ns = 10 * MS;
    tasks.tasks[0].state = TaskState::Scheduled;
    tasks.tasks[0].state_ns = 2 * S;
    let problems = scene.check(&[(
        Kind::NotPolled,
        "task #1 (save) was woken, and no thread polls it",
    )]);
    let told = "thread 100 (t0), the only one of a runtime, is outside of it (waiting for 3.00 s in shop::work0 → std::fs::write): nobody drives that runtime meanwhile";
    assert!(
        problems[0].evidence.contains(&told.to_owned()),
        "{problems:#?}"
    );
}
