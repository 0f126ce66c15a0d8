//! Each verdict, and what looks like one and is none, on snapshots made by hand.

use super::Actor;
use super::fixture::{
    MS, S, Scene, async_mutex, channel, holder, mutex, resource, semaphore, site, task, thread,
    waiter,
};
use super::problem::{Confidence, ProblemKind as Kind};
use hotpoll_profile::{
    Channel, Closed, Histogram, Library, Mode, Resource, ResourceKind, Since, State, TaskState,
    Uses, Waiter,
};

fn read(one: Waiter) -> Waiter {
    Waiter {
        mode: Mode::Shared,
        ..one
    }
}

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
    check(
        |all| all[0].waiters[0].confirmed = false,
        Confidence::Possible,
    );
    check(
        |all| all[1].holders[0].confirmed = false,
        Confidence::Possible,
    );
    check(|all| all[1].holders[0].movable = true, Confidence::Likely);
    check(
        |all| all[0].kind = ResourceKind::Semaphore,
        Confidence::Likely,
    );
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

/// A task that something else may wake is in a select, or has a time-out.
#[test]
fn a_task_with_two_wakers_is_not_lost() {
    let resources = vec![
        async_mutex(
            1,
            vec![holder(task(1, 0), 3 * S)],
            vec![waiter(task(2, 0), 3 * S)],
        ),
        async_mutex(
            2,
            vec![holder(task(2, 0), 3 * S)],
            vec![waiter(task(1, 0), 3 * S)],
        ),
    ];
    let kind = |wakers| {
        Scene::new(1, resources.clone())
            .task(1, 1)
            .task(2, wakers)
            .problems()[0]
            .kind
    };
    assert_eq!(kind(1), Kind::Deadlock);
    assert_eq!(kind(2), Kind::PossibleDeadlock);
    // Nor is one of which nothing is known.
    let unknown = Scene::new(1, resources.clone()).task(1, 1).problems();
    assert_eq!(unknown[0].kind, Kind::PossibleDeadlock);
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
    // A guard that could be sent on.
    lock.holders[0].movable = true;
    check(
        &lock,
        Kind::LongHold,
        "task #1 (save) took mutex shop.rs:1 and has ended, and it is held still, one waits",
    );
}

#[test]
fn a_full_channel_and_its_receiver() {
    let of = |length, last_received_ns| {
        let state = Channel {
            capacity: Some(16),
            length,
            sent: 16,
            senders: 1,
            receivers: 1,
            last_received_ns,
            receiver: Some(task(2, 0)),
            ..Channel::default()
        };
        Scene::new(1, vec![channel(1, state, vec![waiter(task(1, 0), 2 * S)])])
            .task(1, 1)
            .task(2, 1)
    };
    let problems = of(16, 3 * S).check(&[(
        Kind::FullChannel,
        "mpsc channel shop.rs:1 is full: task #2 (save) does not receive, one waits to send",
    )]);
    assert!(problems[0].evidence.contains(&"16/16 are in it".to_owned()));
    assert!(
        problems[0]
            .evidence
            .contains(&"the last one was received 3.00 s ago".to_owned())
    );
    // Never received is stalled, too; received just now is what a bound is for.
    assert_eq!(of(16, 0).problems().len(), 1);
    of(16, 30 * MS).check(&[]);
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

#[test]
fn a_semaphore_that_nobody_lets_go() {
    let held = |since_ns, since| hotpoll_profile::Holder {
        since_ns,
        since,
        ..holder(task(1, 0), 0)
    };
    let scene = |holders| {
        Scene::new(
            1,
            vec![semaphore(1, 1, holders, vec![waiter(task(2, 0), 2 * S)])],
        )
        .task(1, 1)
        .task(2, 1)
    };
    let problems = scene(vec![held(5 * S, Since::Exact)]).check(&[(
        Kind::StarvedSemaphore,
        "one waits for permits of semaphore shop.rs:1, all of them held",
    )]);
    assert_eq!(problems[0].owner.as_ref().unwrap().who, "task #1 (save)");
    assert!(
        problems[0]
            .evidence
            .contains(&"0 of 1 permits are free; 1 wanted".to_owned())
    );
}

/// Permits that were forgotten are held by nobody.
#[test]
fn a_semaphore_without_permits() {
    let check = |total, acquired, amount, headline| {
        let mut one = waiter(task(2, 0), 2 * S);
        one.amount = amount;
        let mut resource = semaphore(1, total, Vec::new(), vec![one]);
        resource.exclusive.acquired = acquired;
        let problems = Scene::new(1, vec![resource])
            .task(2, 1)
            .check(&[(Kind::StarvedSemaphore, headline)]);
        let evidence = &problems[0].evidence;
        assert!(
            !evidence.iter().any(|one| one.contains("the others")),
            "{evidence:?}"
        );
    };
    let forgotten = "one waits for permits of semaphore shop.rs:1, all of them forgotten";
    check(0, 1, 1, forgotten);
    let none = "one waits for permits of semaphore shop.rs:1, which has none yet";
    check(0, 0, 1, none);
    let few = "one waits for permits of semaphore shop.rs:1, 3 wanted of 2 there are";
    check(2, 1, 3, few);
}

/// Its permits come back when any of the holders lets go: both have to be stuck.
#[test]
fn a_semaphore_is_stuck_when_all_holders_are() {
    let scene = |second: u64| {
        let resources = vec![
            semaphore(
                1,
                2,
                vec![holder(task(1, 0), 3 * S), holder(task(second, 0), 3 * S)],
                vec![waiter(task(3, 0), 3 * S)],
            ),
            async_mutex(
                2,
                vec![holder(task(3, 0), 3 * S)],
                vec![waiter(task(1, 0), 3 * S), waiter(task(2, 0), 3 * S)],
            ),
        ];
        (1..=4)
            .fold(Scene::new(1, resources), |scene, id| scene.task(id, 1))
            .problems()[0]
            .kind
    };
    assert_eq!(scene(2), Kind::PossibleDeadlock);
    assert_eq!(scene(4), Kind::StarvedSemaphore);
}

fn readers_come_and_go() -> Resource {
    let reader = hotpoll_profile::Holder {
        mode: Mode::Shared,
        since: Since::Exact,
        ..holder(thread(0), 20 * MS)
    };
    Resource {
        shared: Uses {
            acquired: 5_000,
            ..Uses::default()
        },
        ..resource(
            1,
            ResourceKind::RwLock,
            Library::ParkingLot,
            vec![reader],
            vec![waiter(thread(1), 3 * S)],
        )
    }
}

#[test]
fn readers_pass_a_writer() {
    Scene::new(2, vec![readers_come_and_go()]).check(&[(
        Kind::WriterStarvation,
        "one waits to write under rwlock shop.rs:1, and readers come before",
    )]);
    // A reader that has been there since before is who holds it.
    let mut long = readers_come_and_go();
    long.holders[0].since_ns = 4 * S;
    assert_eq!(Scene::new(2, vec![long]).problems()[0].kind, Kind::LongHold);
}

#[test]
fn a_queue_that_never_ends() {
    let mut busy = mutex(
        1,
        vec![holder(thread(0), MS)],
        (1..4)
            .map(|n| waiter(thread(n), u64::from(n) * MS))
            .collect(),
    );
    busy.exclusive = Uses {
        acquired: 1_000,
        contended: 990,
        wait_ns: 30 * S,
        ..Uses::default()
    };
    busy.age_ns = 12 * S;
    let headline = "3 wait for mutex shop.rs:1, and so do most who come";
    let convoy = [(Kind::LockConvoy, headline)];
    let problems = Scene::new(4, vec![busy.clone()]).check(&convoy);
    assert_eq!(problems[0].age_ns, 12 * S);
    assert_eq!(
        problems[0].evidence.last().unwrap(),
        "since it was made, 12.0 s ago, 2.5 waited for it on average (fewer than 2 are no problem, unless one waits for 1.00 s)"
    );
    // A queue of moments that costs little, and one at a lock that has only just been made.
    busy.age_ns = 60 * S;
    Scene::new(4, vec![busy.clone()]).check(&[]);
    (busy.age_ns, busy.exclusive.wait_ns) = (10 * MS, 30 * MS);
    Scene::new(4, vec![busy.clone()]).check(&[]);
    // Whoever waits for long beside holders that are not known to have come later has a problem of its own; one whom others pass has it, too.
    let mut passed = busy.clone();
    passed.age_ns = 60 * S;
    passed.waiters[2].since_ns = 3 * S;
    assert_eq!(Scene::new(4, vec![passed]).problems().len(), 1);
    // Three in a queue once are none.
    busy.exclusive.contended = 20;
    Scene::new(4, vec![busy]).check(&[]);
}

fn oneshot(waits_ns: u64, answered: u64, closed: Option<Closed>) -> Scene {
    let mut wait = Histogram::default();
    (0..answered).for_each(|_| wait.record(5 * MS));
    let state = Channel {
        capacity: Some(1),
        senders: 1,
        receivers: 1,
        closed,
        ..Channel::default()
    };
    let lost = Resource {
        kind: ResourceKind::Oneshot,
        site: site(7),
        ..channel(1, state, vec![read(waiter(task(1, 0), waits_ns))])
    };
    let others = Resource {
        id: 2,
        instances: answered,
        waiters: Vec::new(),
        channel: None,
        shared: Uses {
            acquired: answered,
            wait,
            ..Uses::default()
        },
        ..lost.clone()
    };
    Scene::new(1, vec![lost, others]).task(1, 1)
}

#[test]
fn a_sender_that_is_lost() {
    let problems = oneshot(3 * S, 40, None).check(&[(
        Kind::LostSender,
        "task #1 (save) waits for a value from oneshot channel shop.rs:7, and the sender does not send",
    )]);
    assert_eq!(problems[0].confidence, Confidence::Likely);
    // The only one of its site: a signal to shut down, say. One that has not waited much longer than others. One that is closed: it is about to go on.
    oneshot(3 * S, 0, None).check(&[]);
    oneshot(40 * MS, 40, None).check(&[]);
    oneshot(3 * S, 40, Some(Closed::SendersGone)).check(&[]);
}

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

/// Nothing of this is a problem, however long it lasts.
#[test]
fn benign_idling() {
    let hour = 3_600 * S;
    let idle = |senders, sender| Channel {
        capacity: Some(16),
        senders,
        receivers: 1,
        sender,
        receiver: Some(task(1, 0)),
        ..Channel::default()
    };
    let resources = vec![
        // A receiver whose senders are merely quiet; two that wait for each other's next message.
        channel(1, idle(3, None), vec![read(waiter(task(1, 0), hour))]),
        channel(
            2,
            idle(1, Some(task(3, 0))),
            vec![read(waiter(task(2, 0), hour))],
        ),
        channel(
            3,
            idle(1, Some(task(2, 0))),
            vec![read(waiter(task(3, 0), hour))],
        ),
        // Conditions, notifications, times.
        resource(
            4,
            ResourceKind::Condvar,
            Library::ParkingLot,
            Vec::new(),
            vec![waiter(thread(0), hour)],
        ),
        resource(
            5,
            ResourceKind::Notify,
            Library::Tokio,
            Vec::new(),
            vec![waiter(task(4, 0), hour)],
        ),
        resource(
            6,
            ResourceKind::Timer,
            Library::Tokio,
            Vec::new(),
            vec![waiter(task(5, 0), hour)],
        ),
        // A lock that is held for an hour, and nobody minds.
        mutex(7, vec![holder(thread(1), hour)], Vec::new()),
        // One that is waited for, for a moment.
        mutex(
            8,
            vec![holder(thread(1), hour)],
            vec![waiter(thread(2), 10 * MS)],
        ),
    ];
    let scene = (1..=5).fold(Scene::new(3, resources), |scene, id| scene.task(id, 1));
    let verdicts = scene.verdicts();
    assert_eq!(verdicts.problems, []);
    // All but the one that waits for the lock.
    assert_eq!((verdicts.idle, verdicts.external), (7, 0));
}

/// The tasks are not seen at the same moment as the locks. Who was polled meanwhile may have had one waker in another wait; found by the storm of cli/tests/stuck.
#[test]
fn a_task_that_was_polled_meanwhile() {
    let resources = vec![async_mutex(
        1,
        vec![holder(task(1, 0), S)],
        vec![waiter(task(1, 0), S)],
    )];
    let kinds = |state_ns, took_ns| {
        let mut scene = Scene::new(1, resources.clone()).task(1, 1);
        scene.snapshot.tasks.tasks[0].state_ns = state_ns;
        scene.snapshot.took_ns = took_ns;
        kinds_of(&scene)
    };
    assert_eq!(kinds(S, 2 * MS), [Kind::Deadlock]);
    assert_eq!(kinds(MS, 2 * MS), []);
    // Of one that is not listed nothing is known.
    let unknown = Scene::new(1, resources.clone());
    assert_eq!(kinds_of(&unknown), [Kind::PossibleDeadlock]);
}

fn kinds_of(scene: &Scene) -> Vec<Kind> {
    scene.problems().iter().map(|one| one.kind).collect()
}

/// One branch of a join sleeps with a lock that the other one waits for: the sleep wakes the task.
#[test]
fn who_holds_what_it_waits_for_and_is_woken_otherwise() {
    let one = |waiters| vec![async_mutex(1, vec![holder(task(1, 0), 3 * S)], waiters)];
    let alone = one(vec![waiter(task(1, 0), 3 * S)]);
    Scene::new(1, alone.clone()).task(1, 2).check(&[]);
    assert_eq!(kinds_of(&Scene::new(1, alone).task(1, 1)), [Kind::Deadlock]);
    // Somebody else waits for it, too: it is held for long.
    let with_others = one(vec![waiter(task(1, 0), 3 * S), waiter(task(2, 0), 2 * S)]);
    Scene::new(1, with_others).task(1, 2).task(2, 1).check(&[(
        Kind::LongHold,
        "task #1 (save) holds mutex shop.rs:1, one waits",
    )]);
    // A permit that it holds itself comes back; that of another one who is dead does not.
    let permits = semaphore(
        1,
        2,
        vec![holder(task(1, 0), 3 * S), holder(task(2, 0), 3 * S)],
        vec![waiter(task(1, 0), 3 * S)],
    );
    let behind = async_mutex(
        2,
        vec![holder(task(1, 0), 3 * S)],
        vec![waiter(task(2, 0), 3 * S)],
    );
    let scene = Scene::new(1, vec![permits, behind]).task(1, 2).task(2, 1);
    assert!(!kinds_of(&scene).contains(&Kind::PossibleDeadlock));
}

/// Children of a set of futures share their task's number, and one goes on while another one waits; the set has one waker for all of them.
#[test]
fn futures_of_a_set() {
    let set = |wait_in_set, hold_in_set| {
        let mut resources = vec![async_mutex(
            1,
            vec![holder(task(1, 0), 3 * S)],
            vec![waiter(task(1, 0), 3 * S)],
        )];
        resources[0].waiters[0].in_set = wait_in_set;
        resources[0].holders[0].in_set = hold_in_set;
        kinds_of(&Scene::new(1, resources).task(1, 1))
    };
    assert_eq!(set(true, true), []);
    // The body holds it, and awaits the set.
    assert_eq!(set(true, false), [Kind::PossibleDeadlock]);
    assert_eq!(set(false, true), []);
    assert_eq!(set(false, false), [Kind::Deadlock]);
    // With another task in the circle it is possible, and no more: whichever edge is in a set.
    let in_set: [fn(&mut Vec<Resource>); 4] = [
        |all| all[0].waiters[0].in_set = true,
        |all| all[0].holders[0].in_set = true,
        |all| all[1].waiters[0].in_set = true,
        |all| all[1].holders[0].in_set = true,
    ];
    for change in in_set {
        let mut resources = vec![
            async_mutex(
                1,
                vec![holder(task(1, 0), 3 * S)],
                vec![waiter(task(2, 0), 3 * S)],
            ),
            async_mutex(
                2,
                vec![holder(task(2, 0), 3 * S)],
                vec![waiter(task(1, 0), 3 * S)],
            ),
        ];
        change(&mut resources);
        let problems = Scene::new(1, resources).task(1, 1).task(2, 1).problems();
        assert_eq!(
            (problems[0].kind, problems[0].confidence),
            (Kind::PossibleDeadlock, Confidence::Possible),
            "{problems:#?}"
        );
    }
}
